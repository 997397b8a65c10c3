"""Digest of a frame: its schema and its values, whatever their chunks in memory or the file that they came from."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

_METHOD = "holdfast-cells/1"
_SLICE = 1 << 18


def content_digest(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame's names, types, order of columns and rows, and values.

    Parameters
    ----------
    frame
        Shape (n, columns), of any types but objects; nested ones as well.

    Examples
    --------
    >>> content_digest(pl.DataFrame({"a": [1]})) == content_digest(pl.DataFrame({"a": [2]}))
    False
    """
    found = hashlib.sha256(f"{_METHOD} {frame.height}\n".encode())
    for name, dtype in frame.schema.items():
        found.update(f"{name!r} {dtype!r}\n".encode())
        found.update(_column(frame[name]))
    return found.hexdigest()


def _column(column: pl.Series) -> bytes:
    found = hashlib.sha256(np.packbits(column.is_not_null().to_numpy()).tobytes())
    dtype = column.dtype
    if isinstance(dtype, pl.Array):
        column, dtype = column.arr.to_list(), pl.List(dtype.inner)
    if isinstance(dtype, pl.Struct):
        for each in dtype.fields:
            found.update(_column(column.struct.field(each.name)))
    elif isinstance(dtype, pl.List):
        lengths = column.list.len().fill_null(0).cast(pl.Int64)
        found.update(_column(lengths))
        found.update(_column(column.filter(lengths > 0).explode()))
    elif dtype == pl.Boolean:
        found.update(np.packbits(column.fill_null(value=False).to_numpy()).tobytes())
    elif dtype.base_type() in (pl.String, pl.Binary, pl.Categorical, pl.Enum, pl.Decimal, pl.Int128):
        for start in range(0, len(column), _SLICE):
            _update_with_bytes(found, column.slice(start, _SLICE))
    elif dtype != pl.Null:
        for start in range(0, len(column), _SLICE):
            found.update(_numbers(column.slice(start, _SLICE)))
    return found.digest()


def _update_with_bytes(found: hashlib._Hash, part: pl.Series) -> None:
    texts = part if part.dtype == pl.Binary else part.cast(pl.String).cast(pl.Binary)
    filled = texts.fill_null(b"")
    found.update(_numbers(filled.bin.size().cast(pl.Int64)))
    found.update(b"".join(filled.to_list()))


def _numbers(part: pl.Series) -> bytes:
    physical = part.to_physical()
    filled = physical.fill_null(0)
    if filled.dtype.is_float():
        filled = filled.fill_nan(float("nan"))  # one bit pattern
    values = filled.to_numpy()
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
