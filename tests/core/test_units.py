"""Units, quantities and how numbers are shown."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue, UnitMismatch
from holdfast.core.units import MEASURE_UNITS, UNITS, Quantity, number_text, quantity, show, unit

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(FINITE)
def test_the_shortest_text_of_a_number_reads_back_as_the_number(number: float) -> None:
    assert float(number_text(number)) == number


@pytest.mark.parametrize(
    ("number", "text"), [(0.9, "0.9"), (3.0, "3"), (1e-5, "1e-05"), (1e15, "1000000000000000.0"), (-0.0, "0")]
)
def test_a_number_is_written_without_a_needless_fraction(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(("number", "text"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan")])
def test_a_number_that_is_not_finite_is_still_written(number: float, text: str) -> None:
    assert number_text(number) == text


@settings(deadline=None)
@given(
    st.floats(min_value=0, allow_infinity=False),
    st.sampled_from([each for each in UNITS.values() if each.symbol.isalpha()]),
)
def test_a_quantity_reads_back_from_its_own_text(number: float, one) -> None:
    there = Quantity(number, one.symbol)
    assert quantity(str(there), dimension=one.dimension) == there


@pytest.mark.parametrize(
    ("text", "dimension", "base"),
    [("10 min", "time", 600.0), (" 5m ", "time", 300.0), (".5e3 kB", "size", 5e5), ("2rows", "rows", 2)],
)
def test_a_quantity_is_a_number_in_base_units(text: str, dimension: str, base: float) -> None:
    assert quantity(text, dimension=dimension).base == base


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("soon", "time", "'soon' is no quantity"),
        ("", "time", "'' is no quantity"),
        ("10", "time", "'10' is no quantity"),
        ("-3 s", "time", "'-3 s' is no quantity"),
        ("10 MB", "time", "of dimension size"),
        ("10 parsecs", "time", "no unit 'parsecs'"),
    ],
)
def test_text_of_another_kind_is_refused_with_the_units_there_are(text: str, dimension: str, message: str) -> None:
    with pytest.raises(UnitMismatch, match=message) as caught:
        quantity(text, dimension=dimension)
    assert caught.value.expected


def test_an_unknown_unit_names_the_one_that_differs_only_in_case() -> None:
    with pytest.raises(UnitMismatch, match=r"no unit 'mb'.*did you mean 'MB'"):
        unit("mb")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_quantity_is_finite(number: float) -> None:
    with pytest.raises(InvalidValue, match="finite"):
        Quantity(number)


def test_text_too_large_to_be_a_number_is_refused() -> None:
    with pytest.raises(InvalidValue, match="finite"):
        quantity("1e999 s", dimension="time")


def test_a_quantity_knows_its_dimension() -> None:
    assert Quantity(1, "ms").dimension == "time"
    assert Quantity(1).dimension == "number"
    assert str(Quantity(2.5, "GiB")) == "2.5 GiB"


def test_every_unit_of_a_measure_has_a_unit_that_bounds_can_be_written_in() -> None:
    assert set(MEASURE_UNITS.values()) <= {each.dimension for each in UNITS.values()}


@pytest.mark.parametrize(
    ("base", "measure_unit", "text"),
    [
        (0.0123, "seconds", "12.3 ms"),
        (0.9999, "seconds", "1000 ms"),
        (0.0, "seconds", "0 us"),
        (2e-9, "seconds", "0.002 us"),
        (86400 * 4000.0, "seconds", "4000 d"),
        (90.0, "seconds", "1.5 min"),
        (math.inf, "seconds", "∞"),
        (-math.inf, "bytes", "-∞"),
        (2_500_000, "bytes", "2.5 MB"),
        (0.5, "bytes", "0.5 B"),
        (0.0123456, "USD", "0.01235 USD"),
        (0.91234, "share", "0.9123"),
        (123456.7, "number", "123,457"),
    ],
)
def test_a_value_is_shown_in_the_unit_a_person_would_choose(base: float, measure_unit: str, text: str) -> None:
    assert show(base, measure_unit) == text
