"""Reports for a terminal and for build servers: what is told, in which form, and that no name breaks the form."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue
from holdfast.quality.reports import FORMATS, CheckResult, Report, combine, diff_tables, render

TIME = datetime(2026, 11, 24, 16, 5, tzinfo=UTC)

RESULTS = (
    CheckResult("completeness(age) >= 0.99", "held", 1.0, 0.999, 1.0, 4000, 0, 4000, measure="completeness", shown="1"),
    CheckResult("unique(id) >= 1", "unproven", reason="no column 'id'", rows=4000, measure="unique", line=6),
    CheckResult(
        "in_range(age, 0, 120) >= 1",
        "broken",
        0.9975,
        0.995,
        0.999,
        4000,
        10,
        4000,
        "0.9975 is below 1",
        (3, 17, 99, 120, 140),
        "in_range",
        "age",
        "0.9975 [0.995, 0.999]",
        7,
    ),
)

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "]]></failure><testcase name='forged'/>",
    "\u202etxt.exe",
    "\x1b[31mred\x1b[0m\x00\x07",
    "two\nlines\r\n::error::forged",
    "x" * 10_000,
    "{title} %s ${{ secrets.TOKEN }}",
    "\ufffe\uffff\ufeff",
    "&amp; &lt;",
    "Zürich 東京 🚀",
)

#: Jenkins' junit-10.xsd: attributes (those in capitals are required) and children of each element.
JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"NAME", "TESTS", "FAILURES", "ERRORS", "group", "time", "skipped", "timestamp", "hostname", "id", "package"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"NAME", "VALUE"}, set()),
    "testcase": ({"NAME", "time", "classname", "group"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}
SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?\Z")


def report(*results: CheckResult, data: str = "people.csv", contract: str = "checks.yaml") -> Report:
    return Report(results, data, contract, 4000, 5, TIME, seconds=0.25)


def named(name: str) -> Report:
    result = CheckResult(
        f"completeness({name}) >= 1", "broken", 0.5, reason=name, measure=name, column=name, shown=name
    )
    return replace(report(result, data=name, contract=name), notes=(name,))


def checked(text: str) -> ElementTree.Element:
    """The tree of a JUnit document that keeps to the schema."""
    root = ElementTree.fromstring(text.encode())  # noqa: S314 - our own document
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = JUNIT[element.tag]
        required = {each.lower() for each in attributes if each.isupper()}
        assert required <= set(element.attrib) <= {each.lower() for each in attributes}, element.tag
        assert {each.tag for each in element} <= children
        assert SUREFIRE_TIME.match(element.get("time", "0"))
    return root


def test_an_unknown_format_is_refused_and_the_nearest_is_named() -> None:
    with pytest.raises(InvalidValue, match="junit"):
        render(report(*RESULTS), "jUnit5")


def test_the_text_has_the_worst_first_the_reason_and_a_closing_line() -> None:
    assert render(report(*RESULTS), "text").splitlines() == [
        "people.csv: 4000 rows, 5 columns, by checks.yaml",
        "✗ in_range(age, 0, 120) >= 1  0.9975 [0.995, 0.999]  10 of 4000 rows fail: row 3, 17, 99, 120, 140, ...",
        "    0.9975 is below 1",
        "? unique(id) >= 1             not measured",
        "    no column 'id'",
        "✓ completeness(age) >= 0.99   1",
        "1 held, 1 broken, 1 unproven",
    ]


def test_the_text_of_several_tables_closes_with_all_of_them() -> None:
    both = combine([report(RESULTS[0]), report(RESULTS[2], data="b.csv")])
    assert render(both, "text").splitlines()[-1] == "2 tables: 1 held, 1 broken, 0 unproven"


def test_a_report_without_a_check_says_that_nothing_is_proven() -> None:
    assert render(report(), "text").splitlines()[-1] == "no check in checks.yaml: unproven"
    assert json.loads(render(report(), "json")) == []
    root = checked(render(report(), "junit"))
    assert (root.get("tests"), root.get("errors"), len(root.findall(".//error"))) == ("1", "1", 1)
    assert len(json.loads(render(report(), "sarif"))["runs"][0]["results"]) == 1
    assert "nothing is proven" in render(report(), "html")


def test_the_json_has_an_entry_for_each_check_in_the_contracts_order() -> None:
    found = json.loads(render(report(*RESULTS), "json"))
    assert [list(each)[:5] for each in found] == [["check", "verdict", "value", "rows_failing", "rows"]] * 3
    assert [list(each)[5:10] for each in found] == [["low", "high", "n", "reason", "first_rows"]] * 3
    assert [(each["verdict"], each["value"], each["rows_failing"], each["rows"]) for each in found] == [
        ("held", 1.0, 0, 4000),
        ("unproven", None, None, 4000),
        ("broken", 0.9975, 10, 4000),
    ]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("format", ["json", "sarif", "gx"])
def test_no_number_that_json_does_not_know_is_written(number: float, format: str) -> None:
    text = render(report(replace(RESULTS[2], value=number, low=number, high=number)), format)
    assert not re.search(r"\b(NaN|Infinity)\b", text)
    json.loads(text, parse_constant=pytest.fail)


def test_in_a_report_of_several_tables_each_json_entry_says_which() -> None:
    both = combine([report(RESULTS[0]), report(RESULTS[0], data="b.csv")])
    assert [each["data"] for each in json.loads(render(both, "json"))] == ["people.csv", "b.csv"]


def test_junit_has_a_case_for_each_check_red_where_it_is_not_held() -> None:
    root = checked(render(report(*RESULTS), "junit"))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    cases = {each.get("name"): each for each in root.iter("testcase")}
    assert cases["in_range(age, 0, 120) >= 1"].find("failure").get("type") == "broken"
    assert cases["unique(id) >= 1"].find("error").get("type") == "unproven"
    assert {each.tag for each in cases["completeness(age) >= 0.99"]} == {"system-out"}
    assert {each.get("classname") for each in cases.values()} == {"people.csv"}
    assert not root.findall(".//skipped")


def test_junit_has_a_suite_for_each_table_with_its_size_and_time() -> None:
    root = checked(render(combine([report(*RESULTS), report(RESULTS[0], data="b.csv")]), "junit"))
    suites = root.findall("testsuite")
    assert [(each.get("name"), each.get("tests"), each.get("time")) for each in suites] == [
        ("people.csv", "3", "0.250"),
        ("b.csv", "1", "0.250"),
    ]
    assert suites[0].get("timestamp") == "2026-11-24T16:05:00"
    given_names = {each.get("name"): each.get("value") for each in suites[0].iter("property")}
    assert given_names == {"contract": "checks.yaml", "rows": "4000", "columns": "5", "state": "broken"}


@pytest.fixture
def compared() -> Report:
    old, new = pl.DataFrame({"age": [1, 2, 3]}), pl.DataFrame({"age": [1, 2, 400], "pay": [1.0, 2.0, 3.0]})
    before = report(replace(RESULTS[0], verdict="broken"), RESULTS[1], replace(RESULTS[2], verdict="held"))
    after = report(*RESULTS)
    return replace(after, changes=after.compared(before), diff=diff_tables(old, new), against="old.csv")


@pytest.mark.parametrize("format", ["text", "junit", "sarif", "html", "json"])
def test_every_format_tells_the_verdicts_that_changed(compared: Report, format: str) -> None:
    text = render(compared, format)
    assert "newly broken" in text
    assert "mended" in text


@pytest.mark.parametrize("format", ["text", "junit", "html"])
def test_a_format_for_people_tells_what_changed_in_the_table(compared: Report, format: str) -> None:
    text = render(compared, format)
    assert "1 column added" in text
    assert "pay" in text


def test_the_json_entries_carry_the_verdict_before(compared: Report) -> None:
    found = {each["check"]: each for each in json.loads(render(compared, "json"))}
    assert found["in_range(age, 0, 120) >= 1"]["change"] == "newly broken"
    assert found["in_range(age, 0, 120) >= 1"]["before"] == {"verdict": "held", "value": 0.9975}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: ascii(text[:12]))
@pytest.mark.parametrize("format", FORMATS)
def test_no_name_breaks_a_format(attack: str, format: str) -> None:
    text = render(named(attack), format)
    text.encode()
    assert text.endswith("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", text)


@pytest.mark.parametrize("format", ["html", "junit"])
def test_markup_in_a_name_stays_text(format: str) -> None:
    assert "<script>alert" not in render(named(ATTACKS[0]), format)
    assert "&lt;script&gt;alert" in render(named(ATTACKS[0]), format)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: ascii(text[:12]))
def test_no_name_forges_a_line_a_case_or_an_entry(attack: str) -> None:
    assert len(render(named(attack), "text").splitlines()) == 5
    root = checked(render(named(attack), "junit"))
    assert len(list(root.iter("testcase"))) == 1
    assert json.loads(render(named(attack), "json"))[0]["column"] == attack


@given(st.text(max_size=40))
def test_whatever_a_column_is_called_the_documents_are_well_formed(name: str) -> None:
    found = named(name)
    assert len(list(checked(render(found, "junit")).iter("testcase"))) == 1
    assert len(json.loads(render(found, "json"))) == 1
    assert json.loads(render(found, "sarif"))["version"] == "2.1.0"


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_report_is_always_written_the_same(format: str) -> None:
    assert render(report(*RESULTS), format) == render(report(*RESULTS), format)
