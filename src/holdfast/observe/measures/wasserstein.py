"""Wasserstein distance: how far the values of a column were moved."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Window
from holdfast.observe._drift import is_category, of_column, total_variation, widened


@measure(
    "wasserstein",
    unit="number",
    range=(0, None),
    better="lower",
    stages=("live",),
    subject="window",
    source="S. S. Vallender (1974), Calculation of the Wasserstein distance on the line, Theory Probab. Appl. 18",
)
def wasserstein(
    window: Window, column: str, *, confidence: float = 0.95, rng: np.random.Generator | None = None
) -> Value:
    """Mean distance that the values of a column were moved, in standard deviations of the reference.

    Parameters
    ----------
    window
        Reference rows beside current ones.
    column
        A column of numbers or times; for categories, all equally far apart, the share that was moved (total
        variation); ``*`` for the one that moved most.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of the bootstrap; None for a fixed seed.

    Returns
    -------
    Value
        At least 0, with a parametric bootstrap interval (for categories the Bretagnolle-Huber-Carol band); n is the
        number of current values. 0 for a constant column that kept its value.

    Raises
    ------
    ColumnNotFound
        If a side has no such column.
    NotMeasurable
        If a side has no rows, or holds no value.

    References
    ----------
    Vallender (1974), as above; C. Villani (2009), "Optimal Transport", theorem 6.15 (the discrete distance).

    Examples
    --------
    >>> before, after = pl.DataFrame({"x": [0.0, 2.0]}), pl.DataFrame({"x": [1.0, 3.0]})
    >>> wasserstein(Window(before, after), "x").value
    1.0
    """
    return of_column(
        window, column, _distance, confidence=confidence, rng=rng or np.random.default_rng(0), name="wasserstein"
    )


def _distance(first: pl.Series, second: pl.Series, *, confidence: float, rng: np.random.Generator) -> Value:
    from holdfast.stats import distances

    if is_category(first):
        return total_variation(first, second, confidence=confidence)
    values = first.drop_nulls().unique()
    if len(values) == 1 and len(second.drop_nulls()) and second.drop_nulls().unique().equals(values):
        return Value(0.0, n=len(second), notes={"constant": True})
    return widened(distances.wasserstein, first, second, confidence=confidence, rng=rng, scaled=True)
