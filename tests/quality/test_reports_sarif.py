"""SARIF: the shape that the standard asks for, where the findings stand, and that they keep their identity."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import holdfast
from holdfast.quality.reports import CheckResult, Report, combine, render

TIME = datetime(2026, 11, 24, 16, 5, tzinfo=UTC)
HELD = CheckResult("completeness(age) >= 0.99", "held", 1.0, n=10, rows=10, measure="completeness", line=5)
UNPROVEN = CheckResult("unique(id) >= 1", "unproven", reason="no column 'id'", measure="unique", line=6)
BROKEN = CheckResult(
    "in_range(age, 0, 120) >= 1",
    "broken",
    0.9,
    rows_failing=1,
    rows=10,
    reason="0.9 is below 1",
    first_rows=(3,),
    measure="in_range",
    shown="0.9",
    line=7,
)


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def several(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
LINE = {"type": "integer", "minimum": 1}
MESSAGE = closed(["text"], text=TEXT, markdown=TEXT, id=TEXT, arguments=several(TEXT))
ARTIFACT = closed([], uri={"type": "string", "format": "uri-reference"}, uriBaseId=TEXT, index=COUNT)
LOCATION = closed(
    [],
    id={"type": "integer", "minimum": -1},
    message=MESSAGE,
    physicalLocation=closed(
        ["artifactLocation"], artifactLocation=ARTIFACT, region=closed(["startLine"], startLine=LINE)
    ),
)

#: What SARIF 2.1.0 (OASIS, errata 01) says of the objects that are written here; other fields are not allowed.
SUBSET = closed(
    ["version", "runs"],
    **{
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": several(
            closed(
                ["tool"],
                tool=closed(
                    ["driver"],
                    driver=closed(
                        ["name"],
                        name=TEXT,
                        version=TEXT,
                        rules=several(closed(["id"], id=TEXT, shortDescription=MESSAGE)),
                    ),
                ),
                invocations=several(
                    closed(
                        ["executionSuccessful"],
                        executionSuccessful={"type": "boolean"},
                        endTimeUtc={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                    )
                ),
                columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                artifacts={**several(closed([], location=ARTIFACT)), "uniqueItems": True},
                results=several(
                    closed(
                        ["message"],
                        ruleId=TEXT,
                        ruleIndex={"type": "integer", "minimum": -1},
                        level={"enum": ["none", "note", "warning", "error"]},
                        kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
                        message=MESSAGE,
                        locations=several(LOCATION),
                        relatedLocations={**several(LOCATION), "uniqueItems": True},
                        partialFingerprints={"type": "object", "additionalProperties": TEXT},
                        properties={"type": "object"},
                    )
                ),
                properties={"type": "object"},
            )
        ),
    },
)


def report(*results: CheckResult, data: str = "data/people.csv", time: datetime = TIME) -> Report:
    return Report(results, data, "checks.yaml", 10, 5, time)


def run_of(found: Report) -> dict[str, Any]:
    return json.loads(render(found, "sarif"))["runs"][0]


@pytest.mark.parametrize(
    "found",
    [report(HELD, UNPROVEN, BROKEN), report(), combine([report(BROKEN), report(UNPROVEN, data="b.parquet")])],
    ids=["three", "none", "two tables"],
)
def test_the_log_keeps_to_the_standard(found: Report) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    jsonschema.validate(json.loads(render(found, "sarif")), SUBSET)


def test_the_log_says_who_wrote_it_and_in_which_version() -> None:
    log = json.loads(render(report(HELD), "sarif"))
    assert log["version"] == "2.1.0"
    assert log["runs"][0]["tool"]["driver"]["name"] == "Holdfast"
    assert log["runs"][0]["tool"]["driver"]["version"] == holdfast.__version__


def test_only_what_is_not_held_is_a_result_and_broken_comes_first() -> None:
    assert [(each["ruleId"], each["level"]) for each in run_of(report(HELD, UNPROVEN, BROKEN))["results"]] == [
        ("in_range", "error"),
        ("unique", "warning"),
    ]
    assert run_of(report(HELD))["results"] == []


def test_each_measure_is_a_rule_that_says_what_it_measures() -> None:
    run = run_of(report(HELD, UNPROVEN, BROKEN))
    rules = run["tool"]["driver"]["rules"]
    assert [each["id"] for each in rules] == ["completeness", "unique", "in_range"]
    assert all(len(each["shortDescription"]["text"]) > 15 for each in rules)
    assert [rules[each["ruleIndex"]]["id"] for each in run["results"]] == ["in_range", "unique"]


def test_a_result_stands_on_the_line_of_its_promise_and_its_rows_in_the_data() -> None:
    broken = run_of(report(BROKEN))["results"][0]
    assert broken["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "checks.yaml"}, "region": {"startLine": 7}}}
    ]
    assert broken["relatedLocations"] == [
        {
            "id": 0,
            "physicalLocation": {"artifactLocation": {"uri": "data/people.csv"}, "region": {"startLine": 5}},
            "message": {"text": "row 3 (counted from 0)"},
        }
    ]


@pytest.mark.parametrize(
    ("data", "line"), [("a.CSV", 5), ("a.tsv", 5), ("a.jsonl", 4), ("a.parquet", None), ("a.csv.gz", None)]
)
def test_a_row_has_a_line_only_in_a_file_of_text(data: str, line: int | None) -> None:
    place = run_of(report(BROKEN, data=data))["results"][0]["relatedLocations"][0]["physicalLocation"]
    assert place.get("region", {}).get("startLine") == line


def test_a_promise_without_a_known_line_has_no_region() -> None:
    place = run_of(report(replace(BROKEN, line=None)))["results"][0]["locations"][0]["physicalLocation"]
    assert "region" not in place


def fingerprint(found: Report) -> str:
    return run_of(found)["results"][0]["partialFingerprints"]["holdfastCheck/v1"]


def test_a_finding_keeps_its_fingerprint_over_runs() -> None:
    later = report(replace(BROKEN, value=0.5, rows_failing=5, reason="worse", line=70), time=TIME + timedelta(days=1))
    assert fingerprint(later) == fingerprint(report(BROKEN))


def test_another_claim_or_another_file_has_another_fingerprint() -> None:
    others = [report(replace(BROKEN, check="in_range(age, 0, 99) >= 1")), report(BROKEN, data="b.csv"), report(BROKEN)]
    assert len({fingerprint(each) for each in others}) == 3


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("./data/new rows.csv", "data/new%20rows.csv"),
        ("/srv/ä.csv", "file:///srv/%C3%A4.csv"),
        ("C:\\data\\a.csv", "file:///C:/data/a.csv"),
        ("odd:name#1?.csv", "odd%3Aname%231%3F.csv"),
        ("s3://bucket/a b.parquet", "s3://bucket/a%20b.parquet"),
    ],
)
def test_a_file_is_named_by_a_uri_reference(name: str, uri: str) -> None:
    run = run_of(report(BROKEN, data=name))
    assert run["results"][0]["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert {"location": {"uri": uri}} in run["artifacts"]
