"""Great Expectations: suites that it wrote become promises that judge as it judged; results take its shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.grammar import parse
from holdfast.quality.compiler import compile_checks
from holdfast.quality.exchange import gx, read_suite
from holdfast.quality.exchange._gx_results import OTHER, expectation_of
from holdfast.quality.reports import CheckResult, Report

FILES = Path(__file__).parent / "exchange_files"
SUITE = json.loads((FILES / "gx_suite.json").read_text())
VERDICTS = json.loads((FILES / "gx_verdicts.json").read_text())
TOY = pl.read_csv(FILES / "toy.csv", try_parse_dates=True)

#: Expectations of the suite that no promise says the same as.
SKIPPED = {
    "expect_column_values_to_be_decreasing",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_column_count_to_equal",
    "expect_column_sum_to_be_between",
    "expect_column_most_common_value_to_be_in_set",
    "expect_column_value_z_scores_to_be_less_than",
}
EACH = list(zip(SUITE["expectations"], VERDICTS, strict=True))
MAPPED = [
    pytest.param(each, verdict, id=f"{place}-{each['type']}")
    for place, (each, verdict) in enumerate(EACH)
    if not gx.read({"expectations": [each]}).skipped and "0.25" not in json.dumps(each)
]


def suite(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"name": "one", "expectations": [{"type": kind, "kwargs": kwargs}]}


def held(promises: tuple[str, ...]) -> bool:
    parsed = [parse(each) for each in promises]
    found = compile_checks(parsed).measure(TOY)
    return all(each.within(found[each.id].value) for each in parsed)


@pytest.mark.parametrize(("expectation", "verdict"), MAPPED)
def test_promises_judge_as_great_expectations_did_on_the_same_table(expectation: dict[str, Any], verdict: bool) -> None:
    found = gx.read({"name": "one", "expectations": [expectation]})

    assert held(found.promises) is verdict


def test_nine_of_ten_expectations_of_the_suite_map() -> None:
    assert len(MAPPED) >= 0.9 * len(EACH)
    assert {each.values[1] for each in MAPPED} == {True, False}


def test_what_does_not_map_is_named_with_its_reason() -> None:
    found = read_suite(FILES / "gx_suite.json")
    names = {each.what.partition("(")[0] for each in found.skipped}

    assert names >= SKIPPED
    assert all(each.why for each in found.skipped)
    assert found.kind == "great-expectations"
    assert found.table == "toy"
    assert found.checks == len(EACH)


def test_a_suite_of_the_old_layout_gives_the_same_promises() -> None:
    old = {
        "expectation_suite_name": "toy",
        "ge_cloud_id": None,
        "data_asset_type": None,
        "expectations": [
            {"expectation_type": each["type"], "kwargs": each["kwargs"], "meta": {}} for each in SUITE["expectations"]
        ],
        "meta": {"great_expectations_version": "0.18.22"},
    }

    assert gx.read(old).promises == gx.read(SUITE).promises


def test_a_checkpoint_that_holds_its_suite_is_read() -> None:
    checkpoint = {"name": "nightly", "validation_definitions": [{"name": "v", "suite": SUITE}]}

    assert gx.matches(checkpoint)
    assert gx.read(checkpoint).promises == gx.read(SUITE).promises


def test_a_two_sided_bound_becomes_two_promises() -> None:
    found = gx.read(
        suite("expect_column_mean_to_be_between", column="age", min_value=20, max_value=60, strict_max=True)
    )

    assert found.promises == ("mean(age) >= 20", "mean(age) < 60")


def test_mostly_becomes_the_bound_and_severity_is_told() -> None:
    given_ = suite("expect_column_values_to_not_be_null", column="age", mostly=0.95)
    given_["expectations"][0]["severity"] = "warning"

    found = gx.read(given_)

    assert found.promises == ("completeness(age) >= 0.95",)
    assert "severity is warning" in found.notes[0].why


@pytest.mark.parametrize(
    ("condition", "rule"),
    [
        ('col("sex") == "F"', "sex == 'F' -> age >= 18"),
        ('col("sex").notnull()', "sex is not missing -> age >= 18"),
        ("`first name` == 'Ann' and not (low > 3)", "(`first name` == 'Ann') and (not (low > 3)) -> age >= 18"),
        ("(low > 1) & (high < 2 + 1)", "(low > 1) and (high < (2 + 1)) -> age >= 18"),
        ("sex in ['F', 'X'] or low.isnull()", "(sex in ('F', 'X')) or (low is missing) -> age >= 18"),
        ({"type": "nullity", "column": {"name": "sex"}, "is_null": True}, "sex is missing -> age >= 18"),
    ],
)
def test_a_row_condition_becomes_a_rule(condition: Any, rule: str) -> None:
    found = gx.read(suite("expect_column_values_to_be_between", column="age", min_value=18, row_condition=condition))

    assert [parse(each).args for each in found.promises] == [(rule,)]


@pytest.mark.parametrize(
    ("kind", "kwargs", "reason"),
    [
        ("expect_column_values_to_be_between", {"column": "age"}, "a range without an end"),
        ("expect_column_values_to_be_between", {"column": 3, "min_value": 1}, "column 3 is no text"),
        ("expect_column_values_to_be_between", {"min_value": 1}, "no column"),
        ("expect_column_values_to_be_between", {"column": "*", "min_value": 1}, "named * cannot"),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": float("nan")}, "is nan"),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": 2**70 + 1}, "no exact"),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": "soon"}, "neither a number nor"),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": {"$PARAMETER": "x"}}, "when it runs"),
        ("expect_column_values_to_not_be_null", {"column": "a", "mostly": 1.5}, "outside of 0 to 1"),
        ("expect_column_values_to_not_be_null", {"column": "a", "mostly": "all"}, "is no number"),
        ("expect_column_values_to_not_be_null", {"column": "a", "surprise": 1}, "the argument surprise"),
        ("expect_column_values_to_not_be_null", {"column": "a", "row_condition": "__import__('os')"}, "with call"),
        ("expect_column_values_to_not_be_null", {"column": "a", "row_condition": "a.b.c > 1"}, "with attribute"),
        ("expect_column_values_to_not_be_null", {"column": "a", "row_condition": "a >"}, "no query"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": []}, "no values"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": [None]}, "but missing ones"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": ["x"] * 2000}, "2000 values"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "(a)\\1"}, "backreference"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "(?<=a)b"}, "look-around"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "("}, "no regular expression"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": None}, "is no text"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "a" * 9000}, "9000 characters"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "(a{1000}){1000}"}, "does not read it"),
        (
            "expect_column_values_to_match_regex",
            {"column": "a", "regex": "x", "row_condition": "b > 1"},
            "no rule says",
        ),
        ("expect_column_mean_to_be_between", {"column": "a", "min_value": 1, "row_condition": "b > 1"}, "whole column"),
        ("expect_column_values_to_be_of_type", {"column": "a", "type_": "geometry"}, "none that typed() knows"),
        ("expect_column_values_to_be_in_type_list", {"column": "a", "type_list": ["int", "str"]}, "several kinds"),
        ("unexpected_rows_expectation", {"unexpected_rows_query": "drop table x"}, "its SQL is not run"),
        ("expect_something_of_our_own", {"column": "a"}, "no promise says this"),
    ],
)
def test_what_cannot_be_said_is_skipped_with_the_reason(kind: str, kwargs: dict[str, Any], reason: str) -> None:
    found = gx.read(suite(kind, **kwargs))

    assert found.promises == ()
    assert reason in found.skipped[0].why


def test_text_types_say_how_the_column_is_read() -> None:
    found = gx.read(suite("expect_column_values_to_be_of_type", column="zip", type_="str"))

    assert found.types == {"zip": "text"}


@pytest.mark.parametrize("content", [{"expectations": [1, None, {"type": 3}, {"kwargs": []}, {}]}])
def test_expectations_that_are_none_are_skipped(content: dict[str, Any]) -> None:
    found = gx.read(content)

    assert found.promises == ()
    assert len(found.skipped) == 5


RESULTS = (
    CheckResult("completeness(age) >= 0.99", "broken", 0.9, 0.7, 0.97, 10, 1, 10, "0.9 is below 0.99", (3,)),
    CheckResult("allowed(sex, F, M) >= 0.8", "held", 8 / 9, 0.6, 0.98, 9, 1, 10, "", (5,)),
    CheckResult("row_count >= 5 rows", "held", 10.0, n=10, rows=10),
    CheckResult("mean(age) <= 20", "unproven", reason="column 'age' holds no value", rows=10),
    CheckResult('holds("a < b") >= 1', "held", 1.0, 0.7, 1.0, 10, 0, 10),
)


def report(*results: CheckResult) -> Report:
    return Report(results, "toy.csv", "checks.yaml", 10, 13, datetime(2026, 11, 24, tzinfo=UTC))


def test_results_have_the_shape_of_a_validation_result() -> None:
    theirs = json.loads((FILES / "gx_result.json").read_text())
    found = gx.to_gx(report(*RESULTS))
    json.dumps(found, allow_nan=False)

    assert set(theirs) <= set(found)
    assert set(theirs["statistics"]) == set(found["statistics"])
    assert set(theirs["results"][0]) == set(found["results"][0])
    assert set(theirs["results"][0]["expectation_config"]) == set(found["results"][0]["expectation_config"])
    rows = next(each["result"] for each in theirs["results"] if "element_count" in each["result"])
    assert set(rows) <= set(found["results"][0]["result"])
    assert set(theirs["results"][0]["exception_info"]) == set(found["results"][0]["exception_info"])


def test_results_say_what_was_found() -> None:
    found = gx.to_gx(report(*RESULTS))
    first, second, third, fourth, fifth = found["results"]

    assert found["success"] is False
    assert found["statistics"] == {
        "evaluated_expectations": 5,
        "successful_expectations": 3,
        "unsuccessful_expectations": 2,
        "success_percent": 60.0,
    }
    assert first["expectation_config"]["type"] == "expect_column_values_to_not_be_null"
    assert first["result"]["partial_unexpected_index_list"] == [3]
    assert first["result"]["unexpected_percent"] == 10.0
    assert second["result"]["missing_count"] == 1
    assert second["success"] is True
    assert third["result"] == {"observed_value": 10.0}
    assert fourth["exception_info"]["raised_exception"] is True
    assert "holds no value" in fourth["exception_info"]["exception_message"]
    assert fifth["expectation_config"]["type"] == OTHER


def test_a_report_without_a_check_is_no_success() -> None:
    found = gx.to_gx(report())

    assert found["success"] is False
    assert found["statistics"]["success_percent"] is None


@pytest.mark.parametrize(
    "claim",
    [
        "completeness(*) >= 0.9",
        "completeness(age) >= 0.9 by sex",
        "completeness(age) >= 0.9 with 95%",
        "completeness(age) <= 0.5",
        "correlation(a, b) >= 0.9",
        "row_count != 3 rows",
        "no promise",
    ],
)
def test_a_promise_that_great_expectations_cannot_say_stays_itself(claim: str) -> None:
    assert expectation_of(claim) == (OTHER, {"promise": claim})


@pytest.mark.parametrize(
    "claim",
    [
        "completeness(age) >= 0.99",
        "unique(id) >= 1",
        "unique(id, flag) >= 1",
        "in_range(age, 0, 120) >= 0.9",
        "in_range(age, high=120) >= 1",
        'allowed(sex, F, M, "x y") >= 1',
        "has_length(code, 5, 5) >= 1",
        "monotone(id, strictly=true) >= 1",
        "row_count >= 5 rows",
        "row_count == 10 rows",
        "distinct_count(sex) == 3",
        "mean(age) < 60",
        "standard_deviation(age) > 2.5",
        "columns_present(id, age) >= 1",
    ],
)
def test_a_promise_comes_back_from_its_expectation(claim: str) -> None:
    kind, kwargs = expectation_of(claim)

    assert gx.read({"expectations": [{"type": kind, "kwargs": kwargs}]}).promises == (claim,)


@given(column=st.text(min_size=1), low=st.integers(-(10**12), 10**12))
def test_a_column_of_any_name_is_mapped_or_skipped(column: str, low: int) -> None:
    found = gx.read(suite("expect_column_values_to_be_between", column=column, min_value=low, strict_min=True))

    assert len(found.promises) + len(found.skipped) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(kind=st.sampled_from(sorted({each["type"] for each in SUITE["expectations"]})), data=st.data())
def test_arguments_of_any_kind_are_mapped_or_skipped(kind: str, data: st.DataObject) -> None:
    names = sorted({name for each in SUITE["expectations"] if each["type"] == kind for name in each["kwargs"]})
    kwargs = {name: data.draw(JSON) for name in names}

    found = gx.read(suite(kind, **kwargs))

    assert found.checks == 1
    assert all(parse(each).text == each for each in found.promises)


def test_a_suite_finds_what_is_wrong_in_real_data(adult_file: Path) -> None:
    husbands = suite(
        "expect_column_values_to_be_in_set",
        column="sex",
        value_set=["Male"],
        row_condition='col("relationship") == "Husband"',
    )
    ages = suite("expect_column_values_to_be_between", column="age", min_value=17, max_value=90)
    promises = [parse(each) for one in (husbands, ages) for each in gx.read(one).promises]
    rows = pl.read_parquet(adult_file)

    failing = compile_checks(promises).failing(rows)

    assert {key: int(mask.sum()) for key, mask in failing.items()} == {promises[0].id: 1}
