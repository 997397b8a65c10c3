"""A CSV file as text: every byte of it is kept, but for the fields that are repaired."""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.core.errors import UnreadableData
from holdfast.quality.cleaning._layout import Layout, fields_of, layout_of, value_of
from holdfast.quality.cleaning._packing import Seen, Wrapper, packed, seen, wrapper_of
from holdfast.quality.cleaning._tables import Digests, Edit
from holdfast.quality.sources import csv as csv_source
from holdfast.quality.sources._csv_shape import Dialect, shape_of
from holdfast.quality.sources._csv_text import utf8_bytes
from holdfast.quality.sources._files import known

if TYPE_CHECKING:
    from holdfast.quality.repair import Change

_PIECE = 1 << 20
_HEAD = 1 << 16
#: Wrappers are tried on texts up to this size: each try packs the text once.
_TRIED = 64 << 20

#: Byte-order marks, and the encoding of what follows them; the longer ones first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Splice:
    """Bytes of the text that are taken out, from `start` to before `end`, and the raw field that comes there."""

    start: int
    end: int
    raw: str


@dataclass(frozen=True, slots=True)
class TextTable:
    """A CSV file, cell by cell.

    Parameters
    ----------
    location
        How to name it in errors.
    data
        Its text in UTF-8, without a byte-order mark.
    encoding, mark
        Encoding that it stands in, and the byte-order mark before it.
    dialect, columns, layout
        How its fields are told apart, their names, where they are.
    digests
        Of the file and of the unpacked text.
    wrapper
        How it was packed; None where it is not packed, or not in a way that can be done again.
    """

    location: str
    data: bytes
    encoding: str
    mark: bytes
    dialect: Dialect
    columns: tuple[str, ...]
    layout: Layout
    digests: Digests
    wrapper: Wrapper | None

    @property
    def kind(self) -> str:
        """It is a CSV."""
        return "csv"

    @property
    def rows(self) -> int:
        """Number of records below the heading."""
        return len(self.layout.starts) - 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing is left out of a CSV: every cell is text."""
        return ()

    def cells(self) -> pl.DataFrame:
        """Cells as text, shape (rows, columns); null is an empty field.

        Raises
        ------
        UnreadableData
            If polars reads other rows than stand in the text.
        """
        if self.rows == 0:
            return pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))
        read = pl.read_csv(
            self.data if self.layout.plain is None else self.layout.plain,
            separator=self.dialect.delimiter,
            quote_char='"' if self.dialect.quotes or self.layout.plain is not None else None,
            new_columns=list(self.columns),
            infer_schema=False,
            null_values=[""],
            n_rows=self.rows,
        )
        if read.shape != (self.rows, len(self.columns)):
            raise UnreadableData(
                f"{read.height} rows were read of {self.rows} records: its quotes can be read in two ways",
                where=self.location,
                expected="quotes that begin and end a field",
            )
        return read

    def edits(self, changes: Sequence[Change]) -> list[Edit | str | None]:
        """For each change (sorted by row) how it is written, or why it cannot be.

        Raises
        ------
        UnreadableData
            If a cell does not hold what the change says it does.
        """
        places = {name: place for place, name in enumerate(self.columns)}
        found: list[Edit | str | None] = []
        fields: list[tuple[int, int]] = []
        row, start = -1, 0
        for change in changes:
            if change.row != row:
                row, (start, record) = change.row, self._record(change.row)
                fields = fields_of(record, self.dialect)
            begin, end = (start + each for each in fields[places[change.column]])
            found.append(self._edit(change, begin, end))
        return found

    def field(self, row: int, column: str) -> str:
        """Value of a cell."""
        start, record = self._record(row)
        begin, end = fields_of(record, self.dialect)[self.columns.index(column)]
        return value_of(self.data[start + begin : start + end], self.dialect).decode()

    def replacing(self, raws: Sequence[tuple[int, str, str]]) -> list[Splice]:
        """Splices that put raw texts into fields: (row, column, raw), sorted by row and column."""
        places = {name: place for place, name in enumerate(self.columns)}
        found = []
        for row, column, raw in raws:
            start, record = self._record(row)
            begin, end = fields_of(record, self.dialect)[places[column]]
            found.append(Splice(start + begin, start + end, raw))
        return found

    def written(self, edits: Sequence[Edit], *, out: Path) -> Iterator[bytes]:
        """Bytes of the file with these edits; packed where the name of `out` says so."""
        return self.packed_text(splices_of(edits), out=out, wrapper=None if edits else self.wrapper)

    def packed_text(self, splices: Sequence[Splice], *, out: Path, wrapper: Wrapper | None) -> Iterator[bytes]:
        """Bytes of the file with these splices, packed (where the name of `out` says so) in a given wrapper."""
        return _wrapped(self.text(splices), out, wrapper)

    def text(self, splices: Sequence[Splice]) -> Iterator[bytes]:
        """Text with these splices (sorted), in its encoding and with its mark, unpacked."""
        return self._encoded(self._spliced(0, len(self.data), splices))

    def excerpt(self, rows: Sequence[int], edits: Sequence[Edit], *, out: Path) -> Iterator[bytes]:
        """Bytes of a CSV with the heading and these rows (sorted) only, edits made."""
        return _wrapped(self._encoded(self._rows(rows, edits)), out, None)

    def dialect_dict(self) -> dict[str, Any]:
        """What is needed to read the file again."""
        return {
            "delimiter": self.dialect.delimiter,
            "quotes": self.dialect.quotes,
            "encoding": self.encoding,
            "mark": self.mark.hex(),
            "gzip": None if self.wrapper is None else self.wrapper.to_dict(),
        }

    def line_of(self, byte: int) -> int:
        """Line, from 1, that a byte of the text stands in."""
        return self.data.count(b"\n", 0, byte) + 1

    def _record(self, row: int) -> tuple[int, bytes]:
        start = int(self.layout.starts[row + 1])
        return start, self.data[start : int(self.layout.ends[row + 1])]

    def _edit(self, change: Change, begin: int, end: int) -> Edit | str:
        raw = self.data[begin:end]
        if value_of(raw, self.dialect).decode() != (change.before or ""):
            raise UnreadableData(
                f"the plan's cell is not the file's in column {change.column!r}",
                where=f"{self.location}: row {change.row}",
                expected="a plan of this table",
            )
        after = self._field(change.after or "", raw)
        if after is None:
            return "it cannot be written without quotes, and quotes are text here"
        try:
            self.encode(after)
        except UnicodeEncodeError:
            return f"it has a character that {self.encoding} cannot write"
        if "\0" in after:
            return "it holds a zero byte"
        return Edit(change, raw.decode(), after, begin, end)

    def _field(self, value: str, raw: bytes) -> str | None:
        """Write a value as the field was written: in quotes where those were, or where it must be."""
        alone = value == "" and len(self.columns) == 1  # would be a blank line
        needs = alone or any(each in value for each in (self.dialect.delimiter, "\r", "\n"))
        if not self.dialect.quotes:
            return None if needs else value
        if needs or raw.startswith(b'"') or '"' in value:
            return '"' + value.replace('"', '""') + '"'
        return value

    def encode(self, text: str) -> bytes:
        """Bytes of a text in the file's encoding."""
        return text.encode(self.encoding)

    def _spliced(self, start: int, end: int, splices: Sequence[Splice]) -> Iterator[bytes]:
        at, view = start, memoryview(self.data)
        for each in splices:
            yield from _cut(view[at : each.start])
            yield each.raw.encode()
            at = each.end
        yield from _cut(view[at:end])

    def _rows(self, rows: Sequence[int], edits: Sequence[Edit]) -> Iterator[bytes]:
        heading = int(self.layout.ends[0])
        line_end = (
            b"\r\n" if self.data[heading : heading + 2] == b"\r\n" else (self.data[heading : heading + 1] or b"\n")
        )
        yield self.data[int(self.layout.starts[0]) : heading] + line_end
        by_row: dict[int, list[Edit]] = {}
        for edit in edits:
            by_row.setdefault(edit.change.row, []).append(edit)
        for row in rows:
            start, end = int(self.layout.starts[row + 1]), int(self.layout.ends[row + 1])
            yield b"".join(self._spliced(start, end, splices_of(by_row.get(row, ())))) + line_end

    def _encoded(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        if self.mark:
            yield self.mark
        yield from _transcoded(pieces, self.encoding)


def splices_of(edits: Sequence[Edit]) -> list[Splice]:
    """The places in the text that edits touch, and what comes there."""
    return [Splice(each.start, each.end, each.raw_after or "") for each in edits]


def _wrapped(pieces: Iterator[bytes], out: Path, wrapper: Wrapper | None) -> Iterator[bytes]:
    return packed(pieces, wrapper or Wrapper()) if out.name.lower().endswith(".gz") else pieces


def _cut(view: memoryview) -> Iterator[bytes]:
    for start in range(0, len(view), _PIECE):
        yield bytes(view[start : start + _PIECE])


def _transcoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding == "utf-8":
        yield from pieces
        return
    decoder, encoder = codecs.getincrementaldecoder("utf-8")(), codecs.getincrementalencoder(encoding)()
    for piece in pieces:
        yield encoder.encode(decoder.decode(piece))
    yield encoder.encode("", final=True)


def read_text(path: Path, settings: Mapping[str, Any], *, wrappers: bool = True) -> TextTable:
    """Read a CSV file as a table of cells.

    Parameters
    ----------
    path
        The file, packed with gzip or not.
    settings
        As the source ``csv`` takes; ``encoding``, ``delimiter`` and ``quotes`` matter here.
    wrappers
        Whether to find out how a packed file was packed.

    Raises
    ------
    UnreadableData
        If it is binary, in another encoding (names the byte), has a column name twice, a record of another width or a
        quote that is never closed (names the line), is a damaged archive or a zip bomb, or its bytes cannot be given
        back exactly.
    UnknownField, InvalidValue
        If a setting is not one.
    """
    location = str(path)
    known(settings, csv_source.SETTINGS, where=location)
    found = seen(path, location)
    data = utf8_bytes(path, location, settings.get("encoding"))
    if not data.strip():
        raise UnreadableData("the file holds only blank lines", where=location, expected="a heading and rows")
    if (zero := data.find(b"\0")) >= 0:
        raise UnreadableData(
            "a zero byte: the file is binary, not text", where=f"{location}: byte {zero}", expected="CSV"
        )
    mark, encoding = _mark_of(found, settings.get("encoding"))
    dialect, columns = _heading(data, location, settings)
    layout = layout_of(data, dialect, len(columns), location)
    digests = Digests(found.file_sha256, found.text_sha256)
    table = TextTable(location, data, encoding, mark, dialect, columns, layout, digests, None)
    if sha256_of(table.text(())) != found.text_sha256:
        raise UnreadableData(
            f"the text cannot be written again in {encoding} byte for byte",
            where=location,
            expected="a file that nobody writes to meanwhile, in an encoding with one way to write each character",
        )
    if found.packed and wrappers and len(data) <= _TRIED:
        text = b"".join(table.text(()))
        return dataclasses.replace(table, wrapper=wrapper_of(path, text))
    return table


def sha256_of(pieces: Iterable[bytes]) -> str:
    """SHA-256 of bytes that come in pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _mark_of(found: Seen, stated: str | None) -> tuple[bytes, str]:
    """Byte-order mark of a text, and its encoding without one."""
    name = codecs.lookup(stated or "utf-8").name
    name = "utf-8" if name == "utf-8-sig" else name
    for mark, encoding in _MARKS:
        # UTF-16's mark begins UTF-32's: what is stated decides.
        if found.head.startswith(mark) and encoding.startswith(name):
            return mark, encoding
    # Python reads UTF-16 and UTF-32 without a mark in the byte order of the machine, and would write a mark.
    return b"", f"{name}-{sys.byteorder[0]}e" if name in ("utf-16", "utf-32") else name


def _heading(data: bytes, location: str, settings: Mapping[str, Any]) -> tuple[Dialect, tuple[str, ...]]:
    """Dialect and column names, as the source ``csv`` finds them."""
    tabbed = location.lower().removesuffix(".gz").endswith(".tsv")
    delimiter = settings.get("delimiter") or ("\t" if tabbed else None)
    quotes = bool(settings.get("quotes", True))
    # The first lines tell; where they are cut through a field or hold a fault, the whole text says it exactly.
    if len(data) > _HEAD:
        with contextlib.suppress(UnreadableData):
            shape = shape_of(_head(data), location, delimiter=delimiter, quotes=quotes)
            return Dialect(shape.dialect.delimiter, quotes), shape.names
    shape = shape_of(data, location, delimiter=delimiter, quotes=quotes)
    return Dialect(shape.dialect.delimiter, quotes), shape.names


def _head(data: bytes) -> bytes:
    head = data[:_HEAD]
    end = head.rfind(b"\n") + 1
    while end and head.count(b'"', 0, end) % 2:
        end = head.rfind(b"\n", 0, end - 1) + 1
    return head[:end] or head
