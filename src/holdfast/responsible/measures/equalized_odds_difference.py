"""Equalized odds: whether both kinds of error are as frequent in every group."""

from __future__ import annotations

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Scored
from holdfast.responsible._gaps import difference
from holdfast.responsible._groups import MIN_GROUP, Rates, Treated, rates, treated


@measure(
    "equalized_odds_difference",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("candidate", "live"),
    subject="scores",
    source="M. Hardt, E. Price, N. Srebro (2016), Equality of opportunity in supervised learning, NeurIPS",
)
def equalized_odds_difference(
    scored: Scored,
    column: str,
    *columns: str,
    min_group: float = MIN_GROUP,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Larger of the largest gaps between two groups' true positive rates and false positive rates.

    Parameters
    ----------
    scored
        Truth and decisions of a task that classifies, with the sensitive columns.
    column, columns
        Sensitive column; with several, the groups are their crossings.
    min_group
        Groups with fewer rows of the class are left out of that class' rate, and listed in the notes.
    confidence
        Confidence of the interval, in (0, 1); it holds for all pairs of groups at once.
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        In [0, 1]: 0 where all groups have the same rates. With Newcombe's interval; n is the number of rows that the
        rates stand on.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If fewer than two groups are large enough, or the task makes no decisions.

    References
    ----------
    M. Hardt, E. Price, N. Srebro (2016), "Equality of opportunity in supervised learning", NeurIPS. Interval: R. G.
    Newcombe (1998), Statistics in Medicine 17. The worse of the two rates as in Fairlearn's
    ``equalized_odds_difference``.
    """
    people = treated(scored, (column, *columns))
    return difference(_kinds(people, min_group), confidence=confidence, anytime=anytime)


def _kinds(people: Treated, min_group: float) -> list[Rates]:
    return [
        rates(people.groups, "true positive rate", people.chosen, among=people.truth, min_group=min_group),
        rates(people.groups, "false positive rate", people.chosen, among=~people.truth, min_group=min_group),
    ]
