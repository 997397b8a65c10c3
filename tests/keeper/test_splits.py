"""Splits: a row keeps its place, copies stay together, and a table that cannot be learnt from is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.contract import Contract, DataSpec, Roles
from holdfast.core.errors import ColumnNotFound, DataError, DuplicateIds, EmptyTable, UnusableTarget
from holdfast.keeper.splits import (
    check_table,
    class_names,
    features_of,
    holdout_mask,
    known_labels,
    number_ids,
    row_weights,
    typed,
)

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


def test_a_row_without_a_group_stands_for_itself() -> None:
    rows = pl.DataFrame({"g": [None] * 400, "x": np.arange(400)})
    mask = holdout_mask(rows, share=0.5, seed=1, by=["g"])
    assert 0.35 < mask.mean() < 0.65


def test_a_column_without_a_name_is_refused() -> None:
    with pytest.raises(DataError, match="column 1 has no name"):
        check_table(pl.DataFrame({"": [1, 2], "y": [0, 1]}), CONTRACT, where="rows.csv")


def test_a_word_among_the_numbers_to_predict_is_refused() -> None:
    contract = Contract("m", "regression", "y", DataSpec("rows.csv"), ())
    with pytest.raises(DataError, match="'many' in column 'y' is no number"):
        check_table(pl.DataFrame({"y": ["1", "many"]}), contract, where="rows.csv")
    check_table(pl.DataFrame({"y": [1.5, 2.5]}), contract, where="rows.csv")


def test_a_multiclass_table_needs_no_positive_class() -> None:
    check_table(ROWS, Contract("m", "multiclass", "y", DataSpec("rows.csv"), ()), where="rows.csv")


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf")])
def test_a_weight_is_a_positive_number(wrong: float) -> None:
    with pytest.raises(DataError, match="in column 'w'") as caught:
        row_weights(pl.DataFrame({"w": [1.0, wrong]}), "w", where="rows.csv")
    assert caught.value.where == "rows.csv: row 1"


def test_a_missing_weight_is_one() -> None:
    rows = pl.DataFrame({"w": ["2", None]})
    assert row_weights(rows, "w", where="rows.csv").tolist() == [2.0, 1.0]
    assert row_weights(pl.DataFrame({"w": [float("nan"), 3.0]}), "w", where="rows.csv").tolist() == [1.0, 3.0]


def test_labels_that_are_not_a_number_are_missing() -> None:
    assert known_labels(pl.DataFrame({"y": [1.0, float("nan")]}), "y")["y"].to_list() == [1.0, None]
    assert known_labels(pl.DataFrame({"y": [1]}), "y")["y"].to_list() == [1]
    assert known_labels(pl.DataFrame({"y": [1]}), "z").columns == ["y"]


def test_columns_are_cast_to_what_the_contract_says() -> None:
    rows = pl.DataFrame({"n": ["1", "2"], "c": [1.0, 2.0], "b": [1, 0], "t": ["2026-01-01T00:00:00", None]})
    made = typed(rows, {"n": "number", "c": "category", "b": "boolean"}, where="rows.csv")
    assert made["n"].to_list() == [1.0, 2.0]
    assert made["c"].to_list() == ["1", "2"]
    assert made["b"].to_list() == [True, False]
    with pytest.raises(ColumnNotFound, match="'m'"):
        typed(rows, {"m": "number"}, where="rows.csv")


@pytest.mark.parametrize(("kind", "same"), [(pl.Int64, False), (pl.String, True)])
def test_ids_of_requests_become_numbers_only_where_ids_are_numbers(kind: type[pl.DataType], same: bool) -> None:
    rows = pl.DataFrame({"id": ["a:0", "b:0"]})
    made = number_ids(rows, "id", {"id": kind()})
    assert (made["id"].to_list() == ["a:0", "b:0"]) is same
    assert made["id"].n_unique() == 2


def test_rows_without_ids_stay_as_they_are() -> None:
    rows = pl.DataFrame({"x": [1]})
    assert number_ids(rows, None, {}).equals(rows)
    assert number_ids(rows, "id", {"id": pl.Int64()}).equals(rows)


def test_classes_that_are_no_whole_numbers_keep_their_fractions() -> None:
    assert class_names(pl.Series([0.5, 1.0])).to_list() == ["0.5", "1.0"]
