"""Area under the ROC curve with its variance in O(n log n)."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats, checked_confidence, floats


def midranks(values: Floats) -> Floats:
    """Ranks from 1, tied values sharing the mean of their ranks.

    Parameters
    ----------
    values
        Shape (n,), finite.

    Returns
    -------
    ndarray
        Shape (n,) float64.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2.0, ends - starts)
    return ranks


def components(positive: Floats, negative: Floats) -> tuple[float, Floats, Floats]:
    """Area under the curve and its structural components.

    Parameters
    ----------
    positive, negative
        Shape (m,) and (n,): scores of the positive and of the negative rows.

    Returns
    -------
    tuple
        The area; shape (m,) share of negatives below each positive; shape (n,) share of positives above each negative.
        Ties count one half.

    References
    ----------
    X. Sun, W. Xu (2014), "Fast implementation of DeLong's algorithm for comparing the areas under correlated receiver
    operating characteristic curves", IEEE Signal Processing Letters 21.
    """
    m, n = len(positive), len(negative)
    together = midranks(np.concatenate((positive, negative)))
    above = (together[:m] - midranks(positive)) / n
    below = 1.0 - (together[m:] - midranks(negative)) / m
    return float(above.mean()), above, below


def delong(scores_positive: Any, scores_negative: Any, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Area under the ROC curve and its interval.

    The interval is made on the logit scale, so it stays within [0, 1]. Where DeLong's variance is zero or unknown
    (perfect separation, one row in a class) Newcombe's score-type interval stands in, which is never empty.

    Parameters
    ----------
    scores_positive, scores_negative
        Shape (m,) and (n,): scores of the positive and of the negative rows, higher for positive.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    tuple of float
        Area, low, high.

    Raises
    ------
    NotMeasurable
        If a class has no rows or a score is not finite.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), "Comparing the areas under two or more correlated receiver
    operating characteristic curves: a nonparametric approach", Biometrics 44; Sun & Xu (2014) for the algorithm;
    M. S. Pepe (2003), "The statistical evaluation of medical tests for classification and prediction", for the logit.

    Examples
    --------
    >>> area, low, high = delong([0.9, 0.8, 0.4], [0.5, 0.3, 0.1])
    >>> round(area, 4), 0 <= low <= area <= high <= 1
    (0.8889, True)
    """
    positive = floats(scores_positive, what="scores of the positive rows")
    negative = floats(scores_negative, what="scores of the negative rows")
    z = NormalDist().inv_cdf(1.0 - (1.0 - checked_confidence(confidence)) / 2.0)
    area, above, below = components(positive, negative)
    variance = component_variance(above, below)
    if variance <= 0.0 or not 0.0 < area < 1.0:
        return (area, *newcombe_area(area, len(positive), len(negative), z=z))
    return (area, *logit_interval(area, math.sqrt(variance), z=z))


def component_variance(above: Floats, below: Floats) -> float:
    """DeLong's variance from the structural components; 0 where a class has one row."""
    if len(above) < 2 or len(below) < 2:
        return 0.0
    return float(above.var(ddof=1)) / len(above) + float(below.var(ddof=1)) / len(below)


def delong_difference(
    truth: Any, score_a: Any, *, score_b: Any, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Difference of the areas of two scores of the same rows, with its interval.

    Parameters
    ----------
    truth
        Shape (n,): true for positive rows.
    score_a, score_b
        Shape (n,): the two scores.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    tuple of float
        ``area(a) - area(b)``, low, high, within [-1, 1].

    Raises
    ------
    NotMeasurable
        If a class has no rows or a score is not finite.
    InvalidValue
        If the lengths differ.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988); Sun & Xu (2014).

    Examples
    --------
    >>> delong_difference([1, 1, 0, 0], [4, 3, 2, 1], score_b=[4, 3, 2, 1])
    (0.0, 0.0, 0.0)
    """
    positive = np.asarray(truth).astype(bool)
    first, second = floats(score_a, what="score a"), floats(score_b, what="score b")
    if not len(positive) == len(first) == len(second):
        raise InvalidValue(f"lengths {len(positive)}, {len(first)} and {len(second)}", expected="one length")
    for rows, name in ((positive, "positive"), (~positive, "negative")):
        floats(first[rows], what=f"the scores of the {name} rows")
    area_a, above_a, below_a = components(first[positive], first[~positive])
    area_b, above_b, below_b = components(second[positive], second[~positive])
    variance = component_variance(above_a - above_b, below_a - below_b)
    z = NormalDist().inv_cdf(1.0 - (1.0 - checked_confidence(confidence)) / 2.0)
    half = z * math.sqrt(variance)
    gap = area_a - area_b
    return gap, max(-1.0, gap - half), min(1.0, gap + half)


def logit_interval(share: float, error: float, *, z: float) -> tuple[float, float]:
    """Interval of an estimate in (0, 1), made on the logit scale by the delta method."""
    middle = math.log(share) - math.log1p(-share)
    half = z * error / (share * (1.0 - share))
    return _expit(middle - half), _expit(middle + half)


def _expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(max(x, -700.0)) / (1.0 + math.exp(max(x, -700.0)))


def newcombe_area(area: float, m: int, n: int, *, z: float) -> tuple[float, float]:
    """Score-type interval for an area from the counts of its classes alone; it is not empty at areas of 0 and 1.

    References
    ----------
    R. G. Newcombe (2006), "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2:
    asymptotic methods and evaluation", Statistics in Medicine 25, method 5.
    """
    low = 0.0 if area <= 0.0 else _root(area, m, n, z=z, start=0.0)
    high = 1.0 if area >= 1.0 else _root(area, m, n, z=z, start=1.0)
    return low, high


def _root(area: float, m: int, n: int, *, z: float, start: float) -> float:
    """Find, by bisection, the candidate between `start` and `area` that lies z of its own errors from `area`."""
    outside, inside = start, area
    for _ in range(60):
        middle = (outside + inside) / 2.0
        if abs(area - middle) > z * math.sqrt(_score_variance(middle, m, n)):
            outside = middle
        else:
            inside = middle
    return outside


def _score_variance(area: float, m: int, n: int) -> float:
    each = (m + n) / 2.0 - 1.0
    return area * (1.0 - area) * (1.0 + each * ((1.0 - area) / (2.0 - area) + area / (1.0 + area))) / (m * n)
