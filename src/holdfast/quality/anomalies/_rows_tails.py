"""Tails: how surprising a number is in its column, and how surprises add up."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LEAST_P", "combined", "spike_of", "tail_p", "two_sided_p"]

#: Nothing is taken to be less probable than this.
LEAST_P = 1e-16
MOST_P = 0.9
#: The tail begins here; its shape is read off two further quantiles, so that up to 2.5 % odd rows do not bend it.
BEGIN, MIDDLE, END = 0.9, 0.95, 0.975
#: Shapes of the tail: 0 falls as an exponential, 0.5 has no fourth moment.
MOST_SHAPE = 0.5
#: Share of one value, above which the column is that value and a rest.
SPIKE = 0.5
#: Values of a rest that is too small to have a shape.
FEW = 50


def tail_p(values: Any) -> Any:
    """Probability of a value at least as large, shape (n,), from the ranks and, beyond them, the shape of the tail.

    Up to the 90 % quantile it is the share of larger values; beyond it a generalised Pareto tail, its shape by
    Pickands' estimator between 0 and 0.5. Odd rows, up to 2.5 %, do not change it.

    Parameters
    ----------
    values
        Shape (n,) float64; NaN gives 1.

    References
    ----------
    J. Pickands (1975), "Statistical inference using extreme order statistics", Annals of Statistics 3.
    """
    there = ~np.isnan(values)
    found = np.ones(len(values))
    known = values[there]
    if len(known) < 5:
        return found
    begin, middle, end = np.quantile(known, (BEGIN, MIDDLE, END))
    ordered = np.sort(known)
    larger = (len(known) - np.searchsorted(ordered, known, side="left")) / len(known)
    if middle > begin:
        ratio = max((end - middle) / (middle - begin), 1e-9)
        shape = float(np.clip(np.log2(ratio), 0.0, MOST_SHAPE))
        unit = (middle - begin) * (shape / (2.0**shape - 1.0) if shape > 1e-6 else 1.0 / np.log(2.0))
        beyond = np.maximum(known - begin, 0.0) / unit
        fitted = np.exp(-beyond) if shape <= 1e-6 else (1.0 + shape * beyond) ** (-1.0 / shape)
        larger = np.where(known > begin, (1.0 - BEGIN) * fitted, larger)
    found[there] = np.clip(larger, LEAST_P, 1.0)
    return found


def two_sided_p(values: Any) -> Any:
    """Probability of a value as far out on either side, shape (n,); NaN gives 1.

    A column that is one value in most rows is that value and a rest, whose tails are those of the rest.
    """
    there = ~np.isnan(values)
    known = values[there]
    found = np.ones(len(values))
    if len(known) < 5:
        return found
    spike, share = spike_of(values)
    if share <= SPIKE:
        found[there] = np.minimum(1.0, 2.0 * np.minimum(tail_p(known), tail_p(-known)))
        return found
    rest = known != spike
    kept = np.ones(len(known))
    if rest.sum() < FEW:
        kept[rest] = rest.sum() / len(known)
    else:
        both = np.minimum(tail_p(known[rest]), tail_p(-known[rest]))
        kept[rest] = np.minimum(1.0, 2.0 * both) * (1.0 - share)
    found[there] = np.maximum(kept, LEAST_P)
    return found


def spike_of(values: Any) -> tuple[float, float]:
    """The most frequent value, and its share of the values that are there."""
    levels, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return float(levels[counts.argmax()]), float(counts.max() / counts.sum())


def combined(p_values: Any) -> Any:
    """One probability of several, shape (n,), whatever their dependence: the Cauchy combination.

    Parameters
    ----------
    p_values
        Shape (k, n).

    References
    ----------
    Y. Liu, J. Xie (2020), "Cauchy combination test", JASA 115.
    """
    # Of views that find nothing at all, one may not outweigh another that does.
    given = np.clip(np.asarray(p_values), LEAST_P, MOST_P)
    # Where the tangent loses its digits it is the inverse.
    terms = np.where(given < 1e-8, 1.0 / (given * np.pi), np.tan((0.5 - given) * np.pi))
    mean = terms.mean(axis=0)
    near = np.where(mean > 1e8, 1.0 / (np.maximum(mean, 1.0) * np.pi), 0.5 - np.arctan(mean) / np.pi)
    return np.clip(near, LEAST_P, 1.0)
