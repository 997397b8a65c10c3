"""Keys: columns, or a few columns together, that tell the rows apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from holdfast.quality.profiling import _bounds
from holdfast.quality.profiling._drafts import Candidate, Column, counted, share

#: Columns that keys of several columns are looked for in, and the most columns of a key.
LOOKED, WIDEST = 10, 3

#: Moments needed before it says anything that none stands twice.
ENOUGH = 50

#: Repeats that chance would make of columns that know nothing of each other; below it, no repeat says nothing.
SURPRISING = 20.0


def keys(rows: pl.DataFrame, columns: Sequence[Column]) -> Iterator[Candidate]:
    """Single columns that identify rows; else small sets of columns; else whole rows."""
    single = [each for each in columns if _single(each) and not each.missing]
    for each in single:
        met = _may_meet(each)
        yield share(
            "key",
            "unique",
            [each.name],
            failing=met,
            n=each.rows,
            support=f"no value stands twice in {each.rows} rows",
            doubt="as few values as these may all differ by chance" if met > 0.01 * each.rows else None,
        )
    near = [each for each in columns if _nearly(each)]
    for each in near:
        repeated = each.rows - each.distinct - (1 if each.missing else 0)
        yield share(
            "key",
            "unique",
            [each.name],
            failing=repeated,
            n=each.rows,
            support=f"{counted(repeated, each.rows)} rows repeat an earlier value",
            doubt="nearly a key: are the repeats errors?",
        )
    if single:
        return
    together = list(_composite(rows, columns))
    yield from together
    if not together and rows.width > 1:
        yield from _whole_rows(rows, columns)


def _single(column: Column) -> bool:
    return column.identifies or (column.kind == "time" and column.n >= ENOUGH and column.distinct == column.n)


def _may_meet(column: Column) -> float:
    """Repeats, in as many rows, that a tenfold table may show where whole numbers only did not meet yet; 0 for a key.

    That none met is surprising where the numbers lie close together: they are given out, not drawn.
    """
    if column.kind == "text":
        return 0.0
    values = column.numbers if column.kind == "number" else column.values.cast(pl.Int64).to_numpy().astype(np.float64)
    step = 1.0 if column.kind == "number" else float(np.diff(np.sort(values)).min())
    spread = float(values.max() - values.min()) / step + 1.0
    later = (_bounds.LARGER * column.n) ** 2 / (2 * spread)
    if column.n**2 / (2 * spread) >= SURPRISING or later < 0.5:
        return 0.0
    return later / _bounds.LARGER


def _nearly(column: Column) -> bool:
    if column.kind == "text" or (column.kind == "number" and column.whole):
        return column.rows >= 100 and 0.99 <= column.distinct / column.rows < 1.0
    return False


def _composite(rows: pl.DataFrame, columns: Sequence[Column]) -> Iterator[Candidate]:
    """Smallest sets of columns that tell all rows apart, where chance alone would not."""
    able = [each for each in columns if _partial(each)]
    able = sorted(able, key=lambda each: (-each.distinct, each.name))[:LOOKED]
    found: list[tuple[str, ...]] = []
    for size in range(2, WIDEST + 1):
        for chosen in combinations(able, size):
            names = tuple(sorted(each.name for each in chosen))
            if any(set(known) <= set(names) for known in found) or math.prod(e.distinct for e in chosen) < rows.height:
                continue
            if rows.select(pl.struct(names).n_unique()).item() == rows.height and _met(chosen) >= SURPRISING:
                found.append(names)
        if found:
            break
    for names in found[:3]:
        yield share(
            "key",
            "unique",
            list(names),
            failing=0,
            n=rows.height,
            support=f"no combination stands twice in {rows.height} rows",
        )


def _partial(column: Column) -> bool:
    if column.missing or column.distinct < 2:
        return False
    return column.kind in ("text", "time") or (column.kind == "number" and column.whole)


def _met(chosen: Sequence[Column]) -> float:
    """Pairs of rows that would agree on all the columns, were the columns independent."""
    n = chosen[0].rows
    agree = 1.0
    for each in chosen:
        counts = each.values.value_counts()["count"].to_numpy().astype(np.float64)
        agree *= float((counts * (counts - 1)).sum()) / (n * max(1, n - 1))
    return n * (n - 1) / 2 * agree


def _whole_rows(rows: pl.DataFrame, columns: Sequence[Column]) -> Iterator[Candidate]:
    if len(columns) != rows.width:
        return
    repeated = rows.height - rows.n_unique()
    # A tenfold table meets tenfold as often: repeats are counted as they would be there.
    failing = min(rows.height, repeated * _bounds.LARGER)
    support = f"{counted(repeated, rows.height)} whole rows stand twice"
    if failing < rows.height / 2:
        yield share("duplicates", "unique", [], failing=failing, n=rows.height, support=support)
