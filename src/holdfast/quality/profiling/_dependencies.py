"""Functional dependencies: columns whose value decides that of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.quality.profiling._drafts import Candidate, Column, counted, share

#: Pairs of columns that are looked at, and dependencies that are proposed, at most; determinants told of one column.
PAIRS, PROPOSED, EACH = 2000, 40, 2

#: Rows of a first look, that most pairs do not outlive.
FIRST_LOOK = 1000

#: Most rows, of those whose determinant repeats, that may break a dependency.
BROKEN = 0.005

#: Rows that would break it if the columns knew nothing of each other; fewer say nothing.
SURPRISING = 20.0


@dataclass(frozen=True, slots=True)
class Dependency:
    """One column decides another in all rows but `broken` of n."""

    decides: str
    decided: str
    broken: float
    n: int
    values: int
    expected: float


def dependencies(sample: pl.DataFrame, columns: Sequence[Column]) -> tuple[list[Candidate], str | None]:
    """Dependencies among the columns of a sample of the rows, and a note on what was left out.

    Parameters
    ----------
    sample
        Shape (m, columns).
    columns
        Columns of the table that may take part.
    """
    able = [each for each in columns if _able(each)]
    codes = {each.name: _codes(sample, each.name) for each in able}
    pairs = [(a, b) for a in able for b in able if a.name != b.name and _possible(a, b)]
    # Those that decide little have the more rows to each value: what they decide is the more sure.
    pairs.sort(key=lambda pair: (pair[0].distinct, pair[0].name, pair[1].name))
    left = len(pairs) - PAIRS
    found = [each for a, b in pairs[:PAIRS] if (each := _between(codes, a.name, b.name)) is not None]
    note = f"{left} pairs of columns were not looked at for dependencies" if left > 0 else None
    kept = _told(found)
    if len(kept) > PROPOSED:
        note = f"{len(kept) - PROPOSED} more dependencies were found than are told"
    return list(_candidates(kept[:PROPOSED])), note


def _able(column: Column) -> bool:
    if column.kind not in ("text", "number", "boolean", "time") or column.n < column.rows * 0.5:
        return False
    # A measurement decides by accident, a key decides everything, a constant nothing.
    if column.kind == "number" and not column.whole:
        return 1 < column.distinct <= column.n // 20
    return 1 < column.distinct <= column.n // 2


def _possible(a: Column, b: Column) -> bool:
    # As many values at least: a code cannot decide more values than it has.
    return a.distinct >= b.distinct * 0.98


def _codes(sample: pl.DataFrame, name: str) -> tuple[np.ndarray, int]:
    """Shape (m,) int64 codes of the values, a missing one -1, and how many codes there are."""
    ranks = sample[name].rank("dense").fill_null(0).cast(pl.Int64).to_numpy() - 1
    return ranks, int(ranks.max()) + 1 if len(ranks) else 0


def _between(codes: dict[str, tuple[np.ndarray, int]], a: str, b: str) -> Dependency | None:
    (one, _), (two, many) = codes[a], codes[b]
    both = (one >= 0) & (two >= 0)
    one, two = one[both], two[both]
    if len(one) < SURPRISING:
        return None
    # A part that is broken three times as often as is allowed will not be mended by the rest.
    if len(one) > FIRST_LOOK and _broken(one[:FIRST_LOOK], two[:FIRST_LOOK], many)[0] > 5 + 3 * BROKEN * FIRST_LOOK:
        return None
    broken, repeated, sizes = _broken(one, two, many)
    if repeated < SURPRISING or broken / repeated > BROKEN:
        return None
    expected = _by_chance(two, sizes)
    if expected < max(SURPRISING, 20 * broken):
        return None
    return Dependency(a, b, float(broken), len(one), len(sizes), expected)


def _broken(one: np.ndarray, two: np.ndarray, many: int) -> tuple[int, int, np.ndarray]:
    """Rows that are not their group's most common value (g3), rows in groups of two or more, sizes of the groups."""
    pair, counts = np.unique(one * many + two, return_counts=True)
    group, start = np.unique(pair // many, return_index=True)
    if not len(group):
        return 0, 0, np.zeros(0, dtype=np.int64)
    sizes = np.add.reduceat(counts, start)
    most = np.maximum.reduceat(counts, start)
    return int((sizes - most).sum()), int(sizes[sizes > 1].sum()), sizes


def _by_chance(two: np.ndarray, sizes: np.ndarray) -> float:
    """Rows that would break the dependency if the groups drew their values from the whole column: a lower bound."""
    commonest = float(np.unique(two, return_counts=True)[1].max()) / len(two)
    # In a group of s the commonest value takes at least one row, and about the commonest share of the others.
    return float(((sizes - 1) * (1 - commonest)).sum()) * 0.5


def _told(found: Sequence[Dependency]) -> list[Dependency]:
    """At most a few determinants of each column: those that are surest first."""
    kept: dict[str, list[Dependency]] = {}
    for each in sorted(found, key=lambda one: (one.broken > 0, one.values, one.decides)):
        known = kept.setdefault(each.decided, [])
        if len(known) < EACH:
            known.append(each)
    every = [each for group in kept.values() for each in group]
    return sorted(every, key=lambda one: (one.broken > 0, -one.expected, one.decides, one.decided))


def _candidates(found: Sequence[Dependency]) -> Iterator[Candidate]:
    for each in found:
        support = f"{counted(each.broken, each.n)} rows differ from their group; {each.values} values decide"
        yield share(
            "dependency",
            "determines",
            [each.decides, each.decided],
            # Exceptions that a small group hides come out in a larger table: twice as many at the most.
            failing=2 * each.broken,
            n=each.n,
            support=support,
        )
