"""Columns that moved: planted moves are found, halves of one table are not."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import EmptyTable, InvalidValue
from holdfast.quality.anomalies._columns_tests import levels_p, new_levels_p, numbers_p, shares_p
from holdfast.quality.anomalies.columns import moved_columns


def table(n: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "size": rng.normal(size=n),
            "count": rng.poisson(1.0, n),
            "kind": rng.choice(["a", "b", "c"], n, p=[0.5, 0.4, 0.1]),
            "open": rng.random(n) < 0.3,
            "note": [f"{each} words stand here" for each in rng.integers(0, 10**9, n)],
        }
    )


def test_halves_of_real_data_hardly_ever_differ(adult_file: Path) -> None:
    rows = pl.read_parquet(adult_file).select("age", "workclass", "education", "hours_per_week", "capital_gain")
    alarms = 0
    for seed in range(6):
        both = rows.sample(1000, seed=seed, shuffle=True)
        alarms += bool(moved_columns(both[:500], both[500:]).moved)
    # At 5 % each, three or more of six come up once in 450 runs.
    assert alarms <= 2


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        (pl.col("size") + 0.4, "size", "the middle went from"),
        (pl.col("size") * 2.0, "size", "the middle"),
        (pl.when(pl.int_range(pl.len()) % 12 == 0).then(None).otherwise("size").alias("size"), "size", "were missing"),
        (pl.when(pl.int_range(pl.len()) % 12 == 0).then(np.inf).otherwise("size").alias("size"), "size", "missing"),
        (pl.col("count") + (pl.int_range(pl.len()) % 5 == 0), "count", "the middle"),
        (pl.col("kind").replace("c", "b"), "kind", "the share of"),
        (
            pl.when(pl.int_range(pl.len()) % 50 == 0).then(pl.lit("z")).otherwise("kind").alias("kind"),
            "kind",
            "not there before: 'z'",
        ),
        (~pl.col("open"), "open", "the share of"),
        ("and some more " + pl.col("note"), "note", "the length went"),
    ],
)
def test_a_planted_move_is_found_and_only_that(change: pl.Expr, column: str, words: str) -> None:
    before, after = table(1000, 1), table(1000, 2)
    moved = moved_columns(before, after.with_columns(change.alias(column))).moved
    assert [each.column for each in moved] == [column]
    assert any(words in reason for reason in moved[0].reasons)
    assert moved[0].size in {"small", "medium", "large"}


def test_columns_that_came_went_or_changed_their_type_have_moved() -> None:
    before = table(200, 1)
    after = before.drop("open").with_columns(pl.col("count").cast(pl.String), extra=pl.lit(1))
    moved = moved_columns(before, after).moved
    assert {each.column: each.reasons[0] for each in moved} == {
        "open": "the column is gone",
        "extra": "the column is new",
        "count": "it held numbers (Int64) and holds text (String)",
    }
    assert {each.size for each in moved} == {"whole"}


def test_a_table_has_not_moved_from_itself() -> None:
    found = moved_columns(table(300, 1), table(300, 1))
    assert found.moved == ()
    assert {each.size for each in found.columns} == {"none"}
    assert all(each.distances["psi"] < 1e-6 for each in found.columns if each.distances)


def test_distances_stand_beside_the_verdict() -> None:
    found = moved_columns(table(500, 1), table(500, 2).with_columns(pl.col("size") + 1.0)).moved[0]
    assert set(found.distances) == {"psi", "jensen_shannon", "ks", "wasserstein"}
    assert found.distances["wasserstein"] == pytest.approx(1.0, abs=0.2)
    assert found.size == "large"


def test_a_tiny_move_of_many_rows_is_sure_and_small() -> None:
    rng = np.random.default_rng(0)
    before, after = (pl.DataFrame({"x": rng.normal(shift, 1.0, 60_000)}) for shift in (0.0, 0.05))
    found = moved_columns(before, after).moved[0]
    assert found.size == "small"


def test_times_are_compared_and_dates_with_datetimes() -> None:
    days = pl.Series("when", [date(2024, 1, 1) + timedelta(days=each % 200) for each in range(400)])
    later = days.dt.offset_by("300d")
    assert moved_columns(days.to_frame(), later.to_frame()).moved[0].column == "when"
    assert moved_columns(days.to_frame(), days.cast(pl.Datetime("ms")).to_frame()).moved == ()


def test_empty_columns_nested_ones_and_nulls_do_no_harm() -> None:
    before = pl.DataFrame({"a": [None, None], "b": [[1], [2]], "c": [1, None], "d": [b"x", b"y"], "e": ["", ""]})
    after = pl.DataFrame({"a": [1, 2], "b": [[1], [2]], "c": [None, None], "d": [b"x", b"y"], "e": ["", "x"]})
    assert moved_columns(before, after).moved == ()


def test_names_never_seen_before_are_no_move_where_all_names_are_new() -> None:
    rng = np.random.default_rng(3)
    before, after = (pl.Series("n", [f"n{each}" for each in rng.zipf(1.6, 3000)]) for _ in range(2))
    assert new_levels_p(before, after)[0] > 0.01
    assert new_levels_p(pl.Series("n", ["a"] * 1000), pl.Series("n", ["b"] * 20 + ["a"] * 980))[0] < 1e-6


@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 30), st.integers(1, 40))
def test_the_order_of_the_two_sides_does_not_matter(a: int, n: int, b: int, m: int) -> None:
    first, second = min(a, n), min(b, m)
    assert shares_p(first, n, second, m) == pytest.approx(shares_p(second, m, first, n))


def test_probabilities_of_equal_samples_are_one_and_of_others_small() -> None:
    x = np.arange(200.0)
    assert numbers_p(x, x) == 1.0
    assert numbers_p(x, x + 100.0) < 1e-6
    assert numbers_p(x, np.zeros(0)) == 1.0
    assert levels_p(pl.Series("t", ["a"] * 50), pl.Series("t", ["a"] * 50)) == 1.0
    assert levels_p(pl.Series("t", ["a"] * 50), pl.Series("t", ["b"] * 50)) < 1e-6
    assert shares_p(0, 5, 0, 5) == 1.0
    assert shares_p(5000, 10_000, 6000, 10_000) < 1e-6


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, float("nan")])
def test_a_confidence_out_of_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidValue, match="confidence"):
        moved_columns(table(10, 1), table(10, 2), confidence=confidence)


def test_tables_without_rows_are_refused() -> None:
    with pytest.raises(EmptyTable, match="after"):
        moved_columns(table(10, 1), table(10, 2).clear())
    with pytest.raises(EmptyTable, match="before"):
        moved_columns(table(10, 1).clear(), table(10, 2))
