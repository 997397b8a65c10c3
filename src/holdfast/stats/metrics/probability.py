"""Metrics of scores as probabilities: whether they are sharp, and mean what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Bools, Floats, same_length
from holdfast.stats.intervals import critical
from holdfast.stats.metrics import _make
from holdfast.stats.metrics._labels import (
    class_scores,
    codes,
    is_multiclass,
    is_positive,
    labels,
    positive_of,
    positive_score,
    probabilities,
)

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001

Rng = np.random.Generator | None
_LEAST = float(np.finfo(np.float64).eps)


def log_loss(
    truth: Any,
    score: Any,
    *,
    positive: Any = None,
    classes: Sequence[Any] = (),
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean of minus the logarithm of the probability given to the true class.

    Parameters
    ----------
    truth
        Shape (n,): class labels.
    score
        Probabilities: shape (n,) of the positive class, or shape (n, classes).
    positive
        Positive class of two; None for the second of two classes, or for labels 0 and 1.
    classes
        Class labels in the order of the columns of `score`.
    confidence, rng
        As for `accuracy`.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        At least 0, in nats, with Student's interval. Probabilities below 2.2e-16 count as that; how many were is noted.

    Raises
    ------
    NotMeasurable
        If there are fewer than two rows, a label is missing or a score is NaN.
    InvalidValue
        If the scores are no probabilities or the arrays do not fit together.

    References
    ----------
    I. J. Good (1952), "Rational decisions", JRSSB 14.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.5, 0.5]).value, 6)
    0.693147
    """
    given = _of_true(truth, score, positive=positive, classes=classes)
    clipped = int(np.count_nonzero(given < _LEAST))
    loss = -np.log(np.clip(given, _LEAST, 1.0 - _LEAST))
    made = _make.mean(loss, confidence=confidence, anytime=anytime, notes={"clipped": clipped} if clipped else None)
    return Value(made.value, max(0.0, made.low or 0.0), made.high, n=made.n, method=made.method, notes=made.notes)


def brier(
    truth: Any,
    score: Any,
    *,
    positive: Any = None,
    classes: Sequence[Any] = (),
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean squared difference of the probabilities and what happened, halved for more than two classes.

    Parameters
    ----------
    truth
        Shape (n,): class labels.
    score
        Probabilities: shape (n,) of the positive class, or shape (n, classes).
    positive
        Positive class of two; None for the second of two classes, or for labels 0 and 1.
    classes
        Class labels in the order of the columns of `score`.
    confidence, rng, anytime
        As for `accuracy`.

    Returns
    -------
    Value
        In [0, 1], with Student's interval, or the betting confidence sequence.

    Raises
    ------
    NotMeasurable
        If there are no rows, a label is missing or a score is NaN.
    InvalidValue
        If the scores are no probabilities or the arrays do not fit together.

    References
    ----------
    G. W. Brier (1950), "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78.

    Examples
    --------
    >>> round(brier([1, 0, 1, 0], [0.9, 0.2, 0.6, 0.1]).value, 6)
    0.055
    """
    array = labels(truth, what="truth")
    if is_multiclass(score, positive=positive, classes=classes):
        names, (rows,) = codes(array, classes=classes)
        given = probabilities(class_scores(score, rows=len(array), classes=names))
        squares = (given**2).sum(axis=1) - 2.0 * given[np.arange(len(rows)), rows] + 1.0
        return _make.bounded_mean(squares / 2.0, confidence=confidence, anytime=anytime)
    hit, given = _binary(array, score, positive=positive, classes=classes)
    return _make.bounded_mean((given - hit) ** 2, confidence=confidence, anytime=anytime)


def ece(
    truth: Any,
    score: Any,
    *,
    positive: Any = None,
    classes: Sequence[Any] = (),
    bins: int = 15,
    debias: bool = True,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Calibration error to be expected: mean distance of probability and frequency, over bins with as many rows each.

    Of two classes the probability of the positive one is judged; of more, the largest probability against being right.

    Parameters
    ----------
    truth
        Shape (n,): class labels.
    score
        Probabilities: shape (n,) of the positive class, or shape (n, classes).
    positive
        Positive class of two; None for the second of two classes, or for labels 0 and 1.
    classes
        Class labels in the order of the columns of `score`.
    bins
        Bins, at least 1; there are fewer where there are fewer than 5 rows for each, or scores are tied.
    debias
        Whether to take off what a perfectly calibrated model would show by chance alone.
    confidence
        Of the interval, in (0, 1).
    rng
        Not used; every metric takes it.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        In [0, 1]. The interval holds the errors under which what was seen is not too much and not too little; the bins
        and the value before the correction are in the notes, because they are part of the metric.

    Raises
    ------
    NotMeasurable
        If there are fewer than 5 rows, a label is missing or a score is NaN.
    InvalidValue
        If the scores are no probabilities, or the arrays do not fit together.

    References
    ----------
    A. Kumar, P. Liang, T. Ma (2019), "Verified uncertainty calibration", NeurIPS, and R. Roelofs, N. Cain, J. Shlens,
    M. C. Mozer (2022), "Mitigating bias in calibration error estimation", AISTATS, for equal-mass bins and the bias.
    The correction here matches moments: theirs takes off about half of what chance adds to a perfect model.

    Examples
    --------
    >>> round(ece([1, 0] * 50, [0.9, 0.1] * 50).value, 4)
    0.0997
    """
    if bins < 1:
        raise InvalidValue(f"{bins} bins", expected="at least 1")
    hit, given = _confidence_and_hit(truth, score, positive=positive, classes=classes)
    n = len(hit)
    if n < 5:
        raise NotMeasurable(f"calibration of {n} rows", expected="at least 5 rows")
    edges = _equal_mass(given, bins=min(bins, n // 5))
    place = np.searchsorted(edges, given, side="right")
    size = np.bincount(place, minlength=len(edges) + 1).astype(np.float64)
    there = size > 0
    size, weight = size[there], size[there] / n
    stated = np.bincount(place, weights=given)[there] / size
    happened = np.bincount(place, weights=hit)[there] / size
    chance = np.bincount(place, weights=given * (1.0 - given))[there] / size**2
    gap = happened - stated
    value = _debiased(gap, weight, chance) if debias else float(weight @ np.abs(gap))
    spread = np.maximum(chance, happened * (1.0 - happened) / size)
    low, high = _ends(gap, weight, spread, z=critical(confidence, n=n, anytime=anytime))
    notes = {
        "bins": [float(edge) for edge in edges],
        "stated": stated.tolist(),
        "happened": happened.tolist(),
        "rows": [int(each) for each in size],
        "before correction": float(weight @ np.abs(gap)),
        "debiased": debias,
    }
    method = _make.named("folded normal over equal-mass bins", anytime)
    return _make.around(value, max(0.0, low), min(1.0, high), n=n, method=method, notes=notes)


def calibration_slope(
    truth: Any,
    score: Any,
    *,
    positive: Any = None,
    classes: Sequence[Any] = (),
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Slope of what happened on the logit of the probability: 1 is right, below 1 the probabilities are too extreme.

    Parameters
    ----------
    truth
        Shape (n,): class labels.
    score
        Shape (n,) or (n, 2): probability of the positive class.
    positive
        Positive class; None for the second of two classes, or for labels 0 and 1.
    classes
        Class labels in the order of the columns of `score`.
    confidence, rng
        As for `accuracy`.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        With Wald's interval; the intercept is in the notes.

    Raises
    ------
    NotMeasurable
        If a class has no rows, all probabilities are the same, or the rows are separated (the slope has then no end).
    InvalidValue
        If the scores are no probabilities, or the arrays do not fit together.

    References
    ----------
    D. R. Cox (1958), "Two further applications of a model for binary regression", Biometrika 45; B. Van Calster et al.
    (2019), "Calibration: the Achilles heel of predictive analytics", BMC Medicine 17.

    Examples
    --------
    >>> made = calibration_slope([1, 0, 1, 0, 1, 1, 0, 0], [0.8, 0.2, 0.7, 0.6, 0.4, 0.9, 0.3, 0.1])
    >>> made.value > 0
    True
    """
    from holdfast.stats.calibration import fit_logistic

    hit, given = _binary(labels(truth, what="truth"), score, positive=positive, classes=classes)
    inside = np.clip(given, 1e-12, 1.0 - 1e-12)
    fitted = fit_logistic(np.log(inside) - np.log1p(-inside), hit)
    return _make.normal(
        fitted.slope,
        fitted.slope_error,
        n=len(hit),
        confidence=confidence,
        anytime=anytime,
        method="Wald",
        notes={"intercept": fitted.intercept},
    )


def _binary(truth: Any, score: Any, *, positive: Any, classes: Sequence[Any]) -> tuple[Bools, Floats]:
    name = positive_of(truth, positive, classes)
    hit = is_positive(truth, name)
    return hit, probabilities(positive_score(score, rows=len(hit), positive=name, classes=classes))


def _of_true(truth: Any, score: Any, *, positive: Any, classes: Sequence[Any]) -> Floats:
    """Shape (n,): probability that was given to the true class."""
    array = labels(truth, what="truth")
    if is_multiclass(score, positive=positive, classes=classes):
        names, (rows,) = codes(array, classes=classes)
        return probabilities(class_scores(score, rows=len(array), classes=names))[np.arange(len(rows)), rows]
    hit, given = _binary(array, score, positive=positive, classes=classes)
    return np.where(hit, given, 1.0 - given)


def _confidence_and_hit(truth: Any, score: Any, *, positive: Any, classes: Sequence[Any]) -> tuple[Bools, Floats]:
    array = labels(truth, what="truth")
    if not is_multiclass(score, positive=positive, classes=classes):
        return _binary(array, score, positive=positive, classes=classes)
    names, (rows,) = codes(array, classes=classes)
    given = probabilities(class_scores(score, rows=len(array), classes=names))
    same_length(rows, given, what="truth and score")
    return np.asarray(given.argmax(axis=1) == rows), given.max(axis=1)


def _equal_mass(given: Floats, *, bins: int) -> Floats:
    """Inner edges of bins with as many rows each; tied edges are one, and none stands at the least value."""
    inner = np.quantile(given, np.arange(1, bins) / bins, method="higher") if bins > 1 else np.empty(0)
    edges = np.unique(inner)
    kept: Floats = edges[edges > given.min()]
    return kept


def _debiased(gap: Floats, weight: Floats, chance: Floats) -> float:
    """Mean distance without what chance adds to it.

    All gaps are shrunk by one factor, until gaps of that size would show the distance that was seen. The factor is zero
    where chance alone shows as much.
    """
    seen = float(weight @ np.abs(gap))
    return _factor(gap, weight, chance, seen=seen, z=0.0) * seen


def _ends(gap: Floats, weight: Floats, chance: Floats, *, z: float) -> tuple[float, float]:
    """Distances under which what was seen is z standard errors too much, and too little.

    The gaps are taken to be as large beside each other as those that were seen with their noise.
    """
    shape, seen = np.sqrt(gap**2 + chance), float(weight @ np.abs(gap))
    low = _factor(shape, weight, chance, seen=seen, z=z)
    return low * float(weight @ shape), _factor(shape, weight, chance, seen=seen, z=-z) * float(weight @ shape)


def _factor(gap: Floats, weight: Floats, chance: Floats, *, seen: float, z: float) -> float:
    """Factor of the gaps at which what they show, and z of its standard errors more, is what was seen; 0 where none is.

    Chance turns a gap into the mean of a folded normal (F. C. Leone, L. S. Nelson, R. B. Nottingham 1961).
    """

    def shown(factor: float) -> float:
        mean, variance = _folded(factor * np.abs(gap), np.sqrt(np.maximum(chance, 1e-300)))
        return float(weight @ mean) + z * math.sqrt(float(weight**2 @ variance))

    if shown(0.0) >= seen:
        return 0.0
    least, most = 0.0, 1.0
    while shown(most) < seen and most < 1e6:
        least, most = most, 2.0 * most
    for _ in range(60):
        middle = (least + most) / 2.0
        least, most = (middle, most) if shown(middle) < seen else (least, middle)
    return most


def _folded(size: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the absolute value of a normal of that mean and deviation."""
    from scipy.special import erf

    ratio = size / noise
    mean = noise * math.sqrt(2.0 / math.pi) * np.exp(-(ratio**2) / 2.0) + size * erf(ratio / math.sqrt(2.0))
    return mean, np.maximum(0.0, size**2 + noise**2 - mean**2)
