"""Predictable plug-in empirical Bernstein: a confidence sequence in closed form, with five numbers of memory."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from holdfast.stats._arrays import checked_confidence
from holdfast.stats._plugin import Running, bets, checked_bounds, read_state, scaled

_CAP = 0.5
_FIELDS = ("low", "high", "alpha", "n", "total", "squares", "weight", "weighted", "cost", "left", "right")


class EmpiricalBernsteinSequence:
    """Confidence sequence for the mean of bounded observations, in closed form.

    Wider than `BettingSequence` for hundreds of observations, as tight from some thousand on, and many times cheaper:
    for millions of observations a second.

    Parameters
    ----------
    low, high
        Bounds of the observations.
    confidence
        That the mean lies in all the intervals, in (0, 1).

    Raises
    ------
    InvalidValue
        If the bounds are not in order, or the confidence is not in (0, 1).

    References
    ----------
    I. Waudby-Smith, A. Ramdas (2024), "Estimating means of bounded random variables by betting", JRSSB 86(1), theorem 2
    and equation (15).

    Examples
    --------
    >>> sequence = EmpiricalBernsteinSequence()
    >>> sequence.update(np.tile([1.0, 1.0, 1.0, 0.0], 100))
    >>> low, high = sequence.interval
    >>> 0.6 < low < 0.75 < high < 0.9
    True
    """

    __slots__ = ("_alpha", "_cost", "_high", "_left", "_low", "_right", "_running", "_weight", "_weighted")

    def __init__(self, low: float = 0.0, high: float = 1.0, *, confidence: float = 0.95) -> None:
        self._low, self._high = checked_bounds(low, high)
        self._alpha = 1.0 - checked_confidence(confidence)
        self._running = Running()
        self._weight = self._weighted = self._cost = 0.0
        self._left, self._right = 0.0, 1.0

    @property
    def n(self) -> int:
        """Observations so far."""
        return self._running.n

    @property
    def confidence(self) -> float:
        """Confidence that the mean lies in all the intervals."""
        return 1.0 - self._alpha

    @property
    def mean(self) -> float:
        """Mean of the observations; the middle of the bounds before there are any."""
        share = self._running.total / self._running.n if self._running.n else 0.5
        return self._low + (self._high - self._low) * share

    @property
    def interval(self) -> tuple[float, float]:
        """Interval that holds now: the intersection of all so far; where that is empty, the point where they met."""
        width = self._high - self._low
        left, right = self._left, self._right
        if left > right:
            left = right = (left + right) / 2.0
        return self._low + width * left, self._low + width * right

    @property
    def contradicted(self) -> bool:
        """Whether the intersection is empty: the mean has moved."""
        return self._left > self._right

    def update(self, values: Any) -> None:
        """Take in observations, in order; in one call or in many, the result is the same.

        Parameters
        ----------
        values
            Shape (k,), or one number, within the bounds.

        Raises
        ------
        InvalidValue
            If a value is outside the bounds.
        NotMeasurable
            If a value is NaN. Nothing was taken in then.
        """
        array = scaled(values, low=self._low, high=self._high)
        if not len(array):
            return
        times, means, variances = self._running.advance(array)
        weight = np.minimum(_CAP, bets(times, variances, alpha=self._alpha))
        cost = (array - means) ** 2 * (-np.log1p(-weight) - weight)
        weights = np.cumsum(np.concatenate(([self._weight], weight)))[1:]
        weighted = np.cumsum(np.concatenate(([self._weighted], weight * array)))[1:]
        costs = np.cumsum(np.concatenate(([self._cost], cost)))[1:]
        middle, half = weighted / weights, (math.log(2.0 / self._alpha) + costs) / weights
        self._left = max(self._left, float((middle - half).max()))
        self._right = min(self._right, float((middle + half).min()))
        self._weight, self._weighted, self._cost = float(weights[-1]), float(weighted[-1]), float(costs[-1])

    def state(self) -> dict[str, Any]:
        """Plain JSON data that `from_state` makes the same sequence of."""
        return {
            "kind": "empirical-bernstein",
            "low": self._low,
            "high": self._high,
            "alpha": self._alpha,
            "n": self._running.n,
            "total": self._running.total,
            "squares": self._running.squares,
            "weight": self._weight,
            "weighted": self._weighted,
            "cost": self._cost,
            "left": self._left,
            "right": self._right,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Sequence that goes on where `state` was taken.

        Raises
        ------
        InvalidValue
            If the data are not the state of an empirical-Bernstein sequence.
        """
        read = read_state(state, kind="empirical-bernstein", fields=_FIELDS)
        made = cls(read["low"], read["high"], confidence=1.0 - read["alpha"])
        made._alpha = float(read["alpha"])
        made._running = Running(int(read["n"]), float(read["total"]), float(read["squares"]))
        made._weight, made._weighted, made._cost = (float(read[each]) for each in ("weight", "weighted", "cost"))
        made._left, made._right = float(read["left"]), float(read["right"])
        return made
