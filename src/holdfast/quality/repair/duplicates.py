"""Rows that are one thing: found by blocks, weighed column by column, told and never deleted."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from holdfast.quality.repair._dependencies import Dependency
from holdfast.quality.repair._kinds import Kind
from holdfast.quality.repair._near import mistyping
from holdfast.quality.repair._plan import Duplicates
from holdfast.quality.repair._table import Floats, Table
from holdfast.quality.repair.variants import folded

MOST_PAIRS = 60_000
LARGEST_BLOCK = 12
DISAGREE = -2.5


def _basis(table: Table, kinds: list[Kind], dependencies: list[Dependency]) -> list[int]:
    """Columns that say something of their own: no row numbers, and none that another column here determines."""
    usable = []
    for place, (column, kind) in enumerate(zip(table.columns, kinds, strict=True)):
        serial = len(column.values) >= 0.98 * column.filled and kind.name in ("number", "code", "constant")
        if column.filled >= 0.2 * table.rows and len(column.values) >= 2 and not serial:
            usable.append(place)
    usable.sort(key=lambda p: (-len(table.columns[p].values), table.columns[p].name))
    sure = {
        (each.determinants[0], each.target)
        for each in dependencies
        if len(each.determinants) == 1 and each.strength >= 0.85
    }
    kept: list[int] = []
    for place in usable:
        if not any((other, place) in sure for other in kept):
            kept.append(place)
    return kept


def _candidates(table: Table, basis: list[int]) -> npt.NDArray[np.int64]:
    """Pairs of rows that share a rare value, or the first letters of one, in some column; shape (pairs, 2)."""
    pairs: set[tuple[int, int]] = set()
    for place in basis:
        column = table.columns[place]
        keys = {folded(value)[:12] for value in column.values}
        number = {key: index for index, key in enumerate(sorted(keys))}
        short = np.array([number[folded(value)[:12]] for value in column.values], dtype=np.int64)
        rows = np.flatnonzero(column.codes >= 0)
        block = short[column.codes[rows]]
        sizes = np.bincount(block, minlength=len(number))
        fit = (sizes[block] >= 2) & (sizes[block] <= LARGEST_BLOCK)
        rows, block = rows[fit], block[fit]
        order = np.lexsort((rows, block))
        rows, block = rows[order], block[order]
        for step in range(1, LARGEST_BLOCK):
            same = block[step:] == block[:-step]
            pairs.update(zip(rows[:-step][same].tolist(), rows[step:][same].tolist(), strict=True))
            if len(pairs) > MOST_PAIRS:
                return np.array(sorted(pairs), dtype=np.int64)
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _weights(table: Table, kinds: list[Kind], basis: list[int], pairs: npt.NDArray[np.int64]) -> Floats:
    """Weight of each column for each pair, shape (pairs, columns): positive agrees, negative does not, 0 is silent."""
    found = np.zeros((len(pairs), len(basis)))
    for k, place in enumerate(basis):
        column = table.columns[place]
        a, b = column.codes[pairs[:, 0]], column.codes[pairs[:, 1]]
        rarity = np.log(table.rows / np.maximum(column.counts, 1))
        told = (a >= 0) & (b >= 0)
        found[:, k] = np.where(told, np.where(a == b, rarity[np.maximum(a, 0)], DISAGREE), 0.0)
    hopeful = np.flatnonzero((found > 0).sum(axis=1) >= 0.4 * (found != 0).sum(axis=1))
    wordy = [k for k, place in enumerate(basis) if kinds[place].name in ("category", "name", "key", "code")]
    for index in hopeful.tolist():
        for k in wordy:
            if found[index, k] == DISAGREE:
                column = table.columns[basis[k]]
                one, other = (int(column.codes[row]) for row in pairs[index])
                if _alike(column.values[one], column.values[other]):
                    found[index, k] = 0.7 * float(np.log(table.rows / max(column.counts[one], column.counts[other])))
    return found


def _alike(first: str, second: str) -> bool:
    return max(mistyping(first, second), mistyping(second, first)) >= 0.04 or folded(first) == folded(second)


def find_duplicates(table: Table, kinds: list[Kind], dependencies: list[Dependency]) -> tuple[Duplicates, ...]:
    """Find rows that are one thing.

    The weight of a pair is the sum over the columns of log(rows / rows with that value) where they agree (less where
    they are a typing error apart) and -2.5 where they do not; columns that another one determines count once. The
    prior odds are 1 to the number of rows.

    Returns
    -------
    tuple of Duplicates
        Groups joined over pairs of probability at least 0.9, in the order of their first rows.

    References
    ----------
    I. P. Fellegi, A. B. Sunter (1969), "A theory for record linkage", JASA 64.
    """
    basis = _basis(table, kinds, dependencies)
    if len(basis) < 2 or table.rows < 4:
        return ()
    parent = list(range(table.rows))
    least: dict[int, float] = {}
    pairs = _candidates(table, basis)
    weights = _weights(table, kinds, basis, pairs)
    agreed, told = (weights > 0).sum(axis=1), (weights != 0).sum(axis=1)
    odds = weights.sum(axis=1) - np.log(table.rows)
    for index in np.flatnonzero((agreed >= 2) & (agreed >= 0.7 * told) & (odds > 2.2)).tolist():
        one, other = pairs[index].tolist()
        a, b = _root(parent, one), _root(parent, other)
        sure = float(1 / (1 + np.exp(-min(odds[index], 30.0))))
        low = min(sure, least.get(a, 1.0), least.get(b, 1.0))
        parent[max(a, b)] = min(a, b)
        least[min(a, b)] = low
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for row in range(table.rows):
        root = _root(parent, row)
        if root != row or root in least:
            groups[root].append(row)
    reason = "they agree in what few rows share, or differ by a typing error"
    return tuple(
        Duplicates(tuple(rows), min(0.99, least[root]), reason)
        for root, rows in sorted(groups.items())
        if len(rows) >= 2
    )


def _root(parent: list[int], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row
