"""Measures of scores and probabilities: how well they rank, and how far they can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.automl.measures._asked import STAGES, count, probabilities
from holdfast.core.registry import measure
from holdfast.stats import metrics

if TYPE_CHECKING:
    import numpy as np

    from holdfast.core.evidence import Value
    from holdfast.core.subjects import Scored


@measure(
    "roc_auc",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44",
    cost=0.01,
)
def roc_auc(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Probability that a positive row scores higher than a negative one.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.roc_auc`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    asked = probabilities(scored, "roc_auc")
    return metrics.roc_auc(**asked, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "average_precision",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Davis & Goadrich (2006), ICML",
    cost=0.01,
)
def average_precision(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Area under the curve of precision over recall, in steps.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.average_precision`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    asked = probabilities(scored, "average_precision")
    return metrics.average_precision(**asked, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "log_loss",
    unit="nats",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Good (1952), Rational decisions",
    cost=0.01,
)
def log_loss(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Mean negative logarithm of the probability given to the true class.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.log_loss`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    asked = probabilities(scored, "log_loss")
    return metrics.log_loss(**asked, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "brier",
    unit="number",
    range=(0, 2),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Brier (1950), Monthly Weather Review 78",
    cost=0.01,
)
def brier(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Mean squared distance of the probabilities from what happened.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.brier`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    asked = probabilities(scored, "brier")
    return metrics.brier(**asked, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "expected_calibration_error",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=STAGES,
    subject="scores",
    source="Naeini, Cooper & Hauskrecht (2015), AAAI; Kumar, Liang & Ma (2019) for the debiasing",
    cost=0.01,
)
def expected_calibration_error(
    scored: Scored,
    *,
    bins: float = 15.0,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Mean distance of probability and frequency over bins of equal size.

    Parameters
    ----------
    scored
        Truth beside answers.
    bins
        Number of bins.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.ece`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    asked = probabilities(scored, "expected_calibration_error")
    return metrics.ece(**asked, bins=count(bins, "bins") or 15, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "calibration_slope",
    unit="number",
    range=(None, None),
    better="target",
    stages=STAGES,
    subject="scores",
    source="Cox (1958), Two further applications of a model for binary regression",
    cost=0.01,
)
def calibration_slope(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Slope of the logistic regression of the truth on the logit; 1 when neither too sure nor too shy.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.calibration_slope`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    asked = probabilities(scored, "calibration_slope")
    return metrics.calibration_slope(**asked, confidence=confidence, rng=rng, anytime=anytime)
