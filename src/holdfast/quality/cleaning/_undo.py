"""Taking a cleaning back: the table as it was, checked before a byte of it is written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from holdfast.core.errors import DigestMismatch, UnreadableData
from holdfast.quality.cleaning._content import content_digest
from holdfast.quality.cleaning._packing import Wrapper
from holdfast.quality.cleaning._publish import Publication, check_target, hashed
from holdfast.quality.cleaning._report import read_report
from holdfast.quality.cleaning._result import Undone
from holdfast.quality.cleaning._tables import kind_of
from holdfast.quality.cleaning._text_table import TextTable, read_text, sha256_of
from holdfast.quality.cleaning._typed_table import TypedTable, read_typed
from holdfast.quality.sources._files import opened

Read = TypeVar("Read", TextTable, TypedTable)


def undo_file(report: Path, fixed: Path, *, out: Path) -> Undone:
    """Put the cells of a repaired file back to what they were.

    Parameters
    ----------
    report
        The trail that `clean_file` wrote.
    fixed
        The repaired file; it must be what was written then.
    out
        Where the table as it was goes.

    Returns
    -------
    Undone
        A CSV is the source bit for bit; of a packed CSV the text is, and the file too where the report says how it was
        packed; a Parquet file has the source's schema and values.

    Raises
    ------
    UnreadableData
        If the report is not one, or the repaired file cannot be read.
    DigestMismatch
        If the repaired file is not the one that was written, or what would come out is not the source: says where.
    UnsafePath, StoreUnavailable
        If `out` may not, or cannot, be written.
    """
    trail = read_report(report)
    check_target(out, what="out", taken=(report, fixed))
    for what, path in (("out", out), (str(fixed), fixed)):
        if kind_of(path, what=what) != trail["format"]:
            message = f"{path.name!r} under a report of {trail['format']}"
            raise UnreadableData(message, where=what, expected=f"a {trail['format']} file")
    table = _opened(fixed, trail)
    sha256 = _undo_text(table, trail, out) if isinstance(table, TextTable) else _undo_typed(table, trail, out)
    source = trail["source"]
    return Undone(
        report=report,
        fixed=fixed,
        out=out,
        rows=trail["rows"],
        restored=len(trail["changes"]),
        sha256=sha256,
        content_sha256=source["content_sha256"],
        identical=sha256 == source["sha256"],
    )


def _opened(fixed: Path, trail: Mapping[str, Any]) -> TextTable | TypedTable:
    opened(str(fixed))
    if trail["format"] == "parquet":
        return _checked(read_typed(fixed, {}), fixed, trail)
    return _checked(read_text(fixed, _reading(trail["dialect"]), wrappers=False), fixed, trail)


def _checked(table: Read, fixed: Path, trail: Mapping[str, Any]) -> Read:
    if table.digests.content_sha256 != trail["fixed"]["content_sha256"]:
        raise DigestMismatch(
            f"it is not the file that clean wrote: {_difference(table, trail)}",
            where=str(fixed),
            expected=f"content with the SHA-256 {trail['fixed']['content_sha256']}",
        )
    return table


def _reading(dialect: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {"delimiter": str, "quotes": bool, "encoding": str}
    for name, kind in kinds.items():
        if not isinstance(dialect.get(name), kind):
            raise UnreadableData(f"the field {name!r} is missing", where="report: dialect", expected="a whole report")
    return {name: dialect[name] for name in kinds}


def _difference(table: TextTable | TypedTable, trail: Mapping[str, Any]) -> str:
    """Where a file first differs from the one that was written, as far as the report can tell."""
    if list(table.columns) != trail["columns"]:
        return f"its columns are {', '.join(map(repr, table.columns[:12]))}"
    if table.rows != trail["rows"]:
        return f"it has {table.rows} rows instead of {trail['rows']}"
    place = _differing_piece(table, trail) if isinstance(table, TextTable) else None
    for each in trail["changes"]:
        row, column = each["row"], each["column"]
        value = table.field(row, column)
        if (value or None) != (each["after"] or None):
            return f"row {row}, column {column!r} does not hold the repaired value" + (f"; {place}" if place else "")
    return place or "a cell that was not repaired differs"


def _differing_piece(table: TextTable, trail: Mapping[str, Any]) -> str | None:
    pieces = trail.get("pieces")
    if not isinstance(pieces, dict) or not isinstance(pieces.get("bytes"), int) or pieces["bytes"] <= 0:
        return None
    text, size = b"".join(table.text(())), pieces["bytes"]
    found = [f"{zlib.crc32(text[start : start + size]):08x}" for start in range(0, len(text), size)]
    for place, (mine, theirs) in enumerate(itertools.zip_longest(found, pieces.get("crc32") or ())):
        if mine != theirs:
            first, last = (table.line_of(min(each * size, len(table.data))) for each in (place, place + 1))
            return f"the first difference is in bytes {place * size} to {(place + 1) * size}, lines {first} to {last}"
    return None


def _undo_text(table: TextTable, trail: Mapping[str, Any], out: Path) -> str:
    changes = sorted(trail["changes"], key=lambda each: (each["row"], table.columns.index(each["column"])))
    splices = table.replacing([(each["row"], each["column"], each["raw_before"] or "") for each in changes])
    _check(sha256_of(table.text(splices)), trail)
    wrapper = _wrapper(trail["dialect"].get("gzip"))
    return _publish(table.packed_text(splices, out=out, wrapper=wrapper), out, table.location)


def _undo_typed(table: TypedTable, trail: Mapping[str, Any], out: Path) -> str:
    values: dict[str, dict[int, str | None]] = {}
    for each in trail["changes"]:
        # An empty text and a missing value are both shown as empty; the raw one tells them apart.
        held = each["before"] if each["before"] is not None else each["raw_before"]
        values.setdefault(each["column"], {})[each["row"]] = held
    frame = table.edited(values)
    _check(content_digest(frame), trail)
    return _publish(table.bytes_of(frame), out, table.location)


def _publish(pieces: Iterable[bytes], out: Path, fixed: str) -> str:
    digest = hashlib.sha256()
    with Publication(mode=Path(fixed).stat().st_mode & 0o666 | 0o200) as files:
        files.write(out, hashed(pieces, digest))
        files.publish()
    return digest.hexdigest()


def _check(content_sha256: str, trail: Mapping[str, Any]) -> None:
    expected = trail["source"]["content_sha256"]
    if content_sha256 != expected:
        raise DigestMismatch(
            f"what would come out has the SHA-256 {content_sha256}: a change in the report is not what was made",
            where="report: changes",
            expected=f"the source's, {expected}; nothing was written",
        )


def _wrapper(found: Any) -> Wrapper | None:
    """Wrapper that a report tells of; None where it tells of none that can be used."""
    if not isinstance(found, dict) or not isinstance(found.get("header"), str):
        return None
    level = found.get("level")
    try:
        header = base64.b64decode(found["header"], validate=True)
    except binascii.Error:
        return None
    return Wrapper(header, level) if isinstance(level, int) and 0 <= level <= 9 else None
