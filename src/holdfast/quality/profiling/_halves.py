"""Two halves and a sample of a table that do not depend on the order of its rows."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.quality.profiling._drafts import is_text


def shuffled(rows: pl.DataFrame, *, seed: int) -> np.ndarray:
    """Shape (n,) int64: places of the rows in an order that their content and the seed decide, not their places.

    The same rows in another order give the same halves, but for rows that are alike in every column.
    """
    # By position, not by name: a name such as "*" would stand for all columns.
    able = [
        (each.cast(pl.String) if is_text(each.dtype) else each).alias(str(place))
        for place, each in enumerate(rows.get_columns())
        if not each.dtype.is_nested() and each.dtype not in (pl.Object, pl.Null, pl.Binary)
    ]
    if not able:
        return np.random.default_rng(seed).permutation(rows.height)
    marks = pl.DataFrame(able).hash_rows(seed=seed).to_numpy()
    return np.argsort(marks, kind="stable")


def half_of(order: np.ndarray) -> np.ndarray:
    """Shape (n,) bool: every other row of an order; rows that are alike are dealt out in turn."""
    half = np.zeros(len(order), dtype=bool)
    half[order[::2]] = True
    return half


def sampled(rows: pl.DataFrame, order: np.ndarray, *, most: int) -> pl.DataFrame:
    """At most so many rows, the first of an order, in the order of the table."""
    return rows if rows.height <= most else rows[np.sort(order[:most])]
