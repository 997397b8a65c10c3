"""Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.core.errors import ColumnNotFound, UnreadableData, one_of
from holdfast.core.registry import source
from holdfast.quality.sources._files import ends_with, known, opened
from holdfast.quality.sources._types import typed

_MAGIC = b"PAR1"
_SMALLEST = 12


@source
class ParquetSource:
    """Rows of a Parquet file on this machine.

    Settings: ``columns``, a list of the columns to read, and ``types`` by column (number, category, text, time,
    boolean).
    """

    name = "parquet"

    def matches(self, location: str) -> bool:
        """Whether it is a local path that ends in .parquet or .pq."""
        return ends_with(location, (".parquet", ".pq"))

    def read(self, location: str, settings: Mapping[str, Any]) -> pl.DataFrame:
        """Rows as a table.

        Parameters
        ----------
        location
            Path of the file.
        settings
            As above.

        Returns
        -------
        polars.DataFrame
            Shape (n, columns); n may be 0.

        Raises
        ------
        UnreadableData
            If there is no such file, or it is a folder, empty, truncated, damaged, or no Parquet.
        ColumnNotFound
            If a column that is asked for is not there.
        UnknownField
            If a setting is not one.
        """
        known(settings, {"columns": list, "types": Mapping}, where=location)
        path = opened(location)
        _whole(path, location)
        try:
            names = list(pl.read_parquet_schema(path))
            for each in settings.get("columns") or ():
                if each not in names:
                    raise ColumnNotFound(f"no column {each!r}", where=location, expected=one_of(names, str(each)))
            rows = pl.read_parquet(path, columns=settings.get("columns"), use_pyarrow=False, glob=False)
        except pl.exceptions.DuplicateError as error:
            raise UnreadableData(
                f"a column name stands twice: {error}", where=location, expected="each once"
            ) from error
        except (pl.exceptions.PolarsError, OSError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UnreadableData(
                f"the Parquet file is damaged: {why}", where=location, expected="a whole file"
            ) from error
        return typed(rows, settings.get("types") or {}, location)


def _whole(path: Path, location: str) -> None:
    """Check both ends of the file and the length of its footer."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(0, size - 8))
        tail = file.read(8)
    if head != _MAGIC:
        raise UnreadableData(f"no Parquet file: it begins with {head!r}", where=location, expected=repr(_MAGIC))
    if size < _SMALLEST or tail[4:] != _MAGIC:
        raise UnreadableData(
            f"the Parquet file is truncated: it has {size} bytes and no footer",
            where=f"{location}: byte {size}",
            expected=f"{_MAGIC!r} as its last 4 bytes",
        )
    footer = int.from_bytes(tail[:4], "little")
    if footer > size - _SMALLEST:
        raise UnreadableData(
            f"the Parquet file is truncated or damaged: a footer of {footer} bytes in a file of {size}", where=location
        )
