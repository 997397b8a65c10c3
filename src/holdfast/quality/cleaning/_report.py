"""The report of a cleaning: its trail, written for people and read back strictly by undo."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import plain
from holdfast.core.errors import UnreadableData
from holdfast.quality.sources._files import opened

if TYPE_CHECKING:
    from holdfast.quality.cleaning._result import Cleaned
    from holdfast.quality.cleaning._tables import Edit, Table

VERSION = 1

_NAME = "holdfast_repairs"
_PIECES = 4096
_SMALLEST_PIECE = 1 << 12

_FIELDS: dict[str, type | tuple[type, ...]] = {
    _NAME: int,
    "created_by": str,
    "format": str,
    "source": dict,
    "fixed": (dict, type(None)),
    "dialect": dict,
    "rows": int,
    "columns": list,
    "settings": dict,
    "changes": list,
    "held_back": list,
    "suspects": list,
    "duplicates": list,
    "counts": dict,
    "notes": list,
}
_CHANGE: dict[str, type | tuple[type, ...]] = {
    "row": int,
    "column": str,
    "before": (str, type(None)),
    "after": (str, type(None)),
    "raw_before": (str, type(None)),
    "rule": str,
    "confidence": (int, float),
    "reason": str,
}


@dataclass(slots=True)
class Watch:
    """Checksums of the pieces of a text, taken as it is written, so that undo can say where another one differs."""

    size: int
    _sums: list[str]
    _rest: bytearray

    @classmethod
    def over(cls, length: int) -> Watch:
        """A watch over about that many bytes, in at most a few thousand pieces."""
        return cls(max(_SMALLEST_PIECE, -(-length // _PIECES)), [], bytearray())

    def passed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same bytes, looked at."""
        for piece in pieces:
            self._rest += piece
            while len(self._rest) >= self.size:
                self._sums.append(f"{zlib.crc32(self._rest[: self.size]):08x}")
                del self._rest[: self.size]
            yield piece

    def to_dict(self) -> dict[str, Any]:
        """Size of a piece in bytes, and the CRC-32 of each."""
        last = [f"{zlib.crc32(self._rest):08x}"] if self._rest else []
        return {"bytes": self.size, "crc32": [*self._sums, *last]}


def report_bytes(
    cleaned: Cleaned, table: Table, edits: Sequence[Edit], *, settings: Mapping[str, Any], watch: Watch | None
) -> bytes:
    """JSON of a report, in UTF-8.

    Parameters
    ----------
    cleaned, table, edits
        What was done, to what, and how it was written.
    settings
        What the cleaning was asked for.
    watch
        Checksums of the pieces of the fixed content, where there are any.
    """
    from holdfast import __version__

    told = cleaned.to_dict()
    made = {
        _NAME: VERSION,
        "created_by": f"holdfast {__version__}",
        "format": table.kind,
        "source": _file(cleaned.source, cleaned.digests, "source"),
        "fixed": None if cleaned.out is None else _file(cleaned.out, cleaned.digests, "fixed"),
        "pieces": None if watch is None else watch.to_dict(),
        "dialect": table.dialect_dict(),
        "rows": cleaned.rows,
        "columns": list(table.columns),
        "settings": dict(settings),
        "counts": told["counts"],
        "changes": [{**asdict(each.change), "raw_before": each.raw_before} for each in edits],
        **{name: told[name] for name in ("held_back", "suspects", "duplicates", "quarantined", "notes", "effect")},
    }
    return (json.dumps(plain(made), indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _file(path: Path, digests: Mapping[str, str], name: str) -> dict[str, str]:
    return {"name": path.name, "sha256": digests[name], "content_sha256": digests[f"{name}_content"]}


def read_report(path: Path) -> dict[str, Any]:
    """Read a report, strictly.

    Raises
    ------
    UnreadableData
        If it is not there, no JSON, of another version, lacks a field or has one of another kind, is of a plan that was
        never carried out, or names a cell outside of its table or twice: says what, and where.
    """
    location = str(path)
    opened(location)
    try:
        found = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableData(f"the report is no JSON: {error}", where=location, expected="a report of clean") from None
    if not isinstance(found, dict) or _NAME not in found:
        raise UnreadableData("no report of a cleaning", where=location, expected=f"JSON with the field {_NAME!r}")
    if found[_NAME] != VERSION:
        raise UnreadableData(
            f"a report of version {found[_NAME]!r}", where=f"{location}: {_NAME}", expected=f"version {VERSION}"
        )
    _check(found, _FIELDS, location)
    if found["fixed"] is None:
        raise UnreadableData(
            "the report is of a plan: nothing was written, so there is nothing to undo",
            where=f"{location}: fixed",
            expected="a report written together with a repaired file",
        )
    for name in ("source", "fixed"):
        _check(found[name], {"name": str, "sha256": str, "content_sha256": str}, f"{location}: {name}")
    _check_cells(found, location)
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _check_cells(found: Mapping[str, Any], location: str) -> None:
    seen: set[tuple[int, str]] = set()
    columns = {each for each in found["columns"] if isinstance(each, str)}
    for place, each in enumerate(found["changes"]):
        where = f"{location}: changes[{place}]"
        if not isinstance(each, dict):
            raise UnreadableData(f"a {type(each).__name__} instead of a change", where=where, expected="a mapping")
        _check(each, _CHANGE, where)
        if not 0 <= each["row"] < found["rows"]:
            raise UnreadableData(
                f"row {each['row']} of a table of {found['rows']} rows", where=where, expected="a row of the table"
            )
        if each["column"] not in columns:
            raise UnreadableData(f"column {each['column']!r}", where=where, expected="a column of the table")
        if (each["row"], each["column"]) in seen:
            raise UnreadableData("a cell that is changed twice", where=where, expected="each cell once")
        seen.add((each["row"], each["column"]))


def _check(found: Mapping[str, Any], fields: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    for name, kind in fields.items():
        if name not in found:
            raise UnreadableData(f"the field {name!r} is missing", where=where, expected="a whole report")
        value = found[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            kinds = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
            raise UnreadableData(f"the field {name!r} is a {type(value).__name__}", where=where, expected=kinds)
