"""Predictive parity: whether a decision means the same in every group."""

from __future__ import annotations

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Scored
from holdfast.responsible._gaps import difference
from holdfast.responsible._groups import MIN_GROUP, Rates, Treated, rates, treated


@measure(
    "predictive_parity_difference",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("candidate", "live"),
    subject="scores",
    source="A. Chouldechova (2017), Fair prediction with disparate impact, Big Data 5(2)",
)
def predictive_parity_difference(
    scored: Scored,
    column: str,
    *columns: str,
    min_group: float = MIN_GROUP,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Largest gap between two groups' precision: the share of the chosen who are of the positive class.

    Parameters
    ----------
    scored
        Truth and decisions of a task that classifies, with the sensitive columns.
    column, columns
        Sensitive column; with several, the groups are their crossings.
    min_group
        Groups with fewer chosen rows are left out, and listed in the notes.
    confidence
        Confidence of the interval, in (0, 1); it holds for all pairs of groups at once.
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        In [0, 1]: 0 where a decision is right equally often in every group. With Newcombe's interval; n is the number
        of rows that are decided for.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If fewer than two groups are large enough, or the task makes no decisions.

    References
    ----------
    A. Chouldechova (2017), "Fair prediction with disparate impact: a study of bias in recidivism prediction
    instruments", Big Data 5(2). Interval: R. G. Newcombe (1998), Statistics in Medicine 17.
    """
    people = treated(scored, (column, *columns))
    return difference(_kinds(people, min_group), confidence=confidence, anytime=anytime)


def _kinds(people: Treated, min_group: float) -> list[Rates]:
    return [rates(people.groups, "precision", people.truth, among=people.chosen, min_group=min_group)]
