"""A report as JUnit XML, in the form that Jenkins, GitLab and GitHub readers share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from xml.sax.saxutils import escape, quoteattr

from holdfast.quality.reports import views
from holdfast.quality.reports._text import table_lines
from holdfast.quality.reports._words import rows_text, visible
from holdfast.quality.reports.results import CheckResult, Report

#: Longest attribute: a column may be called by a name of ten thousand letters.
LONGEST = 1000


def to_junit(report: Report) -> str:
    """XML document: a suite for each table, a case for each check.

    A broken promise is a ``failure``. An unproven one is an ``error``, JUnit's word for a test that could not be
    carried out: readers show it as red, while ``skipped`` would look green. A table without a check has one such case.
    The elements and attributes are those that the schema of Jenkins' xUnit plugin (junit-10.xsd) allows, in order.
    """
    suites = [_suite(part) for part in report.tables]
    counts = report.counts
    empty = sum(not part.results for part in report.tables)
    head = _tag(
        "testsuites",
        name="holdfast check",
        time=f"{report.seconds:.3f}",
        tests=str(len(report.results) + empty),
        failures=str(counts["broken"]),
        errors=str(counts["unproven"] + empty),
    )
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', f"<{head}>", *suites, "</testsuites>", ""])


def _suite(report: Report) -> str:
    counts = report.counts
    empty = int(not report.results)
    head = _tag(
        "testsuite",
        name=report.data or "data",
        tests=str(len(report.results) + empty),
        failures=str(counts["broken"]),
        errors=str(counts["unproven"] + empty),
        skipped="0",
        time=f"{report.seconds:.3f}",
        timestamp=report.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    given = {
        "contract": report.contract,
        "rows": str(report.rows),
        "columns": str(report.columns),
        "state": report.state,
        "against": report.against,
        "difference": report.diff.summary if report.diff else "",
    }
    properties = [f"      <{_tag('property', name=name, value=value)}/>" for name, value in given.items() if value]
    each = report.seconds / max(1, len(report.results))
    cases = [_case(result, report, seconds=each) for result in report.worst_first()] or [_nothing(report)]
    lines = [f"  <{head}>", "    <properties>", *properties, "    </properties>", *cases]
    told = list(_against(report))
    if told:
        lines.append(f"    <system-out>{_body(told)}</system-out>")
    return "\n".join([*lines, "  </testsuite>"])


def _case(result: CheckResult, report: Report, *, seconds: float) -> str:
    # The checks are one scan of the table: each gets its share of the time.
    head = _tag("testcase", name=result.check, classname=report.data or "data", time=f"{seconds:.3f}")
    if result.verdict == "held":
        return f"    <{head}><system-out>{_body(list(_facts(result)))}</system-out></testcase>"
    kind = "failure" if result.verdict == "broken" else "error"
    reason = result.reason or f"the promise is {result.verdict}"
    wrong = f"<{_tag(kind, type=result.verdict, message=reason)}>{_body([reason, *_facts(result)])}</{kind}>"
    return f"    <{head}>{wrong}</testcase>"


def _nothing(report: Report) -> str:
    head = _tag("testcase", name="a check", classname=report.data or "data", time="0.000")
    reason = f"no check in {report.contract}: nothing is proven"
    return f"    <{head}><{_tag('error', type='unproven', message=reason)}/></testcase>"


def _facts(result: CheckResult) -> Iterator[str]:
    yield f"{result.verdict}: {result.check}"
    yield f"value {result.shown or 'not measured'}, n={result.n}"
    if result.rows_failing is not None:
        yield f"{result.rows_failing} of {rows_text(result.rows)} failing"
    if result.first_rows:
        yield f"first rows (counted from 0): {', '.join(map(str, result.first_rows))}"


def _against(report: Report) -> Iterator[str]:
    if report.diff is not None:
        yield report.diff.summary
        for table in views.difference(report.diff):
            yield from [f"{table.title}:", *table_lines(table)]
    if report.changes:
        table = views.verdict_changes(report.changes)
        yield from [f"{table.title}:", *table_lines(table)]


def _body(lines: list[str]) -> str:
    return escape("\n".join(visible(line, limit=LONGEST) for line in lines))


def _tag(element: str, /, **attributes: str) -> str:
    given = (f"{key}={quoteattr(visible(value, limit=LONGEST))}" for key, value in attributes.items())
    return " ".join([element, *given])
