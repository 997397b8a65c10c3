"""Command clean: the diff, the files, the question, and back."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import polars as pl
import pytest

from holdfast.quality import repair
from holdfast.quality.repair import Change, Duplicates, RepairPlan

COLOURS = ["red", "green", "blue"] * 20
CLEAN = "id,colour,size\r\n" + "".join(f"{n},{each},{n % 4}\r\n" for n, each in enumerate(COLOURS))
DIRTY = CLEAN.replace("7,green", "7,gren").replace("20,blue", "20, blue")


def planned(cells: pl.DataFrame, *, seed: int = 0) -> RepairPlan:
    """A sure repair and one in doubt."""
    typo = Change(7, "colour", cells["colour"][7], "green", "typing-error", 0.9, "'green' is near")
    blank = Change(20, "colour", " blue", "blue", "blanks", 0.6, "no blank before a value")
    return RepairPlan((typo, blank), (), ("one note",), (Duplicates((0, 3), 0.8, "-"),))


@pytest.fixture
def dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CSV with a typing error and a blank too many, in the current folder; the planner is our own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(repair, "plan_repairs", planned)
    path = tmp_path / "dirty.csv"
    path.write_bytes(DIRTY.encode())
    return path


class Terminal:
    """A stdin that says it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_without_out_the_changes_are_shown_and_nothing_is_written(command: Callable[..., Any], dirty: Path) -> None:
    said = command(None, "clean", "dirty.csv")
    assert said.code == 0
    assert "60 rows, 3 columns" in said.out
    assert "1 repair in 1 row; 1 held back, 0 suspects: 1 row in doubt" in said.out
    assert "gren    green  typing-error  0.90        'green' is near" in said.out
    assert "1 group of rows that are probably one thing each" in said.out
    assert "note: one note" in said.out
    assert "nothing was changed" in said.out
    assert [each.name for each in dirty.parent.iterdir()] == ["dirty.csv"]


def test_a_table_is_repaired_and_given_back_bit_for_bit(command: Callable[..., Any], dirty: Path) -> None:
    said = command(None, "clean", "dirty.csv", "--out", "fixed.csv", "--report", "r.json")
    assert said.code == 0
    fixed = (dirty.parent / "fixed.csv").read_bytes().decode()
    assert "7,green," in fixed
    assert fixed.count("\r\n") == 61
    undone = command(None, "clean", "--undo", "r.json", "fixed.csv", "--out", "back.csv")
    assert undone.code == 0
    assert "bit for bit the source" in undone.out
    assert (dirty.parent / "back.csv").read_bytes() == dirty.read_bytes()


@pytest.mark.parametrize("flag", [("--format", "json"), ("--json",)])
def test_json_tells_every_change(command: Callable[..., Any], dirty: Path, flag: tuple[str, ...]) -> None:
    said = command(None, "clean", "dirty.csv", *flag)
    told = said.json
    assert (told["rows"], told["columns"], told["out"]) == (60, 3, None)
    (change,) = told["applied"]
    assert (change["row"], change["column"], change["before"], change["after"]) == (7, "colour", "gren", "green")
    assert set(change) == {"row", "column", "before", "after", "rule", "confidence", "reason"}


def test_undo_tells_json_as_well(command: Callable[..., Any], dirty: Path) -> None:
    command(None, "clean", "dirty.csv", "--out", "fixed.csv", "--report", "r.json")
    said = command(None, "clean", "--undo", "r.json", "fixed.csv", "--out", "back.csv", "--format", "json")
    assert said.json["identical"] is True


@pytest.mark.parametrize(("answer", "written"), [(True, True), (False, False)])
def test_on_a_terminal_it_asks_before_it_writes(
    command: Callable[..., Any], dirty: Path, monkeypatch: pytest.MonkeyPatch, answer: bool, written: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(click, "confirm", lambda text, **_more: asked.append(text) or answer)
    said = command(None, "clean", "dirty.csv", "--out", "fixed.csv")
    assert said.code == 0
    assert asked == ["write fixed.csv with these changes?"]
    assert (dirty.parent / "fixed.csv").exists() is written
    assert said.out.count("60 rows, 3 columns") == 1


def test_yes_asks_nobody(command: Callable[..., Any], dirty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    said = command(None, "clean", "dirty.csv", "--out", "fixed.csv", "--yes")
    assert said.code == 0
    assert "cannot be undone" in said.out
    assert (dirty.parent / "fixed.csv").exists()


def test_a_confidence_that_nothing_reaches_changes_nothing(command: Callable[..., Any], dirty: Path) -> None:
    said = command(
        None, "clean", "dirty.csv", "--out", "fixed.csv", "--min-confidence", "1", "--quarantine", "aside.csv"
    )
    assert said.code == 0
    assert (dirty.parent / "fixed.csv").read_bytes() == dirty.read_bytes()
    assert "7,gren,3" in (dirty.parent / "aside.csv").read_text()


def test_what_would_steer_the_terminal_is_spelt_out(command: Callable[..., Any], dirty: Path) -> None:
    dirty.write_bytes(DIRTY.replace("7,gren", '7,"gr\x1b[31men"').encode())
    said = command(None, "clean", "dirty.csv")
    assert "\x1b" not in said.out


def test_another_encoding_is_named_by_reading(command: Callable[..., Any], dirty: Path) -> None:
    dirty.write_bytes(DIRTY.replace("size", "größe").encode("latin-1"))
    refused = command(None, "clean", "dirty.csv")
    assert refused.code == 2
    assert "byte 12" in refused.err
    said = command(None, "clean", "dirty.csv", "--out", "fixed.csv", "--reading", "encoding=latin-1")
    assert said.code == 0
    assert b"gr\xf6\xdfe" in (dirty.parent / "fixed.csv").read_bytes()


def test_the_effect_on_a_model_is_told(command: Callable[..., Any], dirty: Path) -> None:
    said = command(None, "clean", "dirty.csv", "--target", "size")
    assert said.code == 0
    assert "effect on a model of size: the effect on a model is unproven" in said.out


def scrambling(cells: pl.DataFrame, *, seed: int = 0) -> RepairPlan:
    """Repairs that take a telling column away from a third of the rows."""
    values = cells["size"][:80].to_list()
    changes = (
        Change(n, "size", value, "3" if value != "3" else "0", "scramble", 0.9, "-") for n, value in enumerate(values)
    )
    return RepairPlan(tuple(changes), (), tuple(f"note {n}" for n in range(11)), ())


def test_rules_that_harm_a_model_are_told_and_held_back(
    command: Callable[..., Any], dirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "plan_repairs", scrambling)
    dirty.write_text("size,weight,kind\n" + "".join(f"{n % 4},{n % 7},{'ab'[n % 4 > 1]}\n" for n in range(240)))
    said = command(None, "clean", "dirty.csv", "--out", "fixed.csv", "--target", "kind")
    assert said.code == 0
    assert "held back, because the model is worse with them: scramble" in said.out
    assert "scramble  80       +" in said.out
    assert "a model trained on this rule's repairs is worse" in said.out
    assert "... and 3 more notes" in said.out
    assert (dirty.parent / "fixed.csv").read_bytes() == dirty.read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ("dirty.csv", "--out", "dirty.csv"),
        ("dirty.csv", "--out", "fixed.csv", "--report", "fixed.csv"),
        ("dirty.csv", "--out", "gone/fixed.csv"),
        ("dirty.csv", "--out", "fixed.parquet"),
        ("dirty.csv", "--min-confidence", "0"),
        ("dirty.csv", "--min-confidence", "much"),
        ("dirty.csv", "--repair-target"),
        ("dirty.csv", "--target", "weight"),
        ("dirty.csv", "--reading", "encoding"),
        ("dirty.csv", "--format", "yaml"),
        ("gone.csv",),
        (".",),
        ("--undo", "r.json", "dirty.csv"),
        ("--undo", "r.json", "dirty.csv", "--out", "back.csv"),
        ("--undo", "dirty.csv", "dirty.csv", "--out", "back.csv"),
        ("--undo", "r.json", "dirty.csv", "--out", "back.csv", "--target", "size"),
        (),
    ],
)
def test_unusable_input_ends_with_2_and_leaves_nothing(
    command: Callable[..., Any], dirty: Path, arguments: tuple[str, ...]
) -> None:
    said = command(None, "clean", *arguments)
    assert said.code == 2
    assert said.out == ""
    assert [each.name for each in dirty.parent.iterdir()] == ["dirty.csv"]
    assert dirty.read_bytes() == DIRTY.encode()


@pytest.mark.parametrize("name", ["flights_pair", pytest.param("hospital_pair", marks=pytest.mark.slow)])
def test_a_real_table_keeps_its_rows_columns_and_order(
    command: Callable[..., Any], tmp_path: Path, mirror: Path, name: str
) -> None:
    source = mirror / name / "dirty.csv.gz"
    fixed, report, back = tmp_path / "fixed.csv", tmp_path / "r.json", tmp_path / "back.csv"
    said = command(None, "clean", str(source), "--out", str(fixed), "--report", str(report))
    assert said.code == 0
    before = gzip.decompress(source.read_bytes())
    rows = [list(csv.reader(each.decode().splitlines())) for each in (before, fixed.read_bytes())]
    assert [len(each) for each in rows[0]] == [len(each) for each in rows[1]]
    assert rows[0][0] == rows[1][0]
    changed = {(r - 1, c) for r, (a, b) in enumerate(zip(*rows, strict=True)) for c in range(len(a)) if a[c] != b[c]}
    told = json.loads(report.read_bytes())["changes"]
    assert changed == {(each["row"], rows[0][0].index(each["column"])) for each in told}
    command(None, "clean", "--undo", str(report), str(fixed), "--out", str(back))
    assert back.read_bytes() == before


def test_the_command_runs_without_a_terminal(process: Callable[..., Any], dirty: Path) -> None:
    said = process("clean", "dirty.csv", "--out", "fixed.csv", cwd=dirty.parent, PATH=os.environ["PATH"])
    assert (said.code, said.err) == (0, "")
    assert (dirty.parent / "fixed.csv").exists()
    assert "written: fixed.csv" in said.out
