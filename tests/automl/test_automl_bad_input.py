"""Rows and settings that are wrong or odd: one clear error, or a model that answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.automl.trainers.automl import AutoML
from holdfast.core.errors import ColumnNotFound, DataError, EmptyTable, InvalidValue, UnusableTarget


@pytest.mark.parametrize(
    ("target", "task", "match"),
    [
        (pl.lit("yes"), "binary", "constant: 'yes'"),
        (pl.lit(1.0), "regression", "constant: 1"),
        (pl.lit(None, dtype=pl.String), "binary", "every target is missing"),
        (pl.lit(None, dtype=pl.Float64), "regression", "every target is missing"),
        (pl.lit("x"), "regression", "is no number"),
        (
            pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
            "binary",
            "'a' has a single row",
        ),
        ((pl.int_range(pl.len()) % 3).cast(pl.String), "binary", "3 classes in a binary task"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused(ask, toy, target, task, match) -> None:
    with pytest.raises(UnusableTarget, match=match):
        AutoML().train(ask(toy.with_columns(y=target), task=task))


def test_a_positive_class_without_rows_is_refused(ask, toy) -> None:
    with pytest.raises(UnusableTarget, match="did you mean 'yes'"):
        AutoML().train(ask(toy, positive="yess"))


def test_no_rows_and_no_features_are_refused(ask, toy) -> None:
    with pytest.raises(EmptyTable, match="no rows"):
        AutoML().train(ask(toy.clear()))
    with pytest.raises(EmptyTable, match="no feature"):
        AutoML().train(ask(toy, features=()))


def test_columns_that_are_not_there_are_named(ask, toy) -> None:
    with pytest.raises(ColumnNotFound, match="'texd'"):
        AutoML().train(ask(toy, features=("a", "texd")))
    with pytest.raises(ColumnNotFound, match="held-out rows"):
        AutoML().train(ask(toy, holdout=toy.drop("a")))
    with pytest.raises(ColumnNotFound, match=r"settings\.group"):
        AutoML().train(ask(toy, settings={"group": "who"}))


def test_a_target_among_the_features_is_refused(ask, toy) -> None:
    with pytest.raises(InvalidValue, match="also a feature"):
        AutoML().train(ask(toy, features=("a", "y")))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_trial": 3},
        {"max_trials": 0},
        {"folds": 1},
        {"folds": 2.5},
        {"threshold": 1.0},
        {"threshold": True},
        {"calibrate": "no"},
        {"monotone": {"text": 1}},
        {"monotone": {"a": 2}},
    ],
)
def test_settings_out_of_range_are_refused(ask, toy, settings) -> None:
    with pytest.raises(InvalidValue):
        AutoML().train(ask(toy, settings=settings))


@pytest.mark.parametrize("weights", [np.ones(3), np.zeros(180), np.full(180, np.nan)])
def test_weights_out_of_range_are_refused(ask, toy, weights) -> None:
    with pytest.raises(InvalidValue, match="weight"):
        AutoML().train(ask(toy, weights=weights))


def test_an_unknown_task_is_refused(ask, toy) -> None:
    with pytest.raises(InvalidValue, match="task 'binry'"):
        AutoML().train(ask(toy, task="binry"))


def test_nested_columns_are_refused(ask, toy) -> None:
    with pytest.raises(DataError, match="column 'a'"):
        AutoML().train(ask(toy.with_columns(a=pl.concat_list("a", "b"))))


def test_rows_without_a_target_are_left_out_and_said(ask, toy) -> None:
    holey = toy.with_columns(y=pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise("y"))
    trained = AutoML().train(ask(holey))
    assert "36 rows without a target were left out" in trained.notes


def test_odd_columns_are_learnt_from_without_harm(ask, toy) -> None:
    odd = toy.with_columns(
        nothing=pl.lit(None),
        empty=pl.lit(None, dtype=pl.String),
        same=pl.lit(3),
        a_again="a",
        infinite=pl.when(pl.col("a") > 1).then(np.inf).when(pl.col("a") < -1).then(-np.inf).otherwise("a"),
        flag=pl.col("a") > 0,
        day=pl.date(2026, 1, 1) + pl.duration(days=pl.int_range(pl.len())),
        kind=pl.col("text").cast(pl.Categorical),
        many=pl.int_range(pl.len()).cast(pl.String),
        mixed=pl.Series([1, "x", 2.5, None] * 60, dtype=pl.Object),
    )
    for settings in ({"max_trials": 1}, {"max_trials": 1, "monotone": {"a": 1}}):
        trained = AutoML().train(ask(odd, settings=settings))
        assert np.isfinite(trained.original).all()


def test_ten_thousand_categories_are_limited_to_the_frequent_ones(ask) -> None:
    rng = np.random.default_rng(0)
    code = rng.integers(0, 10_000, size=20_000)
    rows = pl.DataFrame({"code": [f"c{each}" for each in code], "y": code % 2})
    for settings in ({"max_trials": 1}, {"max_trials": 1, "monotone": {"x": 1}}):
        trained = AutoML().train(ask(rows.with_columns(x=pl.lit(1.0)), settings=settings))
        assert trained.files["model.onnx"].stat().st_size < 200_000
        assert len(trained.schema.columns[0].levels) == 1000


def test_a_class_with_a_single_row_is_kept_in_a_multiclass_task(ask, toy) -> None:
    rows = toy.with_columns(y=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("once")).otherwise("y"))
    trained = AutoML().train(ask(rows, task="multiclass"))
    assert trained.schema.classes == ("no", "once", "yes")
    assert np.isfinite(trained.original).all()


def test_four_rows_are_enough_to_answer(ask) -> None:
    rows = pl.DataFrame({"a": [0.0, 1.0, 0.1, 0.9], "y": ["n", "p", "n", "p"]})
    trained = AutoML().train(ask(rows, rows=rows, settings={"folds": 2}))
    assert trained.original.shape == (1, 2)


def test_numbers_and_booleans_are_classes_too(ask, toy) -> None:
    assert AutoML().train(ask(toy.with_columns(y=pl.col("a") > 0))).schema.classes == ("false", "true")
    assert AutoML().train(ask(toy.with_columns(y=(pl.col("a") > 0).cast(pl.Float64)))).schema.classes == ("0", "1")
