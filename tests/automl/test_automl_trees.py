"""Trees in ONNX branch as LightGBM does: on thresholds themselves, on missing values, on infinities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdfast.automl import _trees
from holdfast.automl._graph import model_of
from holdfast.automl._learners.lightgbm import BINNED
from holdfast.automl._session import run
from holdfast.core.errors import ExportFailed


@given(arrays(np.float64, 5, elements=st.floats(-1e300, 1e300)), arrays(np.float32, 7, elements=st.floats(width=32)))
def test_a_threshold_rounded_down_asks_the_same_question(thresholds, values) -> None:
    rounded = _trees.rounded_down(thresholds)
    assert rounded.dtype == np.float32
    wide = values.astype(np.float64)[:, None] <= thresholds
    np.testing.assert_array_equal(values[:, None] <= rounded, wide)


def margin_in_onnx(booster, matrix: np.ndarray, outputs: int) -> np.ndarray:
    from onnx import TensorProto, helper

    node = _trees.ensemble_node(booster.dump_model(), outputs=outputs, inside="x", outside="margin")
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", matrix.shape[1]])],
        [helper.make_tensor_value_info("margin", TensorProto.FLOAT, ["n", outputs])],
    )
    return run(model_of(graph).SerializeToString(), {"x": matrix})[0]


def fitted(matrix, target, **params):
    import lightgbm as lgb

    whole = {"num_leaves": 15, "min_data_in_leaf": 2, "num_threads": 1, "verbosity": -1, **BINNED, **params}
    return lgb.train(whole, lgb.Dataset(matrix, target, params=BINNED), 20)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.booleans())
def test_every_row_takes_the_same_way(seed, outputs, extra) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.round(rng.normal(size=(120, 4)), 1).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    matrix[:, 3] = np.float32(rng.integers(-2, 3, size=120))  # never missing in training
    target = (
        np.digitize(np.nan_to_num(matrix[:, 0]) + matrix[:, 3], [-1, 1])
        if outputs == 3
        else np.nan_to_num(matrix[:, 0])
    )
    objective = {"objective": "multiclass", "num_class": 3} if outputs == 3 else {"objective": "regression"}
    booster = fitted(matrix, target, extra_trees=extra, **objective)
    odd = np.vstack(
        [matrix, np.full((1, 4), np.nan), np.full((1, 4), np.inf), np.full((1, 4), -np.inf), np.zeros((1, 4))]
    )
    edges = np.array(
        [each for tree in booster.dump_model()["tree_info"] for each in thresholds(tree["tree_structure"])]
    )
    near = np.clip(edges, -3e38, 3e38).astype(np.float32)
    at = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
    odd = np.vstack([odd, np.repeat(at[:, None], 4, axis=1)]).astype(np.float32)
    wanted = booster.predict(odd, raw_score=True).reshape(len(odd), outputs)
    np.testing.assert_allclose(margin_in_onnx(booster, odd, outputs), wanted, atol=3e-6)


def thresholds(node) -> list[float]:
    if "threshold" not in node:
        return []
    return [node["threshold"], *thresholds(node["left_child"]), *thresholds(node["right_child"])]


def test_a_tree_of_one_leaf_is_a_constant() -> None:
    booster = fitted(np.zeros((20, 2), np.float32), np.arange(20.0), objective="regression")
    np.testing.assert_allclose(margin_in_onnx(booster, np.ones((3, 2), np.float32), 1), np.full((3, 1), 9.5))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"decision_type": "=="}, "split of type '=='"),
        ({"missing_type": "Zero"}, "missing values of type 'Zero'"),
        ({"left_child": {"leaf_value": 0.0, "leaf_coeff": [1.0]}}, "linear model"),
    ],
)
def test_what_cannot_be_written_is_refused(change, match) -> None:
    node = {
        "split_feature": 0,
        "threshold": 1.0,
        "decision_type": "<=",
        "missing_type": "None",
        "default_left": True,
        "left_child": {"leaf_value": 0.0},
        "right_child": {"leaf_value": 1.0},
    }
    with pytest.raises(ExportFailed, match=match):
        _trees.ensemble_node(
            {"tree_info": [{"tree_structure": {**node, **change}}]}, outputs=1, inside="x", outside="m"
        )
