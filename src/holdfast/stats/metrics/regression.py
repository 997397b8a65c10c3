"""Metrics of predicted numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Floats, finite, floats, numbers, same_length
from holdfast.stats.intervals import critical
from holdfast.stats.metrics import _make

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001

Rng = np.random.Generator | None


def mae(truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Mean absolute error.

    Parameters
    ----------
    truth, score
        Shape (n,): what was, and what was predicted; n at least 2.
    confidence
        Of the interval, in (0, 1).
    rng
        Not used; every metric takes it.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        At least 0, in the unit of the target, with Student's interval.

    Raises
    ------
    NotMeasurable
        If there are fewer than two rows, or a number is NaN or infinite.
    InvalidValue
        If the lengths differ, or something is no number.

    References
    ----------
    C. J. Willmott, K. Matsuura (2005), "Advantages of the mean absolute error over the root mean square error", Climate
    Research 30.

    Examples
    --------
    >>> mae([1.0, 2.0, 3.0], [1.0, 3.0, 5.0]).value
    1.0
    """
    first, second = both(truth, score)
    return above_zero(_make.mean(np.abs(first - second), confidence=confidence, anytime=anytime))


def rmse(truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Root of the mean squared error, with the arguments and errors of `mae`; the interval is the root of the mean's.

    References
    ----------
    T. Chai, R. R. Draxler (2014), "Root mean square error or mean absolute error?", Geoscientific Model Development 7.

    Examples
    --------
    >>> round(rmse([1.0, 2.0, 3.0], [1.0, 3.0, 5.0]).value, 6)
    1.290994
    """
    first, second = both(truth, score)
    made = above_zero(_make.mean((first - second) ** 2, confidence=confidence, anytime=anytime))
    low, high = math.sqrt(made.low or 0.0), math.sqrt(made.high or 0.0)
    return _make.around(math.sqrt(made.value), low, high, n=made.n, method=f"root of {made.method}")


def r2(truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Share of the variance of the target that the predictions explain.

    Parameters
    ----------
    truth, score
        Shape (n,): what was, and what was predicted; n at least 2.
    confidence, rng, anytime
        As for `mae`.

    Returns
    -------
    Value
        At most 1, with a delta-method interval on the scale ``log(1 - r2)``; where every prediction is exact, so is the
        value.

    Raises
    ------
    NotMeasurable
        If there are fewer than two rows, the target is constant, or a number is NaN or infinite.
    InvalidValue
        If the lengths differ, or something is no number.

    References
    ----------
    S. Wright (1921), "Correlation and causation", Journal of Agricultural Research 20; the influence of a row is the
    derivative of the ratio of sums by its weight.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0]).value
    0.8
    """
    first, second = both(truth, score)
    n = len(first)
    spread = (first - first.mean()) ** 2
    total = float(spread.sum())
    if n < 2 or total <= 0.0:
        raise NotMeasurable("the target is constant, or there is one row", expected="a target that varies")
    missed = (first - second) ** 2
    unexplained = float(missed.sum()) / total
    if unexplained == 0.0:
        return _make.around(1.0, 1.0, 1.0, n=n, method="every prediction is exact")
    influence = (missed - unexplained * spread) / total
    half = critical(confidence, n=n, anytime=anytime) * math.sqrt(float(influence @ influence)) / unexplained
    low, high = 1.0 - unexplained * math.exp(min(half, 700.0)), 1.0 - unexplained * math.exp(-half)
    return _make.around(1.0 - unexplained, low, high, n=n, method=_make.named("delta, log(1 - r2)", anytime))


def mape(truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Mean of the absolute error over the size of the target, with the arguments and errors of `mae`.

    It is a share (0.1 is 10 %), and not measurable where the target is zero in a row: use `smape` or `wape` there.

    References
    ----------
    R. J. Hyndman, A. B. Koehler (2006), "Another look at measures of forecast accuracy", International Journal of
    Forecasting 22.

    Examples
    --------
    >>> mape([100.0, 200.0], [110.0, 180.0]).value
    0.1
    """
    first, second = both(truth, score)
    zeros = int(np.count_nonzero(first == 0.0))
    if zeros:
        raise NotMeasurable(f"the target is zero in {zeros} of {len(first)} rows", expected="smape or wape")
    return above_zero(_make.mean(np.abs((first - second) / first), confidence=confidence, anytime=anytime))


def smape(truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Mean of ``2 |error| / (|truth| + |prediction|)``, in [0, 2]; 0 where both are zero.

    Takes the arguments of `mae` and raises its errors, but one row is enough: it has bounds. `anytime` gives the
    betting confidence sequence.

    References
    ----------
    S. Makridakis (1993), "Accuracy measures: theoretical and practical concerns", International Journal of Forecasting
    9.

    Examples
    --------
    >>> round(smape([100.0, 0.0], [110.0, 0.0]).value, 6)
    0.047619
    """
    first, second = both(truth, score)
    size = np.abs(first) + np.abs(second)
    half = np.divide(np.abs(first - second), size, out=np.zeros(len(first)), where=size > 0.0)
    made = _make.bounded_mean(np.minimum(half, 1.0), confidence=confidence, anytime=anytime)
    low, high = 2.0 * (made.low or 0.0), 2.0 * (made.high or 0.0)
    return _make.around(2.0 * made.value, low, high, n=made.n, method=made.method)


def pinball(
    truth: Any,
    score: Any,
    *,
    quantile: float = 0.5,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean pinball loss of predicted quantiles.

    Parameters
    ----------
    truth, score
        Shape (n,): what was, and the predicted quantile; n at least 2.
    quantile
        Which quantile was predicted, in (0, 1).
    confidence, rng, anytime
        As for `mae`.

    Returns
    -------
    Value
        At least 0, in the unit of the target, with Student's interval.

    Raises
    ------
    NotMeasurable
        If there are fewer than two rows, or a number is NaN or infinite.
    InvalidValue
        If the quantile is not in (0, 1), or the lengths differ.

    References
    ----------
    R. Koenker, G. Bassett (1978), "Regression quantiles", Econometrica 46.

    Examples
    --------
    >>> round(pinball([1.0, 3.0], [2.0, 2.0], quantile=0.9).value, 6)
    0.5
    """
    if not 0.0 < quantile < 1.0:
        raise InvalidValue(f"quantile {quantile}", expected="a number above 0 and below 1")
    first, second = both(truth, score)
    error = first - second
    loss = np.maximum(quantile * error, (quantile - 1.0) * error)
    return above_zero(_make.mean(loss, confidence=confidence, anytime=anytime, notes={"quantile": quantile}))


def coverage(truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False) -> Value:
    """Share of the rows whose truth lies within the predicted interval.

    Parameters
    ----------
    truth
        Shape (n,): what was.
    score
        Shape (n, 2): low and high ends that were predicted.
    confidence, rng
        As for `mae`.
    anytime
        True for the betting confidence sequence.

    Returns
    -------
    Value
        In [0, 1], with Wilson's interval; the mean width is in the notes.

    Raises
    ------
    NotMeasurable
        If there are no rows, or a number is NaN or infinite.
    InvalidValue
        If the shapes do not fit, or a low end is above its high end.

    References
    ----------
    V. Vovk, A. Gammerman, G. Shafer (2005), "Algorithmic learning in a random world".

    Examples
    --------
    >>> coverage([1.0, 2.0], [[0.0, 2.0], [3.0, 4.0]]).value
    0.5
    """
    first, ends = floats(truth, what="truth"), numbers(score, what="predicted intervals")
    if ends.shape != (len(first), 2):
        raise InvalidValue(f"intervals of shape {ends.shape}", expected=f"({len(first)}, 2)")
    finite(ends, what="predicted intervals")
    crossed = int(np.count_nonzero(ends[:, 0] > ends[:, 1]))
    if crossed:
        raise InvalidValue(f"{crossed} predicted intervals have low above high", expected="low <= high")
    inside = (ends[:, 0] <= first) & (first <= ends[:, 1])
    notes = {"mean width": float((ends[:, 1] - ends[:, 0]).mean())}
    return _make.share(inside, confidence=confidence, anytime=anytime, notes=notes)


def both(truth: Any, score: Any) -> tuple[Floats, Floats]:
    """Truth and predictions, checked: numbers, finite, of one length.

    Raises
    ------
    NotMeasurable
        If there are no rows, or a number is NaN or infinite.
    InvalidValue
        If the lengths differ, or something is no number.
    """
    first, second = floats(truth, what="truth"), floats(score, what="prediction")
    same_length(first, second, what="truth and prediction")
    return first, second


def above_zero(made: Value) -> Value:
    """Cut an interval off at zero."""
    return Value(made.value, max(0.0, made.low or 0.0), made.high, n=made.n, method=made.method, notes=made.notes)
