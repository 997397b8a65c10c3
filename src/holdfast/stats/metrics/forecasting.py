"""Metrics of forecasts by series; rows of a series stand in the order of time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Floats, floats
from holdfast.stats.intervals import critical
from holdfast.stats.metrics import _make
from holdfast.stats.metrics._groups import by_group, group_codes
from holdfast.stats.metrics.regression import both

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001

Rng = np.random.Generator | None


def mase(
    truth: Any,
    score: Any,
    *,
    group: Any = None,
    season: int = 1,
    history: Any = None,
    history_group: Any = None,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Mean absolute scaled error: below 1 the forecast beats repeating the last season.

    Parameters
    ----------
    truth, score
        Shape (n,): what was, and what was forecast.
    group
        Shape (n,): series of each row; None for one series.
    season
        Rows of a season, at least 1: the naive forecast is the value of so many rows ago.
    history
        Shape (m,): the values that the model was trained on, which scale the error; None to scale by the naive error
        on the judged rows themselves (noted).
    history_group
        Shape (m,): series of each row of the history; None for one series.
    confidence, rng
        As for `accuracy`.
    anytime
        True for an asymptotic confidence sequence.

    Returns
    -------
    Value
        Mean over series, at least 0. From 10 series on the interval is Student's over series; below, the variance
        within series is taken with its autocorrelation (Newey-West). Series whose naive error is zero or unknown are
        left out and counted in the notes.

    Raises
    ------
    NotMeasurable
        If no series can be scaled, there is only one row, or a number is NaN.
    InvalidValue
        If the season is below 1, or lengths differ.

    References
    ----------
    R. J. Hyndman, A. B. Koehler (2006), "Another look at measures of forecast accuracy", International Journal of
    Forecasting 22; W. K. Newey, K. D. West (1987), Econometrica 55, for the variance.

    Examples
    --------
    >>> mase([3.0, 5.0, 4.0], [3.0, 4.0, 5.0], history=[1.0, 2.0, 4.0, 3.0]).value
    0.5
    """
    rows = _Series(truth, score, group, season=season, history=history, history_group=history_group)
    values, scale = rows.scaled(np.abs)
    return _mean_of_series(values, root=False, notes=rows.notes(scale), confidence=confidence, anytime=anytime)


def rmsse(
    truth: Any,
    score: Any,
    *,
    group: Any = None,
    season: int = 1,
    history: Any = None,
    history_group: Any = None,
    confidence: float = 0.95,
    rng: Rng = None,
    anytime: bool = False,
) -> Value:
    """Root mean squared scaled error, with the arguments, interval and errors of `mase`.

    References
    ----------
    S. Makridakis, E. Spiliotis, V. Assimakopoulos (2022), "M5 accuracy competition: results, findings, and
    conclusions", International Journal of Forecasting 38.

    Examples
    --------
    >>> round(rmsse([3.0, 5.0, 4.0], [3.0, 4.0, 5.0], history=[1.0, 2.0, 4.0, 3.0]).value, 6)
    0.57735
    """
    rows = _Series(truth, score, group, season=season, history=history, history_group=history_group)
    values, scale = rows.scaled(np.square)
    return _mean_of_series(values, root=True, notes=rows.notes(scale), confidence=confidence, anytime=anytime)


def wape(
    truth: Any, score: Any, *, group: Any = None, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Sum of the absolute errors over the sum of the absolute values, over all series.

    Parameters
    ----------
    truth, score
        Shape (n,): what was, and what was forecast; n at least 2.
    group
        Shape (n,): series of each row; None for one series.
    confidence, rng, anytime
        As for `mase`.

    Returns
    -------
    Value
        At least 0, with a delta-method interval; the variance allows for autocorrelation within series (Newey-West),
        and from 10 series on for any dependence within them.

    Raises
    ------
    NotMeasurable
        If the values are all zero, there is one row, or a number is NaN.
    InvalidValue
        If lengths differ.

    References
    ----------
    S. Kolassa, W. Schutz (2007), "Advantages of the MAD/Mean ratio over the MAPE", Foresight 6; Newey & West (1987).

    Examples
    --------
    >>> wape([10.0, 20.0, 30.0], [11.0, 18.0, 30.0]).value
    0.05
    """
    rows = _Series(truth, score, group)
    total = float(np.abs(rows.truth).sum())
    if total <= 0.0:
        raise NotMeasurable("the values are all zero", expected="a value that is not")
    value = float(np.abs(rows.error).sum()) / total
    parts = [(np.abs(rows.error[each]) - value * np.abs(rows.truth[each])) / total for each in rows.members]
    return _from_sums(value, parts, low=0.0, confidence=confidence, anytime=anytime)


def bias(
    truth: Any, score: Any, *, group: Any = None, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Mean of forecast less truth, in the unit of the target: above 0 the forecast is too high.

    Takes the arguments of `wape`, has its interval, and raises its errors.

    References
    ----------
    Hyndman & Koehler (2006); Newey & West (1987).

    Examples
    --------
    >>> bias([10.0, 20.0, 30.0], [11.0, 21.0, 31.0]).value
    1.0
    """
    rows = _Series(truth, score, group)
    n = len(rows.error)
    value = float(rows.error.mean())
    parts = [(rows.error[each] - value) / n for each in rows.members]
    return _from_sums(value, parts, low=-math.inf, confidence=confidence, anytime=anytime)


def long_run_variance(values: Floats) -> float:
    """Variance of a sum of values that follow each other in time, with Bartlett weights up to lag ``4 (n/100)^(2/9)``.

    References
    ----------
    W. K. Newey, K. D. West (1987), "A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent
    covariance matrix", Econometrica 55; (1994) for the lag.
    """
    n = len(values)
    if n < 2:
        return 0.0
    centred = values - values.mean()
    total = float(centred @ centred)
    lags = min(n - 1, int(4.0 * (n / 100.0) ** (2.0 / 9.0)))
    for lag in range(1, lags + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(centred[lag:] @ centred[:-lag])
    return max(0.0, total) * n / (n - 1.0)


class _Series:
    """Rows by series, with the error of each row and the naive error of each series."""

    def __init__(
        self,
        truth: Any,
        score: Any,
        group: Any,
        *,
        season: int = 1,
        history: Any = None,
        history_group: Any = None,
    ) -> None:
        if season < 1:
            raise InvalidValue(f"season of {season} rows", expected="at least 1")
        self.truth, score = both(truth, score)
        if len(self.truth) < 2:
            raise NotMeasurable("one row gives no interval", expected="at least 2 rows")
        self.error: Floats = score - self.truth
        codes, count = group_codes(group, rows=len(self.truth))
        self.members = by_group(codes, groups=count)
        self._season = season
        self._own = history is None
        self._past = (
            [self.truth[each] for each in self.members]
            if history is None
            else self._history(floats(history, what="history"), history_group, group)
        )

    def _history(self, history: Floats, history_group: Any, group: Any) -> list[Floats]:
        if (history_group is None) != (group is None):
            raise InvalidValue("series are named on one side only", expected="both group and history_group, or neither")
        if group is None:
            return [history]
        names = np.asarray(group)
        past = np.asarray(history_group)
        if past.shape != history.shape:
            raise InvalidValue(f"history_group of shape {past.shape}", expected=f"{history.shape}")
        return [history[past == names[each[0]]] for each in self.members]

    def scaled(self, size: Callable[[Floats], Floats]) -> tuple[list[Floats], Floats]:
        """Sizes of the errors over the mean size of the naive error, for each series that has one above zero."""
        scale = np.zeros(len(self.members))
        for index, past in enumerate(self._past):
            if len(past) > self._season:
                scale[index] = float(size(past[self._season :] - past[: -self._season]).mean())
        pairs = zip(self.members, scale, strict=True)
        values = [size(self.error[each]) / by for each, by in pairs if by > 0.0]
        if not values:
            raise NotMeasurable(
                f"the naive error of all {len(scale)} series is zero or unknown",
                expected="a history longer than a season that is not constant",
            )
        return values, scale

    def notes(self, scale: Floats) -> dict[str, Any]:
        """Write what the scale was made of, and how many series were left out."""
        return {
            "season": self._season,
            "scaled by": "the judged rows" if self._own else "the history",
            "series": len(scale),
            "series left out": int(np.count_nonzero(scale <= 0.0)),
        }


def _mean_of_series(
    values: list[Floats], *, root: bool, notes: dict[str, Any], confidence: float, anytime: bool
) -> Value:
    means = np.asarray([float(each.mean()) for each in values])
    results = np.sqrt(means) if root else means
    n = sum(len(each) for each in values)
    value = float(results.mean())
    if len(values) >= 10:
        error, method = float(results.std(ddof=1)) / math.sqrt(len(values)), "between series"
        count = len(values)
    else:
        variances = np.asarray([long_run_variance(each) / len(each) ** 2 for each in values])
        if root:
            variances = np.divide(variances, 4.0 * means, out=np.zeros(len(means)), where=means > 0.0)
        error, method, count = math.sqrt(float(variances.sum())) / len(values), "Newey-West within series", n
    half = critical(confidence, n=count, anytime=anytime) * error
    return _make.around(
        value, max(0.0, value - half), value + half, n=n, method=_make.named(method, anytime), notes=notes
    )


def _from_sums(value: float, parts: list[Floats], *, low: float, confidence: float, anytime: bool) -> Value:
    n = sum(len(each) for each in parts)
    if len(parts) >= 10:
        sums = np.asarray([float(each.sum()) for each in parts])
        variance, method = float(sums @ sums) * len(parts) / (len(parts) - 1.0), "delta, by series"
    else:
        variance, method = sum(long_run_variance(each) for each in parts), "delta, Newey-West"
    half = critical(confidence, n=n, anytime=anytime) * math.sqrt(variance)
    return _make.around(
        value,
        max(low, value - half),
        value + half,
        n=n,
        method=_make.named(method, anytime),
        notes={"series": len(parts)},
    )
