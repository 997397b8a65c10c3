"""Rows to tensors: the one conversion between a table and a model's inputs, in training, packing and serving alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, DataError, one_of

if TYPE_CHECKING:
    from holdfast.core.models import Column, ModelSchema

#: Units of a `polars` time in one day.
_PER_DAY = {"ms": 86_400_000.0, "us": 86_400_000_000.0, "ns": 86_400_000_000_000.0}


def to_tensors(rows: pl.DataFrame, schema: ModelSchema) -> dict[str, np.ndarray]:
    """Tensors of a model's inputs, one for each column of its schema, in the schema's order.

    Parameters
    ----------
    rows
        Shape (n, columns). Columns that the schema does not name are left out; n may be 0.
    schema
        What the model takes.

    Returns
    -------
    dict of str to numpy.ndarray
        Shape (n, 1) each. `float32`: numbers; booleans 0 and 1; dates and times days since 1970 (times in UTC, to about
        three minutes, which is what 32 bits hold); durations and times of day in days; text that reads as a number;
        missing is NaN; infinities are kept, and numbers beyond the range of 32 bits become infinite.
        `string` (object dtype): text as it is; numbers as the shortest text, whole ones without a fraction; booleans
        ``true`` and ``false``; dates and times in ISO 8601; missing and NaN are the empty string.

    Raises
    ------
    ColumnNotFound
        If `rows` lacks a column of the schema; names the nearest one there is.
    DataError
        If a cell of a `float32` column is no number (names column, row and cell), or a column holds nested values.

    Examples
    --------
    >>> from holdfast.core.models import Column, ModelSchema
    >>> schema = ModelSchema("regression", "y", (Column("age", "float32"), Column("sex", "string")))
    >>> made = to_tensors(pl.DataFrame({"age": [39, 50], "sex": ["f", None]}), schema)
    >>> made["age"].ravel().tolist(), made["sex"].ravel().tolist()
    ([39.0, 50.0], ['f', ''])
    """
    for column in schema.columns:
        if column.name not in rows.columns:
            raise ColumnNotFound(f"no column {column.name!r}", where="rows", expected=one_of(rows.columns, column.name))
    return {column.name: tensor(rows.get_column(column.name), column) for column in schema.columns}


def tensor(values: pl.Series, column: Column) -> np.ndarray:
    """Tensor of one column, of shape (n, 1) and the column's type; see `to_tensors`.

    Raises
    ------
    DataError
        If a cell of a `float32` column is no number, or the column holds nested values.
    """
    if values.dtype.is_nested() or values.dtype in (pl.Binary,):
        raise DataError(f"a column of type {values.dtype}", where=f"column {column.name!r}", expected="numbers or text")
    made = as_float32(values, name=column.name) if column.dtype == "float32" else as_text(values)
    return made.reshape(-1, 1)


def as_float32(values: pl.Series, *, name: str | None = None) -> np.ndarray:
    """Numbers of a column, shape (n,) float32, missing as NaN; see `to_tensors`.

    Raises
    ------
    DataError
        If a cell is no number; names `name` (the series' own name when None), the row and the cell.
    """
    kind = values.dtype
    if kind.is_numeric() or kind in (pl.Boolean, pl.Null):
        # Through float64: a Decimal has no direct way, and a large integer is rounded once.
        wide = values.cast(pl.Float32 if kind == pl.Float32 else pl.Float64).to_numpy()
    elif kind.is_temporal():
        wide = _days(values)
    else:
        wide = _parsed(values, name if name is not None else values.name)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(wide, dtype=np.float32)


def _days(values: pl.Series) -> np.ndarray:
    if values.dtype == pl.Date:
        return values.cast(pl.Int32).cast(pl.Float64).to_numpy()
    if values.dtype == pl.Time:
        return values.cast(pl.Int64).cast(pl.Float64).to_numpy() / _PER_DAY["ns"]
    unit = getattr(values.dtype, "time_unit", None) or "us"
    return values.to_physical().cast(pl.Float64).to_numpy() / _PER_DAY[unit]


def _parsed(values: pl.Series, name: str) -> np.ndarray:
    text = _strings(values).str.strip_chars()
    text = pl.select(pl.when(text != "").then(text)).to_series()
    found = text.cast(pl.Float64, strict=False)
    bad = (found.is_null() & text.is_not_null()).arg_true()
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"{text[row]!r} is no number ({len(bad)} such cell{'s' if len(bad) > 1 else ''})",
            where=f"column {name!r}, row {row}",
            expected="a number, or nothing",
        )
    return found.to_numpy()


def as_text(values: pl.Series) -> np.ndarray:
    """Text of a column, shape (n,) object, missing as the empty string; see `to_tensors`."""
    made: np.ndarray = _strings(values).fill_null("").to_numpy()
    return made.astype(object, copy=False)


def _strings(values: pl.Series) -> pl.Series:
    kind = values.dtype
    if kind == pl.String:
        return values
    if kind == pl.Object:
        return pl.Series(values.name, [_cell(each) for each in values.to_list()], dtype=pl.String)
    if kind.is_float() or kind.is_decimal():
        return _number_text(values.cast(pl.Float64))
    if isinstance(kind, pl.Datetime):
        return values.dt.to_string("iso:strict")
    return values.cast(pl.String)


def _cell(value: object) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _number_text(values: pl.Series) -> pl.Series:
    # 1 and 1.0 are one category, whichever way a client writes it.
    whole = (values.is_finite() & (values == values.floor()) & (values.abs() < 2**53)).fill_null(value=False)
    return pl.select(
        pl.when(values.is_nan())
        .then(None)
        .when(whole)
        .then(values.cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(values.cast(pl.String))
    ).to_series()
