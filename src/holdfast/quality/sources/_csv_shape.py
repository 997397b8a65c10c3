"""The shape of a CSV text: its delimiter, its heading, and the first line of another width."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from holdfast.core.errors import InvalidValue, UnreadableData
from holdfast.quality.sources._csv_text import reader

DELIMITERS = (",", ";", "\t", "|")
SNIFFED = 20

_QUOTE = ord('"')
_NEWLINE = ord("\n")
_PIECE = 1 << 24


@dataclass(frozen=True, slots=True)
class Dialect:
    """How fields are told apart: the delimiter, and whether quotes are quotes or text."""

    delimiter: str
    quotes: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """What was found: the dialect, the column names, how many records follow the heading, and the text itself.

    `data` is the text that was given, or (where its quotes stand in odd places) the same records written anew.
    """

    dialect: Dialect
    names: tuple[str, ...]
    records: int
    data: bytes


def shape_of(data: bytes, location: str, *, delimiter: str | None, quotes: bool = True) -> Shape:
    """Shape of a CSV text whose every record has the width of its heading; blank lines are passed over.

    Raises
    ------
    UnreadableData
        If a column name stands twice, a record has another number of fields, or a quote is never closed.
    InvalidValue
        If `delimiter` is not one character.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n' or not delimiter.isascii()):
        raise InvalidValue(f"delimiter {delimiter!r}", where=location, expected="one character, such as ';'")
    csv.field_size_limit(2**31 - 1)
    dialect = Dialect(delimiter or _sniffed(data), quotes)
    heading = next(_records(data, dialect, location), None)
    if heading is None:
        raise UnreadableData("the file holds only blank lines", where=location, expected="a heading and rows")
    names = _names(heading[1], location)
    records = _evenly(data, dialect, len(names))
    if records is not None:
        return Shape(dialect, names, records, data)
    data, records = _rewritten(data, dialect, names, location)
    return Shape(Dialect(dialect.delimiter), names, records, data)


def _sniffed(data: bytes) -> str:
    """Find the delimiter that splits the first lines into the same number of fields, and the most of them."""
    head = data[:65536]
    if len(data) > len(head):
        head = head[: head.rfind(b"\n") + 1] or head
    best, widest = ",", 1
    for each in DELIMITERS:
        widths = _widths(head, each)
        if widths and widths[0] > widest and (len(set(widths)) == 1 or widths[0] == max(widths)):
            best, widest = each, widths[0]
    return best


def _widths(head: bytes, delimiter: str) -> list[int]:
    widths: list[int] = []
    try:
        for row in csv.reader(reader(head), delimiter=delimiter):
            widths += [len(row)] if row else []
            if len(widths) >= SNIFFED:
                break
    except (csv.Error, UnicodeDecodeError):
        return widths
    return widths


def _records(data: bytes, dialect: Dialect, location: str) -> Iterator[tuple[int, list[str]]]:
    """Read records with the line each begins at; the exact reading of the quotes, and the slow one."""
    # A last line of our own comes back as a record of its own, unless an open quote takes it in.
    end = "." if dialect.delimiter != "." else "-"
    rows = csv.reader(
        chain(reader(data), ("\n", end)),
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE,
    )
    begins, held = 1, None
    try:
        for row in rows:
            if row:
                if held is not None:
                    yield held
                held = begins, row
            begins = rows.line_num + 1
    except csv.Error as error:
        raise UnreadableData(f"{error}", where=f"{location}: line {rows.line_num}", expected="CSV") from error
    if held is not None and held[1] != [end]:
        raise UnreadableData(
            "a quote is opened and never closed; a quote that is not closed takes in the lines that follow",
            where=f"{location}: line {held[0]}",
            expected='quotes in pairs, or the setting "quotes": false',
        )


def _names(heading: list[str], location: str) -> tuple[str, ...]:
    names = tuple(each or f"unnamed_{place}" for place, each in enumerate(heading, start=1))
    seen: set[str] = set()
    for place, each in enumerate(names, start=1):
        if each in seen:
            raise UnreadableData(
                f"column {each!r} stands twice", where=f"{location}: line 1, field {place}", expected="each name once"
            )
        seen.add(each)
    return names


def _evenly(data: bytes, dialect: Dialect, width: int) -> int | None:
    """Count the records below the heading when each has `width` fields, else None.

    The bytes are looked at in pieces with NumPy, taking every quote as one that opens or closes; a text where that
    is not so (a quote inside an unquoted field) gives None, and is then read exactly.
    """
    bytes_ = np.frombuffer(data.rstrip(b"\r\n") + b"\n", dtype=np.uint8)
    carried, inside, records = 0, 0, -1
    for start in range(0, len(bytes_), _PIECE):
        piece = bytes_[start : start + _PIECE]
        quotes = piece == _QUOTE
        state = (np.cumsum(quotes) + inside) & 1 if dialect.quotes and (inside or quotes.any()) else None
        marks = np.flatnonzero((piece == _NEWLINE) | (piece == ord(dialect.delimiter)))
        if state is not None:
            marks = marks[state[marks] == 0]
            inside = int(state[-1])
        ends = np.flatnonzero(piece[marks] == _NEWLINE)
        if len(ends):
            fields = np.diff(ends, prepend=-1)
            fields[0] += carried
            if (fields != width).any():
                return None
            records += len(ends)
            carried = len(marks) - int(ends[-1]) - 1
        else:
            carried += len(marks)
    return records if not inside and not carried else None


def _rewritten(data: bytes, dialect: Dialect, names: tuple[str, ...], location: str) -> tuple[bytes, int]:
    """Write the same records with quotes as in RFC 4180, without blank lines; count those below the heading."""
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n", delimiter=dialect.delimiter)
    count = -1
    for line, row in _records(data.rstrip(b"\r\n"), dialect, location):
        if len(row) != len(names):
            hint = " (a quote that is not closed?)" if any("\n" in each for each in row) else ""
            raise UnreadableData(
                f"a record of {len(row)} fields under {len(names)} headings{hint}",
                where=f"{location}: line {line}",
                expected=f"{len(names)} fields, separated by {dialect.delimiter!r}",
            )
        out.writerow(row)
        count += 1
    return text.getvalue().encode("utf-8"), count
