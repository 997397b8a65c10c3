"""Laws of the planner: one plan for one table, nothing left to do after, clean tables untouched; bad input."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue
from holdfast.quality import repair
from holdfast.quality.repair import Change, Duplicates, RepairPlan, Suspect, plan_repairs

CELL = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(
        ["N/A", "=1+1", "12.0 oz", "3,5", "2011-02-30", "\ufeff", " ", "x" * 200, "1e999", "-0", "٣", "½", "²"]
    ),
)


def pair(name: str, kind: str) -> pl.DataFrame:
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder / f"{name}_pair" / f"{kind}.csv.gz"
    if not path.exists():
        pytest.skip(f"no {name}_pair in HOLDFAST_MIRROR or ../shared/data")
    return pl.read_csv(path, infer_schema=False)


def repaired(cells: pl.DataFrame, plan: RepairPlan, bar: float = 0.7) -> pl.DataFrame:
    columns = {name: cells[name].to_list() for name in cells.columns}
    for change in plan.changes:
        if change.confidence >= bar:
            columns[change.column][change.row] = change.after
    return pl.DataFrame({name: pl.Series(name, texts, dtype=pl.String) for name, texts in columns.items()})


def f1(dirty: pl.DataFrame, clean: pl.DataFrame, fixed: pl.DataFrame) -> float:
    given_, right, made = (
        np.array([[(text or "").strip() for text in table[name]] for name in table.columns])
        for table in (dirty, clean, fixed)
    )
    good = ((made != given_) & (made == right)).sum()
    return float(2 * good / ((made != given_).sum() + (given_ != right).sum()))


@pytest.mark.parametrize(("name", "least"), [("hospital", 0.95), ("flights", 0.88), ("beers", 0.98)])
def test_the_published_pairs_are_repaired_without_labels(name: str, least: float) -> None:
    dirty = pair(name, "dirty")
    assert f1(dirty, pair(name, "clean"), repaired(dirty, plan_repairs(dirty))) >= least


@pytest.mark.parametrize("name", ["hospital", "flights", "beers"])
def test_a_clean_copy_is_hardly_touched(name: str) -> None:
    clean = pair(name, "clean")
    changes = [change for change in plan_repairs(clean).changes if change.confidence >= 0.7]
    assert len(changes) <= 0.001 * clean.height * clean.width


def test_planning_again_on_the_repaired_cells_finds_next_to_nothing() -> None:
    dirty = pair("hospital", "dirty")
    first = plan_repairs(dirty)
    again = [change for change in plan_repairs(repaired(dirty, first)).changes if change.confidence >= 0.7]
    assert len(again) <= 0.02 * len(first.changes)


def test_the_plan_does_not_depend_on_the_order_of_the_rows() -> None:
    dirty = pair("hospital", "dirty")
    order = np.random.default_rng(3).permutation(dirty.height)
    first = {(change.row, change.column, change.after) for change in plan_repairs(dirty).changes}
    second = {(int(order[change.row]), change.column, change.after) for change in plan_repairs(dirty[order]).changes}
    assert first == second


def test_the_same_cells_give_the_same_plan() -> None:
    dirty = pair("beers", "dirty").head(600)
    assert plan_repairs(dirty) == plan_repairs(dirty)


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=25)))
@settings(max_examples=40)
def test_any_cells_give_a_plan_that_is_true_to_them(rows: list[list[str | None]]) -> None:
    width = len(rows[0]) if rows else 1
    cells = pl.DataFrame(
        {f"c{place}": pl.Series([row[place] for row in rows], dtype=pl.String) for place in range(width)}
    )
    plan = plan_repairs(cells)
    keys = [(change.row, change.column) for change in plan.changes]
    assert len(set(keys)) == len(keys)
    assert all((cells[change.column][change.row] or None) == change.before for change in plan.changes)
    assert all(0 < change.confidence <= 1 for change in plan.changes)


@pytest.mark.parametrize(
    "cells",
    [
        pl.DataFrame(),
        pl.DataFrame(schema={"a": pl.String}),
        pl.DataFrame({"a": ["x"], "b": ["1"]}),
        pl.DataFrame({"a": pl.Series([None] * 40, dtype=pl.String), "b": [""] * 40}),
        pl.DataFrame({"a": ["same"] * 300, "b": ["3"] * 300}),
        pl.DataFrame({"a": ["=1+1", "@x", "+1", "-1+2"] * 10}),
        pl.DataFrame({"a": [f"ID{number:05d}" for number in range(800)], "b": [str(number) for number in range(800)]}),
    ],
    ids=["no columns", "no rows", "one row", "all empty", "constants", "formulas", "keys"],
)
def test_where_there_is_nothing_to_repair_nothing_is_changed(cells: pl.DataFrame) -> None:
    assert plan_repairs(cells).changes == ()


def test_random_text_is_left_alone() -> None:
    rng = np.random.default_rng(8)
    letters = np.array(list("abcdefgh"))
    cells = pl.DataFrame({name: ["".join(rng.choice(letters, 7)) for _ in range(800)] for name in ("a", "b", "c")})
    assert plan_repairs(cells).changes == ()


def test_random_categories_determine_nothing() -> None:
    rng = np.random.default_rng(9)
    cells = pl.DataFrame({f"c{place}": [f"v{value}" for value in rng.integers(0, 12, 600)] for place in range(8)})
    assert plan_repairs(cells).changes == ()


def test_cells_of_a_hundred_thousand_characters_are_taken() -> None:
    cells = pl.DataFrame({"a": ["y" * 100_000] * 12 + ["y" * 99_999 + "x"], "b": [str(number) for number in range(13)]})
    assert plan_repairs(cells).notes is not None


def test_a_table_of_500_columns_is_taken() -> None:
    rng = np.random.default_rng(10)
    cells = pl.DataFrame({f"c{place}": [str(value) for value in rng.integers(0, 9, 40)] for place in range(500)})
    assert plan_repairs(cells).changes == ()


def test_a_column_that_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidValue, match="column 'a' is Int64"):
        plan_repairs(pl.DataFrame({"a": [1, 2]}))


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidValue, match="seed -1"):
        plan_repairs(pl.DataFrame({"a": ["x"]}), seed=-1)


def test_a_change_changes_something_and_its_confidence_is_a_probability() -> None:
    with pytest.raises(InvalidValue, match="same value"):
        Change(0, "a", "x", "x", "blanks", 0.9, "none")
    with pytest.raises(InvalidValue, match="confidence"):
        Change(0, "a", "x", "y", "blanks", 1.5, "none")
    with pytest.raises(InvalidValue, match="confidence"):
        Suspect(0, "a", "x", "blanks", 0.0, "none")
    with pytest.raises(InvalidValue, match="at least 2 rows"):
        Duplicates((1,), 0.9, "none")


def test_what_is_exported_is_there() -> None:
    assert sorted(repair.__all__) == repair.__all__
    assert all(hasattr(repair, name) for name in repair.__all__)
