"""Uniqueness: how many rows are told apart by a key."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, value_of_column
from holdfast.quality._values import mask_of, measured


@check("unique")
def build(schema: Schema, *columns: str) -> Check:
    """Check that the row is the first with its key."""
    keys = [str(each) for each in columns] or list(schema)
    if not keys:
        raise NotMeasurable("a table without columns", where="unique", expected="at least one column")
    key = tuple(value_of_column(each, kind_of(schema, each, "unique")) for each in keys)
    return Check(
        measure="unique",
        bad=a.Difference(a.Rows(), a.Distinct(key)),
        looked=a.Rows(),
        failing=a.Repeats(key),
        column=keys[0] if len(keys) == 1 else None,
        notes={"key": keys},
    )


@measure(
    "unique",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, consistency: risk of duplicates",
)
def unique(rows: pl.DataFrame, *columns: str, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the rows that do not repeat the key of an earlier row: distinct keys over rows.

    Parameters
    ----------
    rows
        Shape (n, columns). Missing values are values here: two rows without an id are duplicates.
    columns
        Columns of the key; none for whole rows, ``*`` for each column by itself.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in (0, 1] with Wilson's interval; n is the number of rows.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If `rows` is empty.

    Examples
    --------
    >>> unique(pl.DataFrame({"id": [1, 2, 2, 3]}), "id").value
    0.75
    """
    return measured("unique", rows, *columns, confidence=confidence, anytime=anytime)


@row_check("unique")
def repeated(rows: pl.DataFrame, *columns: str) -> np.ndarray:
    """Shape (n,) bool: True where an earlier row has the same key; the first of its kind is kept."""
    return mask_of("unique", rows, *columns)
