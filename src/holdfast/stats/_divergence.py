"""Population stability index and Jensen-Shannon distance of counts, with what chance gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Floats, Ints
from holdfast.stats._binned import Counted, Reference
from holdfast.stats._bootstrap import simple_ends

_DRAWS = 500
#: Expected rows of a bin from which the limits are taken for the distributions that they are the limits of.
_LARGE = 30.0
_SHOWN = 50


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Counts of both sides in the bins that are compared.

    Parameters
    ----------
    before, after
        Shape (bins,): rows of the reference and of the current side; bins that are empty on both are left out.
    place
        Shape (bins,): which bin it is.
    names
        What the bins are: edges, levels, and which special bins stand at the end.
    """

    before: Ints
    after: Ints
    place: Ints
    names: dict[str, Any]


def table(reference: Reference, counted: Counted, *, bins: int) -> Table:
    """Counts in `bins` groups of the reference's bins; unseen categories and missing values are bins of their own.

    Raises
    ------
    InvalidValue
        If there are fewer than 2 bins.
    """
    if bins < 2:
        raise InvalidValue(f"{bins} bins", expected="at least 2")
    before, after = reference.counted.counts, counted.counts
    names: dict[str, Any]
    if reference.kind == "number":
        ends = grouped(before, bins=bins)
        before, after = np.add.reduceat(before, ends), np.add.reduceat(after, ends)
        names = {"edges": [float(reference.edges[end - 1]) for end in ends[1:]]}
    else:
        names = {"levels": list(reference.levels[:_SHOWN]), "count": len(reference.levels)}
        if counted.unseen:
            names["unseen"] = list(counted.unseen)
    before, after = np.append(before, reference.counted.missing), np.append(after, counted.missing)
    names["missing"] = [reference.counted.missing, counted.missing]
    place = np.flatnonzero(before + after)
    return Table(before[place], after[place], place, names)


def grouped(counts: Ints, *, bins: int) -> Ints:
    """Starts of `bins` runs of fine bins with about as many reference rows each; fewer where rows share a fine bin."""
    reached = np.cumsum(counts)[:-1]
    if len(reached) < bins:
        return np.arange(len(counts))
    targets = np.arange(1, bins) * counts.sum() / bins
    right = np.clip(np.searchsorted(reached, targets - 1e-9), 0, len(reached) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(reached[left] - targets) < np.abs(reached[right] - targets), left, right)
    return np.unique(np.concatenate(([0], nearest + 1)))


def psi_value(
    reference: Reference, counted: Counted, *, bins: int, confidence: float, rng: np.random.Generator
) -> Value:
    """Population stability index of what was counted, as `distances.psi` describes it."""
    made = table(reference, counted, bins=bins)
    n, m = int(made.before.sum()), int(made.after.sum())
    value = float(_psi(made.before, made.after))
    drawn = _psi(resample(made.before, n, rng=rng), resample(made.after, m, rng=rng))
    low, high = simple_ends(drawn, value, confidence=confidence, basic=True)
    freedom = len(made.before) - 1
    notes = _notes(made, n) | {
        "null_mean": freedom * (1.0 / n + 1.0 / m),
        "null_sd": math.sqrt(2.0 * freedom) * (1.0 / n + 1.0 / m),
        "null_95": _null_95(_psi, made, limit=chi2_95(freedom) * (1.0 / n + 1.0 / m), rng=rng),
    }
    return Value(value, max(0.0, min(low, value)), max(high, value), n=m, method="parametric bootstrap", notes=notes)


def jensen_shannon_value(
    reference: Reference, counted: Counted, *, bins: int, confidence: float, rng: np.random.Generator
) -> Value:
    """Jensen-Shannon distance of what was counted, as `distances.jensen_shannon` describes it.

    With no change the divergence (in nats) is about ``(1/n + 1/m) chi2(bins - 1) / 8``.
    """
    made = table(reference, counted, bins=bins)
    n, m = int(made.before.sum()), int(made.after.sum())
    value = math.sqrt(float(_bits(made.before / n, made.after / m)))
    drawn = _bits(resample(made.before, n, rng=rng) / n, resample(made.after, m, rng=rng) / m)
    low, high = simple_ends(drawn, value**2, confidence=confidence, basic=True)
    low, high = math.sqrt(min(max(0.0, low), value**2)), math.sqrt(min(1.0, max(0.0, high)))
    freedom = len(made.before) - 1
    limit = chi2_95(freedom) * (1.0 / n + 1.0 / m) / (8.0 * math.log(2.0))
    null = math.sqrt(_null_95(lambda p, q: _bits(p / n, q / m), made, limit=limit, rng=rng))
    notes = _notes(made, n) | {"null_95": min(1.0, null)}
    return Value(value, min(low, value), max(high, value), n=m, method="parametric bootstrap", notes=notes)


def _null_95(
    distance: Callable[[Floats, Floats], Floats], made: Table, *, limit: float, rng: np.random.Generator
) -> float:
    """95 % quantile where both sides come from one population: the limit, or drawn where it does not hold yet."""
    pooled = made.before + made.after
    n, m = int(made.before.sum()), int(made.after.sum())
    expected = pooled.min() * min(n, m) / (n + m)
    if expected >= _LARGE:
        return limit
    return float(np.quantile(distance(resample(pooled, n, rng=rng), resample(pooled, m, rng=rng)), 0.95))


def _notes(made: Table, n: int) -> dict[str, Any]:
    worst = np.argsort(-np.abs(made.before / n - made.after / made.after.sum()), kind="stable")[:_SHOWN]
    return {
        "bins": made.names,
        "reference rows": n,
        "shares": {
            "bin": [int(each) for each in made.place[worst]],
            "reference": [float(each) for each in made.before[worst] / n],
            "current": [float(each) for each in made.after[worst] / made.after.sum()],
        },
    }


def smooth(before: Any, after: Any) -> tuple[Floats, Floats]:
    """Shares of both sides with no bin empty.

    Each bin gets half a row at the share it has on both sides together, so that a bin which few rows leave empty says
    little, and half a row shared out by the sizes of the sides, so that a bin which is new is not infinitely far.

    Parameters
    ----------
    before, after
        Shape (..., bins): counts; the last axis holds the bins.

    Returns
    -------
    tuple of ndarray
        Shape (..., bins) each: shares above 0 that sum to 1.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    n, m = first.sum(axis=-1, keepdims=True), second.sum(axis=-1, keepdims=True)
    bins = first.shape[-1]
    pooled = 0.5 * bins * (first + second) / (n + m)
    return _smooth_side(first, pooled, share=n / (n + m)), _smooth_side(second, pooled, share=m / (n + m))


def _smooth_side(counts: Floats, pooled: Floats, *, share: Floats) -> Floats:
    filled = counts + pooled + 0.5 * share
    shares: Floats = filled / filled.sum(axis=-1, keepdims=True)
    return shares


def resample(counts: Ints, total: int, *, rng: np.random.Generator, draws: int = _DRAWS) -> Floats:
    """Counts as other samples of this size would have them.

    They are multinomial, or the normal limit of that where all counts are large (which costs a tenth).

    Returns
    -------
    ndarray
        Shape (draws, bins).
    """
    shares = counts / counts.sum()
    if float(shares.min()) * total < _LARGE:
        return rng.multinomial(total, shares, size=draws).astype(np.float64)
    root = np.sqrt(shares)
    noise = rng.standard_normal((draws, len(counts)))
    noise = root * noise - np.outer(noise @ root, shares)
    drawn: Floats = np.maximum(0.0, shares * total + math.sqrt(total) * noise)
    return drawn


def chi2_95(freedom: int) -> float:
    """95 % quantile of the chi-squared distribution; 0 without freedom."""
    from scipy.special import chdtri

    return float(chdtri(freedom, 0.05)) if freedom > 0 else 0.0


def _psi(before: Any, after: Any) -> Floats:
    p, q = smooth(before, after)
    index: Floats = ((q - p) * np.log(q / p)).sum(axis=-1)
    return index


def _bits(before: Floats, after: Floats) -> Floats:
    middle = (before + after) / 2.0
    safe = np.where(middle > 0.0, middle, 1.0)
    parts = _entropy_terms(before / safe) * before + _entropy_terms(after / safe) * after
    bits: Floats = np.clip(parts.sum(axis=-1) / 2.0, 0.0, 1.0)
    return bits


def _entropy_terms(ratio: Floats) -> Floats:
    return np.log2(np.where(ratio > 0.0, ratio, 1.0))
