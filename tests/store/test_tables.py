"""Tables: they only grow, no writer loses a row, and every version can be read again."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from holdfast.core.errors import (
    ColumnNotFound,
    DataError,
    InvalidValue,
    NotFound,
    StoreUnavailable,
    UnreadableData,
)
from holdfast.store import tables as module
from holdfast.store._frames import fit, frame_digest, storable
from holdfast.store.tables import Tables

ROWS = pl.DataFrame({"id": [1, 2], "name": ["a", None]})


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path / "tables")


def folder_of(tables: Tables) -> Path:
    return next(path.parent for path in tables.folder.glob("*/_delta_log"))


def append_some(folder: Path, first: int) -> None:
    for n in range(first, first + 4):
        Tables(folder).append("shared", pl.DataFrame({"n": [n]}), key=f"rows {n}")


def test_appended_rows_come_back_in_order(tables: Tables) -> None:
    tables.append("people", ROWS)
    tables.append("people", ROWS.reverse())
    assert_frame_equal(tables.read("people"), pl.concat([ROWS, ROWS.reverse()]))


def test_many_appends_keep_their_order(tables: Tables) -> None:
    for n in range(12):
        tables.append("n", pl.DataFrame({"n": [n, n]}))
    assert tables.read("n")["n"].to_list() == sorted([*range(12), *range(12)])


def test_a_key_is_appended_once(tables: Tables) -> None:
    first = tables.append("people", ROWS, key="segment 1")
    tables.append("people", ROWS, key="segment 2")
    assert tables.append("people", ROWS, key="segment 1") == first
    assert tables.read("people").height == 4


def test_the_version_of_an_append_is_the_first_that_holds_its_rows(tables: Tables) -> None:
    version = tables.append("people", ROWS, key="a")
    assert tables.read("people", version=version).height == 2
    assert tables.read("people", version=version - 1).height == 0


def test_an_old_version_reads_as_it_was(tables: Tables) -> None:
    old = tables.append("people", ROWS)
    tables.append("people", ROWS)
    tables.overwrite("people", pl.DataFrame({"other": [1.5]}))
    assert_frame_equal(tables.read("people", version=old), ROWS)
    assert tables.read("people").columns == ["other"]
    assert tables.version("people") == old + 2


def test_columns_and_rows_can_be_chosen(tables: Tables) -> None:
    tables.append("people", ROWS)
    assert tables.read("people", columns=["name"], where=pl.col("id") == 1).to_dict(as_series=False) == {"name": ["a"]}
    assert tables.scan("people").select(pl.col("id").sum()).collect().item() == 3


def test_a_name_never_becomes_a_path(tables: Tables, tmp_path: Path) -> None:
    names = ["../escape", "/etc/passwd", "a\\b", "predictions:tumour", "ä" * 300, "..", "*"]
    for name in names:
        tables.append(name, ROWS)
    assert tables.names() == tuple(sorted(names))
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]
    assert all(len(path.name) == 64 for path in tables.folder.iterdir())


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_table_needs_a_name(tables: Tables, name: Any) -> None:
    with pytest.raises(InvalidValue, match="a name"):
        tables.append(name, ROWS)


def test_what_was_never_written_is_not_found(tables: Tables) -> None:
    assert tables.version("people") is None
    assert tables.names() == ()
    for call in (tables.read, tables.compact, tables.vacuum):
        with pytest.raises(NotFound, match="no table 'people'"):
            call("people")


@pytest.mark.parametrize("version", [-1, 2, 10**6])
def test_a_version_that_is_not_there_is_not_found(tables: Tables, version: int) -> None:
    tables.append("people", ROWS)
    with pytest.raises(NotFound, match=f"no version {version}"):
        tables.read("people", version=version)


def test_a_column_that_is_not_there_is_named(tables: Tables) -> None:
    tables.append("people", ROWS)
    with pytest.raises(ColumnNotFound, match="did you mean 'name'"):
        tables.read("people", columns=["nme"])
    with pytest.raises(ColumnNotFound, match="nme"):
        tables.read("people", where=pl.col("nme") == "a")


def test_a_question_of_the_wrong_type_is_a_data_error(tables: Tables) -> None:
    tables.append("people", ROWS)
    with pytest.raises(DataError, match="cannot be asked"):
        tables.read("people", where=pl.col("id").str.len_chars() > 1)


def test_names_that_look_like_patterns_are_names(tables: Tables) -> None:
    odd = pl.DataFrame({"*": [1], "^a.*$": pl.Series([2], dtype=pl.UInt8), "abc": [3], "": [4], "mean radius": [5]})
    tables.append("odd", odd)
    tables.append("odd", odd.select(pl.nth(2)))
    assert tables.read("odd").row(0) == (1, 2, 3, 4, 5)
    assert tables.read("odd").row(1) == (None, None, 3, None, None)
    assert tables.read("odd", columns=["^a.*$", "*"]).columns == ["^a.*$", "*"]


def test_new_columns_are_null_in_earlier_rows(tables: Tables) -> None:
    tables.append("people", ROWS)
    tables.append("people", pl.DataFrame({"id": [3], "age": [39]}))
    assert tables.read("people").to_dict(as_series=False) == {
        "id": [1, 2, 3],
        "name": ["a", None, None],
        "age": [None, None, 39],
    }


def test_the_order_of_columns_is_the_tables(tables: Tables) -> None:
    tables.append("people", ROWS)
    tables.append("people", ROWS.select("name", "id"))
    assert_frame_equal(tables.read("people"), pl.concat([ROWS, ROWS]))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pl.DataFrame({"id": ["one"]}), "column 'id' is String, in the table it is Int64"),
        (pl.DataFrame({"id": [1.5]}), "column 'id' is Float64"),
        (pl.DataFrame({"name": [1]}), "column 'name' is Int64"),
        (pl.DataFrame({"ID": [1]}), "differ only in case"),
    ],
)
def test_a_type_conflict_is_said_and_nothing_is_added(tables: Tables, rows: pl.DataFrame, said: str) -> None:
    version = tables.append("people", ROWS)
    with pytest.raises(DataError, match=said):
        tables.append("people", rows)
    assert tables.version("people") == version


def test_values_that_fit_the_tables_type_are_taken(tables: Tables) -> None:
    tables.append("t", pl.DataFrame({"small": pl.Series([1], dtype=pl.Int8), "real": [0.5]}))
    tables.append("t", pl.DataFrame({"small": [127], "real": [2]}))
    assert tables.read("t").rows() == [(1, 0.5), (127, 2.0)]
    with pytest.raises(DataError, match="does not fit"):
        tables.append("t", pl.DataFrame({"small": [128]}))
    with pytest.raises(DataError, match="column 'real'"):
        tables.append("t", pl.DataFrame({"real": [2**60 + 1]}))


def test_an_all_missing_column_without_a_type_fits_any(tables: Tables) -> None:
    tables.append("people", ROWS)
    tables.append("people", pl.DataFrame({"id": [None], "name": [None]}))
    assert tables.read("people").row(2) == (None, None)


def test_a_table_without_rows_keeps_its_columns(tables: Tables) -> None:
    tables.append("people", ROWS.clear())
    assert_frame_equal(tables.read("people"), ROWS.clear())
    tables.append("people", ROWS)
    tables.append("people", ROWS.clear(), key="nothing")
    assert_frame_equal(tables.read("people"), ROWS)


def test_unusual_types_are_kept_without_a_changed_value(tables: Tables) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    rows = pl.DataFrame(
        {
            "category": pl.Series(["a", None], dtype=pl.Categorical),
            "enum": pl.Series(["a", None], dtype=pl.Enum(["a"])),
            "unsigned": pl.Series([2**32 - 1, None], dtype=pl.UInt32),
            "unsigned64": pl.Series([2**63 - 1, None], dtype=pl.UInt64),
            "decimal": pl.Series([Decimal("1.10"), None], dtype=pl.Decimal(20, 2)),
            "nano": pl.Series([moment.replace(tzinfo=None), None], dtype=pl.Datetime("ns")),
            "zoned": pl.Series([moment, None]).dt.convert_time_zone("Asia/Tokyo"),
            "day": [date(2026, 1, 2), None],
            "null": [None, None],
            "float": [float("nan"), float("inf")],
            "truth": [True, None],
            "bytes": [b"\x00\xff", None],
            "list": [[1, None], None],
            "array": pl.Series([[1, 2], None], dtype=pl.Array(pl.UInt8, 2)),
            "struct": [{"a": 1, "b": "x"}, None],
        }
    )
    tables.append("odd", rows)
    read = tables.read("odd")
    assert_frame_equal(read, storable(rows, where="odd"))
    assert read.row(0) == (
        *("a", "a", 2**32 - 1, 2**63 - 1, Decimal("1.10"), moment.replace(tzinfo=None), moment, date(2026, 1, 2), None),
        *(pytest.approx(float("nan"), nan_ok=True), True, b"\x00\xff", [1, None], [1, 2], {"a": 1, "b": "x"}),
    )
    assert set(read.row(1)) == {None, float("inf")}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pl.Series([timedelta(1)]), "seconds as a number"),
        (pl.Series([time(1)]), "no place in a table"),
        (pl.Series([object()], dtype=pl.Object), "no place in a table"),
        (pl.Series([1], dtype=pl.Int128), "no place in a table"),
        (pl.Series([[timedelta(1)]]), "no place in a table"),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), "does not fit"),
    ],
)
def test_a_type_that_no_table_holds_is_a_data_error(tables: Tables, values: pl.Series, said: str) -> None:
    with pytest.raises(DataError, match=said):
        tables.append("odd", pl.DataFrame({"odd": values}))
    assert tables.names() == ()


def test_a_value_that_does_not_fit_is_not_quoted(tables: Tables) -> None:
    with pytest.raises(DataError) as caught:
        tables.append("odd", pl.DataFrame({"odd": pl.Series([2**64 - 1], dtype=pl.UInt64)}))
    assert str(2**64 - 1) not in str(caught.value)


@pytest.mark.parametrize("rows", [pl.DataFrame(), pl.DataFrame({"a": [1], "A": [2]})])
def test_a_frame_that_is_no_table_is_a_data_error(tables: Tables, rows: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="columns"):
        tables.append("odd", rows)


def test_two_writers_at_once_lose_no_row(tables: Tables) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        pool.starmap(append_some, [(tables.folder, 0), (tables.folder, 4), (tables.folder, 0)])
    assert sorted(tables.read("shared")["n"]) == list(range(8))


def test_a_writer_that_is_overtaken_writes_on_top(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.append("people", ROWS)
    fitted = module.fit

    def overtaken(*args: Any, **kwargs: Any) -> pl.DataFrame:
        monkeypatch.setattr(module, "fit", fitted)
        Tables(tables.folder).append("people", pl.DataFrame({"id": [9], "age": [1]}))
        return fitted(*args, **kwargs)

    monkeypatch.setattr(module, "fit", overtaken)
    tables.append("people", ROWS, key="late")
    assert tables.read("people")["id"].to_list() == [1, 2, 9, 1, 2]


def test_a_compaction_that_is_overtaken_loses_no_row(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.append("people", ROWS)
    tables.append("people", ROWS)
    read = tables.read

    def overtaken(name: str, **kwargs: Any) -> pl.DataFrame:
        rows = read(name, **kwargs)
        monkeypatch.setattr(tables, "read", read)
        tables.append("people", pl.DataFrame({"id": [9]}))
        return rows

    monkeypatch.setattr(tables, "read", overtaken)
    tables.compact("people")
    assert tables.read("people")["id"].to_list() == [1, 2, 1, 2, 9]
    assert len(tables._open("people").file_uris()) == 1  # type: ignore[union-attr] # it is there


def test_a_table_that_is_always_overtaken_is_given_up(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.append("people", ROWS)
    tables.append("people", ROWS)
    monkeypatch.setattr(Tables, "_try_write", lambda *_, **__: False)
    monkeypatch.setattr(module, "_ATTEMPTS", 3)
    with pytest.raises(StoreUnavailable, match="being written all the time"):
        tables.append("people", ROWS)
    with pytest.raises(StoreUnavailable, match="being written all the time"):
        tables.compact("people")


def test_a_vacuum_keeps_what_is_young(tables: Tables) -> None:
    old = tables.append("people", ROWS)
    tables.overwrite("people", ROWS)
    assert tables.vacuum("people") == 0
    assert_frame_equal(tables.read("people", version=old), ROWS)
    with pytest.raises(InvalidValue, match="at least 1"):
        tables.vacuum("people", keep_days=0)


def test_a_lease_is_held_while_compacting(tmp_path: Path) -> None:
    taken: list[str] = []

    class Leases:
        def acquire(self, name: str, *, holder: str, ttl_s: float) -> Any:
            from contextlib import nullcontext

            taken.append(name.partition(":")[0])
            return nullcontext()

    tables = Tables(tmp_path, lease=Leases())
    tables.append("people", ROWS)
    assert tables.compact("people") == 1
    assert taken == ["compact"]


@pytest.mark.parametrize("left", [0, 20])
def test_a_truncated_log_is_unreadable(tables: Tables, left: int) -> None:
    tables.append("people", ROWS)
    os.truncate(sorted((folder_of(tables) / "_delta_log").glob("*.json"))[-1], left)
    for call in (tables.read, tables.version, lambda name: tables.append(name, ROWS)):
        with pytest.raises(UnreadableData, match="people"):
            call("people")


def test_a_log_of_garbage_is_unreadable(tables: Tables) -> None:
    tables.append("people", ROWS)
    sorted((folder_of(tables) / "_delta_log").glob("*.json"))[-1].write_bytes(b"\xff\xfe garbage")
    with pytest.raises(UnreadableData, match="log cannot be read"):
        tables.read("people")


@pytest.mark.parametrize("damage", [os.remove, lambda path: os.truncate(path, 30), lambda path: os.truncate(path, 0)])
def test_a_damaged_file_is_unreadable(tables: Tables, damage: Any) -> None:
    tables.append("people", ROWS)
    damage(next(folder_of(tables).glob("*.parquet")))
    with pytest.raises(UnreadableData, match="a file cannot be read"):
        tables.read("people")


def test_a_folder_that_states_another_name_is_unreadable(tables: Tables) -> None:
    tables.append("people", ROWS)
    (folder_of(tables) / "_name").write_text("others")
    with pytest.raises(UnreadableData, match="not that of table 'others'"):
        tables.names()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot write"):
        Tables(tmp_path / "file").append("people", ROWS)


def test_commits_carry_their_key(tables: Tables) -> None:
    tables.append("people", ROWS, key="segment 1")
    commit = sorted((folder_of(tables) / "_delta_log").glob("*.json"))[-1]
    marks = [json.loads(line).get("txn") for line in commit.read_text().splitlines()]
    assert [mark["version"] for mark in marks if mark] == [1]


WITHOUT = """
import sys
import polars._dependencies as dependencies
dependencies._PYARROW_AVAILABLE = dependencies._PANDAS_AVAILABLE = False
sys.modules["pyarrow"] = sys.modules["pandas"] = None
import polars as pl
from holdfast.store.tables import Tables
tables = Tables(sys.argv[1])
tables.append("people", pl.DataFrame({"id": [1], "name": ["a"]}), key="k")
assert tables.read("people", where=pl.col("id") == 1)["name"].to_list() == ["a"]
"""


def test_tables_work_without_pyarrow_and_pandas(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT, str(tmp_path)], check=True)


FRAMES = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=True),
        st.none() | st.text(max_size=5),
        st.none() | st.lists(st.none() | st.text(max_size=2), max_size=3),
        st.none() | st.booleans(),
    ),
    max_size=12,
)
SCHEMA = {"i": pl.Int64, "f": pl.Float64, "s": pl.String, "l": pl.List(pl.String), "b": pl.Boolean}


@settings(deadline=None)
@given(FRAMES, st.integers(0, 12))
def test_the_digest_of_a_frame_does_not_depend_on_its_chunks(rows: list[Any], cut: int) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    pieces = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    assert frame_digest(frame) == frame_digest(pieces)


@settings(deadline=None)
@given(FRAMES, FRAMES)
def test_frames_have_one_digest_only_when_they_are_equal(left: list[Any], right: list[Any]) -> None:
    one, other = (pl.DataFrame(rows, schema=SCHEMA, orient="row") for rows in (left, right))
    signs = [[(value, str(value)) for value in row] for frame in (one, other) for row in frame.rows()]
    same = one.height == other.height and str(signs[: one.height]) == str(signs[one.height :])
    assert (frame_digest(one) == frame_digest(other)) == same


@settings(max_examples=10, deadline=None)
@given(FRAMES)
def test_a_frame_has_the_same_digest_after_it_was_kept(tmp_path_factory: Any, rows: list[Any]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    tables = Tables(tmp_path_factory.mktemp("tables"))
    tables.append("any", frame)
    assert frame_digest(tables.read("any")) == frame_digest(frame)


def test_nested_and_decimal_columns_have_a_digest_that_keeping_does_not_change(tables: Tables) -> None:
    rows = pl.DataFrame(
        {
            "decimal": pl.Series([Decimal("1.10"), None], dtype=pl.Decimal(20, 2)),
            "struct": [{"a": 1, "b": ["x", None]}, None],
            "moment": [datetime(2026, 1, 2, tzinfo=UTC), None],
            "list": [[[1], []], None],
        }
    )
    tables.append("nested", rows)
    assert frame_digest(tables.read("nested")) == frame_digest(rows)
    assert frame_digest(rows.reverse()) != frame_digest(rows)
    assert frame_digest(rows.with_columns(decimal=pl.lit(Decimal("1.20")))) != frame_digest(rows)


def test_the_digest_of_a_frame_is_the_same_for_ever() -> None:
    frame = pl.DataFrame({"x": [1.5, None], "s": ["é", ""], "d": [date(1970, 1, 2), None], "l": [[1], []]})
    assert frame_digest(frame) == "fe0a061edeb669d21c8be2a2066853a3849f20eaf52a1ad68669a9bfa0bc5f20"


@pytest.mark.parametrize(
    "other",
    [
        pl.DataFrame({"y": [1, 2]}),
        pl.DataFrame({"x": [2, 1]}),
        pl.DataFrame({"x": [1, 2, 3]}),
        pl.DataFrame({"x": [1.0, 2.0]}),
        pl.DataFrame({"x": [1, None]}),
        pl.DataFrame({"x": pl.Series([1, 2], dtype=pl.Int32)}),
    ],
)
def test_name_type_order_and_value_are_in_the_digest(other: pl.DataFrame) -> None:
    assert frame_digest(pl.DataFrame({"x": [1, 2]})) != frame_digest(other)


def test_text_cannot_be_moved_between_rows_unnoticed() -> None:
    assert frame_digest(pl.DataFrame({"s": ["ab", "c"]})) != frame_digest(pl.DataFrame({"s": ["a", "bc"]}))


def test_fitting_leaves_a_fitting_frame_alone() -> None:
    assert fit(ROWS, ROWS.schema, where="people").equals(ROWS)
