"""Errors and throughput: how many requests are answered."""

from __future__ import annotations

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Traffic


@measure(
    "error_rate",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("package", "live"),
    subject="traffic",
    source="E. B. Wilson (1927), JASA 22; B. Beyer et al. (2016), Site Reliability Engineering, chapter 6",
)
def error_rate(traffic: Traffic, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the requests that were not answered.

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
        The share with Wilson's interval; n is the number of requests, answered or not.

    Raises
    ------
    NotMeasurable
        If there was no request, or it is not known how many were not answered.

    Examples
    --------
    >>> import numpy as np
    >>> error_rate(Traffic(np.full(99, 0.01), failed=1))
    Value(value=0.01, low=0.00176743206414, high=0.0544861961787, n=100)
    """
    from holdfast.stats.intervals import critical, wilson_bounds

    if traffic.failed is None:
        raise NotMeasurable(
            "requests that were not answered are not logged", where="error_rate", expected="their number"
        )
    n = len(traffic.latency_s) + traffic.failed
    if n == 0:
        raise NotMeasurable("no request", where="error_rate", expected="at least one")
    share = traffic.failed / n
    low, high = wilson_bounds(traffic.failed, n, z=critical(confidence, n=n, anytime=anytime))
    method = "Wilson, asymptotic confidence sequence" if anytime else "Wilson"
    return Value(share, min(float(low), share), max(float(high), share), n=n, method=method, notes=dict(traffic.notes))


@measure(
    "throughput",
    unit="number",
    range=(0, None),
    better="higher",
    stages=("package", "live"),
    subject="traffic",
    source="F. Garwood (1936), Fiducial limits for the Poisson distribution, Biometrika 28",
)
def throughput(traffic: Traffic, *, confidence: float = 0.95) -> Value:
    """Answered requests per second.

    Parameters
    ----------
    traffic
        The requests; the length of the window is known.
    confidence
        Confidence of the interval, in (0, 1).

    Returns
    -------
    Value
        The rate, with Garwood's exact interval for a Poisson count; n is the number of answered requests.

    Raises
    ------
    NotMeasurable
        If no request was answered, or the window has no length.

    Examples
    --------
    >>> import numpy as np
    >>> throughput(Traffic(np.full(100, 0.01), seconds=10.0))
    Value(value=10, low=8.13639912509, high=12.1626793792, n=100)
    """
    from scipy.special import gammainccinv, gammaincinv

    n = len(traffic.latency_s)
    if n == 0 or traffic.seconds <= 0:
        raise NotMeasurable(
            f"{n} answered requests in {traffic.seconds:g} s", where="throughput", expected="at least one, in some time"
        )
    tail = (1.0 - confidence) / 2.0
    # Half a chi-squared quantile of 2 n degrees of freedom is a gamma quantile of shape n.
    low = float(gammaincinv(n, tail)) / traffic.seconds
    high = float(gammainccinv(n + 1, tail)) / traffic.seconds
    return Value(n / traffic.seconds, low, high, n=n, method="Garwood", notes=dict(traffic.notes))
