"""Extremely randomised trees as a learner: shares and logarithms, and graphs that stay small."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl import _trees
from holdfast.automl._budget import Deadline
from holdfast.automl._learners.extra_trees import ExtraTrees, most_leaves
from holdfast.automl._objectives import AFT, Binary, Multiclass, Poisson, Quantile, Ranking, Squared
from holdfast.automl._sheet import Sheet

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
laws = importlib.import_module("learner_laws")

OBJECTIVES = [Binary(), Multiclass(3), Squared(Binary().line)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_the_laws_of_a_learner_hold(objective, capfd) -> None:
    laws.check_learner(ExtraTrees(), objective, params={"min_samples_leaf": 3}, rounds=15)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=8, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "min_samples_leaf": st.sampled_from([1, 5, 200]),
            "max_features": st.sampled_from([None, 0.5, 1.0]),
            "most_bytes": st.sampled_from([5_000, 4_000_000]),
        }
    ),
    st.sampled_from(OBJECTIVES),
)
def test_the_graph_answers_as_the_trees_whatever_the_parameters(params, objective) -> None:
    made = laws.case(ExtraTrees(), objective, params=params)
    laws.check_graph(made, made.fit(rounds=5))


def test_a_missing_value_goes_where_most_rows_went_if_none_was_missing_in_training() -> None:
    made = laws.case(ExtraTrees(), Binary())
    made.train.matrix[:] = np.nan_to_num(made.train.matrix, nan=7.0)
    fitted = made.fit(rounds=10)
    laws.check_graph(made, fitted)
    tree = fitted.trees[0]
    left, right = tree.n_node_samples[tree.children_left], tree.n_node_samples[tree.children_right]
    inner = tree.children_left >= 0
    np.testing.assert_array_equal(tree.missing_go_to_left[inner].astype(bool), (left > right)[inner])


def test_infinite_numbers_in_training_are_numbers() -> None:
    made = laws.case(ExtraTrees(), Binary())
    made.train.matrix[::7, 3], made.train.matrix[3::7, 3] = np.inf, -np.inf
    laws.check_graph(made, made.fit(rounds=10))


def test_a_share_is_never_below_half_a_row() -> None:
    made = laws.case(ExtraTrees(), Binary())
    fitted = made.fit(rounds=2)
    margin = fitted.margin(made.train.matrix)
    edge = np.log(2 * made.train.n)
    assert np.abs(margin).max() == pytest.approx(edge)
    assert fitted.least == 0.5 / made.train.n


def test_classes_that_agree_for_nearly_all_trees_are_told_apart_to_the_last_digit() -> None:
    # The share of a class that is nearly sure is 1 less a rounding error: its logarithm comes from the other class.
    made = laws.case(ExtraTrees(), Binary())
    made.train.target[:] = 1
    made.train.target[0] = 0
    fitted = made.fit(rounds=60)
    asked = laws.run(laws.model(fitted, made.train.width), {"x": made.train.matrix})[0]
    np.testing.assert_allclose(asked, fitted.margin(made.train.matrix), rtol=2e-6)


@pytest.mark.parametrize("objective", [Binary(), Squared(Binary().line)], ids=lambda each: each.name)
def test_weights_of_rows_are_used(objective) -> None:
    laws.check_weights(ExtraTrees(), objective)


@pytest.mark.parametrize("objective", [Quantile(0.5), Poisson(), Ranking(), AFT(0.5)], ids=lambda each: each.name)
def test_what_a_mean_of_leaves_does_not_minimise_is_refused(objective) -> None:
    laws.check_refuses(ExtraTrees(), objective)


def test_monotone_signs_are_refused() -> None:
    laws.check_refuses(ExtraTrees(), Binary(), monotone=(1, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_a_graph_has_no_more_bytes_than_it_may(objective) -> None:
    made = laws.case(ExtraTrees(), objective, params={"most_bytes": 60_000, "trees": 30})
    made.train = laws.sheet(objective, n=2_000)
    fitted = made.fit()
    assert fitted.rounds == 30
    assert 0.5 * 60_000 < len(laws.model(fitted, made.train.width)) < 1.1 * 60_000


@settings(max_examples=50)
@given(st.integers(2_000, 10_000_000), st.integers(1, 500), st.integers(1, 200), st.integers(2, 100_000))
def test_leaves_are_as_many_as_the_bytes_allow(most_bytes, trees, values, n) -> None:
    leaves = most_leaves(most_bytes, trees=trees, values=values, n=n)
    grown = min(leaves, n)  # a leaf has a row
    names = min(grown * values, n)  # and a row one class
    each = grown * _trees.leaf_bytes(0) + names * (_trees.leaf_bytes(1) - _trees.leaf_bytes(0))
    assert leaves == 2 or trees * each <= most_bytes


def test_a_batch_of_trees_changes_no_tree() -> None:
    made = laws.case(ExtraTrees(), Binary())
    one_by_one = made.fit(rounds=12, deadline=Deadline(laws.Ticks(), 1_000.0))
    together = made.fit(rounds=12)
    np.testing.assert_array_equal(one_by_one.margin(made.held.matrix), together.margin(made.held.matrix))


def test_a_fit_ends_where_more_trees_bring_nothing() -> None:
    made = laws.case(ExtraTrees(), Binary(), params={"trees": 400})
    fitted = made.fit(held=made.held)
    best = int(np.argmin(fitted.curve))
    assert fitted.rounds == len(fitted.curve) == min(400, best + 1 + 40)


def test_a_single_class_is_all_but_sure() -> None:
    made = laws.case(ExtraTrees(), Binary())
    fitted = made.fit(train=made.train.take(np.flatnonzero(made.train.target == 1)), rounds=2)
    assert (made.objective.answers(fitted.margin(made.held.matrix))[:, 1] > 0.99).all()
    laws.check_graph(made, fitted)


def test_real_rows_with_gaps_are_learnt_and_answered_alike(real) -> None:
    made = laws.case(ExtraTrees(), Binary())
    made.train, made.held = halves(real("heart_disease/heart_disease.parquet"))
    fitted = made.fit(held=made.held, rounds=40)
    laws.check_graph(made, fitted)
    laws.check_learns(made, fitted)
    laws.check_size(fitted, width=made.train.width)


def halves(rows: pl.DataFrame) -> tuple[Sheet, Sheet]:
    matrix = rows.drop("num", "site", "disease").fill_nan(None).to_numpy().astype(np.float32)
    target = rows["disease"].to_numpy().astype(np.int64)
    whole = Sheet(matrix, target, np.ones(len(target)))
    order = np.random.default_rng(0).permutation(whole.n)
    return whole.take(order[::2]), whole.take(order[1::2])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"min_samples_leaf": -1}, "min_samples_leaf"),
        ({"max_features": 7.5}, "max_features"),
        ({"n_estimators": 5}, "no parameter 'n_estimators'"),
    ],
)
def test_parameters_without_sense_are_told(params, match) -> None:
    made = laws.case(ExtraTrees(), Binary())
    with pytest.raises(ValueError, match=match):
        made.fit(params=params, rounds=1)
