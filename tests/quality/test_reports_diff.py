"""Two versions of a table: columns, rows, cells and values that differ, and nothing where nothing does."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, DuplicateIds
from holdfast.quality.reports import ColumnDiff, TableDiff, diff_tables
from holdfast.quality.reports.views import difference


def mirror(*parts: str) -> Path:
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in HOLDFAST_MIRROR or ../shared/data")
    return path


@pytest.fixture
def cities() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "city": ["Bern", "Genf", "Chur", None],
            "height": [540.0, 375.0, float("nan"), 1.5],
            "seen": [date(2020, 1, 1), date(2020, 1, 2), None, date(2021, 1, 1)],
            "tags": [["a"], ["b", "c"], [], None],
            "place": [{"x": 1}, {"x": 2}, {"x": 3}, {"x": None}],
        }
    )


def column(diff: TableDiff, name: str) -> ColumnDiff:
    return next(each for each in diff.columns if each.name == name)


@pytest.mark.parametrize("key", [None, "id", ["id", "city"]])
def test_a_table_beside_itself_has_no_difference(cities: pl.DataFrame, key: str | list[str] | None) -> None:
    found = diff_tables(cities, cities, key=key)
    assert found.same
    assert found.summary == "no difference: 4 rows, 6 columns"
    assert difference(found) == ()


def test_columns_that_come_go_or_change_their_type_are_told(cities: pl.DataFrame) -> None:
    new = (
        cities.drop("height")
        .with_columns(pl.col("id").cast(pl.String), extra=pl.lit(1))
        .select("city", "id", "seen", "tags", "place", "extra")
    )
    found = diff_tables(cities, new)
    assert (found.added, found.removed, found.retyped, found.reordered) == (("extra",), ("height",), ("id",), True)
    assert found.rows_added == found.rows_removed == 0
    assert "1 column added, 1 column removed, 1 column of another type" in found.summary


def test_with_a_key_rows_and_cells_that_changed_are_counted(cities: pl.DataFrame) -> None:
    new = pl.concat([cities.head(3), cities.tail(1).with_columns(id=pl.lit(9, pl.Int64))]).with_columns(
        city=pl.when(pl.col("id") == 2).then(pl.lit("Genève")).otherwise("city")
    )
    found = diff_tables(cities, new, key="id")
    assert (found.rows_added, found.rows_removed, found.rows_changed, found.cells_changed) == (1, 1, 1, 1)
    assert (found.first_changed, found.first_added) == ((1,), (3,))
    assert column(found, "city").cells_changed == 1
    assert column(found, "tags").cells_changed == 0


def test_without_a_key_rows_are_compared_as_a_multiset() -> None:
    old = pl.DataFrame({"a": [1, 1, 2, 3]})
    new = pl.DataFrame({"a": [1, 4, 2, 2]})
    found = diff_tables(old, new)
    assert (found.rows_added, found.rows_removed, found.first_added) == (2, 2, (1, 3))
    assert found.rows_changed is None


@pytest.mark.parametrize("key", [None, "id"])
def test_the_same_rows_in_another_order_are_no_other_rows(cities: pl.DataFrame, key: str | None) -> None:
    found = diff_tables(cities, cities.reverse(), key=key)
    assert (found.rows_added, found.rows_removed, found.order_kept) == (0, 0, False)
    assert (
        found.summary == "4 → 4 rows, 0 added, 0 removed, " + ("0 changed, " if key else "") + "rows in another order"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (pl.Series([1, 2, None]), pl.Series([1.0, 2.0, float("nan")])),
        (pl.Series([1, 2, 3], dtype=pl.Int8), pl.Series([1, 2, 3], dtype=pl.UInt64)),
        (pl.Series([1, 2, 3]), pl.Series(["1", "2", "3"])),
        (pl.Series(["a", "b", None]), pl.Series(["a", "b", None], dtype=pl.Categorical)),
        (pl.Series([date(2020, 1, 1)]), pl.Series([date(2020, 1, 1)]).cast(pl.Datetime)),
        (
            pl.Series([date(2020, 1, 1)]).cast(pl.Datetime("ms")),
            pl.Series([date(2020, 1, 1)]).cast(pl.Datetime("ns")),
        ),
        (pl.Series([0.0]), pl.Series([-0.0])),
    ],
    ids=["whole to float", "narrow to wide", "number to text", "text to category", "date to time", "unit", "zeros"],
)
def test_a_value_that_only_changed_its_type_is_the_same_value(before: pl.Series, after: pl.Series) -> None:
    number = pl.Series("row", range(len(before)))
    old, new = pl.DataFrame({"x": before, "row": number}), pl.DataFrame({"x": after, "row": number})
    assert diff_tables(old, new).rows_added == 0
    assert diff_tables(old, new, key="row").cells_changed == 0


def test_long_ids_are_not_rounded_together() -> None:
    old = pl.DataFrame({"id": [2**53, 2**53 + 1]})
    found = diff_tables(old, old.with_columns(pl.col("id").cast(pl.UInt64)), key="id")
    assert (found.rows_added, found.rows_removed) == (0, 0)
    assert column(found, "id").distinct_before == 2


def test_a_missing_key_is_a_key_like_any_other() -> None:
    old = pl.DataFrame({"id": [1, None], "v": [1, 2]})
    assert diff_tables(old, old.with_columns(v=pl.Series([1, 3])), key="id").rows_changed == 1


def test_the_key_columns_may_be_called_like_our_own() -> None:
    old = pl.DataFrame({"old": [1, 2], "new": ["a", "b"], "row": [0, 1]})
    assert diff_tables(old, old, key=["old", "new", "row"]).same


def test_a_key_that_is_not_there_or_stands_twice_is_refused(cities: pl.DataFrame) -> None:
    with pytest.raises(ColumnNotFound, match="did you mean 'city'"):
        diff_tables(cities, cities, key="citi")
    with pytest.raises(ColumnNotFound, match="the new table"):
        diff_tables(cities, cities.drop("id"), key="id")
    with pytest.raises(DuplicateIds, match="1 rows repeat"):
        diff_tables(cities, pl.concat([cities, cities.head(1)]), key="id")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (pl.DataFrame(), pl.DataFrame()),
        (pl.DataFrame({"a": []}), pl.DataFrame({"a": [1]})),
        (pl.DataFrame({"a": [None, None]}), pl.DataFrame({"a": [None, 1]})),
        (pl.DataFrame({"a": [1]}), pl.DataFrame({"b": ["x"]})),
        (pl.DataFrame({"a": [float("inf"), float("nan")]}), pl.DataFrame({"a": [1e308, -1e308]})),
        (pl.DataFrame({"a": [b"x"]}), pl.DataFrame({"a": [b"y"]})),
        (pl.DataFrame({"a": [[1]]}), pl.DataFrame({"a": ["[1]"]})),
    ],
    ids=["nothing", "no rows", "all missing", "no column in common", "infinite", "bytes", "nested to text"],
)
def test_odd_tables_are_compared_and_the_result_is_plain_data(before: pl.DataFrame, after: pl.DataFrame) -> None:
    found = diff_tables(before, after)
    assert found.rows_after == after.height
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows_before"] == before.height
    assert [len(row) == len(table.columns) for table in difference(found) for row in table.rows].count(False) == 0


def test_a_column_that_moved_is_told_from_one_that_did_not() -> None:
    random = np.random.default_rng(5)
    old = pl.DataFrame({f"n{place}": random.normal(size=2000) for place in range(8)})
    new = pl.DataFrame({f"n{place}": random.normal(size=2000) for place in range(8)}).with_columns(pl.col("n3") + 0.3)
    moved = [each.name for each in diff_tables(old, new).columns if each.moved]
    assert moved == ["n3"]


@pytest.mark.parametrize(
    ("change", "by"),
    [
        (pl.when(pl.col("row") % 50 == 0).then(pl.col("x") * 100).otherwise("x"), "range"),
        (pl.when(pl.col("row") % 10 == 0).then(None).otherwise("x"), "missing"),
        ((pl.col("x") - 1).sqrt() + 1, "values"),
    ],
    ids=["a few wild values", "values that are gone", "another shape"],
)
def test_a_column_that_moved_says_by_what(change: pl.Expr, by: str) -> None:
    random = np.random.default_rng(8)
    old = pl.DataFrame({"x": random.uniform(1, 2, size=1000), "y": random.normal(size=1000), "row": range(1000)})
    found = diff_tables(old, old.with_columns(change.alias("x")))
    assert [(each.name, each.moved_by) for each in found.columns if each.moved] == [("x", by)]


def test_columns_that_did_not_move_are_rarely_said_to_have_moved() -> None:
    random = np.random.default_rng(11)
    pairs = [
        [pl.DataFrame({"x": random.normal(size=200), "c": random.choice(list("abc"), 200)}) for _ in "ab"]
        for _ in range(60)
    ]
    false = sum(any(each.moved for each in diff_tables(old, new).columns) for old, new in pairs)
    assert false <= 8


def test_the_distance_of_numbers_is_scipys() -> None:
    from scipy.stats import ks_2samp

    random = np.random.default_rng(3)
    old, new = random.normal(size=900), random.normal(0.2, 1.3, size=700)
    found = column(diff_tables(pl.DataFrame({"x": old}), pl.DataFrame({"x": new})), "x")
    assert found.distance == pytest.approx(ks_2samp(old, new).statistic, abs=2e-3)


def test_categories_tell_their_shares_and_the_new_and_the_vanished() -> None:
    old = pl.DataFrame({"c": ["a"] * 60 + ["b"] * 40})
    new = pl.DataFrame({"c": ["a"] * 20 + ["z"] * 80})
    found = column(diff_tables(old, new), "c")
    assert [(each.value, each.before, each.after) for each in found.categories] == [
        ("z", 0.0, 0.8),
        ("a", 0.6, 0.2),
        ("b", 0.4, 0.0),
    ]
    assert (found.appeared, found.vanished, found.distance, found.moved) == (1, 1, pytest.approx(0.8), True)


def test_names_and_other_text_are_counted_and_never_shown() -> None:
    old = pl.DataFrame({"name": [f"person {place}" for place in range(100)]})
    new = pl.DataFrame({"name": [f"person {place}" for place in range(50, 150)]})
    found = diff_tables(old, new)
    assert (column(found, "name").kind, column(found, "name").categories) == ("text", ())
    assert (column(found, "name").appeared, column(found, "name").vanished) == (50, 50)
    assert "person" not in json.dumps(found.to_dict())


small = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), max_size=8)


def frame(rows: list[tuple[int, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"n": pl.Int64, "c": pl.String}, orient="row")


@given(small, small)
def test_what_is_added_one_way_is_removed_the_other_way(first: list, second: list) -> None:
    there, back = diff_tables(frame(first), frame(second)), diff_tables(frame(second), frame(first))
    assert (there.rows_added, there.rows_removed) == (back.rows_removed, back.rows_added)
    assert there.rows_after - there.rows_before == there.rows_added - there.rows_removed
    assert len(there.first_added) == min(5, there.rows_added)


def test_the_cells_that_differ_between_dirty_and_clean_hospital_data_are_those_published() -> None:
    dirty = pl.read_csv(mirror("hospital_pair", "dirty.csv.gz"), infer_schema=False)
    clean = pl.read_csv(mirror("hospital_pair", "clean.csv.gz"), infer_schema=False)
    number = pl.int_range(pl.len()).alias("position")
    found = diff_tables(dirty.with_columns(number), clean.with_columns(number), key="position")
    assert found.cells_changed == 509
    assert found.order_kept
