"""Wasserstein-1 distance: the area between two distribution functions, from samples or from bins."""

from __future__ import annotations

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Floats, Ints
from holdfast.stats._binned import Counted, Reference
from holdfast.stats._bootstrap import simple_ends
from holdfast.stats._divergence import grouped, resample

_COARSE = 50
_DRAWS = 400


def exact_wasserstein(first: Floats, second: Floats) -> float | None:
    """Area between the distribution functions of two rising samples, without infinities; None where none is left."""
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    if not len(first) or not len(second):
        return None
    everywhere = np.sort(np.concatenate((first, second)))
    below = np.searchsorted(first, everywhere[:-1], side="right") / len(first)
    gap = np.abs(below - np.searchsorted(second, everywhere[:-1], side="right") / len(second))
    return float(gap @ np.diff(everywhere))


def wasserstein_value(
    reference: Reference,
    counted: Counted,
    *,
    confidence: float,
    rng: np.random.Generator,
    exact: float | None = None,
    scaled: bool = False,
) -> Value:
    """Wasserstein-1 distance of what was counted into the reference's bins, as `distances.wasserstein` describes it.

    Raises
    ------
    NotMeasurable
        If the column holds categories, a side has no finite values, or a constant reference is to scale by.
    """
    if reference.kind != "number":
        raise NotMeasurable("the values are categories, which have no distances", expected="psi or jensen_shannon")
    known = reference.counted
    if known.low is None or known.high is None or counted.low is None or counted.high is None:
        raise NotMeasurable("a side has no finite values", expected="at least one finite value on each side")
    if scaled and reference.deviation <= 0.0:
        raise NotMeasurable("the reference is constant, its deviation is zero", expected="scaled=False")
    ends = np.concatenate(([min(known.low, counted.low)], reference.edges, [max(known.high, counted.high)]))
    binned = float(np.abs(signed_areas(known, ends) - signed_areas(counted, ends)).sum())
    value = binned if exact is None else exact
    middle, drawn, null = _spread(known, counted, ends, rng=rng)
    low, high = simple_ends(drawn, middle, confidence=confidence, basic=True)
    unit = reference.deviation if scaled else 1.0
    low, high = (max(0.0, value + end - middle) / unit for end in (low, high))
    value /= unit
    notes = {
        "bins": f"{len(reference.edges) + 1} at quantiles of the reference" if exact is None else "none: exact",
        "null_95": float(np.quantile(null, 0.95)) / unit,
        "reference rows": known.present,
        "missing": {"reference": known.missing, "current": counted.missing},
        "scaled": scaled,
    }
    return Value(
        value, min(low, value), max(high, value), n=counted.present, method="parametric bootstrap", notes=notes
    )


def signed_areas(counted: Counted, ends: Floats) -> Floats:
    """Area under the distribution function in each bin, exact from the bins' counts and sums.

    In a bin from l to u it is ``F(l) (u - l) + sum of (u - x) / n`` over the values x in the bin.

    Parameters
    ----------
    counted
        Rows and sums by bin.
    ends
        Shape (bins + 1,): lower end of the first bin, then the upper ends.

    Returns
    -------
    ndarray
        Shape (bins,).
    """
    rows = counted.finite
    n = rows.sum()
    below = np.concatenate(([0.0], np.cumsum(rows)[:-1] / n))
    areas: Floats = below * np.diff(ends) + (rows * ends[1:] - counted.sums) / n
    return areas


def _spread(
    known: Counted, counted: Counted, ends: Floats, *, rng: np.random.Generator
) -> tuple[float, Floats, Floats]:
    """Distance in coarse bins, distances there of resamples, and distances of samples that one population gave."""
    starts = grouped(known.counts, bins=_COARSE)
    widths = np.diff(np.append(ends[starts], ends[-1]))
    before, after = np.add.reduceat(known.finite, starts), np.add.reduceat(counted.finite, starts)
    n, m = int(before.sum()), int(after.sum())
    middle = float(np.abs(_middles(before / n - after / m)) @ widths)
    drawn = _resampled(before, n, rng=rng) - _resampled(after, m, rng=rng)
    pooled = before + after
    null = _resampled(pooled, n, rng=rng) - _resampled(pooled, m, rng=rng)
    return middle, np.abs(_middles(drawn)) @ widths, np.abs(_middles(null)) @ widths


def _resampled(counts: Ints, total: int, *, rng: np.random.Generator) -> Floats:
    """Shape (draws, bins): shares of samples of `total` rows from the population that the counts estimate."""
    return resample(counts, total, rng=rng, draws=_DRAWS) / total


def _middles(shares: Floats) -> Floats:
    """Distribution function at the middle of each bin."""
    return np.cumsum(shares, axis=-1) - shares / 2.0
