"""Measures of forecasts: rows of one series stand in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.automl.measures._asked import STAGES, count, numbers
from holdfast.core.registry import measure
from holdfast.stats import metrics

if TYPE_CHECKING:
    import numpy as np

    from holdfast.core.evidence import Value
    from holdfast.core.subjects import Scored


@measure(
    "mase",
    unit="number",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Hyndman & Koehler (2006), International Journal of Forecasting 22",
    cost=0.01,
)
def mase(
    scored: Scored,
    *,
    season: float = 1.0,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Mean absolute error relative to that of repeating the last (seasonal) value.

    Parameters
    ----------
    scored
        Truth beside answers.
    season
        Steps after which the series repeats.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.mase`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "mase")
    return metrics.mase(
        truth,
        score,
        group=scored.group,
        season=count(season, "season") or 1,
        confidence=confidence,
        rng=rng,
        anytime=anytime,
    )


@measure(
    "rmsse",
    unit="number",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Makridakis, Spiliotis & Assimakopoulos (2022), M5",
    cost=0.01,
)
def rmsse(
    scored: Scored,
    *,
    season: float = 1.0,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Root mean squared error relative to that of repeating the last (seasonal) value.

    Parameters
    ----------
    scored
        Truth beside answers.
    season
        Steps after which the series repeats.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.rmsse`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "rmsse")
    return metrics.rmsse(
        truth,
        score,
        group=scored.group,
        season=count(season, "season") or 1,
        confidence=confidence,
        rng=rng,
        anytime=anytime,
    )


@measure(
    "wape",
    unit="share",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Kolassa & Schuetz (2007), Foresight 6",
    cost=0.01,
)
def wape(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Sum of the absolute errors relative to the sum of the truth.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.wape`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "wape")
    return metrics.wape(truth, score, group=scored.group, confidence=confidence, rng=rng, anytime=anytime)
