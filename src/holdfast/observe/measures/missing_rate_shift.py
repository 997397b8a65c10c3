"""Missing rate: whether a column is missing more, or less, often than before."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Window
from holdfast.observe._drift import of_column


@measure(
    "missing_rate_shift",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("live",),
    subject="window",
    source="R. G. Newcombe (1998), Interval estimation for the difference between proportions, Stat. Med. 17",
)
def missing_rate_shift(window: Window, column: str, *, confidence: float = 0.95) -> Value:
    """Difference, without sign, between the shares of missing values in the window and in the reference.

    Parameters
    ----------
    window
        Reference rows beside current ones.
    column
        Any column; ``*`` for the one that moved most. Null and NaN are missing.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    Value
        In [0, 1], with Newcombe's interval of the difference; n is the number of current rows.

    Raises
    ------
    ColumnNotFound
        If a side has no such column.
    NotMeasurable
        If a side has no rows.

    Examples
    --------
    >>> before, after = pl.DataFrame({"x": [1, 2, 3, 4]}), pl.DataFrame({"x": [1, None, None, 4]})
    >>> missing_rate_shift(Window(before, after), "x").value
    0.5
    """
    return of_column(
        window, column, _distance, confidence=confidence, rng=np.random.default_rng(0), name="missing_rate_shift"
    )


def _distance(first: pl.Series, second: pl.Series, *, confidence: float, rng: np.random.Generator) -> Value:
    from holdfast.stats.intervals import newcombe_difference

    del rng
    before, after = _missing(first), _missing(second)
    gap = after / len(second) - before / len(first)
    low, high = newcombe_difference(after, len(second), before, len(first), confidence=confidence)
    notes = {"reference": before / len(first), "current": after / len(second), "reference rows": len(first)}
    ends = (low, high) if gap >= 0 else (-high, -low)
    return Value(
        abs(gap),
        max(0.0, min(ends[0], abs(gap))),
        max(ends[1], abs(gap)),
        n=len(second),
        method="Newcombe",
        notes=notes,
    )


def _missing(column: pl.Series) -> int:
    return column.null_count() + (int(column.is_nan().sum() or 0) if column.dtype.is_float() else 0)
