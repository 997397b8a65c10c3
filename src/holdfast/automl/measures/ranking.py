"""Measures of rankings: rows of one group are sorted by falling score."""

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
    "ndcg",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Jarvelin & Kekalainen (2002), ACM TOIS 20",
    cost=0.01,
)
def ndcg(
    scored: Scored,
    *,
    k: float | None = None,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Discounted gain of the order relative to the best order there is.

    Parameters
    ----------
    scored
        Truth beside answers.
    k
        Ranks that count; None for all.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.ndcg`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "ndcg")
    return metrics.ndcg(
        truth, score, group=scored.group, k=count(k, "k"), confidence=confidence, rng=rng, anytime=anytime
    )


@measure(
    "mean_average_precision",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Buckley & Voorhees (2000), SIGIR",
    cost=0.01,
)
def mean_average_precision(
    scored: Scored,
    *,
    k: float | None = None,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Mean over groups of the precision at each relevant row.

    Parameters
    ----------
    scored
        Truth beside answers.
    k
        Ranks that count; None for all.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.mean_average_precision`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "mean_average_precision")
    return metrics.mean_average_precision(
        truth, score, group=scored.group, k=count(k, "k"), confidence=confidence, rng=rng, anytime=anytime
    )


@measure(
    "mrr",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Voorhees (1999), TREC-8",
    cost=0.01,
)
def mrr(
    scored: Scored,
    *,
    k: float | None = None,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Mean over groups of one over the rank of the first relevant row.

    Parameters
    ----------
    scored
        Truth beside answers.
    k
        Ranks that count; None for all.
    confidence, rng, anytime
        As for `holdfast.stats.metrics.mrr`.

    Raises
    ------
    NotMeasurable
        If the task classifies, or the metric is not defined on these rows.
    """
    truth, score = numbers(scored, "mrr")
    return metrics.mrr(
        truth, score, group=scored.group, k=count(k, "k"), confidence=confidence, rng=rng, anytime=anytime
    )
