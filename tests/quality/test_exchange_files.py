"""Files of other tools: found by what stands in them, read within limits, written as a checks file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from holdfast.core.errors import MalformedContract, NotFound
from holdfast.quality._rule_text import parse_rule
from holdfast.quality.exchange import Imported, Skipped, checks_text, is_suite, read_suite
from holdfast.quality.exchange import _patterns as patterns
from holdfast.quality.exchange import _rules as rules
from holdfast.quality.exchange._kinds import kind_of_type
from holdfast.quality.exchange._suite import Unmapped
from holdfast.quality.exchange._text import scalar
from holdfast.store.checks_file import parse_checks

FILES = Path(__file__).parent / "exchange_files"

KINDS = [
    ("gx_suite.json", None, "great-expectations"),
    ("pandera_schema.yaml", None, "pandera"),
    ("pandera_schema.json", None, "pandera"),
    ("checks.soda.yml", None, "soda"),
    ("contract.soda.yml", None, "soda"),
    ("schema.dbt.yml", "people", "dbt"),
    ("table_schema.json", None, "frictionless"),
]


@pytest.mark.parametrize(("name", "table", "kind"), KINDS)
def test_the_kind_is_found_by_what_stands_in_the_file(name: str, table: str | None, kind: str) -> None:
    assert is_suite(FILES / name)
    assert read_suite(FILES / name, table=table).kind == kind


@pytest.mark.parametrize(("name", "table", "kind"), KINDS)
def test_the_checks_file_holds_the_promises_and_what_was_skipped(name: str, table: str | None, kind: str) -> None:
    found = read_suite(FILES / name, table=table)
    text = checks_text(found)
    checks = parse_checks(text.encode())

    assert [each.text for each in checks.promises] == list(found.promises)
    assert dict(checks.types) == dict(found.types)
    assert dict(checks.reading) == dict(found.reading)
    assert text.count("#   ") == len(found.skipped) + len(found.notes)
    assert found.kind == kind


@pytest.mark.parametrize(("name", "table", "kind"), KINDS)
def test_reading_twice_gives_the_same(name: str, table: str | None, kind: str) -> None:
    assert read_suite(FILES / name, table=table) == read_suite(FILES / name, table=table)
    assert json.dumps(read_suite(FILES / name, table=table).to_dict())
    assert kind


def written(folder: Path, text: str | bytes, name: str = "suite.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "not a mapping"),
        ("[1, 2]", "not a mapping"),
        ("- a\n- b\n", "not a mapping"),
        ("just words", "not a mapping"),
        ('{"expectations": [}', "not JSON"),
        ('{"a": 1, "a": 2}', "field 'a' stands twice"),
        ("a: 1\na: 2\n", "field 'a' stands twice"),
        ("a: [1, 2\n", "not YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "not YAML"),
        ("a: !!python/name:os.system\n", "not YAML"),
        ("a: !own 3\n", "not YAML"),
        ("a: &x [1]\nb: *x\n", "a YAML alias"),
        ("a: &x 1\n<<: *x\n", "a YAML alias"),
        ("? [a]\n: 1\n", "whose name is no text"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        ("a: !!binary aGVq\n", "of the kind bytes"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested too deep"),
        ("a: " + "[" * 60 + "]" * 60, "nested too deep"),
        ("[" * 100_000, "nested too deep"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"a: \x00", "not YAML"),
        ("#" * 1_000_001, "more than a megabyte"),
        ("weather: fine\n", "no suite of checks that we know"),
        ("holdfast: 1\npromises: []\n", "it is a contract of Holdfast already"),
        ("expectations: 3\n", "no suite of checks"),
        ("fields: 3\n", "no suite of checks"),
        ("models: 3\n", "no suite of checks"),
        ("models: []\n", "no model with checks"),
        ("checks for a: 3\nchecks for b: 4\n", "checks of 2 datasets"),
        ("resources: [3]\nfields: [{name: a}]\nprimaryKey: {a: 1}\nuniqueKeys: 3\n", "a part of it is not"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str | bytes, wrong: str) -> None:
    with pytest.raises(MalformedContract, match=re.escape(wrong)):
        read_suite(written(tmp_path, text))


def test_a_file_that_is_not_there_or_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        read_suite(tmp_path / "none.yaml")
    with pytest.raises(MalformedContract, match="cannot be read"):
        read_suite(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("holdfast.yaml", "holdfast: 1\npromises: [unique(id) >= 1]\n"),
        ("checks.yaml", "# models: none\nholdfast: 1\ndata: {}\n"),
        ("a.yaml", "weather: fine\n"),
        ("a.json", '{"weather": 1}'),
        ("a.json", "{"),
        ("a.json", "\xff"),
        ("a.csv", "models:\n"),
        ("a.yaml", "#" * 1_000_001),
        ("a.yaml", "checks for " + " " * 900_000 + "x"),
    ],
)
def test_what_is_no_suite_is_told_apart(tmp_path: Path, name: str, text: str) -> None:
    assert not is_suite(written(tmp_path, text.encode("latin-1"), name))


def test_a_file_that_is_not_there_is_no_suite(tmp_path: Path) -> None:
    assert not is_suite(tmp_path / "none.yaml")
    assert not is_suite(tmp_path)


def test_a_byte_order_mark_and_dates_do_no_harm(tmp_path: Path) -> None:
    text = "\ufefffields:\n  - {name: t, type: date, constraints: {minimum: 2026-01-01}}\n"

    assert read_suite(written(tmp_path, text)).promises[-1] == 'in_range(t, "2026-01-01") >= 1'


def test_columns_with_odd_names_stay_what_they_are(tmp_path: Path) -> None:
    names = ["a: b", "#c", "d`e", "größe", "日本", "by", "1st", "it's", 'say "x"', "\u2028", "a\tb", "-"]
    suite = {
        "expectations": [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": name, "min_value": 0, "strict_min": True},
            }
            for name in names
        ]
    }
    found = read_suite(written(tmp_path, json.dumps(suite), "odd.json"))
    checks = parse_checks(checks_text(found).encode())

    assert [parse_rule(str(each.args[0])).inner[0].word for each in checks.promises] == names


def test_an_import_without_promises_is_a_file_that_says_so() -> None:
    text = checks_text(Imported((), skipped=(Skipped("a\nb", "c # d"),), checks=1))

    assert yaml.safe_load(text) == {"holdfast": 1, "promises": {"data": []}}
    assert "#   a b: c # d" in text


@given(st.text())
@example("a: b")
@example("'x' # y")
@example("\x85\u2028\u2029\x7f")
def test_any_text_reads_back_from_the_file(text: str) -> None:
    assert yaml.safe_load(f"- {scalar(text)}  # comment\n") == [text]


@given(st.text(min_size=1))
def test_any_column_reads_back_from_a_rule(column: str) -> None:
    assert parse_rule(f"{rules.name(column)} > 1").inner[0].word == column


@given(st.text() | st.integers(0, 2**50) | st.booleans())
def test_any_value_reads_back_from_a_rule(value: Any) -> None:
    assert parse_rule(f"a == {rules.literal(value)}").inner[1].value == value


ATOMS = st.sampled_from(
    [
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        "[a-b&&]",
        "[[a]",
        "[]a]",
        r"\d",
        r"\w",
        r"\s",
        r"\.",
        r"\<",
        "(?:ab)",
        "(a|b)",
        "^",
        "$",
    ]
)
PATTERNS = st.lists(st.tuples(ATOMS, st.sampled_from(["", "", "?", "*", "{,2}", "{1,2}"])), min_size=1, max_size=5).map(
    lambda parts: "".join(atom + (again if atom not in "^$" else "") for atom, again in parts)
)


def ours(pattern: str, text: str) -> bool:
    return bool(pl.select(pl.lit(text).str.contains(f"^(?:{pattern})$")).item())


@pytest.mark.filterwarnings("ignore::FutureWarning")
@given(pattern=PATTERNS, text=st.text(alphabet="ab0 .<&[]", max_size=6))
def test_a_pattern_finds_what_python_finds(pattern: str, text: str) -> None:
    assert ours(patterns.searched(pattern), text) is (re.search(pattern, text) is not None)
    assert ours(patterns.matched(pattern), text) is (re.match(pattern, text) is not None)
    assert ours(patterns.full(pattern), text) is (re.fullmatch(pattern, text) is not None)


@given(text=st.text(max_size=8), part=st.text(max_size=3))
def test_plain_text_is_found_as_it_is(text: str, part: str) -> None:
    assume("\r" not in text)

    assert ours(patterns.containing(part), text) is (part in text)
    assert ours(patterns.starting(part), text) is text.startswith(part)
    assert ours(patterns.ending(part), text) is text.endswith(part)


@pytest.mark.parametrize(
    ("pattern", "text", "taken"),
    [("a%", "abc", True), ("a%", "ba", False), ("_b", "ab", True), ("_b", "b", False), ("1.5", "1x5", False)],
)
def test_like_is_read_as_sql_reads_it(pattern: str, text: str, taken: bool) -> None:
    assert ours(patterns.like(pattern), text) is taken


@pytest.mark.parametrize("pattern", [r"a\_b", 3, "x" * 6000])
def test_a_like_pattern_that_is_unclear_is_refused(pattern: Any) -> None:
    with pytest.raises(Unmapped):
        patterns.like(pattern)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("int64", "integer"),
        ("UInt8", "integer"),
        ("Int32Dtype", None),
        ("BIGINT", "integer"),
        ("IntegerType", "integer"),
        ("pl.Int64", "integer"),
        ("float64", "number"),
        ("DECIMAL(10, 2)", "number"),
        ("DOUBLE PRECISION", "number"),
        ("bool", "boolean"),
        ("BOOLEAN", "boolean"),
        ("datetime64[ns, UTC]", "date"),
        ("TIMESTAMP_TZ", "date"),
        ("timestamp with time zone", "date"),
        ("date", "date"),
        ("str", "text"),
        ("object", "text"),
        ("string[python]", "text"),
        ("character varying(20)", "text"),
        ("category", "text"),
        ("geometry", None),
        ("", None),
        (None, None),
    ],
)
def test_types_of_other_tools_are_kinds_of_ours(name: Any, kind: str | None) -> None:
    try:
        found: str | None = kind_of_type(name)
    except Unmapped:
        found = None
    assert found == kind
