"""Dates in text columns: which are found, and that they are read the same way again."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import DataError
from holdfast.data._dates import as_dates, read_dates

DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2024-03-01", "2024-12-31"], "%Y-%m-%d"),
        (["2024/03/01", None, ""], "%Y/%m/%d"),
        (["31/01/2024", "01/02/2024"], "%d/%m/%Y"),
        (["01/31/2024", "01/02/2024"], "%m/%d/%Y"),
        (["01.02.2024", "03.04.2024"], "%d.%m.%Y"),
        (["5 Jan 2024", "25 DEC 2024"], "%d %B %Y"),
        (["Jan 5, 2024", "March 7, 2024"], "%B %d, %Y"),
        (["2024-03-01 10:20", "2024-03-01 23:59"], "%Y-%m-%d %H:%M"),
        (["2024-03-01T10:20:30", "2024-03-01T10:20:30.25"], "%Y-%m-%dT%H:%M:%S%.f"),
        (["2024-03-01T10:20:30Z", "2024-03-01T10:20:30+02:00"], "%Y-%m-%dT%H:%M:%S%.f%z"),
        (["31/01/2024 01:20 PM", "01/02/2024 11:20 AM"], "%d/%m/%Y %I:%M %p"),
        (["01/01/2024", "02/02/2024"], "%d/%m/%Y"),
    ],
)
def test_a_column_whose_every_value_is_a_date_becomes_one(values: list[str | None], form: str) -> None:
    rows, parses, notes = read_dates(pl.DataFrame({"x": values}), ["x"])
    assert parses["x"]["format"] == form
    assert rows.schema["x"].is_temporal()
    assert rows["x"].null_count() == sum(1 for each in values if not each)
    assert notes == []


@pytest.mark.parametrize(
    "values",
    [
        ["2024-03-01", "soon"],
        ["2024-13-01", "2024-03-01"],
        ["2024-03-01", "01/31/2024"],
        ["2024-03-01", "2024-03-01 10:20"],
        ["1-2", "3-4"],
        ["12:30", "13:45"],
        ["", None],
        ["20240301", "20240302"],
        [],
    ],
)
def test_a_column_that_holds_anything_else_stays_text(values: list[str | None]) -> None:
    before = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    rows, parses, _ = read_dates(before, ["x"])
    assert parses == {}
    assert rows.equals(before)


def test_dates_that_read_two_ways_stay_text_and_it_is_said() -> None:
    before = pl.DataFrame({"seen": ["02/03/2024", "01/02/2024"]})
    rows, parses, notes = read_dates(before, ["seen"])
    assert (parses, rows.equals(before)) == ({}, True)
    assert "seen is left as text" in notes[0]


@pytest.mark.parametrize(("days", "form"), [((3, 2), "%m/%d/%Y"), ((2, 3), "%d/%m/%Y")])
def test_where_a_source_has_read_them_its_reading_is_taken(days: tuple[int, int], form: str) -> None:
    text = pl.DataFrame({"seen": ["02/03/2024", "02/02/2024"]})
    month, day = (2, 3) if form.startswith("%m") else (3, 2)
    hint = pl.Series("seen", [date(2024, month, day), date(2024, 2, 2)])
    assert days == (day, month)
    _, parses, notes = read_dates(text, ["seen"], {"seen": hint})
    assert (parses["seen"]["format"], notes) == (form, [])


@given(st.lists(DAYS, min_size=1, max_size=30), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %b %Y"]))
def test_what_is_written_is_what_is_read(days: list[date], form: str) -> None:
    text = pl.DataFrame({"x": [each.strftime(form) for each in days]})
    rows, parses, _ = read_dates(text, ["x"])
    assert rows["x"].to_list() == days
    assert as_dates(text, parses)["x"].to_list() == days


@given(st.lists(st.datetimes(), min_size=1, max_size=20))
def test_times_keep_their_microseconds(moments: list[datetime]) -> None:
    rows, _, _ = read_dates(pl.DataFrame({"x": [each.isoformat(timespec="microseconds") for each in moments]}), ["x"])
    assert rows["x"].to_list() == moments


def test_a_value_of_another_format_names_its_column_and_row() -> None:
    parses = {"day": {"kind": "date", "format": "%d/%m/%Y"}}
    with pytest.raises(DataError, match="'2024-03-01' is no date") as caught:
        as_dates(pl.DataFrame({"day": ["31/01/2024", None, "2024-03-01"]}), parses, where="new.csv")
    assert caught.value.where == "new.csv: column 'day', row 2"
    assert "%d/%m/%Y" in str(caught.value.expected)


def test_dates_that_are_dates_already_are_taken_as_they_are() -> None:
    rows = pl.DataFrame({"day": [date(2024, 1, 1) + timedelta(days=each) for each in range(3)]})
    assert as_dates(rows, {"day": {"kind": "date", "format": "%d/%m/%Y"}}).equals(rows)
