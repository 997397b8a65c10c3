"""Metrics of predicted times to an event, where some rows were only watched for a while."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Bools
from holdfast.stats._delong import newcombe_area
from holdfast.stats._survival import comparable_pairs
from holdfast.stats.intervals import critical
from holdfast.stats.metrics import _make
from holdfast.stats.metrics.regression import both

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001

Rng = np.random.Generator | None


def concordance(
    truth: Any,
    score: Any,
    *,
    event: Any = None,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Harrell's concordance: share of the pairs of rows, of known order in time, that are predicted in that order.

    Parameters
    ----------
    truth
        Shape (n,): how long each row was watched.
    score
        Shape (n,): predicted time, or anything that is higher for later; ties count one half.
    event
        Shape (n,): true where the event came at the end; None where it came in every row.
    confidence
        Of the interval, in (0, 1).
    rng
        Not used; every metric takes it.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        In [0, 1]; 0.5 is guessing. The interval is of the infinitesimal jackknife, on the logit scale; n is the number
        of rows, the pairs are in the notes. Where all pairs are ordered alike, Newcombe's score-type interval of as
        many rows stands in. The concordance depends on how long rows were watched: compare it on the same rows only.

    Raises
    ------
    NotMeasurable
        If no two rows can be compared, or a number is NaN or infinite.
    InvalidValue
        If the lengths differ, or an event is neither true nor false.

    References
    ----------
    F. E. Harrell, K. L. Lee, D. B. Mark (1996), "Multivariable prognostic models: issues in developing models,
    evaluating assumptions and adequacy, and measuring and reducing errors", Statistics in Medicine 15; M. J. Pencina,
    R. B. D'Agostino (2004), "Overall C as a measure of discrimination in survival analysis", Statistics in Medicine 23,
    for the variance.

    Examples
    --------
    >>> concordance([1.0, 2.0, 3.0, 4.0], [10.0, 30.0, 20.0, 40.0], event=[1, 1, 0, 1]).value
    0.8
    """
    time, predicted = both(truth, score)
    came = _flags(event, rows=len(time))
    pairs = comparable_pairs(time, came, predicted)
    total = float(pairs.comparable.sum())
    if total == 0.0:
        raise NotMeasurable("no two rows whose order in time is known", expected="an event before another row's end")
    value = float(pairs.ordered.sum()) / total
    used = int(np.count_nonzero(pairs.comparable))
    notes = {"pairs": int(total / 2.0), "events": int(came.sum())}
    influence = 2.0 * (pairs.ordered - value * pairs.comparable) / total
    error = math.sqrt(float(influence @ influence) * used / max(1, used - 1))
    if error <= 0.0 or not 0.0 < value < 1.0:
        half, z = max(1, used // 2), critical(confidence, n=len(time), anytime=anytime)
        method = _make.named("Newcombe", anytime)
        return _make.around(value, *newcombe_area(value, half, half, z=z), n=len(time), method=method, notes=notes)
    return _make.logit(
        value, error, n=len(time), confidence=confidence, anytime=anytime, method="jackknife", notes=notes
    )


def _flags(event: Any, *, rows: int) -> Bools:
    if event is None:
        return np.ones(rows, dtype=bool)
    array = np.asarray(event)
    if array.shape != (rows,):
        raise InvalidValue(f"events of shape {array.shape}", expected=f"({rows},)")
    flags: Bools = array == 1
    if not (flags | (array == 0)).all():
        raise InvalidValue("an event that is neither true nor false", expected="booleans, or 0 and 1")
    return flags
