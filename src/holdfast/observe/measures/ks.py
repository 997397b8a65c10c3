"""Kolmogorov-Smirnov distance: the largest difference of two distribution functions."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Window
from holdfast.observe._drift import is_category, of_column, total_variation


@measure(
    "ks",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("live",),
    subject="window",
    source="P. Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, Ann. Prob. 18",
)
def ks(window: Window, column: str, *, confidence: float = 0.95, rng: np.random.Generator | None = None) -> Value:
    """Largest difference between the distribution functions of a column in the reference and in the window.

    Parameters
    ----------
    window
        Reference rows beside current ones.
    column
        A column of numbers or times; for categories, which have no order, the largest difference of the shares of any
        set of them (total variation); ``*`` for the one that moved most.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of what is drawn (nothing); None for a fixed seed.

    Returns
    -------
    Value
        In [0, 1], exact for the samples; the interval is the Dvoretzky-Kiefer-Wolfowitz band of both sides (for
        categories the Bretagnolle-Huber-Carol band). n is the number of current values.

    Raises
    ------
    ColumnNotFound
        If a side has no such column.
    NotMeasurable
        If a side has no rows, or holds no value.

    References
    ----------
    Massart (1990), as above; A. W. van der Vaart, J. A. Wellner (1996), proposition A.6.6.

    Examples
    --------
    >>> before, after = pl.DataFrame({"x": range(100)}), pl.DataFrame({"x": range(50, 150)})
    >>> ks(Window(before, after), "x").value
    0.5
    """

    def distance(first: pl.Series, second: pl.Series, *, confidence: float, rng: np.random.Generator) -> Value:
        from holdfast.stats import distances

        if is_category(first):
            return total_variation(first, second, confidence=confidence)
        return distances.ks(first, second, confidence=confidence, rng=rng)

    return of_column(window, column, distance, confidence=confidence, rng=rng or np.random.default_rng(0), name="ks")
