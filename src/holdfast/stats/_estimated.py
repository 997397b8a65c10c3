"""Performance before the labels are there, from calibrated scores (CBPE)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable, one_of
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Bools, Floats, floats, same_length
from holdfast.stats._calibrated import Calibrated, as_calibrated, calibrated, expected_area
from holdfast.stats._delong import logit_interval
from holdfast.stats.intervals import critical

#: What must hold for an estimate to be right; to be said with every verdict that rests on one.
ASSUMES = "holds if the chance of the outcome given the score did not move since the reference"


@dataclass(frozen=True, slots=True)
class EstimatedConfusion:
    """Expected shares of all rows by outcome; they sum to 1."""

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float
    n: int


def estimated_confusion(probability: Any, decision: Any) -> EstimatedConfusion:
    """Expected confusion matrix.

    Parameters
    ----------
    probability
        Shape (n,), in [0, 1]: calibrated chance that the row is positive; or `Calibrated`.
    decision
        Shape (n,): true where the row is decided positively.

    Raises
    ------
    NotMeasurable
        If there are no rows or a probability is NaN.
    InvalidValue
        If the lengths differ or a probability is outside [0, 1].

    References
    ----------
    J. Bialek, W. Kuberski, N. Perrakis, A. Bifet (2024), "Estimating model performance under covariate shift without
    labels", arXiv 2401.08348 (confidence-based performance estimation).

    Examples
    --------
    >>> estimated_confusion([0.75, 0.25], [True, False]).true_positive
    0.375
    """
    given, decided = _rows(as_calibrated(probability), decision)
    shares = _shares(given.probability, decided)
    found = shares.tolist()
    return EstimatedConfusion(found[0], found[1], found[2], found[3], len(decided))


def estimated_accuracy(probability: Any, decision: Any, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Estimate the accuracy.

    Parameters
    ----------
    probability
        Shape (n,), in [0, 1]: calibrated chance that the row is positive; or `Calibrated`, whose own uncertainty then
        is in the interval.
    decision
        Shape (n,): true where the row is decided positively. (For more than two classes: give the calibrated chance
        that the decision is right, and true everywhere.)
    confidence
        Of the interval, in (0, 1).
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        With a delta-method interval for the outcomes that are not known yet and for the calibration; the notes say what
        must hold.

    Raises
    ------
    NotMeasurable
        If there are no rows, a probability is NaN, or the metric is not defined on them.
    InvalidValue
        If the lengths differ or a probability is outside [0, 1].

    References
    ----------
    As for `estimated_confusion`.

    Examples
    --------
    >>> round(estimated_accuracy([0.9, 0.8, 0.3], [True, True, False]).value, 6)
    0.8
    """
    return _of_confusion("accuracy", probability, decision, confidence=confidence, anytime=anytime)


def estimated_precision(probability: Any, decision: Any, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Estimate the precision; arguments, interval and errors as for `estimated_accuracy`.

    Examples
    --------
    >>> round(estimated_precision([0.9, 0.8, 0.3], [True, True, False]).value, 6)
    0.85
    """
    return _of_confusion("precision", probability, decision, confidence=confidence, anytime=anytime)


def estimated_recall(probability: Any, decision: Any, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Estimate the recall; arguments, interval and errors as for `estimated_accuracy`.

    Examples
    --------
    >>> round(estimated_recall([0.9, 0.8, 0.3], [True, True, False]).value, 6)
    0.85
    """
    return _of_confusion("recall", probability, decision, confidence=confidence, anytime=anytime)


def estimated_specificity(probability: Any, decision: Any, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Estimate the specificity; arguments, interval and errors as for `estimated_accuracy`.

    Examples
    --------
    >>> round(estimated_specificity([0.9, 0.8, 0.3], [True, True, False]).value, 6)
    0.7
    """
    return _of_confusion("specificity", probability, decision, confidence=confidence, anytime=anytime)


def estimated_f1(probability: Any, decision: Any, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Estimate F1; arguments, interval and errors as for `estimated_accuracy`.

    Examples
    --------
    >>> round(estimated_f1([0.9, 0.8, 0.3], [True, True, False]).value, 6)
    0.85
    """
    return _of_confusion("f1", probability, decision, confidence=confidence, anytime=anytime)


def estimated_roc_auc(probability: Any, score: Any, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Estimate the area under the ROC curve.

    Parameters
    ----------
    probability
        As for `estimated_accuracy`.
    score
        Shape (n,): the scores that rank the rows, higher for positive.
    confidence, anytime
        As for `estimated_accuracy`.

    Returns
    -------
    Value
        Expected share of pairs of a positive and a negative row that are ranked rightly, ties counting half.

    Raises
    ------
    NotMeasurable
        If there are fewer than two rows, a number is NaN, or all outcomes are certain and of one class.
    InvalidValue
        If the lengths differ or a probability is outside [0, 1].

    References
    ----------
    As for `estimated_confusion`; the outcome of each row enters the area as in Mann & Whitney (1947).

    Examples
    --------
    >>> estimated_roc_auc([1.0, 1.0, 0.0], [3.0, 2.0, 1.0]).value
    1.0
    """
    given, ranks = as_calibrated(probability), floats(score, what="score")
    same_length(given.probability, ranks, what="probabilities and scores")
    value, slope = expected_area(given.probability, ranks)
    return _value(value, slope, given, confidence=confidence, anytime=anytime, what="roc_auc")


_FORMULAS = {
    "accuracy": ((1.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0)),
    "precision": ((1.0, 0.0, 0.0, 0.0), (1.0, 1.0, 0.0, 0.0)),
    "recall": ((1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 1.0, 0.0)),
    "specificity": ((0.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)),
    "f1": ((2.0, 0.0, 0.0, 0.0), (2.0, 1.0, 1.0, 0.0)),
    "false_positive_rate": ((0.0, 1.0, 0.0, 0.0), (0.0, 1.0, 0.0, 1.0)),
    "false_negative_rate": ((0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 1.0, 0.0)),
    "error_rate": ((0.0, 1.0, 1.0, 0.0), (1.0, 1.0, 1.0, 1.0)),
}

#: Metrics that can be estimated, by the names they have in `stats.metrics`.
ESTIMATED = (*sorted(_FORMULAS), "roc_auc")


def estimated(
    metric: str,
    reference: tuple[Any, Any],
    *,
    score: Any,
    decision: Any = None,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Estimate a metric on rows without labels, from reference rows with labels.

    Parameters
    ----------
    metric
        One of `ESTIMATED`.
    reference
        Scores of the reference rows, shape (n,), and whether they are positive, shape (n,).
    score
        Shape (m,): scores of the rows without labels.
    decision
        Shape (m,): true where they are decided positively; not needed for ``roc_auc``.
    confidence, anytime
        As for `estimated_accuracy`.

    Returns
    -------
    Value
        The estimate; its interval holds the uncertainty of the outcomes and of the calibration.

    Raises
    ------
    NotMeasurable
        If there is too little to calibrate on or the metric is not defined.
    InvalidValue
        If the metric cannot be estimated or the arrays do not fit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> known, new = rng.random(2000), rng.random(2000)
    >>> made = estimated("accuracy", (known, rng.random(2000) < known), score=new, decision=new > 0.5)
    >>> made.low < 0.75 < made.high
    True
    """
    if metric not in ESTIMATED:
        raise InvalidValue(f"{metric!r} cannot be estimated without labels", expected=one_of(ESTIMATED, metric))
    given = calibrated(reference[0], reference[1], score=score)
    if metric == "roc_auc":
        return estimated_roc_auc(given, score, confidence=confidence, anytime=anytime)
    if decision is None:
        raise InvalidValue(f"no decisions to estimate {metric} of", expected="decision=...")
    return _of_confusion(metric, given, decision, confidence=confidence, anytime=anytime)


def _rows(given: Calibrated, decision: Any) -> tuple[Calibrated, Bools]:
    decided = np.asarray(decision)
    same_length(given.probability, decided, what="probabilities and decisions")
    if decided.dtype != bool:
        raise InvalidValue(f"decisions of type {decided.dtype}", expected="booleans: true where decided positively")
    return given, decided


def _shares(probability: Floats, decided: Bools) -> Floats:
    """Shape (4,): expected shares of true and false positives, false and true negatives."""
    n = len(probability)
    positive, chosen = float(probability.sum()), int(np.count_nonzero(decided))
    both = float(probability[decided].sum())
    return np.asarray([both, chosen - both, positive - both, n - chosen - positive + both]) / n


def _of_confusion(metric: str, probability: Any, decision: Any, *, confidence: float, anytime: bool) -> Value:
    given, decided = _rows(as_calibrated(probability), decision)
    top, bottom = (np.asarray(each) for each in _FORMULAS[metric])
    shares = _shares(given.probability, decided)
    whole = float(bottom @ shares)
    if whole <= 1e-12:
        raise NotMeasurable(f"{metric} is not defined: no row is expected in its denominator", expected="more rows")
    value = float(top @ shares) / whole
    by_cell = (top - value * bottom) / whole
    slope = np.where(decided, by_cell[0] - by_cell[1], by_cell[2] - by_cell[3]) / len(decided)
    return _value(value, slope, given, confidence=confidence, anytime=anytime, what=metric)


def _value(value: float, slope: Floats, given: Calibrated, *, confidence: float, anytime: bool, what: str) -> Value:
    """Value whose variance is that of the outcomes given the probabilities, and that of the probabilities."""
    chance = given.probability * (1.0 - given.probability)
    outcomes = float((slope**2) @ chance)
    by_block = np.bincount(given.block, weights=slope, minlength=len(given.variance))
    calibration = float((by_block**2) @ given.variance)
    n = len(slope)
    z = critical(confidence, n=n, anytime=anytime)
    value = min(1.0, max(0.0, value))
    error = math.sqrt(outcomes + calibration)
    notes = {
        "assumes": ASSUMES,
        "error of outcomes": math.sqrt(outcomes),
        "error of calibration": math.sqrt(calibration),
        "estimates": what,
    }
    method = "CBPE, delta, asymptotic confidence sequence" if anytime else "CBPE, delta"
    if error <= 1e-12 or not 1e-9 < value < 1.0 - 1e-9:
        return Value(value, max(0.0, value - z * error), min(1.0, value + z * error), n=n, method=method, notes=notes)
    low, high = logit_interval(value, error, z=z)
    return Value(value, low, high, n=n, method=method, notes=notes)
