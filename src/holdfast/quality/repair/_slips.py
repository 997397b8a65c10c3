"""Pairs of a rare and a usual value that are a typing error apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.quality.repair._near import mistyping, sketch
from holdfast.quality.repair._table import Codes, Column, Flags


@dataclass(frozen=True, slots=True)
class Pair:
    """A rare value, a usual one that it may have been meant to be, and the chance of that slip of the hand."""

    rare: int
    usual: int
    slip: float


def near_pairs(column: Column, rare: Codes, usual: Codes) -> list[Pair]:
    """Pairs of a rare and a usual value that are a typing error apart.

    Character counts rule out most pairs before any distance is computed, lengths are compared first.
    """
    texts_usual = [column.values[int(each)] for each in usual]
    lengths = np.array([len(each) for each in texts_usual])
    marks = sketch(texts_usual)
    found: list[Pair] = []
    for code in rare.tolist():
        text = column.values[code]
        if not 2 <= len(text) <= 400:
            continue
        close = np.flatnonzero(np.abs(lengths - len(text)) <= 3)
        if not len(close):
            continue
        gap = np.abs(marks[close] - sketch([text])[0]).sum(axis=1)
        # A masked letter may occur many times in a long text, so texts of one length are given more room.
        room = np.where(lengths[close] == len(text), max(6, len(text) * 2 // 3), 6)
        near = close[gap <= room]
        for place in near[np.argsort(gap[gap <= room], kind="stable")][:16].tolist():
            if usual[place] != code:
                slip = mistyping(text, texts_usual[place])
                if slip > 0:
                    found.append(Pair(code, int(usual[place]), slip))
    return found


def slipped_values(column: Column) -> Flags:
    """Values that are a typing error away from one at least ten times as usual; shape (distinct values,)."""
    found = np.zeros(len(column.values), dtype=bool)
    if len(column.values) < 2:
        return found
    order = np.lexsort((np.arange(len(column.counts)), -column.counts))
    usual = order[column.counts[order] >= 10][:300]
    rare = np.flatnonzero(column.counts * 10 <= column.counts.max())[:5000]
    for pair in near_pairs(column, rare, usual) if len(usual) else []:
        if pair.slip >= 0.1 and column.counts[pair.usual] >= 10 * column.counts[pair.rare]:
            found[pair.rare] = True
    return found
