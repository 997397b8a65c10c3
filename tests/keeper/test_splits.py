"""Splits: a row keeps its place, copies stay together, and a table that cannot be learnt from is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.contract import Contract, DataSpec, Roles
from holdfast.core.errors import ColumnNotFound, DuplicateIds, EmptyTable, UnusableTarget
from holdfast.keeper.splits import check_table, class_names, features_of, holdout_mask

CONTRACT = Contract(
    "m",
    "binary",
    "y",
    DataSpec("rows.csv", roles=Roles(id="id", sensitive=("sex",), exclude=("note",))),
    (),
    positive="1",
)
ROWS = pl.DataFrame(
    {"id": [1, 2, 3], "x": [0.1, 0.2, 0.3], "sex": ["a", "b", "a"], "note": ["", "", ""], "y": [0, 1, 1]}
)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=60), st.integers(0, 2**31))
def test_a_row_keeps_its_place_when_others_come_or_go(values: list[int], seed: int) -> None:
    rows = pl.DataFrame({"x": values})
    whole = holdout_mask(rows, share=0.4, seed=seed)
    half = holdout_mask(rows[: len(values) // 2], share=0.4, seed=seed)
    assert (whole[: len(values) // 2] == half).all()


def test_copies_of_a_row_stay_on_one_side() -> None:
    rows = pl.DataFrame({"x": [1, 2, 3] * 50, "y": [None, "b", "c"] * 50})
    mask = holdout_mask(rows, share=0.5, seed=1)
    assert all(len(set(mask[k::3].tolist())) == 1 for k in range(3))


def test_rows_of_one_group_stay_on_one_side() -> None:
    rows = pl.DataFrame({"g": np.repeat(np.arange(20), 5), "x": np.arange(100)})
    mask = holdout_mask(rows, share=0.5, seed=1, by=["g"]).reshape(20, 5)
    assert (mask == mask[:, :1]).all()


def test_the_share_held_out_is_about_what_was_asked_for() -> None:
    mask = holdout_mask(pl.DataFrame({"x": np.arange(20_000)}), share=0.3, seed=5)
    assert abs(mask.mean() - 0.3) < 0.02


def test_another_seed_gives_another_split() -> None:
    rows = pl.DataFrame({"x": np.arange(100)})
    assert (holdout_mask(rows, share=0.5, seed=1) != holdout_mask(rows, share=0.5, seed=2)).any()


def test_the_model_may_look_at_nothing_that_has_another_role() -> None:
    assert features_of(ROWS.columns, CONTRACT) == ("x",)


def test_a_good_table_passes() -> None:
    check_table(ROWS, CONTRACT, where="rows.csv")


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (ROWS.clear(), EmptyTable, "no rows"),
        (ROWS.rename({"y": "why"}), ColumnNotFound, "'y'"),
        (ROWS.rename({"sex": "sexe"}), ColumnNotFound, "sexe"),
        (ROWS.with_columns(y=pl.lit(1)), UnusableTarget, "only the value 1"),
        (ROWS.with_columns(y=pl.lit(None)), UnusableTarget, "missing in every row"),
        (ROWS.with_columns(y=pl.Series([2, 3, 2])), UnusableTarget, "positive class '1'"),
        (ROWS.with_columns(id=pl.Series([1, 1, 2])), DuplicateIds, "2 rows share an id"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(rows: pl.DataFrame, error: type, words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        check_table(rows, CONTRACT, where="rows.csv")
    assert caught.value.where == "rows.csv"


@pytest.mark.parametrize(
    ("values", "names"),
    [([0, 1], ["0", "1"]), ([0.0, 1.0], ["0", "1"]), ([True, False], ["true", "false"]), (["a", None], ["a", None])],
)
def test_a_class_is_named_as_it_is_written(values: list[object], names: list[object]) -> None:
    assert class_names(pl.Series(values)).to_list() == names
