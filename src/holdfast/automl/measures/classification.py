"""Measures of decisions: how often the class answered is the true one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.automl.measures._asked import STAGES, decided, positive_of
from holdfast.core.registry import measure
from holdfast.stats import metrics

if TYPE_CHECKING:
    import numpy as np

    from holdfast.core.evidence import Value
    from holdfast.core.subjects import Scored


@measure(
    "accuracy",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="ISO/IEC TS 4213:2022",
    cost=0.01,
)
def accuracy(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Share of the rows that are decided rightly.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.accuracy`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    truth, decision = decided(scored, "accuracy")
    return metrics.accuracy(truth, decision, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "balanced_accuracy",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Brodersen et al. (2010), The balanced accuracy and its posterior distribution",
    cost=0.01,
)
def balanced_accuracy(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Mean of the recalls of the classes.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.balanced_accuracy`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    truth, decision = decided(scored, "balanced_accuracy")
    return metrics.balanced_accuracy(truth, decision, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "precision",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="ISO/IEC TS 4213:2022",
    cost=0.01,
)
def precision(
    scored: Scored,
    *,
    average: str = "macro",
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Share of the positive decisions that are right.

    Parameters
    ----------
    scored
        Truth beside answers.
    average
        For several classes: ``macro`` (mean of the classes), ``micro`` or ``weighted``.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.precision`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    truth, decision = decided(scored, "precision")
    positive = positive_of(scored)
    return metrics.precision(
        truth, decision, positive=positive, average=average, confidence=confidence, rng=rng, anytime=anytime
    )


@measure(
    "recall",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="ISO/IEC TS 4213:2022",
    cost=0.01,
)
def recall(
    scored: Scored,
    *,
    average: str = "macro",
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Share of the positive rows that are found.

    Parameters
    ----------
    scored
        Truth beside answers.
    average
        For several classes: ``macro`` (mean of the classes), ``micro`` or ``weighted``.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.recall`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    truth, decision = decided(scored, "recall")
    positive = positive_of(scored)
    return metrics.recall(
        truth, decision, positive=positive, average=average, confidence=confidence, rng=rng, anytime=anytime
    )


@measure(
    "specificity",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="ISO/IEC TS 4213:2022",
    cost=0.01,
)
def specificity(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Share of the negative rows that are decided negatively.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.specificity`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    truth, decision = decided(scored, "specificity")
    positive = positive_of(scored)
    return metrics.specificity(truth, decision, positive=positive, confidence=confidence, rng=rng, anytime=anytime)


@measure(
    "f1",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="van Rijsbergen (1979), Information Retrieval",
    cost=0.01,
)
def f1(
    scored: Scored,
    *,
    average: str = "macro",
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Harmonic mean of precision and recall.

    Parameters
    ----------
    scored
        Truth beside answers.
    average
        For several classes: ``macro`` (mean of the classes), ``micro`` or ``weighted``.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.f1`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    truth, decision = decided(scored, "f1")
    positive = positive_of(scored)
    return metrics.f1(
        truth, decision, positive=positive, average=average, confidence=confidence, rng=rng, anytime=anytime
    )


@measure(
    "mcc",
    unit="number",
    range=(-1, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Matthews (1975); Gorodkin (2004) for several classes",
    cost=0.01,
)
def mcc(
    scored: Scored, *, confidence: float = 0.95, rng: np.random.Generator | None = None, anytime: bool = False
) -> Value:
    """Matthews' correlation of decision and truth.

    Parameters
    ----------
    scored
        Truth beside answers.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.mcc`.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or the metric is not defined on these rows.
    """
    truth, decision = decided(scored, "mcc")
    return metrics.mcc(truth, decision, confidence=confidence, rng=rng, anytime=anytime)
