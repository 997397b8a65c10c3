"""Quantiles with intervals from order statistics: no distribution is assumed."""

from __future__ import annotations

import math

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value


def quantile(values: np.ndarray, q: float, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Quantile of a sample, with an interval between two order statistics.

    Parameters
    ----------
    values
        Shape (n,) float64, finite.
    q
        In (0, 1).
    confidence
        Of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The smallest value that at least q of the sample does not exceed. The number of observations up to the true
        quantile is binomial, which gives the ranks of the ends. Where n is too small for an upper end (for p99: fewer
        than 368 observations at 95 %), it is infinity: a promise with a confidence is then unproven.

    Raises
    ------
    NotMeasurable
        If there are no values, or one is not finite.
    InvalidValue
        If q or the confidence is not in (0, 1).

    References
    ----------
    H. A. David, H. N. Nagaraja (2003), "Order Statistics", section 7.1. For `anytime`: the beta-binomial mixture of
    H. Robbins (1970), "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
    Statistics 41, on the count of observations up to the quantile.
    """
    if not 0.0 < q < 1.0 or not 0.0 < confidence < 1.0:
        raise InvalidValue(f"quantile {q} with confidence {confidence}", expected="both between 0 and 1")
    n = len(values)
    if n == 0:
        raise NotMeasurable("no observations", where="quantile", expected="at least one")
    if not np.isfinite(values).all():
        raise NotMeasurable("a value that is not finite", where="quantile", expected="finite numbers")
    ranks = mixture_ranks(n, q, alpha=1.0 - confidence) if anytime else binomial_ranks(n, q, alpha=1.0 - confidence)
    low_rank, high_rank = ranks
    wanted = max(1, math.ceil(q * n - 1e-9))
    places = sorted({wanted - 1, max(0, low_rank - 1), min(n, high_rank) - 1})
    ordered = np.partition(values, places)
    value = float(ordered[wanted - 1])
    low = float(ordered[low_rank - 1]) if low_rank >= 1 else -math.inf
    high = float(ordered[high_rank - 1]) if high_rank <= n else math.inf
    method = "order statistics, beta-binomial mixture" if anytime else "order statistics, binomial"
    return Value(value=value, low=min(low, value), high=max(high, value), n=n, method=method, notes={"ranks": [*ranks]})


def binomial_ranks(n: int, q: float, *, alpha: float) -> tuple[int, int]:
    """Ranks (from 1) of the ends: P(X_(low) <= quantile <= X_(high)) >= 1 - alpha; 0 and n + 1 where there is no end.

    Parameters
    ----------
    n
        Observations.
    q
        In (0, 1).
    alpha
        Chance to miss, shared by both sides.
    """
    from scipy.special import bdtr, bdtrc

    # K observations are at most the quantile, K ~ Bin(n, q): X_(low) > it iff K < low, X_(high) < it iff K >= high.
    spread = 12.0 * math.sqrt(n * q * (1.0 - q)) + 40.0
    counts = np.arange(max(0, int(n * q - spread)), min(n, int(n * q + spread)) + 1)
    low = int(counts[np.argmax(bdtr(counts, n, q) >= alpha / 2.0)])
    high = int(counts[np.argmax(bdtrc(counts, n, q) <= alpha / 2.0)]) + 1
    return low, high


def mixture_ranks(n: int, q: float, *, alpha: float) -> tuple[int, int]:
    """Ranks of the ends such that the interval covers the quantile at every n together, with chance 1 - alpha.

    The counts K that the martingale ``B(a + K, b + n - K) / B(a, b) / (q^K (1 - q)^(n - K))`` does not carry past
    ``1 / alpha`` (Ville's inequality); a = 100 q and b = 100 (1 - q), tightest after some hundred observations.
    """
    from scipy.special import betaln

    a, b = 100.0 * q, 100.0 * (1.0 - q)
    counts = np.arange(n + 1, dtype=np.float64)
    log_martingale = betaln(a + counts, b + n - counts) - betaln(a, b)
    log_martingale -= counts * math.log(q) + (n - counts) * math.log1p(-q)
    kept = np.flatnonzero(log_martingale < -math.log(alpha))
    return int(kept[0]), min(int(kept[-1]) + 1, n + 1)
