"""Order: how many rows do not go back behind the row above them."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.promises import Argument
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, kind_of, refuse, value_of_column
from holdfast.quality._values import mask_of, measured


@check("monotone")
def build(schema: Schema, column: str, *group: str, strictly: Argument | bool = False) -> Check:
    """Check that the value is not below that of the row above, within its group."""
    kind = kind_of(schema, column, "monotone")
    if not (kind.is_numeric() or kind in (pl.Date, pl.Datetime, pl.Time, pl.Duration)):
        raise refuse("monotone", column, kind, expected="a column of numbers, days or times")
    value = value_of_column(column, kind)
    keys = tuple(value_of_column(each, kind_of(schema, each, "monotone")) for each in group)
    failing = a.Compare("<=" if flag(strictly, "monotone", "strictly") else "<", value, a.Previous(value, keys))
    return Check(
        measure="monotone",
        bad=a.CountIf(failing),
        looked=a.present(value),
        failing=failing,
        column=column,
    )


def flag(given: Argument | bool, where: str, what: str) -> bool:
    """Read an argument as yes or no."""
    word = str(given).lower()
    if word not in ("true", "false", "1", "0", "1.0", "0.0"):
        raise InvalidValue(f"{what}={given!r}", where=where, expected="true or false")
    return word in ("true", "1", "1.0")


@measure(
    "monotone",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, consistency; order dependency: S. Ginsburg, R. Hull (1983), TCS 26",
)
def monotone(
    rows: pl.DataFrame,
    column: str,
    *group: str,
    strictly: Argument | bool = False,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Share of the values of `column` that are not below the one before them, in the order of the rows.

    Parameters
    ----------
    rows
        Shape (n, columns), in their order.
    column
        A column of numbers, days or times. Missing values are not looked at, and the row after one is compared with
        the last value above it.
    group
        Columns of a key: rows are compared within their group; a missing key is a group of its own.
    strictly
        Whether a value that equals the one before it breaks the order as well.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1] with Wilson's interval; n is the number of values that are not missing (the first of a group
        has none before it, and keeps the order).

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If the column holds no value, or none that have an order; or if the table has no order of rows (PostgreSQL).

    Examples
    --------
    >>> rows = pl.DataFrame({"day": [1, 2, 2, 1], "shop": ["a", "a", "a", "b"]})
    >>> monotone(rows, "day").value, monotone(rows, "day", "shop").value
    (0.75, 1.0)
    """
    return measured("monotone", rows, column, *group, strictly=strictly, confidence=confidence, anytime=anytime)


@row_check("monotone")
def out_of_order(rows: pl.DataFrame, column: str, *group: str, strictly: Argument | bool = False) -> np.ndarray:
    """Shape (n,) bool: True where a value lies below the one before it."""
    return mask_of("monotone", rows, column, *group, strictly=strictly)
