"""Sources beside CSV and Parquet: newline-delimited JSON, Arrow, tables of databases; and what must not be unpacked."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import HoldfastError, InvalidValue, NotFound, UnknownField, UnreadableData
from holdfast.quality.sources import _csv_text
from holdfast.testing import check_source

ROWS = pl.DataFrame({"id": [1, 2, 3], "name": ["ann", None, 'b"o'], "share": [0.5, None, 1e300]})


def read(source: str, location: object, settings: dict[str, Any] | None = None) -> pl.DataFrame:
    found = registry.get("source", source)
    assert found.matches(str(location))
    rows: pl.DataFrame = found.read(str(location), settings or {})
    return rows


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "data.db"
    with sqlite3.connect(path) as made:
        made.execute('create table "people of x" (id integer, name text, share real)')
        made.executemany('insert into "people of x" values (?, ?, ?)', ROWS.rows())
        made.execute("create table nobody (id integer, name text)")
        made.execute('create view everybody as select id from "people of x"')
    made.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("name", ["ndjson", "arrow"])
def test_a_file_source_keeps_the_rules_of_the_port(name: str) -> None:
    check_source(name)


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    ROWS.write_ndjson(tmp_path / "rows.ndjson")
    ROWS.write_ipc(tmp_path / "rows.arrow")
    assert read("ndjson", tmp_path / "rows.ndjson").equals(ROWS)
    assert read("arrow", tmp_path / "rows.arrow").equals(ROWS)


def test_packed_lines_are_unpacked_and_types_are_stated(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"zip": "01234", "n": "5"}\n\n{"n": "6"}\n'))
    assert read("ndjson", path, {"types": {"n": "number"}}).rows() == [("01234", 5.0), (None, 6.0)]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a": 1}\n{"a": \n', "line 2"),
        (b"[1, 2]\n", "line 1 is no object"),
        (b"\n\n", "blank"),
        (b"", "empty"),
        (b'{"a": "caf\xe9"}\n', "byte"),
        (b"\x00\x01\x02", "zero byte"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(data)
    with pytest.raises(UnreadableData, match=told):
        read("ndjson", path)


def test_an_arrow_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    ROWS.write_ipc(path)
    whole = path.read_bytes()
    for bad in (whole[:-3], whole[: len(whole) // 2], b"PAR1" + whole[4:]):
        path.write_bytes(bad)
        with pytest.raises(UnreadableData, match="Arrow"):
            read("arrow", path)


@pytest.mark.parametrize("source", ["ndjson", "arrow"])
def test_an_unknown_setting_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownField, match="colour"):
        read(source, tmp_path / f"rows.{source}", {"colour": "red"})


def test_a_table_of_a_database_is_read(database: str) -> None:
    assert read("sql", f"{database}#people of x").equals(ROWS)
    assert read("sql", f"{database}#everybody")["id"].to_list() == [1, 2, 3]
    assert read("sql", f"{database}#people of x", {"types": {"id": "text"}})["id"].to_list() == ["1", "2", "3"]


def test_an_empty_table_has_its_columns(database: str) -> None:
    assert read("sql", f"{database}#nobody").columns == ["id", "name"]


@pytest.mark.parametrize(
    ("tail", "error", "told"),
    [
        ("", InvalidValue, "no table"),
        ("#peple of x", NotFound, "people of x"),
        ('#people of x"; drop table nobody; --', NotFound, "no table"),
        ("#nowhere.people", HoldfastError, "answer|no table"),
    ],
)
def test_a_table_that_is_not_there_is_said(database: str, tail: str, error: type[HoldfastError], told: str) -> None:
    with pytest.raises(error, match=told):
        read("sql", f"{database}{tail}")
    assert read("sql", f"{database}#nobody").height == 0


def test_a_database_that_is_none_or_does_not_answer_is_said_without_its_password(tmp_path: Path) -> None:
    path = tmp_path / "no.db"
    with pytest.raises(UnreadableData, match="no such file"):
        read("sql", f"sqlite:///{path}#t")
    path.write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(UnreadableData, match="does not answer"):
        read("sql", f"sqlite:///{path}#t")
    with pytest.raises(UnreadableData) as told:
        read("sql", "postgresql://me:hunter2@127.0.0.1:1/db#t")
    assert "hunter2" not in str(told.value)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_csv_text, "MUCH", 1 << 20)
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,1\n" * 2_000_000))
    with pytest.raises(UnreadableData, match="bomb"):
        read("csv", path)
