from __future__ import annotations

import gzip
import io
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, HoldfastError, InvalidValue, UnknownField, UnreadableData
from holdfast.quality.sources.csv import CsvSource
from holdfast.quality.sources.parquet import ParquetSource


def parquet_bytes() -> bytes:
    held = io.BytesIO()
    pl.DataFrame({"a": [1, 2], "b": ["01", "x"]}).write_parquet(held)
    return held.getvalue()


def read(folder: Path, data: bytes, settings: dict[str, Any] | None = None, *, name: str = "data.csv") -> pl.DataFrame:
    path = folder / name
    path.write_bytes(data)
    source = ParquetSource() if name.endswith("parquet") else CsvSource()
    assert source.matches(str(path))
    return source.read(str(path), settings or {})


@pytest.mark.parametrize(
    ("data", "settings", "rows"),
    [
        (b"a,b\n1,x\n2,y\n", {}, [(1, "x"), (2, "y")]),
        (b"\xef\xbb\xbfa,b\n1,x\n", {}, [(1, "x")]),
        (b"a,b\r\n1,x\r\n", {}, [(1, "x")]),
        (b"a,b\n1,x", {}, [(1, "x")]),
        (b"a,b\n1,x\n\n\n", {}, [(1, "x")]),
        (b"a,b\n1,x\n\n2,y\n", {}, [(1, "x"), (2, "y")]),
        (b"a\n1\n\n3\n", {}, [(1,), (None,), (3,)]),
        (b'a,b\n"1\n2","x, ""y"""\n', {}, [("1\n2", 'x, "y"')]),
        (b'a,b\n5" pipe,x\n6,y\n', {}, [('5" pipe', "x"), ("6", "y")]),
        (b'a,b\n"5 pipe,x\n6,y\n', {"quotes": False}, [('"5 pipe', "x"), ("6", "y")]),
        (b"a;b\n1,5;2\n2,5;3\n", {}, [("1,5", 2), ("2,5", 3)]),
        (b"a;b\n1,5;2\n2,5;3\n", {"decimal_comma": True}, [(1.5, 2), (2.5, 3)]),
        (b"a|b\n1|2\n", {}, [(1, 2)]),
        (b"a,b|c\n1,2|3\n", {"delimiter": "|"}, [("1,2", 3)]),
        (b"a,b\n1,cof\xe9\n", {"encoding": "latin-1"}, [(1, "cofé")]),
        ("a,b\n1,é\n".encode("utf-16"), {"encoding": "utf-16"}, [(1, "é")]),
        (b"a,b\n1,NA\n2,x\n", {"missing": ["NA"]}, [(1, None), (2, "x")]),
        (b"a,b\n01,1.50\n", {"infer": False}, [("01", "1.50")]),
        (b"zip,b\n01234,1\n", {"types": {"zip": "category"}}, [("01234", 1)]),
        (b"a,b\n1,0\n0,1\n", {"types": {"b": "boolean"}}, [(1, False), (0, True)]),
        (b"a\n2020-01-31\n", {"types": {"a": "time"}}, [(date(2020, 1, 31),)]),
        (b"a\ntrue\nfalse\n", {"types": {"a": "boolean"}}, [(True,), (False,)]),
        (b"a\ntrue\nfalse\n", {"types": {"a": "number"}}, [(1.0,), (0.0,)]),
        (b",b\n0,1\n", {}, [(0, 1)]),
        (b"a\n123456789012345678901234567890\n", {}, [("123456789012345678901234567890",)]),
    ],
)
def test_a_csv_is_read_as_it_was_written(
    tmp_path: Path, data: bytes, settings: dict[str, Any], rows: list[tuple[object, ...]]
) -> None:
    assert read(tmp_path, data, settings).rows() == rows


@pytest.mark.parametrize(
    ("data", "settings", "error", "said"),
    [
        (b"a,b\n1,cof\xe9\n", {}, UnreadableData, r'line 2, byte 9: .*0xe9.*"encoding": "latin-1"'),
        (b"a,b\n1,\x93x\x94\n", {}, UnreadableData, r'byte 6.*"encoding": "cp1252"'),
        ("a,b\n1,é\n".encode("utf-16"), {}, UnreadableData, '"encoding": "utf-16"'),
        (b"a,b\n1,\xff\n", {"encoding": "ascii"}, UnreadableData, "not ASCII: byte 6"),
        (b"a,b\n1,\x00\n", {}, UnreadableData, "byte 6: a zero byte"),
        (b"a,b,a\n1,2,3\n", {}, UnreadableData, "line 1, field 3: column 'a' stands twice"),
        (b"a,b\n1,2\n1,2,3\n", {}, UnreadableData, "line 3: a record of 3 fields under 2 headings"),
        (b"a,b\n1,2\n1\n1,2\n", {}, UnreadableData, "line 3: a record of 1 fields under 2 headings"),
        (b'a,b\n"1,2\n3,4\n', {}, UnreadableData, "line 2: .*a quote that is not closed"),
        (b'a,b\n"x"y,1\n', {}, UnreadableData, "cannot be parsed.*RFC 4180"),
        (b"", {}, UnreadableData, "empty"),
        (b"\n\n", {}, UnreadableData, "blank lines"),
        (b"a,b\n1,2\n", {"encoding": "latin-99"}, InvalidValue, "no encoding 'latin-99'"),
        (b"a,b\n1,2\n", {"encoding": "hex"}, InvalidValue, "no encoding of text"),
        (b"a,b\n1,2\n", {"encoding": 8}, InvalidValue, "setting encoding: 8"),
        (b"a,b\n1,2\n", {"encodings": "utf-8"}, UnknownField, "did you mean 'encoding'"),
        (b"a,b\n1,2\n", {"delimiter": ",,"}, InvalidValue, "one character"),
        (b"a,b\n1,x\n", {"types": {"b": "number"}}, UnreadableData, "column 'b' are no number, first in row 0"),
        (b"a,b\n1,x\n", {"types": {"bb": "number"}}, ColumnNotFound, "did you mean 'b'"),
        (b"a,b\n1,x\n", {"types": {"b": "numbers"}}, InvalidValue, "did you mean 'number'"),
    ],
)
def test_a_csv_that_cannot_be_read_says_where_and_why(
    tmp_path: Path, data: bytes, settings: dict[str, Any], error: type[HoldfastError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        read(tmp_path, data, settings)
    assert "data.csv" in str(caught.value)


def test_a_heading_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n").shape == (0, 2)


def test_a_column_that_changes_type_half_way_is_text(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a\n" + b"1\n" * 5000 + b"x\n")
    assert rows.schema == {"a": pl.String}
    assert rows.height == 5001


def test_a_wrong_byte_is_found_across_pieces(tmp_path: Path) -> None:
    head = b"a\n" + b"x" * ((1 << 20) - 3) + "é\n".encode()
    assert read(tmp_path, head + b"y\n").height == 2
    with pytest.raises(UnreadableData, match=f"byte {len(head)}"):
        read(tmp_path, head + b"\xe9\n")


def test_a_packed_csv_is_unpacked(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"a,b\n1,2\n"), name="data.csv.gz").rows() == [(1, 2)]


def test_a_packed_csv_that_is_cut_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="truncated"):
        read(tmp_path, gzip.compress(b"a,b\n1,2\n" * 1000)[:40], name="data.csv.gz")


def test_a_packed_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.quality.sources._csv_text.MOST_UNPACKED", 1 << 21)
    with pytest.raises(UnreadableData, match="unpacks to more than"):
        read(tmp_path, gzip.compress(b"a\n" + b"1\n" * (1 << 21)), name="data.csv.gz")


def test_a_tab_separated_file_has_tabs(tmp_path: Path) -> None:
    assert read(tmp_path, b"a\tb\n1,5\t2\n", name="data.tsv").rows() == [("1,5", 2)]


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, parquet_bytes(), name="data.parquet").rows() == [(1, "01"), (2, "x")]
    assert read(tmp_path, parquet_bytes(), {"columns": ["b"]}, name="data.parquet").columns == ["b"]
    typed = read(tmp_path, parquet_bytes(), {"types": {"a": "category"}}, name="data.parquet")
    assert typed["a"].to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("data", "settings", "error", "said"),
    [
        (parquet_bytes()[:-10], {}, UnreadableData, "truncated"),
        (parquet_bytes()[:4], {}, UnreadableData, "truncated"),
        (parquet_bytes()[8:], {}, UnreadableData, "no Parquet file"),
        (b"a,b\n1,2\n", {}, UnreadableData, "no Parquet file"),
        (b"PAR1" + parquet_bytes()[-60:], {}, UnreadableData, "damaged"),
        (parquet_bytes()[:6] + b"\xff" * 40 + parquet_bytes()[46:], {}, UnreadableData, "damaged"),
        (b"", {}, UnreadableData, "empty"),
        (parquet_bytes(), {"columns": ["aa"]}, ColumnNotFound, "did you mean 'a'"),
        (parquet_bytes(), {"column": ["a"]}, UnknownField, "did you mean 'columns'"),
    ],
)
def test_a_parquet_file_that_cannot_be_read_says_why(
    tmp_path: Path, data: bytes, settings: dict[str, Any], error: type[HoldfastError], said: str
) -> None:
    with pytest.raises(error, match=said):
        read(tmp_path, data, settings, name="data.parquet")


@pytest.mark.parametrize("source", [CsvSource(), ParquetSource()])
def test_a_file_that_is_not_there_is_named_with_its_nearest(tmp_path: Path, source: CsvSource | ParquetSource) -> None:
    (tmp_path / "people.csv").write_bytes(b"a\n1\n")
    with pytest.raises(UnreadableData, match=r"no such file.*'people\.csv' beside it"):
        source.read(str(tmp_path / "people2.csv"), {})
    with pytest.raises(UnreadableData, match="folder"):
        source.read(str(tmp_path), {})
    with pytest.raises(UnreadableData, match="no such file"):
        source.read(str(tmp_path / "no" / "people.csv"), {})


def test_a_source_leaves_urls_and_other_files_alone() -> None:
    assert not CsvSource().matches("https://example.org/a.csv")
    assert not CsvSource().matches("a.parquet")
    assert not ParquetSource().matches("s3://bucket/a.parquet")
    assert ParquetSource().matches("A.PARQUET")


def test_hospital_is_read_whole(hospital_file: Path) -> None:
    assert CsvSource().read(str(hospital_file), {}).shape == (1000, 20)


def test_messages_with_stray_quotes_survive_a_round_through_csv(spam_file: Path, tmp_path: Path) -> None:
    rows = ParquetSource().read(str(spam_file), {})
    rows.write_csv(tmp_path / "sms.csv")
    again = CsvSource().read(str(tmp_path / "sms.csv"), {"infer": False})
    assert again.height == rows.height == 5574
    assert again["label"].to_list() == rows["label"].to_list()


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8))
def test_what_polars_writes_is_what_is_read(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    table = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")
    table.write_csv(tmp_path / "round.csv", quote_style="always")
    assert CsvSource().read(str(tmp_path / "round.csv"), {"infer": False, "delimiter": ","}).rows() == rows
