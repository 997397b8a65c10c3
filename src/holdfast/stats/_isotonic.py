"""Isotonic calibration by pooling adjacent violators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats, floats, same_length


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Rising piecewise-linear calibration map, flat outside its knots.

    Parameters
    ----------
    knots
        Scores, rising.
    values
        Calibrated probability at each knot, never falling.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that there are knots, that they rise, and that the values never fall."""
        if len(self.knots) != len(self.values) or not self.knots:
            raise InvalidValue(f"{len(self.knots)} knots with {len(self.values)} values", expected="one value per knot")
        if bool(np.any(np.diff(self.knots) <= 0.0)) or bool(np.any(np.diff(self.values) < 0.0)):
            raise InvalidValue("knots that do not rise, or values that fall", expected="a rising map")

    def apply(self, score: Any) -> Floats:
        """Calibrated probabilities of scores, shape (n,)."""
        return np.interp(np.asarray(score, dtype=np.float64), self.knots, self.values)


def fit_isotonic(score: Any, target: Any, *, weight: Any = None) -> Isotonic:
    """Fit the rising map of least squares.

    Parameters
    ----------
    score
        Shape (n,).
    target
        Shape (n,): 0 and 1, or any numbers.
    weight
        Shape (n,), positive; None for equal weights.

    Returns
    -------
    Isotonic
        Knots at the ends of each pool of rows that share a value.

    Raises
    ------
    NotMeasurable
        If there are no rows, or one is NaN.
    InvalidValue
        If the lengths differ or a weight is not positive.

    References
    ----------
    M. Ayer, H. D. Brunk, G. M. Ewing, W. T. Reid, E. Silverman (1955), "An empirical distribution function for sampling
    with incomplete information"; B. Zadrozny, C. Elkan (2002), "Transforming classifier scores into accurate multiclass
    probability estimates", KDD.

    Examples
    --------
    >>> fit_isotonic([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1]).apply([0.2, 0.3]).tolist()
    [0.5, 0.5]
    """
    scores, targets = floats(score, what="score"), floats(np.asarray(target, dtype=np.float64), what="target")
    same_length(scores, targets, what="score and target")
    weights = np.ones(len(scores)) if weight is None else floats(weight, what="weight")
    same_length(scores, weights, what="score and weight")
    if float(weights.min()) <= 0.0:
        raise InvalidValue(f"weight {float(weights.min())}", expected="positive weights")
    distinct, place = np.unique(scores, return_inverse=True)
    mass: Floats = np.bincount(place, weights=weights).astype(np.float64)
    means: Floats = np.bincount(place, weights=weights * targets) / mass
    fitted, starts, ends = pooled(means, mass)
    index = np.unique(np.concatenate((starts, ends)))
    pool = np.searchsorted(starts, index, side="right") - 1
    return Isotonic(tuple(distinct[index].tolist()), tuple(fitted[pool].tolist()))


def pooled(means: Floats, mass: Floats) -> tuple[Floats, Any, Any]:
    """Pool adjacent violators in one pass.

    Parameters
    ----------
    means, mass
        Shape (k,): value and weight at each distinct score, in rising order of the scores.

    Returns
    -------
    tuple of ndarray
        Shape (pools,) each: fitted value, first index, last index.
    """
    if bool(np.all(np.diff(means) >= 0.0)):
        single = np.arange(len(means))
        return means, single, single
    values: list[float] = []
    sizes: list[float] = []
    starts: list[int] = []
    for index, (value, size) in enumerate(zip(means.tolist(), mass.tolist(), strict=True)):
        start = index
        while values and values[-1] > value:
            value = (values[-1] * sizes[-1] + value * size) / (sizes[-1] + size)  # noqa: PLW2901 - the pool grows
            size += sizes.pop()  # noqa: PLW2901 - the pool grows
            values.pop()
            start = starts.pop()
        values.append(value)
        sizes.append(size)
        starts.append(start)
    first = np.asarray(starts)
    return np.asarray(values), first, np.append(first[1:], len(means)) - 1
