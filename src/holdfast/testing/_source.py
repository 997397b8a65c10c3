"""The suite of sources."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import HoldfastError, UnreadableData
from holdfast.core.ports import Source
from holdfast.testing._conformance import (
    ConformanceError,
    attempt,
    digests_of,
    must_refuse,
    must_work,
    require,
    resolve,
)
from holdfast.testing.data import tiny_rows

Write = Callable[[pl.DataFrame, Path], Any]

#: Files that a source of that suffix is tried with, and whether half of the file can be told from a whole one.
WRITERS: dict[str, tuple[Write, bool]] = {
    ".parquet": (lambda rows, path: rows.write_parquet(path), True),
    ".arrow": (lambda rows, path: rows.write_ipc(path), True),
    ".csv": (lambda rows, path: rows.write_csv(path), False),
    ".ndjson": (lambda rows, path: rows.write_ndjson(path), False),
    ".json": (lambda rows, path: rows.write_json(path), True),
}


def check_source(
    source: Source | str,
    *,
    suffix: str | None = None,
    write: Write | None = None,
    settings: Mapping[str, Any] | None = None,
    whole: bool = True,
) -> None:
    """Check a source of files: it reads what was written, and says of what it cannot read which and where.

    Parameters
    ----------
    source
        The source, or the name that it is registered under.
    suffix
        Suffix of its files; one of the usual that it matches when None.
    write
        Writes rows to a path in the source's format; needed for an unusual suffix.
    settings
        Settings of the source.
    whole
        Whether half of a file can be told from a whole one; it is then refused. Used with `write`.

    Raises
    ------
    ConformanceError
        If the source breaks a rule of the port; says which, and what was seen.
    """
    made: Source = resolve("source", source)
    require(isinstance(made, Source), f"{made!r} lacks members of Source")
    found = [suffix] if suffix is not None else [each for each in WRITERS if made.matches(f"rows{each}")]
    require(found, f"source {made.name!r} matches none of {sorted(WRITERS)}; hand over `suffix` and `write`")
    for each in found:
        writer, told = (write, whole) if write is not None else WRITERS[each]
        with tempfile.TemporaryDirectory() as folder:
            _check_file(made, Path(folder), each, write=writer, whole=told, settings=dict(settings or {}))


def _check_file(
    source: Source, folder: Path, suffix: str, *, write: Write, whole: bool, settings: dict[str, Any]
) -> None:
    what = f"source {source.name!r} ({suffix})"
    rows = tiny_rows(120).drop("seen")
    path = folder / f"rows{suffix}"
    require(source.matches(str(path)) is True, f"{what} does not match {path.name!r}")
    require(source.matches("rows.unheard-of") is False, f"{what} matches a suffix that nobody has heard of")
    write(rows, path)
    before = digests_of(folder)
    read = must_work(f"{what}, reading a good file,", partial(source.read, str(path), settings))
    require(isinstance(read, pl.DataFrame), f"{what} gave a {type(read).__name__}, not a table")
    require(read.columns == rows.columns, f"{what} read columns {read.columns}; written were {rows.columns}")
    require(read.height == rows.height, f"{what} read {read.height} rows; written were {rows.height}")
    _check_cells(read, rows, what)
    require(digests_of(folder) == before, f"{what} changed what lies in the folder")
    again = source.read(str(path), settings)
    require(again.equals(read), f"{what} read one file twice and gave two tables")
    _check_bad_files(source, path, what, whole=whole, settings=settings)


def _check_cells(read: pl.DataFrame, rows: pl.DataFrame, what: str) -> None:
    for name in ("id", "sex"):
        require(read[name].to_list() == rows[name].to_list(), f"{what} read other texts in {name!r} than were written")
    for name in ("age", "weight", "visits"):
        require(read.schema[name].is_numeric(), f"{what} read the numbers of {name!r} as {read.schema[name]}")
        there, back = (np.asarray(each[name].cast(pl.Float64).to_numpy()) for each in (rows, read))
        require(np.array_equal(there, back, equal_nan=True), f"{what} read other numbers in {name!r} than were written")


def _check_bad_files(source: Source, path: Path, what: str, *, whole: bool, settings: dict[str, Any]) -> None:
    data = path.read_bytes()
    gone = path.with_name(f"gone{path.suffix}")
    error = must_refuse(
        f"{what}, reading a file that is not there,", partial(source.read, str(gone), settings), UnreadableData
    )
    require("gone" in str(error), f"{what} does not say which file is not there: {error}")
    must_refuse(f"{what}, reading a folder,", partial(source.read, str(path.parent), settings), UnreadableData)
    bad = {"an empty file": b"", "random bytes": np.random.default_rng(0).bytes(2000)}
    if whole:
        bad |= {"half of a file": data[: len(data) // 2], "a file without its last byte": data[:-1]}
    for name, content in bad.items():
        path.write_bytes(content)
        must_refuse(f"{what}, reading {name},", partial(source.read, str(path), settings))
    if not whole:
        path.write_bytes(data[: len(data) // 2])
        found = attempt(f"{what}, reading half of a file,", partial(source.read, str(path), settings))
        if not isinstance(found, (pl.DataFrame, HoldfastError)):
            raise ConformanceError(f"{what}, reading half of a file, gave a {type(found).__name__}")
    path.write_bytes(data)
    must_work(f"{what}, reading a good file after bad ones,", partial(source.read, str(path), settings))
