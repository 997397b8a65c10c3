"""Frames as they are kept: the types that a table can hold, fitting one frame to another's, and a digest of content."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from holdfast.core.digests import digest_of
from holdfast.core.errors import DataError

_SLICE = 1 << 18
_METHOD = "holdfast-frame/1"

_KEPT = {
    pl.Boolean: "boolean",
    pl.Int8: "int8",
    pl.Int16: "int16",
    pl.Int32: "int32",
    pl.Int64: "int64",
    pl.Float32: "float32",
    pl.Float64: "float64",
    pl.String: "string",
    pl.Binary: "binary",
    pl.Date: "date",
}
_CHANGED = {
    pl.UInt8: pl.Int16,
    pl.UInt16: pl.Int32,
    pl.UInt32: pl.Int64,
    pl.UInt64: pl.Int64,
    pl.Categorical: pl.String,
    pl.Enum: pl.String,
    pl.Null: pl.String,
    pl.Float16: pl.Float32,
}
_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64)


def storable(frame: pl.DataFrame, *, where: str) -> pl.DataFrame:
    """Frame with every column in a type that a Delta table holds, and no value changed.

    Categories become text, unsigned integers the next wider signed ones, times UTC microseconds, fixed-size arrays
    lists, a column of nothing but nulls without a type text.

    Parameters
    ----------
    frame
        Shape (n, columns).
    where
        Name of the table, for errors.

    Raises
    ------
    DataError
        If there is no column, two names differ only in case, a type has no place in a table (durations, times of
        day, objects, 128-bit integers), or a value does not fit.
    """
    if frame.width == 0:
        raise DataError("a table without columns", where=where, expected="at least one column")
    _check_names(frame.columns, where=where)
    types = {name: _kept_type(dtype, f"{where}, column {name!r}") for name, dtype in frame.schema.items()}
    return _cast(frame, {name: dtype for name, dtype in types.items() if dtype != frame.schema[name]}, where=where)


def _check_names(names: list[str], *, where: str) -> None:
    twice = [name for name, n in Counter(name.lower() for name in names).items() if n > 1]
    if twice:
        same = [name for name in names if name.lower() == twice[0]]
        raise DataError(f"columns {same} differ only in case", where=where, expected="names that differ otherwise")


def _kept_type(dtype: pl.DataType, where: str) -> pl.DataType:
    base = dtype.base_type()
    if base in _KEPT:
        return dtype
    if base in _CHANGED:
        return _CHANGED[base]()
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", "UTC" if dtype.time_zone else None)
    if isinstance(dtype, pl.Decimal):
        return pl.Decimal(dtype.precision or 38, dtype.scale)
    if isinstance(dtype, (pl.List, pl.Array)):
        return pl.List(_kept_type(_data_type(dtype.inner), where))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _kept_type(_data_type(field.dtype), where) for field in dtype.fields})
    raise DataError(f"type {dtype} has no place in a table", where=where, expected=_instead(dtype))


def _data_type(dtype: Any) -> pl.DataType:
    """Instance of a type: polars allows its class (``pl.Int64``) where it means that."""
    found: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return found


def _instead(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Duration):
        return "seconds as a number"
    return "text, a number, a time or a truth value"


def _cast(frame: pl.DataFrame, types: dict[str, pl.DataType], *, where: str) -> pl.DataFrame:
    # By column, not by expression: pl.col() takes names such as "*" and "^a$" for patterns.
    try:
        return frame.with_columns([frame[name].cast(dtype) for name, dtype in types.items()])
    except PolarsError as error:
        # What polars says after "for" are the values themselves, which no message carries.
        message = str(error).splitlines()[0].split(" for ")[0]
        raise DataError(f"a value does not fit: {message}", where=where) from error


def fit(frame: pl.DataFrame, schema: pl.Schema, *, where: str) -> pl.DataFrame:
    """Frame in the columns and types of a table: missing columns are null, new ones stand last.

    Parameters
    ----------
    frame
        Storable frame.
    schema
        The table's.
    where
        Name of the table, for errors.

    Raises
    ------
    DataError
        If a column has another type than the table's and its values cannot be carried over whole.
    """
    _check_names(list(dict.fromkeys([*schema, *frame.columns])), where=where)
    casts = {}
    for name, dtype in frame.schema.items():
        wanted = schema.get(name, dtype)
        if wanted != dtype:
            _check_fits(frame, name, wanted, where=where)
            casts[name] = wanted
    frame = _cast(frame, casts, where=where)
    n = frame.height
    kept = {name: frame[name] if name in frame.columns else _nulls(name, dtype, n) for name, dtype in schema.items()}
    return pl.DataFrame({**kept, **{name: frame[name] for name in frame.columns if name not in schema}})


def _nulls(name: str, dtype: pl.DataType, n: int) -> pl.Series:
    return pl.Series(name, [None], dtype=dtype).new_from_index(0, n)


def _check_fits(frame: pl.DataFrame, name: str, wanted: pl.DataType, *, where: str) -> None:
    dtype = frame.schema[name]
    integer = dtype in _INTEGERS
    floats = dtype == pl.Float32 and wanted == pl.Float64
    widens = floats or (integer and wanted in (*_INTEGERS, pl.Float32, pl.Float64))
    if widens and integer and wanted in (pl.Float32, pl.Float64):
        # Every integer up to 2**p has a float of p significant bits.
        largest = 2**24 if wanted == pl.Float32 else 2**53
        widens = bool(frame[name].is_between(-largest, largest).all())
    if not widens and frame[name].null_count() < frame.height:
        message = f"column {name!r} is {dtype}, in the table it is {wanted}"
        raise DataError(message, where=where, expected=f"values of type {wanted}")


def frame_digest(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame's schema and content: names, types, order of columns and of rows.

    Two equal frames have one digest on every machine, whatever their chunks in memory.

    Parameters
    ----------
    frame
        Storable frame, shape (n, columns).

    Notes
    -----
    Canonical JSON of ``{"method", "rows", "columns": [[name, type, digest of the column], ...]}``. A column's digest
    is the SHA-256 over its validity (one bit a row) and its values: numbers and times little-endian with zero where
    null and one bit pattern for NaN; text and bytes as their lengths (int64) and their concatenation; decimals as
    text; lists as their lengths and the column of their elements; structs as the columns of their fields.
    """
    columns = [[name, _type_text(dtype), _column_digest(frame[name])] for name, dtype in frame.schema.items()]
    return digest_of({"method": _METHOD, "rows": frame.height, "columns": columns})


def _type_text(dtype: Any) -> str:
    dtype = _data_type(dtype)
    if isinstance(dtype, pl.Datetime):
        return f"timestamp[{dtype.time_unit},{dtype.time_zone or ''}]"
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.List):
        return f"list<{_type_text(dtype.inner)}>"
    if isinstance(dtype, pl.Struct):
        return f"struct<{','.join(f'{field.name}:{_type_text(field.dtype)}' for field in dtype.fields)}>"
    return _KEPT[dtype.base_type()]


def _column_digest(column: pl.Series) -> str:
    found = hashlib.sha256()
    for part in _slices(column.is_not_null()):
        found.update(np.packbits(part.to_numpy()).tobytes())
    dtype = column.dtype
    if isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            found.update(_column_digest(column.struct.field(field.name)).encode("ascii"))
    elif isinstance(dtype, pl.List):
        lengths = column.list.len().fill_null(0)
        found.update(_column_digest(lengths.cast(pl.Int64)).encode("ascii"))
        found.update(_column_digest(column.filter(lengths > 0).explode()).encode("ascii"))
    elif isinstance(dtype, pl.Decimal):
        found.update(_column_digest(column.cast(pl.String)).encode("ascii"))
    elif dtype in (pl.String, pl.Binary):
        found.update(_bytes_digest(column.cast(pl.Binary)).encode("ascii"))
    else:
        for part in _slices(column.to_physical()):
            found.update(_numbers(part))
    return found.hexdigest()


def _slices(column: pl.Series) -> list[pl.Series]:
    # Multiples of eight rows, so that packed bits do not depend on where a slice ends.
    return [column.slice(start, _SLICE) for start in range(0, len(column), _SLICE)]


def _bytes_digest(column: pl.Series) -> str:
    lengths, content = hashlib.sha256(), hashlib.sha256()
    for part in _slices(column):
        filled = part.fill_null(b"")
        lengths.update(_numbers(filled.bin.size().cast(pl.Int64)))
        content.update(b"".join(filled.to_list()))
    return lengths.hexdigest() + content.hexdigest()


def _numbers(part: pl.Series) -> bytes:
    filled = part.fill_null(strategy="zero") if part.dtype != pl.Boolean else part.fill_null(value=False)
    if filled.dtype.is_float():
        filled = filled.fill_nan(float("nan"))
    values = filled.to_numpy()
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
