"""dbt: the tests of a model become promises; templates and SQL of its own are skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import HoldfastError, MalformedContract, UnknownName
from holdfast.core.grammar import parse
from holdfast.quality.compiler import compile_checks
from holdfast.quality.exchange import dbt, read_suite
from holdfast.quality.exchange._sql import sql_rule
from holdfast.quality.exchange._suite import Unmapped

FILES = Path(__file__).parent / "exchange_files"
TOY = pl.read_csv(FILES / "toy.csv", try_parse_dates=True)


def test_tests_judge_as_dbt_defines_them() -> None:
    found = read_suite(FILES / "schema.dbt.yml", table="people")
    parsed = [parse(each) for each in found.promises]
    values = compile_checks(parsed).results(TOY)
    triples = [(origin, each, values[each.id]) for origin, each in zip(found.origins, parsed, strict=True)]

    assert {o for o, each, v in triples if not isinstance(v, HoldfastError) and not each.within(v.value)} == {
        "dbt_utils.expression_is_true",
        "id: unique",
        "sex: accepted_values",
        "age: dbt_utils.accepted_range [2]",
        "age: dbt_expectations.expect_column_values_to_be_between",
    }
    assert [each.what for each in found.skipped] == [
        "dbt_utils.expression_is_true [3]",
        "dbt_utils.equal_rowcount",
        "sex: accepted_values [2]",
        "sex: not_null",
        "note: my_own_test",
    ]


def read(*tests: Any, column: bool = True) -> Any:
    model: dict[str, Any] = {"name": "m"}
    if column:
        model["columns"] = [{"name": "a", "data_tests": list(tests)}]
    else:
        model["tests"] = list(tests)
    return dbt.read({"version": 2, "models": [model]})


@pytest.mark.parametrize(
    ("test", "promises"),
    [
        ("not_null", ("completeness(a) >= 1",)),
        ("unique", ("unique(a) >= 1",)),
        ({"accepted_values": {"values": [1, 2], "quote": False}}, ("allowed(a, 1, 2) >= 1",)),
        ({"accepted_values": {"arguments": {"values": ["x"]}}}, ("allowed(a, x) >= 1",)),
        ({"test_name": "accepted_values", "values": ["x"]}, ("allowed(a, x) >= 1",)),
        ({"relationships": {"to": "source('raw', 'b')", "field": "id"}}, ("references(a, b.csv, id) >= 1",)),
        ({"dbt_utils.accepted_range": {"min_value": 0, "inclusive": False}}, ('holds("a > 0") >= 1',)),
        ({"dbt_utils.not_null_proportion": {"at_least": 0.95}}, ("completeness(a) >= 0.95",)),
        ({"dbt_utils.not_accepted_values": {"values": ["x"]}}, ("holds(\"a != 'x'\") >= 1",)),
        ({"dbt_utils.not_empty_string": {"trim_whitespace": False}}, ("has_length(a, 1) >= 1",)),
        ({"dbt_utils.expression_is_true": {"expression": "is not null"}}, ('holds("a is not missing") >= 1',)),
        ({"unique": {"severity": "warn", "name": "x", "tags": ["y"]}}, ("unique(a) >= 1",)),
        ({"not_null": {"config": {"where": "b > 3"}}}, ('holds("b > 3 -> a is not missing") >= 1',)),
        ({"dbt_expectations.expect_column_to_exist": None}, ("columns_present(a) >= 1",)),
        (
            {"dbt_expectations.expect_column_quantile_values_to_be_between": {"quantile": 0.95, "max_value": 9}},
            ("quantile(a, 0.95) <= 9",),
        ),
        ({"dbt_expectations.expect_column_distinct_count_to_equal": {"value": 3}}, ("distinct_count(a) == 3",)),
        (
            {"dbt_expectations.expect_column_values_to_be_in_type_list": {"column_type_list": ["int", "bigint"]}},
            ("typed(a, integer) >= 1",),
        ),
        (
            {"dbt_expectations.expect_column_max_to_be_between": {"max_value": 9, "strictly": True}},
            ('holds("a < 9") >= 1',),
        ),
    ],
)
def test_each_test_has_its_promise(test: Any, promises: tuple[str, ...]) -> None:
    assert read(test).promises == promises


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("my_macro", "which is not run"),
        ({"accepted_values": {"values": ["{{ var('x') }}"]}}, "a template"),
        ({"accepted_values": {"values": []}}, "no values"),
        ({"relationships": {"to": "{{ ref('b') }}", "field": "id"}}, "a template"),
        ({"relationships": {"to": "b", "field": "id"}}, "the other table"),
        ({"not_null": {"error_if": ">5"}}, "error_if"),
        ({"not_null": {"where": "day = {{ today() }}"}}, "a template"),
        ({"unique": {"where": "b = 1"}}, "no rule says"),
        ({"dbt_utils.expression_is_true": {"expression": "> (select max(b) from c)"}}, "'select' in SQL"),
        ({"dbt_utils.expression_is_true": {}}, "no SQL expression"),
        ({"dbt_utils.cardinality_equality": {"to": "ref('b')", "field": "c"}}, "in a database"),
        ({"dbt_expectations.expect_column_values_to_be_of_type": {"column_type": "text"}}, "state it under data.types"),
        ({"dbt_expectations.expect_column_mean_to_be_between": {"max_value": 1, "group_by": ["b"]}}, "by groups"),
        ({"dbt_expectations.expect_column_mean_to_be_between": {"max_value": 1, "row_condition": "b = 1"}}, "whole"),
        (3, "which is not run"),
        ({}, "which is not run"),
    ],
)
def test_what_cannot_be_said_is_skipped_with_the_reason(test: Any, reason: str) -> None:
    found = read(test)

    assert found.promises == ()
    assert reason in found.skipped[0].why


def test_a_test_of_a_column_cannot_stand_under_the_model_without_one() -> None:
    assert "without one" in read("not_null", column=False).skipped[0].why
    assert read({"not_null": {"column_name": "b"}}, column=False).promises == ("completeness(b) >= 1",)


def test_a_warning_is_told() -> None:
    assert "only warns" in read({"not_null": {"config": {"severity": "WARN"}}}).notes[0].why


def test_constraints_of_a_contract_are_tests() -> None:
    columns = [{"name": "a", "constraints": [{"type": "primary_key"}, {"type": "check", "expression": "a > 0"}]}]

    found = dbt.read({"models": [{"name": "m", "columns": columns}]})

    assert found.promises == ("unique(a) >= 1", "completeness(a) >= 1", 'holds("a > 0") >= 1')


def test_the_model_is_chosen_where_there_are_several() -> None:
    content = {
        "models": [{"name": "m", "columns": [{"name": "a", "tests": ["not_null"]}]}, {"name": "untested"}],
        "sources": [{"name": "raw", "tables": [{"name": "t", "columns": [{"name": "b", "tests": ["unique"]}]}]}],
    }

    assert dbt.read(content, table="raw.t").promises == ("unique(b) >= 1",)
    assert dbt.read(content, table="t").table == "raw.t"
    assert dbt.read(content, table="untested").promises == ()
    with pytest.raises(MalformedContract, match="checks of 2 models"):
        dbt.read(content)
    with pytest.raises(UnknownName):
        dbt.read(content, table="u")


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("a = 1", "a == 1"),
        ("a <> 'it''s'", "a != 'it''s'"),
        ('"first name" is null or `b` is not null', "`first name` is missing or b is not missing"),
        ("a in (1, -2) and b not in ('x')", "a in (1, -2) and b not in ('x')"),
        ("a between 1 and 2 and c = d", "(a >= 1 and a <= 2) and c == d"),
        ("a not between 1 and b", "not (a >= 1 and a <= b)"),
        ("not (a > 1 or b < 2)", "not ((a > 1 or b < 2))"),
        ("(a + b) * 2 >= c / 3", "(a + b) * 2 >= c / 3"),
        ("length(a) = 3 and lower(b) = 'x'", "length(a) == 3 and lower(b) == 'x'"),
        ("flag = true and a > -1.5", "flag == true and a > -1.5"),
    ],
)
def test_sql_is_read_where_a_rule_says_the_same(sql: str, rule: str) -> None:
    assert sql_rule(sql) == rule


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "a",
        "a >",
        "a = b c",
        "a::int = 1",
        "a = 1; drop table t",
        "a = 1 -- comment",
        "exists (select 1)",
        "case when a then b end = 1",
        "a like 'x%'",
        "a = {{ b }}",
        "count(*) > 1",
        "(" * 40 + "a = 1" + ")" * 40,
        "a = 1 and " * 300 + "a = 1",
        None,
        3,
    ],
)
def test_other_sql_is_refused(sql: Any) -> None:
    with pytest.raises(Unmapped):
        sql_rule(sql)
