"""Metrics of scores as an order: whether positive rows score higher than negative ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Bools, Floats
from holdfast.stats._delong import component_variance, components, newcombe_area
from holdfast.stats.intervals import critical, wilson
from holdfast.stats.metrics import _make
from holdfast.stats.metrics._labels import (
    binary_truth,
    class_scores,
    codes,
    is_multiclass,
    labels,
    positive_score,
)

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001

Rng = np.random.Generator | None


def roc_auc(
    truth: Any,
    score: Any,
    *,
    positive: Any = None,
    classes: Sequence[Any] = (),
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties counting half.

    Parameters
    ----------
    truth
        Shape (n,): class labels.
    score
        Shape (n,), higher for positive, or shape (n, 2), or shape (n, classes) for the mean of one class against the
        rest.
    positive
        Positive class; None for the second of two classes, for labels 0 and 1, or for all of more than two classes.
    classes
        Class labels in the order of the columns of `score`.
    confidence, rng
        As for `accuracy`.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        In [0, 1], with DeLong's interval on the logit scale; Newcombe's where all rows are separated.

    Raises
    ------
    NotMeasurable
        If a class has no rows (for more than two: fewer than two classes have), or a score is NaN.
    InvalidValue
        If the arrays do not fit together.

    References
    ----------
    DeLong et al. (1988), Sun & Xu (2014), Newcombe (2006); D. J. Hand, R. J. Till (2001), "A simple generalisation of
    the area under the ROC curve for multiple class classification problems", Machine Learning 45.

    Examples
    --------
    >>> round(roc_auc([1, 1, 1, 0, 0], [0.9, 0.8, 0.4, 0.5, 0.1]).value, 6)
    0.833333
    """
    if is_multiclass(score, positive=positive, classes=classes):
        return _mean_over_classes(
            truth,
            score,
            classes=classes,
            confidence=confidence,
            anytime=anytime,
            one=_area_influence,
            method="DeLong, one against the rest",
        )
    hit = binary_truth(truth, positive=positive, classes=classes)
    scores = positive_score(score, rows=len(hit), positive=positive, classes=classes)
    area, above, below = components(scores[hit], scores[~hit])
    n, z = len(hit), critical(confidence, n=len(hit), anytime=anytime)
    variance = component_variance(above, below)
    notes = {"positive rows": len(above), "negative rows": len(below)}
    if variance <= 0.0 or not 0.0 < area < 1.0:
        low, high = newcombe_area(area, len(above), len(below), z=z)
        return _make.around(area, low, high, n=n, method=_make.named("Newcombe", anytime), notes=notes)
    return _make.logit(
        area, math.sqrt(variance), n=n, confidence=confidence, anytime=anytime, method="DeLong", notes=notes
    )


def average_precision(
    truth: Any,
    score: Any,
    *,
    positive: Any = None,
    classes: Sequence[Any] = (),
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean of the precision at each positive row: the area under the precision-recall curve, by steps.

    Parameters
    ----------
    truth
        Shape (n,): class labels.
    score
        Shape (n,), higher for positive, or shape (n, 2), or shape (n, classes) for the mean of one class against the
        rest.
    positive
        Positive class; None for the second of two classes, for labels 0 and 1, or for all of more than two classes.
    classes
        Class labels in the order of the columns of `score`.
    confidence, rng
        As for `accuracy`.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        In [0, 1], with an interval on the logit scale from the infinitesimal jackknife; Wilson's with the positive
        rows as trials where the value is 1.

    Raises
    ------
    NotMeasurable
        If a class has no rows, or a score is NaN.
    InvalidValue
        If the arrays do not fit together.

    References
    ----------
    K. Boyd, K. H. Eng, C. D. Page (2013), "Area under the precision-recall curve: point estimates and confidence
    intervals", ECML PKDD (logit scale); L. A. Jaeckel (1972), "The infinitesimal jackknife" (the variance).

    Examples
    --------
    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value, 6)
    0.833333
    """
    if is_multiclass(score, positive=positive, classes=classes):
        return _mean_over_classes(
            truth,
            score,
            classes=classes,
            confidence=confidence,
            anytime=anytime,
            one=_precision_influence,
            method="infinitesimal jackknife, one against the rest",
        )
    hit = binary_truth(truth, positive=positive, classes=classes)
    scores = positive_score(score, rows=len(hit), positive=positive, classes=classes)
    value, influence = _precision_influence(hit, scores)
    return _estimate(
        value,
        influence,
        rows=len(hit),
        trials=int(np.count_nonzero(hit)),
        confidence=confidence,
        anytime=anytime,
        method="infinitesimal jackknife",
    )


def _estimate(
    value: float,
    influence: Floats,
    *,
    rows: int,
    trials: int,
    confidence: float,
    anytime: bool,
    method: str,
    notes: dict[str, Any] | None = None,
) -> Value:
    error = math.sqrt(float(influence @ influence))
    if error <= 1e-12 or not 1e-12 < value < 1.0 - 1e-12:
        low, high = wilson(min(value, 1.0) * trials, trials, confidence=confidence)
        return _make.around(value, low, high, n=rows, method="Wilson on the positive rows", notes=notes)
    return _make.logit(value, error, n=rows, confidence=confidence, anytime=anytime, method=method, notes=notes)


def _mean_over_classes(
    truth: Any,
    score: Any,
    *,
    classes: Sequence[Any],
    confidence: float,
    anytime: bool,
    one: Callable[[Bools, Floats], tuple[float, Floats]],
    method: str,
) -> Value:
    array = labels(truth, what="truth")
    names, (rows,) = codes(array, classes=classes)
    scores = class_scores(score, rows=len(array), classes=names)
    each, left_out, influence = {}, [], np.zeros(len(array))
    smallest = len(array)
    for index, name in enumerate(names):
        hit = rows == index
        count = int(np.count_nonzero(hit))
        if count in (0, len(hit)):
            left_out.append(str(name))
            continue
        each[str(name)], part = one(hit, scores[:, index])
        influence += part
        smallest = min(smallest, count)
    if not each:
        raise NotMeasurable(f"all {len(array)} rows are of one class", expected="rows of at least two classes")
    notes: dict[str, Any] = {"by class": dict(sorted(each.items(), key=lambda item: item[1])[:50])}
    if left_out:
        notes["no rows"] = left_out
    value = float(np.mean(list(each.values())))
    return _estimate(
        value,
        influence / len(each),
        rows=len(array),
        trials=smallest,
        confidence=confidence,
        anytime=anytime,
        method=method,
        notes=notes,
    )


def _area_influence(hit: Bools, score: Floats) -> tuple[float, Floats]:
    """Area, and the influence of each row on it; the sum of squares is DeLong's variance."""
    area, above, below = components(score[hit], score[~hit])
    influence = np.empty(len(hit))
    influence[hit] = (above - area) / max(1, len(above))
    influence[~hit] = (below - area) / max(1, len(below))
    return area, influence


def _precision_influence(hit: Bools, score: Floats) -> tuple[float, Floats]:
    """Average precision, and the influence of each row on it (derivative by the weight of the row).

    With tied scores taken as one step: ``AP = sum_i w_i P_i / sum_i w_i`` over positive rows i, where ``P_i = T_i /
    N_i`` is the precision among the rows that score at least as high. A row j changes it directly, if positive, by
    ``(P_j - AP) / positives``, and through the precision of all positive rows that score at most as high.
    """
    order = np.argsort(-score, kind="stable")
    ordered, flags = score[order], hit[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    step = np.repeat(np.arange(len(last)), np.diff(np.concatenate(([-1], last))))
    true_so_far, rows_so_far = np.cumsum(flags)[last].astype(np.float64), last + 1.0
    positives = float(true_so_far[-1])
    at_step = np.diff(np.concatenate(([0.0], true_so_far)))
    precision = true_so_far / rows_so_far
    value = float(at_step @ precision) / positives
    below = (np.cumsum((at_step / rows_so_far)[::-1])[::-1])[step]
    lost = (np.cumsum((at_step * precision / rows_so_far)[::-1])[::-1])[step]
    direct = np.where(flags, precision[step] - value + below, 0.0)
    influence = np.empty(len(hit))
    influence[order] = (direct - lost) / positives
    return min(1.0, value), influence
