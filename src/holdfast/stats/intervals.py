"""Confidence intervals: shares, differences of shares, means, the area under the ROC curve, and the bootstrap."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats._arrays import Floats, checked_confidence, floats
from holdfast.stats._bootstrap import bootstrap, multinomial_bootstrap
from holdfast.stats._delong import delong, delong_difference

__all__ = [
    "bootstrap",
    "clopper_pearson",
    "critical",
    "delong",
    "delong_difference",
    "mean_t",
    "mover",
    "multinomial_bootstrap",
    "newcombe_difference",
    "wilson",
    "wilson_bounds",
]


def critical(confidence: float, *, n: int | None = None, anytime: bool = False) -> float:
    """How many standard errors to go to each side of an asymptotically normal estimate.

    Parameters
    ----------
    confidence
        Of the interval, in (0, 1).
    n
        Observations; used only when `anytime`.
    anytime
        True for the critical value of an asymptotic confidence sequence: the interval may then be looked at after every
        observation. It is tightest near 1,000 observations.

    Returns
    -------
    float
        The two-sided normal quantile, or the boundary of the sequence divided by the standard error.

    Raises
    ------
    InvalidValue
        If the confidence is not in (0, 1), or `n` is missing or below 1 for a sequence.

    References
    ----------
    I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas (2024), "Time-uniform central limit theory and
    asymptotic confidence sequences", Annals of Statistics 52(6), equation (6).

    Examples
    --------
    >>> round(critical(0.95), 3), round(critical(0.95, n=1000, anytime=True), 3)
    (1.96, 3.035)
    """
    alpha = 1.0 - checked_confidence(confidence)
    if not anytime:
        return NormalDist().inv_cdf(1.0 - alpha / 2.0)
    if n is None or n < 1:
        raise InvalidValue(f"n = {n} for a confidence sequence", expected="at least 1 observation")
    spread = n * (-2.0 * math.log(alpha) + math.log(-2.0 * math.log(alpha) + 1.0)) / 1000.0
    return math.sqrt(2.0 * (spread + 1.0) / spread * math.log(math.sqrt(spread + 1.0) / alpha))


def wilson(successes: float, n: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share.

    Parameters
    ----------
    successes
        In [0, n]; may be fractional (an effective number).
    n
        Trials, above 0.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    tuple of float
        Low and high, within [0, 1], around ``successes / n``.

    Raises
    ------
    NotMeasurable
        If there are no trials.
    InvalidValue
        If the successes are not within [0, n].

    References
    ----------
    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.

    Examples
    --------
    >>> low, high = wilson(3, 4)
    >>> round(low, 4), round(high, 4)
    (0.3006, 0.9544)
    """
    _check_trials(successes, n)
    low, high = wilson_bounds(np.asarray([successes]), np.asarray([n]), z=critical(confidence))
    return float(low[0]), float(high[0])


def wilson_bounds(successes: Any, n: Any, *, z: float) -> tuple[Floats, Floats]:
    """Wilson's score interval for many shares at once.

    Parameters
    ----------
    successes, n
        Shape (k,); every n above 0.
    z
        Standard errors to each side, as from `critical`.

    Returns
    -------
    tuple of ndarray
        Lows and highs, each of shape (k,).
    """
    hits = np.asarray(successes, dtype=np.float64)
    trials = np.asarray(n, dtype=np.float64)
    share = hits / trials
    middle = (hits + z * z / 2.0) / (trials + z * z)
    half = z / (trials + z * z) * np.sqrt(hits * (1.0 - share) + z * z / 4.0)
    low = np.where(hits <= 0.0, 0.0, np.clip(middle - half, 0.0, share))
    high = np.where(hits >= trials, 1.0, np.clip(middle + half, share, 1.0))
    return low, high


def clopper_pearson(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Exact (conservative) interval for a share.

    Parameters
    ----------
    successes
        In [0, n].
    n
        Trials, at least 1.
    confidence
        Of the interval, in (0, 1); it is kept for every share and every n.

    Returns
    -------
    tuple of float
        Low and high, within [0, 1].

    Raises
    ------
    NotMeasurable
        If there are no trials.
    InvalidValue
        If the successes are not within [0, n].

    References
    ----------
    C. J. Clopper, E. S. Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26.

    Examples
    --------
    >>> low, high = clopper_pearson(0, 10)
    >>> low, round(high, 4)
    (0.0, 0.3085)
    """
    from scipy.special import betaincinv

    _check_trials(successes, n)
    alpha = 1.0 - checked_confidence(confidence)
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, alpha / 2.0))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1.0 - alpha / 2.0))
    return low, high


def newcombe_difference(s1: float, n1: float, s2: float, n2: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for the difference of two independent shares, ``s1 / n1 - s2 / n2``.

    Parameters
    ----------
    s1, n1
        Successes and trials of the first share.
    s2, n2
        Successes and trials of the second share.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    tuple of float
        Low and high, within [-1, 1].

    Raises
    ------
    NotMeasurable
        If either has no trials.
    InvalidValue
        If successes are not within [0, n].

    References
    ----------
    R. G. Newcombe (1998), "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17, method 10.

    Examples
    --------
    >>> low, high = newcombe_difference(56, 70, 48, 80)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    _check_trials(s1, n1)
    _check_trials(s2, n2)
    low, high = wilson_bounds(np.asarray([s1, s2]), np.asarray([n1, n2]), z=critical(confidence))
    return mover(np.asarray([s1 / n1, s2 / n2]), low, high, weights=np.asarray([1.0, -1.0]))


def mover(
    estimates: Floats, low: Floats, high: Floats, *, weights: Floats, correlation: Floats | None = None
) -> tuple[float, float]:
    """Interval for a weighted sum from the intervals of its terms (method of variance estimates recovery).

    Parameters
    ----------
    estimates, low, high
        Shape (k,): the terms and their intervals, all of one confidence.
    weights
        Shape (k,): weights of the sum; negative ones for differences.
    correlation
        Shape (k, k): correlation of the estimates; None where they are independent.

    Returns
    -------
    tuple of float
        Low and high of ``sum(weights * estimates)``.

    References
    ----------
    G. Y. Zou, A. Donner (2008), "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27; G. Y. Zou (2007), "Toward using confidence intervals to compare correlations",
    Psychological Methods 12.

    Examples
    --------
    >>> ends = mover(np.array([0.8, 0.6]), np.array([0.7, 0.5]), np.array([0.9, 0.7]), weights=np.array([0.5, 0.5]))
    >>> [round(end, 4) for end in ends]
    [0.6293, 0.7707]
    """
    middle = float(np.dot(weights, estimates))
    down = weights * np.where(weights >= 0.0, estimates - low, estimates - high)
    up = weights * np.where(weights >= 0.0, high - estimates, low - estimates)
    return middle - _norm(down, correlation), middle + _norm(up, correlation)


def _norm(distance: Floats, correlation: Floats | None) -> float:
    square = np.dot(distance, distance) if correlation is None else distance @ correlation @ distance
    return math.sqrt(max(0.0, float(square)))


def mean_t(values: Any, *, confidence: float = 0.95) -> tuple[float, float]:
    """Student's interval for a mean.

    Parameters
    ----------
    values
        Shape (n,), finite, n at least 2.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    tuple of float
        Low and high around the mean.

    Raises
    ------
    NotMeasurable
        If there are fewer than two values, or one is not finite.

    References
    ----------
    Student (1908), "The probable error of a mean", Biometrika 6.

    Examples
    --------
    >>> low, high = mean_t([1.0, 2.0, 3.0])
    >>> round(low, 4), round(high, 4)
    (-0.4841, 4.4841)
    """
    from scipy.special import stdtrit

    array = floats(values, what="the sample")
    if len(array) < 2:
        raise NotMeasurable("an interval for a mean from one value", expected="at least 2 values")
    t = float(stdtrit(len(array) - 1, 1.0 - (1.0 - checked_confidence(confidence)) / 2.0))
    mean = float(array.mean())
    half = t * float(array.std(ddof=1)) / math.sqrt(len(array))
    return mean - half, mean + half


def _check_trials(successes: float, n: float) -> None:
    if n <= 0:
        raise NotMeasurable("a share of no trials", expected="at least 1 trial")
    if not 0 <= successes <= n:
        raise InvalidValue(f"{successes} successes in {n} trials", expected="0 <= successes <= n")
