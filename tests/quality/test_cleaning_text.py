"""Laws of cleaning a CSV text: only the named cells change, and undo gives every byte back."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from holdfast.core.errors import HoldfastError, InvalidValue, UnknownField, UnreadableData
from holdfast.quality.cleaning import Cleaned, _layout, _packing, clean_file, undo_file
from holdfast.quality.cleaning._text_table import read_text
from holdfast.quality.repair import Change, Duplicates, RepairPlan, Suspect
from holdfast.quality.sources import _csv_text
from holdfast.quality.sources._csv_shape import Dialect

Wish = tuple[int, int, str | None]
Planner = Callable[..., RepairPlan]


def wishing(wishes: list[Wish], *, confidence: float = 0.9) -> Planner:
    """A planner that changes these cells (row and column are taken around the table) to these texts."""

    def plan(cells: pl.DataFrame, *, seed: int) -> RepairPlan:
        found: dict[tuple[int, str], Change] = {}
        for row, place, after in wishes:
            at, column = row % cells.height, cells.columns[place % cells.width]
            before = cells[column][at]
            if before != (after or None):
                found[at, column] = Change(at, column, before, after or None, "wish", confidence, "as wished")
        return RepairPlan(tuple(found.values()), (), (), ())

    return plan


def rows_of(text: str, delimiter: str = ",") -> list[list[str]]:
    """Records as Python's csv module reads them, blank lines passed over."""
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def raw_fields(path: Path, settings: dict[str, object]) -> list[list[bytes]]:
    """Every field of a file as it stands there, quotes included."""
    table = read_text(path, settings)
    records = [table.data[a:b] for a, b in zip(table.layout.starts, table.layout.ends, strict=True)]
    return [[record[a:b] for a, b in _layout.fields_of(record, table.dialect)] for record in records]


PIECE = st.text(st.sampled_from("ab0 '\"é😀.-=;,|\t\n\r"), max_size=5)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str, int]:
    """A CSV text in every bad habit, its delimiter, and the number of its columns."""
    delimiter = draw(st.sampled_from(",;\t|"))
    width = draw(st.integers(1, 4))
    ends = draw(st.sampled_from((["\n"], ["\r\n"], ["\n", "\r\n"], ["\n", "\r\n", "\r"])))
    tame = draw(st.booleans())

    def field() -> str:
        value = draw(PIECE)
        plain = "".join(each for each in value if each not in f"{delimiter}\r\n")
        if draw(st.booleans()):
            quoted = '"' + value.replace('"', '""') + '"'
            return quoted if tame else quoted + draw(st.sampled_from(("", "", "x", 'y"z')))
        return plain.replace('"', "") if tame else plain.lstrip('"')

    lines = [delimiter.join(f"h{place}" for place in range(width))]
    lines += [delimiter.join(field() for _ in range(width)) for _ in range(draw(st.integers(1, 6)))]
    lines += ["x"] if width == 1 else []
    text = ""
    for line in lines:
        text += line + draw(st.sampled_from(ends)) + draw(st.sampled_from(("", "", "", ends[0])))
    return (text if draw(st.booleans()) else text.rstrip("\r\n")), delimiter, width


WISHES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.none() | PIECE), max_size=6)


@given(texts())
@limits(max_examples=80)
def test_the_fields_are_those_that_the_csv_module_reads(drawn: tuple[str, str, int]) -> None:
    text, delimiter, width = drawn
    dialect, data = Dialect(delimiter), text.encode()
    layout = _layout.layout_of(data, dialect, width, "x.csv")
    records = [data[a:b] for a, b in zip(layout.starts, layout.ends, strict=True)]
    found = [[_layout.value_of(r[a:b], dialect).decode() for a, b in _layout.fields_of(r, dialect)] for r in records]
    assert found == rows_of(text, delimiter)


@given(texts())
@limits(max_examples=60)
def test_the_planner_sees_the_cells_that_the_csv_module_reads(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[str, str, int]
) -> None:
    text, delimiter, _ = drawn
    path = tmp_path_factory.mktemp("cells") / "x.csv"
    path.write_bytes(text.encode())
    cells = read_text(path, {"delimiter": delimiter}).cells()
    heading, *rows = rows_of(text, delimiter)
    assert cells.columns == heading
    assert cells.rows() == [tuple(each or None for each in row) for row in rows]


@given(texts())
@limits(max_examples=60)
def test_the_quick_way_and_the_exact_way_agree(drawn: tuple[str, str, int]) -> None:
    text, delimiter, width = drawn
    quick = _layout._even(text.encode(), Dialect(delimiter), width)
    exact = _layout._exact(text.encode(), Dialect(delimiter), width, "x.csv")
    agreed = quick is None or (quick.starts.tolist(), quick.ends.tolist()) == (
        exact.starts.tolist(),
        exact.ends.tolist(),
    )
    assert agreed


@given(texts(), WISHES, st.sampled_from(("x.csv", "x.csv.gz")), st.booleans())
@limits(max_examples=60)
def test_only_the_named_cells_change_and_undo_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[str, str, int], wishes: list[Wish], name: str, mark: bool
) -> None:
    text, delimiter, _ = drawn
    folder = tmp_path_factory.mktemp("law")
    source, fixed, back, report = (folder / each for each in (name, f"fixed-{name}", f"back-{name}", "r.json"))
    content = (codecs.BOM_UTF8 if mark else b"") + text.encode()
    source.write_bytes(gzip.compress(content, 9, mtime=1) if name.endswith("gz") else content)
    settings = {"delimiter": delimiter}

    done = clean_file(source, out=fixed, report=report, settings=settings, planner=wishing(wishes))
    undone = undo_file(report, fixed, out=back)

    expected = rows_of(text, delimiter)
    kept = raw_fields(source, settings)
    now = raw_fields(fixed, settings)
    for each in done.applied:
        place = expected[0].index(each.column)
        expected[each.row + 1][place] = each.after or ""
        kept[each.row + 1][place] = now[each.row + 1][place]
    packed = name.endswith("gz")
    written = gzip.decompress(fixed.read_bytes()) if packed else fixed.read_bytes()
    assert rows_of(written.decode("utf-8-sig"), delimiter) == expected
    assert now == kept
    assert back.read_bytes() == source.read_bytes()
    assert undone.identical


def cleaned(folder: Path, content: bytes, wishes: list[Wish], **more: object) -> tuple[Cleaned, bytes]:
    """Clean a file of that content; the result and the bytes of the repaired file, which undo takes back."""
    source, fixed, back, report = (folder / each for each in ("a.csv", "fixed.csv", "back.csv", "r.json"))
    source.write_bytes(content)
    done = clean_file(source, out=fixed, report=report, planner=wishing(wishes), **more)  # type: ignore[arg-type]
    undo_file(report, fixed, out=back)
    assert back.read_bytes() == content
    return done, fixed.read_bytes()


@pytest.mark.parametrize(
    ("content", "wish", "expected"),
    [
        (b"a,b\n1,2\n3,4\n", (1, 1, "x"), b"a,b\n1,2\n3,x\n"),
        (b"a,b\r\n1,2\r\n3,4", (1, 1, "x"), b"a,b\r\n1,2\r\n3,x"),
        (b"a,b\n1,2\r\n3,4\n", (0, 0, "x"), b"a,b\nx,2\r\n3,4\n"),
        (b'a,b\n"1","2"\n', (0, 1, "x"), b'a,b\n"1","x"\n'),
        (b'a,b\n"1","2"\n', (0, 1, None), b'a,b\n"1",""\n'),
        (b"a,b\n1,2\n", (0, 0, 'p"q,r'), b'a,b\n"p""q,r",2\n'),
        (b"a,b\n1,2\n", (0, 0, "p\nq"), b'a,b\n"p\nq",2\n'),
        (b"a,b\n\n1,2\n\n\n3,4\n\n", (1, 0, "x"), b"a,b\n\n1,2\n\n\nx,4\n\n"),
        (b"a\n1\n2\n", (0, 0, None), b'a\n""\n2\n'),
        (b"\xef\xbb\xbfa,b\n1,2\n", (0, 0, "\u00e9"), b"\xef\xbb\xbfa,b\n\xc3\xa9,2\n"),
        (b'a,b\n5" pipe,2\n', (0, 1, "x"), b'a,b\n5" pipe,x\n'),
        (b'a,b\n5" pipe,2\n', (0, 0, '6" pipe'), b'a,b\n"6"" pipe",2\n'),
        (b"a;b\n1,5;2\n", (0, 0, "1.5"), b"a;b\n1.5;2\n"),
        (b"a,a b\r1,2\r3,4\r", (1, 0, "x"), b"a,a b\r1,2\rx,4\r"),
    ],
    ids=itertools.count(),
)
def test_a_field_is_written_as_it_was_and_nothing_else_moves(
    tmp_path: Path, content: bytes, wish: Wish, expected: bytes
) -> None:
    done, written = cleaned(tmp_path, content, [wish])
    assert written == expected
    assert len(done.applied) == 1


def test_without_quotes_a_value_that_needs_them_is_held_back(tmp_path: Path) -> None:
    wishes: list[Wish] = [(0, 0, "p,q"), (0, 1, 'r"s')]
    done, written = cleaned(tmp_path, b'a,b\n"1,2\n', wishes, settings={"quotes": False})
    assert written == b'a,b\n"1,r"s\n'
    assert [each.reason for each in done.held_back] == [
        "as wished (held back: it cannot be written without quotes, and quotes are text here)"
    ]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("latin-1", b""),
        ("cp1252", b""),
        ("utf-16", codecs.BOM_UTF16_LE),
        ("utf-16", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16", b""),
        ("utf-32", codecs.BOM_UTF32_LE),
        ("shift_jis", b""),
    ],
)
def test_other_encodings_come_back_byte_for_byte(tmp_path: Path, encoding: str, mark: bytes) -> None:
    names = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be", codecs.BOM_UTF32_LE: "utf-32-le"}
    codec = names.get(mark, encoding) if mark else encoding.replace("utf-16", "utf-16-le").replace("-le-le", "-le")
    text = "a,b\r\nｱ,2\r\nx,y" if encoding == "shift_jis" else "a,b\r\né,2\r\nx,y"
    content = mark + text.encode(codec)
    done, written = cleaned(tmp_path, content, [(1, 1, "zz")], settings={"encoding": encoding})
    assert written == mark + text.replace("x,y", "x,zz").encode(codec)
    assert done.digests["source"] != done.digests["fixed"]


def test_a_character_that_the_encoding_lacks_is_held_back(tmp_path: Path) -> None:
    content = "a,b\né,2\n".encode("latin-1")
    done, written = cleaned(tmp_path, content, [(0, 1, "€")], settings={"encoding": "latin-1"})
    assert written == content
    assert "cannot write" in done.held_back[0].reason


def test_an_encoding_with_two_ways_to_write_one_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n\x1b$B\x1b(B1,2\n")
    with pytest.raises(UnreadableData, match="byte for byte"):
        clean_file(path, out=None, settings={"encoding": "iso2022_jp"}, planner=wishing([]))


def test_a_large_text_is_looked_at_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_layout, "_PIECE", 7)
    rng = np.random.default_rng(3)
    lines = [f'{n},"{"q" * n}, ""{n}""\n",{n % 7}' for n in rng.integers(0, 9, 60)]
    content = ("a,b,c\n" + "\n".join(lines) + "\n").encode()
    assert _layout._even(content, Dialect(","), 3) is not None
    _, written = cleaned(tmp_path, content, [(40, 2, "seven"), (41, 1, "eight")])
    assert rows_of(written.decode())[41][2] == "seven"
    assert rows_of(written.decode())[42][1] == "eight"


def test_a_packed_file_becomes_a_plain_one_by_the_name_of_out(tmp_path: Path) -> None:
    source, fixed, back = tmp_path / "a.csv.gz", tmp_path / "fixed.csv", tmp_path / "back.csv"
    source.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    clean_file(source, out=fixed, report=tmp_path / "r.json", planner=wishing([(0, 0, "x")]))
    assert fixed.read_bytes() == b"a,b\nx,2\n"
    undone = undo_file(tmp_path / "r.json", fixed, out=back)
    assert back.read_bytes() == b"a,b\n1,2\n"
    assert not undone.identical
    assert undone.sha256 == undone.content_sha256


def test_a_plain_file_is_packed_the_same_each_time(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,b\n1,2\n")
    for name in ("one.csv.gz", "two.csv.gz"):
        clean_file(source, out=tmp_path / name, planner=wishing([(0, 0, "x")]))
    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.csv.gz").read_bytes()) == b"a,b\nx,2\n"


def test_a_wrapper_that_zlib_did_not_write_gives_back_the_text(tmp_path: Path) -> None:
    source, fixed, back = tmp_path / "a.csv.gz", tmp_path / "fixed.csv.gz", tmp_path / "back.csv.gz"
    two_members = gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n")
    source.write_bytes(two_members)
    clean_file(source, out=fixed, report=tmp_path / "r.json", planner=wishing([(0, 0, "x")]))
    undone = undo_file(tmp_path / "r.json", fixed, out=back)
    assert gzip.decompress(back.read_bytes()) == b"a,b\n1,2\n"
    assert not undone.identical


def test_a_gzip_header_with_a_name_and_a_comment_is_kept(tmp_path: Path) -> None:
    body = gzip.compress(b"a,b\n1,2\n", 9, mtime=0)[10:]
    head = b"\x1f\x8b\x08\x1c\x05\x00\x00\x00\x02\x03" + b"\x02\x00zz" + b"a.csv\0" + b"note\0"
    source, back = tmp_path / "a.csv.gz", tmp_path / "back.csv.gz"
    source.write_bytes(head + body)
    clean_file(source, out=tmp_path / "f.csv.gz", report=tmp_path / "r.json", planner=wishing([(0, 0, "x")]))
    undo_file(tmp_path / "r.json", tmp_path / "f.csv.gz", out=back)
    assert back.read_bytes() == head + body


def test_rows_in_doubt_are_copied_and_stay(tmp_path: Path) -> None:
    source, fixed, aside = tmp_path / "a.csv", tmp_path / "fixed.csv", tmp_path / "aside.csv"
    source.write_bytes(b'a,b\r\n1,2\r\n3,"4"\r\n5,6')

    def plan(cells: pl.DataFrame, *, seed: int) -> RepairPlan:
        changes = (Change(2, "b", "6", "7", "sure", 0.9, "-"), Change(1, "a", "3", "4", "unsure", 0.4, "-"))
        return RepairPlan(changes, (Suspect(2, "a", "5", "odd", 0.6, "-"),), (), (Duplicates((0, 1), 0.8, "-"),))

    done = clean_file(source, out=fixed, quarantine=aside, planner=plan)
    assert fixed.read_bytes() == b'a,b\r\n1,2\r\n3,"4"\r\n5,7'
    assert aside.read_bytes() == b'a,b\r\n3,"4"\r\n5,7\r\n'
    assert done.quarantined == 2
    assert done.counts()["unsure"] == {"applied": 0, "held_back": 1, "suspects": 0}
    assert done.held_back[0].reason.endswith("(held back: confidence 0.40 is below 0.7)")
    assert len(done.duplicates) == 1


def test_a_lower_bar_lets_more_through(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,b\n1,2\n")
    planner = wishing([(0, 0, "x")], confidence=0.5)
    assert clean_file(source, out=None, planner=planner).applied == ()
    assert len(clean_file(source, out=None, min_confidence=0.5, planner=planner).applied) == 1


def test_only_a_heading_is_a_table_without_rows(tmp_path: Path) -> None:
    done, written = cleaned(tmp_path, b"a,b\r\n", [(0, 0, "x")])
    assert written == b"a,b\r\n"
    assert (done.rows, done.applied) == (0, ())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n\r\n\n", "blank lines"),
        (b"a,b,a\n1,2,3\n", "'a' stands twice"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: a record of 3 fields under 2 headings"),
        (b'a,b\n1,2\n"x\r\ny",2\n7\n', "line 5: a record of 1 fields"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quote is opened and never closed"),
        (b"a,b\n1,\x002\n", "byte 6: a zero byte"),
        (b"a,b\n1,\xe9\n", "line 2, byte 6"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08\x00broken", "truncated or damaged"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "byte 0 is 0x89"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_and_nothing_is_written(tmp_path: Path, content: bytes, told: str) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(content)
    with pytest.raises(UnreadableData) as raised:
        clean_file(source, out=tmp_path / "fixed.csv", report=tmp_path / "r.json")
    assert told in str(raised.value)
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


def test_mixed_encodings_name_the_first_wrong_byte_of_a_large_file(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,b\n" + "é,2\n".encode() * 40_000 + b"\xe9,2\n")
    with pytest.raises(UnreadableData, match=r"line 40002, byte 200004"):
        clean_file(source, out=None)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "_SMALL", 1 << 20)
    source = tmp_path / "a.csv.gz"
    source.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * (1 << 20)))
    with pytest.raises(UnreadableData, match="300 times"):
        clean_file(source, out=None)


def test_a_packed_file_above_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_csv_text, "MOST_UNPACKED", 10)
    source = tmp_path / "a.csv.gz"
    source.write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    with pytest.raises(UnreadableData, match="more than 10 bytes"):
        clean_file(source, out=None)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"encodign": "latin-1"}, UnknownField),
        ({"encoding": "klingon"}, InvalidValue),
        ({"delimiter": ",,"}, InvalidValue),
        ({"quotes": "no"}, InvalidValue),
    ],
)
def test_a_setting_that_is_none_is_refused(
    tmp_path: Path, settings: dict[str, object], error: type[HoldfastError]
) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(error):
        clean_file(source, out=None, settings=settings)


@pytest.mark.parametrize(
    "change",
    [
        Change(9, "a", "1", "x", "r", 0.9, "-"),
        Change(-1, "a", "1", "x", "r", 0.9, "-"),
        Change(0, "z", "1", "x", "r", 0.9, "-"),
    ],
)
def test_a_plan_for_a_cell_that_is_not_there_is_refused(tmp_path: Path, change: Change) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(InvalidValue):
        clean_file(source, out=None, planner=lambda cells, seed: RepairPlan((change,), (), (), ()))


def test_a_plan_of_another_table_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,b\n1,2\n")
    change = Change(0, "a", "7", "x", "r", 0.9, "-")
    with pytest.raises(UnreadableData, match="the plan's cell is not the file's"):
        clean_file(source, out=tmp_path / "f.csv", planner=lambda cells, seed: RepairPlan((change,), (), (), ()))
    assert not (tmp_path / "f.csv").exists()


def test_two_changes_of_one_cell_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,b\n1,2\n")
    twice = tuple(Change(0, "a", "1", after, "r", 0.9, "-") for after in "xy")
    with pytest.raises(InvalidValue, match="at most one change"):
        clean_file(source, out=None, planner=lambda cells, seed: RepairPlan(twice, (), (), ()))


@pytest.mark.parametrize("name", ["data", "data.xlsx", "data.json"])
def test_another_format_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a,b\n1,2\n")
    with pytest.raises(UnreadableData, match="neither CSV nor Parquet"):
        clean_file(tmp_path / name, out=None)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="no such file"):
        clean_file(tmp_path / "a.csv", out=None)
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(UnreadableData, match="folder"):
        clean_file(tmp_path / "b.csv", out=None)


@pytest.mark.parametrize("bar", [0.0, -0.1, 1.1, float("nan")])
def test_a_confidence_that_is_none_is_refused(tmp_path: Path, bar: float) -> None:
    with pytest.raises(InvalidValue, match="min_confidence"):
        clean_file(tmp_path / "a.csv", out=None, min_confidence=bar)
