"""Which rows neighbours are looked for among, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: Whole numbers up to which 32-bit floats hold every one.
_EXACT = 2**24
#: Parts of equal number that a feature, or a number to predict, is cut into.
_PARTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """How rows are brought to whole numbers: times `factor` (d,) float32, kept within `most`, rounded to even."""

    factor: np.ndarray
    most: int

    @classmethod
    def of(cls, matrix: np.ndarray, scale: np.ndarray) -> Grid:
        """Lay the finest grid on which every score of rows like these, in any order of summing, is exact.

        Parameters
        ----------
        matrix
            Shape (m, d).
        scale
            Shape (d,): what features are multiplied by.
        """
        width = matrix.shape[1]
        most = max(1, int(np.sqrt(_EXACT / (3.0 * width))))
        reach = float(np.abs(matrix * scale).max(initial=0.0)) or 1.0
        return cls((scale * (most / reach)).astype(np.float32), most)

    def place(self, matrix: np.ndarray) -> np.ndarray:
        """Whole numbers of rows, (n, d) float32."""
        return np.asarray(np.rint(np.clip(matrix * self.factor, -self.most, self.most)), dtype=np.float32)

    def nodes(self, graph: Graph, inside: str) -> str:
        """Add what does the same; its name."""
        moved = graph.add("Mul", inside, graph.constant(self.factor))
        return graph.add("Round", graph.add("Clip", moved, graph.number(-self.most), graph.number(self.most)))


def chosen(target: np.ndarray, *, classes: bool, most: int, seed: int) -> np.ndarray:
    """Indices of at most so many rows, in order: each class, and each stretch of numbers, in its proportion.

    Rows are laid in a line by their target, those of one target as the seed has it, and taken at even distances.
    """
    if len(target) <= most:
        return np.arange(len(target))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(target))
    line = order[np.argsort(target[order], kind="stable")]
    steps = ((np.arange(most) + rng.random()) * len(target) / most).astype(np.int64)
    taken = line[steps]
    if classes:
        # A class too rare for an even distance keeps its first row.
        seen, first = np.unique(target[line], return_index=True)
        taken = np.union1d(taken, line[first[~np.isin(seen, target[taken])]])
    return np.sort(taken)


def nearest(placed: np.ndarray, points: np.ndarray, lengths: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (n, k) float32 and indices (n, k) of the nearest points, nearest first, then by index.

    Parameters
    ----------
    placed, points
        Shape (n, d) and (m, d) float32: whole numbers of a grid.
    lengths
        Shape (m,) float32: squared lengths of the points.
    k
        At most m.
    """
    scores = (2.0 * placed) @ points.T - lengths
    # Score and index in one whole number: no two are alike, so that a partial sort has one answer.
    keys = scores.astype(np.int64) * -len(points) + np.arange(len(points))
    few = np.partition(keys, k - 1, axis=1)[:, :k] if k < len(points) else keys
    few = np.sort(few, axis=1)
    which = few % len(points)
    distances = (placed**2).sum(axis=1, keepdims=True) - np.take_along_axis(scores, which, axis=1)
    return distances, which


def relevance(matrix: np.ndarray, target: np.ndarray, weights: np.ndarray, *, how: str, classes: bool) -> np.ndarray:
    """What features are multiplied by, (d,) in [0, 1]: how much each says of the target, beside the one that says most.

    Parameters
    ----------
    matrix
        Shape (m, d).
    target
        Shape (m,): class codes or numbers.
    weights
        Shape (m,).
    how
        ``none``: 1 for each. ``correlation``: greatest absolute correlation with a class, or with the number.
        ``information``: square root of the mutual information of the feature's and the target's parts, less what
        chance would give (Miller 1955, "Note on the bias of information estimates").
    classes
        Whether the target has classes.
    """
    if how == "none":
        return np.ones(matrix.shape[1])
    if how == "correlation":
        told = _correlation(matrix.astype(np.float64), target, weights, classes=classes)
    else:
        codes = target.astype(np.int64) if classes else _parts(target)
        told = np.array([_information(_parts(each), codes, weights) for each in matrix.T])
    return np.asarray(told / told.max()) if told.max(initial=0.0) > 0.0 else np.ones(matrix.shape[1])


def _correlation(matrix: np.ndarray, target: np.ndarray, weights: np.ndarray, *, classes: bool) -> np.ndarray:
    share = weights / weights.sum()
    wanted = (target[:, None] == np.unique(target)).astype(np.float64) if classes else target[:, None]
    moved, wanted = matrix - share @ matrix, wanted - share @ wanted
    spread = np.sqrt(np.outer(share @ moved**2, share @ wanted**2))
    both = np.abs((moved * share[:, None]).T @ wanted)
    return np.asarray(np.where(spread > 1e-12, both / np.maximum(spread, 1e-12), 0.0).max(axis=1))


def _parts(values: np.ndarray) -> np.ndarray:
    edges = np.unique(np.quantile(values, np.arange(1, _PARTS) / _PARTS))
    return np.asarray(np.searchsorted(edges, values, side="left"))


def _information(parts: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    rows, columns = int(parts.max()) + 1, int(codes.max()) + 1
    joint = np.bincount(parts * columns + codes, weights=weights, minlength=rows * columns).reshape(rows, columns)
    joint = joint / joint.sum()
    by_row, by_column = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    there = joint > 0.0
    told = float((joint[there] * np.log(joint[there] / (by_row @ by_column)[there])).sum())
    chance = (np.count_nonzero(by_row) - 1) * (np.count_nonzero(by_column) - 1) / (2.0 * len(parts))
    return float(np.sqrt(max(0.0, told - chance)))
