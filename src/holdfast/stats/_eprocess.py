"""A test that a mean is on the right side of a bound, which may be looked at after every observation."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.stats._plugin import Running, checked_bounds, read_state, scaled

SIDES = ("greater", "less")
_SHARE = 0.75
_FIELDS = ("low", "high", "bound", "alternative", "n", "total", "squares", "capital", "peak")


class MeanTest:
    """E-process against ``mean <= bound`` (or ``mean >= bound``): capital that grows only if the hypothesis is false.

    If the hypothesis is true, the chance that the capital ever passes ``1/alpha`` is at most alpha (Ville 1939).

    Parameters
    ----------
    bound
        Bound on the mean, strictly within the bounds of the observations.
    low, high
        Bounds of the observations.
    alternative
        ``greater`` tests ``mean <= bound``, ``less`` tests ``mean >= bound``.

    Raises
    ------
    InvalidValue
        If the bounds are not in order or the alternative is unknown.

    References
    ----------
    Waudby-Smith & Ramdas (2024), JRSSB 86(1), for the capital and the approximate GRAPA bet (appendix B.3);
    A. Podkopaev, A. Ramdas (2022), "Tracking the risk of a deployed model and detecting harmful distribution shifts",
    ICLR.

    Examples
    --------
    >>> test = MeanTest(0.1)
    >>> test.update(np.tile([1.0, 0.0], 50))
    >>> test.rejects(alpha=0.001)
    True
    """

    __slots__ = ("_alternative", "_bound", "_capital", "_high", "_low", "_peak", "_running")

    def __init__(self, bound: float, *, low: float = 0.0, high: float = 1.0, alternative: str = "greater") -> None:
        self._low, self._high = checked_bounds(low, high)
        if not low < bound < high:
            raise InvalidValue(f"bound {bound} on the mean of values in [{low}, {high}]", expected="low < bound < high")
        if alternative not in SIDES:
            raise InvalidValue(f"alternative {alternative!r}", expected="greater or less")
        self._bound, self._alternative = float(bound), alternative
        self._running = Running()
        self._capital = self._peak = 0.0

    @property
    def n(self) -> int:
        """Observations so far."""
        return self._running.n

    @property
    def log_e(self) -> float:
        """Logarithm of the capital now."""
        return self._capital

    @property
    def e_value(self) -> float:
        """Capital now: the evidence against the hypothesis; its expectation under it is at most 1."""
        return math.exp(min(self._capital, 700.0))

    @property
    def p_value(self) -> float:
        """Anytime-valid p-value: one over the largest capital so far, at most 1."""
        return min(1.0, math.exp(-self._peak))

    def rejects(self, *, alpha: float = 0.05) -> bool:
        """Whether the capital has ever passed ``1/alpha``."""
        return self.p_value <= alpha

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
        bound = (self._bound - self._low) / (self._high - self._low)
        if self._alternative == "less":
            array, bound = 1.0 - array, 1.0 - bound
        _, means, variances = self._running.advance(array)
        lead = means - bound
        stake = np.clip(lead / (variances + lead**2), 0.0, _SHARE / bound)
        capital = np.cumsum(np.concatenate(([self._capital], np.log1p(stake * (array - bound)))))
        self._capital, self._peak = float(capital[-1]), max(self._peak, float(capital.max()))

    def state(self) -> dict[str, Any]:
        """Plain JSON data that `from_state` makes the same test of."""
        return {
            "kind": "mean-test",
            "low": self._low,
            "high": self._high,
            "bound": self._bound,
            "alternative": self._alternative,
            "n": self._running.n,
            "total": self._running.total,
            "squares": self._running.squares,
            "capital": self._capital,
            "peak": self._peak,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Test that goes on where `state` was taken.

        Raises
        ------
        InvalidValue
            If the data are not the state of a test.
        """
        read = read_state(state, kind="mean-test", fields=_FIELDS)
        made = cls(read["bound"], low=read["low"], high=read["high"], alternative=read["alternative"])
        made._running = Running(int(read["n"]), float(read["total"]), float(read["squares"]))
        made._capital, made._peak = float(read["capital"]), float(read["peak"])
        return made
