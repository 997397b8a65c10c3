"""Slices: the condition that chooses the rows which a slice's words name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from holdfast.core.errors import ColumnNotFound, one_of
from holdfast.quality import algebra as a
from holdfast.quality._expressions import is_text


def slice_condition(schema: Mapping[str, pl.DataType], words: Sequence[tuple[str, str]]) -> a.Condition | None:
    """Condition that is true of the rows of a slice; None for all rows.

    Parameters
    ----------
    schema
        Column types by name.
    words
        Columns, and the words that name one of their values: ``(missing)`` where there is none; a whole number has one
        name, whatever its type.

    Raises
    ------
    ColumnNotFound
        If there is no such column.
    """
    parts: list[a.Condition] = []
    for column, word in words:
        kind = schema.get(column)
        if kind is None:
            raise ColumnNotFound(f"no column {column!r} to slice by", expected=one_of(schema, column))
        parts.append(a.InSlice(column, _family(kind), str(word)))
    return a.every(*parts) if parts else None


def _family(kind: pl.DataType) -> str:
    if kind == pl.String:
        return "text"
    if kind == pl.Boolean:
        return "boolean"
    if kind == pl.Date:
        return "date"
    if kind.is_integer():
        return "integer"
    if kind.is_float():
        return "float32" if kind == pl.Float32 else "float"
    return "words" if is_text(kind) else "other"
