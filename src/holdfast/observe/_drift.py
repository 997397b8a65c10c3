"""How far a column of a window is from its reference: what every measure of drift shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, NotMeasurable, one_of
from holdfast.core.evidence import Value
from holdfast.core.promises import EVERY_COLUMN
from holdfast.core.subjects import Window

Distance = Callable[..., Value]

#: The bootstrap of a distance is drawn some hundred times: tails beyond this are extended with the normal's.
DRAWN = 0.95


def of_column(
    window: Window, column: str, distance: Distance, *, confidence: float, rng: np.random.Generator, name: str
) -> Value:
    """Distance of one column, or of the column that is farthest for ``*``.

    Parameters
    ----------
    window
        Reference beside current.
    column
        Name of a column, or ``*``; with several columns the interval holds for all of them at once (Bonferroni).
    distance
        ``distance(reference, current, confidence=..., rng=...) -> Value``.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of what is drawn.
    name
        Name of the measure, for errors.

    Raises
    ------
    ColumnNotFound
        If reference or current has no such column.
    NotMeasurable
        If either side has no rows, or the distance is not defined.
    """
    if column != EVERY_COLUMN:
        first, second = both(window, column, name=name)
        return distance(first, second, confidence=confidence, rng=rng)
    if not window.reference.columns:
        raise NotMeasurable("a window without columns", where=name, expected="at least one column")
    sure = 1.0 - (1.0 - confidence) / len(window.reference.columns)
    found = {
        each: distance(*both(window, each, name=name), confidence=sure, rng=rng) for each in window.reference.columns
    }
    worst = max(found, key=lambda each: found[each].value)
    value = found[worst]
    return Value(
        value.value,
        value.low,
        value.high,
        n=value.n,
        method=f"{value.method}, Bonferroni over {len(found)} columns",
        notes={**value.notes, "column": worst, "columns": len(found)},
    )


def both(window: Window, column: str, *, name: str) -> tuple[pl.Series, pl.Series]:
    """Take a column of the reference and of the current rows.

    Raises
    ------
    ColumnNotFound
        If either has no such column.
    NotMeasurable
        If either has no rows.
    """
    for side, rows in (("reference", window.reference), ("current", window.current)):
        if column not in rows.columns:
            raise ColumnNotFound(
                f"no column {column!r} in the {side} rows", where=name, expected=one_of(rows.columns, column)
            )
        if rows.height == 0:
            raise NotMeasurable(f"no {side} rows", where=name, expected="at least one row")
    return window.reference[column], window.current[column]


def widened(distance: Distance, reference: Any, current: Any, *, confidence: float, **options: Any) -> Value:
    """Distance with an interval of any confidence, also one that no bootstrap of some hundred draws can give.

    Beyond 95 % the ends of the 95 % interval are moved out as those of a normal estimate would be.
    """
    from holdfast.stats.intervals import critical

    made = distance(reference, current, confidence=min(confidence, DRAWN), **options)
    if confidence <= DRAWN or made.low is None or made.high is None:
        return made
    wider = critical(confidence) / critical(DRAWN)
    low = max(0.0, made.value - wider * (made.value - made.low))
    high = made.value + wider * (made.high - made.value)
    return Value(made.value, low, high, n=made.n, method=f"{made.method}, normal tails", notes=made.notes)


def is_category(reference: pl.Series) -> bool:
    """Whether a column holds categories: text, or true and false."""
    return reference.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean)


def total_variation(reference: pl.Series, current: pl.Series, *, confidence: float) -> Value:
    """Total variation of two samples of categories: the largest difference of the shares of any set of categories.

    It is Kolmogorov's distance where the values have no order, and Wasserstein's where all are equally far apart.

    Parameters
    ----------
    reference, current
        Shape (n,), (m,); missing values are left out.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    Value
        In [0, 1]. The interval is the Bretagnolle-Huber-Carol band of both sides, which holds at every sample size.

    Raises
    ------
    NotMeasurable
        If either side holds no value.

    References
    ----------
    A. W. van der Vaart, J. A. Wellner (1996), "Weak Convergence and Empirical Processes", proposition A.6.6.
    """
    first, second = (each.cast(pl.String).drop_nulls().value_counts(name="rows") for each in (reference, current))
    n, m = int(first["rows"].sum()), int(second["rows"].sum())
    if not n or not m:
        side = "reference" if not n else "current"
        raise NotMeasurable(f"no {side} value is there", expected="at least one value that is not missing")
    before = dict(first.iter_rows())
    after = dict(second.iter_rows())
    levels = sorted({*before, *after})
    gap = sum(abs(before.get(each, 0) / n - after.get(each, 0) / m) for each in levels) / 2.0
    tail = len(levels) * math.log(2.0) + math.log(2.0 / (1.0 - confidence))
    band = (math.sqrt(2.0 * tail / n) + math.sqrt(2.0 * tail / m)) / 2.0
    return Value(
        gap,
        max(0.0, gap - band),
        min(1.0, max(gap, gap + band)),
        n=m,
        method="Bretagnolle-Huber-Carol",
        notes={"levels": len(levels), "reference rows": n},
    )
