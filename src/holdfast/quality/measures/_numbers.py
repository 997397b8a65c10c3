"""What the measures of distributions share: a column as numbers, and what spoils a statistic of it."""

from __future__ import annotations

import math

import polars as pl

from holdfast.core.errors import NotMeasurable
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Certainty, Figures, Schema, kind_of, refuse, value_of_column


def numbers(schema: Schema, column: str, measure: str) -> a.Term:
    """Column as 64-bit floats; NaN and infinite values are missing.

    Raises
    ------
    NotMeasurable
        If the column holds no numbers.
    """
    kind = kind_of(schema, column, measure)
    if not kind.is_numeric():
        raise refuse(measure, column, kind, expected="a column of numbers")
    value = a.Call("number", (value_of_column(column, kind),))
    return a.Call("finite", (value,)) if kind.is_float() else value


def infinite(schema: Schema, *columns: str) -> a.Condition:
    """Whether a number of any of the columns is infinite."""
    kinds: list[tuple[str, pl.DataType]] = [(each, schema[each]) for each in columns]
    return a.some(
        *(a.IsInfinite(a.Column(each)) if kind.is_float() else a.Always(answer=False) for each, kind in kinds)
    )


def known(*terms: a.Term) -> a.Condition:
    """Whether all the terms are there."""
    return a.every(*(a.Negated(a.IsMissing(each)) for each in terms))


def finite(figures: Figures, column: str, *, measure: str, least: int) -> int:
    """Count the values that a statistic stands on.

    Raises
    ------
    NotMeasurable
        If there are infinite ones among them, or fewer than `least`.
    """
    if figures["bad"]:
        raise NotMeasurable(
            f"column {column!r} holds {figures['bad']} infinite values", where=measure, expected="finite numbers"
        )
    n = int(figures["looked"])
    if n < least:
        raise NotMeasurable(f"column {column!r} holds {n} values", where=measure, expected=f"at least {least}")
    return n


def number_of(figures: Figures, name: str, column: str, *, measure: str) -> float:
    """Read a figure that must be finite.

    Raises
    ------
    NotMeasurable
        If it is too large for a float.
    """
    found = figures[name]
    if found is None or not math.isfinite(found):
        raise NotMeasurable(f"{name} of column {column!r} is too large", where=measure, expected="smaller numbers")
    return float(found)


def student(sure: Certainty, n: int) -> tuple[float, str]:
    """How many standard errors to go to each side of a mean of n values, and the name of the method."""
    from holdfast.stats.intervals import critical

    if sure.anytime:
        return critical(sure.confidence, n=n, anytime=True), "asymptotic confidence sequence"
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 1.0 - (1.0 - sure.confidence) / 2.0)), "t"
