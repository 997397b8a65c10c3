"""Command label-errors: JSON for machines, a table for people, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Forty rows; the label of row 5 is wrong, row 7 has none, and a column repeats the row number."""
    size = np.arange(40) % 20
    labels: list[str | None] = ["big" if each > 10 else "small" for each in size]
    labels[5], labels[7] = "big", None
    table = pl.DataFrame({"id": np.arange(40), "size": size * 1.5, "label": labels})
    path = tmp_path / "labelled.csv"
    table.write_csv(path)
    return path


def test_json_lists_every_scored_row_worst_first(labelled: Path, command: Callable[..., Any]) -> None:
    said = command(None, "label-errors", str(labelled), "--target", "label", "--format", "json", "--folds", "2")
    assert said.code == 0
    assert len(said.json) == 39
    first = said.json[0]
    assert list(first) == ["row", "label", "suggested", "score", "flag"]
    assert (first["row"], first["label"], first["suggested"]) == (5, "big", "small")
    assert 0.5 < first["score"] <= 1.0
    assert 7 not in [each["row"] for each in said.json]
    assert "id is left out" in said.err
    assert "1 rows have no label" in said.err


def test_top_shows_as_many_as_asked_for(labelled: Path, command: Callable[..., Any]) -> None:
    arguments = ("--target", "label", "--format", "json", "--top", "3", "--folds", "2", "--features", "size")
    assert len(command(None, "label-errors", str(labelled), *arguments).json) == 3


def test_text_tells_what_is_flagged_and_how_much_is_wrong(labelled: Path, command: Callable[..., Any]) -> None:
    said = command(None, "label-errors", str(labelled), "--target", "label", "--folds", "2", "--noise", "by-class")
    assert said.code == 0
    assert "of 39 labels are flagged" in said.out
    assert "wrong labels: about" in said.out
    assert "given  big  small" in said.out
    assert "note: id is left out" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "lable"], "did you mean 'label'"),
        (["--target", "size", "--folds", "9"], "0 of 20 classes"),
        (["--target", "label", "--features", "sise"], "did you mean 'size'"),
        (["--target", "label", "--features", "label"], "among the features"),
        (["--target", "label", "--folds", "1"], "--folds"),
        (["--target", "label", "--seed", "-1"], "--seed"),
        (["--target", "label", "--format", "xml"], "--format"),
        ([], "--target"),
    ],
)
def test_bad_arguments_exit_with_2(
    labelled: Path, command: Callable[..., Any], arguments: list[str], words: str
) -> None:
    said = command(None, "label-errors", str(labelled), *arguments)
    assert (said.code, said.out) == (2, "")
    assert words in said.err


def test_a_file_that_is_not_there_or_has_no_rows_exits_with_2(tmp_path: Path, command: Callable[..., Any]) -> None:
    assert command(None, "label-errors", str(tmp_path / "none.csv"), "--target", "y").code == 2
    (tmp_path / "empty.csv").write_text("x,y\n")
    assert command(None, "label-errors", str(tmp_path / "empty.csv"), "--target", "y").code == 2
