"""Jensen-Shannon distance: how unlike the shares of a column's bins are."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Window
from holdfast.observe._drift import of_column, widened


@measure(
    "js",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("live",),
    subject="window",
    source="J. Lin (1991), Divergence measures based on the Shannon entropy, IEEE Trans. Information Theory 37",
)
def js(
    window: Window, column: str, *, bins: float = 10, confidence: float = 0.95, rng: np.random.Generator | None = None
) -> Value:
    """Jensen-Shannon distance of the shares of a column's bins: the root of the divergence in bits.

    Parameters
    ----------
    window
        Reference rows beside current ones.
    column
        Any column of single values, with the bins of `psi`; ``*`` for the one that moved most.
    bins
        Bins for numbers, at least 2.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of the bootstrap; None for a fixed seed.

    Returns
    -------
    Value
        In [0, 1]: 0 for the same shares, 1 where no bin is shared. With a parametric bootstrap interval; n is the
        number of current rows.

    Raises
    ------
    ColumnNotFound
        If a side has no such column.
    NotMeasurable
        If a side has no rows, or holds no value.

    References
    ----------
    Lin (1991), as above; D. M. Endres, J. E. Schindelin (2003), "A new metric for probability distributions".

    Examples
    --------
    >>> before, after = pl.DataFrame({"x": ["a", "a"]}), pl.DataFrame({"x": ["b", "b"]})
    >>> js(Window(before, after), "x").value
    1.0
    """

    def distance(first: pl.Series, second: pl.Series, *, confidence: float, rng: np.random.Generator) -> Value:
        from holdfast.stats import distances

        made = widened(distances.jensen_shannon, first, second, confidence=confidence, rng=rng, bins=int(bins))
        return Value(made.value, made.low, min(1.0, made.high or 1.0), n=made.n, method=made.method, notes=made.notes)

    return of_column(window, column, distance, confidence=confidence, rng=rng or np.random.default_rng(0), name="js")
