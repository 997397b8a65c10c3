"""Completeness: how much of a column is there."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, value_of_column
from holdfast.quality._values import mask_of, measured


@check("completeness")
def build(schema: Schema, column: str) -> Check:
    """Check that the value is there."""
    kind = kind_of(schema, column, "completeness")
    return Check(
        measure="completeness",
        bad=a.Missing(value_of_column(column, kind)),
        looked=a.Rows(),
        failing=a.IsMissing(value_of_column(column, kind)),
        column=column,
    )


@measure(
    "completeness",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, completeness",
)
def completeness(rows: pl.DataFrame, column: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the rows whose `column` holds a value.

    Parameters
    ----------
    rows
        Shape (n, columns). NaN in a float column counts as missing, an empty string does not.
    column
        Name of the column to look at; ``*`` for the least complete one.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1] with Wilson's interval; n is the number of rows. All rows are read, so the share is exact
        for this table; the interval is for the process that the rows come from.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If `rows` is empty: the promise is then unproven, never held.

    References
    ----------
    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.

    Examples
    --------
    >>> completeness(pl.DataFrame({"age": [39, None, 50, 38]}), "age")
    Value(value=0.75, low=0.300641842582, high=0.95441273919, n=4)
    """
    return measured("completeness", rows, column, confidence=confidence, anytime=anytime)


@row_check("completeness")
def incomplete(rows: pl.DataFrame, column: str) -> np.ndarray:
    """Shape (n,) bool: True where the value is missing (of any column for ``*``)."""
    return mask_of("completeness", rows, column)
