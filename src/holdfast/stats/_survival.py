"""Pairs of times to an event that can be told apart, and how many of them are predicted in order, in O(n log n)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.stats._arrays import Bools, Floats, Ints


class Pairs(NamedTuple):
    """Pairs that each row is part of, shape (n,) float64: those in order (ties count one half), and all of them."""

    ordered: Floats
    comparable: Floats


def comparable_pairs(time: Floats, event: Bools, score: Floats) -> Pairs:
    """Pairs of each row whose order in time is known, and those that the score has in that order.

    Two rows can be compared where the event came in the one that ended first; of two that ended together, where it came
    in one of them only (the other lasted longer). A pair is in order where the one that lasted longer scores higher.

    Parameters
    ----------
    time, event, score
        Shape (n,): how long each row was watched, whether its event came then, and the score (higher for later).

    Returns
    -------
    Pairs
        Each pair counts for both of its rows.

    References
    ----------
    F. E. Harrell, K. L. Lee, D. B. Mark (1996), "Multivariable prognostic models", Statistics in Medicine 15; the
    counts are those of a wavelet matrix (F. Claude, G. Navarro, A. Ordonez 2015, Information Systems 47).
    """
    rank = np.unique(score, return_inverse=True)[1].ravel().astype(np.int64)
    # At one time, events stand before rows that were watched no longer.
    moment = np.unique(np.unique(time, return_inverse=True)[1].ravel() * 2 + ~event, return_inverse=True)[1].ravel()
    ordered, comparable = np.zeros(len(time)), np.zeros(len(time))
    came = np.flatnonzero(event)

    # Of a row whose event came: those that lasted longer, in falling order of time.
    by_time = np.argsort(-moment, kind="stable")
    later = np.searchsorted(-moment[by_time], -moment[came], side="left")
    below, up_to = _lower(rank[by_time], later, rank[came])
    ordered[came] += later - up_to + (up_to - below) / 2.0
    comparable[came] += later

    # Of any row: those whose event came before it ended.
    by_time = came[np.argsort(moment[came], kind="stable")]
    sooner = np.searchsorted(moment[by_time], moment, side="left")
    below, up_to = _lower(rank[by_time], sooner, rank)
    ordered += below + (up_to - below) / 2.0
    comparable += sooner
    return Pairs(ordered, comparable)


def _lower(values: Ints, prefix: Ints, bound: Ints) -> tuple[Floats, Floats]:
    """Among the first so many values: how many are below each bound, and how many at most."""
    both = _below(values, np.concatenate((prefix, prefix)), np.concatenate((bound, bound + 1)))
    return both[: len(bound)].astype(np.float64), both[len(bound) :].astype(np.float64)


def _below(values: Ints, prefix: Ints, bound: Ints) -> Ints:
    """Count, for each query, the values below `bound` among the first `prefix`: one stable partition for each bit."""
    found = np.zeros(len(prefix), dtype=np.int64)
    left, right = np.zeros(len(prefix), dtype=np.int64), prefix.astype(np.int64)
    highest = max(int(values.max(initial=0)), int(bound.max(initial=0)))
    for bit in reversed(range(highest.bit_length())):
        ones = (values >> bit) & 1 == 1
        zeros = np.concatenate(([0], np.cumsum(~ones)))
        on_left, on_right = zeros[left], zeros[right]
        high = (bound >> bit) & 1 == 1
        found += np.where(high, on_right - on_left, 0)
        left = np.where(high, zeros[-1] + left - on_left, on_left)
        right = np.where(high, zeros[-1] + right - on_right, on_right)
        values = np.concatenate((values[~ones], values[ones]))
    return found
