"""XGBoost as a learner: every objective, every way that a number can be odd, and forests in the making."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl import _trees, _trees_boosting
from holdfast.automl._learners import xgboost as module
from holdfast.automl._learners.base import Setup
from holdfast.automl._learners.xgboost import XGBoost
from holdfast.automl._objectives import AFT, Binary, Multiclass, Poisson, Quantile, Ranking, Squared
from holdfast.automl._sheet import Sheet
from holdfast.automl._trees_xgboost import FINITE, xgboost_forest
from holdfast.core.errors import ExportFailed

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
laws = importlib.import_module("learner_laws")

OBJECTIVES = [
    Binary(),
    Multiclass(3),
    Squared(Binary().line),
    Quantile(0.8),
    Poisson(),
    Ranking(),
    AFT(0.5),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_the_laws_of_a_learner_hold(objective, capfd) -> None:
    laws.check_learner(XGBoost(), objective, rounds=15)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=8, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "max_depth": st.integers(0, 8),
            "max_leaves": st.integers(2, 20),
            "grow_policy": st.sampled_from(["depthwise", "lossguide"]),
            "gamma": st.sampled_from([0.0, 0.5, 4.0]),
            "subsample": st.sampled_from([0.5, 1.0]),
            "colsample_bynode": st.sampled_from([0.4, 1.0]),
            "reg_alpha": st.sampled_from([0.0, 1.0]),
        }
    ),
    st.sampled_from(OBJECTIVES[:3]),
)
def test_the_graph_answers_as_the_booster_whatever_the_parameters(params, objective) -> None:
    made = laws.case(XGBoost(), objective, params=params)
    laws.check_graph(made, made.fit(rounds=6))


@pytest.mark.parametrize("objective", [Binary(), Squared(Binary().line)], ids=lambda each: each.name)
def test_infinite_numbers_in_training_are_the_greatest_ones_in_model_and_graph(objective) -> None:
    made = laws.case(XGBoost(), objective)
    made.train.matrix[::7, 3], made.train.matrix[3::7, 3] = np.inf, -np.inf
    made.train.matrix[::5, 5], made.train.target[::5] = np.inf, made.train.target.max()
    made.train.matrix[1::5, 5], made.train.target[1::5] = np.nan, made.train.target.min()
    fitted = made.fit(rounds=10)
    laws.check_graph(made, fitted)
    greatest = np.where(np.isposinf(made.train.matrix), FINITE, made.train.matrix)
    greatest[np.isneginf(greatest)] = -FINITE
    np.testing.assert_array_equal(fitted.margin(greatest), fitted.margin(made.train.matrix))


@pytest.mark.parametrize("objective", [Binary(), Squared(Binary().line), Poisson(), Ranking()], ids=lambda o: o.name)
def test_weights_of_rows_are_used(objective) -> None:
    if objective.name == "ranking":
        made = laws.case(XGBoost(), objective)
        before = made.fit(rounds=5).margin(made.held.matrix)
        made.train.weights[made.train.group < 5] *= 50.0
        assert np.abs(made.fit(rounds=5).margin(made.held.matrix) - before).max() > 0.0
    else:
        laws.check_weights(XGBoost(), objective)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    "objective", [Binary(), Squared(Binary().line), Quantile(0.3), Poisson()], ids=lambda each: each.name
)
def test_monotone_signs_are_kept(objective, sign) -> None:
    laws.check_monotone(XGBoost(), objective, sign)


def test_monotone_signs_of_several_classes_are_refused() -> None:
    laws.check_refuses(XGBoost(), Multiclass(3), monotone=(1, 0, 0, 0, 0, 0))


def test_a_fit_ends_where_the_held_out_loss_no_longer_falls() -> None:
    made = laws.case(XGBoost(), Binary(), params={"learning_rate": 0.5})
    fitted = made.fit(held=made.held)
    best = int(np.argmin(fitted.curve))
    assert fitted.rounds == len(fitted.curve) == best + 1 + 40


def test_more_rounds_begin_with_the_same_trees() -> None:
    made = laws.case(XGBoost(), Squared(Binary().line), params={"subsample": 0.7, "colsample_bytree": 0.5})
    few, more = made.fit(rounds=4), made.fit(rounds=9)
    np.testing.assert_array_equal(few.margin(made.held.matrix), more.margin(made.held.matrix, rounds=4))


def test_real_rows_with_gaps_are_learnt_and_answered_alike(real) -> None:
    made = laws.case(XGBoost(), Binary())
    made.train, made.held = halves(real("heart_disease/heart_disease.parquet"))
    fitted = made.fit(held=made.held, rounds=30)
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
    [({"max_depth": -3}, "max_depth"), ({"subsample": 2.0}, "subsample"), ({"eta": 0.1}, "no parameter 'eta'")],
)
def test_parameters_without_sense_are_told(params, match) -> None:
    made = laws.case(XGBoost(), Binary())
    with pytest.raises(ValueError, match=match):
        made.fit(params=params, rounds=1)


def test_a_ranking_without_groups_is_told() -> None:
    made = laws.case(XGBoost(), Ranking())
    made.train.group = None
    with pytest.raises(ValueError, match="group of each row"):
        made.fit(rounds=1)


def test_a_constant_target_and_a_single_row_give_a_model() -> None:
    made = laws.case(XGBoost(), Squared(Binary().line))
    flat = made.fit(train=made.train.with_target(np.full(made.train.n, 0.25)), rounds=2)
    np.testing.assert_allclose(flat.margin(made.held.matrix), 0.25, atol=1e-6)
    laws.check_graph(made, flat)
    alone = made.fit(train=made.train.take(np.array([0])), rounds=2)
    assert np.isfinite(alone.margin(made.held.matrix)).all()


def test_some_of_many_rows_are_taken_once_the_deadline_has_passed() -> None:
    many = laws.sheet(Binary(), n=12_000)
    some = _trees_boosting.begun(many, laws.past(), kept="xgboost")
    assert some.n == _trees_boosting.LATE_ROWS
    assert some.target.mean() == pytest.approx(many.target.mean(), abs=0.02)
    assert _trees_boosting.begun(many, laws.far(), kept="xgboost") is many
    many.kept["xgboost"] = "binned"
    assert _trees_boosting.begun(many, laws.past(), kept="xgboost") is many


def test_what_an_objective_lacks_in_the_library_goes_by_its_gradients() -> None:
    signs = (1, 0, 0, 0, 0, 0)
    assert not module._own(Setup(AFT()))
    assert not module._own(Setup(Quantile(0.5), monotone=signs))
    assert module._own(Setup(Quantile(0.5)))
    assert module._own(Setup(Binary(), monotone=signs))


@pytest.mark.parametrize("change", [{"split_type": [1, 0, 0]}, {"tree_param": {"size_leaf_vector": "3"}}])
def test_trees_that_cannot_be_written_are_refused(change) -> None:
    tree = {
        "split_type": [0, 0, 0],
        "tree_param": {"size_leaf_vector": "1"},
        "left_children": [1, -1, -1],
        "right_children": [2, -1, -1],
        "split_conditions": [0.5, 1.0, 2.0],
        "split_indices": [0, 0, 0],
        "default_left": [0, 0, 0],
    }
    model = {"trees": [tree], "tree_info": [0]}
    text = json.dumps({"learner": {"gradient_booster": {"model": model}}}).encode()
    assert xgboost_forest(text).weight.tolist() == [1.0, 2.0]
    tree |= change
    with pytest.raises(ExportFailed, match="categorical split"):
        xgboost_forest(json.dumps({"learner": {"gradient_booster": {"model": model}}}).encode())


def test_a_forest_keeps_what_a_root_leads_to_and_numbers_it_anew() -> None:
    # Tree 4: a root with two leaves and a node between them that nothing leads to; tree 7: one leaf.
    forest = _trees.planted(
        tree=np.array([4, 4, 4, 4, 7]),
        mode=np.array([_trees.LESS, _trees.LEAF, _trees.LESS, _trees.LEAF, _trees.LEAF]),
        feature=np.array([2, 9, 9, 9, 9]),
        threshold=np.array([0.5, 8.0, 8.0, 8.0, 8.0], dtype=np.float32),
        true=np.array([1, -1, 0, -1, -1]),
        false=np.array([3, -1, 0, -1, -1]),
        missing=np.array([True, True, True, True, True]),
        leaf=np.array([1, 2, 3, 4]),
        target=np.array([0, 0, 0, 1]),
        weight=np.array([1.0, 99.0, 2.0, 3.0]),
    )
    assert forest.tree.tolist() == [4, 4, 4, 7]
    assert forest.node.tolist() == [0, 1, 2, 0]
    assert (forest.true.tolist(), forest.false.tolist()) == ([1, 0, 0, 0], [2, 0, 0, 0])
    assert forest.feature.tolist() == [2, 0, 0, 0]
    assert forest.missing.tolist() == [True, False, False, False]
    assert (forest.leaf.tolist(), forest.weight.tolist()) == ([1, 2, 3], [1.0, 2.0, 3.0])


@given(st.permutations(range(5)), st.integers(1, 4), st.integers(0, 5))
def test_forests_are_joined_in_the_order_of_their_trees_and_cut_behind_any(numbers, edge, count) -> None:
    parts = [stumps(sorted(numbers[:edge])), stumps(sorted(numbers[edge:]))]
    whole = _trees.joined(parts)
    assert whole.tree.tolist() == np.repeat(np.arange(5), 3).tolist()
    assert whole.node.tolist() == [0, 1, 2] * 5
    assert whole.weight.tolist() == np.repeat(np.arange(5.0), 2).tolist()
    assert (whole.mode[whole.leaf] == _trees.LEAF).all()
    cut = whole.first(count)
    assert len(cut.tree) == 3 * count
    assert cut.weight.tolist() == np.repeat(np.arange(float(count)), 2).tolist()


def stumps(numbers: list[int]) -> _trees.Forest:
    """Trees of two leaves, whose weights are the number of the tree."""
    count, root = len(numbers), np.arange(0, 3 * len(numbers), 3)
    shape = np.tile([1, 0, 0], count)
    return _trees.planted(
        tree=np.repeat(numbers, 3),
        mode=np.tile([_trees.LESS, _trees.LEAF, _trees.LEAF], count),
        feature=shape,
        threshold=shape.astype(np.float32),
        true=np.repeat(root + 1, 3),
        false=np.repeat(root + 2, 3),
        missing=shape > 0,
        leaf=np.sort(np.concatenate([root + 1, root + 2])),
        target=np.zeros(2 * count, dtype=np.int64),
        weight=np.repeat(numbers, 2).astype(np.float64),
    )


def test_the_constant_of_a_leaf_is_the_bytes_of_a_usual_tree() -> None:
    from onnx import NodeProto

    made = laws.case(XGBoost(), Squared(Binary().line), params={"max_leaves": 31, "grow_policy": "lossguide"})
    forest = made.fit(rounds=200)._forest(None)
    node: NodeProto = _trees.forest_node(forest, outputs=1, inside="x", outside="y")
    leaves = int(np.count_nonzero(forest.mode == _trees.LEAF))
    assert pytest.approx(node.ByteSize() / leaves, rel=0.1) == _trees.LEAF_BYTES
    assert _trees.leaf_bytes(1) == _trees.LEAF_BYTES
