"""Measures of predicted times to an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.automl.measures._asked import STAGES, numbers
from holdfast.core.errors import ColumnNotFound, one_of
from holdfast.core.registry import measure
from holdfast.stats import metrics

if TYPE_CHECKING:
    import numpy as np

    from holdfast.core.evidence import Value
    from holdfast.core.subjects import Scored


@measure(
    "concordance_index",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="scores",
    source="Harrell, Lee & Mark (1996), Statistics in Medicine 15",
    cost=0.05,
)
def concordance_index(
    scored: Scored,
    event: str,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Share of the pairs of rows, of known order in time, that are predicted in that order; 0.5 is guessing.

    Parameters
    ----------
    scored
        Truth (how long each row was watched) beside answers, with the event column among its rows.
    event
        Column that says whether the event came (true or 1), or the row was only watched for so long (false or 0).
    confidence, rng, anytime
        As for `holdfast.stats.metrics.concordance`.

    Raises
    ------
    ColumnNotFound
        If there is no such column.
    DataError
        If a cell of it is missing, or neither true nor false.
    NotMeasurable
        If the task classifies, or no two rows can be compared.
    """
    from holdfast.automl._objectives.survival import event_flags

    truth, score = numbers(scored, "concordance_index")
    if event not in scored.rows.columns:
        raise ColumnNotFound(f"no column {event!r}", where="scored rows", expected=one_of(scored.rows.columns, event))
    flags = event_flags(scored.rows.get_column(event))
    return metrics.concordance(truth, score, event=flags, confidence=confidence, rng=rng, anytime=anytime)
