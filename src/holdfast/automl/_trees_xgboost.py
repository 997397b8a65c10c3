"""XGBoost's trees, brought into a forest.

XGBoost compares 32-bit numbers, ``x < t``; NaN goes where the node says. An infinite number it refuses: the learner
hands it `FINITE` instead, and a threshold beyond that, which only parts all numbers from NaN, is asked as
``x <= infinity``.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import numpy as np

from holdfast.automl._trees import LEAF, LESS, LESS_EQUAL, Forest, planted
from holdfast.core.errors import ExportFailed

#: What stands for an infinite number; half of the greatest 32-bit number, so that a bin's upper end is still a number.
FINITE = np.float32(1.7e38)


def finite(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix (n, d) float32 with what is beyond `FINITE` brought there; NaN stays."""
    beyond = np.abs(matrix) > FINITE
    return np.clip(matrix, -FINITE, FINITE) if beyond.any() else matrix


def xgboost_forest(text: bytes | bytearray) -> Forest:
    """Forest of a booster.

    Parameters
    ----------
    text
        ``booster.save_raw("json")``.

    Raises
    ------
    ExportFailed
        If a split is categorical or a leaf holds a vector.
    """
    model = json.loads(text)["learner"]["gradient_booster"]["model"]
    trees = model["trees"]
    if any(any(each["split_type"]) or int(each["tree_param"]["size_leaf_vector"]) > 1 for each in trees):
        raise ExportFailed("a categorical split, or a leaf with a vector", expected="splits on numbers, one per leaf")
    counts = np.array([len(each["left_children"]) for each in trees], dtype=np.int64)
    tree, first = np.repeat(np.arange(len(trees)), counts), np.repeat(np.cumsum(counts) - counts, counts)
    left, right = (_column(trees, f"{side}_children").astype(np.int64) for side in ("left", "right"))
    condition = _column(trees, "split_conditions").astype(np.float32)
    endless, leaf = condition > FINITE, np.flatnonzero(left < 0)
    return planted(
        tree=tree,
        mode=np.where(left < 0, LEAF, np.where(endless, LESS_EQUAL, LESS)),
        feature=_column(trees, "split_indices").astype(np.int64),
        threshold=np.where(endless, np.float32(np.inf), condition),
        true=left + first,
        false=right + first,
        missing=_column(trees, "default_left") > 0,
        leaf=leaf,
        target=np.array(model["tree_info"], dtype=np.int64)[tree[leaf]],
        weight=condition[leaf],
    )


def _column(trees: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.fromiter(chain.from_iterable(each[name] for each in trees), dtype=np.float64)
