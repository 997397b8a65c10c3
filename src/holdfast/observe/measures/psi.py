"""Population stability index: how far the shares of a column's bins have moved."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Window
from holdfast.observe._drift import of_column, widened


@measure(
    "psi",
    unit="number",
    range=(0, None),
    better="lower",
    stages=("live",),
    subject="window",
    source="B. Yurdakul, J. Naranjo (2020), Statistical properties of the population stability index, JRMV 14",
)
def psi(
    window: Window, column: str, *, bins: float = 10, confidence: float = 0.95, rng: np.random.Generator | None = None
) -> Value:
    """Symmetric relative entropy of the shares of a column's bins: by convention stable below 0.1, not above 0.25.

    Parameters
    ----------
    window
        Reference rows beside current ones.
    column
        Any column of single values: numbers and times are cut at quantiles of the reference, a category is a bin;
        ``*`` for the one that moved most.
    bins
        Bins for numbers, at least 2.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of the bootstrap; None for a fixed seed.

    Returns
    -------
    Value
        At least 0, with a parametric bootstrap interval; n is the number of current rows. The notes hold the bins, and
        what chance alone would give at these numbers of rows (``null_95``).

    Raises
    ------
    ColumnNotFound
        If a side has no such column.
    NotMeasurable
        If a side has no rows, or holds no value.

    References
    ----------
    Yurdakul & Naranjo (2020), as above; E. M. Lewis (1994), "An introduction to credit scoring", for the convention.

    Examples
    --------
    >>> before, after = pl.DataFrame({"x": range(100)}), pl.DataFrame({"x": range(50, 150)})
    >>> psi(Window(before, after), "x").value > 0.25
    True
    """

    def distance(first: pl.Series, second: pl.Series, *, confidence: float, rng: np.random.Generator) -> Value:
        from holdfast.stats import distances

        return widened(distances.psi, first, second, confidence=confidence, rng=rng, bins=int(bins))

    return of_column(window, column, distance, confidence=confidence, rng=rng or np.random.default_rng(0), name="psi")
