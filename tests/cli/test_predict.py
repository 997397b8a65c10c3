"""Command predict: a file of answers, what it prints, and bad input."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core import registry
from holdfast.data import train

QUICK = Path(__file__).resolve().parents[1] / "data" / "quick.py"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with a model `m` and the table `rows.csv` that it was trained on."""
    spec = importlib.util.spec_from_file_location("quick_trainer", QUICK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    registry.load("trainer")
    made = (module.Quick(), module.Quick)
    monkeypatch.setitem(registry._entries, "trainer", {**registry._entries["trainer"], "quick": made})
    table = pl.DataFrame({"x": range(60), "y": ["a"] * 30 + ["b"] * 30})
    table.write_csv(tmp_path / "rows.csv")
    train(str(tmp_path / "rows.csv"), target="y", out=tmp_path / "m", trainer="quick")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_answers_are_written_and_counted(place: Path, command: Callable[..., Any]) -> None:
    said = command(None, "predict", "m", "rows.csv", "--out", "p.parquet")
    assert (said.code, said.err) == (0, "")
    assert said.out == "60 rows in p.parquet: p_a, p_b, label\n"
    told = command(None, "predict", "m", "rows.csv", "--out", "p.parquet", "--json")
    assert told.json == {"out": "p.parquet", "rows": 60, "columns": ["p_a", "p_b", "label"]}
    answers = pl.read_parquet("p.parquet")
    assert answers["label"].to_list() == ["a"] * 30 + ["b"] * 30
    assert (answers["p_a"] + answers["p_b"]).is_between(0.999999, 1.000001).all()


def test_how_the_file_is_read_can_be_said(place: Path, command: Callable[..., Any]) -> None:
    Path("bar.csv").write_text("x|z\n1|Zürich\n59|Genf\n", encoding="latin-1")
    said = command(None, "predict", "m", "bar.csv", "--out", "p.parquet", "--reading", "encoding=latin-1")
    assert (said.code, pl.read_parquet("p.parquet").height) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["m"], "usage", "DATA"),
        (["m", "rows.csv"], "usage", "--out"),
        (["m", "rows.csv", "--out", "p.csv"], "HF107", ".parquet"),
        (["m", "rwos.csv", "--out", "p.parquet"], "HF201", "rows.csv"),
        (["none", "rows.csv", "--out", "p.parquet"], "HF307", "holdfast train --out"),
        (["m", "other.csv", "--out", "p.parquet"], "HF103", "no column 'x'"),
        (["m", "rows.csv", "--out", "no/p.parquet"], "HF301", "no folder"),
    ],
)
def test_bad_arguments_exit_with_2_and_write_nothing(
    arguments: list[str], code: str, words: str, place: Path, command: Callable[..., Any]
) -> None:
    Path("other.csv").write_text("z\n1\n")
    said = command(None, "predict", *arguments, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == code
    assert words in json.dumps(said.json)
    assert sorted(each.name for each in place.iterdir()) == ["m", "other.csv", "rows.csv"]


def test_a_model_that_was_tampered_with_is_not_asked(place: Path, command: Callable[..., Any]) -> None:
    with (place / "m" / "model.onnx").open("ab") as file:
        file.write(b"\0")
    said = command(None, "predict", "m", "rows.csv", "--out", "p.parquet")
    assert (said.code, said.out) == (2, "")
    assert "model.onnx is not the file that the manifest names" in said.err
    assert "(HF303)" in said.err
