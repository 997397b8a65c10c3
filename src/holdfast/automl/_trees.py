"""Trees as an ONNX tree ensemble that branches exactly as the library does that grew them.

Each library's own module brings its trees into a `Forest`; here it becomes a node. LightGBM's way is here: it compares
a number with a 64-bit threshold (`x <= t`). For a 32-bit `x` that is the same question as `x <= t'` with `t'` the
greatest 32-bit number not above `t`: the thresholds are rounded down, and no row takes another way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import ExportFailed

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto

#: LightGBM's kZeroThreshold.
ZERO = np.float32(1e-35)

#: What LightGBM reads an infinite number as, and the threshold that parts all numbers from what is missing.
ENDLESS = 1e300

#: Bytes in the graph of a leaf with its weight, of a further weight (of a leaf that adds to several outputs), and of a
#: branch.
_LEAF, _WEIGHT, _BRANCH = 34, 12, 30
#: Bytes in the graph of a leaf with its share of branches: a tree has one branch less than leaves.
LEAF_BYTES = 64


def leaf_bytes(weights: int) -> int:
    """Bytes in the graph of a leaf that adds to so many outputs, with its share of branches."""
    return _LEAF + _BRANCH + (weights - 1) * _WEIGHT


#: What a node asks its number `x` with the threshold `t`; `LEAF` asks nothing.
LEAF, LESS_EQUAL, LESS, GREATER = range(4)
_MODES = ("LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT")


#: Fields of a forest with an element for each weight; the others have one for each node.
_OF_WEIGHTS = ("leaf", "target", "weight")


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees in flat arrays, one element for each node, as the ONNX operator wants them.

    Parameters
    ----------
    tree, node
        Shape (nodes,) int64: number of the tree, number of the node within it (the root is 0).
    mode
        Shape (nodes,) int64: what the node asks, `LEAF` where it asks nothing.
    feature, threshold
        Shape (nodes,) int64 and float32: which number is asked, and what it is compared with.
    true, false
        Shape (nodes,) int64: the node to go on to where the answer is yes, and where it is no.
    missing
        Shape (nodes,) bool: whether NaN goes where the answer is yes; else it goes where the answer is no.
    leaf
        Shape (weights,) int64: places in the arrays above of the leaves that add to an output.
    target, weight
        Shape (weights,) int64 and float32: which output, and what is added to it.
    """

    tree: np.ndarray
    node: np.ndarray
    mode: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    true: np.ndarray
    false: np.ndarray
    missing: np.ndarray
    leaf: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    @property
    def size(self) -> int:
        """Bytes that it has in the graph, about."""
        leaves = int(np.count_nonzero(self.mode == LEAF))
        return leaves * (_LEAF - _WEIGHT) + len(self.weight) * _WEIGHT + (len(self.mode) - leaves) * _BRANCH

    def first(self, trees: int) -> Forest:
        """Return the forest of the first `trees` trees."""
        nodes = int(np.searchsorted(self.tree, trees))
        weights = int(np.searchsorted(self.leaf, nodes))
        each = {name: getattr(self, name) for name in self.__slots__}
        return Forest(**{name: held[: weights if name in _OF_WEIGHTS else nodes] for name, held in each.items()})


def joined(parts: Sequence[Forest]) -> Forest:
    """One forest of several whose trees have numbers of their own, in the order of those."""
    each = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Forest.__slots__}
    before = np.cumsum([0, *(len(part.tree) for part in parts[:-1])])
    leaf = np.concatenate([part.leaf + nodes for part, nodes in zip(parts, before, strict=True)])
    order = np.argsort(each["tree"], kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    weights = np.argsort(place[leaf], kind="stable")
    each["leaf"] = place[leaf]
    return Forest(**{name: held[weights if name in _OF_WEIGHTS else order] for name, held in each.items()})


def planted(
    *,
    tree: np.ndarray,
    mode: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    true: np.ndarray,
    false: np.ndarray,
    missing: np.ndarray,
    leaf: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
) -> Forest:
    """Forest of nodes that may be more than are needed: those that no root leads to are left out, the others numbered.

    The arguments are those of `Forest`, but for `true` and `false`: places in the arrays, not numbers within the tree.
    The first node of a tree is its root. What a leaf asks, and where it leads to, does not matter.
    """
    inner = mode != LEAF
    seen = _reached(np.where(inner, true, -1), np.where(inner, false, -1), np.flatnonzero(np.diff(tree, prepend=-1)))
    place = np.cumsum(seen) - 1
    number = place - place[np.searchsorted(tree, tree)]
    asks, there = inner[seen], seen[leaf]
    return Forest(
        tree=tree[seen],
        node=number[seen],
        mode=mode[seen],
        feature=np.where(asks, feature[seen], 0),
        threshold=np.where(asks, threshold[seen], np.float32(0.0)),
        true=np.where(asks, number[np.where(inner, true, 0)[seen]], 0),
        false=np.where(asks, number[np.where(inner, false, 0)[seen]], 0),
        missing=asks & missing[seen],
        leaf=place[leaf[there]],
        target=target[there],
        weight=weight[there].astype(np.float32),
    )


def _reached(true: np.ndarray, false: np.ndarray, roots: np.ndarray) -> np.ndarray:
    seen = np.zeros(len(true), dtype=bool)
    ahead = roots
    while len(ahead):
        seen[ahead] = True
        ahead = ahead[true[ahead] >= 0]
        ahead = np.concatenate([true[ahead], false[ahead]])
    return seen


def forest_node(forest: Forest, *, outputs: int, inside: str, outside: str) -> NodeProto:
    """ONNX node `TreeEnsembleRegressor`: the sum of the trees.

    Parameters
    ----------
    forest
        Trees.
    outputs
        Width of the margin.
    inside, outside
        Names of the tensors: (n, d) float32, and the margin (n, outputs) float32.
    """
    from onnx import NodeProto

    made = NodeProto(
        op_type="TreeEnsembleRegressor", domain="ai.onnx.ml", name=f"n_{outside}", input=[inside], output=[outside]
    )
    # Built by hand: `helper.make_node` looks at every number of a list, which takes seconds for a large forest.
    made.attribute.extend(
        [
            _text("aggregate_function", "SUM"),
            _text("post_transform", "NONE"),
            _whole("n_targets", outputs),
            _wholes("nodes_treeids", forest.tree),
            _wholes("nodes_nodeids", forest.node),
            _wholes("nodes_featureids", forest.feature),
            _texts("nodes_modes", [_MODES[each] for each in forest.mode.tolist()]),
            _floats("nodes_values", forest.threshold),
            _wholes("nodes_truenodeids", forest.true),
            _wholes("nodes_falsenodeids", forest.false),
            _wholes("target_treeids", forest.tree[forest.leaf]),
            _wholes("target_nodeids", forest.node[forest.leaf]),
            _wholes("target_ids", forest.target),
            _floats("target_weights", forest.weight),
        ]
    )
    if forest.missing.any():
        # Left out where it says nothing: the runtime then does not look for NaN at every branch.
        made.attribute.append(_wholes("nodes_missing_value_tracks_true", forest.missing))
    return made


def _whole(name: str, value: int) -> AttributeProto:
    from onnx import AttributeProto

    return AttributeProto(name=name, type=AttributeProto.INT, i=value)


def _text(name: str, value: str) -> AttributeProto:
    from onnx import AttributeProto

    return AttributeProto(name=name, type=AttributeProto.STRING, s=value.encode())


def _wholes(name: str, values: np.ndarray) -> AttributeProto:
    from onnx import AttributeProto

    return AttributeProto(name=name, type=AttributeProto.INTS, ints=values.astype(np.int64).tolist())


def _floats(name: str, values: np.ndarray) -> AttributeProto:
    from onnx import AttributeProto

    return AttributeProto(name=name, type=AttributeProto.FLOATS, floats=values.astype(np.float32).tolist())


def _texts(name: str, values: list[str]) -> AttributeProto:
    from onnx import AttributeProto

    return AttributeProto(name=name, type=AttributeProto.STRINGS, strings=[each.encode() for each in values])


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


def ensemble_node(dump: Mapping[str, Any], *, outputs: int, inside: str, outside: str) -> NodeProto:
    """ONNX node `TreeEnsembleRegressor` from tensor `inside` (n, d) to the margin `outside` (n, outputs).

    Parameters
    ----------
    dump
        ``booster.dump_model()`` of LightGBM, of the iterations to keep.
    outputs
        Width of the margin; tree i adds to output ``i % outputs``.
    inside, outside
        Names of the tensors.

    Raises
    ------
    ExportFailed
        If a split is not ``<=`` on a number (categorical splits), or a leaf holds a linear model.
    """
    made = _Growing()
    for index, tree in enumerate(dump["tree_info"]):
        _walk(tree["tree_structure"], index, index % outputs, made)
    return forest_node(made.forest(), outputs=outputs, inside=inside, outside=outside)


@dataclass(slots=True)
class _Growing:
    """Flat lists of what becomes a forest."""

    rows: list[tuple[int, int, int, int, float, int, int, int]] = field(default_factory=list)
    leaves: list[tuple[int, int, float]] = field(default_factory=list)

    def forest(self) -> Forest:
        """Arrays of the lists."""
        tree, node, mode, feature, threshold, true, false, missing = map(np.array, zip(*self.rows, strict=True))
        leaf, target, weight = map(np.array, zip(*self.leaves, strict=True))
        return Forest(
            tree=tree,
            node=node,
            mode=mode,
            feature=feature,
            threshold=branching(threshold.astype(np.float64)),
            true=true,
            false=false,
            missing=missing.astype(bool),
            leaf=leaf,
            target=target,
            weight=weight.astype(np.float32),
        )


def _walk(root: Mapping[str, Any], tree: int, target: int, made: _Growing) -> None:
    # Iterative: a tree may be deeper than the interpreter's stack. Children get the next free number.
    free = 1
    waiting: list[tuple[Mapping[str, Any], int]] = [(root, 0)]
    while waiting:
        found, node = waiting.pop()
        if "split_feature" not in found:
            if found.get("leaf_coeff"):
                raise ExportFailed("a leaf holds a linear model", expected="trees with constant leaves")
            made.leaves.append((len(made.rows), target, float(found["leaf_value"])))
            made.rows.append((tree, node, LEAF, 0, 0.0, 0, 0, 0))
            continue
        if found["decision_type"] != "<=":
            raise ExportFailed(f"a split of type {found['decision_type']!r}", expected="splits '<=' on numbers")
        threshold = float(found["threshold"])
        missing = _missing_left(found, threshold)
        made.rows.append((tree, node, LESS_EQUAL, int(found["split_feature"]), threshold, free, free + 1, missing))
        waiting += [(found["left_child"], free), (found["right_child"], free + 1)]
        free += 2


def _missing_left(found: Mapping[str, Any], threshold: float) -> int:
    if found["missing_type"] == "NaN":
        return int(bool(found["default_left"]))
    if found["missing_type"] == "None":
        # No missing value was seen here in training: LightGBM then reads NaN as 0.
        return int(threshold >= 0.0)
    raise ExportFailed(f"missing values of type {found['missing_type']!r}", expected="zero_as_missing off")
