"""Disparate impact: the least chosen group against the most chosen one."""

from __future__ import annotations

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Scored
from holdfast.responsible._gaps import ratio
from holdfast.responsible._groups import MIN_GROUP, Rates, Treated, rates, treated


@measure(
    "demographic_parity_ratio",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("candidate", "live"),
    subject="scores",
    source="US EEOC (1978), Uniform guidelines on employee selection, 29 CFR 1607.4(D), the four-fifths rule",
)
def demographic_parity_ratio(
    scored: Scored,
    column: str,
    *columns: str,
    min_group: float = MIN_GROUP,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Smallest ratio between the shares of two groups that are decided for (the positive class).

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
        In [0, 1]: 1 where every group is chosen equally often; below 0.8 the four-fifths rule sees adverse impact. With
        the MOVER interval of a ratio; n is the number of rows.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If fewer than two groups are large enough, or the task makes no decisions, or nobody is chosen.

    References
    ----------
    29 CFR 1607.4(D); M. Feldman et al. (2015), "Certifying and removing disparate impact", KDD. Interval: G. Y. Zou,
    A. Donner (2008), Statistics in Medicine 27.
    """
    people = treated(scored, (column, *columns))
    return ratio(_kinds(people, min_group), confidence=confidence, anytime=anytime)


def _kinds(people: Treated, min_group: float) -> list[Rates]:
    return [rates(people.groups, "selection rate", people.chosen, min_group=min_group)]
