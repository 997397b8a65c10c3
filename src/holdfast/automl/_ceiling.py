"""Ceilings: how good answers can be at best where rows are alike.

Rows with equal features get equal answers, whatever the model: what their truths do not agree on is lost. No model is
needed to know this, and none can do better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: Relative slack of everything said to be impossible: rounding must never make an impossibility.
SLACK = 1e-9


def equal_rows(tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Code of each row, shape (n,) int64: rows that a model cannot tell apart have one code.

    Parameters
    ----------
    tensors
        Column -> (n, 1), as a model takes them: float32 by their bits (missing is alike missing), or text.
    """
    code: np.ndarray | None = None
    for each in tensors.values():
        flat = each.ravel()
        key = flat.astype(str) if flat.dtype == object else np.ascontiguousarray(flat, dtype=np.float32).view(np.int32)
        _, own = np.unique(key, return_inverse=True)
        code = own if code is None else np.unique(code * (int(own.max(initial=0)) + 1) + own, return_inverse=True)[1]
    return np.zeros(0, dtype=np.int64) if code is None else code.astype(np.int64)


def counts_of(codes: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Rows of each class in each group of equal rows, shape (groups, classes), and the classes, sorted."""
    names, column = np.unique(truth.astype(str), return_inverse=True)
    groups, row = np.unique(codes, return_inverse=True)
    counts = np.zeros((len(groups), len(names)))
    np.add.at(counts, (row, column), 1.0)
    return counts, [str(each) for each in names]


def classes_best(counts: np.ndarray) -> dict[str, float]:
    """Best values that a model of classes can have, by measure: accuracy, balanced accuracy, log loss, Brier score.

    Parameters
    ----------
    counts
        Shape (groups, classes), every class in some row.

    References
    ----------
    The Bayes rule on the rows themselves: L. Devroye, L. Gyorfi, G. Lugosi (1996), "A Probabilistic Theory of Pattern
    Recognition", chapter 2.
    """
    n, sizes = counts.sum(), counts.sum(axis=1)
    shares = counts / sizes[:, None]
    entropy = -np.where(shares > 0.0, shares * np.log(np.where(shares > 0.0, shares, 1.0)), 0.0).sum(axis=1)
    return {
        "accuracy": float(counts.max(axis=1).sum() / n),
        "balanced_accuracy": float((counts / counts.sum(axis=0)).max(axis=1).sum() / counts.shape[1]),
        "log_loss": float(sizes @ entropy / n),
        # Halved, as `holdfast.stats.metrics.brier` is: for two classes it is that of the positive one.
        "brier": float(sizes @ (1.0 - (shares**2).sum(axis=1)) / (2.0 * n)),
    }


def ranking_best(counts: np.ndarray) -> dict[str, float]:
    """Best values that a ranking of two classes can have; `counts` (groups, 2), the positive class second.

    The area under the ROC curve is greatest in the order of the shares (Neyman and Pearson 1933). The average precision
    is bounded by the greatest precision at each recall.
    """
    negative, positive = _merged(counts).T
    before, found = np.cumsum(negative) - negative, np.cumsum(positive) - positive
    above = negative.sum() - before - negative
    area = float((positive * (above + 0.5 * negative)).sum() / (positive.sum() * negative.sum()))
    # The greatest precision falls as the recall rises: the steps lie under its integral, group by group.
    share, at = positive / (positive + negative), found + before
    start = share * at
    grown = np.log1p(np.divide(positive, start, out=np.zeros_like(start), where=start > 0.0))
    under = share * (positive + (found - start) * grown)
    return {"roc_auc": area, "average_precision": float(under.sum() / positive.sum())}


def numbers_best(codes: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Best values that a model of numbers can have: each group of equal rows answered by its mean, or its median."""
    _, row = np.unique(codes, return_inverse=True)
    order = np.lexsort((truth, row))
    sizes = np.bincount(row)
    ends = np.cumsum(sizes)
    means = np.bincount(row, weights=truth) / sizes
    medians = np.array([np.median(truth[order[end - size : end]]) for end, size in zip(ends, sizes, strict=True)])
    squared = float(np.mean((truth - means[row]) ** 2))
    made = {"rmse": float(np.sqrt(squared)), "mae": float(np.mean(np.abs(truth - medians[row])))}
    spread = float(truth.var())
    return {**made, "r2": 1.0 - squared / spread} if spread > 0.0 else made


def _merged(counts: np.ndarray) -> np.ndarray:
    """Groups by falling share of the positive class, those with one share as one."""
    shares = counts[:, 1] / counts.sum(axis=1)
    values, row = np.unique(-shares, return_inverse=True)
    made = np.zeros((len(values), 2))
    np.add.at(made, row, counts)
    return made


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What decisions on two classes can be: every pair of true and false positives lies in a convex polygon.

    Parameters
    ----------
    corners
        Shape (m, 2): true and false positives at the corners, in order.
    positive, negative
        Rows of each class, above 0.
    """

    corners: np.ndarray
    positive: float
    negative: float

    @classmethod
    def of(cls, counts: np.ndarray) -> Decisions:
        """Polygon of the groups: deciding for any of them, or any part of one; `counts` as for `ranking_best`.

        Its upper edge is the convex hull of the ROC curve (F. Provost, T. Fawcett 2001, Machine Learning 42).
        """
        upper = np.vstack([np.zeros(2), np.cumsum(_merged(counts)[:, ::-1], axis=0)])
        lower = upper[-1] - upper
        return cls(np.vstack([upper, lower[1:-1]]), float(counts[:, 1].sum()), float(counts[:, 0].sum()))

    def knows(self, measure: str) -> bool:
        """Whether the polygon says anything about a measure."""
        return self._line(measure, 0.0) is not None

    def within(self, measure: str, op: str, bound: float) -> Decisions | None:
        """Part of the polygon in which a promise holds; None where there is none, so that no decisions keep it."""
        line = self._line(measure, bound)
        if line is None or op == "!=":
            return self
        corners = self.corners
        for sign in {">": (1.0,), "<": (-1.0,), "=": (1.0, -1.0)}[op[0]]:
            corners = _cut(corners, sign * line, slack=SLACK * (self.positive + self.negative))
            if not len(corners):
                return None
        return Decisions(corners, self.positive, self.negative)

    def extreme(self, measure: str, *, greatest: bool) -> float | None:
        """Greatest or least value of a measure; None where it has none (a precision without positive decisions)."""
        true, false = self.corners.T
        size = self.positive + self.negative
        with np.errstate(invalid="ignore", divide="ignore"):
            values = {
                "recall": true / self.positive,
                "specificity": 1.0 - false / self.negative,
                "precision": true / (true + false),
                "accuracy": (true + self.negative - false) / size,
                "balanced_accuracy": 0.5 * (true / self.positive + 1.0 - false / self.negative),
                "f1": 2.0 * true / (true + false + self.positive),
            }[measure]
        # Each is a quotient of lines: greatest and least at a corner.
        known = values[np.isfinite(values)]
        if not len(known):
            return None
        return float(known.max() if greatest else known.min())

    def _line(self, measure: str, bound: float) -> np.ndarray | None:
        """Coefficients of true positives, of false positives and of 1: at least 0 where the measure is at least it."""
        positive, negative = self.positive, self.negative
        size = positive + negative
        lines = {
            "recall": (1.0, 0.0, -bound * positive),
            "specificity": (0.0, -1.0, (1.0 - bound) * negative),
            "precision": (1.0 - bound, -bound, 0.0),
            "accuracy": (1.0, -1.0, negative - bound * size),
            "balanced_accuracy": (negative, -positive, (1.0 - 2.0 * bound) * positive * negative),
            "f1": (2.0 - bound, -bound, -bound * positive),
        }
        if measure not in lines:
            return None
        line = np.array(lines[measure])
        return line / max(float(np.abs(line[:2]).max()), 1e-300)


def _cut(corners: np.ndarray, line: np.ndarray, *, slack: float) -> np.ndarray:
    """Part of a convex polygon on one side of a line (I. Sutherland, G. Hodgman 1974), a hair more than that."""
    heights = corners @ line[:2] + line[2] + slack
    inside = heights >= 0.0
    if inside.all() or not inside.any():
        return corners if inside.all() else corners[:0]
    made = []
    for here in range(len(corners)):
        there = (here + 1) % len(corners)
        if inside[here]:
            made.append(corners[here])
        if inside[here] != inside[there]:
            share = heights[here] / (heights[here] - heights[there])
            made.append(corners[here] + share * (corners[there] - corners[here]))
    return np.array(made)
