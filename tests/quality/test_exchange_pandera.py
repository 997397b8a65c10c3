"""Pandera: schemas that it wrote become promises that judge as it judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import HoldfastError
from holdfast.core.grammar import parse
from holdfast.quality.compiler import compile_checks
from holdfast.quality.exchange import pandera, read_suite

FILES = Path(__file__).parent / "exchange_files"
TOY = pl.read_csv(FILES / "toy.csv", try_parse_dates=True)

#: What Pandera found wrong, in our words for its checks (`pandera_failing.json` holds it in its own).
FAILING = {
    "id: less_than": "less_than(9)",
    "id: unique": "field_uniqueness",
    "age: nullable: false": "not_nullable",
    "age: in_range": "in_range(20, 120)",
    "score: not_equal_to": "not_equal_to(0.5)",
    "sex: isin": "isin(['F', 'M'])",
    "code: str_matches": "str_matches('[A-C]-')",
    "note: str_endswith": "str_endswith('th')",
    "start: greater_than_or_equal_to": "greater_than_or_equal_to(2026-01-02 00:00:00)",
    "required columns": "column_in_dataframe",
}


def broken(promises: tuple[str, ...], origins: tuple[str, ...]) -> set[str]:
    parsed = [parse(each) for each in promises]
    found = compile_checks(parsed).results(TOY)
    values = ((origin, each, found[each.id]) for origin, each in zip(origins, parsed, strict=True))
    return {
        origin
        for origin, each, value in values
        if not isinstance(value, HoldfastError) and not each.within(value.value)
    }


@pytest.mark.parametrize("name", ["pandera_schema.yaml", "pandera_schema.json"])
def test_promises_judge_as_pandera_did_on_the_same_table(name: str) -> None:
    theirs = {check for _, _, check in json.loads((FILES / "pandera_failing.json").read_text())}
    found = read_suite(FILES / name)

    assert found.kind == "pandera"
    assert found.skipped == ()
    assert broken(found.promises, found.origins) == set(FAILING)
    assert theirs == set(FAILING.values())


def schema(column: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema_type": "dataframe", "version": "0.20.4", "columns": {"a": column}, **more}


def read(column: dict[str, Any], **more: Any) -> Any:
    return pandera.read(schema({"required": False, "nullable": True, **column}, **more))


@pytest.mark.parametrize(
    "column",
    [
        {"in_range": {"min_value": 0, "max_value": 9, "include_max": False}},
        {"checks": {"in_range": {"min_value": 0, "max_value": 9, "include_min": True, "include_max": False}}},
        {"checks": [{"min_value": 0, "max_value": 9, "include_max": False, "options": {"check_name": "in_range"}}]},
        {"checks": [{"min_value": 0, "max_value": 9, "include_max": False, "options": {"check_name": "between"}}]},
    ],
)
def test_a_check_is_read_in_every_layout(column: dict[str, Any]) -> None:
    assert read(column).promises == ('holds("a >= 0 and a < 9") >= 1',)


@pytest.mark.parametrize(
    ("check", "value", "promise"),
    [
        ("gt", 3, 'holds("a > 3") >= 1'),
        ("ge", 3, "in_range(a, 3) >= 1"),
        ("lt", {"max_value": 3, "raise_warning": True}, 'holds("a < 3") >= 1'),
        ("le", {"value": 3, "options": {"ignore_na": False}}, "in_range(a, high=3) >= 1"),
        ("eq", 3, "allowed(a, 3) >= 1"),
        ("ne", "x'y", "holds(\"a != 'x''y'\") >= 1"),
        ("isin", ["x", "y"], "allowed(a, x, y) >= 1"),
        ("isin", [True, False], "allowed(a, true, false) >= 1"),
        ("notin", ["x", "y"], "holds(\"a not in ('x', 'y')\") >= 1"),
        ("str_length", {"min_value": None, "max_value": 9, "exact_value": None}, "has_length(a, high=9) >= 1"),
        ("str_length", {"exact_value": 4}, "has_length(a, 4, 4) >= 1"),
        ("str_startswith", "a.b", 'matches(a, "a\\\\.b(?s:.*)") >= 1'),
        ("str_contains", "^x", 'matches(a, "(?:x)(?s:.*)") >= 1'),
        ("ge", "2026-01-01 00:00:00", 'in_range(a, "2026-01-01 00:00:00") >= 1'),
    ],
)
def test_each_check_has_its_promise(check: str, value: Any, promise: str) -> None:
    assert read({check: value}).promises == (promise,)


def test_a_column_is_there_and_complete_unless_it_says_otherwise() -> None:
    found = pandera.read(schema({"dtype": "int64"}))

    assert found.promises == ("columns_present(a) >= 1", "typed(a, integer) >= 1", "completeness(a) >= 1")


def test_text_says_how_the_column_is_read() -> None:
    assert pandera.read(schema({"dtype": "string[python]"})).types == {"a": "text"}
    assert pandera.read(schema({"dtype": "str", "required": False})).types == {}


@pytest.mark.parametrize(
    ("column", "more", "reason"),
    [
        ({"my_own_check": {"limit": 3}}, {}, "written in Python"),
        ({"checks": [{"stuff": 1}]}, {}, "written in Python"),
        ({"regex": True}, {}, "columns by a pattern"),
        ({"default": 3}, {}, "never filled in"),
        ({"str_matches": "(?=x)"}, {}, "look-around"),
        ({"in_range": {"min_value": None, "max_value": None}}, {}, "without an end"),
        ({"gt": {"min_value": 3, "other": 4}}, {}, "the argument other"),
        ({"gt": {"min_value": 3, "groupby": "b"}}, {}, "by groups"),
        ({}, {"strict": True}, "no other column"),
        ({}, {"index": [{"dtype": "int64"}]}, "an index is no column"),
        ({}, {"checks": [{"options": {"check_name": "mine"}}]}, "written in Python"),
    ],
)
def test_what_cannot_be_said_is_skipped_with_the_reason(
    column: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    found = read(column, **more)

    assert found.promises == ()
    assert [reason in each.why for each in found.skipped] == [True]


def test_warnings_coercion_and_absent_columns_are_told() -> None:
    found = read({"ge": {"min_value": 3, "raise_warning": True}, "coerce": True}, coerce=True)

    assert [each.what for each in found.notes] == [
        "a: required: false",
        "a: coerce",
        "a: greater_than_or_equal_to",
        "table: coerce",
    ]


def test_a_check_of_the_whole_table_is_one_of_each_column() -> None:
    found = pandera.read(schema({"required": False, "nullable": True}, checks={"greater_than": {"min_value": 0}}))

    assert found.promises == ('holds("a > 0") >= 1',)


@pytest.mark.parametrize(
    "content",
    [
        {"schema_type": "dataframe", "columns": None},
        {"schema_type": "dataframe", "columns": []},
        {"schema_type": "dataframe", "columns": {"a": None}},
        {"schema_type": "series", "columns": None, "dtype": "int64"},
    ],
)
def test_a_schema_with_little_in_it_is_read(content: dict[str, Any]) -> None:
    assert pandera.matches(content)
    assert pandera.read(content).kind == "pandera"
