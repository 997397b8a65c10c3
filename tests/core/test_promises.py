"""Promises: the canonical form, the mapping, and what a promise may not say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.core.errors import HoldfastError, InvalidValue, PromiseSyntaxError, UnitMismatch, UnknownField
from holdfast.core.grammar import parse
from holdfast.core.promises import KEYWORDS, OPERATORS, STAGES, Promise, from_mapping, is_name
from holdfast.core.units import UNITS, Quantity

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{0,12}", fullmatch=True) | st.sampled_from(KEYWORDS)
WORDS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | NAMES
    | st.sampled_from(['"', "\\", 'a "b" c', "naïve", "面積", "a, b", "1", "0.5", "%", "*", "else retrain", "\n", "\t"])
)
ARGUMENTS = WORDS | FINITE
QUANTITIES = st.builds(Quantity, FINITE, st.sampled_from([symbol for symbol in UNITS if symbol != "%"]))
WINDOWS = st.builds(
    Quantity,
    st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    st.sampled_from([unit.symbol for unit in UNITS.values() if unit.dimension in ("time", "rows")]),
)
PROMISES = st.builds(
    Promise,
    measure=NAMES,
    op=st.sampled_from(OPERATORS),
    bound=QUANTITIES,
    args=st.lists(ARGUMENTS, max_size=3).map(tuple),
    options=st.dictionaries(NAMES, ARGUMENTS, max_size=3).map(lambda each: tuple(each.items())),
    by=st.lists(WORDS, max_size=3, unique=True).map(tuple),
    on=st.none() | WORDS,
    over=st.none() | WINDOWS,
    confidence=st.none() | st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True),
    remedies=st.lists(WORDS, max_size=3).map(tuple),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
FIELDS = ("measure", "op", "bound", "args", "options", "by", "on", "over", "confidence", "else")


@settings(deadline=None)
@given(PROMISES)
@example(Promise("by", "<=", Quantity(-0.0), args=("*", "by", 1e300), by=("else", ""), on="", confidence=5e-324))
def test_a_printed_promise_reads_back_as_the_same_promise(promise: Promise) -> None:
    assert parse(promise.text) == promise


@settings(deadline=None)
@given(PROMISES)
def test_the_canonical_form_of_the_canonical_form_is_itself(promise: Promise) -> None:
    assert parse(promise.text).text == promise.text


@settings(deadline=None)
@given(PROMISES)
@example(Promise("f", ">=", Quantity(1), on="", by=("",), remedies=("",)))
def test_the_mapping_says_the_same_as_the_line(promise: Promise) -> None:
    assert from_mapping(promise.mapping()) == promise


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={field: PLAIN for field in FIELDS}))
@example({"measure": "f", "op": ">=", "bound": math.nan})
@example({"measure": "f", "op": ">=", "bound": 10**400})
def test_no_mapping_raises_anything_but_our_own_errors(data: dict[str, Any]) -> None:
    try:
        found: Any = from_mapping(data)
    except HoldfastError as error:
        found = error
    assert isinstance(found, (Promise, HoldfastError))


@settings(deadline=None)
@given(PROMISES, st.sampled_from(STAGES))
def test_the_stage_is_part_of_the_id_and_the_remedies_are_not(promise: Promise, stage: str) -> None:
    placed = promise.at(stage)
    other = Promise(
        promise.measure,
        promise.op,
        promise.bound,
        args=promise.args,
        options=promise.options,
        by=promise.by,
        on=promise.on,
        over=promise.over,
        confidence=promise.confidence,
        remedies=("another",),
        stage=stage,
    )
    assert placed.id == other.id
    assert placed.id != promise.id
    assert placed.claim == promise.claim


def test_a_promise_prints_its_parts_in_the_grammars_order() -> None:
    data = {
        "else": "retrain",
        "confidence": "95%",
        "over": "1 d",
        "on": "spring",
        "by": ["race", "native country"],
        "options": {"k": 5},
        "args": ["sex", 0.5],
        "bound": 0.1,
        "op": "<=",
        "measure": "gap",
    }
    assert (
        from_mapping(data).text
        == 'gap(sex, 0.5, k=5) <= 0.1 by race, "native country" on spring over 1 d with 95% else retrain'
    )


def test_options_are_one_promise_in_whatever_order_they_came() -> None:
    one = Promise("f", "<=", Quantity(1), options=(("b", 1.0), ("a", 2.0)))
    other = Promise("f", "<=", Quantity(1), options=(("a", 2.0), ("b", 1.0)))
    assert one == other
    assert one.id == other.id


@pytest.mark.parametrize(
    ("op", "inside", "outside"),
    [
        ("<=", 20e-3, 21e-3),
        (">=", 20e-3, 19e-3),
        ("<", 19e-3, 20e-3),
        (">", 21e-3, 20e-3),
        ("==", 0.02, 0),
        ("!=", 0, 0.02),
    ],
)
def test_a_number_is_held_against_the_bound_in_base_units(op: str, inside: float, outside: float) -> None:
    promise = Promise("p99_latency", op, Quantity(20, "ms"))
    assert promise.within(inside)
    assert not promise.within(outside)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "roc auc"}, "is no name"),
        ({"measure": ""}, "is no name"),
        ({"options": (("a b", 1.0),)}, "is no name"),
        ({"args": (math.inf,)}, "argument inf"),
        ({"options": (("a", math.nan),)}, "argument nan"),
        ({"op": "=<"}, "operator '=<'"),
        ({"stage": "lives"}, "did you mean 'live'"),
        ({"confidence": 0.0}, "between 0 % and 100 %"),
        ({"confidence": 1.0}, "between 0 % and 100 %"),
        ({"confidence": math.nan}, "between 0 % and 100 %"),
        ({"over": Quantity(0, "d")}, "window 0 d"),
        ({"over": Quantity(5, "MB")}, "window 5 MB"),
        ({"by": ("sex", "sex")}, "stands twice"),
    ],
)
def test_a_promise_out_of_range_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        Promise(**{"measure": "f", "op": "<=", "bound": Quantity(1), **changes})


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        ({"measure": "f", "op": "<=", "bound": 1, "bye": "sex"}, UnknownField, "did you mean 'by'"),
        ({"measure": "f", "op": "<="}, PromiseSyntaxError, "without 'bound'"),
        ({"measure": None, "op": "<=", "bound": 1}, PromiseSyntaxError, "without 'measure'"),
        ({"measure": "f", "op": "<=", "bound": True}, PromiseSyntaxError, "bound holds True"),
        ({"measure": "f", "op": "<=", "bound": [1]}, PromiseSyntaxError, "bound holds"),
        ({"measure": "f", "op": "<=", "bound": math.inf}, PromiseSyntaxError, "'inf' cannot stand here"),
        ({"measure": "f", "op": "<=", "bound": "20 parsecs"}, UnitMismatch, "no unit"),
        ({"measure": "f", "op": "<=", "bound": 1, "args": [None]}, PromiseSyntaxError, "args holds None"),
        ({"measure": "f", "op": "<=", "bound": 1, "options": ["k"]}, PromiseSyntaxError, "a mapping"),
        ({"measure": "f", "op": "<=", "bound": 1, "options": {"k": {}}}, PromiseSyntaxError, "options holds"),
        ({"measure": "f", "op": "<=", "bound": 1, "confidence": 0}, PromiseSyntaxError, "'%'"),
        ({"measure": "f", "op": "<=", "bound": 1, "over": 0}, PromiseSyntaxError, "a unit"),
    ],
)
def test_a_mapping_that_is_no_promise_says_where_and_why(
    data: dict[str, Any], kind: type[HoldfastError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        from_mapping(data, where="holdfast.yaml:12")
    assert str(caught.value).startswith("holdfast.yaml:12")


def test_a_field_that_is_empty_in_yaml_is_not_given() -> None:
    data = {"measure": "f", "op": "<=", "bound": "90%", "by": [], "on": None, "args": None, "options": None, "else": []}
    assert from_mapping(data) == Promise("f", "<=", Quantity(0.9))


@pytest.mark.parametrize(
    ("text", "answer"), [("a.b-c_1", True), ("", False), ("1a", False), ("a b", False), ("é", False)]
)
def test_a_name_begins_with_a_letter_and_holds_no_blank(text: str, answer: bool) -> None:
    assert is_name(text) is answer
