from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, HoldfastError, InvalidValue, NotMeasurable, UnreadableData
from holdfast.quality.measures.determines import contradicting, determines
from holdfast.quality.measures.freshness import freshness
from holdfast.quality.measures.has_length import has_length, too_long_or_short
from holdfast.quality.measures.holds import holds, violating
from holdfast.quality.measures.monotone import monotone, out_of_order
from holdfast.quality.measures.references import dangling, references
from holdfast.quality.measures.regular import regular
from holdfast.quality.measures.typed import typed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

ORDERS = pl.DataFrame(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "customer": ["a", "b", None, "x", "a", "c"],
        "parent": [None, 1, 1, 9, 4, 4],
        "zip": ["10", "10", "10", "20", None, "20"],
        "city": ["Bern", "Bern", "Basel", "Genf", "Genf", None],
        "score": [1.0, 3.0, float("nan"), 2.0, 2.0, 5.0],
        "shop": ["s", "s", "s", "t", "t", None],
    }
)
CUSTOMERS = pl.LazyFrame({"key": ["a", "b", None, "c"], "number": [1, 2, 3, 4]})


def at_hand(name: str) -> pl.LazyFrame:
    assert name == "customers.parquet"
    return CUSTOMERS


CASES: list[tuple[Any, Any, tuple[Any, ...], dict[str, Any], float, list[int]]] = [
    (references, dangling, ("parent", "id"), {}, 4 / 5, [3]),
    (references, dangling, ("customer", "customers.parquet", "key"), {"related": at_hand}, 4 / 5, [3]),
    (references, dangling, ("id", "customers.parquet", "number"), {"related": at_hand}, 4 / 6, [4, 5]),
    (monotone, out_of_order, ("score",), {}, 4 / 5, [3]),
    (monotone, out_of_order, ("score",), {"strictly": "true"}, 3 / 5, [3, 4]),
    (monotone, out_of_order, ("score", "shop"), {}, 1.0, []),
    (monotone, out_of_order, ("score", "shop"), {"strictly": True}, 4 / 5, [4]),
    (determines, contradicting, ("zip", "city"), {}, 3 / 4, [2]),
    (determines, contradicting, ("zip", "shop", "city"), {}, 3 / 4, [2]),
    (determines, contradicting, ("id", "city"), {}, 1.0, []),
    (has_length, too_long_or_short, ("city", 5), {}, 1 / 5, [0, 1, 3, 4]),
    (has_length, too_long_or_short, ("city", None, 4), {}, 4 / 5, [2]),
    (has_length, too_long_or_short, ("city", 4, 4), {}, 4 / 5, [2]),
    (holds, violating, ("parent < id",), {}, 4 / 5, [3]),
    (holds, violating, ("score >= 2 -> id > 3",), {}, 4 / 5, [1]),
    (holds, violating, ("shop is missing",), {}, 1 / 6, [0, 1, 2, 3, 4]),
]


@pytest.mark.parametrize(("compute", "check", "args", "options", "share", "rows"), CASES)
def test_a_check_finds_the_share_and_points_at_the_rows(
    compute: Any, check: Any, args: tuple[Any, ...], *, options: dict[str, Any], share: float, rows: list[int]
) -> None:
    value = compute(ORDERS, *args, **options)
    assert value.value == pytest.approx(share)
    assert value.low <= share <= value.high
    assert np.flatnonzero(check(ORDERS, *args, **options)).tolist() == rows
    assert value.notes["rows_failing"] == len(rows)
    assert value.notes.get("first_rows", []) == rows[:5]


@pytest.mark.parametrize(
    ("compute", "args", "options"), [(each[0], each[2], each[3]) for each in CASES] + [(regular, ("id", 1), {})]
)
def test_an_empty_table_is_unproven(compute: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    with pytest.raises(NotMeasurable, match="without rows"):
        compute(ORDERS.clear(), *args, **options)


@pytest.mark.parametrize(
    ("compute", "args", "options"),
    [
        (references, ("idd", "parent"), {}),
        (references, ("parent", "idd"), {}),
        (monotone, ("idd",), {}),
        (monotone, ("id", "idd"), {}),
        (determines, ("idd", "city"), {}),
        (has_length, ("idd", 1), {}),
        (regular, ("idd", 1), {}),
        (freshness, ("idd",), {"now": NOW}),
        (holds, ("idd > 1",), {}),
    ],
)
def test_a_column_that_is_not_there_is_said(compute: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    with pytest.raises(ColumnNotFound, match=r"no column 'idd'.*did you mean 'id'"):
        compute(ORDERS, *args, **options)


ODD = pl.DataFrame(
    {
        "id": [1, 2],
        "list": [[1], [2]],
        "record": [{"a": 1}, {"a": 2}],
        "gone": pl.Series([None, None], dtype=pl.String),
        "void": pl.Series([None, None], dtype=pl.Datetime("us")),
        "object": pl.Series([1, "one"], dtype=pl.Object),
        "binary": [b"a", b"b"],
        "same": ["x", "x"],
        "flag": [True, False],
    }
)


@pytest.mark.parametrize(
    ("compute", "args", "options", "said"),
    [
        (references, ("list", "id"), {}, "is List"),
        (references, ("same", "id"), {}, "is text"),
        (references, ("gone", "same"), {}, "no value"),
        (references, ("same", "t.parquet", "k"), {}, "not at hand"),
        (references, ("object", "same"), {}, "mixed types"),
        (monotone, ("same",), {}, "is text"),
        (monotone, ("record",), {}, "is Struct"),
        (monotone, ("flag",), {}, "true or false"),
        (monotone, ("object",), {}, "mixed types"),
        (monotone, ("void",), {}, "no value"),
        (determines, ("gone", "same"), {}, "no value"),
        (determines, ("object", "same"), {}, "mixed types"),
        (has_length, ("id", 1), {}, "a number"),
        (has_length, ("gone", 1), {}, "no value"),
        (has_length, ("list", 1), {}, "is List"),
        (regular, ("same", 1), {}, "is text"),
        (regular, ("void", "1 h"), {}, "no value"),
        (regular, ("list", 1), {}, "is List"),
        (freshness, ("void",), {"now": NOW}, "no value"),
        (freshness, ("id",), {"now": NOW}, "a number"),
        (freshness, ("record",), {"now": NOW}, "is Struct"),
        (freshness, ("void",), {}, "not given"),
        (freshness, ("void",), {"now": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001  # what is refused
        (holds, ("list == 1",), {}, "is List"),
        (holds, ("binary == 'a'",), {}, "is Binary"),
        (holds, ("object == 1",), {}, "mixed types"),
        (holds, ("gone == 'a'",), {}, "no value"),
    ],
)
def test_columns_that_cannot_be_looked_at_are_unproven(
    compute: Any, args: tuple[Any, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotMeasurable, match=said):
        compute(ODD, *args, **options)


@pytest.mark.parametrize(
    ("compute", "args", "options", "said"),
    [
        (determines, ("same", "same"), {}, "different columns"),
        (determines, ("same", "flag", "same"), {}, "different columns"),
        (has_length, ("same",), {}, "no bound"),
        (has_length, ("same", 3, 2), {}, "low <= high"),
        (has_length, ("same", "long"), {}, "Expected a number"),
        (regular, ("id", "1 h"), {}, "whole number"),
        (regular, ("id", 0), {}, "whole number"),
        (regular, ("id", 1.5), {}, "whole number"),
        (regular, ("void", 1), {}, 'such as "1 h"'),
        (regular, ("void", "1 lightyear"), {}, 'such as "1 h"'),
        (regular, ("void", "3 MB"), {}, 'such as "1 h"'),
        (regular, ("void", "-1 h"), {}, 'such as "1 h"'),
        (monotone, ("id",), {"strictly": "perhaps"}, "true or false"),
    ],
)
def test_an_argument_that_is_none_is_said(
    compute: Any, args: tuple[Any, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidValue, match=said):
        compute(ODD, *args, **options)


def test_freshness_is_the_age_of_the_newest_time_that_has_come() -> None:
    naive = [datetime(2026, 3, 1, 11, 30), datetime(2026, 2, 1), None]  # noqa: DTZ001  # without a zone: UTC
    rows = pl.DataFrame({"at": naive})
    assert freshness(rows, "at", now=NOW).value == 1800.0
    zoned = rows.with_columns(pl.col("at").dt.replace_time_zone("Europe/Zurich"))
    assert freshness(zoned, "at", now=NOW).value == 5400.0
    assert freshness(rows.select(pl.col("at").cast(pl.Date)), "at", now=NOW).value == 43200.0
    assert freshness(rows, "at", now=NOW.astimezone(timezone(timedelta(hours=5)))).value == 1800.0


def test_times_that_have_not_come_prove_nothing() -> None:
    rows = pl.DataFrame({"at": [NOW - timedelta(days=9), NOW + timedelta(days=9_000)]})
    value = freshness(rows, "at", now=NOW)
    assert value.value == 9 * 86_400
    assert value.notes == {"rows": 2, "rows_looked_at": 2, "rows_in_the_future": 1}
    with pytest.raises(NotMeasurable, match="lies after"):
        freshness(rows.tail(1), "at", now=NOW)


def test_steps_are_counted_in_order_whatever_the_order_of_the_rows() -> None:
    hours = [0, 3, 1, 2, 2, 5]
    rows = pl.DataFrame({"at": [NOW + timedelta(hours=each) for each in hours]})
    value = regular(rows, "at", "1 h")
    assert value.value == pytest.approx(3 / 5)
    assert value.n == 5
    assert regular(rows, "at", "60 min") == value
    assert regular(pl.DataFrame({"cycle": [3, 1, 2, None]}), "cycle", 1).value == 1.0
    days = pl.DataFrame({"day": [date(2026, 1, 1), date(2026, 1, 2)]})
    assert regular(days, "day", "24 h").value == 1.0


def test_one_value_has_no_steps() -> None:
    with pytest.raises(NotMeasurable):
        regular(pl.DataFrame({"cycle": [1]}), "cycle", 1)


def test_another_table_that_cannot_be_read_is_said() -> None:
    def broken(name: str) -> pl.LazyFrame:
        raise UnreadableData(f"{name} is broken")

    with pytest.raises(UnreadableData, match="is broken"):
        references(ORDERS, "id", "t.parquet", "k", related=broken)
    with pytest.raises(HoldfastError):
        references(ORDERS, "id", "t.parquet", "k", related=lambda _: pl.LazyFrame({"other": [1]}))


def test_a_date_does_not_refer_to_a_text() -> None:
    with pytest.raises(HoldfastError):
        references(pl.DataFrame({"a": [date(2026, 1, 1)]}), "a", "t", "k", related=lambda _: pl.LazyFrame({"k": ["x"]}))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_the_rows_that_contradict_are_as_few_as_can_be(pairs: list[tuple[int, int]]) -> None:
    rows = pl.DataFrame(pairs, schema=["a", "b"], orient="row")
    failing = contradicting(rows, "a", "b")
    assert determines(rows, "a", "b").notes["rows_failing"] == failing.sum()
    kept = rows.filter(~failing)
    assert determines(kept, "a", "b").value == 1.0


@given(
    st.lists(st.none() | st.integers(-3, 3), min_size=2, max_size=20).filter(
        lambda each: any(x is not None for x in each)
    )
)
def test_sorted_rows_are_in_order(values: list[int | None]) -> None:
    rows = pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)})
    assert monotone(rows.sort("x", nulls_last=True), "x").value == 1.0
    there = [each for each in values if each is not None]
    assert out_of_order(rows, "x").sum() == sum(b < a for a, b in pairwise(there))


def test_a_decimal_with_a_fraction_is_no_integer() -> None:
    rows = pl.DataFrame({"x": pl.Series(["1.50", "2.00", None]).cast(pl.Decimal(10, 2))})
    assert typed(rows, "x", "integer").value == 0.5
    assert typed(rows, "x", "number").value == 1.0


def test_a_float_can_read_as_true_or_false() -> None:
    assert typed(pl.DataFrame({"x": [0.0, 1.0, 2.0, None, float("nan")]}), "x", "boolean").value == pytest.approx(2 / 3)


def test_leap_days_exist_in_leap_years_alone() -> None:
    texts = ["2024-02-29", "2026-02-29", "2000-02-29", "1900-02-29", "2026-04-31", "2026-12-31T10:00:00Z", "0000-02-29"]
    assert typed(pl.DataFrame({"x": texts}), "x", "date").notes["first_rows"] == [1, 3, 4]


def test_education_determines_its_number_in_adult(adult_file: Path) -> None:
    rows = pl.read_parquet(adult_file)
    assert determines(rows, "education", "education_num").value == 1.0
    assert determines(rows, "education_num", "education").value == 1.0
    assert determines(rows, "occupation", "workclass").value < 1.0
    assert holds(rows, "capital_gain >= 0 and (capital_gain == 0 or capital_loss == 0)").value == 1.0
