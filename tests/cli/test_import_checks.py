"""The command import-checks: prints or writes, and says what it left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = Path(__file__).parents[1] / "quality" / "exchange_files"


def test_the_checks_are_printed_and_what_was_left_out_is_told(command: Callable[..., Any]) -> None:
    said = command(None, "import-checks", str(FILES / "checks.soda.yml"))

    assert said.code == 0
    assert yaml.safe_load(said.out)["holdfast"] == 1
    assert "skipped: failed rows: its SQL is not run" in said.err
    assert "28 of 37 checks mapped to 31 promises, 9 skipped" in said.err


def test_the_checks_are_written_and_the_next_command_is_told(command: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "checks.yaml"

    said = command(None, "import-checks", str(FILES / "table_schema.json"), "--out", str(out))

    assert said.code == 0
    assert said.out == ""
    assert f"next: holdfast check DATA --contract {out}" in said.err
    assert "unique(code) >= 1" in yaml.safe_load(out.read_text())["promises"]["data"]


def test_json_says_the_same(command: Callable[..., Any]) -> None:
    said = command(None, "import-checks", str(FILES / "schema.dbt.yml"), "--table", "people", "--json")

    assert said.json["kind"] == "dbt"
    assert said.json["table"] == "people"
    assert len(said.json["promises"]) == len(said.json["origins"])
    assert said.json["skipped"][0]["why"]


def test_strict_ends_with_2_where_something_was_skipped(command: Callable[..., Any]) -> None:
    assert command(None, "import-checks", str(FILES / "checks.soda.yml"), "--strict").code == 2
    assert command(None, "import-checks", str(FILES / "table_schema.json"), "--strict").code == 0


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["nothing.yaml"], "no such file"),
        ([str(FILES)], "cannot be read"),
        ([str(FILES / "toy.csv")], "not a mapping"),
        ([str(FILES / "schema.dbt.yml")], "--table NAME: one of 'people', 'raw.events'"),
        ([str(FILES / "schema.dbt.yml"), "--table", "peopel"], "did you mean 'people'?"),
        ([str(FILES / "table_schema.json"), "--out", "/nowhere/checks.yaml"], "/nowhere/checks.yaml"),
    ],
)
def test_what_cannot_be_used_ends_with_2(command: Callable[..., Any], arguments: list[str], wrong: str) -> None:
    said = command(None, "import-checks", *arguments)

    assert said.code == 2
    assert wrong in said.err


def test_an_error_is_json_where_json_is_asked_for(command: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text("{")

    said = command(None, "import-checks", str(path), "--json")

    assert said.code == 2
    assert json.loads(said.out)["error"]["code"] == "HF101"
