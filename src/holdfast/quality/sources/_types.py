"""Types that a contract states for columns, instead of those that were inferred."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from holdfast.core.errors import ColumnNotFound, InvalidValue, UnreadableData, one_of

#: As in `DataSpec.types`.
STATED = ("number", "category", "text", "time", "boolean")


def as_text(types: Mapping[str, str]) -> list[str]:
    """Columns that must be read as text, so that a code such as ``01234`` keeps its zeros."""
    return [name for name, kind in types.items() if kind in ("category", "text")]


def typed(rows: pl.DataFrame, types: Mapping[str, str], location: str) -> pl.DataFrame:
    """Cast columns to the types that the contract states.

    Parameters
    ----------
    rows
        Shape (n, columns).
    types
        ``number``, ``category``, ``text``, ``time`` or ``boolean``, by column.
    location
        How to name the file in errors.

    Raises
    ------
    ColumnNotFound
        If a column is not there; suggests the nearest.
    InvalidValue
        If a type is not one.
    UnreadableData
        If a value is not of the type: names the first row.
    """
    for name, kind in types.items():
        if kind not in STATED:
            raise InvalidValue(f"type {kind!r} of column {name!r}", where=location, expected=one_of(STATED, kind))
        if name not in rows.columns:
            raise ColumnNotFound(f"no column {name!r}", where=location, expected=one_of(rows.columns, name))
        made = rows.select(_cast(rows.schema[name], name, kind))[name]
        lost = (made.is_null() & rows[name].is_not_null()).arg_true()
        if len(lost):
            # The row, not the value: what stands in it may be personal.
            raise UnreadableData(
                f"{len(lost)} values of column {name!r} are no {kind}, first in row {lost[0]} (from 0)",
                where=location,
                expected=f"values that read as {kind}, or another type for {name!r} in the contract",
            )
        rows = rows.with_columns(made)
    return rows


def _cast(found: pl.DataType, name: str, kind: str) -> pl.Expr:
    value = pl.col(name)
    if kind in ("category", "text"):
        return value.cast(pl.String)
    if kind == "number":
        return value if found.is_numeric() else _text(value, found).cast(pl.Float64, strict=False)
    if kind == "time":
        return value if found.is_temporal() else _text(value, found).str.to_datetime(strict=False)
    if found == pl.Boolean:
        return value
    word = _text(value, found).str.to_lowercase()
    yes = pl.when(word.is_in(["true", "1", "1.0"])).then(pl.lit(value=True))
    return yes.when(word.is_in(["false", "0", "0.0"])).then(pl.lit(value=False)).alias(name)


def _text(value: pl.Expr, found: pl.DataType) -> pl.Expr:
    return value.cast(pl.String).str.strip_chars() if found != pl.Boolean else value.cast(pl.Int8).cast(pl.String)
