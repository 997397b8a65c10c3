"""Frictionless: a schema becomes promises that judge as Frictionless judged, and says how the file is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.grammar import parse
from holdfast.quality.compiler import compile_checks
from holdfast.quality.exchange import frictionless, read_suite

FILES = Path(__file__).parent / "exchange_files"
TOY = pl.read_csv(FILES / "toy.csv", try_parse_dates=True)


def test_promises_judge_as_frictionless_did_on_the_same_table() -> None:
    theirs = json.loads((FILES / "frictionless_failing.json").read_text())
    found = read_suite(FILES / "table_schema.json")
    parsed = [parse(each) for each in found.promises]
    values = compile_checks(parsed).measure(TOY)
    pairs = zip(found.origins, parsed, strict=True)

    broken = sorted(origin for origin, each in pairs if not each.within(values[each.id].value))

    assert found.kind == "frictionless"
    assert found.skipped == ()
    assert broken == sorted(
        f"{name}: {note.split(chr(34))[1] if kind == 'constraint-error' else 'unique'}" for kind, name, note in theirs
    )


def read(field: dict[str, Any], **more: Any) -> Any:
    return frictionless.read({"fields": [{"name": "a", **field}], "fieldsMatch": "partial", **more})


@pytest.mark.parametrize(
    ("field", "promises"),
    [
        ({"type": "integer"}, ("typed(a, integer) >= 1",)),
        ({"type": "year"}, ("typed(a, integer) >= 1",)),
        ({"type": "boolean"}, ("typed(a, boolean) >= 1",)),
        ({"type": "datetime"}, ("typed(a, date) >= 1",)),
        ({"constraints": {"required": True}}, ("completeness(a) >= 1",)),
        ({"constraints": {"required": False, "unique": True}}, ("unique(a) >= 1",)),
        ({"constraints": {"pattern": "^a|b$"}}, ('matches(a, "^a|b$") >= 1',)),
        ({"constraints": {"minLength": 2}}, ("has_length(a, 2) >= 1",)),
        ({"type": "string", "categories": ["x", {"value": "y", "label": "Y"}]}, ("allowed(a, x, y) >= 1",)),
        ({"type": "string", "constraints": {"enum": ["x", "y"]}}, ("allowed(a, x, y) >= 1",)),
        (
            {"type": "number", "constraints": {"minimum": "0.5", "exclusiveMaximum": 9}},
            ("typed(a, number) >= 1", "in_range(a, 0.5) >= 1", 'holds("a < 9") >= 1'),
        ),
        (
            {"type": "date", "constraints": {"minimum": "2026-01-01"}},
            ("typed(a, date) >= 1", 'in_range(a, "2026-01-01") >= 1'),
        ),
    ],
)
def test_each_type_and_constraint_has_its_promise(field: dict[str, Any], promises: tuple[str, ...]) -> None:
    assert read(field).promises == promises


@pytest.mark.parametrize(
    ("field", "more", "reason"),
    [
        ({"type": "geopoint"}, {}, "no measure of the type geopoint"),
        ({"type": "object"}, {}, "no measure of the type object"),
        ({"type": "date", "format": "%d/%m/%Y"}, {}, "takes ISO 8601 only"),
        ({"type": "boolean", "trueValues": ["yes"]}, {}, "words of its own"),
        ({"type": "number", "bareNumber": False}, {}, "signs around them"),
        ({"type": "string", "format": "uri"}, {}, "write a pattern"),
        ({"type": "string", "constraints": {"minimum": "a"}}, {}, "a range of the type string"),
        ({"type": "any", "constraints": {"jsonSchema": {}}}, {}, "no promise says this"),
        ({"type": "any", "constraints": {"pattern": "("}}, {}, "no regular expression"),
        ({}, {"foreignKeys": [{"fields": ["a", "b"], "reference": {"fields": ["c", "d"]}}]}, "several columns"),
        ({}, {"foreignKeys": [{"fields": "a", "reference": {"resource": "../x", "fields": "b"}}]}, "cannot be a file"),
        ({}, {"foreignKeys": ["a"]}, "without a reference"),
    ],
)
def test_what_cannot_be_said_is_skipped_with_the_reason(
    field: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    assert reason in " ".join(each.why for each in read(field, **more).skipped)


def test_keys_are_unique_complete_and_found_where_they_point_to(tmp_path: Path) -> None:
    (tmp_path / "people.parquet").touch()
    keys = {
        "primaryKey": ["a"],
        "foreignKeys": [
            {"fields": "a", "reference": {"resource": "people", "fields": "id"}},
            {"fields": ["a"], "reference": {"resource": "", "fields": ["parent"]}},
        ],
    }

    found = frictionless.read({"fields": [{"name": "a"}], "fieldsMatch": "partial", **keys}, folder=tmp_path)

    assert found.promises == (
        "unique(a) >= 1",
        "completeness(a) >= 1",
        "references(a, people.parquet, id) >= 1",
        "references(a, parent) >= 1",
    )


def test_dialect_and_missing_values_say_how_the_file_is_read(tmp_path: Path) -> None:
    package = {
        "resources": [
            {
                "name": "people",
                "path": "people.csv",
                "encoding": "iso-8859-1",
                "dialect": {"csv": {"delimiter": ";"}},
                "schema": {
                    "fields": [{"name": "a", "type": "number", "decimalChar": ","}, {"name": "b", "type": "string"}],
                    "missingValues": ["", "NA", {"value": "-", "label": "none"}],
                },
            },
            {"name": "no schema", "path": "other.csv"},
        ]
    }
    path = tmp_path / "datapackage.json"
    path.write_text(json.dumps(package))

    found = read_suite(path)

    assert found.table == "people"
    assert found.types == {"b": "text"}
    assert found.reading == {
        "encoding": "iso-8859-1",
        "delimiter": ";",
        "missing": ["NA", "-"],
        "decimal_comma": True,
    }
