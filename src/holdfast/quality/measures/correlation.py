"""Correlation: how far two columns go together."""

from __future__ import annotations

import math

import polars as pl

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Certainty, Check, Figures, Schema, check
from holdfast.quality._values import measured
from holdfast.quality.measures._numbers import finite, infinite, known, numbers


@check("correlation")
def build(schema: Schema, left: str, right: str) -> Check:
    """Find Pearson's correlation over the rows that have both."""
    if left == right:
        raise InvalidValue(f"correlation of {left!r} with itself", where="correlation", expected="two columns")
    pair = [numbers(schema, each, "correlation") for each in (left, right)]
    both = known(*pair)
    there = a.Filter(a.Source(), both)
    ends = {
        f"{end} {column}": a.Of(there, a.Statistic(end, term))
        for column, term in zip((left, right), pair, strict=True)
        for end in ("min", "max")
    }

    def found(figures: Figures, sure: Certainty) -> Value:
        n = finite(figures, f"{left}, {right}", measure="correlation", least=4)
        for column in (left, right):
            if figures[f"min {column}"] == figures[f"max {column}"]:
                raise NotMeasurable(f"column {column!r} is constant", where="correlation", expected="one that varies")
        r = figures["correlation"]
        if r is None or not math.isfinite(r):
            raise NotMeasurable("the numbers are too large", where="correlation", expected="smaller numbers")
        return fisher(max(-1.0, min(1.0, float(r))), n, sure, rows=int(figures["rows"]))

    return Check(
        measure="correlation",
        bad=a.CountIf(infinite(schema, left, right)),
        looked=a.CountIf(both),
        column=f"{left}, {right}",
        kind="figure",
        also={"correlation": a.Of(there, a.Correlation(pair[0], pair[1])), **ends},
        value=found,
    )


def fisher(r: float, n: int, sure: Certainty, *, rows: int) -> Value:
    """Correlation with the interval of Fisher's z; exact for a normal pair, approximate for others."""
    from holdfast.stats.intervals import critical

    method = "Fisher z, asymptotic confidence sequence" if sure.anytime else "Fisher z"
    half = critical(sure.confidence, n=n, anytime=sure.anytime) / math.sqrt(n - 3)
    if abs(r) == 1.0:
        low = high = r
    else:
        low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return Value(r, low=low, high=high, n=n, method=method, notes={"rows": rows})


@measure(
    "correlation",
    unit="number",
    range=(-1, 1),
    better="target",
    stages=("data", "live"),
    source="R. A. Fisher (1921), On the probable error of a coefficient of correlation, Metron 1",
)
def correlation(rows: pl.DataFrame, left: str, right: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Pearson's correlation of two columns.

    Parameters
    ----------
    rows
        Shape (n, columns).
    left, right
        Columns of finite numbers. A row in which either is missing is not looked at.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The correlation in [-1, 1] with the interval of Fisher's z; n is the number of rows that have both. The interval
        is that of two normal columns: with heavy tails it is too narrow, and more rows do not mend that.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    InvalidValue
        If both are one column.
    NotMeasurable
        If fewer than four rows have both, a column is constant, holds an infinite value, or no numbers.

    Examples
    --------
    >>> rows = pl.DataFrame({"x": [1, 2, 3, 4, 5], "y": [2, 1, 4, 3, 5]})
    >>> round(correlation(rows, "x", "y").value, 3)
    0.8
    """
    return measured("correlation", rows, left, right, confidence=confidence, anytime=anytime)
