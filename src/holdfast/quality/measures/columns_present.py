"""Schema: whether the columns that are needed are there."""

from __future__ import annotations

import polars as pl

from holdfast.core.errors import InvalidValue, nearest
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check
from holdfast.quality._values import measured


@check("columns_present")
def build(schema: Schema, *columns: str) -> Check:
    """Count the columns that are not there; no row is looked at."""
    if not columns:
        raise InvalidValue("no columns", where="columns_present", expected="the columns that must be there")
    gone = [str(each) for each in columns if str(each) not in schema]
    near = {each: found for each in gone if (found := nearest(each, schema)) is not None}
    return Check(
        measure="columns_present",
        bad=a.Constant(len(gone)),
        looked=a.Constant(len(columns)),
        exact=True,
        notes={"missing": gone, "nearest": near},
    )


@measure(
    "columns_present",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, compliance",
)
def columns_present(rows: pl.DataFrame, *columns: str) -> Value:
    """Share of the named columns that the table has.

    Parameters
    ----------
    rows
        Shape (n, columns).
    columns
        Names that must be there.

    Returns
    -------
    Value
        The share in [0, 1], exact; n is the number of names. The notes list the columns that are missing, and for
        each the nearest that is there.

    Raises
    ------
    InvalidValue
        If no column is named.
    NotMeasurable
        If `rows` is empty.

    Examples
    --------
    >>> columns_present(pl.DataFrame({"age": [39], "sexx": ["Male"]}), "age", "sex").notes
    {'missing': ['sex'], 'nearest': {'sex': 'sexx'}}
    """
    return measured("columns_present", rows, *columns)
