"""Robust distances: rows each of whose values is fine, but which do not go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.quality.anomalies._rows_tails import tail_p

__all__ = ["Distances", "robust_distances"]

#: Share of the rows that the covariance is taken from, and how often it is taken again.
CORE = 0.9
STEPS = 4
#: The covariance is drawn to the identity at least so far: equal columns make it singular.
LEAST_SHRINKAGE = 1e-3
#: Categories take part by the indicators of their most frequent levels.
LEVELS_EACH = 8
LEVEL_ROWS = 20
MOST_INDICATORS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """How far rows are from the rest.

    Parameters
    ----------
    distance_p
        Shape (n,): probability of a Mahalanobis distance as large; 1 with fewer than two columns of numbers.
    given_others
        Shape (columns of numbers, n): probability of a value as far from what the other columns say.
    residual
        Shape (columns of numbers, n): how far, in standard deviations given the others; 0 for nothing. If one value of
        a row is wrong, its own is the largest: ``|P_jk| / sqrt(P_kk) <= sqrt(P_jj)`` for any precision matrix P.
    """

    distance_p: Any
    given_others: Any
    residual: Any


def robust_distances(numbers: Any, codes: list[Any]) -> Distances:
    """Robust Mahalanobis distance, and each number's distance from what the other columns say about it.

    Numbers become normal scores, so no value lies far out by itself; mean and covariance are those of the 90 % of rows
    that are nearest, taken again four times (the concentration steps of the minimum covariance determinant), with
    shrinkage. Tails are read off the rows, so that dependence that is not linear raises no alarm.

    Parameters
    ----------
    numbers
        Shape (n, p) float64, NaN for nothing: it counts as the middle.
    codes
        For each category: its codes by falling frequency, shape (n,), NaN for nothing.

    References
    ----------
    P. J. Rousseeuw, K. Van Driessen (1999), "A fast algorithm for the minimum covariance determinant estimator",
    Technometrics 41.
    """
    n, width = numbers.shape
    if not width or n < 5:
        return Distances(np.ones(n), np.ones((width, n)), np.zeros((width, n)))
    scores = np.column_stack([_normal_score(column) for column in numbers.T])
    everything = np.column_stack([scores, *_indicators(codes)])
    precision, centre = _precision(everything, width)
    residual = (everything - centre) @ precision[:, :width] / np.sqrt(np.diag(precision)[:width])
    present = ~np.isnan(numbers)
    residual = np.where(present, np.abs(residual), np.nan)
    # Nothing is learnt of a number that the others do not speak about.
    told = 1.0 / np.diag(precision)[:width] < 0.9 * np.var(everything[:, :width], axis=0)
    beyond = np.array([tail_p(column) if known else np.ones(n) for column, known in zip(residual.T, told, strict=True)])
    apart_from = np.where(told[:, None], np.nan_to_num(residual.T), 0.0)
    if width < 2:
        return Distances(np.ones(n), beyond, apart_from)
    inverse, middle = _precision(scores, width)
    apart = scores - middle
    distance = np.sqrt(np.maximum(((apart @ inverse) * apart).sum(axis=1), 0.0))
    return Distances(tail_p(distance), beyond, apart_from)


def _precision(data: Any, width: int) -> tuple[Any, Any]:
    """Inverse of the robust covariance, and the centre; distances are those of the first `width` columns."""
    n, columns = data.shape
    kept = np.arange(n)
    shrink = min(0.5, max(LEAST_SHRINKAGE, columns / (10.0 * n)))
    for step in range(STEPS + 1):
        centre = data[kept].mean(axis=0)
        apart = data[kept] - centre
        spread = apart.T @ apart / max(1, len(kept) - 1)
        own = np.maximum(np.diag(spread).mean(), 1e-9)
        covariance = (1.0 - shrink) * spread + shrink * own * np.eye(columns)
        if step == STEPS or n < 5 * columns:
            break
        near = data[:, :width] - centre[:width]
        inner = np.linalg.inv(covariance[:width, :width])
        distance = ((near @ inner) * near).sum(axis=1)
        kept = np.argpartition(distance, int(CORE * n) - 1)[: int(CORE * n)]
    return np.linalg.inv(covariance), centre


def _normal_score(column: Any) -> Any:
    from scipy.stats import norm, rankdata

    there = ~np.isnan(column)
    found = np.zeros(len(column))
    if there.any():
        found[there] = norm.ppf((rankdata(column[there]) - 0.5) / there.sum())
    spread = float(found.std())
    return found / spread if spread > 0.0 else found


def _indicators(codes: list[Any]) -> list[Any]:
    found: list[Any] = []
    for column in codes:
        for level in range(LEVELS_EACH):
            there = (column == level).astype(np.float64)
            # All levels of a category together say no more than all but one.
            if LEVEL_ROWS <= there.sum() <= len(there) - LEVEL_ROWS and len(found) < MOST_INDICATORS:
                found.append((there - there.mean()) / there.std())
    return found
