"""Whether a far number is one that the column's own tail, or its nearness to zero, lets expect."""

from __future__ import annotations

import numpy as np

from holdfast.quality.repair._table import Codes, Flags, Floats

# As many numbers as far out are met in so many columns of the same tail.
BY_CHANCE = 0.05


def expected_by_tail(away: Floats, bulk: Flags, rows: Codes) -> Flags:
    """Whether numbers above the others are no further out than the upper tail of the others leads to expect.

    The logarithms above the 90 % quantile of the others are taken for exponential (a Pareto tail), with Hill's mean
    excess; a number is expected where the chance that as many as are seen lie that far out is `BY_CHANCE` or more.

    Parameters
    ----------
    away
        Logarithms about the centre, shape (rows of the table,).
    bulk
        The numbers that are not far, shape (rows of the table,).
    rows
        Rows of the far numbers, shape (n,).

    Returns
    -------
    numpy array of bool
        Shape (n,).

    References
    ----------
    B. M. Hill (1975), "A simple general approach to inference about the tail of a distribution", Ann. Statist. 3 (5).
    """
    from scipy.special import gammainc  # heavy

    others = away[bulk]
    start = float(np.quantile(others, 0.9))
    tail = others[others > start] - start
    if len(tail) < 5:
        return np.zeros(len(rows), dtype=bool)
    # A mean of few numbers is told too small as often as too large: one standard error is added.
    excess = float(tail.mean()) * (1 + 1 / np.sqrt(len(tail)))
    beyond = np.maximum(away[rows] - start, 0.0) / max(excess, 1e-9)
    expected = len(tail) * np.exp(-np.minimum(beyond, 700.0))
    ranked = np.sort(away[rows])
    seen = len(rows) - np.searchsorted(ranked, away[rows], side="left")
    # The chance that a Poisson number of that mean is at least `seen`.
    return np.asarray((away[rows] > start) & (gammainc(seen, expected) >= BY_CHANCE))


def near_zero(numbers: Floats, bulk: Flags, rows: Codes) -> Flags:
    """Whether numbers below the others are far from them in logarithms only, which stretch what lies near zero.

    They are so where no gap of three quarters of the interquartile range, or no fence of Tukey's, parts them from the
    others on the plain scale.

    Parameters
    ----------
    numbers
        Shape (rows of the table,).
    bulk
        The numbers that are not far, shape (rows of the table,).
    rows
        Rows of the far numbers, shape (n,).

    Returns
    -------
    numpy array of bool
        Shape (n,).
    """
    others = numbers[bulk]
    low, high = np.quantile(others, [0.25, 0.75])
    width = float(high - low)
    limit = min(float(others.min()) - 0.75 * width, float(low) - 1.5 * width)
    return np.asarray((numbers[rows] < float(others.min())) & (numbers[rows] >= limit))
