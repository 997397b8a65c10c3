"""Cardinality: how many different values a column has."""

from __future__ import annotations

import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, value_of_column
from holdfast.quality._values import measured


@check("distinct_count")
def build(schema: Schema, column: str) -> Check:
    """Count the different values; missing is none."""
    kind = kind_of(schema, column, "distinct_count")
    value = value_of_column(column, kind)
    return Check(
        measure="distinct_count",
        bad=a.Distinct((value,), missing=False),
        looked=a.present(value),
        column=column,
        kind="count",
        exact=True,
    )


@measure(
    "distinct_count",
    unit="count",
    range=(0, None),
    better="target",
    stages=("data", "live"),
    source="F. Naumann (2014), Data profiling revisited, SIGMOD Record 42(4)",
)
def distinct_count(rows: pl.DataFrame, column: str) -> Value:
    """Count the different values in `column`.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        Any column, ``*`` for the one with fewest. Missing (null, NaN) is not a value.

    Returns
    -------
    Value
        The count, exact; n is the number of values that are not missing.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If the column holds no value.

    Examples
    --------
    >>> distinct_count(pl.DataFrame({"site": ["a", "b", "a", None]}), "site")
    Value(value=2, n=3)
    """
    return measured("distinct_count", rows, column)
