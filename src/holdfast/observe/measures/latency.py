"""Latency: how long answers take."""

from __future__ import annotations

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Traffic
from holdfast.observe._quantiles import quantile

_SOURCE = "H. A. David, H. N. Nagaraja (2003), Order Statistics, section 7.1"


def _latency(traffic: Traffic, q: float, *, confidence: float, anytime: bool) -> Value:
    if len(traffic.latency_s) == 0:
        raise NotMeasurable("no request was answered", where="latency", expected="at least one answered request")
    found = quantile(traffic.latency_s, q, confidence=confidence, anytime=anytime)
    notes = {**found.notes, "failed": traffic.failed, **dict(traffic.notes)}
    low = max(0.0, found.low or 0.0)
    return Value(found.value, low, found.high, n=found.n, method=found.method, notes=notes)


@measure(
    "p50_latency",
    unit="seconds",
    range=(0, None),
    better="lower",
    stages=("package", "live"),
    subject="traffic",
    source=_SOURCE,
)
def p50_latency(traffic: Traffic, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Seconds within which half of the answered requests were answered.

    Parameters
    ----------
    traffic
        The requests.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        Seconds, between two order statistics; n is the number of answered requests.

    Raises
    ------
    NotMeasurable
        If no request was answered.

    Examples
    --------
    >>> import numpy as np
    >>> p50_latency(Traffic(np.linspace(0.001, 0.1, 100)))
    Value(value=0.05, low=0.04, high=0.061, n=100)
    """
    return _latency(traffic, 0.5, confidence=confidence, anytime=anytime)


@measure(
    "p95_latency",
    unit="seconds",
    range=(0, None),
    better="lower",
    stages=("package", "live"),
    subject="traffic",
    source=_SOURCE,
)
def p95_latency(traffic: Traffic, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Seconds within which 95 % of the answered requests were answered; parameters as for `p50_latency`.

    The upper end is infinity below 73 requests at 95 %: so few say nothing about it.
    """
    return _latency(traffic, 0.95, confidence=confidence, anytime=anytime)


@measure(
    "p99_latency",
    unit="seconds",
    range=(0, None),
    better="lower",
    stages=("package", "live"),
    subject="traffic",
    source=_SOURCE,
)
def p99_latency(traffic: Traffic, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Seconds within which 99 % of the answered requests were answered; parameters as for `p50_latency`.

    The upper end is infinity below 368 requests at 95 %: so few say nothing about it.
    """
    return _latency(traffic, 0.99, confidence=confidence, anytime=anytime)
