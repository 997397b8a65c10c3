"""Finite numbers: how many numbers are not infinite."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of
from holdfast.quality._values import mask_of, measured


@check("no_infinities")
def build(schema: Schema, column: str) -> Check:
    """Check that the value is not infinite; only a float column can hold one."""
    kind = kind_of(schema, column, "no_infinities")
    failing: a.Condition = a.IsInfinite(a.Column(column)) if kind.is_float() else a.Always(answer=False)
    return Check(
        measure="no_infinities",
        bad=a.CountIf(failing),
        looked=a.Rows(),
        failing=failing,
        column=column,
    )


@measure(
    "no_infinities",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="IEEE 754-2019, section 6.1",
)
def no_infinities(rows: pl.DataFrame, column: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the rows whose `column` is not infinite.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        Any column, ``*`` for the worst one. A column that is not of floats holds no infinity. NaN is missing, not
        infinite: `completeness` says how many there are.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1] with Wilson's interval; n is the number of rows.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If `rows` is empty.

    Examples
    --------
    >>> no_infinities(pl.DataFrame({"rate": [0.5, float("inf"), None, 1.5]}), "rate").value
    0.75
    """
    return measured("no_infinities", rows, column, confidence=confidence, anytime=anytime)


@row_check("no_infinities")
def infinite(rows: pl.DataFrame, column: str) -> np.ndarray:
    """Shape (n,) bool: True where the value is infinite."""
    return mask_of("no_infinities", rows, column)
