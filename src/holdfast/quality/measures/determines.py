"""Functional dependencies: how far one column follows from others."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, value_of_column
from holdfast.quality._values import mask_of, measured


@check("determines")
def build(schema: Schema, first: str, second: str, *more: str) -> Check:
    """Check that rows that agree on all columns but the last agree on the last."""
    names = [str(each) for each in (first, second, *more)]
    if len(set(names)) != len(names):
        raise InvalidValue(f"determines({', '.join(names)})", where="determines", expected="different columns")
    *keys, value = (value_of_column(each, kind_of(schema, each, "determines")) for each in names)
    known = a.every(*(a.Negated(a.IsMissing(each)) for each in (*keys, value)))
    there = a.Filter(a.Source(), known)
    labels = [f"k{place}" for place in range(len(keys))]
    pairs = a.Group(there, (*zip(labels, keys, strict=True), ("value", value)), (("n", a.Rows()),))
    groups = a.Group(
        pairs,
        tuple((each, a.Column(each)) for each in labels),
        (("n", a.Statistic("sum", a.Column("n"))), ("top", a.Statistic("max", a.Column("n")))),
    )
    total, kept = (a.Statistic("sum", a.Column(each)) for each in ("n", "top"))
    return Check(
        measure="determines",
        bad=a.Of(groups, a.Difference(total, kept)),
        looked=a.CountIf(known),
        failing=a.every(known, a.Compare("!=", value, a.Commonest(value, tuple(keys)))),
        column=names[-1],
        notes={"key": names[:-1]},
    )


@measure(
    "determines",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="1 - g3: J. Kivinen, H. Mannila (1995), Approximate inference of functional dependencies, TCS 149",
)
def determines(
    rows: pl.DataFrame, first: str, second: str, *more: str, confidence: float = 0.95, anytime: bool = False
) -> Value:
    """Share of the rows that can stay so that the last column follows from the others: 1 less Kivinen and Mannila's g3.

    Parameters
    ----------
    rows
        Shape (n, columns). A row in which any of the columns is missing is not looked at.
    first, second, more
        The columns of the key, then the one that follows from them.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in (0, 1] with Wilson's interval; n is the number of rows in which all the columns hold a value. A key
        that stands once agrees with itself: a key that is nearly unique determines everything. The interval is about
        the groups as they are: the fewer rows a key has, the more the share flatters, whatever the interval says.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    InvalidValue
        If a column stands twice, or there are fewer than two.
    NotMeasurable
        If no row holds all the columns.

    Examples
    --------
    >>> rows = pl.DataFrame({"zip": ["1", "1", "1", "2"], "city": ["Bern", "Bern", "Basel", "Genf"]})
    >>> determines(rows, "zip", "city").value
    0.75
    """
    return measured("determines", rows, first, second, *more, confidence=confidence, anytime=anytime)


@row_check("determines")
def contradicting(rows: pl.DataFrame, first: str, second: str, *more: str) -> np.ndarray:
    """Shape (n,) bool: True where the value is not the commonest of its key (of several, the first)."""
    return mask_of("determines", rows, first, second, *more)
