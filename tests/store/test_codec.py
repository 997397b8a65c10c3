"""Nouns and plain data: there and back, and what is wrong with what came from outside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.contract import Contract, DataSpec, PolicySpec, Roles, TrainSpec
from holdfast.core.digests import canonical_json, plain
from holdfast.core.errors import InvalidValue, UnitMismatch, UnknownField
from holdfast.core.events import Action, Cost, Decision, Event, Plan
from holdfast.core.evidence import Evidence, State, Value, Verdict
from holdfast.core.grammar import parse
from holdfast.core.models import Column, Deployment, ModelSchema, ModelVersion, Package
from holdfast.core.units import Quantity
from holdfast.store._canonical import canonical, canonical_text, chained_text
from holdfast.store._reading import loads
from holdfast.store.codec import decode, encode

NOW = datetime(2026, 1, 1, 2, 3, 4, 5, tzinfo=UTC)
A = "a" * 64
PROMISE = parse("recall >= 0.8 by race, sex over 1 d with 95% else retrain").at("live")
EVIDENCE = Evidence(
    A,
    "recall",
    "live",
    NOW,
    args=("sex", 0.5),
    options=(("k", 3.0),),
    slice=(("sex", "Female"),),
    value=0.5,
    low=0.25,
    high=1.0,
    n=10,
    window=(NOW, NOW),
    notes={"bins": [1, 2.5, None]},
)
SCHEMA = ModelSchema(
    "binary", "y", (Column("x", "float32", low=-1.5), Column("c", "string", ("a", "b"))), ("0", "1"), "1"
)
NOUNS = [
    Quantity(20.0, "ms"),
    PROMISE,
    Value(0.5, 0.1, 0.9, 3, "Wilson", {"x": [1]}),
    EVIDENCE,
    Evidence(A, "recall", "live", NOW, status="failed", reason="no rows"),
    Verdict(PROMISE, State.BROKEN, (A,), EVIDENCE, "too low", 4),
    Verdict(PROMISE, State.UNPROVEN),
    SCHEMA,
    ModelVersion("m", SCHEMA, {"model.onnx": A}, A, "automl", {"depth": 3, "rate": 0.1}, parent=A),
    Package(A, "onnx", {"model.onnx": A}, {"rows": 10.0, "max_difference": 1e-7}, 1000, {"opset": 17}),
    Deployment("m", A, A, "local", "canary", 0.1, NOW),
    Event(1, "a.b", {"x": [1]}, NOW, "me", "m", "k", A, A),
    Action("retrain", A, "recall >= 0.8", {"budget": 3}, cost=Cost(10.0, 0.5, 0.1)),
    Plan((Action("retrain", A, "p"),), ("nothing else",)),
    Decision(A, True, "eve", "person", (A,), NOW, "looks right"),
    Contract(
        "income",
        "binary",
        "over50k",
        DataSpec("a.csv", roles=Roles(sensitive=("sex",)), types={"zip": "category"}),
        (PROMISE,),
        positive="1",
        train=TrainSpec(settings={"a": [1, {"b": None}]}),
        policy=PolicySpec("four-eyes", author="me"),
    ),
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: type(noun).__name__)
def test_a_noun_is_read_back_as_it_was(noun: Any) -> None:
    data = encode(noun)
    assert decode(type(noun), data) == noun
    assert decode(type(noun), loads(canonical_text(data))) == noun
    assert encode(decode(type(noun), data)) == data


def test_an_id_survives_the_journey() -> None:
    assert decode(Evidence, encode(EVIDENCE)).id == EVIDENCE.id
    assert decode(type(PROMISE), encode(PROMISE)).text == PROMISE.text


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ({"number": "x"}, InvalidValue, "field number of Quantity is 'x'"),
        ({}, InvalidValue, "number"),
        ({"number": 1, "symbl": "s"}, UnknownField, "did you mean 'symbol'"),
        ({"number": 1, "symbol": "furlong"}, UnitMismatch, "furlong"),
        ({"number": "nan"}, InvalidValue, "(?i)nan"),
        ({"number": list(range(200))}, InvalidValue, r"\.\.\."),
        ([1], InvalidValue, "no Quantity"),
        (None, InvalidValue, "no Quantity"),
    ],
)
def test_data_from_outside_is_checked_and_the_place_named(data: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        decode(Quantity, data, where="event 17")
    assert str(caught.value).startswith("event 17: ")


@pytest.mark.parametrize("thing", [{"a": 1}, 3, Quantity, None])
def test_only_nouns_are_encoded(thing: Any) -> None:
    with pytest.raises(InvalidValue, match="no noun"):
        encode(thing)


plain_data = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(),
        st.sampled_from([0.0, -0.0, 1e15, 1e16, 1e-4, 9.99e-5, 2.0**53, 2.0**60, 1e22, 1.5e300, 5e-324, 1 / 3]),
        st.sampled_from([*State, NOW, Quantity(1.0), (1, (2.0, "x")), frozenset({"b", "a"})]),
    ),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=120, deadline=None)
@given(value=plain_data)
def test_the_fast_canonical_form_is_the_canonical_form(value: Any) -> None:
    made, text = canonical(value)
    assert text.encode() == canonical_json(value)
    assert made == plain(value)
    assert made == loads(text)
    assert canonical_text(made) == text


@settings(max_examples=60, deadline=None)
@given(
    payload=st.dictionaries(st.text(), plain_data),
    texts=st.tuples(st.text(), st.text(), st.none() | st.text(), st.none() | st.text()),
    seq=st.integers(1, 2**62),
)
def test_what_the_hash_covers_is_what_an_event_says_it_covers(
    payload: dict[str, Any], texts: tuple[str, str, str | None, str | None], seq: int
) -> None:
    made, text = canonical(payload)
    event = Event(seq, texts[0], made, NOW, texts[1], texts[2], texts[3], A)
    covered = chained_text(seq, texts[0], "2026-01-01T02:03:04.000005Z", texts[1], texts[2], texts[3], A, text)
    data = {name: each for name, each in plain(event).items() if name != "hash"}
    assert covered == canonical_json(data)


def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


NO_FORM = ["\ud800", {"a": "\udfff"}, {"\ud800": 1}, object(), {1: 2}, nested(100_000), 10**5000]


@pytest.mark.parametrize("which", range(len(NO_FORM)))
def test_a_value_without_canonical_form_is_refused(which: int) -> None:
    with pytest.raises(InvalidValue):
        canonical_text(NO_FORM[which])
