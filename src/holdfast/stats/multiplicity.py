"""Many promises at once: corrections that keep the rate of false alarms."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats._arrays import Bools, Floats, checked_confidence, numbers

__all__ = [
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "bonferroni",
    "bonferroni_confidence",
    "e_benjamini_hochberg",
    "holm",
]


def bonferroni(p_values: Any) -> Floats:
    """P-values adjusted so that comparing each with alpha keeps the chance of any false alarm at alpha.

    Parameters
    ----------
    p_values
        Shape (k,), each in [0, 1].

    Returns
    -------
    ndarray
        Shape (k,): adjusted p-values, in the order given.

    Raises
    ------
    NotMeasurable
        If there are none.
    InvalidValue
        If one is not in [0, 1].

    References
    ----------
    O. J. Dunn (1961), "Multiple comparisons among means", JASA 56.

    Examples
    --------
    >>> [round(float(p), 6) for p in bonferroni([0.01, 0.5])]
    [0.02, 1.0]
    """
    given = _probabilities(p_values)
    return np.minimum(1.0, given * len(given))


def bonferroni_confidence(confidence: float, *, cases: int) -> float:
    """Confidence of each of many intervals, so that all hold together with the confidence asked for.

    Parameters
    ----------
    confidence
        That all intervals hold, in (0, 1).
    cases
        How many intervals, at least 1.

    Returns
    -------
    float
        Confidence of each interval.

    Raises
    ------
    InvalidValue
        If the confidence is not in (0, 1), or there is no case.

    Examples
    --------
    >>> round(bonferroni_confidence(0.95, cases=5), 6)
    0.99
    """
    if cases < 1:
        raise InvalidValue(f"{cases} cases", expected="at least 1")
    return 1.0 - (1.0 - checked_confidence(confidence)) / cases


def holm(p_values: Any) -> Floats:
    """P-values adjusted step by step: never larger than Bonferroni's, with the same guarantee.

    Parameters
    ----------
    p_values
        Shape (k,), each in [0, 1].

    Returns
    -------
    ndarray
        Shape (k,): adjusted p-values, in the order given.

    Raises
    ------
    NotMeasurable
        If there are none.
    InvalidValue
        If one is not in [0, 1].

    References
    ----------
    S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> [round(float(p), 6) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    given = _probabilities(p_values)
    order = np.argsort(given, kind="stable")
    adjusted = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    return _restored(np.minimum(1.0, adjusted), order)


def benjamini_hochberg(p_values: Any) -> Floats:
    """P-values adjusted so that comparing each with q keeps the expected share of false alarms among alarms at q.

    Parameters
    ----------
    p_values
        Shape (k,), each in [0, 1]; independent or positively dependent.

    Returns
    -------
    ndarray
        Shape (k,): adjusted p-values, in the order given.

    Raises
    ------
    NotMeasurable
        If there are none.
    InvalidValue
        If one is not in [0, 1].

    References
    ----------
    Y. Benjamini, Y. Hochberg (1995), "Controlling the false discovery rate", JRSSB 57.

    Examples
    --------
    >>> [round(float(p), 6) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    given = _probabilities(p_values)
    return _step_up(given, factor=1.0)


def benjamini_yekutieli(p_values: Any) -> Floats:
    """As `benjamini_hochberg`, for p-values that depend on each other in any way.

    Parameters
    ----------
    p_values
        Shape (k,), each in [0, 1].

    Returns
    -------
    ndarray
        Shape (k,): adjusted p-values, in the order given.

    Raises
    ------
    NotMeasurable
        If there are none.
    InvalidValue
        If one is not in [0, 1].

    References
    ----------
    Y. Benjamini, D. Yekutieli (2001), "The control of the false discovery rate in multiple testing under dependency",
    Annals of Statistics 29.

    Examples
    --------
    >>> [round(float(p), 6) for p in benjamini_yekutieli([0.01, 0.04])]
    [0.03, 0.06]
    """
    given = _probabilities(p_values)
    return _step_up(given, factor=float(np.sum(1.0 / np.arange(1, len(given) + 1))))


def e_benjamini_hochberg(e_values: Any, *, rate: float = 0.05) -> Bools:
    """Which hypotheses to reject, from e-values that may depend on each other and be looked at at any time.

    Parameters
    ----------
    e_values
        Shape (k,), each at least 0, such as from `sequences.MeanTest`.
    rate
        Expected share of false alarms among alarms, in (0, 1).

    Returns
    -------
    ndarray
        Shape (k,) bool: true where the hypothesis is rejected.

    Raises
    ------
    NotMeasurable
        If there are none.
    InvalidValue
        If one is negative or NaN, or the rate is not in (0, 1).

    References
    ----------
    R. Wang, A. Ramdas (2022), "False discovery rate control with e-values", JRSSB 84.

    Examples
    --------
    >>> e_benjamini_hochberg([100.0, 1.0, 45.0]).tolist()
    [True, False, True]
    """
    given = numbers(e_values, what="e-values")
    if given.size == 0:
        raise NotMeasurable("no e-values", expected="at least 1")
    if given.ndim != 1 or not bool(np.all(given >= 0.0)):
        raise InvalidValue("an e-value is negative or NaN", expected="numbers of at least 0")
    order = np.argsort(-given, kind="stable")
    passed = given[order] * np.arange(1, len(given) + 1) >= len(given) / checked_confidence(rate)
    count = int(np.flatnonzero(passed)[-1]) + 1 if passed.any() else 0
    rejected = np.zeros(len(given), dtype=bool)
    rejected[order[:count]] = True
    return rejected


def _step_up(given: Floats, *, factor: float) -> Floats:
    order = np.argsort(given, kind="stable")
    scaled = given[order] * factor * len(given) / np.arange(1, len(given) + 1)
    return _restored(np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1]), order)


def _restored(adjusted: Floats, order: Any) -> Floats:
    back = np.empty_like(adjusted)
    back[order] = adjusted
    return back


def _probabilities(values: Any) -> Floats:
    given = numbers(values, what="p-values")
    if given.size == 0:
        raise NotMeasurable("no p-values", expected="at least 1")
    if given.ndim != 1 or not bool(np.all((given >= 0.0) & (given <= 1.0))):
        raise InvalidValue("a p-value is outside [0, 1] or NaN", expected="numbers from 0 to 1")
    return given
