"""The command profile: the text, the file, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdfast.core.grammar import parse

Command = Callable[..., Any]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A CSV file of 300 people."""
    path = tmp_path / "people of mine.csv"
    rows = [f"{each},{20 + each * 7 % 50},{'fm'[each % 2]}" for each in range(300)]
    path.write_text("id,age,sex\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_without_a_file_the_checks_are_printed(command: Command, people: Path) -> None:
    said = command(None, "profile", str(people))
    assert said.code == 0
    told = yaml.safe_load(said.out)["promises"]["data"]
    assert parse(told[0]).text == "columns_present(id, age, sex) >= 1"


def test_a_file_is_written_and_the_answer_sums_it_up(command: Command, people: Path, tmp_path: Path) -> None:
    out = tmp_path / "checks.yaml"
    said = command(None, "profile", str(people), "--out", str(out))
    assert said.code == 0
    assert said.out.startswith("300 rows, 3 columns: ")
    assert said.out.endswith(f"next: holdfast check '{people}' --contract {out}\n")
    assert yaml.safe_load(out.read_text(encoding="utf-8"))["holdfast"] == 1


def test_a_file_that_is_there_is_overwritten_only_by_force(command: Command, people: Path, tmp_path: Path) -> None:
    out = tmp_path / "checks.yaml"
    out.write_text("mine", encoding="utf-8")
    said = command(None, "profile", str(people), "--out", str(out))
    assert (said.code, out.read_text(encoding="utf-8")) == (2, "mine")
    assert "--force" in said.err
    assert command(None, "profile", str(people), "--out", str(out), "--force").code == 0
    assert out.read_text(encoding="utf-8") != "mine"


def test_json_has_every_finding_with_its_support(command: Command, people: Path) -> None:
    said = command(None, "profile", str(people), "--json")
    assert said.json["rows"] == 300
    first = said.json["findings"][0]
    assert sorted(first) == ["columns", "confidence", "doubt", "kind", "n", "promise", "support"]


def test_a_setting_of_the_source_is_used_and_written_down(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("näme,n\n".encode("latin-1") + b"".join(b"a,%d\n" % each for each in range(100)))
    said = command(None, "profile", str(path), "--reading", "encoding=latin-1")
    assert said.code == 0
    assert yaml.safe_load(said.out)["data"]["reading"] == {"encoding": "latin-1"}


def test_a_byte_order_mark_is_no_part_of_a_name(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbfid,n\n" + b"".join(b"%d,1\n" % each for each in range(100)))
    assert "columns_present(id, n)" in command(None, "profile", str(path)).out


@pytest.mark.parametrize(
    "content",
    [None, "", "a,b\n", "a,a\n1,2\n", "a,b\n1\n"],
    ids=["no file", "empty", "no rows", "a name twice", "ragged"],
)
def test_input_that_cannot_be_used_exits_with_2(command: Command, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "x.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    said = command(None, "profile", str(path), "--out", str(tmp_path / "out.yaml"))
    assert said.code == 2
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.parametrize("chance", ["0", "1", "2", "nan", "x"])
def test_a_chance_that_is_none_exits_with_2(command: Command, people: Path, chance: str) -> None:
    assert command(None, "profile", str(people), "--false-alarms", chance).code == 2
