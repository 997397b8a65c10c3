"""Measures of predicted quantiles."""

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
    "pinball_loss",
    unit="target",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Koenker & Bassett (1978), Econometrica 46",
    cost=0.01,
)
def pinball_loss(
    scored: Scored,
    level: float = 0.5,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Mean loss of a predicted quantile, in the target's unit: least where it is the quantile of that level.

    Parameters
    ----------
    scored
        Truth beside answers.
    level
        Which quantile the answers are, in (0, 1).
    confidence, rng, anytime
        As for `holdfast.stats.metrics.pinball`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    InvalidValue
        If the level is not in (0, 1).
    """
    truth, score = numbers(scored, "pinball_loss")
    return metrics.pinball(truth, score, quantile=level, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "quantile_coverage",
    unit="share",
    range=(0, 1),
    better="target",
    stages=STAGES,
    subject="scores",
    source="Christoffersen (1998), International Economic Review 39",
    cost=0.01,
)
def quantile_coverage(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Share of the rows whose truth lies at or below the predicted quantile; its level, where that is honest.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.quantile_coverage`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "quantile_coverage")
    return metrics.quantile_coverage(truth, score, confidence=confidence, rng=rng, anytime=anytime)
