"""CatBoost's oblivious trees, brought into a forest.

CatBoost asks one question on each level of a tree, ``x > border`` in 32 bits, and reads NaN as less than any number
(``nan_mode`` Min): NaN answers no. Written out, a tree of depth d has 2^d leaves; those that no row can reach (a
question that an earlier one has answered) and those that make no difference (leaves without rows hold 0) are left out.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.automl._trees import GREATER, LEAF, Forest, joined, planted
from holdfast.core.errors import ExportFailed


def exported(model: Any) -> dict[str, Any]:
    """Return a CatBoost model as plain data; the library only writes it to a file, which does not outlive the call."""
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        made: dict[str, Any] = json.loads(path.read_bytes())
    return made


def catboost_forest(export: Mapping[str, Any], *, places: Sequence[int]) -> tuple[Forest, np.ndarray]:
    """Forest of a model, and what is to be added to its sums.

    Parameters
    ----------
    export
        What `exported` gave.
    places
        Output that each of the model's own dimensions adds to.

    Returns
    -------
    tuple of Forest and numpy.ndarray
        The second of shape (dimensions,) float64.

    Raises
    ------
    ExportFailed
        If a tree is not oblivious, or asks for anything but a number.
    """
    if "oblivious_trees" not in export:
        raise ExportFailed("trees that ask several questions on a level", expected="grow_policy SymmetricTree")
    scale, bias = export["scale_and_bias"]
    trees = export["oblivious_trees"]
    by_depth: dict[int, list[int]] = {}
    for index, tree in enumerate(trees):
        splits = tree["splits"] or []
        if any(each["split_type"] != "FloatFeature" for each in splits):
            raise ExportFailed("a split on something else than a number", expected="numeric features")
        by_depth.setdefault(len(splits), []).append(index)
    made = joined([_complete(trees, which, depth, len(places), scale) for depth, which in by_depth.items()])
    return replace(made, target=np.array(places, dtype=np.int64)[made.target]), np.array(bias, dtype=np.float64)


def _complete(trees: Sequence[Mapping[str, Any]], which: list[int], depth: int, width: int, scale: float) -> Forest:
    """Forest of trees of one depth, each node at its place of a complete tree: children of i at 2i + 1 and 2i + 2."""
    splits = [trees[index]["splits"] or [] for index in which]
    feature = np.array([[each["float_feature_index"] for each in tree] for tree in splits], dtype=np.int64)
    border = np.array([[each["border"] for each in tree] for tree in splits], dtype=np.float64).astype(np.float32)
    values = scale * np.array([trees[index]["leaf_values"] for index in which]).reshape(len(which), -1, width)
    first, nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    # The answer on level i is bit i of a leaf's number.
    paths = np.arange(2**depth)
    number = sum((((paths >> (depth - 1 - level)) & 1) << level for level in range(depth)), np.zeros_like(paths))
    shape = (len(which), nodes)
    goes = np.tile(np.arange(nodes), (len(which), 1))  # the node that stands in for one whose answer is known
    flat = np.zeros(shape, dtype=bool)
    leaf = np.zeros(shape, dtype=np.int64)
    flat[:, first:], leaf[:, first:] = True, number
    each = np.arange(len(which))[:, None]
    for level in reversed(range(depth)):
        at = np.arange(2**level - 1, 2 ** (level + 1) - 1)
        no, yes = 2 * at + 1, 2 * at + 2
        same = (values[each, leaf[:, no]] == values[each, leaf[:, yes]]).all(axis=2)
        flat[:, at] = flat[:, no] & flat[:, yes] & same
        leaf[:, at] = leaf[:, no]
        for answer, child in ((0, no), (1, yes)):
            known = _known(feature, border, level, answer=answer)
            for held, value in ((goes, goes[:, child]), (flat, flat[:, child]), (leaf, leaf[:, child])):
                held[:, at] = np.where(known, value, held[:, at])
    return _of_places(np.array(which), feature, border, values, goes=goes, flat=flat, leaf=leaf)


def _known(feature: np.ndarray, border: np.ndarray, level: int, *, answer: int) -> np.ndarray:
    """Whether the path to a node of a level gives the answer to its question already, shape (trees, 2 ** level)."""
    paths = np.arange(2**level)
    known = np.zeros((len(feature), len(paths)), dtype=bool)
    for before in range(level):
        given = (paths >> (level - 1 - before)) & 1
        alike = feature[:, before] == feature[:, level]
        # Greater than a border is greater than one below it; not greater than a border is not greater than one above.
        tells = border[:, level] <= border[:, before] if answer else border[:, level] >= border[:, before]
        known |= (alike & tells)[:, None] & (given == answer)
    return known


def _of_places(
    which: np.ndarray,
    feature: np.ndarray,
    border: np.ndarray,
    values: np.ndarray,
    *,
    goes: np.ndarray,
    flat: np.ndarray,
    leaf: np.ndarray,
) -> Forest:
    (trees, nodes), depth, width = goes.shape, feature.shape[1], values.shape[2]
    place, offset = np.arange(nodes), np.arange(trees)[:, None] * nodes
    # The last level has leaves only: what they ask, and their children, do not matter.
    level = np.minimum(np.log2(place + 1).astype(np.int64), max(0, depth - 1))
    no, yes = (goes[:, np.minimum(2 * place + side, nodes - 1)] + offset for side in (1, 2))
    ends = np.flatnonzero(flat)
    row, _ = np.divmod(ends, nodes)
    nothing = np.zeros((trees, 1), dtype=np.int64)
    return planted(
        tree=np.repeat(which, nodes),
        mode=np.where(flat, LEAF, GREATER).ravel(),
        feature=(feature if depth else nothing)[:, level].ravel(),
        threshold=(border if depth else nothing)[:, level].ravel(),
        true=yes.ravel(),
        false=no.ravel(),
        missing=np.zeros(trees * nodes, dtype=bool),
        leaf=np.repeat(ends, width),
        target=np.tile(np.arange(width), len(ends)),
        weight=values[row, leaf.ravel()[ends]].ravel(),
    )
