"""Columns as they come in: what is a number, what is a category, and their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats


def as_column(values: Any) -> pl.Series:
    """Polars Series of anything that has rows.

    Raises
    ------
    InvalidValue
        If it has not one dimension, or holds a mixture.
    """
    if isinstance(values, pl.Series):
        return values
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.ndim != 1:
            raise InvalidValue(f"values of shape {values.shape}", expected="one dimension")
        return pl.Series(values)
    listed = list(values)
    try:
        return pl.Series(listed, strict=True)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        if all(isinstance(each, (int, float, np.number)) or each is None for each in listed):
            return pl.Series(listed, dtype=pl.Float64, strict=False)
        raise InvalidValue("values of mixed or unknown types", expected="numbers, times, text or booleans") from error


def is_number(column: pl.Series) -> bool:
    """Whether a column is cut at quantiles: numbers and times are, text, categories and booleans are not.

    Raises
    ------
    InvalidValue
        If it is neither (a list, a struct, bytes).
    """
    kind = column.dtype
    if kind.is_numeric() or kind.is_temporal():
        return True
    if kind in (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null):
        return False
    raise InvalidValue(f"a column of type {kind}", expected="numbers, times, text, categories or booleans")


def number_values(column: pl.Series) -> Floats:
    """Values as floats without nulls: float32 stays as it is, times become their physical integers."""
    kept = column.drop_nulls() if column.null_count() else column
    plain = kept.to_physical() if kept.dtype.is_temporal() else kept
    floats = plain if plain.dtype in (pl.Float64, pl.Float32) else plain.cast(pl.Float64)
    values: Floats = floats.to_numpy()
    return values


def sorted_values(column: pl.Series) -> tuple[Floats, int]:
    """Values in rising order without those that are null or NaN, and how many of these there are."""
    ordered = np.sort(number_values(column))
    end = int(np.searchsorted(ordered, np.nan, side="left")) if len(ordered) and np.isnan(ordered[-1]) else len(ordered)
    return ordered[:end].astype(np.float64, copy=False), len(column) - end


def value_counts(column: pl.Series) -> list[tuple[str, int]]:
    """Categories and their rows, most frequent first, ties by name; null is not one of them."""
    text = column.cast(pl.String) if column.dtype != pl.String else column
    counted = text.drop_nulls().value_counts(name="rows")
    names, rows = counted.to_series(0).to_list(), counted.to_series(1).to_list()
    return sorted(zip(names, rows, strict=True), key=lambda pair: (-pair[1], pair[0]))
