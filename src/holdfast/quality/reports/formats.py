"""The formats that a report is written in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from holdfast.core.errors import InvalidValue, one_of
from holdfast.quality.reports._words import finite
from holdfast.quality.reports.results import Report

#: Names of the formats.
FORMATS = ("gx", "html", "json", "junit", "sarif", "text")


def render(report: Report, format: str) -> str:
    """Write a report.

    Parameters
    ----------
    report
        What was found.
    format
        ``text`` (a terminal), ``json`` (a list of checks), ``junit`` (XML for build servers), ``sarif`` (2.1.0, for
        code hosts), ``html`` (one page that needs nothing else) or ``gx`` (the shape of a Great Expectations result).

    Returns
    -------
    str
        The whole document, which ends with a line break. Whatever names and values of the table hold, it is well-formed
        and nothing in it is carried out.

    Raises
    ------
    InvalidValue
        If there is no such format.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from holdfast.quality.reports import CheckResult
    >>> found = CheckResult("unique(id) >= 1", "broken", 0.5, rows_failing=1, rows=2, shown="50 %", first_rows=(1,))
    >>> print(render(Report((found,), "a.csv", "c.yaml", 2, 3, datetime(2026, 1, 1, tzinfo=UTC)), "text"), end="")
    a.csv: 2 rows, 3 columns, by c.yaml
    ✗ unique(id) >= 1  50 %  1 of 2 rows fails: row 1
    0 held, 1 broken, 0 unproven
    """
    if format not in FORMATS:
        raise InvalidValue(f"format {format!r}", expected=one_of(FORMATS, format))
    if format == "text":
        from holdfast.quality.reports._text import to_text as write
    elif format == "json":
        from holdfast.quality.reports._json import to_json as write
    elif format == "junit":
        from holdfast.quality.reports._junit import to_junit as write
    elif format == "sarif":
        from holdfast.quality.reports._sarif import to_sarif as write
    elif format == "html":
        from holdfast.quality.reports._html import to_html as write
    else:
        write = _to_gx
    return write(report)


def _to_gx(report: Report) -> str:
    from holdfast.quality.exchange.gx import to_gx

    parts = [_strict(to_gx(part)) for part in report.tables]
    return json.dumps(parts if report.parts else parts[0], indent=2, allow_nan=False) + "\n"


def _strict(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _strict(each) for key, each in data.items()}
    if isinstance(data, (list, tuple)):
        return [_strict(each) for each in data]
    return finite(data) if isinstance(data, float) else data
