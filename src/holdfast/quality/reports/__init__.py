"""Reports of checks: what was found for each promise, for people and for the tools of a build; and what changed.

`CheckResult` and `Report` are what a check found; `render` writes it (text, JSON, JUnit XML, SARIF, HTML, the shape of
Great Expectations); `diff_tables` compares two versions of a table; `combine` puts the reports of several files
together.
"""

from __future__ import annotations

from holdfast.quality.reports.difference import CategoryDiff, ColumnDiff, TableDiff, diff_tables
from holdfast.quality.reports.formats import FORMATS, render
from holdfast.quality.reports.results import CHANGES, Change, CheckResult, Report, combine

__all__ = [
    "CHANGES",
    "FORMATS",
    "CategoryDiff",
    "Change",
    "CheckResult",
    "ColumnDiff",
    "Report",
    "TableDiff",
    "combine",
    "diff_tables",
    "render",
]
