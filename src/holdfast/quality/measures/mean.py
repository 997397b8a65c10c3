"""Means: where a column lies."""

from __future__ import annotations

import math

import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Certainty, Check, Figures, Schema, check
from holdfast.quality._values import measured
from holdfast.quality.measures._numbers import finite, infinite, known, number_of, numbers, student


@check("mean")
def build(schema: Schema, column: str) -> Check:
    """Find mean and standard deviation."""
    value = numbers(schema, column, "mean")

    def found(figures: Figures, sure: Certainty) -> Value:
        n = finite(figures, column, measure="mean", least=2)
        centre = number_of(figures, "mean", column, measure="mean")
        spread = number_of(figures, "deviation", column, measure="mean")
        z, method = student(sure, n)
        half = z * spread / math.sqrt(n)
        return Value(centre, low=centre - half, high=centre + half, n=n, method=method, notes={"rows": figures["rows"]})

    return Check(
        measure="mean",
        bad=a.CountIf(infinite(schema, column)),
        looked=a.CountIf(known(value)),
        column=column,
        kind="figure",
        also={"mean": a.Statistic("mean", value), "deviation": a.Statistic("deviation", value)},
        value=found,
    )


@measure(
    "mean",
    unit="number",
    range=(None, None),
    better="target",
    stages=("data", "live"),
    source="Student (1908), The probable error of a mean, Biometrika 6",
)
def mean(rows: pl.DataFrame, column: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Mean of `column`.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of finite numbers. Missing values (null, NaN) are not looked at.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The mean with Student's t interval (an asymptotic confidence sequence for `anytime`); n is the number of values
        that are not missing. With few and very skew values the interval holds too rarely.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If the column holds fewer than two values, an infinite one, or no numbers.

    Examples
    --------
    >>> value = mean(pl.DataFrame({"x": [1.0, 2.0, 3.0, None]}), "x")
    >>> value.value, round(value.high, 3), value.n
    (2.0, 4.484, 3)
    """
    return measured("mean", rows, column, confidence=confidence, anytime=anytime)
