"""CatBoost as a learner, and its oblivious trees written out."""

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
from holdfast.automl._learners.catboost import CatBoost
from holdfast.automl._objectives import AFT, Binary, Multiclass, Poisson, Quantile, Ranking, Squared
from holdfast.automl._sheet import Sheet
from holdfast.automl._trees_catboost import catboost_forest
from holdfast.core.errors import ExportFailed

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
laws = importlib.import_module("learner_laws")

OBJECTIVES = [Binary(), Multiclass(3), Squared(Binary().line), Quantile(0.8), Poisson(), Ranking()]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_the_laws_of_a_learner_hold(objective, capfd) -> None:
    laws.check_learner(CatBoost(), objective, rounds=12)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=6, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "depth": st.integers(1, 7),
            "border_count": st.sampled_from([4, 254]),
            "l2_leaf_reg": st.sampled_from([0.5, 10.0]),
            "random_strength": st.sampled_from([0.0, 5.0]),
            "bagging_temperature": st.sampled_from([0.0, 2.0]),
            "rsm": st.sampled_from([0.5, 1.0]),
        }
    ),
    st.sampled_from(OBJECTIVES[:3]),
)
def test_the_graph_answers_as_the_model_whatever_the_parameters(params, objective) -> None:
    made = laws.case(CatBoost(), objective, params=params)
    laws.check_graph(made, made.fit(rounds=5))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_tree_written_out_says_what_its_questions_and_leaves_say(data) -> None:
    depth = data.draw(st.integers(0, 5))
    width = data.draw(st.integers(1, 2))
    few = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
    splits = [
        {"float_feature_index": data.draw(st.integers(0, 2)), "border": data.draw(few), "split_type": "FloatFeature"}
        for _ in range(depth)
    ]
    leaves = data.draw(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=2**depth * width, max_size=2**depth * width))
    tree = {"splits": splits, "leaf_values": leaves}
    forest, bias = catboost_forest(
        {"oblivious_trees": [tree], "scale_and_bias": [0.5, [3.0] * width]}, places=range(width)
    )
    row = np.array([data.draw(st.one_of(few, st.just(np.nan), st.floats(-3, 3, width=32))) for _ in range(3)])
    number = sum(int(row[each["float_feature_index"]] > each["border"]) << level for level, each in enumerate(splits))
    wanted = 0.5 * np.array(leaves).reshape(-1, width)[number]
    np.testing.assert_array_equal(walked(forest, row, width), wanted)
    assert bias.tolist() == [3.0] * width
    assert len(forest.tree) <= 2 ** (depth + 1) - 1


def walked(forest: _trees.Forest, row: np.ndarray, width: int) -> np.ndarray:
    """What the leaf says that a row comes to, (width,)."""
    at = 0
    while forest.mode[at] != _trees.LEAF:
        assert forest.mode[at] == _trees.GREATER
        yes = row[forest.feature[at]] > forest.threshold[at]
        at = int(forest.true[at] if yes else forest.false[at])
    said = np.zeros(width)
    said[forest.target[forest.leaf == at]] = forest.weight[forest.leaf == at]
    return said


def test_leaves_that_nothing_reaches_or_that_make_no_difference_are_left_out() -> None:
    split = {"float_feature_index": 0, "split_type": "FloatFeature"}
    twice = {"splits": [{**split, "border": 1.0}, {**split, "border": 1.0}], "leaf_values": [1.0, 8.0, 9.0, 2.0]}
    alike = {"splits": [{**split, "border": 1.0}, {**split, "border": 5.0}], "leaf_values": [4.0, 4.0, 7.0, 4.0]}
    forest, _ = catboost_forest({"oblivious_trees": [twice, alike], "scale_and_bias": [1, [0]]}, places=[0])
    assert forest.tree.tolist() == [0, 0, 0, 1]
    assert forest.weight.tolist() == [1.0, 2.0, 4.0]


def test_infinite_numbers_in_training_are_numbers() -> None:
    made = laws.case(CatBoost(), Binary())
    made.train.matrix[::7, 3], made.train.matrix[3::7, 3] = np.inf, -np.inf
    laws.check_graph(made, made.fit(rounds=10))


@pytest.mark.parametrize("objective", [Binary(), Squared(Binary().line), Poisson()], ids=lambda each: each.name)
def test_weights_of_rows_are_used(objective) -> None:
    laws.check_weights(CatBoost(), objective)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    "objective", [Binary(), Squared(Binary().line), Quantile(0.3), Poisson()], ids=lambda each: each.name
)
def test_monotone_signs_are_kept(objective, sign, capfd) -> None:
    laws.check_monotone(CatBoost(), objective, sign)
    assert capfd.readouterr() == ("", "")


def test_what_the_library_cannot_do_is_refused() -> None:
    laws.check_refuses(CatBoost(), AFT(0.5))
    laws.check_refuses(CatBoost(), Multiclass(3), monotone=(1, 0, 0, 0, 0, 0))


def test_a_fit_ends_where_the_held_out_loss_no_longer_falls() -> None:
    made = laws.case(CatBoost(), Binary(), params={"learning_rate": 0.5})
    fitted = made.fit(held=made.held)
    best = int(np.argmin(fitted.curve))
    assert fitted.rounds == len(fitted.curve) == best + 1 + 40


def test_rows_of_a_class_that_was_never_learnt_are_judged_all_the_same() -> None:
    made = laws.case(CatBoost(), Multiclass(3))
    fitted = made.fit(train=made.train.take(np.flatnonzero(made.train.target != 2)), held=made.held, rounds=3)
    losses = made.objective.losses(fitted.margin(made.held.matrix), made.held)
    np.testing.assert_allclose(fitted.curve[-1], np.average(losses, weights=made.held.weights))
    only = made.held.take(np.flatnonzero(made.held.target == 2))
    assert made.fit(train=made.train.take(np.flatnonzero(made.train.target != 2)), held=only, rounds=3).curve[-1] > 5.0


def test_more_rounds_begin_with_the_same_trees() -> None:
    made = laws.case(CatBoost(), Squared(Binary().line))
    few, more = made.fit(rounds=4), made.fit(rounds=9)
    np.testing.assert_array_equal(few.margin(made.held.matrix), more.margin(made.held.matrix, rounds=4))


def test_real_rows_with_gaps_are_learnt_and_answered_alike(real) -> None:
    made = laws.case(CatBoost(), Binary())
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
    [({"depth": 11}, "at most 10 deep"), ({"rsm": 7.0}, "Rsm should"), ({"max_depth": 3}, "no parameter 'max_depth'")],
)
def test_parameters_without_sense_are_told(params, match, capfd) -> None:
    made = laws.case(CatBoost(), Binary())
    with pytest.raises(ValueError, match=match):
        made.fit(params=params, rounds=1)


def test_rows_that_nothing_can_be_learnt_from_are_told() -> None:
    made = laws.case(CatBoost(), Binary())
    with pytest.raises(ValueError, match="rows of two classes"):
        made.fit(train=made.train.take(np.flatnonzero(made.train.target == 1)), rounds=1)
    made.train.matrix[:] = 1.0
    with pytest.raises(ValueError, match="constant"):
        made.fit(rounds=1)


@pytest.mark.parametrize(
    ("export", "match"),
    [
        ({"trees": []}, "SymmetricTree"),
        (
            {"oblivious_trees": [{"splits": [{"split_type": "OneHotFeature"}]}], "scale_and_bias": [1, [0]]},
            "numeric features",
        ),
    ],
)
def test_trees_that_cannot_be_written_are_refused(export, match) -> None:
    with pytest.raises(ExportFailed, match=match):
        catboost_forest(export, places=[0])
