from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.quality.measures.allowed import allowed, forbidden
from holdfast.quality.measures.columns_present import columns_present
from holdfast.quality.measures.completeness import completeness, incomplete
from holdfast.quality.measures.distinct_count import distinct_count
from holdfast.quality.measures.in_range import in_range, out_of_range
from holdfast.quality.measures.matches import matches, mismatched
from holdfast.quality.measures.no_infinities import infinite, no_infinities
from holdfast.quality.measures.row_count import row_count
from holdfast.quality.measures.typed import mistyped, typed
from holdfast.quality.measures.unique import repeated, unique
from holdfast.quality.measures.varies import varies

CASES: list[tuple[Any, Any, tuple[Any, ...], float, list[int]]] = [
    (completeness, incomplete, ("age",), 4 / 6, [1, 3]),
    (completeness, incomplete, ("sex",), 5 / 6, [3]),
    (unique, repeated, ("id",), 5 / 6, [2]),
    (unique, repeated, ("id", "same"), 5 / 6, [2]),
    (unique, repeated, (), 1.0, []),
    (in_range, out_of_range, ("age", 0, 120), 2 / 4, [4, 5]),
    (in_range, out_of_range, ("age", 40), 3 / 4, [0]),
    (in_range, out_of_range, ("age", None, 40), 1 / 4, [2, 4, 5]),
    (in_range, out_of_range, ("id", 2, 4), 4 / 6, [0, 5]),
    (allowed, forbidden, ("sex", "M", "F"), 4 / 5, [2]),
    (allowed, forbidden, ("id", 1.0, 2.0, 3.5), 3 / 6, [3, 4, 5]),
    (allowed, forbidden, ("age", 39, 50), 2 / 4, [4, 5]),
    (allowed, forbidden, ("member", "true"), 4 / 5, [1]),
    (matches, mismatched, ("code", "[0-9]{5}"), 1 / 5, [1, 2, 3, 4]),
    (typed, mistyped, ("code", "number"), 2 / 5, [2, 3, 4]),
    (typed, mistyped, ("code", "text"), 3 / 5, [0, 1]),
    (typed, mistyped, ("code", "date"), 1 / 5, [0, 1, 2, 4]),
    (typed, mistyped, ("code", "integer"), 2 / 5, [2, 3, 4]),
    (typed, mistyped, ("code", "boolean"), 1 / 5, [0, 2, 3, 4]),
    (typed, mistyped, ("age", "integer"), 3 / 4, [5]),
    (typed, mistyped, ("age", "number"), 1.0, []),
    (typed, mistyped, ("id", "boolean"), 1 / 6, [1, 2, 3, 4, 5]),
    (typed, mistyped, ("member", "boolean"), 1.0, []),
    (typed, mistyped, ("member", "date"), 0.0, [0, 1, 3, 4, 5]),
    (no_infinities, infinite, ("age",), 5 / 6, [5]),
    (no_infinities, infinite, ("sex",), 1.0, []),
]


@pytest.mark.parametrize(("compute", "check", "args", "share", "rows"), CASES)
def test_a_check_finds_the_share_and_points_at_the_rows(
    people: pl.DataFrame, compute: Any, check: Any, *, args: tuple[Any, ...], share: float, rows: list[int]
) -> None:
    value = compute(people, *args)
    assert value.value == pytest.approx(share)
    assert value.low <= share <= value.high
    assert np.flatnonzero(check(people, *args)).tolist() == rows
    assert value.notes["rows_failing"] == len(rows)
    assert value.notes.get("first_rows", []) == rows[:5]


@pytest.mark.parametrize("compute", [completeness, unique, no_infinities, varies, distinct_count])
def test_a_star_stands_for_the_worst_column(people: pl.DataFrame, compute: Any) -> None:
    worst = compute(people, "*")
    each = {name: compute(people, name).value for name in people.columns}
    assert worst.value == min(each.values())
    assert each[worst.notes["column"]] == worst.value


def test_the_interval_over_all_columns_is_wider_than_that_of_one(people: pl.DataFrame) -> None:
    worst, one = completeness(people, "*"), completeness(people, "age")
    assert worst.value == one.value
    assert worst.low is not None
    assert one.low is not None
    assert worst.low < one.low
    assert worst.method == "Wilson, Bonferroni over 6 columns"


def test_the_interval_is_wilsons() -> None:
    # Wilson's interval of 3 in 4 at 95 %, from the formula: (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n).
    value = completeness(pl.DataFrame({"age": [39, None, 50, 38]}), "age")
    assert value.low == pytest.approx(0.30064, abs=1e-5)
    assert value.high == pytest.approx(0.95441, abs=1e-5)
    assert value.n == 4


def test_an_anytime_interval_is_wider() -> None:
    rows = pl.DataFrame({"x": [1.0] * 90 + [None] * 10})
    once, always = completeness(rows, "x"), completeness(rows, "x", anytime=True)
    assert once.low is not None
    assert always.low is not None
    assert always.low < once.low
    assert "sequence" in always.method


def test_counts_are_exact(people: pl.DataFrame) -> None:
    assert row_count(people) == Value(6.0, n=6)
    assert distinct_count(people, "age").value == 4
    assert distinct_count(people, "member").value == 2
    assert varies(people, "same").value == 0.0
    assert varies(people, "sex").value == pytest.approx(2 / 5)


def test_columns_that_are_not_there_are_named_with_the_nearest(people: pl.DataFrame) -> None:
    value = columns_present(people, "age", "sexx")
    assert value.value == 0.5
    assert value.low is None
    assert value.notes == {"missing": ["sexx"], "nearest": {"sexx": "sex"}}


def test_evidence_holds_positions_and_never_what_stands_there(people: pl.DataFrame) -> None:
    value = allowed(people.with_columns(sex=pl.lit("secret")), "sex", "M")
    assert "secret" not in str(value.notes)
    assert value.notes["first_rows"] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("compute", "args"),
    [
        (completeness, ("sexx",)),
        (unique, ("sexx",)),
        (in_range, ("sexx", 0)),
        (allowed, ("sexx", "M")),
        (matches, ("sexx", "M")),
        (typed, ("sexx", "text")),
        (no_infinities, ("sexx",)),
        (distinct_count, ("sexx",)),
        (varies, ("sexx",)),
    ],
)
def test_a_column_that_is_not_there_is_said_with_the_nearest(
    people: pl.DataFrame, compute: Any, args: tuple[Any, ...]
) -> None:
    with pytest.raises(ColumnNotFound, match=r"no column 'sexx'.*did you mean 'sex'"):
        compute(people, *args)


@pytest.mark.parametrize(
    ("compute", "args"),
    [
        (completeness, ("age",)),
        (unique, ("age",)),
        (in_range, ("age", 0)),
        (allowed, ("sex", "M")),
        (matches, ("sex", "M")),
        (typed, ("sex", "text")),
        (no_infinities, ("age",)),
        (distinct_count, ("age",)),
        (varies, ("age",)),
        (row_count, ()),
        (columns_present, ("age",)),
    ],
)
def test_an_empty_table_is_unproven_not_held(people: pl.DataFrame, compute: Any, args: tuple[Any, ...]) -> None:
    with pytest.raises(NotMeasurable, match="without rows"):
        compute(people.clear(), *args)


@pytest.mark.parametrize("compute", [varies, distinct_count])
def test_a_column_without_values_is_unproven(compute: Any) -> None:
    with pytest.raises(NotMeasurable, match="holds no value"):
        compute(pl.DataFrame({"x": [None, float("nan")]}), "x")


def test_values_that_are_all_missing_are_unproven_for_checks_of_values() -> None:
    rows = pl.DataFrame({"x": pl.Series([None, None], dtype=pl.Float64)})
    with pytest.raises(NotMeasurable, match="holds no value"):
        in_range(rows, "x", 0, 1)
    assert completeness(rows, "x").value == 0.0


@pytest.mark.parametrize(
    ("compute", "args", "said"),
    [
        (in_range, ("sex", 0), "is text"),
        (in_range, ("member", 0), "true or false"),
        (matches, ("age", "x"), "a number"),
    ],
)
def test_a_check_of_the_wrong_kind_of_column_is_an_error(
    people: pl.DataFrame, compute: Any, args: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(NotMeasurable, match=said):
        compute(people, *args)


@pytest.mark.parametrize(
    ("compute", "args", "said"),
    [
        (in_range, ("age",), "no bound"),
        (in_range, ("age", 5, 3), "low <= high"),
        (in_range, ("age", "old"), "Expected a number"),
        (in_range, ("age", float("nan")), "NaN"),
        (allowed, ("sex",), "no values"),
        (allowed, ("id", "one"), "Expected a number"),
        (matches, ("sex", "("), "unclosed group"),
        (matches, ("sex", r"(?=x)"), "look-around"),
        (typed, ("sex", "numbers"), "did you mean 'number'"),
        (columns_present, (), "no columns"),
    ],
)
def test_an_argument_that_is_none_is_said(people: pl.DataFrame, compute: Any, args: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        compute(people, *args)


def test_python_objects_of_mixed_types_are_refused() -> None:
    rows = pl.DataFrame({"x": pl.Series([1, "one", None], dtype=pl.Object)})
    with pytest.raises(NotMeasurable, match=r"mixed types.*read it as text"):
        completeness(rows, "x")


def test_nested_columns_are_counted_but_not_compared() -> None:
    rows = pl.DataFrame({"x": [[1], None, [2, 3]]})
    assert completeness(rows, "x").value == pytest.approx(2 / 3)
    with pytest.raises(NotMeasurable):
        in_range(rows, "x", 0)
    with pytest.raises(NotMeasurable):
        typed(rows, "x", "number")
    with pytest.raises(NotMeasurable):
        varies(rows, "x")
    with pytest.raises(NotMeasurable):
        allowed(rows, "x", 1)


def test_dates_have_ranges_in_iso_text() -> None:
    rows = pl.DataFrame(
        {
            "day": [date(2025, 1, 1), date(2026, 1, 1)],
            "at": [datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)],
        }
    )
    assert in_range(rows, "day", "2025-06-01").value == 0.5
    assert in_range(rows, "at", high="2025-06-01T12:00:00Z").value == 0.5
    assert typed(rows, "day", "date").value == 1.0
    with pytest.raises(InvalidValue, match="ISO 8601"):
        in_range(rows, "day", "yesterday")


def test_moments_with_a_zone_are_compared_as_moments() -> None:
    rows = pl.DataFrame({"at": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)]})
    assert in_range(rows, "at", "2026-01-01", "2026-01-02T00:00:00+02:00").value == 0.5
    naive = rows.with_columns(pl.col("at").dt.replace_time_zone(None))
    assert in_range(naive, "at", high="2026-01-02T00:00:00+02:00").value == 0.5


def test_a_table_without_columns_proves_nothing() -> None:
    for compute in (unique, row_count):
        with pytest.raises(NotMeasurable):
            compute(pl.DataFrame())
    with pytest.raises(NotMeasurable):
        completeness(pl.DataFrame(), "*")


def test_categorical_columns_are_text() -> None:
    rows = pl.DataFrame({"x": pl.Series(["a", "b", None, "zz"], dtype=pl.Categorical)})
    assert allowed(rows, "x", "a", "b").value == pytest.approx(2 / 3)
    assert matches(rows, "x", "[a-z]").value == pytest.approx(2 / 3)
    assert typed(rows, "x", "text").value == 1.0


def test_ten_thousand_categories_are_as_good_as_two() -> None:
    names = [f"c{index}" for index in range(10_000)]
    rows = pl.DataFrame({"x": names * 3 + ["stranger"]})
    assert allowed(rows, "x", *names).notes["rows_failing"] == 1
    assert distinct_count(rows, "x").value == 10_001


def test_large_integers_are_compared_as_integers() -> None:
    rows = pl.DataFrame({"id": [2**53 + 1, 2**53]})
    assert allowed(rows, "id", float(2**53)).value == 0.5


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=40))
def test_what_fails_and_what_passes_is_all_that_is_there(values: list[int | None]) -> None:
    rows = pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)})
    mask = incomplete(rows, "x")
    assert completeness(rows, "x").value == pytest.approx(1.0 - mask.mean())
    assert repeated(rows, "x").sum() == rows.height - rows["x"].n_unique()


def test_adult_has_the_faults_that_are_known_of_it(adult_file: Path) -> None:
    rows = pl.read_parquet(adult_file)
    assert completeness(rows, "workclass").notes["rows_failing"] == 2799
    assert completeness(rows, "occupation").notes["rows_failing"] == 2809
    assert completeness(rows, "*").notes["column"] == "occupation"
    assert in_range(rows, "age", 17, 90).value == 1.0
    assert allowed(rows, "sex", "Male", "Female").value == 1.0


def test_heart_disease_hides_missing_cholesterol_as_zero(heart_file: Path) -> None:
    rows = pl.read_parquet(heart_file)
    zero = rows.filter(pl.col("chol") == 0).height
    value = in_range(rows, "chol", 1)
    assert zero == 172
    assert value.notes["rows_failing"] == zero
    assert out_of_range(rows, "chol", 1).sum() == zero
