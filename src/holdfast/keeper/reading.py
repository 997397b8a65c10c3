"""Reading: the rows of a file or URL, through the first source that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.core import registry
from holdfast.core.errors import UnreadableData
from holdfast.core.ports import Source

if TYPE_CHECKING:
    import polars as pl


def read_rows(path: str, settings: Mapping[str, Any], *, where: str) -> pl.DataFrame:
    """Rows of a file or URL.

    Parameters
    ----------
    path
        The file or URL.
    settings
        What the source takes to read it.
    where
        Its name in the error, as the user wrote it.

    Returns
    -------
    polars.DataFrame
        Shape (n, columns).

    Raises
    ------
    UnreadableData
        If no source reads such a file, or its bytes are not what they should be.
    """
    for source in registry.every("source"):
        if isinstance(source, Source) and source.matches(path):
            return source.read(path, settings)
    if not path:
        raise UnreadableData("no name of a file", expected="a file or URL")
    known = ", ".join(registry.names("source"))
    raise UnreadableData(
        "no source reads such a file", where=where, expected=f"such as rows.csv or rows.parquet (sources: {known})"
    )
