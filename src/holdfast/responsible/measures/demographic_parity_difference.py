"""Demographic parity: whether every group is chosen as often."""

from __future__ import annotations

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Scored
from holdfast.responsible._gaps import difference
from holdfast.responsible._groups import MIN_GROUP, Rates, Treated, rates, treated


@measure(
    "demographic_parity_difference",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("candidate", "live"),
    subject="scores",
    source="C. Dwork et al. (2012), Fairness through awareness, ITCS",
)
def demographic_parity_difference(
    scored: Scored,
    column: str,
    *columns: str,
    min_group: float = MIN_GROUP,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Largest gap between the shares of two groups that are decided for (the positive class).

    Parameters
    ----------
    scored
        Truth and decisions of a task that classifies, with the sensitive columns.
    column, columns
        Sensitive column; with several, the groups are their crossings.
    min_group
        Groups of fewer rows are left out, and listed in the notes.
    confidence
        Confidence of the interval, in (0, 1); it holds for all pairs of groups at once.
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        In [0, 1]: 0 where every group is chosen equally often. With Newcombe's interval; n is the number of rows.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If fewer than two groups are large enough, or the task makes no decisions.

    References
    ----------
    C. Dwork, M. Hardt, T. Pitassi, O. Reingold, R. Zemel (2012), "Fairness through awareness", ITCS; the largest gap
    over groups as in Fairlearn's ``demographic_parity_difference``. Interval: R. G. Newcombe (1998), Statistics in
    Medicine 17.
    """
    people = treated(scored, (column, *columns))
    return difference(_kinds(people, min_group), confidence=confidence, anytime=anytime)


def _kinds(people: Treated, min_group: float) -> list[Rates]:
    return [rates(people.groups, "selection rate", people.chosen, min_group=min_group)]
