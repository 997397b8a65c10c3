"""Calibrated probabilities with what is known of their errors, and what follows from them for all pairs of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats._arrays import Floats, Ints, floats, same_length
from holdfast.stats._isotonic import pooled

_BLOCKS = 1000
_LEAST_ROWS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Calibrated probabilities, and how sure the calibration is of them.

    Parameters
    ----------
    probability
        Shape (n,): chance that the row is positive (or that its decision is right).
    block
        Shape (n,): block of the calibration map that each row's probability came from.
    variance
        Shape (blocks,): variance of the probability of each block, from the reference rows in it.
    """

    probability: Floats
    block: Ints
    variance: Floats


def calibrated(reference_score: Any, reference_hit: Any, *, score: Any) -> Calibrated:
    """Calibrate scores on reference rows whose truth is known: isotonic on quantile bins.

    Parameters
    ----------
    reference_score, reference_hit
        Shape (n,): scores of the reference rows, and whether they are positive; n at least 20.
    score
        Shape (m,): scores to calibrate.

    Returns
    -------
    Calibrated
        Of the m rows.

    Raises
    ------
    NotMeasurable
        If there are fewer than 20 reference rows, only one class among them, no rows, or a score is NaN.
    InvalidValue
        If the lengths differ.

    References
    ----------
    Zadrozny & Elkan (2002) for isotonic calibration.

    Examples
    --------
    >>> made = calibrated(np.arange(100.0), np.arange(100) >= 50, score=[10.0, 90.0])
    >>> made.probability.round(2).tolist()
    [0.0, 1.0]
    """
    known, asked = floats(reference_score, what="reference scores"), floats(score, what="scores")
    hit = np.asarray(reference_hit).astype(bool)
    same_length(known, hit, what="reference scores and outcomes")
    if len(known) < _LEAST_ROWS:
        raise NotMeasurable(f"{len(known)} reference rows to calibrate on", expected=f"at least {_LEAST_ROWS}")
    if hit.all() or not hit.any():
        raise NotMeasurable("the reference rows are of one class", expected="reference rows of both classes")
    bins = max(2, min(_BLOCKS, len(known) // _LEAST_ROWS))
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))
    place = np.searchsorted(edges, known)
    rows, hits = np.bincount(place, minlength=len(edges) + 1), np.bincount(place, weights=hit, minlength=len(edges) + 1)
    there = rows > 0
    values, starts, ends = pooled(hits[there] / rows[there], rows[there].astype(np.float64))
    reached = np.concatenate(([0], np.cumsum(rows[there])))
    size = (reached[ends + 1] - reached[starts]).astype(np.float64)
    smoothed = (values * size + 0.5) / (size + 1.0)
    pool_of = np.repeat(np.arange(len(starts)), ends - starts + 1)
    of_bin = pool_of[np.minimum(np.cumsum(there) - 1, len(pool_of) - 1).clip(0)]
    block = of_bin[np.searchsorted(edges, asked)]
    return Calibrated(values[block], block, smoothed * (1.0 - smoothed) / size)


def as_calibrated(probability: Any) -> Calibrated:
    """Take probabilities as calibrated and sure, unless they are `Calibrated` already.

    Raises
    ------
    NotMeasurable
        If there are none or one is NaN.
    InvalidValue
        If one is outside [0, 1].
    """
    if isinstance(probability, Calibrated):
        return probability
    given = floats(probability, what="probability")
    if float(given.min()) < 0.0 or float(given.max()) > 1.0:
        raise InvalidValue(f"probabilities from {given.min()} to {given.max()}", expected="numbers from 0 to 1")
    return Calibrated(given, np.zeros(len(given), dtype=np.int64), np.zeros(1))


def expected_area(probability: Floats, score: Floats) -> tuple[float, Floats]:
    """Expected area, and its derivative by the probability of each row; pairs of a row with itself are left out."""
    order = np.argsort(score, kind="stable")
    ordered, chance = score[order], probability[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.append(starts, len(ordered)))
    hits, misses = np.add.reduceat(chance, starts), np.add.reduceat(1.0 - chance, starts)
    below = np.repeat(np.cumsum(misses) - misses / 2.0, sizes) - (1.0 - chance) / 2.0
    above = np.repeat(hits.sum() - np.cumsum(hits) + hits / 2.0, sizes) - chance / 2.0
    positive, negative = float(chance.sum()), float((1.0 - chance).sum())
    pairs = positive * negative - float(chance @ (1.0 - chance))
    if pairs <= 1e-12:
        raise NotMeasurable("no pair of a positive and a negative row is expected", expected="rows of both classes")
    value = float(chance @ below) / pairs
    slope = np.empty(len(chance))
    slope[order] = ((below - above) - value * (negative - positive - 1.0 + 2.0 * chance)) / pairs
    return value, slope
