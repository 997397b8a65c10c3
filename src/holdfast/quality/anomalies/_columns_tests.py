"""Tests of whether two samples of a column come from one distribution: numbers, categories, missing values, levels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

__all__ = ["levels_p", "new_levels_p", "numbers_p", "shares_p"]

BINS = 10
#: Rows that a cell of the chi-square test has to expect; levels with fewer are put together.
LEAST_EXPECTED = 5.0


def shares_p(first: int, n: int, second: int, m: int) -> float:
    """Probability of shares that differ as much, of `first` of n rows and `second` of m: exact where rows are few."""
    from scipy.stats import fisher_exact

    if first + second in (0, n + m):
        return 1.0
    if min(first + second, n + m - first - second) < 1000:
        return float(fisher_exact([[first, n - first], [second, m - second]]).pvalue)
    return _chi_square(np.array([[first, n - first], [second, m - second]], dtype=np.float64))


def numbers_p(before: Any, after: Any) -> float:
    """Probability of two samples of numbers that differ as much, if nothing had moved.

    Twice the smaller of the Kolmogorov-Smirnov test's (which sees what moved) and that of a chi-square test on ten
    bins of equal size (which sees tails, spikes and few values as well).

    Parameters
    ----------
    before, after
        Shapes (n,) and (m,), without NaN.
    """
    from scipy.stats import ks_2samp

    if not len(before) or not len(after):
        return 1.0
    small = len(before) * len(after) <= 10_000
    gap = float(ks_2samp(before, after, method="auto" if small else "asymp").pvalue)
    everything = np.concatenate((before, after))
    edges = np.unique(np.quantile(everything, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    # A bin reaches up to its edge, so that a value of its own in most rows is a bin of its own.
    counts = [
        np.bincount(np.searchsorted(edges, each, side="left"), minlength=len(edges) + 1) for each in (before, after)
    ]
    return min(1.0, 2.0 * min(gap, _chi_square(np.array(counts, dtype=np.float64))))


def levels_p(before: pl.Series, after: pl.Series) -> float:
    """Probability of two samples of categories that differ as much: chi-square, rare levels put together.

    Parameters
    ----------
    before, after
        Text without nulls.
    """
    first, second = (dict(each.value_counts(name="rows in all").iter_rows()) for each in (before, after))
    names = sorted({*first, *second})
    table = np.array([[each.get(name, 0) for name in names] for each in (first, second)], dtype=np.float64)
    return _chi_square(table) if table.size else 1.0


def new_levels_p(before: pl.Series, after: pl.Series) -> tuple[float, tuple[str, ...], int]:
    """Probability of as many rows with levels that were not there before, the levels (most frequent first), the rows.

    What is expected is Good's estimate: the share of levels that were seen just once.

    References
    ----------
    I. J. Good (1953), "The population frequencies of species and the estimation of population parameters",
    Biometrika 40.
    """
    from scipy.stats import binom

    counts = before.value_counts(name="rows in all")
    unseen = after.filter(~after.is_in(before.unique().implode()))
    if not len(unseen) or not len(before):
        return 1.0, (), len(unseen)
    once = int((counts["rows in all"] == 1).sum())
    expected = min(1.0, (once + 2.0 * math.sqrt(once) + 1.0) / len(before))
    levels = unseen.value_counts(name="rows in all").sort(["rows in all", unseen.name], descending=[True, False])
    return float(binom.sf(len(unseen) - 1, len(after), expected)), tuple(levels[unseen.name].to_list()), len(unseen)


def _chi_square(table: Any) -> float:
    """Pearson's test of a table of shape (2, k), its rarest columns put together until each expects enough."""
    from scipy.stats import chi2

    rows, total = table.sum(axis=1), table.sum()
    if rows.min() == 0.0:
        return 1.0
    need = LEAST_EXPECTED * total / rows.min()
    ordered = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    reached = np.cumsum(ordered.sum(axis=0))
    few = int(np.sum(ordered.sum(axis=0) < need))
    if few:
        # At least so many columns that together they expect enough.
        few = max(few, int(np.searchsorted(reached, need)) + 1)
        few = min(few, table.shape[1])
        ordered = np.column_stack((ordered[:, :few].sum(axis=1), ordered[:, few:]))
    if ordered.shape[1] < 2:
        return 1.0
    expected = np.outer(rows, ordered.sum(axis=0)) / total
    return float(chi2.sf(((ordered - expected) ** 2 / expected).sum(), ordered.shape[1] - 1))
