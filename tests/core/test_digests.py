"""Digests: the laws of canonical JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.digests import canonical_json, digest_bytes, digest_of, is_digest, iso, parse_iso, plain
from holdfast.core.errors import InvalidValue

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
MOMENTS = st.datetimes(timezones=st.just(UTC))


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    ONE = 1


class Word(StrEnum):
    YES = "yes"


@dataclass(frozen=True)
class Noun:
    name: str
    parts: tuple[float, ...]


@settings(deadline=None)
@given(VALUES)
def test_plain_data_are_plain_already(value: Any) -> None:
    assert plain(plain(value)) == plain(value)


@settings(deadline=None)
@given(VALUES)
def test_canonical_json_reads_back_and_writes_the_same_bytes(value: Any) -> None:
    written = canonical_json(value)
    assert canonical_json(json.loads(written)) == written


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_the_order_of_keys_is_nothing(value: dict[str, Any]) -> None:
    assert digest_of(dict(reversed(value.items()))) == digest_of(value)


@settings(deadline=None)
@given(st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1))
def test_a_float_without_a_fraction_is_the_integer(number: int) -> None:
    assert digest_of(float(number)) == digest_of(number)


@settings(deadline=None)
@given(st.sets(st.integers() | TEXT | st.booleans()))
def test_a_set_has_one_digest_whatever_its_order(value: set[Any]) -> None:
    assert canonical_json(value) == canonical_json(frozenset(reversed(list(value))))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, b'"nan"'),
        (math.inf, b'"inf"'),
        (-math.inf, b'"-inf"'),
        (-0.0, b"0"),
        (0.1, b"0.1"),
        (1e300, b"1e+300"),
        (2**70, b"1180591620717411303424"),
        (True, b"true"),
        (np.float64(2.5), b"2.5"),
        (Colour.RED, b'"red"'),
        (Level.ONE, b"1"),
        (Word.YES, b'"yes"'),
        ("é\u2028", '"é\u2028"'.encode()),
        (Noun("a", (1.0, 0.5)), b'{"name":"a","parts":[1,0.5]}'),
        (datetime(2026, 1, 2, tzinfo=UTC), b'"2026-01-02T00:00:00.000000Z"'),
        ({"b": 1, "a": (True, None)}, b'{"a":[true,null],"b":1}'),
        ({"b", "a"}, b'["a","b"]'),
    ],
)
def test_a_value_has_one_form(value: Any, written: bytes) -> None:
    assert canonical_json(value) == written


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "a object has no canonical JSON form"),
        (b"bytes", "a bytes has no"),
        (bytearray(b"b"), "a bytearray has no"),
        (memoryview(b"b"), "a memoryview has no"),
        (Noun, "a type has no"),
        (np.zeros(2), "a ndarray has no"),
        (1j, "a complex has no"),
        ({1: 2}, "mapping key 1 is a int"),
        ({"a": [{None: 1}]}, "mapping key None"),
        ("\ud800", "half of a surrogate pair"),
        (datetime(2026, 1, 2), "has no zone"),  # noqa: DTZ001 - the missing zone is what is tested
    ],
)
def test_a_value_without_a_canonical_form_is_refused(value: Any, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        canonical_json(value)


def test_a_digest_is_sha_256_in_lower_case() -> None:
    assert digest_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of("abc") == digest_bytes(b'"abc"')


@pytest.mark.parametrize(
    ("text", "answer"),
    [("a" * 64, True), ("A" * 64, False), ("a" * 63, False), ("g" * 64, False), (None, False), (b"a" * 64, False)],
)
def test_only_64_hexadecimal_digits_are_a_digest(text: object, answer: bool) -> None:
    assert is_digest(text) is answer


@settings(deadline=None)
@given(MOMENTS)
def test_a_time_reads_back_from_its_text(moment: datetime) -> None:
    assert parse_iso(iso(moment)) == moment


@settings(deadline=None)
@given(MOMENTS, MOMENTS)
def test_the_order_of_texts_is_the_order_of_times(one: datetime, other: datetime) -> None:
    assert (iso(one) < iso(other)) == (one < other)


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert iso(datetime(2026, 1, 2, 3, tzinfo=there)) == "2026-01-02T01:00:00.000000Z"
    assert parse_iso("2026-01-02T03:00:00+02:00") == datetime(2026, 1, 2, 1, tzinfo=UTC)
    assert parse_iso("2026-01-02") == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="is no time"):
        parse_iso(text)
