"""Where the records and the fields of a CSV text stand, to the byte."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.core.errors import UnreadableData
from holdfast.quality.sources._csv_shape import Dialect

_QUOTE, _NEWLINE, _RETURN = b'"\n\r'
_PIECE = 1 << 22


@dataclass(frozen=True, slots=True)
class Layout:
    """Records of a text: the heading first, blank lines passed over.

    Parameters
    ----------
    starts, ends
        Shape (records,): first byte of each record, and the first byte of its line end.
    plain
        The same records for a reader that knows only RFC 4180 without blank lines; None where the text is that itself.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    plain: bytes | None


def layout_of(data: bytes, dialect: Dialect, width: int, location: str) -> Layout:
    """Layout of a text whose every record has `width` fields, as Python's csv module reads it.

    Raises
    ------
    UnreadableData
        If a record has another number of fields, or a quote is never closed: names the line.
    """
    return _even(data, dialect, width) or _exact(data, dialect, width, location)


def fields_of(record: bytes, dialect: Dialect) -> list[tuple[int, int]]:
    """First byte and end of each field in a record."""
    pattern = _field(dialect)
    found, at = [], 0
    while True:
        match = pattern.match(record, at)
        if match is None:  # a record never begins a quote that it does not close
            raise UnreadableData("a quote is never closed", expected="CSV (RFC 4180)")
        found.append((at, match.end()))
        at = match.end() + 1
        if match.end() == len(record):
            return found


def value_of(raw: bytes, dialect: Dialect) -> bytes:
    """Value of a field: its bytes without the quotes, doubled ones made one."""
    if not dialect.quotes or not raw.startswith(b'"'):
        return raw
    match = _QUOTED.match(raw)
    return raw if match is None else match[1].replace(b'""', b'"') + raw[match.end() :]


_QUOTED = re.compile(rb'"((?:[^"]++|"")*+)"', re.DOTALL)


def _field(dialect: Dialect) -> re.Pattern[bytes]:
    rest = rb"[^%s\r\n]*+" % re.escape(dialect.delimiter.encode("ascii"))
    # A field that begins with a quote is quoted, and nothing else: the second way is closed to it.
    return re.compile(rb'"(?:[^"]++|"")*+"%s|(?!")%s' % (rest, rest) if dialect.quotes else rest, re.DOTALL)


def _even(data: bytes, dialect: Dialect, width: int) -> Layout | None:
    """Layout of a text whose quotes all stand around whole fields, with NumPy; None where that is not so."""
    if data.count(b"\r") != data.count(b"\r\n"):
        return None  # a lone carriage return ends a record, too
    bytes_ = np.frombuffer(data, dtype=np.uint8)
    ends: list[NDArray[np.int64]] = []
    counts: list[NDArray[np.int64]] = []
    inside, seen = 0, 0
    for begin in range(0, len(bytes_), _PIECE):
        piece = bytes_[begin : begin + _PIECE]
        newlines, marks = _marks(piece, dialect)
        quotes = np.flatnonzero(piece == _QUOTE) if dialect.quotes else np.empty(0, dtype=np.int64)
        if len(quotes) or inside:
            if not _proper(bytes_, quotes + begin, inside, dialect):
                return None
            newlines = newlines[(np.searchsorted(quotes, newlines) + inside) & 1 == 0]
            marks = marks[(np.searchsorted(quotes, marks) + inside) & 1 == 0]
            inside = (inside + len(quotes)) & 1
        ends.append(newlines + begin)
        counts.append(np.searchsorted(marks, newlines) + seen)
        seen += len(marks)
    if inside:
        return None
    if not data.endswith(b"\n"):
        ends.append(np.array([len(data)]))
        counts.append(np.array([seen]))
    return _records(data, np.concatenate(ends), np.concatenate(counts), width)


def _marks(piece: NDArray[np.uint8], dialect: Dialect) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.flatnonzero(piece == _NEWLINE), np.flatnonzero(piece == ord(dialect.delimiter))


def _proper(bytes_: NDArray[np.uint8], quotes: NDArray[np.int64], inside: int, dialect: Dialect) -> bool:
    """Whether each quote opens a field at its first byte, closes one at its last, or is doubled."""
    opens = quotes[inside::2]
    closes = quotes[1 - inside :: 2]
    before = bytes_[opens[opens > 0] - 1]
    after = bytes_[closes[closes < len(bytes_) - 1] + 1]
    borders = (ord(dialect.delimiter), _NEWLINE, _QUOTE)
    return bool(np.isin(before, borders).all() and np.isin(after, (*borders, _RETURN)).all())


def _records(data: bytes, ends: NDArray[np.int64], counts: NDArray[np.int64], width: int) -> Layout | None:
    bytes_ = np.frombuffer(data, dtype=np.uint8)
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)
    # The byte before a newline; where that is the newline of the line above, it is no carriage return.
    returned = (ends > 0) & (bytes_[ends - 1] == _RETURN) & (ends < len(data))
    lines = ends - returned
    filled = lines > starts
    if (np.diff(counts, prepend=0)[filled] != width - 1).any():
        return None
    if filled.all():
        return Layout(starts, lines, None)
    return Layout(starts[filled], lines[filled], _without_blank_lines(data, starts, filled))


def _without_blank_lines(data: bytes, starts: NDArray[np.int64], filled: NDArray[np.bool_]) -> bytes:
    borders = np.append(starts, len(data))
    # First and last line of each run of lines that are not blank.
    changes = np.flatnonzero(np.diff(np.concatenate(([False], filled, [False])).astype(np.int8)))
    view = memoryview(data)
    return b"".join(view[borders[a] : borders[b]] for a, b in zip(changes[::2], changes[1::2], strict=True))


def _exact(data: bytes, dialect: Dialect, width: int, location: str) -> Layout:
    """Layout of any text, field by field; the exact way, and the slow one."""
    pattern, starts, ends, plain = _field(dialect), array("q"), array("q"), bytearray()
    delimiter = dialect.delimiter.encode("ascii")
    at, line = 0, 1
    while at < len(data):
        begin, fields = at, 0
        while True:
            match = pattern.match(data, at)
            if match is None:
                raise UnreadableData(
                    "a quote is opened and never closed",
                    where=f"{location}: line {line}",
                    expected='quotes in pairs, or the setting "quotes": false',
                )
            value = value_of(match[0], dialect)
            plain += b'"%s"' % value.replace(b'"', b'""')
            fields, at = fields + 1, match.end()
            if data[at : at + 1] != delimiter:
                break
            plain += delimiter
            at += 1
        end = at
        at += 2 if data[at : at + 2] == b"\r\n" else 1
        if end == begin:
            del plain[-2:]
        else:
            _check_width(fields, width, data[begin:end], delimiter, f"{location}: line {line}")
            plain += b"\n"
            starts.append(begin)
            ends.append(end)
        line += len(_LINE_END.findall(data, begin, at))
    return Layout(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), bytes(plain))


_LINE_END = re.compile(rb"\r\n|\r|\n")


def _check_width(fields: int, width: int, record: bytes, delimiter: bytes, where: str) -> None:
    if fields != width:
        hint = " (a quote that is not closed?)" if b"\n" in record else ""
        raise UnreadableData(
            f"a record of {fields} fields under {width} headings{hint}",
            where=where,
            expected=f"{width} fields, separated by {delimiter.decode('ascii')!r}",
        )
