"""Measures of predicted counts."""

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
    "poisson_deviance",
    unit="number",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Nelder & Wedderburn (1972), Journal of the Royal Statistical Society A 135",
    cost=0.01,
)
def poisson_deviance(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Mean deviance of counts from the counts that were expected; about 1 where nothing but chance is left.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.poisson_deviance`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    InvalidValue
        If a count, or an expected one, is negative.
    """
    truth, score = numbers(scored, "poisson_deviance")
    return metrics.poisson_deviance(truth, score, confidence=confidence, rng=rng, anytime=anytime)
