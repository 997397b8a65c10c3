"""What a comparison of two tables shows, as plain data: the same tables for every format."""

from __future__ import annotations

from holdfast.core.views import Table
from holdfast.quality.reports._words import MARKS, percent, shown
from holdfast.quality.reports.difference import ColumnDiff, TableDiff
from holdfast.quality.reports.results import Change

#: Categories that are told of one column.
CATEGORIES = 5


def difference(diff: TableDiff) -> tuple[Table, ...]:
    """Tables of a difference: the schema, the columns that differ, the categories that moved; empty ones left out.

    Parameters
    ----------
    diff
        What `diff_tables` found.

    Returns
    -------
    tuple
        Columns that moved (by more than chance) come first, then by distance.
    """
    found = (_schema(diff), _columns(diff), _categories(diff))
    return tuple(each for each in found if each.rows)


def verdict_changes(changes: tuple[Change, ...]) -> Table:
    """Table of the verdicts that differ from those on the older version, worst first."""
    return Table(
        title="Verdicts that differ",
        columns=("change", "check", "before", "now"),
        rows=tuple(
            (each.kind, each.check, _verdict(each.before, each.shown_before), _verdict(each.after, each.shown_after))
            for each in changes
        ),
    )


def _verdict(state: str | None, value: str) -> str:
    return f"{MARKS[state]} {state} {value}".rstrip() if state else "-"


def _schema(diff: TableDiff) -> Table:
    rows = [
        (each.name, _word(each), each.type_before or "-", each.type_after or "-")
        for each in diff.columns
        if each.type_before != each.type_after
    ]
    return Table(
        title="Columns that changed", columns=("column", "change", "type before", "type now"), rows=tuple(rows)
    )


def _word(column: ColumnDiff) -> str:
    if column.type_before is None:
        return "added"
    return "removed" if column.type_after is None else "another type"


def _columns(diff: TableDiff) -> Table:
    columns = [each for each in diff.columns if each.type_before and each.type_after and _differs(each)]
    columns.sort(key=lambda each: (not each.moved, -(each.distance or 0.0)))
    headings = ["column", "missing", "distinct", "values", "distance", "moved by"] + (
        ["cells changed"] if diff.key else []
    )
    rows = []
    for each in columns:
        line = [
            each.name,
            _pair(percent(each.missing_before), percent(each.missing_after)),
            _pair(str(each.distinct_before), str(each.distinct_after)),
            _middle(each),
            "-" if each.distance is None else shown(each.distance),
            {True: each.moved_by, False: "no evidence", None: "-"}[each.moved],
        ]
        rows.append(tuple([*line, str(each.cells_changed or 0)] if diff.key else line))
    return Table(title="What stands in the columns", columns=tuple(headings), rows=tuple(rows))


def _differs(column: ColumnDiff) -> bool:
    parts = (
        (column.missing_before, column.missing_after),
        (column.distinct_before, column.distinct_after),
        (column.summary_before, column.summary_after),
    )
    return bool(column.distance or column.cells_changed) or any(before != after for before, after in parts)


def _middle(column: ColumnDiff) -> str:
    before, after = dict(column.summary_before), dict(column.summary_after)
    if "mean" in before and "mean" in after:
        return _pair(*(f"{_number(side['mean'])} ± {_number(side.get('deviation', 0.0))}" for side in (before, after)))
    if column.kind == "time" and before and after:
        return _pair(*(f"{side['least']} to {side['greatest']}" for side in (before, after)))
    if not column.appeared and not column.vanished:
        return "-" if column.appeared is None else "the same"
    return f"{column.appeared} new, {column.vanished} gone"


def _number(value: float | str) -> str:
    return shown(value) if isinstance(value, float) else value


def _pair(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _categories(diff: TableDiff) -> Table:
    rows = [
        (column.name, each.value, percent(each.before), percent(each.after))
        for column in sorted(diff.columns, key=lambda each: -(each.distance or 0.0))
        if column.moved
        for each in column.categories[:CATEGORIES]
        if each.before != each.after
    ]
    return Table(
        title="Categories that moved", columns=("column", "value", "share before", "share now"), rows=tuple(rows)
    )
