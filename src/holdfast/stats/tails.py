"""Tails of a sample, each side on its own: how improbable is a value that lies further out than most.

A side is described by a Student distribution that is fitted to quantiles: its scale to the quantile at one standard
deviation, its degrees of freedom to how far the outermost quantiles lie beyond it. Quantiles do not move when a few
values of the sample are anomalies themselves, and a tail that falls as a power does not call every value beyond the
largest one impossible.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats

__all__ = ["Tails", "fit_tails"]

#: Share of a normal distribution below one standard deviation: where the scale is read.
NEAR = 0.8413447460685429
#: Where the heaviness is read, and how many independent values it takes to read it there.
FAR = ((0.975, 80.0), (0.995, 400.0), (0.999, 4000.0))
MOST_FREEDOM = 50.0
#: No side is taken to be heavier than this: what makes it look so are often the very values that are looked for.
LEAST_FREEDOM = 5.0
#: No surprise is larger than this: what a float can tell of a probability.
MOST_SURPRISE = 300.0
#: Distances below this share of the largest value are rounding.
ROUNDING = 1e-10
#: How much more surprising than its frequency a value may be that the sample has reached already.
REACHED = 1.5
#: The same for a value on a side where the sample holds nothing at all.
EMPTY = 2.5


@dataclass(frozen=True, slots=True)
class Tails:
    """Both sides of a sample.

    Parameters
    ----------
    middle
        Median of the sample.
    low, high
        Scale (in the unit of the sample; 0 where nothing lies on this side) and degrees of freedom of each side.
    size
        How many independent values the sample is worth.
    ordered
        Shape (n,): the sample in ascending order.
    """

    middle: float
    low: tuple[float, float]
    high: tuple[float, float]
    size: float
    ordered: Floats

    def surprise(self, values: Floats) -> Floats:
        """Surprise of each value: minus the decimal logarithm of the chance of one at least as far out on its side.

        Parameters
        ----------
        values
            Shape (n,).

        Returns
        -------
        ndarray
            Shape (n,), float64 in [0, 300]; 0 for NaN. Twice the chance of the side is taken, so that the median has
            a surprise of 0. A value that the sample has reached already is at most 1.5 times as surprising as its
            frequency there says (by Laplace's rule of succession); one on a side where the sample holds nothing is
            2.5 times as surprising as that rule says.

        Examples
        --------
        >>> tails = fit_tails(np.random.default_rng(0).normal(0.0, 1.0, 5000))
        >>> tails.surprise(np.array([0.0, 2.0, 5.0])).round(0).tolist()
        [0.0, 1.0, 5.0]
        """
        from scipy.special import stdtr

        away = np.asarray(values, dtype=np.float64) - self.middle
        # What is left of rounding is no distance.
        away[np.abs(away) <= ROUNDING * max(abs(self.ordered[0]), abs(self.ordered[-1]))] = 0.0
        found = np.zeros(away.shape)
        below = np.searchsorted(self.ordered, values, "left")
        beyond = self.ordered.size - below
        reached = np.searchsorted(self.ordered, values, "right")
        worth = self.size / self.ordered.size
        for (scale, freedom), side, seen in ((self.low, away < 0, reached), (self.high, away > 0, beyond)):
            count = seen[side] * worth
            known = np.log10((self.size + 2.0) / (count + 1.0))
            if scale > 0:
                chance = 2.0 * stdtr(freedom, -np.abs(away[side]) / scale)
                fitted = -np.log10(np.maximum(chance, 10.0**-MOST_SURPRISE))
                found[side] = np.where(seen[side] > 0, np.minimum(fitted, REACHED * known), fitted)
            else:
                found[side] = EMPTY * known
        return np.maximum(found, 0.0)


def fit_tails(sample: Floats, *, size: float | None = None) -> Tails:
    """Fit the lower and the upper tail of a sample.

    Parameters
    ----------
    sample
        Shape (n,); NaN and infinities are left out.
    size
        How many independent values the sample is worth; n where None. Fewer make the tails heavier, as Student's
        distribution does for an estimated scale.

    Raises
    ------
    InvalidValue
        If no value is finite.

    References
    ----------
    Student (1908), "The probable error of a mean", Biometrika 6. The heaviness is read as in D. C. Hoaglin,
    F. Mosteller, J. W. Tukey (1985), "Exploring Data Tables, Trends, and Shapes": ratios of outer to inner quantiles.

    Examples
    --------
    >>> tails = fit_tails(np.random.default_rng(0).normal(10.0, 2.0, 5000))
    >>> bool(abs(tails.high[0] - 2.0) < 0.1 and abs(tails.low[0] - 2.0) < 0.1)
    True
    """
    ordered = np.sort(np.asarray(sample, dtype=np.float64))
    ordered = ordered[np.searchsorted(ordered, -np.inf, "right") : np.searchsorted(ordered, np.inf, "left")]
    if not ordered.size:
        raise InvalidValue("a sample without a finite value has no tails", expected="at least one finite value")
    worth = float(ordered.size if size is None else min(size, ordered.size))
    middle = _quantile(ordered, 0.5)
    return Tails(middle, _side(-ordered[::-1], worth), _side(ordered, worth), worth, ordered)


def _side(ordered: Floats, worth: float) -> tuple[float, float]:
    """Scale and degrees of freedom of the upper side of ascending values."""
    middle = _quantile(ordered, 0.5)
    freedom = min(MOST_FREEDOM, max(1.0, worth / 3.0))
    near = _quantile(ordered, NEAR) - middle
    if near <= ROUNDING * max(abs(ordered[0]), abs(ordered[-1])):
        # At least a third of the values are one and the same: the scale is that of what lies beyond, spread over all.
        beyond = float(np.maximum(ordered - middle, 0.0).sum()) / ordered.size
        return beyond, min(freedom, 3.0)
    for level, needed in FAR:
        if worth >= needed:
            freedom = min(freedom, max(LEAST_FREEDOM, _freedom((_quantile(ordered, level) - middle) / near, level)))
    return near / _student(freedom, NEAR), freedom


def _quantile(ordered: Floats, level: float) -> float:
    place = level * (ordered.size - 1)
    below = int(place)
    above = min(below + 1, ordered.size - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


@lru_cache(maxsize=4096)
def _student(freedom: float, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, level))


@lru_cache(maxsize=8)
def _ratios(level: float) -> tuple[Floats, Floats]:
    from scipy.special import stdtrit

    freedoms = np.geomspace(0.5, MOST_FREEDOM, 200)
    ratios = stdtrit(freedoms, level) / stdtrit(freedoms, NEAR)
    return ratios[::-1].copy(), freedoms[::-1].copy()


def _freedom(ratio: float, level: float) -> float:
    """Degrees of freedom at which the quantile at `level` lies `ratio` times as far out as the one at `NEAR`."""
    ratios, freedoms = _ratios(level)
    return float(np.interp(ratio, ratios, freedoms))
