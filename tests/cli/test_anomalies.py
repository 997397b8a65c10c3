from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

START = datetime(2026, 1, 5)  # noqa: DTZ001 - times of a table without a zone


def mirror(*parts: str) -> Path:
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in HOLDFAST_MIRROR or ../shared/data")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Half-hourly values with a spike in row 500, as CSV."""
    values = np.random.default_rng(0).normal(20, 1, 600).round(3)
    values[500] = 45.0
    times = [(START + timedelta(minutes=30 * row)).strftime("%Y-%m-%d %H:%M:%S") for row in range(600)]
    path = tmp_path / "sensor.csv"
    pl.DataFrame({"time": times, "value": values, "name": ["a"] * 600}).write_csv(path)
    return path


def test_a_csv_is_scored_row_by_row(command: Callable[..., Any], table: Path) -> None:
    said = command(None, "anomalies", str(table), "--time", "time", "--value", "value", "--format", "json")
    assert said.code == 0
    assert len(said.json) == 600
    assert set(said.json[500]) == {"time", "score", "flag"}
    assert said.json[500]["flag"] is True
    assert said.json[500]["time"] == "2026-01-15T10:00:00"
    assert all(0 <= each["score"] <= 1 for each in said.json)


def test_the_text_shows_the_worst_first(command: Callable[..., Any], table: Path) -> None:
    said = command(None, "anomalies", str(table), "--time", "time", "--value", "value")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].endswith("alarms in 600 rows")
    assert lines[2].startswith("2026-01-15T10:00:00")
    assert "spike" in lines[2]


def test_a_file_of_the_mirror_is_scored(command: Callable[..., Any]) -> None:
    path = mirror("nab", "ec2_request_latency_system_failure.parquet")
    said = command(None, "anomalies", str(path), "--time", "timestamp", "--value", "value", "--format", "json")
    assert said.code == 0
    assert len(said.json) == 4032
    assert next(row for row, each in enumerate(said.json) if each["flag"] and row > 750) == 2081


def test_a_prefix_prints_the_scores_of_the_whole(command: Callable[..., Any], table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines(keepends=True)
    (tmp_path / "part.csv").write_text("".join(lines[:401]))
    options = ("--time", "time", "--value", "value", "--format", "json")
    whole = command(None, "anomalies", str(table), *options).json
    part = command(None, "anomalies", str(tmp_path / "part.csv"), *options).json
    assert part == whole[:400]


def test_an_index_stays_a_number(command: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_text("i,x\n" + "".join(f"{row},{row % 7}\n" for row in range(100)))
    said = command(
        None, "anomalies", str(path), "--time", "i", "--value", "x", "--format", "json", "--season", "7 rows"
    )
    assert [each["time"] for each in said.json] == list(range(100))


def test_without_a_series_the_rows_are_scored(command: Callable[..., Any], table: Path) -> None:
    said = command(None, "anomalies", str(table), "--columns", "value", "--format", "json")
    assert said.code == 0
    assert len(said.json) == 600
    assert set(said.json[0]) == {"row", "score", "flag", "columns"}
    assert max(said.json, key=lambda each: each["score"])["row"] == 500


def test_without_a_series_the_text_shows_the_columns_to_blame(command: Callable[..., Any], table: Path) -> None:
    said = command(None, "anomalies", str(table), "--columns", "value")
    assert said.code == 0
    assert "rows do not belong" in said.out.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--time", "time"), "belong together"),
        (("--value", "value"), "belong together"),
        (("--season", "24 h"), "for a series"),
        (("--time", "tme", "--value", "value"), "'time'"),
        (("--time", "time", "--value", "valeu"), "'value'"),
        (("--time", "time", "--value", "name"), "does not hold numbers"),
        (("--time", "name", "--value", "value"), "reads as a time"),
        (("--time", "time", "--value", "value", "--season", "often"), "24 h"),
        (("--time", "time", "--value", "value", "--alarms-per-week", "0"), "above 0"),
        (("--time", "time", "--value", "value", "--alarms-per-week", "nan"), "finite"),
        (("--time", "time", "--value", "value", "--format", "xml"), "text"),
    ],
)
def test_what_cannot_be_used_is_said(
    command: Callable[..., Any], table: Path, options: tuple[str, ...], told: str
) -> None:
    said = command(None, "anomalies", str(table), *options)
    assert said.code == 2
    assert told in said.err
    assert said.out == ""


def test_a_file_that_is_not_there_is_said(command: Callable[..., Any], tmp_path: Path) -> None:
    said = command(None, "anomalies", str(tmp_path / "no.csv"), "--time", "a", "--value", "b")
    assert said.code == 2
    assert "no.csv" in said.err


@pytest.mark.parametrize(
    "text", ["time,value\n", "time,value\n2026-01-01,1\n", "time,value\n2026-01-01,\n2026-01-02,\n"]
)
def test_almost_nothing_is_scored_without_an_alarm(command: Callable[..., Any], tmp_path: Path, text: str) -> None:
    path = tmp_path / "small.csv"
    path.write_text(text)
    said = command(None, "anomalies", str(path), "--time", "time", "--value", "value", "--format", "json")
    assert said.code == 0
    assert json.loads(said.out) == [each | {"score": 0, "flag": False} for each in said.json]
