"""Row count: whether there is enough."""

from __future__ import annotations

import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check
from holdfast.quality._values import measured


@check("row_count")
def build(schema: Schema) -> Check:
    """Count the rows."""
    del schema
    return Check(measure="row_count", bad=a.Rows(), looked=a.Rows(), kind="count", exact=True)


@measure(
    "row_count",
    unit="rows",
    range=(0, None),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, completeness",
)
def row_count(rows: pl.DataFrame) -> Value:
    """Count the rows.

    Parameters
    ----------
    rows
        Shape (n, columns).

    Returns
    -------
    Value
        n, exact.

    Raises
    ------
    NotMeasurable
        If `rows` is empty: a table that did not arrive proves nothing.

    Examples
    --------
    >>> row_count(pl.DataFrame({"age": [39, 50]}))
    Value(value=2, n=2)
    """
    return measured("row_count", rows)
