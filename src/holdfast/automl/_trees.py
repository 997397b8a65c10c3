"""LightGBM trees as an ONNX tree ensemble that branches exactly as LightGBM does.

LightGBM compares a number with a 64-bit threshold (`x <= t`). For a 32-bit `x` that is the same question as `x <= t'`
with `t'` the greatest 32-bit number not above `t`: the thresholds are rounded down, and no row takes another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import ExportFailed

if TYPE_CHECKING:
    from onnx import NodeProto

#: LightGBM's kZeroThreshold.
ZERO = np.float32(1e-35)

#: What LightGBM reads an infinite number as, and the threshold that parts all numbers from what is missing.
ENDLESS = 1e300


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Greatest float32 not above each float64, shape kept.

    Examples
    --------
    >>> bool(rounded_down(np.array([0.1]))[0] <= 0.1)
    True
    """
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    above = near.astype(np.float64) > thresholds
    near[above] = np.nextafter(near[above], np.float32(-np.inf))
    return near


def branching(thresholds: np.ndarray) -> np.ndarray:
    """Float32 thresholds that ask a float32 number what LightGBM asks it.

    A number within `ZERO` of 0 is read as 0, an infinite one as `ENDLESS`, which no threshold of that size is below.
    """
    near = rounded_down(thresholds)
    near[thresholds >= ENDLESS] = np.inf
    near[(near < 0.0) & (near >= -ZERO)] = np.nextafter(-ZERO, np.float32(-np.inf))
    near[(near >= 0.0) & (near < ZERO)] = ZERO
    return near


@dataclass(slots=True)
class _Ensemble:
    """Flat lists, as the ONNX operator wants them."""

    tree: list[int] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    mode: list[str] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    target_tree: list[int] = field(default_factory=list)
    target_node: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)

    def put(self, tree: int, node: int, *, feature: int, mode: str, value: float, missing: int) -> int:
        """One node; its place in the lists."""
        self.tree.append(tree)
        self.node.append(node)
        self.feature.append(feature)
        self.mode.append(mode)
        self.value.append(value)
        self.true.append(0)
        self.false.append(0)
        self.missing.append(missing)
        return len(self.tree) - 1

    def leaf(self, tree: int, node: int, target: int, weight: float) -> None:
        """One leaf with its weight."""
        self.put(tree, node, feature=0, mode="LEAF", value=0.0, missing=0)
        self.target_tree.append(tree)
        self.target_node.append(node)
        self.target.append(target)
        self.weight.append(weight)


def ensemble_node(dump: Mapping[str, Any], *, outputs: int, inside: str, outside: str) -> NodeProto:
    """ONNX node `TreeEnsembleRegressor` from tensor `inside` (n, d) to the margin `outside` (n, outputs).

    Parameters
    ----------
    dump
        ``booster.dump_model()`` of the iterations to keep.
    outputs
        Width of the margin; tree i adds to output ``i % outputs``.
    inside, outside
        Names of the tensors.

    Raises
    ------
    ExportFailed
        If a split is not ``<=`` on a number (categorical splits), or a leaf holds a linear model.
    """
    from onnx import helper

    flat = _Ensemble()
    for index, tree in enumerate(dump["tree_info"]):
        _walk(tree["tree_structure"], index, index % outputs, flat)
    thresholds = branching(np.array(flat.value, dtype=np.float64))
    return helper.make_node(
        "TreeEnsembleRegressor",
        [inside],
        [outside],
        name=f"n_{outside}",
        domain="ai.onnx.ml",
        aggregate_function="SUM",
        post_transform="NONE",
        n_targets=outputs,
        nodes_treeids=flat.tree,
        nodes_nodeids=flat.node,
        nodes_featureids=flat.feature,
        nodes_modes=flat.mode,
        nodes_values=thresholds.tolist(),
        nodes_truenodeids=flat.true,
        nodes_falsenodeids=flat.false,
        nodes_missing_value_tracks_true=flat.missing,
        target_treeids=flat.target_tree,
        target_nodeids=flat.target_node,
        target_ids=flat.target,
        target_weights=np.array(flat.weight, dtype=np.float64).astype(np.float32).tolist(),
    )


def _walk(root: Mapping[str, Any], tree: int, target: int, flat: _Ensemble) -> None:
    # Iterative: a tree may be deeper than the interpreter's stack. Children get the next free number.
    free = 1
    waiting: list[tuple[Mapping[str, Any], int]] = [(root, 0)]
    while waiting:
        found, node = waiting.pop()
        if "split_feature" not in found:
            if found.get("leaf_coeff"):
                raise ExportFailed("a leaf holds a linear model", expected="trees with constant leaves")
            flat.leaf(tree, node, target, float(found["leaf_value"]))
            continue
        if found["decision_type"] != "<=":
            raise ExportFailed(f"a split of type {found['decision_type']!r}", expected="splits '<=' on numbers")
        threshold = float(found["threshold"])
        at = flat.put(
            tree,
            node,
            feature=int(found["split_feature"]),
            mode="BRANCH_LEQ",
            value=threshold,
            missing=_missing_left(found, threshold),
        )
        flat.true[at], flat.false[at] = free, free + 1
        waiting += [(found["left_child"], free), (found["right_child"], free + 1)]
        free += 2


def _missing_left(found: Mapping[str, Any], threshold: float) -> int:
    if found["missing_type"] == "NaN":
        return int(bool(found["default_left"]))
    if found["missing_type"] == "None":
        # No missing value was seen here in training: LightGBM then reads NaN as 0.
        return int(threshold >= 0.0)
    raise ExportFailed(f"missing values of type {found['missing_type']!r}", expected="zero_as_missing off")
