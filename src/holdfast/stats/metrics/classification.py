"""Metrics of decisions: what the model answered beside what was true."""

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001
from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Array, Bools
from holdfast.stats.metrics import _make
from holdfast.stats.metrics._classes import check_average, mean_of_classes
from holdfast.stats.metrics._labels import is_positive, labels, pair, positive_of

Rng = np.random.Generator | None


def accuracy(truth: Any, decision: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Share of the rows that are decided rightly.

    Parameters
    ----------
    truth, decision
        Shape (n,): class labels of one type.
    confidence
        Of the interval, in (0, 1).
    rng
        Not used; every metric takes it.
    anytime
        True for an interval that may be looked at after every row.

    Returns
    -------
    Value
        In [0, 1], with Wilson's interval, or the betting confidence sequence.

    Raises
    ------
    NotMeasurable
        If there are no rows, or a label is missing.
    InvalidValue
        If the arrays do not fit together.

    References
    ----------
    ISO/IEC TS 4213:2022; Wilson (1927); Waudby-Smith & Ramdas (2024).

    Examples
    --------
    >>> accuracy(["a", "b", "b", "b"], ["a", "b", "b", "a"])
    Value(value=0.75, low=0.300641842582, high=0.95441273919, n=4)
    """
    first, second = pair(truth, decision)
    return _make.share(np.asarray(first == second, dtype=bool), confidence=confidence, anytime=anytime)


def error_rate(truth: Any, decision: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Share of the rows that are decided wrongly: one minus `accuracy`, with the same arguments and errors.

    Examples
    --------
    >>> error_rate([1, 0, 1, 1], [1, 0, 0, 1]).value
    0.25
    """
    first, second = pair(truth, decision)
    return _make.share(np.asarray(first != second, dtype=bool), confidence=confidence, anytime=anytime)


def selection_rate(
    truth: Any, decision: Any, *, positive: Any = None, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Share of the rows that the model decides positively.

    Parameters
    ----------
    truth
        Not used, may be None; the place is kept so that all metrics are called alike.
    decision
        Shape (n,): class labels.
    positive
        Positive class; None where the labels are 0 and 1.
    confidence, rng, anytime
        As for `accuracy`.

    Returns
    -------
    Value
        In [0, 1], with Wilson's interval, or the betting confidence sequence.

    Raises
    ------
    NotMeasurable
        If there are no rows, or a label is missing.
    InvalidValue
        If no positive class is named and the labels do not say.

    References
    ----------
    S. Barocas, M. Hardt, A. Narayanan (2023), "Fairness and machine learning", chapter 3.

    Examples
    --------
    >>> selection_rate(None, ["yes", "no", "no", "no"], positive="yes").value
    0.25
    """
    array = labels(decision, what="decision")
    chosen = is_positive(array, positive_of(array, positive, ()))
    return _make.share(chosen, confidence=confidence, anytime=anytime)


def recall(
    truth: Any,
    decision: Any,
    *,
    positive: Any = None,
    average: str = "macro",
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Share of the rows of a class that are found; the mean over the classes where no positive class is named.

    Parameters
    ----------
    truth, decision
        Shape (n,): class labels of one type.
    positive
        Positive class; None for all classes.
    average
        ``macro`` (each class counts alike), ``micro`` or ``weighted`` (each row counts alike: the accuracy).
    confidence, rng, anytime
        As for `accuracy`.

    Returns
    -------
    Value
        In [0, 1]. For one class Wilson's interval, n the rows of that class; for the mean of classes Wilson's intervals
        put together (MOVER), n all rows. Classes that no row has are left out and noted.

    Raises
    ------
    NotMeasurable
        If there are no rows of the positive class, or a label is missing.
    InvalidValue
        If the arrays do not fit together, or the average is unknown.

    References
    ----------
    ISO/IEC TS 4213:2022; Zou & Donner (2008) for the mean of classes.

    Examples
    --------
    >>> recall([1, 1, 1, 0], [1, 1, 0, 0], positive=1)
    Value(value=0.666666666667, low=0.207659600802, high=0.93850805528, n=3)
    """
    first, second = pair(truth, decision)
    if positive is not None:
        return _conditional(
            first,
            second,
            given=is_positive(first, positive),
            what=f"rows of class {positive!r}",
            confidence=confidence,
            anytime=anytime,
        )
    if check_average(average) != "macro":
        return accuracy(first, second, confidence=confidence, anytime=anytime)
    return mean_of_classes(first, second, by="truth", confidence=confidence, anytime=anytime)


def specificity(
    truth: Any, decision: Any, *, positive: Any = None, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Share of the negative rows that are decided negatively.

    Parameters
    ----------
    truth, decision
        Shape (n,): class labels of one type.
    positive
        Positive class; None where the labels are 0 and 1.
    confidence, rng, anytime
        As for `accuracy`.

    Returns
    -------
    Value
        In [0, 1], with Wilson's interval or the betting confidence sequence; n the negative rows.

    Raises
    ------
    NotMeasurable
        If there are no negative rows.
    InvalidValue
        If the arrays do not fit together, or the positive class is not known.

    References
    ----------
    ISO/IEC TS 4213:2022.

    Examples
    --------
    >>> specificity([0, 0, 0, 1], [0, 0, 1, 1]).value
    0.6666666666666666
    """
    return _rate(
        truth, decision, positive=positive, of_positive=False, hit=False, confidence=confidence, anytime=anytime
    )


def false_positive_rate(
    truth: Any, decision: Any, *, positive: Any = None, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Share of the negative rows that are decided positively: one minus `specificity`, with its arguments and errors.

    Examples
    --------
    >>> false_positive_rate([0, 0, 0, 1], [0, 0, 1, 1]).value
    0.3333333333333333
    """
    return _rate(
        truth, decision, positive=positive, of_positive=False, hit=True, confidence=confidence, anytime=anytime
    )


def false_negative_rate(
    truth: Any, decision: Any, *, positive: Any = None, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Share of the positive rows that are decided negatively: one minus `recall`, with the errors of `specificity`.

    Examples
    --------
    >>> false_negative_rate([1, 1, 1, 0], [1, 1, 0, 0]).value
    0.3333333333333333
    """
    return _rate(
        truth, decision, positive=positive, of_positive=True, hit=False, confidence=confidence, anytime=anytime
    )


def precision(
    truth: Any,
    decision: Any,
    *,
    positive: Any = None,
    average: str = "macro",
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Share of the positive decisions that are right; the mean over the classes where no positive class is named.

    Parameters
    ----------
    truth, decision
        Shape (n,): class labels of one type.
    positive
        Positive class; None for all classes.
    average
        ``macro`` (each class counts alike), ``weighted`` (by the rows of the class), ``micro`` (the accuracy).
    confidence, rng, anytime
        As for `accuracy`.

    Returns
    -------
    Value
        In [0, 1]. For one class Wilson's interval, n its positive decisions; for the mean of classes Wilson's intervals
        put together (MOVER), n all rows. A class that has rows but was never decided counts as 0 and is noted.

    Raises
    ------
    NotMeasurable
        If nothing is decided positively, or a label is missing.
    InvalidValue
        If the arrays do not fit together, or the average is unknown.

    References
    ----------
    ISO/IEC TS 4213:2022; Zou & Donner (2008) for the mean of classes.

    Examples
    --------
    >>> precision([1, 1, 1, 0], [1, 1, 0, 1], positive=1).value
    0.6666666666666666
    """
    first, second = pair(truth, decision)
    if positive is not None:
        return _conditional(
            first,
            second,
            given=is_positive(second, positive),
            what=f"decisions for {positive!r}",
            confidence=confidence,
            anytime=anytime,
        )
    if check_average(average) == "micro":
        return accuracy(first, second, confidence=confidence, anytime=anytime)
    return mean_of_classes(
        first, second, by="decision", confidence=confidence, anytime=anytime, weighted=average == "weighted"
    )


def balanced_accuracy(
    truth: Any, decision: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Mean of the recalls of the classes.

    Parameters
    ----------
    truth, decision
        Shape (n,): class labels of one type.
    confidence, rng, anytime
        As for `accuracy`.

    Returns
    -------
    Value
        In [0, 1], with the classes' Wilson intervals put together (MOVER), or their betting sequences at a joint
        confidence.

    Raises
    ------
    NotMeasurable
        If there are rows of fewer than two classes.
    InvalidValue
        If the arrays do not fit together.

    References
    ----------
    K. H. Brodersen, C. S. Ong, K. E. Stephan, J. M. Buhmann (2010), "The balanced accuracy and its posterior
    distribution", ICPR; Zou & Donner (2008) for the interval.

    Examples
    --------
    >>> balanced_accuracy([1, 1, 0, 0], [1, 0, 0, 0]).value
    0.75
    """
    first, second = pair(truth, decision)
    if len(set(first.tolist())) < 2:
        raise NotMeasurable(f"all rows are of class {first[0]!r}", expected="rows of at least two classes")
    return mean_of_classes(first, second, by="truth", confidence=confidence, anytime=anytime)


def _conditional(truth: Array, decision: Array, *, given: Bools, what: str, confidence: float, anytime: bool) -> Value:
    if not given.any():
        raise NotMeasurable(f"there are no {what} among {len(given)} rows", expected="at least one")
    right = np.asarray(truth[given] == decision[given], dtype=bool)
    return _make.share(right, confidence=confidence, anytime=anytime)


def _rate(
    truth: Any, decision: Any, *, positive: Any, of_positive: bool, hit: bool, confidence: float, anytime: bool
) -> Value:
    first, second = pair(truth, decision)
    name = positive_of(np.concatenate((first, second)), positive, ())
    given = is_positive(first, name) == of_positive
    if not given.any():
        kind = "positive" if of_positive else "negative"
        raise NotMeasurable(f"there are no {kind} rows among {len(first)}", expected="at least one")
    return _make.share(is_positive(second, name)[given] == hit, confidence=confidence, anytime=anytime)
