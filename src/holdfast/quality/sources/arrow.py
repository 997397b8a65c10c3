"""Arrow IPC (Feather 2) files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.core.errors import UnreadableData
from holdfast.core.registry import source
from holdfast.quality.sources._files import ends_with, known, opened
from holdfast.quality.sources._types import typed

_MAGIC = b"ARROW1"


@source
class ArrowSource:
    """Rows of an Arrow IPC file on this machine.

    Settings: ``types`` by column (number, category, text, time, boolean).
    """

    name = "arrow"

    def matches(self, location: str) -> bool:
        """Whether it is a local path that ends in .arrow, .feather or .ipc."""
        return ends_with(location, (".arrow", ".feather", ".ipc"))

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
            Shape (n, columns).

        Raises
        ------
        UnreadableData
            If there is no such file, or it is a folder, empty, truncated, damaged, or no Arrow file.
        UnknownField
            If a setting is not one.
        """
        known(settings, {"types": Mapping}, where=location)
        path = opened(location)
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            file.seek(max(0, path.stat().st_size - len(_MAGIC)))
            tail = file.read()
        if head != _MAGIC or tail != _MAGIC:
            what = "no Arrow file" if head != _MAGIC else "the Arrow file is truncated"
            raise UnreadableData(what, where=location, expected=f"{_MAGIC!r} at both ends")
        try:
            rows = pl.read_ipc(path, use_pyarrow=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UnreadableData(f"the Arrow file is damaged: {why}", where=location) from error
        return typed(rows, settings.get("types") or {}, location)
