"""A report for a terminal: worst first, one line a check, the reason under what is not held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast.core.views import Table
from holdfast.quality.reports import views
from holdfast.quality.reports._words import MARKS, rows_text, visible
from holdfast.quality.reports.results import CheckResult, Report

#: Widest column of a table, and most lines of one.
WIDEST, MOST = 60, 30


def to_text(report: Report) -> str:
    """Lines, the last of them the closing line: ``12 held, 1 broken, 1 unproven``."""
    lines = []
    for part in report.tables:
        lines += [*_table(part), ""]
    if report.parts:
        lines.append(f"{len(report.parts)} tables: {_closing(report)}")
    else:
        lines[-1] = _closing(report)
    return "\n".join(lines) + "\n"


def _closing(report: Report) -> str:
    return report.summary if report.results else f"no check in {visible(report.contract)}: unproven"


def _table(report: Report) -> Iterator[str]:
    yield f"{visible(report.data)}: {rows_text(report.rows)}, {report.columns} columns, by {visible(report.contract)}"
    results = report.worst_first()
    checks = [f"{MARKS[each.verdict]} {visible(each.check)}" for each in results]
    values = [visible(each.shown) or "not measured" for each in results]
    wide = min(WIDEST, max(map(len, checks), default=0))
    middle = max(map(len, values), default=0)
    for result, check, value in zip(results, checks, values, strict=True):
        yield f"{check:<{wide}}  {value:<{middle}}  {_rows(result)}".rstrip()
        if result.verdict != "held" and result.reason:
            yield f"    {visible(result.reason, limit=1000)}"
    for note in report.notes:
        yield f"note: {visible(note, limit=1000)}"
    yield from _against(report)


def _rows(result: CheckResult) -> str:
    if not result.rows_failing:
        return ""
    first = ", ".join(str(each) for each in result.first_rows)
    more = ", ..." if result.rows_failing > len(result.first_rows) else ""
    places = f": row {first}{more}" if first else ""
    return f"{result.rows_failing} of {rows_text(result.rows)} fail{'s' if result.rows_failing == 1 else ''}{places}"


def _against(report: Report) -> Iterator[str]:
    if report.diff is None and not report.against:
        return
    yield ""
    yield f"against {visible(report.against) or 'the older version'}"
    if report.diff is not None:
        yield report.diff.summary
        for note in report.diff.notes:
            yield f"note: {visible(note)}"
        for table in views.difference(report.diff):
            yield from ["", f"{table.title}:", *table_lines(table)]
    changed = views.verdict_changes(report.changes)
    yield ""
    if changed.rows:
        yield from [f"{changed.title}:", *table_lines(changed)]
    else:
        yield "every verdict is held, as before"


def table_lines(table: Table) -> list[str]:
    """A table in lines of equal columns, at most `MOST` of them."""
    rows = [[visible(str(cell), limit=WIDEST) for cell in row] for row in table.rows]
    wide = [max(map(len, column)) for column in zip(table.columns, *rows[:MOST], strict=True)]
    lines = [_line(row, wide) for row in (table.columns, *rows[:MOST])]
    return lines + ([f"  and {len(rows) - MOST} more"] if len(rows) > MOST else [])


def _line(cells: Sequence[str], wide: Sequence[int]) -> str:
    return "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, wide, strict=True)).rstrip()
