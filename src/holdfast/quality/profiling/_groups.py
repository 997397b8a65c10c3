"""Groups: whether rows that share the value of a column are more alike than others, so rows are not independent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from holdfast.quality.profiling._columns import categorical
from holdfast.quality.profiling._drafts import Column

#: Pairs of rows needed, columns compared, and how much more alike (of what is possible) groups must be.
PAIRS, COMPARED, ALIKE = 50, 12, 0.4


def group_note(sample: pl.DataFrame, columns: Sequence[Column]) -> str | None:
    """Say which column groups rows that are alike; None where none does."""
    compared = [each.name for each in columns if categorical(each) and each.distinct > 1][:COMPARED]
    able = [each for each in columns if _able(each)]
    if len(compared) < 3 or not able:
        return None
    codes = {name: sample[name].rank("dense").fill_null(0).to_numpy() for name in compared}
    for each in sorted(able, key=lambda one: (-one.distinct, one.name)):
        if _alike(sample[each.name], codes) >= ALIKE:
            return (
                f"rows that share a value of {each.name!r} are alike ({each.distinct} values in {each.n} rows): the "
                "bounds take rows for independent, so new groups may show more than they allow"
            )
    return None


def _able(column: Column) -> bool:
    named = column.kind == "text" or (column.kind == "number" and column.whole)
    return named and not column.ordered and 0.1 * column.n <= column.distinct <= 0.95 * column.n


def _alike(group: pl.Series, codes: dict[str, np.ndarray]) -> float:
    """How much more often neighbours of a group agree than any two rows, of what is possible; 0 for no more."""
    marks = group.rank("dense").fill_null(0).to_numpy()
    order = np.argsort(marks, kind="stable")
    pairs = np.flatnonzero((marks[order][1:] == marks[order][:-1]) & (marks[order][1:] > 0))
    if len(pairs) < PAIRS:
        return 0.0
    one, two = order[pairs], order[pairs + 1]
    gains = []
    for code in codes.values():
        counts = np.bincount(code.astype(np.int64)) / len(code)
        base = float((counts**2).sum())
        gains.append((float((code[one] == code[two]).mean()) - base) / max(1e-9, 1 - base))
    return float(np.median(gains))
