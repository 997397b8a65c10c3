"""A report as a JSON list: one entry for each check."""

from __future__ import annotations

import json
from typing import Any

from holdfast.quality.reports._words import finite
from holdfast.quality.reports.results import Change, Report


def to_json(report: Report) -> str:
    """Strict JSON in ASCII: no NaN, no infinity, and nothing that an encoding could spoil."""
    return json.dumps(entries(report), indent=2, allow_nan=False) + "\n"


def entries(report: Report) -> list[dict[str, Any]]:
    """Entries in the order of the contract.

    Each begins with check, verdict, value, rows_failing, rows. `data` follows in a report of several tables, `change`
    and `before` (the verdict on the older version) where there is one to compare with.
    """
    changes = {(each.data, each.check): each for each in report.changes}
    found = []
    for each in report.results:
        entry: dict[str, Any] = {
            "check": each.check,
            "verdict": each.verdict,
            "value": finite(each.value),
            "rows_failing": each.rows_failing,
            "rows": each.rows,
            "low": finite(each.low),
            "high": finite(each.high),
            "n": each.n,
            "reason": each.reason,
            "first_rows": list(each.first_rows),
            "measure": each.measure,
            "column": each.column,
            "shown": each.shown,
            "line": each.line,
        }
        if report.parts:
            entry["data"] = each.data
        if report.against:
            entry |= _compared(changes.get((each.data, each.check)), each.verdict)
        found.append(entry)
    return found


def _compared(change: Change | None, verdict: str) -> dict[str, Any]:
    if change is None:
        return {"change": None, "before": {"verdict": verdict}}
    before = None if change.before is None else {"verdict": change.before, "value": finite(change.value_before)}
    return {"change": change.kind, "before": before}
