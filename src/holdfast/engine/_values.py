"""Values between steps: one sealed form of bytes that every executor, process and machine reads alike.

A sealed value is ``HFV1``, the length of its head (4 bytes, big-endian), the head (JSON) and the blobs one after
another. The head holds a tree of plain data in which a mapping ``{"$": kind, ...}`` stands for what JSON cannot say;
``{"$": "npy", "at": 0}`` is the first blob, an array in NumPy's own format. The digest of a value is the SHA-256 of
its sealed form. Opening one runs no code: no pickle, and the only classes made are the nouns of `holdfast.core`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import DigestMismatch, HoldfastError, Uncacheable

MAGIC = b"HFV1"
MARK = "$"

_PLAIN = "plain data, a noun of holdfast.core, a NumPy array, a Polars frame, bytes, or the Path of a file"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value as bytes, and their digest."""

    data: bytes
    digest: str


class Hole:
    """Base of what may stand in an argument for a value that is not there yet."""

    __slots__ = ()


def seal(value: Any, *, where: str | None = None, hole: Callable[[Hole], dict[str, Any]] | None = None) -> Sealed:
    """Seal a value.

    Parameters
    ----------
    value
        Plain data, nouns, arrays, frames, bytes, Paths of files (by content), and containers of them.
    where
        Step to name in the error.
    hole
        Says what to write for a `Hole`; without it a hole is refused.

    Raises
    ------
    Uncacheable
        If something in the value has no such form; names its type and its place in the value.
    """
    writer = _Writer(where, hole)
    try:
        tree = writer.write(value, "")
        head = json.dumps({"v": tree, "b": [len(blob) for blob in writer.blobs]}, separators=(",", ":")).encode()
    except (RecursionError, ValueError) as error:
        if isinstance(error, HoldfastError):
            raise
        raise Uncacheable(f"a value cannot be written: {error}", where=where, expected=_PLAIN) from error
    data = b"".join((MAGIC, struct.pack(">I", len(head)), head, *writer.blobs))
    return Sealed(data, digest_bytes(data))


def unseal(
    data: bytes | memoryview,
    *,
    folder: Path | None = None,
    hole: Callable[[Mapping[str, Any]], Any] | None = None,
) -> Any:
    """Value of a sealed form; a fresh copy each time.

    Parameters
    ----------
    data
        What `seal` made.
    folder
        Where files are written, each under a folder named by its digest; None refuses files.
    hole
        Gives the value for a hole.

    Raises
    ------
    DigestMismatch
        If the bytes are no sealed value.
    """
    return _Reader(data, folder, hole).value()


def pick(value: Any, path: Sequence[Any]) -> Any:
    """Part that lies under a path of keys and indices in a value."""
    for key in path:
        value = value[key]
    return value


class _Writer:
    def __init__(self, where: str | None, hole: Callable[[Hole], dict[str, Any]] | None) -> None:
        self.where = where
        self.hole = hole
        self.blobs: list[bytes] = []

    def write(self, value: Any, place: str) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is int or kind is float or kind is str:
            return value
        if kind is list:
            return [self.write(each, f"{place}[{index}]") for index, each in enumerate(value)]
        if kind is dict:
            return self._mapping(value, place)
        if kind is tuple:
            return {MARK: "tuple", "v": [self.write(each, f"{place}[{index}]") for index, each in enumerate(value)]}
        return self._other(value, place)

    def blob(self, data: bytes) -> int:
        self.blobs.append(data)
        return len(self.blobs) - 1

    def refuse(self, value: Any, place: str, why: str = "") -> Uncacheable:
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        at = f" at {place}" if place else ""
        return Uncacheable(
            f"a value of type {kind}{at} cannot pass between steps{why}", where=self.where, expected=_PLAIN
        )

    def _mapping(self, value: Mapping[Any, Any], place: str) -> Any:
        if all(type(key) is str for key in value) and MARK not in value:
            return {key: self.write(each, f"{place}[{key!r}]") for key, each in value.items()}
        pairs = [
            [self.write(key, f"key of {place}"), self.write(each, f"{place}[{key!r}]")] for key, each in value.items()
        ]
        return {MARK: "map", "v": pairs}

    def _other(self, value: Any, place: str) -> Any:
        if isinstance(value, Hole):
            if self.hole is None:
                raise self.refuse(value, place, ": it is the handle of a step that has not run")
            return self.hole(value)
        for kind, write in _SIMPLE:
            if isinstance(value, kind):
                return write(self, value, place)
        module = type(value).__module__.partition(".")[0]
        if module in ("numpy", "polars"):
            from holdfast.engine import _frames

            written = _frames.write(value, self.blob)
            if written is None:
                raise self.refuse(value, place, _frames.why(value))
            return written
        from holdfast.engine import _nouns

        fields = _nouns.fields_of(value)
        if fields is None:
            raise self.refuse(value, place)
        name, items = fields
        return {MARK: "noun", "t": name, "v": {key: self.write(each, f"{place}.{key}") for key, each in items.items()}}


def _write_enum(writer: _Writer, value: Enum, place: str) -> Any:
    from holdfast.engine import _nouns

    name = _nouns.enum_name(value)
    if name is None:
        raise writer.refuse(value, place)
    return {MARK: "enum", "t": name, "v": writer.write(value.value, place)}


def _write_time(_: _Writer, value: date, __: str) -> Any:
    return {MARK: "datetime" if isinstance(value, datetime) else "date", "v": value.isoformat()}


def _write_delta(_: _Writer, value: timedelta, __: str) -> Any:
    return {MARK: "timedelta", "v": [value.days, value.seconds, value.microseconds]}


def _write_bytes(writer: _Writer, value: bytes | bytearray | memoryview, _: str) -> Any:
    return {MARK: "bytes", "at": writer.blob(bytes(value))}


def _write_path(writer: _Writer, value: Path, place: str) -> Any:
    try:
        data = value.read_bytes()
    except OSError as error:
        raise writer.refuse(value, place, f": {value} is no readable file ({error.strerror})") from error
    return {MARK: "file", "name": value.name, "at": writer.blob(data)}


def _write_set(writer: _Writer, value: Set[Any], place: str) -> Any:
    # A set's own order changes from process to process; that of its items' digests does not.
    ordered = sorted(value, key=lambda each: seal(each, where=writer.where).digest)
    kind = "frozenset" if isinstance(value, frozenset) else "set"
    return {MARK: kind, "v": [writer.write(each, f"an item of {place}") for each in ordered]}


#: Tried in order; a subclass of a plain type (an Enum that is a str) must come before the type.
_SIMPLE: tuple[tuple[Any, Callable[[_Writer, Any, str], Any]], ...] = (
    (Enum, _write_enum),
    (date, _write_time),
    (timedelta, _write_delta),
    ((bytes, bytearray, memoryview), _write_bytes),
    (Path, _write_path),
    ((set, frozenset), _write_set),
)


class _Reader:
    def __init__(
        self, data: bytes | memoryview, folder: Path | None, hole: Callable[[Mapping[str, Any]], Any] | None
    ) -> None:
        self.view = memoryview(data)
        self.folder = folder
        self.hole = hole
        if len(self.view) < 8 or self.view[:4] != MAGIC:
            raise DigestMismatch("these bytes are no sealed value", expected="bytes that begin with HFV1")
        (length,) = struct.unpack(">I", self.view[4:8])
        try:
            head = json.loads(bytes(self.view[8 : 8 + length]))
            self.tree, sizes = head["v"], head["b"]
        except (ValueError, KeyError, TypeError) as error:
            raise DigestMismatch(f"the head of a sealed value cannot be read: {error}") from error
        self.spans: list[tuple[int, int]] = []
        start = 8 + length
        for size in sizes:
            self.spans.append((start, start + size))
            start += size
        if start != len(self.view):
            raise DigestMismatch(f"a sealed value of {len(self.view)} bytes", expected=f"{start} bytes")

    def value(self) -> Any:
        return self.read(self.tree)

    def blob(self, at: int) -> memoryview:
        start, end = self.spans[at]
        return self.view[start:end]

    def read(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.read(each) for each in tree]
        if not isinstance(tree, dict):
            return tree
        mark = tree.get(MARK)
        if mark is None:
            return {key: self.read(each) for key, each in tree.items()}
        read = _READ.get(mark)
        if read is None:
            raise DigestMismatch(f"a sealed value holds an unknown kind {mark!r}")
        return read(self, tree)

    def read_hole(self, tree: Mapping[str, Any]) -> Any:
        if self.hole is None:
            raise DigestMismatch("a sealed value has a hole that nobody fills")
        return self.hole(tree)

    def read_file(self, tree: Mapping[str, Any]) -> Path:
        data = self.blob(tree["at"])
        name = str(tree["name"])
        if self.folder is None or name in ("", ".", "..") or Path(name).name != name or "\0" in name:
            raise DigestMismatch(f"a sealed file named {name!r} cannot be written", expected="a plain file name")
        return put_file(self.folder / digest_bytes(data), name, data)

    def read_array(self, tree: Mapping[str, Any]) -> Any:
        from holdfast.engine import _frames

        return _frames.read(tree, self.blob)

    def read_noun(self, tree: Mapping[str, Any]) -> Any:
        from holdfast.engine import _nouns

        return _nouns.make(tree["t"], {key: self.read(each) for key, each in tree["v"].items()})

    def read_enum(self, tree: Mapping[str, Any]) -> Any:
        from holdfast.engine import _nouns

        return _nouns.make_enum(tree["t"], self.read(tree["v"]))


_READ: dict[str, Callable[[_Reader, Mapping[str, Any]], Any]] = {
    "tuple": lambda reader, tree: tuple(reader.read(each) for each in tree["v"]),
    "map": lambda reader, tree: {reader.read(key): reader.read(each) for key, each in tree["v"]},
    "set": lambda reader, tree: {reader.read(each) for each in tree["v"]},
    "frozenset": lambda reader, tree: frozenset(reader.read(each) for each in tree["v"]),
    "datetime": lambda _, tree: datetime.fromisoformat(tree["v"]),
    "date": lambda _, tree: date.fromisoformat(tree["v"]),
    "timedelta": lambda _, tree: timedelta(*tree["v"]),
    "bytes": lambda reader, tree: bytes(reader.blob(tree["at"])),
    "file": _Reader.read_file,
    "in": _Reader.read_hole,
    "noun": _Reader.read_noun,
    "enum": _Reader.read_enum,
    "npy": _Reader.read_array,
    "scalar": _Reader.read_array,
    "texts": _Reader.read_array,
    "frame": _Reader.read_array,
    "series": _Reader.read_array,
}


def put_file(folder: Path, name: str, data: bytes | memoryview) -> Path:
    """Write a file, read-only, under a folder named by its digest; whole or not at all."""
    import os
    import tempfile

    path = folder / name
    if path.exists() and digest_bytes(path.read_bytes()) == folder.name:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(made).chmod(0o444)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
    return path
