"""Metrics of decisions that weigh both kinds of error at once: F1 and Matthews' correlation."""

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001
from __future__ import annotations

import math
from typing import Any

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Bools, Floats, Ints
from holdfast.stats.intervals import critical, mover, wilson_bounds
from holdfast.stats.metrics import _make
from holdfast.stats.metrics._classes import by_class, check_average
from holdfast.stats.metrics._labels import codes, confusion, is_positive, pair
from holdfast.stats.metrics.classification import Rng, accuracy
from holdfast.stats.sequences import betting_interval


def f1(
    truth: Any,
    decision: Any,
    *,
    positive: Any = None,
    average: str = "macro",
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Harmonic mean of precision and recall; the mean over the classes where no positive class is named.

    Parameters
    ----------
    truth, decision
        Shape (n,): class labels of one type.
    positive
        Positive class; None for all classes that are in the rows.
    average
        ``macro`` (each class counts alike), ``weighted`` (by the rows of the class), ``micro`` (the accuracy).
    confidence, rng, anytime
        As for `accuracy`.

    Returns
    -------
    Value
        In [0, 1]. For one class Wilson's interval of the Jaccard share ``TP / (TP + FP + FN)``, transformed, n the rows
        in it; for the mean of classes those intervals put together with their correlation (MOVER).

    Raises
    ------
    NotMeasurable
        If the positive class is neither true nor decided anywhere, or a label is missing.
    InvalidValue
        If the arrays do not fit together, or the average is unknown.

    References
    ----------
    K. F. Y. Lam, V. Gopal, J. Qian (2023), "Confidence intervals for the F1 score: a comparison of four methods"
    (Wilson indirect); K. Takahashi, K. Yamamoto, A. Kuchiba, T. Koyama (2022), "Confidence interval for micro-averaged
    F1 and macro-averaged F1 scores", Applied Intelligence 52; Zou (2007).

    Examples
    --------
    >>> f1([1, 1, 1, 0], [1, 1, 0, 0], positive=1).value
    0.8
    """
    first, second = pair(truth, decision)
    if positive is not None:
        return _one_class(
            is_positive(first, positive),
            is_positive(second, positive),
            confidence=confidence,
            anytime=anytime,
            name=positive,
        )
    if check_average(average) == "micro":
        return accuracy(first, second, confidence=confidence, anytime=anytime)
    names, (rows, answers) = codes(first, second)
    table = confusion(rows, answers, size=len(names))
    support = table.sum(axis=1)
    weights = support / len(first) if average == "weighted" else np.full(len(names), 1.0 / len(names))
    z = critical(confidence, n=len(first), anytime=anytime)
    each, low, high = f1_by_class(table, z=z)
    ends = mover(each, low, high, weights=weights, correlation=f1_correlation(table))
    value = float(np.dot(weights, each))
    return _make.around(
        value,
        max(0.0, ends[0]),
        min(1.0, ends[1]),
        n=len(first),
        method=_make.named("Wilson indirect, MOVER", anytime),
        notes=by_class(names, each),
    )


def mcc(truth: Any, decision: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Matthews' correlation of truth and decisions, for two classes or more.

    Parameters
    ----------
    truth, decision
        Shape (n,): class labels of one type.
    confidence, rng, anytime
        As for `accuracy`; `anytime` gives an asymptotic confidence sequence.

    Returns
    -------
    Value
        In [-1, 1], with a delta-method interval on Fisher's z scale. Where all rows are right (or all wrong, with two
        classes) the variance is zero; the interval then reaches to the value at the share of errors that no error in n
        rows still allows, ``1 - (alpha/2)^(1/n)``.

    Raises
    ------
    NotMeasurable
        If all rows are of one class or all decisions are the same.
    InvalidValue
        If the arrays do not fit together.

    References
    ----------
    B. W. Matthews (1975), Biochimica et Biophysica Acta 405; J. Gorodkin (2004), "Comparing two K-category assignments
    by a K-category correlation coefficient", Computational Biology and Chemistry 28; Y. Itaya, J. Tamura, K. Hayashi,
    K. Yamamoto (2025), "Asymptotic properties of Matthews correlation coefficient", Statistics in Medicine 44.

    Examples
    --------
    >>> round(mcc([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]).value, 6)
    0.707107
    """
    first, second = pair(truth, decision)
    names, (rows, answers) = codes(first, second)
    n = len(first)
    if len(set(rows.tolist())) < 2 or len(set(answers.tolist())) < 2:
        raise NotMeasurable("all rows or all decisions are of one class", expected="two classes in both")
    shares = confusion(rows, answers, size=len(names)) / n
    value, gradient = _correlation(shares)
    error = math.sqrt(max(0.0, float((shares * gradient**2).sum() - (shares * gradient).sum() ** 2)) / n)
    if abs(value) > 1.0 - 1e-12:
        end = _allowed(shares, n=n, confidence=confidence)
        low, high = (end, 1.0) if value > 0 else (-1.0, end)
        return _make.around(math.copysign(1.0, value), low, high, n=n, method=_make.named("no error seen", anytime))
    half = critical(confidence, n=n, anytime=anytime) * error / (1.0 - value**2)
    middle = math.atanh(value)
    return _make.around(
        value,
        math.tanh(middle - half),
        math.tanh(middle + half),
        n=n,
        method=_make.named("delta, Fisher z", anytime),
    )


def _correlation(shares: Floats) -> tuple[float, Floats]:
    """Gorodkin's R_K of a table of shares, and its gradient by cell."""
    right, true, decided = float(np.trace(shares)), shares.sum(axis=1), shares.sum(axis=0)
    top = right - float(true @ decided)
    spread_true, spread_decided = 1.0 - float(true @ true), 1.0 - float(decided @ decided)
    bottom = math.sqrt(spread_true * spread_decided)
    value = top / bottom
    top_by = np.eye(len(shares)) - decided[:, None] - true[None, :]
    log_bottom_by = -true[:, None] / spread_true - decided[None, :] / spread_decided
    return value, top_by / bottom - value * log_bottom_by


def _allowed(shares: Floats, *, n: int, confidence: float) -> float:
    """Correlation if the share of errors that may have been missed were spread over the wrong (or right) cells."""
    missed = 1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / n)
    other = np.where(shares > 0.0, 0.0, 1.0)
    return _correlation(shares * (1.0 - missed) + missed * other / other.sum())[0]


def _one_class(truth: Bools, decision: Bools, *, confidence: float, anytime: bool, name: Any) -> Value:
    either = truth | decision
    if not either.any():
        raise NotMeasurable(f"class {name!r} is neither true nor decided in any row", expected="at least one such row")
    both = (truth & decision)[either]
    n = len(both)
    if anytime:
        ends, method = betting_interval(both, confidence=confidence), f"{_make.BETTING} of the Jaccard share"
    else:
        low, high = wilson_bounds([np.count_nonzero(both)], [n], z=critical(confidence))
        ends, method = (float(low[0]), float(high[0])), "Wilson indirect"
    value, low_end, high_end = (2.0 * jaccard / (1.0 + jaccard) for jaccard in (float(both.mean()), *ends))
    return _make.around(value, low_end, high_end, n=n, method=method)


def f1_by_class(table: Ints, *, z: float) -> tuple[Floats, Floats, Floats]:
    """F1 of each class with its interval, from a confusion matrix whose every class occurs; shape (k,) each."""
    hits = np.diag(table).astype(np.float64)
    either = table.sum(axis=0) + table.sum(axis=1) - hits
    low, high = wilson_bounds(hits, either, z=z)
    share = hits / either
    return 2.0 * share / (1.0 + share), 2.0 * low / (1.0 + low), 2.0 * high / (1.0 + high)


def f1_correlation(table: Ints) -> Floats:
    """Shape (k, k): correlation of the classes' F1 by the delta method; 1 where it is not known."""
    size = len(table)
    hits, both = np.diag(table).astype(np.float64), (table.sum(axis=0) + table.sum(axis=1)).astype(np.float64)
    # Influence of a row in cell (i, j) on the F1 of class c: -F1_c / both_c for each of i = c and j = c, and 2 / both_c
    # if i = j = c. Summed over cells, the products only meet where the cell touches both classes.
    loss = -2.0 * hits / both**2
    gain = 2.0 / both
    covariance: Floats = (table + table.T).astype(np.float64) * np.outer(loss, loss)
    own = table.sum(axis=0) + table.sum(axis=1) - 2.0 * hits
    np.fill_diagonal(covariance, own * loss**2 + hits * (gain + 2.0 * loss) ** 2)
    deviation = np.sqrt(np.diag(covariance))
    known = deviation > 0.0
    correlation = np.ones((size, size))
    pairs = np.ix_(known, known)
    correlation[pairs] = np.clip(covariance[pairs] / np.outer(deviation[known], deviation[known]), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
