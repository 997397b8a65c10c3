"""A report as SARIF 2.1.0 (OASIS): what is not held, as findings in the contract and the data file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from holdfast.core.digests import digest_of
from holdfast.quality.reports._words import finite, rows_text, visible
from holdfast.quality.reports.results import CheckResult, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

LEVELS = {"broken": "error", "unproven": "warning"}

#: Lines of a file of text that stand before its first row.
_BEFORE = {".csv": 1, ".tsv": 1, ".txt": 1, ".jsonl": 0, ".ndjson": 0}

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_NOTHING = "no-check"


def to_sarif(report: Report) -> str:
    """SARIF log with one run: a rule for each measure, a result for each check that is not held.

    A result stands in the contract, on the line of the promise; the rows that break it are its related locations. In
    files of text a row is given a line: that of the row's position below the heading, which is right unless a cell
    holds a line break. The fingerprint is of the claim and the file, so that a finding keeps its identity over runs.
    """
    return json.dumps(_log(report), indent=2, allow_nan=False) + "\n"


def _log(report: Report) -> dict[str, Any]:
    from holdfast import __version__

    measures = list(dict.fromkeys(each.measure or _measure(each.check) for each in report.results))
    if any(not part.results for part in report.tables):
        measures.append(_NOTHING)
    places = {name: place for place, name in enumerate(measures)}
    driver = {"name": "Holdfast", "version": __version__, "rules": [_rule(name) for name in measures]}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": True,
                "endTimeUtc": report.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        ],
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": uri}} for uri in _files(report)],
        "results": [found for part in report.tables for found in _results(part, places)],
        "properties": _properties(report),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _files(report: Report) -> list[str]:
    named = [name for part in report.tables for name in (part.contract, part.data) if name]
    return list(dict.fromkeys(uri_of(name) for name in named))


def _measure(check: str) -> str:
    return re.split(r"[^A-Za-z0-9_.\-]", check.strip(), maxsplit=1)[0] or "check"


def _rule(name: str) -> dict[str, Any]:
    from holdfast.core import registry

    spec = registry.find("measure", name)
    text = _first_line(spec.compute.__doc__) if spec is not None else ""
    if name == _NOTHING:
        text = "A table for which no check was given: nothing about it is proven."
    return {"id": name, "shortDescription": {"text": text or f"The measure {visible(name)}."}}


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0].replace("`", "")


def _results(report: Report, places: dict[str, int]) -> Iterator[dict[str, Any]]:
    for each in report.worst_first():
        if each.verdict in LEVELS:
            yield _result(each, report, places)
    if not report.results:
        nothing = CheckResult("a check", "unproven", reason=f"no check in {report.contract}", measure=_NOTHING)
        yield _result(nothing, report, places)


def _result(result: CheckResult, report: Report, places: dict[str, int]) -> dict[str, Any]:
    rule = result.measure or _measure(result.check)
    found: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": places[rule],
        "level": LEVELS[result.verdict],
        "kind": "fail",
        "message": {"text": _message(result, report)},
        "locations": [_location(report.contract or report.data, line=result.line)],
        "partialFingerprints": {"holdfastCheck/v1": digest_of({"check": result.check, "data": report.data})},
        "properties": {
            "check": result.check,
            "verdict": result.verdict,
            "value": finite(result.value),
            "low": finite(result.low),
            "high": finite(result.high),
            "n": result.n,
            "rows": result.rows,
            "rowsFailing": result.rows_failing,
        },
    }
    if report.data:
        found["relatedLocations"] = list(_rows(result, report.data))
    return found


def _message(result: CheckResult, report: Report) -> str:
    failing = f"; {result.rows_failing} of {rows_text(result.rows)} failing" if result.rows_failing else ""
    value = f" ({visible(result.shown)}{failing})" if result.shown else ""
    reason = f": {visible(result.reason)}" if result.reason else ""
    return f"{visible(report.data)}: {result.verdict}: {visible(result.check)}{value}{reason}"


def _location(name: str, *, line: int | None = None) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": uri_of(name)}}
    if line is not None and line >= 1:
        place["region"] = {"startLine": line}
    return {"physicalLocation": place}


def _rows(result: CheckResult, data: str) -> Iterator[dict[str, Any]]:
    before = _BEFORE.get(PurePosixPath(data.replace("\\", "/")).suffix.lower())
    if not result.first_rows:
        yield {"id": 0, **_location(data), "message": {"text": "the data"}}
    for place, row in enumerate(result.first_rows):
        line = None if before is None else row + before + 1
        yield {"id": place, **_location(data, line=line), "message": {"text": f"row {row} (counted from 0)"}}


def _properties(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": report.rows, "columns": report.columns, "state": report.state, **report.counts}
    if report.against:
        found["against"] = report.against
    if report.changes:
        found["changes"] = [
            {"check": each.check, "kind": each.kind, "before": each.before, "after": each.after, "data": each.data}
            for each in report.changes
        ]
    diffs = [{"data": part.data, **part.diff.to_dict()} for part in report.tables if part.diff is not None]
    if diffs:
        found["differences"] = diffs
    return found


def uri_of(name: str) -> str:
    """URI reference of a file or URL: relative names stay relative, as code hosts want them.

    Examples
    --------
    >>> uri_of("data/new rows.csv"), uri_of("/tmp/a.csv"), uri_of("s3://bucket/a b.parquet")
    ('data/new%20rows.csv', 'file:///tmp/a.csv', 's3://bucket/a%20b.parquet')
    """
    if _SCHEME.match(name):
        return quote(name, safe="/:?&=#%@+,;~!$'()*[]")
    if _DRIVE.match(name):
        return "file:///" + quote(name.replace("\\", "/"), safe="/:")
    return ("file://" if name.startswith("/") else "") + quote(name.removeprefix("./"))
