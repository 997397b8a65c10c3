"""Metrics of rankings: one number per query, then their mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Bools, Floats, Ints
from holdfast.stats.metrics import _make
from holdfast.stats.metrics._groups import group_codes
from holdfast.stats.metrics.regression import both

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001

Rng = np.random.Generator | None


def ndcg(
    truth: Any,
    score: Any,
    *,
    group: Any = None,
    k: int | None = None,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Normalised discounted cumulative gain at k, with the relevance itself as gain, mean over queries.

    Parameters
    ----------
    truth
        Shape (n,): relevance, at least 0.
    score
        Shape (n,): higher for better. Rows with one score share their places: each gets the mean of them.
    group
        Shape (n,): query of each row; None for one query.
    k
        Places that count, at least 1; None for all.
    confidence, rng
        As for `accuracy`.
    anytime
        True for the betting confidence sequence over the queries, in the order in which they first occur.

    Returns
    -------
    Value
        In [0, 1]; n is the number of queries. Student's interval over queries; below 30 queries the betting sequence.
        Queries without a relevant row are left out and counted in the notes.

    Raises
    ------
    NotMeasurable
        If no query has a relevant row, or a number is NaN.
    InvalidValue
        If a relevance is negative, k is below 1, or the lengths differ.

    References
    ----------
    K. Jarvelin, J. Kekalainen (2002), "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20; F. McSherry, M.
    Najork (2008), "Computing information retrieval performance measures efficiently in the presence of tied scores",
    ECIR.

    Examples
    --------
    >>> round(ndcg([3.0, 2.0, 0.0], [0.1, 0.9, 0.5]).value, 6)
    0.821238
    """
    table = _Ranked(truth, score, group, k=k)
    discount = np.where(table.place < table.k, 1.0 / np.log2(table.place + 2.0), 0.0)
    gained = table.sums(table.tied(table.truth, discount))
    ideal = _Ranked(truth, truth, group, k=k)
    best = ideal.sums(ideal.truth * np.where(ideal.place < ideal.k, 1.0 / np.log2(ideal.place + 2.0), 0.0))
    return _over_queries(gained, best, best > 0.0, confidence=confidence, anytime=anytime, k=k)


def mean_average_precision(
    truth: Any,
    score: Any,
    *,
    group: Any = None,
    k: int | None = None,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean over queries of the mean of the precision at each relevant row within the first k.

    Takes the arguments of `ndcg` and raises its errors; a row is relevant if its relevance is above 0. The divisor of a
    query is the smaller of its relevant rows and k. Of rows with one score, the irrelevant ones are taken first.

    References
    ----------
    C. Buckley, E. M. Voorhees (2000), "Evaluating evaluation measure stability", SIGIR.

    Examples
    --------
    >>> round(mean_average_precision([1, 0, 1], [0.9, 0.8, 0.7]).value, 6)
    0.833333
    """
    table = _Ranked(truth, score, group, k=k)
    relevant = table.relevant
    found = table.running(relevant)
    gained = table.sums(np.where(relevant & (table.place < table.k), found / (table.place + 1.0), 0.0))
    total = table.sums(relevant)
    return _over_queries(gained, np.minimum(total, table.k), total > 0, confidence=confidence, anytime=anytime, k=k)


def mrr(
    truth: Any,
    score: Any,
    *,
    group: Any = None,
    k: int | None = None,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean over queries of one over the place of the first relevant row; 0 if it is not within the first k.

    Takes the arguments of `ndcg` and raises its errors; a row is relevant if its relevance is above 0. Of rows with one
    score, the irrelevant ones are taken first.

    References
    ----------
    E. M. Voorhees (1999), "The TREC-8 question answering track report".

    Examples
    --------
    >>> mrr([0, 1, 0, 1], [0.9, 0.8, 0.3, 0.7], group=["a", "a", "b", "b"]).value
    0.75
    """
    table = _Ranked(truth, score, group, k=k)
    first = table.relevant & (table.running(table.relevant) == 1) & (table.place < table.k)
    gained = table.sums(np.where(first, 1.0 / (table.place + 1.0), 0.0))
    return _over_queries(
        gained, np.ones(len(gained)), table.sums(table.relevant) > 0, confidence=confidence, anytime=anytime, k=k
    )


def precision_at_k(
    truth: Any,
    score: Any,
    *,
    k: int,
    group: Any = None,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean over queries of the share of relevant rows among the first k.

    Takes the arguments of `ndcg` and raises its errors, except that queries without a relevant row count as 0; a row is
    relevant if its relevance is above 0. Rows with one score share their places; missing places count as irrelevant.

    References
    ----------
    C. D. Manning, P. Raghavan, H. Schutze (2008), "Introduction to information retrieval", chapter 8.

    Examples
    --------
    >>> precision_at_k([1, 0, 1], [0.9, 0.8, 0.7], k=2).value
    0.5
    """
    table = _Ranked(truth, score, group, k=k)
    share = table.tied(table.relevant.astype(np.float64), (table.place < k) / k)
    gained = table.sums(share)
    return _over_queries(
        gained, np.ones(len(gained)), np.ones(len(gained), dtype=bool), confidence=confidence, anytime=anytime, k=k
    )


class _Ranked:
    """Rows sorted by query, score (highest first) and relevance (lowest first)."""

    def __init__(self, truth: Any, score: Any, group: Any, *, k: int | None) -> None:
        first, second = both(truth, score)
        if k is not None and k < 1:
            raise InvalidValue(f"k = {k}", expected="at least 1")
        if float(first.min()) < 0.0:
            raise InvalidValue(f"relevance {float(first.min())}", expected="numbers of at least 0")
        self.k = len(first) if k is None else k
        query, self.queries = group_codes(group, rows=len(first))
        order = np.lexsort((first, -second, query))
        self.truth: Floats = first[order]
        self.score: Floats = second[order]
        self.query: Ints = query[order]
        self.relevant: Bools = self.truth > 0.0
        starts = np.flatnonzero(np.diff(self.query, prepend=-1))
        self._start: Ints = np.repeat(starts, np.diff(np.append(starts, len(first))))
        self.place: Floats = np.arange(len(first), dtype=np.float64) - self._start

    def sums(self, values: Any) -> Floats:
        """Shape (queries,): sum by query."""
        return np.bincount(self.query, weights=values, minlength=self.queries).astype(np.float64)

    def running(self, flags: Bools) -> Floats:
        """Shape (n,): how many flags so far in the query, this row included."""
        total = np.cumsum(flags)
        return (total - (total - flags)[self._start]).astype(np.float64)

    def tied(self, gains: Floats, discounts: Floats) -> Floats:
        """Shape (n,): gain times discount, with the mean discount of the rows of the query that share the score."""
        changed = (np.diff(self.query, prepend=-1) != 0) | np.append(True, self.score[1:] != self.score[:-1])
        starts = np.flatnonzero(changed)
        sizes = np.diff(np.append(starts, len(gains)))
        return gains * np.repeat(np.add.reduceat(discounts, starts) / sizes, sizes)


def _over_queries(
    gained: Floats, best: Floats, counted: Bools, *, confidence: float, anytime: bool, k: int | None
) -> Value:
    if not counted.any():
        raise NotMeasurable(f"none of {len(counted)} queries has a relevant row", expected="at least one relevant row")
    values = np.clip(gained[counted] / best[counted], 0.0, 1.0)
    notes: dict[str, Any] = {"k": k, "queries left out": int(np.count_nonzero(~counted))}
    return _make.bounded_mean(values, confidence=confidence, anytime=anytime, notes=notes)
