"""The bytes of a CSV file: its encoding, decided and checked, never guessed silently."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from holdfast.core.errors import InvalidValue, UnreadableData

PIECE = 1 << 20

#: A compressed file may not become larger than this (a zip bomb is refused, not unpacked).
MOST_UNPACKED = 4 << 30

#: Nor more than so many times its size, once that is much: rows that people keep pack ten to a hundred times.
MOST_RATIO = 400
MUCH = 256 << 20

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: First bytes of files that are often named as if they were text, and what would read them.
_OTHERS = (
    (b"PAR1", "a Parquet file", "a name that ends in .parquet"),
    (b"ARROW1", "an Arrow file", "a name that ends in .arrow"),
    (b"PK\x03\x04", "a zip archive, as spreadsheets (.xlsx, .ods) are", "CSV; save the sheet as one"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document of Office", "CSV; save the sheet as one"),
    (b"%PDF-", "a PDF", "CSV"),
    (b"\x89PNG", "a picture (PNG)", "CSV"),
    (b"SQLite format 3\0", "a SQLite database", "sqlite:///FILE#table"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "CSV, packed with gzip or not"),
    (b"BZh", "packed with bzip2", "CSV, packed with gzip or not"),
    (b"\xfd7zXZ\0", "packed with xz", "CSV, packed with gzip or not"),
)


def utf8_bytes(path: Path, location: str, encoding: str | None) -> bytes:
    """Read the file as UTF-8 without a byte-order mark.

    Parameters
    ----------
    path, location
        The file, and how to name it in errors.
    encoding
        Encoding that the contract states; None for UTF-8, with or without a byte-order mark.

    Raises
    ------
    UnreadableData
        If the bytes are not in that encoding: names the first wrong byte, its line, and an encoding that would fit.
    InvalidValue
        If there is no such encoding.
    """
    raw = _unpacked(path, location)
    name = _codec(encoding, location)
    if name != "utf-8":
        if raw.startswith(codecs.BOM_UTF8):
            raise UnreadableData(
                f"the file begins with the mark of UTF-8, and is stated to be {name}",
                where=location,
                expected="no setting encoding: UTF-8 is read without one",
            )
        try:
            return raw.decode(name).removeprefix("\ufeff").encode("utf-8")
        except UnicodeDecodeError as error:
            raise _wrong_byte(raw, error.start, location, name, stated=True) from None
    if encoding is None:
        for mark, wide in _MARKS:
            if raw.startswith(mark):
                raise UnreadableData(
                    f"the file is {wide.upper()} (its first bytes are {mark!r})",
                    where=location,
                    expected=_setting(wide),
                )
        _check_kind(raw, location)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    _check_utf8(raw, location, stated=encoding is not None)
    zero = raw.find(b"\0")
    if zero >= 0:
        raise UnreadableData(
            "a zero byte: the file is binary, not text", where=f"{location}: byte {zero}", expected=_of_zeros(raw)
        )
    return raw


def _check_kind(raw: bytes, location: str) -> None:
    for mark, what, right in _OTHERS:
        # Some of the marks are letters that a heading may begin with; text does not go on with such bytes.
        if raw.startswith(mark) and (not mark.isalnum() or _binary(raw[:PIECE])):
            raise UnreadableData(
                f"the file is {what}, by its first bytes: byte 0 is 0x{raw[0]:02x}", where=location, expected=right
            )


def _binary(head: bytes) -> bool:
    return any(each < 9 for each in head)


def _of_zeros(raw: bytes) -> str:
    """What is expected instead of text with zero bytes: every second byte is one in UTF-16 text without its mark."""
    head = raw[:PIECE]
    for first, name in ((0, "utf-16-be"), (1, "utf-16-le")):
        if head[first::2].count(0) > len(head) * 0.4:
            return f"CSV in UTF-8; every second byte is zero: perhaps {_stated(name)}"
    return "CSV"


def _codec(encoding: str | None, location: str) -> str:
    if encoding is None:
        return "utf-8"
    try:
        found = codecs.lookup(encoding)
    except LookupError:
        raise InvalidValue(
            f"no encoding {encoding!r}", where=location, expected="such as 'utf-8', 'latin-1' or 'utf-16'"
        ) from None
    if not getattr(found, "_is_text_encoding", True):
        raise InvalidValue(f"{encoding!r} is no encoding of text", where=location, expected="such as 'latin-1'")
    return "utf-8" if found.name in ("utf-8", "utf-8-sig") else found.name


def _unpacked(path: Path, location: str) -> bytes:
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            file.seek(0)
            return file.read()
        file.seek(0)
        return b"".join(_inflated(file, location))


def _check_size(unpacked: int, packed: int, location: str) -> None:
    if unpacked > MOST_UNPACKED:
        raise UnreadableData(
            f"unpacks to more than {MOST_UNPACKED} bytes", where=location, expected="a smaller file, or Parquet"
        )
    if unpacked > MUCH and unpacked > MOST_RATIO * packed:
        raise UnreadableData(
            f"{packed} bytes unpack to more than {MOST_RATIO} times that: a zip bomb", where=location, expected="rows"
        )


def _inflated(file: IO[bytes], location: str) -> Iterator[bytes]:
    unpacked, size = 0, file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            while piece := packed.read(PIECE):
                unpacked += len(piece)
                _check_size(unpacked, size, location)
                yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableData(
            f"the gzip file is truncated or damaged after {unpacked} bytes of text: {error}", where=location
        ) from error


def _check_utf8(raw: bytes, location: str, *, stated: bool) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(raw)
    for start in range(0, len(raw), PIECE):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[start : start + PIECE], final=start + PIECE >= len(raw))
        except UnicodeDecodeError as error:
            raise _wrong_byte(raw, start - pending + error.start, location, "utf-8", stated=stated) from None


def _wrong_byte(raw: bytes, at: int, location: str, encoding: str, *, stated: bool) -> UnreadableData:
    line = raw.count(b"\n", 0, at) + 1
    byte = raw[at] if at < len(raw) else 0
    mixed = encoding == "utf-8" and not raw[:at].isascii()
    right = "the encoding that the file was written in" if stated and encoding != "utf-8" else _setting(_likely(raw))
    return UnreadableData(
        f"the file is not {encoding.upper()}: byte {at} is 0x{byte:02x}"
        + (", though other letters before it are UTF-8: two encodings are mixed" if mixed else ""),
        where=f"{location}: line {line}, byte {at}",
        expected="one encoding throughout; write the lines that are in another one anew" if mixed else right,
    )


def _likely(raw: bytes) -> str:
    """Find an encoding that all the bytes are valid in; latin-1 fits any bytes, so it comes last."""
    high = [each for each in set(raw) if each >= 0x80]
    if any(0x80 <= each < 0xA0 for each in high):
        try:
            raw.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    return "latin-1"


def _setting(encoding: str) -> str:
    return f"UTF-8, or {_stated(encoding)} if it was written in that"


def _stated(encoding: str) -> str:
    return f'the setting "encoding": "{encoding}" (--reading encoding={encoding})'


def reader(data: bytes) -> IO[str]:
    """Open the text of UTF-8 bytes, line ends as they are."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
