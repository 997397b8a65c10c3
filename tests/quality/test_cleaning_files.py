"""Files of a cleaning: all of them or none, never over the input; Parquet; and the report that undo reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import (
    DigestMismatch,
    HoldfastError,
    StoreUnavailable,
    UnreadableData,
    UnsafePath,
    UnusableTarget,
)
from holdfast.quality.cleaning import _publish, clean_file, undo_file
from holdfast.quality.cleaning._content import content_digest
from holdfast.quality.cleaning._formulas import formula_suspects, introduces_formula
from holdfast.quality.repair import Change, RepairPlan

Planner = Callable[..., RepairPlan]


def setting(*wishes: tuple[int, str, str | None], confidence: float = 0.9) -> Planner:
    """A planner that sets these cells."""

    def plan(cells: pl.DataFrame, *, seed: int) -> RepairPlan:
        changes = (Change(row, name, cells[name][row], after, "wish", confidence, "-") for row, name, after in wishes)
        return RepairPlan(tuple(changes), (), (), ())

    return plan


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small CSV in a folder of its own."""
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\r\n1,"x"\r\n2,"y"\r\n3,"z"\r\n')
    return path


@pytest.fixture
def trail(source: Path, tmp_path: Path) -> Path:
    """Report of a cleaning of it, beside fixed.csv."""
    report = tmp_path / "r.json"
    planner = setting((0, "a", "one"), (2, "b", "zed"))
    clean_file(source, out=tmp_path / "fixed.csv", report=report, planner=planner)
    return report


def names(folder: Path) -> list[str]:
    """Names of all that is in a folder."""
    return sorted(each.name for each in folder.iterdir())


# Files


def test_without_out_nothing_is_written(source: Path, tmp_path: Path) -> None:
    done = clean_file(source, out=None, planner=setting((0, "a", "one")))
    assert (done.out, len(done.applied)) == (None, 1)
    assert names(tmp_path) == ["a.csv"]


def test_the_input_is_never_written_to(source: Path, tmp_path: Path) -> None:
    link, hard = tmp_path / "link.csv", tmp_path / "hard.csv"
    link.symlink_to(source)
    os.link(source, hard)
    before = source.read_bytes()
    for out in (source, tmp_path / "." / "a.csv", link, hard):
        with pytest.raises(UnsafePath, match="a file of its own"):
            clean_file(source, out=out, planner=setting((0, "a", "one")))
    with pytest.raises(UnsafePath, match="report"):
        clean_file(source, out=tmp_path / "f.csv", report=source, planner=setting())
    with pytest.raises(UnsafePath, match="quarantine"):
        clean_file(source, out=tmp_path / "f.csv", quarantine=tmp_path / "f.csv", planner=setting())
    assert source.read_bytes() == before
    assert names(tmp_path) == ["a.csv", "hard.csv", "link.csv"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("gone/f.csv", StoreUnavailable),
        ("a.csv/f.csv", StoreUnavailable),
        ("folder.csv", UnsafePath),
        ("f.parquet", UnreadableData),
        ("f.txt", UnreadableData),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is(
    source: Path, tmp_path: Path, name: str, error: type[HoldfastError]
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(error):
        clean_file(source, out=tmp_path / name, report=tmp_path / "r.json", planner=setting())
    assert names(tmp_path) == ["a.csv", "folder.csv"]


def test_a_device_is_no_file_to_write(source: Path) -> None:
    with pytest.raises(UnsafePath, match="no ordinary file"):
        clean_file(source, out=None, report=Path(os.devnull), planner=setting())


@pytest.mark.parametrize("nameless", [_publish._NAMELESS, 0])
def test_on_a_full_disk_nothing_stays_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: int
) -> None:
    synced = []

    def full(handle: int) -> None:
        synced.append(handle)
        if len(synced) > 1:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(_publish, "_NAMELESS", nameless)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        clean_file(source, out=tmp_path / "f.csv", report=tmp_path / "r.json", planner=setting((0, "a", "one")))
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("nameless", [_publish._NAMELESS, 0])
def test_a_file_appears_whole_and_with_the_rights_of_the_source(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: int
) -> None:
    monkeypatch.setattr(_publish, "_NAMELESS", nameless)
    source.chmod(0o600)
    out = tmp_path / "f.csv"
    out.write_bytes(b"an older one")
    clean_file(source, out=out, planner=setting((0, "a", "one")))
    assert out.read_bytes().startswith(b'a,b\r\none,"x"')
    assert out.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["a.csv", "f.csv"]


def test_where_a_file_cannot_be_named_afterwards_it_is_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_given: object, **_more: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    clean_file(source, out=tmp_path / "f.csv", planner=setting((0, "a", "one")))
    assert (tmp_path / "f.csv").read_bytes().startswith(b'a,b\r\none,"x"')
    assert names(tmp_path) == ["a.csv", "f.csv"]


KILLED = """
import os, signal, sys
from pathlib import Path
from holdfast.quality.cleaning._publish import Publication

def pieces():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

with Publication() as files:
    files.write(Path(sys.argv[1]), pieces())
    files.publish()
"""


@pytest.mark.skipif(not _publish._NAMELESS, reason="files without a name are Linux's")
def test_a_process_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "f.csv")], check=False)
    assert done.returncode == -9
    assert names(tmp_path) == []


def test_the_old_file_stays_where_the_confirmation_is_refused(source: Path, tmp_path: Path) -> None:
    asked = []
    done = clean_file(
        source,
        out=tmp_path / "f.csv",
        report=tmp_path / "r.json",
        planner=setting((0, "a", "one")),
        confirm=lambda planned: asked.append(len(planned.applied)) or False,
    )
    assert (asked, done.out) == ([1], None)
    assert names(tmp_path) == ["a.csv"]


# Formulas


@pytest.mark.parametrize(
    ("before", "after", "introduced"),
    [
        ("x", "=1+1", True),
        (None, "+cmd", True),
        ("x", "-2+3", True),
        ("x", " @SUM(A1)", True),
        ("x", "\tx", True),
        ("x", "\r=x", True),
        ("x", "＝1", True),
        ("5", "-5", False),
        ("5", "-1,234.50", False),
        ("5", "+.5e-3", False),
        ("5", "-5 %", False),
        ("=old", "=new", False),
        ("=x", "x", False),
        ("x", None, False),
        ("-x", "=x", True),
    ],
)
def test_a_repair_never_makes_a_formula(before: str | None, after: str | None, introduced: bool) -> None:
    assert introduces_formula(before, after) is introduced


def test_a_repair_that_would_be_a_formula_is_held_back_with_the_reason(source: Path, tmp_path: Path) -> None:
    planner = setting((0, "a", "=HYPERLINK(1)"), (1, "a", "-2"))
    done = clean_file(source, out=tmp_path / "f.csv", planner=planner)
    assert [each.after for each in done.applied] == ["-2"]
    assert done.held_back[0].reason == "- (held back: a spreadsheet would run it as a formula)"


def test_cells_that_look_like_formulas_stay_and_are_told(tmp_path: Path) -> None:
    lines = (
        b"a,b",
        b"=1+1,-5",
        b"@SUM(A1),@ana",
        b"-2+3,+44 20 7946",
        b'"=HYPERLINK(""x"")",- none',
        b"+cmd|' /C calc'!A0,-",
        b"-1e5,--",
    )
    content = b"\n".join(lines)
    source, out = tmp_path / "a.csv", tmp_path / "f.csv"
    source.write_bytes(content)
    done = clean_file(source, out=out, planner=setting())
    assert out.read_bytes() == content
    assert [(each.row, each.column) for each in done.suspects] == [(0, "a"), (1, "a"), (2, "a"), (3, "a"), (4, "a")]
    assert {each.rule for each in done.suspects} == {"formula-looking cell"}


def test_no_formula_is_seen_in_empty_cells() -> None:
    assert formula_suspects(pl.DataFrame({"a": [None, "x"]}, schema={"a": pl.String})) == []


# Parquet


def typed() -> pl.DataFrame:
    """Three rows of every type."""
    moment = datetime(2024, 2, 29, 12, 30, 1, 5000, tzinfo=UTC)
    return pl.DataFrame(
        {
            "text": ["x", "", None],
            "whole": [1, -2, None],
            "small": pl.Series([1, 2, 255], dtype=pl.UInt8),
            "real": [0.1, float("nan"), None],
            "single": pl.Series([0.1, 2.5, None], dtype=pl.Float32),
            "flag": [True, False, None],
            "day": [date(2024, 1, 1), None, date(1999, 12, 31)],
            "moment": pl.Series([moment, None, moment]).dt.replace_time_zone(None),
            "zoned": pl.Series([moment] * 3).dt.convert_time_zone("Europe/Paris"),
            "hour": [time(1, 2, 3), None, time(0)],
            "length": [timedelta(days=1), None, timedelta(0)],
            "price": [Decimal("1.50"), None, Decimal("-2.25")],
            "kind": pl.Series(["a", "b", None], dtype=pl.Categorical),
            "grade": pl.Series(["a", "b", None], dtype=pl.Enum(["a", "b"])),
            "list": [[1, 2], [], None],
            "struct": [{"p": 1, "q": "x"}, {"p": None, "q": "y"}, None],
            "bytes": [b"\x00", b"", None],
            "nothing": [None, None, None],
        }
    )


def parquet(folder: Path) -> Path:
    """File of those rows, with a note of its writer."""
    path = folder / "a.parquet"
    typed().write_parquet(path, metadata={"writer": "the test"})
    return path


def test_typed_cells_change_in_their_types_and_come_back(tmp_path: Path) -> None:
    source, fixed, back = parquet(tmp_path), tmp_path / "f.parquet", tmp_path / "b.parquet"
    planner = setting(
        (0, "text", "y"),
        (1, "text", "was empty"),
        (2, "text", "was missing"),
        (0, "whole", "7.0"),
        (1, "real", None),
        (0, "real", "0.2"),
        (0, "flag", "false"),
        (1, "day", "2024-02-29"),
        (0, "moment", "2024-03-01 00:00:00"),
        (0, "price", "9.75"),
        (0, "kind", "new"),
        (1, "grade", "a"),
        (2, "hour", "13:00:00"),
    )
    done = clean_file(source, out=fixed, report=tmp_path / "r.json", planner=planner)
    made = pl.read_parquet(fixed)
    assert made.schema == typed().schema
    assert done.held_back == ()
    assert made["text"].to_list() == ["y", "was empty", "was missing"]
    assert made["whole"].to_list() == [7, -2, None]
    assert made["real"].to_list() == [0.2, None, None]
    assert made["day"][1] == date(2024, 2, 29)
    assert made["price"][0] == Decimal("9.75")
    assert made["kind"].to_list() == ["new", "b", None]
    assert made.select("list", "struct", "bytes", "length").equals(typed().select("list", "struct", "bytes", "length"))
    assert pl.read_parquet_metadata(fixed)["writer"] == "the test"
    undone = undo_file(tmp_path / "r.json", fixed, out=back)
    assert pl.read_parquet(back).equals(typed())
    assert pl.read_parquet(back).schema == typed().schema
    assert (undone.restored, undone.rows) == (13, 3)


def test_columns_without_an_exact_text_are_told_and_pass_through(tmp_path: Path) -> None:
    done = clean_file(parquet(tmp_path), out=None, planner=setting())
    left = [each.split("'")[1] for each in done.notes]
    assert left == ["length", "list", "struct", "bytes", "nothing"]


@pytest.mark.parametrize(
    ("column", "after", "reason"),
    [
        ("whole", "7.5", "it is no Int64, which the column holds"),
        ("whole", "many", "it is no Int64"),
        ("small", "256", "it is no UInt8"),
        ("price", "1.505", "it is no Decimal"),
        ("grade", "c", "it is no Enum"),
        ("day", "32 May", "it is no Date"),
        ("flag", "maybe", "it is no Boolean"),
    ],
)
def test_what_the_type_cannot_hold_is_held_back(tmp_path: Path, column: str, after: str, reason: str) -> None:
    done = clean_file(parquet(tmp_path), out=None, planner=setting((0, column, after)))
    assert done.applied == ()
    assert reason in done.held_back[0].reason


def test_another_text_of_the_same_value_is_no_change(tmp_path: Path) -> None:
    planner = setting((0, "real", "0.10"), (0, "whole", "1.0"), confidence=0.5)
    done = clean_file(parquet(tmp_path), out=None, planner=planner)
    assert (done.applied, done.held_back, done.quarantined) == ((), (), 0)


def test_a_nested_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableTarget, match="'struct'"):
        clean_file(parquet(tmp_path), out=None, planner=setting(), target="struct")


def test_rows_in_doubt_of_a_parquet_are_a_parquet(tmp_path: Path) -> None:
    aside = tmp_path / "aside.parquet"
    clean_file(parquet(tmp_path), out=None, quarantine=aside, planner=setting((1, "whole", "x"), (2, "text", "z")))
    made = pl.read_parquet(aside)
    assert made.schema == typed().schema
    assert made["whole"].to_list() == [-2]


def test_a_changed_parquet_is_not_undone(tmp_path: Path) -> None:
    fixed = tmp_path / "f.parquet"
    clean_file(parquet(tmp_path), out=fixed, report=tmp_path / "r.json", planner=setting((0, "text", "y")))
    pl.read_parquet(fixed).with_columns(text=pl.lit("other")).write_parquet(fixed)
    with pytest.raises(DigestMismatch, match="row 0, column 'text' does not hold the repaired value"):
        undo_file(tmp_path / "r.json", fixed, out=tmp_path / "b.parquet")
    assert not (tmp_path / "b.parquet").exists()


def test_a_parquet_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UnreadableData, match="truncated"):
        clean_file(path, out=None)


def test_the_digest_of_a_frame_is_of_its_content_not_of_its_chunks() -> None:
    frame = typed()
    chunks = pl.concat([frame[:1], frame[1:]], rechunk=False)
    assert content_digest(chunks) == content_digest(frame)
    changed = [frame.with_columns(pl.col(name).shift(1)) for name in frame.columns if name != "nothing"]
    assert len({content_digest(each) for each in (frame, *changed)}) == len(frame.columns)


def test_fixed_size_arrays_have_a_digest() -> None:
    frames = [pl.DataFrame({"a": [[1, value]]}, schema={"a": pl.Array(pl.Int64, 2)}) for value in (2, 3)]
    assert content_digest(frames[0]) != content_digest(frames[1])


# The report


def edited(path: Path, **fields: Any) -> Path:
    """The report with some fields changed."""
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}))
    return path


def test_the_report_tells_every_change(trail: Path, source: Path) -> None:
    told = json.loads(trail.read_bytes())
    assert told["holdfast_repairs"] == 1
    assert told["created_by"].startswith("holdfast ")
    assert told["changes"][1] == {
        "row": 2,
        "column": "b",
        "before": "z",
        "after": "zed",
        "rule": "wish",
        "confidence": 0.9,
        "reason": "-",
        "raw_before": '"z"',
    }
    assert told["counts"] == {"wish": {"applied": 2, "held_back": 0, "suspects": 0}}
    assert (told["rows"], told["columns"], told["source"]["name"]) == (3, ["a", "b"], "a.csv")
    assert told["settings"]["min_confidence"] == 0.7


def test_the_same_cleaning_writes_the_same_report(trail: Path, source: Path, tmp_path: Path) -> None:
    before = trail.read_bytes()
    planner = setting((0, "a", "one"), (2, "b", "zed"))
    clean_file(source, out=tmp_path / "fixed.csv", report=trail, planner=planner)
    assert trail.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"{", "no JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "no report of a cleaning"),
        (b'{"holdfast_repairs": 2}', "version 2"),
        (b'{"holdfast_repairs": 1}', "'created_by' is missing"),
    ],
)
def test_a_report_that_is_none_is_told(trail: Path, tmp_path: Path, content: bytes, told: str) -> None:
    trail.write_bytes(content)
    with pytest.raises(UnreadableData, match=told):
        undo_file(trail, tmp_path / "fixed.csv", out=tmp_path / "back.csv")
    assert not (tmp_path / "back.csv").exists()


CHANGE = {
    "row": 0,
    "column": "a",
    "before": "1",
    "after": "one",
    "raw_before": "1",
    "rule": "r",
    "confidence": 0.9,
    "reason": "-",
}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"fixed": None}, "of a plan"),
        ({"rows": "three"}, "'rows' is a str"),
        ({"changes": [7]}, r"changes\[0\]"),
        ({"changes": [{**CHANGE, "row": 3}]}, r"changes\[0\]: row 3 of a table of 3 rows"),
        ({"changes": [{**CHANGE, "row": -1}]}, "row -1"),
        ({"changes": [{**CHANGE, "row": True}]}, "'row' is a bool"),
        ({"changes": [{**CHANGE, "column": "z"}]}, "column 'z'"),
        ({"changes": [CHANGE, CHANGE]}, r"changes\[1\]: a cell that is changed twice"),
        ({"changes": [{"row": 0}]}, "'column' is missing"),
        ({"source": {"name": "a.csv"}}, "source: the field 'sha256' is missing"),
        ({"dialect": {}}, "dialect: the field 'delimiter' is missing"),
        ({"format": "parquet"}, "under a report of parquet"),
    ],
)
def test_a_report_with_a_wrong_field_is_told(trail: Path, tmp_path: Path, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UnreadableData, match=told):
        undo_file(edited(trail, **fields), tmp_path / "fixed.csv", out=tmp_path / "back.csv")
    assert not (tmp_path / "back.csv").exists()


def test_a_report_whose_changes_were_tampered_with_gives_nothing(trail: Path, tmp_path: Path) -> None:
    changes = json.loads(trail.read_bytes())["changes"]
    changes[0]["raw_before"] = "9"
    with pytest.raises(DigestMismatch, match="nothing was written"):
        undo_file(edited(trail, changes=changes), tmp_path / "fixed.csv", out=tmp_path / "back.csv")
    assert not (tmp_path / "back.csv").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"one", b"two", "row 0, column 'a' does not hold the repaired value"),
        (b"2,", b"8,", "bytes 0 to 4096, lines 1 to 5"),
        (b'2,"y"\r\n', b"", "it has 2 rows instead of 3"),
        (b"a,b", b"a,c", "its columns are 'a', 'c'"),
    ],
)
def test_a_repaired_file_that_was_changed_is_refused_where_it_differs(
    trail: Path, tmp_path: Path, old: bytes, new: bytes, told: str
) -> None:
    fixed = tmp_path / "fixed.csv"
    fixed.write_bytes(fixed.read_bytes().replace(old, new))
    with pytest.raises(DigestMismatch) as raised:
        undo_file(trail, fixed, out=tmp_path / "back.csv")
    assert told in str(raised.value)
    assert not (tmp_path / "back.csv").exists()


def test_a_difference_far_down_is_named_by_its_lines(tmp_path: Path) -> None:
    source, fixed = tmp_path / "a.csv", tmp_path / "f.csv"
    source.write_bytes(b"a,b\n" + b"12345,67890\n" * 2000)
    clean_file(source, out=fixed, report=tmp_path / "r.json", planner=setting((0, "a", "x")))
    content = bytearray(fixed.read_bytes())
    content[15_000] = ord("9")
    fixed.write_bytes(content)
    with pytest.raises(DigestMismatch, match="bytes 12288 to 16384, lines 1026 to 1367"):
        undo_file(tmp_path / "r.json", fixed, out=tmp_path / "b.csv")


def test_undo_never_writes_over_what_it_reads(trail: Path, tmp_path: Path) -> None:
    for out in (trail, tmp_path / "fixed.csv"):
        with pytest.raises(UnsafePath):
            undo_file(trail, tmp_path / "fixed.csv", out=out)


def test_undo_without_the_repaired_file_is_told(trail: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="no such file"):
        undo_file(trail, tmp_path / "gone.csv", out=tmp_path / "back.csv")


def test_undo_may_write_over_the_source(trail: Path, source: Path, tmp_path: Path) -> None:
    before = source.read_bytes()
    assert undo_file(trail, tmp_path / "fixed.csv", out=source).identical
    assert source.read_bytes() == before
