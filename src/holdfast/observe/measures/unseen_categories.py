"""Unseen categories: values that the reference never held."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Window
from holdfast.observe._drift import is_category, of_column


@measure(
    "unseen_categories",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("live",),
    subject="window",
    source="E. Breck et al. (2019), Data validation for machine learning, MLSys",
)
def unseen_categories(window: Window, column: str, *, confidence: float = 0.95) -> Value:
    """Share of the window's values that are categories which the reference does not hold.

    Parameters
    ----------
    window
        Reference rows beside current ones.
    column
        A column of text, or true and false; ``*`` for the worst one. Missing values are not looked at. A column of
        numbers has no categories, so none of its values is an unseen one.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
    Value
        In [0, 1], with Wilson's interval; n is the number of current values that are not missing. The notes count the
        unseen categories.

    Raises
    ------
    ColumnNotFound
        If a side has no such column.
    NotMeasurable
        If a side has no rows, or the window holds no value.

    Examples
    --------
    >>> before, after = pl.DataFrame({"x": ["a", "b"]}), pl.DataFrame({"x": ["a", "c", "c", "b"]})
    >>> unseen_categories(Window(before, after), "x").value
    0.5
    """
    return of_column(
        window, column, _distance, confidence=confidence, rng=np.random.default_rng(0), name="unseen_categories"
    )


def _distance(first: pl.Series, second: pl.Series, *, confidence: float, rng: np.random.Generator) -> Value:
    from holdfast.stats.intervals import wilson

    del rng
    if not is_category(first):
        return Value(0.0, n=len(second), notes={"categories": 0})
    values = second.cast(pl.String).drop_nulls()
    if not len(values):
        raise NotMeasurable("the window holds no value", expected="at least one value that is not missing")
    strange = values.filter(~values.is_in(first.cast(pl.String).drop_nulls().unique().implode()))
    share = len(strange) / len(values)
    low, high = wilson(len(strange), len(values), confidence=confidence)
    notes = {"unseen": strange.n_unique(), "categories": first.n_unique()}
    return Value(share, min(low, share), max(high, share), n=len(values), method="Wilson", notes=notes)
