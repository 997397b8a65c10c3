"""Metrics of predicted counts and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.stats.metrics import _make
from holdfast.stats.metrics.regression import above_zero, both

# Every metric takes rng, whether it needs it or not, so that all are called alike.
# ruff: noqa: ARG001

Rng = np.random.Generator | None


def poisson_deviance(
    truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Mean Poisson deviance: ``2 (y log(y / mu) - y + mu)``, 0 where every count is predicted as it came.

    Parameters
    ----------
    truth, score
        Shape (n,): counts that came (at least 0), and counts that were expected (above 0; at least 0 where none came).
    confidence, rng, anytime
        As for `mae`.

    Returns
    -------
    Value
        At least 0, with Student's interval. About 1 where counts are Poisson and their means known and not small.

    Raises
    ------
    NotMeasurable
        If there are fewer than two rows, a number is NaN or infinite, or nothing was expected where something came.
    InvalidValue
        If a number is negative, or the lengths differ.

    References
    ----------
    J. A. Nelder, R. W. M. Wedderburn (1972), "Generalized linear models", Journal of the Royal Statistical Society A
    135.

    Examples
    --------
    >>> round(poisson_deviance([0.0, 2.0], [1.0, 2.0]).value, 6)
    1.0
    """
    first, second = both(truth, score)
    for values, what in ((first, "count"), (second, "expected count")):
        if float(values.min()) < 0.0:
            raise InvalidValue(f"{what} {float(values.min()):g}", expected="numbers of at least 0")
    impossible = int(np.count_nonzero((second == 0.0) & (first > 0.0)))
    if impossible:
        raise NotMeasurable(f"0 was expected in {impossible} rows where something came", expected="numbers above 0")
    ratio = np.where(first > 0.0, first, 1.0) / np.where(first > 0.0, second, 1.0)
    loss = 2.0 * (first * np.log(ratio) - first + second)
    return above_zero(_make.mean(np.maximum(loss, 0.0), confidence=confidence, anytime=anytime))


def quantile_coverage(
    truth: Any, score: Any, *, confidence: float = 0.95, rng: Rng = None, anytime: bool = False
) -> Value:
    """Share of the rows whose truth lies at or below the predicted quantile: its level, where that is honest.

    Parameters
    ----------
    truth, score
        Shape (n,): what was, and the predicted quantile.
    confidence, rng
        As for `mae`.
    anytime
        True for the betting confidence sequence.

    Returns
    -------
    Value
        In [0, 1], with Wilson's interval.

    Raises
    ------
    NotMeasurable
        If there are no rows, or a number is NaN or infinite.
    InvalidValue
        If the lengths differ, or something is no number.

    References
    ----------
    P. F. Christoffersen (1998), "Evaluating interval forecasts", International Economic Review 39.

    Examples
    --------
    >>> quantile_coverage([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 5.0]).value
    0.75
    """
    first, second = both(truth, score)
    return _make.share(first <= second, confidence=confidence, anytime=anytime)
