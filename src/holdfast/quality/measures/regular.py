"""Regularity: how many steps of a time axis are as long as they should be."""

from __future__ import annotations

import re

import polars as pl

from holdfast.core.errors import InvalidValue, UnitMismatch
from holdfast.core.evidence import Value
from holdfast.core.promises import Argument
from holdfast.core.registry import measure
from holdfast.core.units import Quantity
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, refuse
from holdfast.quality._values import measured

_STEP = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([A-Za-z]*)\s*\Z")


@check("regular")
def build(schema: Schema, column: str, step: Argument) -> Check:
    """Check that each value, in order, is one step after the one before it."""
    kind = kind_of(schema, column, "regular")
    if kind in (pl.Date, pl.Datetime):
        value, size = a.Call("micros", (a.Column(column),)), _time(step)
    elif kind.is_integer():
        value, size = a.Call("integer", (a.Column(column),)), _whole(step)
    else:
        raise refuse("regular", column, kind, expected="a column of days, times or whole numbers")
    there = a.Filter(a.Source(), a.Negated(a.IsMissing(a.Column(column))))
    steps = a.Difference(a.Rows(), a.Constant(1))
    return Check(
        measure="regular",
        bad=a.Of(there, a.Difference(steps, a.Steps(value, size))),
        looked=a.Of(there, steps),
        column=column,
    )


def _time(step: Argument) -> int:
    found = _STEP.match(str(step))
    try:
        length = Quantity(float(found.group(1)), found.group(2)) if found else None
    except UnitMismatch:
        length = None
    if length is None or length.dimension != "time" or round(length.base * 1e6) <= 0:
        raise InvalidValue(f"step {step!r} of a time", where="regular", expected='a time such as "1 h"')
    return round(length.base * 1e6)


def _whole(step: Argument) -> int:
    found = _STEP.match(str(step))
    if found is None or found.group(2) or not float(found.group(1)).is_integer() or float(found.group(1)) < 1:
        raise InvalidValue(f"step {step!r} of a whole number", where="regular", expected="a whole number such as 1")
    return int(float(found.group(1)))


@measure(
    "regular",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO 19123-1:2023, regular grids in time; ISO/IEC 25012:2008, completeness",
)
def regular(
    rows: pl.DataFrame, column: str, step: Argument, *, confidence: float = 0.95, anytime: bool = False
) -> Value:
    """Share of the gaps between neighbouring times, in order, that are exactly one step.

    Parameters
    ----------
    rows
        Shape (n, columns), in any order.
    column
        A column of days or times (compared to the microsecond), or of whole numbers. Missing values are not looked at.
    step
        Length of a step: ``"1 h"``, ``"15 min"``, ``"1 d"``; a whole number for a column of them. A time that stands
        twice makes a gap of nothing, which is not regular; nor is one that is left out.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1] with Wilson's interval; n is the number of gaps. No row is to blame for one that is missing.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    InvalidValue
        If the step is not a positive length of that kind.
    NotMeasurable
        If there are fewer than two values, or the column holds neither times nor whole numbers.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"day": [date(2026, 1, 1), date(2026, 1, 3), date(2026, 1, 2), date(2026, 1, 5)]})
    >>> round(regular(rows, "day", "1 d").value, 3)
    0.667
    """
    return measured("regular", rows, column, step, confidence=confidence, anytime=anytime)
