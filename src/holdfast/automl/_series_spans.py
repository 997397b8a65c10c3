"""Looking back: values at a place, and statistics over stretches, whatever stands before or behind them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STATISTICS = ("mean", "std", "min", "max")


class Sums(NamedTuple):
    """Number of rows, mean, sum of squared deviations, least and greatest; arrays of one shape."""

    rows: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    least: np.ndarray
    most: np.ndarray

    def take(self, where: np.ndarray) -> Sums:
        """Return those at some places."""
        return Sums(*(each[where] for each in self))

    def with_more(self, more: Sums) -> Sums:
        """Return those of two stretches together.

        References
        ----------
        T. F. Chan, G. H. Golub, R. J. LeVeque (1983), "Algorithms for computing the sample variance", The American
        Statistician 37: without cancellation, and a constant stretch has no spread at all.
        """
        rows = self.rows + more.rows
        share = more.rows / np.maximum(rows, 1)
        apart = more.mean - self.mean
        return Sums(
            rows,
            self.mean + apart * share,
            self.square + more.square + apart * apart * (self.rows * share),
            np.minimum(self.least, more.least),
            np.maximum(self.most, more.most),
        )


def statistics(values: np.ndarray, start: np.ndarray, stop: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, sample standard deviation, least and greatest of ``values[start:stop]`` for each query.

    A stretch is put together from blocks of 1, 2, 4, ... values, counted from its end: what comes out depends on the
    values in it and on nothing else, bit for bit. A running sum would remember what it left behind.

    Parameters
    ----------
    values
        Shape (n,) float64, finite.
    start, stop
        Shape (q,) int64, ``0 <= start <= stop <= n``.

    Returns
    -------
    dict of str to numpy.ndarray
        Shape (q,) float64 by name in `STATISTICS`; NaN where a stretch is empty (for the deviation: below two values).
    """
    length, at = stop - start, stop.copy()
    size = len(start)
    found = Sums(np.zeros(size), np.zeros(size), np.zeros(size), np.full(size, np.inf), np.full(size, -np.inf))
    # Blocks by their last place; those that would begin before the first value are never asked for.
    blocks = Sums(np.ones(len(values)), values, np.zeros(len(values)), values, values)
    block, longest = 1, int(length.max(initial=0))
    while block <= longest:
        chosen = np.flatnonzero(length & block)
        joined = found.take(chosen).with_more(blocks.take(at[chosen] - 1))
        for kept, new in zip(found, joined, strict=True):
            kept[chosen] = new
        at[chosen] -= block
        older = Sums(*(np.concatenate((each[:block], each[:-block])) for each in blocks))
        blocks = blocks.with_more(older)
        block *= 2
    some, several = found.rows > 0, found.rows > 1
    deviation = np.sqrt(found.square / np.where(several, found.rows - 1.0, 1.0))
    return {
        "mean": np.where(some, found.mean, np.nan),
        "std": np.where(several, deviation, np.nan),
        "min": np.where(some, found.least, np.nan),
        "max": np.where(some, found.most, np.nan),
    }


class Past:
    """Known values of series, to be looked up by series and place.

    Parameters
    ----------
    code, place
        Shape (n,) int64: series and place in it; no pair twice.
    values
        Shape (n,) float64, finite.
    """

    def __init__(self, code: np.ndarray, place: np.ndarray, values: np.ndarray) -> None:
        self._places = np.unique(place)
        self._width = len(self._places) + 1
        key = code * self._width + np.searchsorted(self._places, place)
        order = np.argsort(key, kind="stable")
        self._keys, self._values = key[order], values[order]

    def at(self, code: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Value of a series at a place, shape (q,); NaN where there is none."""
        start, stop = self._between(code, place, place)
        found = np.full(len(code), np.nan)
        there = stop > start
        found[there] = self._values[start[there]]
        return found

    def over(self, code: np.ndarray, first: np.ndarray, last: np.ndarray) -> dict[str, np.ndarray]:
        """Statistics of a series from one place to another, both included."""
        return statistics(self._values, *self._between(code, first, last))

    def _between(self, code: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        begin = code * self._width
        start = np.searchsorted(self._keys, begin + np.searchsorted(self._places, first, side="left"), side="left")
        stop = np.searchsorted(self._keys, begin + np.searchsorted(self._places, last, side="right"), side="left")
        return start, stop
