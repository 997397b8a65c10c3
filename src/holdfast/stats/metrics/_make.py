"""From rows or errors to a `Value`: one way for each kind of metric to get its interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Floats
from holdfast.stats._delong import logit_interval
from holdfast.stats.intervals import critical, mean_t, wilson
from holdfast.stats.sequences import betting_interval

BETTING = "betting confidence sequence"
ASYMPTOTIC = "asymptotic confidence sequence"


def share(hits: Any, *, confidence: float, anytime: bool, notes: dict[str, Any] | None = None) -> Value:
    """Share of true rows: Wilson's interval, or the betting sequence in the order of the rows.

    Parameters
    ----------
    hits
        Shape (n,) bool, n at least 1.
    """
    n = len(hits)
    count = int(np.count_nonzero(hits))
    if anytime:
        low, high = betting_interval(hits, confidence=confidence)
        return around(count / n, low, high, n=n, method=BETTING, notes=notes)
    low, high = wilson(count, n, confidence=confidence)
    return around(count / n, low, high, n=n, method="Wilson", notes=notes)


def bounded_mean(values: Floats, *, confidence: float, anytime: bool, notes: dict[str, Any] | None = None) -> Value:
    """Mean of values in [0, 1]: Student's interval; the betting sequence where asked for, or where there is too little.

    Below 30 values, or where all values are the same, Student's interval is too short: betting stands in.
    """
    n, mean = len(values), float(values.mean())
    if anytime or n < 30 or float(np.ptp(values)) == 0.0:
        low, high = betting_interval(np.clip(values, 0.0, 1.0), confidence=confidence)
        return around(mean, low, high, n=n, method=BETTING, notes=notes)
    low, high = mean_t(values, confidence=confidence)
    return around(mean, max(0.0, low), min(1.0, high), n=n, method="Student t", notes=notes)


def mean(values: Floats, *, confidence: float, anytime: bool, notes: dict[str, Any] | None = None) -> Value:
    """Mean of values without bounds: Student's interval, or an asymptotic confidence sequence.

    Raises
    ------
    NotMeasurable
        If there is only one value.
    """
    n = len(values)
    if n < 2:
        raise NotMeasurable("one row gives no interval", expected="at least 2 rows")
    if not anytime:
        low, high = mean_t(values, confidence=confidence)
        return around(float(values.mean()), low, high, n=n, method="Student t", notes=notes)
    half = critical(confidence, n=n, anytime=True) * float(values.std(ddof=1)) / math.sqrt(n)
    middle = float(values.mean())
    return around(middle, middle - half, middle + half, n=n, method=ASYMPTOTIC, notes=notes)


def normal(
    value: float,
    error: float,
    *,
    n: int,
    confidence: float,
    anytime: bool,
    method: str,
    notes: dict[str, Any] | None = None,
) -> Value:
    """Estimate with a standard error: the value and so many errors to each side."""
    half = critical(confidence, n=n, anytime=anytime) * error
    return around(value, value - half, value + half, n=n, method=named(method, anytime), notes=notes)


def logit(
    value: float,
    error: float,
    *,
    n: int,
    confidence: float,
    anytime: bool,
    method: str,
    notes: dict[str, Any] | None = None,
) -> Value:
    """Estimate in (0, 1) with a standard error: the interval is made on the logit scale."""
    low, high = logit_interval(value, error, z=critical(confidence, n=n, anytime=anytime))
    return around(value, low, high, n=n, method=named(f"{method}, logit", anytime), notes=notes)


def named(method: str, anytime: bool) -> str:
    """Name of the method; for a sequence, that it is one."""
    return f"{method}, {ASYMPTOTIC}" if anytime else method


def around(value: float, low: float, high: float, *, n: int, method: str, notes: dict[str, Any] | None = None) -> Value:
    """Value with an interval that is stretched to hold it where it would not (coverage can only grow)."""
    return Value(value, min(low, value), max(high, value), n=n, method=method, notes=notes or {})
