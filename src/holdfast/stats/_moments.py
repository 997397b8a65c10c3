"""Mean, variance, least and greatest of a stream, which merge."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of finite numbers.

    Parameters
    ----------
    n
        How many.
    mean
        Their mean; 0 for none.
    squares
        Sum of the squared distances from the mean.
    low, high
        Least and greatest; None for none.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
    variances"; B. P. Welford (1962), Technometrics 4.

    Examples
    --------
    >>> import numpy as np
    >>> Moments.of(np.array([1.0, 2.0])).merge(Moments.of(np.array([6.0]))).mean
    3.0
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Moments of an array of finite numbers, shape (n,)."""
        if not len(values):
            return cls()
        mean = float(values.mean())
        centred = values - mean
        return cls(len(values), mean, float(centred @ centred), float(values.min()), float(values.max()))

    @property
    def deviation(self) -> float:
        """Standard deviation, of the population; 0 for none."""
        return math.sqrt(self.squares / self.n) if self.n else 0.0

    def merge(self, other: Moments) -> Moments:
        """Moments of both."""
        if not self.n or not other.n:
            return other if not self.n else self
        n = self.n + other.n
        apart = other.mean - self.mean
        mean = (self.n * self.mean + other.n * other.mean) / n
        squares = self.squares + other.squares + apart * apart * self.n * other.n / n
        ends = [end for each in (self, other) for end in (each.low, each.high) if end is not None]
        return Moments(n, mean, squares, min(ends), max(ends))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` makes the same moments of."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Moments that `to_dict` described.

        Raises
        ------
        InvalidValue
            If a field is missing or unknown.
        """
        try:
            return cls(int(data["n"]), float(data["mean"]), float(data["squares"]), data["low"], data["high"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidValue(f"no moments: {error}", expected="the data that to_dict() gave") from error
