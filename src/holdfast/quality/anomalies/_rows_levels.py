"""Categories: levels that are rare, and combinations of levels that are rare although each is common."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.quality.anomalies._rows_tails import LEAST_P

__all__ = ["pair_p", "rare_level_p"]

#: Levels of a category that takes part in combinations.
MOST_LEVELS = 60
#: Rows that a combination would have if its levels had nothing to do with each other.
LEAST_EXPECTED = 5.0


def rare_level_p(codes: Any) -> tuple[Any, Any]:
    """Share of the rows whose level is as rare or rarer, shape (n,), and the rows of each row's level.

    Parameters
    ----------
    codes
        Shape (n,) of whole numbers as float64, NaN for nothing: that is no level, and has 1.
    """
    there = ~np.isnan(codes)
    found, rows = np.ones(len(codes)), np.zeros(len(codes))
    if there.any():
        _, level, counts = np.unique(codes[there], return_inverse=True, return_counts=True)
        as_rare = np.array([counts[counts <= each].sum() for each in counts]) / there.sum()
        found[there], rows[there] = np.maximum(as_rare[level], LEAST_P), counts[level]
    return found, rows


def pair_p(first: Any, second: Any) -> tuple[Any, Any, Any] | None:
    """Share of the rows whose combination is as much rarer than its levels would have it.

    Parameters
    ----------
    first, second
        Codes of two categories, shape (n,) float64, NaN for nothing.

    Returns
    -------
    tuple or None
        The share, the rows and the expected rows of each row's combination, each of shape (n,); None where one of the
        two has too many levels.
    """
    there = ~(np.isnan(first) | np.isnan(second))
    if there.sum() < 10 * LEAST_EXPECTED:
        return None
    left, a = np.unique(first[there], return_inverse=True)
    right, b = np.unique(second[there], return_inverse=True)
    if not (2 <= len(left) <= MOST_LEVELS and 2 <= len(right) <= MOST_LEVELS):
        return None
    table = np.bincount(a * len(right) + b, minlength=len(left) * len(right)).reshape(len(left), len(right))
    total = float(there.sum())
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    lift = np.where(expected >= LEAST_EXPECTED, table / np.maximum(expected, 1e-9), 1.0)
    order = np.argsort(lift, axis=None, kind="stable")
    reached = np.empty(table.size)
    reached[order] = np.cumsum(table.ravel()[order]) / total
    # Equal lifts share what the last of them reaches.
    _, tie = np.unique(lift.ravel(), return_inverse=True)
    most = np.zeros(tie.max() + 1)
    np.maximum.at(most, tie, reached)
    share = np.where(lift < 1.0, most[tie].reshape(lift.shape), 1.0)
    found = np.ones(len(first)), np.zeros(len(first)), np.zeros(len(first))
    for target, values in zip(found, (share, table, expected), strict=True):
        target[there] = values[a, b]
    return found
