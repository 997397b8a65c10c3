"""Soda: checks in SodaCL, and contracts of Soda 4, become promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import HoldfastError, MalformedContract, UnknownName
from holdfast.core.grammar import parse
from holdfast.quality.compiler import compile_checks
from holdfast.quality.exchange import read_suite, soda

FILES = Path(__file__).parent / "exchange_files"
TOY = pl.read_csv(FILES / "toy.csv", try_parse_dates=True)


def broken(name: str) -> set[str]:
    found = read_suite(FILES / name)
    parsed = [parse(each) for each in found.promises]
    values = compile_checks(parsed).results(TOY)
    triples = ((origin, each, values[each.id]) for origin, each in zip(found.origins, parsed, strict=True))
    return {o for o, each, value in triples if not isinstance(value, HoldfastError) and not each.within(value.value)}


def test_checks_judge_as_soda_defines_them() -> None:
    assert broken("checks.soda.yml") == {
        "row_count > 10",
        "missing_count(age) = 0",
        "missing_percent(age) < 10%",
        "duplicate_count(id) = 0",
        "invalid_count(age) = 0",
        "invalid_count(sex) = 0 [2]",
        "invalid_percent(email) <= 5%",
        "invalid_count(email) = 0",
        "max(age) < 120",
        "schema: when required column missing [2]",
    }


def test_a_contract_judges_as_soda_defines_it() -> None:
    assert broken("contract.soda.yml") == {"id: duplicate", "code: invalid"}


def read(*checks: Any) -> Any:
    return soda.read({"checks for people": list(checks)})


@pytest.mark.parametrize(
    ("check", "promises"),
    [
        ("row_count > 0", ("row_count > 0 rows",)),
        ("row_count = 5", ("row_count == 5 rows",)),
        ("row_count between (1 and 9]", ("row_count > 1 rows", "row_count <= 9 rows")),
        ("missing_count(a) = 0", ("completeness(a) >= 1",)),
        ("missing_count(a) < 1", ("completeness(a) >= 1",)),
        ("missing_percent(a) < 5 %", ("completeness(a) > 0.95",)),
        ("missing_percent(a) <= 0.1", ("completeness(a) >= 0.999",)),
        ("missing_percent(a) between 0 and 5", ("completeness(a) >= 0.95",)),
        ("duplicate_count(a, b) = 0", ("unique(a, b) >= 1",)),
        ("min(a) > -1.5", ('holds("a > -1.5") >= 1',)),
        ("max(a) >= 3", ("in_range(a, 3) > 0",)),
        ("avg(a) between -1 and 1", ("mean(a) >= -1", "mean(a) <= 1")),
        ("percentile(a, 0.95) < 10", ("quantile(a, 0.95) < 10",)),
        ("max_length(a) < 10", ("has_length(a, high=9) >= 1",)),
        ("min_length(a) >= 2", ("has_length(a, 2) >= 1",)),
        ("freshness(t) < 2d", ("freshness(t) < 2 d",)),
        ("freshness(t) < 90m", ("freshness(t) < 90 min",)),
        ("values in (a) must exist in others (b)", ("references(a, others.csv, b) >= 1",)),
        ({"invalid_percent(a) < 5": {"valid values": ["x", 1]}}, ("allowed(a, x, 1) >= 0.95",)),
        ({"invalid_count(a) = 0": {"invalid regex": "^x"}}, ('matches(a, "(?:x)(?s:.*)") <= 0',)),
        ({"invalid_count(a) = 0": {"valid format": "integer"}}, ("typed(a, integer) >= 1",)),
        ({"avg(a)": {"warn": "when < 3", "fail": "when not between 1 and 9"}}, ("mean(a) >= 1", "mean(a) <= 9")),
        ({"row_count": {"fail": "when = 0"}}, ()),
    ],
)
def test_each_check_has_its_promise(check: Any, promises: tuple[str, ...]) -> None:
    assert read(check).promises == promises


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("missing_count(a) < 5", "a number of rows"),
        ("missing_count(a) > 0", "demands that rows are wrong"),
        ("missing_percent(a) != 3", "a threshold with !="),
        ("row_count not between 1 and 3", "two ranges"),
        ("row_count > ${MIN}", "a variable"),
        ("row_count > many", "the threshold 'many'"),
        ("row_count", "no threshold"),
        ("change avg last 7 for row_count < 5", "an earlier scan"),
        ("anomaly detection for row_count", "learned from earlier scans"),
        ("row_count same as others", "an earlier scan"),
        ("sum(a) < 3", "no promise says this"),
        ("freshness(a, b) < 1d", "a time of its own"),
        ("values in (a, b) must exist in others (c, d)", "several columns"),
        ("values in (a) must not exist in others (c)", "do not exist"),
        ("values in (a) must exist in ../others (c)", "cannot be a file"),
        ("!", "unknown form"),
        ({"failed rows": {"fail query": "select 1"}}, "its SQL is not run"),
        ({"missing_count(a) = 0": {"filter": "b = 1"}}, "a filter in SQL"),
        ({"missing_count(a) = 0": {"missing regex": "x"}}, "by a pattern"),
        ({"invalid_count(a) = 0": {}}, "no setting says"),
        ({"invalid_count(a) = 0": {"valid format": "phone number"}}, "write a regular expression"),
        ({"invalid_percent(a) < 5": {"valid min": 1, "valid max length": 3}}, "any of several"),
        ({"invalid_count(a) = 0": {"valid sql": "x"}}, "the argument valid sql"),
        ({"avg(a)": {"fail": ["when < 1", "when > 3"]}}, "several conditions"),
        ({"schema": {"fail": {"when schema changes": "any"}}}, "no measure of columns"),
        ({"schema": {"fail": {"when required column missing": ["pii*"]}}}, "by a pattern"),
        ({"a": 1, "b": 2}, "neither a line"),
        (3, "neither a line"),
    ],
)
def test_what_cannot_be_said_is_skipped_with_the_reason(check: Any, reason: str) -> None:
    found = read(check)

    assert found.promises == ()
    assert reason in found.skipped[0].why


def test_missing_values_are_for_the_reader() -> None:
    found = read({"missing_count(a) = 0": {"missing values": ["N/A", "none"]}})

    assert found.reading == {"missing": ["N/A", "none"]}
    assert found.promises == ("completeness(a) >= 1",)


def test_a_filtered_section_is_skipped_and_warnings_are_told() -> None:
    found = soda.read({"checks for t [daily]": ["row_count > 0"], "checks for t": [{"avg(a)": {"warn": "when > 3"}}]})

    assert found.promises == ("mean(a) <= 3",)
    assert [each.why for each in found.notes] == ["it only warns there; a promise is held or broken"]
    assert "a filter in SQL" in found.skipped[0].why


def test_the_dataset_is_chosen_where_there_are_several() -> None:
    content = {"checks for one": ["row_count > 1"], "checks for two": ["row_count > 2"]}

    assert soda.read(content, table="two").promises == ("row_count > 2 rows",)
    with pytest.raises(MalformedContract, match="checks of 2 datasets"):
        soda.read(content)
    with pytest.raises(UnknownName, match="no dataset 'three'"):
        soda.read(content, table="three")


def contract(check: Any, **more: Any) -> Any:
    return soda.read({"dataset": "s/d/t", "columns": [{"name": "a", "checks": [check]}], **more})


@pytest.mark.parametrize(
    ("check", "promises"),
    [
        ({"missing": None}, ("completeness(a) >= 1",)),
        ({"missing": {"threshold": {"metric": "percent", "must_be_less_than": 5}}}, ("completeness(a) > 0.95",)),
        ({"invalid": {"valid_min": 1, "valid_max": 9}}, ("in_range(a, 1, 9) >= 1",)),
        ({"invalid": {"valid_length": 5}}, ("has_length(a, 5, 5) >= 1",)),
        (
            {"aggregate": {"function": "max", "threshold": {"must_be_less_than_or_equal": 9}}},
            ("in_range(a, high=9) >= 1",),
        ),
        (
            {"aggregate": {"function": "minLength", "threshold": {"must_be_greater_than": 2}}},
            ("has_length(a, 3) >= 1",),
        ),
        ({"type": "no_missing_values"}, ("completeness(a) >= 1",)),
        ({"type": "avg", "must_be_between": [2, 10]}, ("mean(a) >= 2", "mean(a) <= 10")),
        ({"type": "freshness_in_hours", "must_be_less_than": 6}, ("freshness(a) < 6 h",)),
    ],
)
def test_each_check_of_a_contract_has_its_promise(check: Any, promises: tuple[str, ...]) -> None:
    assert contract(check).promises == promises


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ({"missing": {"filter": "b = 1"}}, "a filter in SQL"),
        ({"missing": {"threshold": {"must_be_less_than": 5}}}, "a number of rows"),
        ({"missing": {"threshold": {"must_be_not_between": {"less_than": 5}}}}, "must_be_not_between"),
        ({"missing": {"threshold": {"must_be_less_than": "${var.X}"}}}, "is no number"),
        ({"metric": {"expression": "a + b"}}, "its SQL is not run"),
        ({"aggregate": {"function": "sum", "threshold": {"must_be": 1}}}, "no promise says this"),
        ({"aggregate": {"function": "avg"}}, "no threshold"),
        ({"strange": 1, "check": 2}, "no promise says this"),
    ],
)
def test_what_a_contract_says_and_no_promise_can_is_skipped(check: Any, reason: str) -> None:
    found = contract(check)

    assert found.promises == ()
    assert reason in found.skipped[0].why


def test_a_filter_of_the_whole_dataset_skips_every_check() -> None:
    assert contract({"missing": None}, filter="day = today()").promises == ()
