"""Rows to tensors."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, DataError
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import as_float32, as_text, to_tensors


def schema(**columns: str) -> ModelSchema:
    return ModelSchema("regression", "y", tuple(Column(name, kind) for name, kind in columns.items()))


def test_tensors_come_in_the_order_and_shape_of_the_schema() -> None:
    rows = pl.DataFrame({"left_out": [0, 0], "b": ["x", None], "a": [1, None]})
    made = to_tensors(rows, schema(a="float32", b="string"))
    assert list(made) == ["a", "b"]
    assert made["a"].shape == (2, 1)
    assert made["a"].dtype == np.float32
    assert made["b"].dtype == object
    np.testing.assert_array_equal(made["a"], [[1.0], [np.nan]])
    assert made["b"].tolist() == [["x"], [""]]


def test_a_missing_column_names_the_nearest_one() -> None:
    with pytest.raises(ColumnNotFound, match="did you mean 'age'"):
        to_tensors(pl.DataFrame({"age": [1]}), schema(agee="float32"))


def test_text_that_is_no_number_names_column_row_and_cell() -> None:
    with pytest.raises(DataError, match=r"column 'a', row 1: 'x' is no number \(1 such cell\)"):
        to_tensors(pl.DataFrame({"a": ["1", "x"]}), schema(a="float32"))


def test_text_that_reads_as_a_number_is_one_and_blank_text_is_missing() -> None:
    found = as_float32(pl.Series(["1.5", " 2 ", "", "  ", None, "-inf", "1e3"]))
    np.testing.assert_array_equal(found, np.float32([1.5, 2, np.nan, np.nan, np.nan, -np.inf, 1000]))


def test_infinities_are_kept_and_numbers_beyond_32_bits_become_infinite() -> None:
    found = as_float32(pl.Series([np.inf, -np.inf, 1e300, np.nan]))
    np.testing.assert_array_equal(found, np.float32([np.inf, -np.inf, np.inf, np.nan]))


def test_booleans_are_zero_and_one() -> None:
    np.testing.assert_array_equal(as_float32(pl.Series([True, False, None])), np.float32([1, 0, np.nan]))


def test_dates_and_times_are_days_since_1970_in_utc() -> None:
    np.testing.assert_array_equal(as_float32(pl.Series([date(1970, 1, 2), None])), np.float32([1, np.nan]))
    moments = pl.Series([datetime(1970, 1, 2, 12, tzinfo=UTC)])
    zoned = moments.dt.convert_time_zone("America/New_York")
    assert as_float32(moments)[0] == as_float32(zoned)[0] == 1.5
    assert as_float32(pl.Series([datetime(1970, 1, 2, 12)], dtype=pl.Datetime("ms")))[0] == 1.5  # noqa: DTZ001 - no zone is the case
    assert as_float32(pl.Series([timedelta(hours=36)]))[0] == 1.5
    assert as_float32(pl.Series([time(12)]))[0] == 0.5


def test_a_column_of_nothing_is_missing_in_either_type() -> None:
    rows = pl.DataFrame({"a": pl.Series([None, None]), "b": pl.Series([None, None])})
    made = to_tensors(rows, schema(a="float32", b="string"))
    assert np.isnan(made["a"]).all()
    assert made["b"].ravel().tolist() == ["", ""]


def test_decimals_and_large_integers_are_numbers() -> None:
    assert as_float32(pl.Series(["1.25"]).cast(pl.Decimal(10, 2)))[0] == 1.25
    assert as_float32(pl.Series([2**53 + 1]))[0] == np.float32(2**53)


def test_a_category_has_one_text_whichever_way_it_is_written() -> None:
    assert as_text(pl.Series([1, None])).tolist() == ["1", ""]
    assert as_text(pl.Series([1.0, np.nan, 1.5, np.inf, None])).tolist() == ["1", "", "1.5", "inf", ""]
    assert as_text(pl.Series([True, None])).tolist() == ["true", ""]
    assert as_text(pl.Series(["u", None], dtype=pl.Categorical)).tolist() == ["u", ""]
    assert as_text(pl.Series([date(2026, 1, 2)])).tolist() == ["2026-01-02"]
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert as_text(pl.Series([moment, None])).tolist() == ["2026-01-02T03:04:05.000000+00:00", ""]


def test_mixed_objects_are_read_cell_by_cell() -> None:
    mixed = pl.Series("a", [1, 2.0, "x", None, True, float("nan")], dtype=pl.Object)
    assert as_text(mixed).tolist() == ["1", "2", "x", "", "true", ""]
    with pytest.raises(DataError, match="row 2"):
        to_tensors(pl.DataFrame([mixed]), schema(a="float32"))


def test_nested_values_are_refused() -> None:
    with pytest.raises(DataError, match="column 'a'"):
        to_tensors(pl.DataFrame({"a": [[1, 2]]}), schema(a="float32"))


def test_no_rows_give_empty_tensors() -> None:
    rows = pl.DataFrame({"a": [], "b": []}, schema={"a": pl.Float64, "b": pl.String})
    made = to_tensors(rows, schema(a="float32", b="string"))
    assert made["a"].shape == made["b"].shape == (0, 1)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**20), 2**20)), max_size=20))
def test_integers_and_their_text_are_the_same_numbers(values: list[int | None]) -> None:
    numbers = pl.Series("a", values, dtype=pl.Int64)
    np.testing.assert_array_equal(as_float32(numbers), as_float32(numbers.cast(pl.String)))
    assert as_text(numbers).tolist() == as_text(numbers.cast(pl.Float64)).tolist()
