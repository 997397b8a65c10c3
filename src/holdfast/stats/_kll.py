"""KLL quantile sketch: a few thousand values that answer for any number of them, and that merge."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats, Ints

#: Values kept at the highest level; about three times as many in all.
K = 1024
_LEAST = 8


class Kll:
    """Quantiles of a stream of finite numbers.

    Values stand on levels; one on level h stands for ``2**h`` of the stream. When there are too many, a level is
    sorted and every second value (from a random start) moves up. Up to K values nothing is lost.

    Parameters
    ----------
    k
        Values kept at the highest level, at least 8. The rank of a value is off by about ``2.3 / k`` of the rows at
        most, with 99 % confidence; `error` says what this sketch has collected.
    seed
        Of the random starts: the same stream and seed give the same sketch.

    References
    ----------
    Z. Karnin, K. Lang, E. Liberty (2016), "Optimal quantile approximation in streams", FOCS.

    Examples
    --------
    >>> sketch = Kll()
    >>> sketch.update(np.arange(100_000.0))
    >>> abs(float(sketch.quantiles([0.5])[0]) - 50_000) < 500
    True
    """

    __slots__ = ("_levels", "_turns", "_variance", "k", "n", "seed")

    def __init__(self, k: int = K, *, seed: int = 0) -> None:
        if k < _LEAST:
            raise InvalidValue(f"k = {k}", expected=f"at least {_LEAST}")
        self.k, self.seed, self.n = k, seed, 0
        self._levels: list[Floats] = [np.empty(0)]
        self._turns = 0
        self._variance = 0.0

    @property
    def exact(self) -> bool:
        """Whether nothing was lost yet."""
        return len(self._levels) == 1

    @property
    def error(self) -> float:
        """Share of the rows by which a rank may be off, with 99 % confidence."""
        return 2.576 * math.sqrt(self._variance) / self.n if self.n else 0.0

    def update(self, values: Floats) -> None:
        """Take in finite numbers; shape (n,), in any order."""
        if len(values):
            self.n += len(values)
            self._add(0, np.sort(np.asarray(values, dtype=np.float64)))
            self._compress()

    def merge(self, other: Kll) -> Kll:
        """Sketch of both streams; neither is changed.

        Raises
        ------
        InvalidValue
            If they keep different numbers of values.
        """
        if other.k != self.k:
            raise InvalidValue(f"sketches of k = {self.k} and {other.k}", expected="one k")
        made = Kll(self.k, seed=self.seed ^ other.seed)
        made.n, made._variance = self.n + other.n, self._variance + other._variance
        made._turns = self._turns + other._turns
        for source in (self, other):
            for level, values in enumerate(source._levels):
                made._add(level, values)
        made._compress()
        return made

    def weighted(self) -> tuple[Floats, Ints]:
        """Values in rising order, and how many of the stream each stands for; the weights sum to n."""
        values = np.concatenate(self._levels)
        weights = np.repeat(1 << np.arange(len(self._levels), dtype=np.int64), [len(each) for each in self._levels])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]

    def quantiles(self, shares: Any) -> Floats:
        """Values below or at which the given shares of the stream lie.

        Parameters
        ----------
        shares
            Shape (q,), each in [0, 1].

        Returns
        -------
        ndarray
            Shape (q,).

        Raises
        ------
        InvalidValue
            If the sketch is empty or a share is outside [0, 1].
        """
        asked = np.asarray(shares, dtype=np.float64)
        if not self.n or not bool(np.all((asked >= 0.0) & (asked <= 1.0))):
            raise InvalidValue(f"quantiles {shares} of {self.n} values", expected="shares from 0 to 1 of some values")
        values, weights = self.weighted()
        place = np.searchsorted(np.cumsum(weights), np.maximum(1.0, np.ceil(asked * self.n)))
        return values[np.minimum(place, len(values) - 1)]

    def below(self, values: Any) -> Floats:
        """Shape (q,): share of the stream at or below each of the values; 0 for an empty sketch."""
        asked = np.asarray(values, dtype=np.float64)
        held, weights = self.weighted()
        reached = np.concatenate(([0], np.cumsum(weights)))
        return reached[np.searchsorted(held, asked, side="right")] / max(1, self.n)

    def _add(self, level: int, values: Floats) -> None:
        while len(self._levels) <= level:
            self._levels.append(np.empty(0))
        held = self._levels[level]
        self._levels[level] = np.sort(np.concatenate((held, values)), kind="stable") if len(held) else values

    def _capacity(self, level: int) -> int:
        return max(_LEAST, math.ceil(self.k * (2.0 / 3.0) ** (len(self._levels) - level - 1)))

    def _compress(self) -> None:
        while sum(len(each) for each in self._levels) > sum(self._capacity(h) for h in range(len(self._levels))):
            level = next(h for h, each in enumerate(self._levels) if len(each) > self._capacity(h))
            self._compact(level)

    def _compact(self, level: int) -> None:
        values = self._levels[level]
        start = _coin(self.seed, self._turns)
        self._turns += 1
        even = len(values) - len(values) % 2
        # Of an odd number one stays: the least or the greatest, by turns.
        first = len(values) % 2 if self._turns % 2 else 0
        kept = np.delete(values, slice(first, first + even))
        self._variance += 4.0**level
        moved = values[first : first + even][start::2]
        self._levels[level] = kept
        self._add(level + 1, moved)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` makes the same sketch of."""
        return {
            "k": self.k,
            "seed": self.seed,
            "n": self.n,
            "turns": self._turns,
            "variance": self._variance,
            "levels": [each.tolist() for each in self._levels],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Sketch that `to_dict` described.

        Raises
        ------
        InvalidValue
            If a field is missing, or the values do not stand for n rows.
        """
        try:
            made = cls(int(data["k"]), seed=int(data["seed"]))
            made.n, made._turns, made._variance = int(data["n"]), int(data["turns"]), float(data["variance"])
            made._levels = [np.asarray(each, dtype=np.float64) for each in data["levels"]]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidValue(f"no quantile sketch: {error}", expected="the data that to_dict() gave") from error
        if sum(len(each) << level for level, each in enumerate(made._levels)) != made.n or not made._levels:
            raise InvalidValue(f"values that do not stand for {made.n} rows", expected="the data that to_dict() gave")
        return made


def _coin(seed: int, turn: int) -> int:
    """Random bit for a turn, from SplitMix64 (G. L. Steele, D. Lea, C. H. Flood 2014), so that nothing else is kept."""
    mixed = (seed * 0x9E3779B97F4A7C15 + (turn + 1) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (mixed ^ (mixed >> 31)) & 1
