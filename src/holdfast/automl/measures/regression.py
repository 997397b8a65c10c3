"""Measures of predicted numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.automl.measures._asked import STAGES, numbers
from holdfast.core.registry import measure
from holdfast.stats import metrics

if TYPE_CHECKING:
    import numpy as np

    from holdfast.core.evidence import Value
    from holdfast.core.subjects import Scored


@measure(
    "mae",
    unit="target",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Willmott & Matsuura (2005), Climate Research 30",
    cost=0.01,
)
def mae(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Mean absolute error, in the target's unit.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.mae`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "mae")
    return metrics.mae(truth, score, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "rmse",
    unit="target",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Gauss (1809); ISO 5725-1:2023",
    cost=0.01,
)
def rmse(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Root of the mean squared error, in the target's unit.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.rmse`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "rmse")
    return metrics.rmse(truth, score, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "r2",
    unit="number",
    range=(None, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Wright (1921), Correlation and causation",
    cost=0.01,
)
def r2(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Share of the target's variance that the predictions explain.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.r2`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "r2")
    return metrics.r2(truth, score, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "mape",
    unit="share",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Makridakis (1993), Accuracy measures",
    cost=0.01,
)
def mape(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Mean absolute error relative to the truth.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.mape`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "mape")
    return metrics.mape(truth, score, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "smape",
    unit="share",
    range=(0, 2),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Makridakis (1993), Accuracy measures",
    cost=0.01,
)
def smape(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Mean absolute error relative to the mean of truth and prediction.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.smape`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "smape")
    return metrics.smape(truth, score, confidence=confidence, rng=rng, anytime=anytime)
