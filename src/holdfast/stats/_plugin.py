"""Predictable plug-in estimates: running mean and variance, each usable for the observation after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats._arrays import Floats, numbers


@dataclass(slots=True)
class Running:
    """Sums behind the regularised mean ``(1/2 + sum x) / (t + 1)`` and variance ``(1/4 + sum (x - mean)^2) / (t + 1)``.

    References
    ----------
    I. Waudby-Smith, A. Ramdas (2024), "Estimating means of bounded random variables by betting", JRSSB 86(1).
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def advance(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """Take values in; give time, and mean and variance as they were before each of them.

        Parameters
        ----------
        values
            Shape (k,), in [0, 1].

        Returns
        -------
        tuple of ndarray
            Shape (k,) each: t = n + 1, ..., n + k; mean before t; variance before t.
        """
        times = self.n + np.arange(1.0, len(values) + 1.0)
        totals = np.cumsum(np.concatenate(([self.total], values)))
        means = (0.5 + totals) / np.concatenate(([times[0]], times + 1.0))
        squares = np.cumsum(np.concatenate(([self.squares], (values - means[1:]) ** 2)))
        variances = (0.25 + squares[:-1]) / times
        self.n += len(values)
        self.total, self.squares = float(totals[-1]), float(squares[-1])
        return times, means[:-1], variances


def bets(times: Floats, variances: Floats, *, alpha: float) -> Floats:
    """Predictable plug-in bets ``sqrt(2 log(2/alpha) / (variance t log(1 + t)))``, before they are capped."""
    bet: Floats = np.sqrt(2.0 * np.log(2.0 / alpha) / (variances * times * np.log1p(times)))
    return bet


def scaled(values: Any, *, low: float, high: float) -> Floats:
    """Values of [low, high] moved to [0, 1].

    Raises
    ------
    InvalidValue
        If a value is outside, or the array has more than one dimension.
    NotMeasurable
        If a value is NaN.
    """
    array = numbers(values, what="the sequence")
    if array.ndim > 1:
        raise InvalidValue(f"values of shape {array.shape}", expected="a one-dimensional array")
    array = np.atleast_1d(array)
    if array.size == 0:
        return array
    least, most = float(array.min()), float(array.max())
    if np.isnan(least):
        raise NotMeasurable("the sequence holds NaN", expected="finite numbers")
    if least < low or most > high:
        raise InvalidValue(f"values from {least} to {most} outside the bounds", expected=f"all within [{low}, {high}]")
    return (array - low) / (high - low)


def checked_bounds(low: float, high: float) -> tuple[float, float]:
    """Hand back the bounds if they are finite and in order.

    Raises
    ------
    InvalidValue
        If they are not.
    """
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InvalidValue(f"bounds [{low}, {high}]", expected="finite numbers with low < high")
    return float(low), float(high)


def read_state(state: Any, *, kind: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """Check that plain data is the state of this kind of object.

    Raises
    ------
    InvalidValue
        If it is of another kind or a field is missing.
    """
    if not isinstance(state, dict) or state.get("kind") != kind:
        raise InvalidValue(f"state of kind {state.get('kind') if isinstance(state, dict) else state!r}", expected=kind)
    missing = [name for name in fields if name not in state]
    if missing:
        raise InvalidValue(f"state without {', '.join(missing)}", expected="the data that state() gave")
    return state
