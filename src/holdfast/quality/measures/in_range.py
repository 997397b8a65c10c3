"""Ranges: how many values lie where they can."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.promises import Argument
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, moment, number, refuse, rule
from holdfast.quality._values import mask_of, measured


@check("in_range")
def build(schema: Schema, column: str, low: Argument | None = None, high: Argument | None = None) -> Check:
    """Check that ``low <= value <= high``."""
    kind = kind_of(schema, column, "in_range")
    if low is None and high is None:
        raise InvalidValue(f"no bound for column {column!r}", where="in_range", expected="low, high, or both")
    if kind.is_numeric():
        ends: list[Any] = [
            None if each is None else number(each, measure="in_range", what="bound") for each in (low, high)
        ]
    elif kind in (pl.Date, pl.Datetime):
        ends = [None if each is None else moment(each, kind, measure="in_range") for each in (low, high)]
    else:
        raise refuse("in_range", column, kind, expected="a column of numbers or dates")
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        raise InvalidValue(f"low <= high must hold, got low={low}, high={high}", where="in_range")
    value: a.Term = a.Column(column)
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        # The ends are moments in UTC: a column that tells its times in another zone is told in UTC as well.
        value = a.Call("utc", (value,))
    return rule("in_range", column, kind, _within(value, *ends))


def _within(value: a.Term, low: Any, high: Any) -> a.Condition:
    if high is None:
        return a.Compare(">=", value, a.Literal(low))
    return a.Compare("<=", value, a.Literal(high)) if low is None else a.Between(value, low, high)


@measure(
    "in_range",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, accuracy",
)
def in_range(
    rows: pl.DataFrame,
    column: str,
    low: Argument | None = None,
    high: Argument | None = None,
    *,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Share of the values of `column` with ``low <= value <= high``.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of numbers or dates; ``*`` for the worst of all columns. Missing values (null, NaN) are not looked
        at: `completeness` says how many there are.
    low, high
        Ends that are allowed, or one of them. ISO 8601 text for dates.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1] with Wilson's interval; n is the number of values that are not missing.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    InvalidValue
        If there is no bound, or low is above high.
    NotMeasurable
        If the column holds no value, or neither numbers nor dates.

    Examples
    --------
    >>> in_range(pl.DataFrame({"age": [39, -1, 50, None]}), "age", 0, 120).value
    0.6666666666666667
    """
    return measured("in_range", rows, column, low, high, confidence=confidence, anytime=anytime)


@row_check("in_range")
def out_of_range(
    rows: pl.DataFrame, column: str, low: Argument | None = None, high: Argument | None = None
) -> np.ndarray:
    """Shape (n,) bool: True where a value lies outside."""
    return mask_of("in_range", rows, column, low, high)
