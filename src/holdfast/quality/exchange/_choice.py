"""Which of several tables of a file is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from holdfast.core.errors import MalformedContract, UnknownName, one_of
from holdfast.quality.exchange._suite import Unmapped

Part = TypeVar("Part")


def chosen(parts: Mapping[str, Part], table: str | None, *, name: str, what: str = "table") -> tuple[str, Part]:
    """The part with that name, or the only one.

    Raises
    ------
    MalformedContract
        If there is none, or there are several and none is named.
    UnknownName
        If there is none of that name.
    """
    if not parts:
        raise MalformedContract(f"no {what} with checks", where=name, expected=f"at least one {what}")
    if table is not None:
        if table not in parts:
            raise UnknownName(f"no {what} {table!r}", where=name, expected=one_of(parts, table))
        return table, parts[table]
    if len(parts) > 1:
        raise MalformedContract(
            f"checks of {len(parts)} {what}s", where=name, expected=f"--table NAME: {one_of(parts)}"
        )
    return next(iter(parts.items()))


#: What the file of a table may end with, the likelier first.
ENDINGS = (".csv", ".parquet", ".csv.gz", ".tsv", ".tsv.gz")


def file_of(table: str, folder: Path | None) -> tuple[str, bool]:
    """Name of the file of a table beside a suite, and whether it is there.

    Raises
    ------
    Unmapped
        If the name would leave the folder.
    """
    if not re.fullmatch(r"[^/\\\0]{1,200}", table) or table.startswith("."):
        raise Unmapped(f"the other table {table!r} cannot be a file")
    names = [f"{table}{ending}" for ending in ENDINGS]
    there = [each for each in names if folder is not None and (folder / each).is_file()]
    return (there[0], True) if there else (names[0], False)
