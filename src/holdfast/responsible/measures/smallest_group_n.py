"""Group sizes: whether there is enough of everybody to say anything."""

from __future__ import annotations

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Scored
from holdfast.responsible._groups import NAMED, groups_of


@measure(
    "smallest_group_n",
    unit="rows",
    range=(0, None),
    better="higher",
    stages=("candidate", "live"),
    subject="scores",
    source="Regulation (EU) 2024/1689 (AI Act), Article 10(3): sufficiently representative data",
)
def smallest_group_n(scored: Scored, column: str, *columns: str) -> Value:
    """Rows of the smallest group.

    Parameters
    ----------
    scored
        Rows with the sensitive columns.
    column, columns
        Sensitive column; with several, the groups are those of their crossings that occur.

    Returns
    -------
    Value
        The number of rows, exact; n is the number of all rows.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If there are no rows.
    """
    groups = groups_of(scored.rows, (column, *columns))
    sizes = groups.count()
    order = sizes.argsort(kind="stable")
    shown = {groups.names[place]: int(sizes[place]) for place in order[:NAMED]}
    return Value(float(sizes.min()), n=scored.n, notes={"groups": len(groups.names), "smallest": shown})
