"""Rankings: the order of the rows of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet

#: Places that count.
TOP = 10
_KEPT = "ranking"


@dataclass(frozen=True, slots=True)
class Ranking:
    """One minus the discounted gain of a query's first ten rows; the margin (n, 1) is what they are sorted by.

    The target is the relevance (at least 0), which is the gain itself, as in `holdfast.stats.metrics.ndcg`. That loss
    has no slope: the gradients are those of `surrogate`, the cross-entropy of the softmax of a query's margins with the
    shares of its relevance, which bounds it. A query without a relevant row has no order: its rows have no loss.

    References
    ----------
    S. Bruch, X. Wang, M. Bendersky, M. Najork (2019), "An analysis of the softmax cross entropy loss for
    learning-to-rank with binary relevance", ICTIR; Z. Cao et al. (2007), "Learning to rank: from pairwise approach to
    listwise approach", ICML.
    """

    name: str = "ranking"
    task: str = "ranking"
    outputs: int = 1
    options: Mapping[str, float] = field(default_factory=dict)
    line: Calibration = field(default_factory=Calibration)

    def start(self, sheet: Sheet) -> np.ndarray:
        """Return 0: a constant ranks nothing."""
        del sheet
        return np.zeros(1)

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Loss of each row's query, scaled such that the weighted mean over rows is the mean over queries.

        Rows of one margin share their places. Queries count alike, whatever their size and their rows' weights.
        """
        queries = _queries(sheet)
        lost = 1.0 - queries.gained(margin[:, 0], sheet.target) / np.where(queries.best > 0.0, queries.best, 1.0)
        weight = queries.sums(sheet.weights)
        scale = sheet.weights.sum() / max(1, int(queries.counted.sum())) / weight
        return np.asarray(np.where(queries.counted, np.clip(lost, 0.0, 1.0) * scale, 0.0)[queries.code])

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Softmax within the query less the share of the relevance; the greater of both; scaled as `surrogate` is.

        The second derivative is the softmax less its square: it vanishes where the softmax does, also where all the
        relevance is there, and a step of Newton then leaps. The greater of both is never below it.
        """
        queries = _queries(sheet)
        share = queries.softmax(margin[:, 0])
        scale = queries.scale[queries.code]
        first, second = scale * (share - queries.share), scale * np.maximum(share, queries.share)
        return first[:, None], second[:, None]

    def surrogate(self, margin: np.ndarray, sheet: Sheet) -> float:
        """Loss that the gradients are the derivatives of: mean cross-entropy of the queries, times the rows."""
        queries = _queries(sheet)
        share = np.log(np.maximum(queries.softmax(margin[:, 0]), 1e-300))
        return float(-(queries.scale[queries.code] * queries.share * share).sum())

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Return the margin itself, (n,)."""
        return margin[:, 0]

    def nodes(self, graph: Graph, margin: str) -> str:
        """Nothing to add."""
        del graph
        return margin


class _Queries:
    """The queries of a sheet: codes, bounds, and what does not change with the margin."""

    def __init__(self, sheet: Sheet) -> None:
        group = np.zeros(sheet.n, dtype=np.int64) if sheet.group is None else sheet.group
        _, self.code, sizes = np.unique(group, return_inverse=True, return_counts=True)
        self.order = np.argsort(self.code, kind="stable")
        self.first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self.sizes = sizes
        total = self.sums(sheet.target)
        self.counted = total > 0.0
        self.share = sheet.target / np.where(self.counted, total, 1.0)[self.code]
        self.scale = np.where(self.counted, sheet.n / max(1, int(self.counted.sum())), 0.0)
        self.discount = np.zeros(int(sizes.max()))
        self.discount[:TOP] = 1.0 / np.log2(np.arange(len(self.discount[:TOP])) + 2.0)
        self.best = self.gained(sheet.target, sheet.target)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum by query, (queries,)."""
        return np.bincount(self.code, weights=values, minlength=len(self.sizes))

    def softmax(self, margin: np.ndarray) -> np.ndarray:
        """Softmax of each row within its query, (n,)."""
        highest = np.maximum.reduceat(margin[self.order], self.first)
        raised = np.exp(margin - highest[self.code])
        return np.asarray(raised / self.sums(raised)[self.code])

    def gained(self, margin: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Discounted gain by query, (queries,), where rows are sorted by falling margin and ties share their places."""
        order = np.lexsort((-margin, self.code))
        place = np.arange(len(order)) - np.repeat(self.first, self.sizes)
        ordered = margin[order]
        changed = place == 0
        changed[1:] |= ordered[1:] != ordered[:-1]
        starts = np.flatnonzero(changed)
        lengths = np.diff(np.append(starts, len(order)))
        shared = np.add.reduceat(self.discount[place], starts) / lengths
        gain = np.empty(len(order))
        gain[order] = target[order] * np.repeat(shared, lengths)
        return self.sums(gain)


def _queries(sheet: Sheet) -> _Queries:
    if _KEPT not in sheet.kept:
        sheet.kept[_KEPT] = _Queries(sheet)
    made: _Queries = sheet.kept[_KEPT]
    return made
