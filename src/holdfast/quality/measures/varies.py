"""Variation: whether a column says anything."""

from __future__ import annotations

import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, refuse, value_of_column
from holdfast.quality._values import measured


@check("varies")
def build(schema: Schema, column: str) -> Check:
    """Count the rows with the commonest value; no single one is to blame."""
    kind = kind_of(schema, column, "varies")
    if kind.is_nested():
        raise refuse("varies", column, kind, expected="a column of single values")
    value = value_of_column(column, kind)
    there = a.Filter(a.Source(), a.Negated(a.IsMissing(value)))
    groups = a.Group(there, (("value", value),), (("n", a.Rows()),))
    return Check(
        measure="varies",
        bad=a.Of(groups, a.Statistic("max", a.Column("n"))),
        looked=a.present(value),
        column=column,
    )


@measure(
    "varies",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="variation ratio: L. C. Freeman (1965), Elementary Applied Statistics",
)
def varies(rows: pl.DataFrame, column: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the values of `column` that are not the commonest one; 0 for a constant column.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of single values, ``*`` for the one that varies least. Missing values are not looked at.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1) with Wilson's interval; n is the number of values that are not missing.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If the column holds no value, or nested data.

    Examples
    --------
    >>> varies(pl.DataFrame({"setting": [7, 7, 7, 8]}), "setting").value
    0.25
    """
    return measured("varies", rows, column, confidence=confidence, anytime=anytime)
