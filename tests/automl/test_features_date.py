"""Dates in the graph against Python's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._features import date, makers
from holdfast.automl._features.base import Recipe, Table
from holdfast.core.errors import ColumnNotFound, InvalidValue
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import to_tensors

# Hypothesis draws times without a zone, and adds none.
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901
SCHEMA = ModelSchema("regression", "y", (Column("when", "float32"), Column("note", "string")))


def table(values: Any) -> Table:
    rows = pl.DataFrame({"when": values}).with_columns(note=pl.lit(""))
    return Table(SCHEMA, to_tensors(rows, SCHEMA), np.zeros((rows.height, 1)), np.ones(rows.height))


@pytest.fixture(scope="module")
def every_part() -> makers.Made:
    """All parts, with one session for all tests."""
    recipe = Recipe("date", ("when",), {"parts": list(date.PARTS)})
    block = makers.fit(recipe, table([0.0]), rng=np.random.default_rng(0))
    return makers.Made([block], SCHEMA)


def test_every_day_from_1900_to_2100_has_the_parts_that_python_gives_it(every_part) -> None:
    days = [datetime(1900, 1, 1, tzinfo=UTC) + timedelta(days=each) for each in range(201 * 365 + 49)]
    found = every_part.values(table([each.date() for each in days]).tensors)[:, :6]
    wanted = [(d.year, d.month, d.day, d.weekday(), d.weekday() >= 5, d.timetuple().tm_yday) for d in days]
    assert days[-1].year == 2100
    np.testing.assert_array_equal(found, np.float32(wanted))


@given(st.datetimes(FIRST, LAST))
@settings(max_examples=40)
def test_a_day_of_any_year_has_the_parts_that_python_gives_it(every_part, when) -> None:
    found = every_part.values(table([when.date()]).tensors)[0]
    yearday = when.timetuple().tm_yday
    wanted = (when.year, when.month, when.day, when.weekday(), when.weekday() >= 5, yearday)
    np.testing.assert_array_equal(found[:6], np.float32(wanted))
    turn = 2 * np.pi * yearday / 365.25
    np.testing.assert_allclose(found[6:8], [np.sin(turn), np.cos(turn)], atol=1e-5)


@given(st.integers(0, 200 * 365 * 24))
@settings(max_examples=80)
def test_a_full_hour_is_that_hour_though_32_bits_round_it_by_minutes(every_part, hours) -> None:
    when = datetime(1900, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    found = dict(zip(date.PARTS, every_part.values(table([when]).tensors)[0], strict=True))
    assert (found["hour"], found["day"], found["year"]) == (when.hour, when.day, when.year)
    turn = 2 * np.pi * when.hour / 24
    assert found["time_sin"] == pytest.approx(np.sin(turn), abs=0.01)
    assert found["time_cos"] == pytest.approx(np.cos(turn), abs=0.01)


@given(st.datetimes(FIRST.replace(year=1950), FIRST.replace(year=2050)))
@settings(max_examples=50)
def test_the_hour_of_any_time_is_right_but_for_the_minutes_that_32_bits_cannot_tell(every_part, when) -> None:
    found = dict(zip(date.PARTS, every_part.values(table([when]).tensors)[0], strict=True))
    near = {(when + timedelta(minutes=each)).hour for each in (-3, 0, 3)}
    assert found["hour"] in near


def test_what_is_missing_infinite_or_beyond_the_calendar_is_nan(every_part) -> None:
    odd = [np.nan, np.inf, -np.inf, 1e30, date.FIRST - 1.0, date.LAST + 1.0]
    assert np.isnan(every_part.values(table(odd).tensors)).all()
    edges = every_part.values(table([float(date.FIRST), float(date.LAST)]).tensors)
    assert edges[:, 0].tolist() == [1.0, 9999.0]


def test_no_rows_have_no_parts(every_part) -> None:
    assert every_part.values(table(np.zeros(0)).tensors).shape == (0, len(date.PARTS))


def test_parts_are_named_and_in_one_order_whatever_was_asked(every_part) -> None:
    recipe = Recipe("date", ("when",), {"parts": ["month", "year"]})
    block = makers.fit(recipe, table([0.0]), rng=np.random.default_rng(0))
    assert block.names == ("year of when", "month of when")
    assert makers.values([block], table([31.0])).tolist() == [[1970.0, 2.0]]


def test_parts_that_never_differ_are_not_useful() -> None:
    hours = np.arange(0.0, 5.0, 0.25)
    assert set(date.PARTS) - set(date.useful_parts(hours)) == {"year", "month", "yearday", "season_sin", "season_cos"}
    assert date.useful_parts(np.arange(800.0)) == date.DAY_PARTS
    assert date.useful_parts(np.array([np.nan, np.inf])) == ()


@pytest.mark.parametrize("parts", [["century"], [], "year", [7]])
def test_parts_that_there_are_not_are_refused(parts) -> None:
    with pytest.raises(InvalidValue, match="parts"):
        makers.fit(Recipe("date", ("when",), {"parts": parts}), table([0.0]), rng=np.random.default_rng(0))


def test_a_text_is_no_date_and_a_column_must_be_there() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidValue, match="'note' is string"):
        makers.fit(Recipe("date", ("note",)), table([0.0]), rng=rng)
    with pytest.raises(ColumnNotFound, match=r"no column 'wen'.*did you mean 'when'"):
        makers.fit(Recipe("date", ("wen",)), table([0.0]), rng=rng)
