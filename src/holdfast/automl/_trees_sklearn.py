"""scikit-learn's trees, brought into a forest.

scikit-learn compares a 32-bit number with a 64-bit threshold, ``x <= t``; NaN goes where the node says: where the rows
with NaN went in training, or where most rows went if none had NaN there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.automl._trees import LEAF, LESS_EQUAL, Forest, planted, rounded_down


def sklearn_forest(trees: Sequence[Any], *, places: Sequence[int]) -> Forest:
    """Forest whose sum is the mean of what the trees say.

    Parameters
    ----------
    trees
        ``estimator.tree_`` of each tree (`Any`: the library has no types).
    places
        Output that each of their values adds to.
    """
    counts = np.array([tree.node_count for tree in trees], dtype=np.int64)
    tree, first = np.repeat(np.arange(len(trees)), counts), np.repeat(np.cumsum(counts) - counts, counts)
    left, right = (_column(trees, f"children_{side}").astype(np.int64) for side in ("left", "right"))
    leaves = np.flatnonzero(left < 0)
    values = _column(trees, "value")[leaves, 0, :] / len(trees)
    # A leaf that adds nothing to an output does not name it; each names one, so that it stays a leaf.
    says = values != 0.0
    says[:, 0] |= ~says.any(axis=1)
    row, column = np.nonzero(says)
    return planted(
        tree=tree,
        mode=np.where(left < 0, LEAF, LESS_EQUAL),
        feature=_column(trees, "feature").astype(np.int64),
        threshold=rounded_down(_column(trees, "threshold")),
        true=left + first,
        false=right + first,
        missing=_column(trees, "missing_go_to_left").astype(bool),
        leaf=leaves[row],
        target=np.array(places, dtype=np.int64)[column],
        weight=values[row, column],
    )


def _column(trees: Sequence[Any], name: str) -> np.ndarray:
    return np.concatenate([getattr(tree, name) for tree in trees])
