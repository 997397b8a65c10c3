"""Columns of few numbers (codes, grades): numbers that are a usual one with its point slipped."""

from __future__ import annotations

from collections import Counter

import numpy as np

from holdfast.quality.repair._kinds import is_number
from holdfast.quality.repair._table import Column, Edit

FACTORS = (1000, 100, 10)
BY_CHANCE = 0.01
LEAST_TRUST = 0.7


def _hit_by_chance(shown: dict[str, int], hit: set[str], many: int) -> float:
    """Chance that so many slips of the point, which befall all numbers alike, all befall the numbers that they did.

    Where most cells hold a number that is never met with its point slipped, the far numbers are codes of their own.
    """
    return float((sum(shown[value] for value in hit) / max(sum(shown.values()), 1)) ** many)


def slipped_points(column: Column, rule: str) -> dict[str, Edit]:
    """Rare numbers, more than three times the largest usual one, that divided by a power of ten are a usual one.

    Parameters
    ----------
    column
        Numbers, of few distinct values.
    rule
        Name that the edits carry.

    Returns
    -------
    dict
        Value to Edit; believed where at least three cells tell the same factor.
    """
    counts = dict(zip(column.values, column.counts.tolist(), strict=True))
    numbers = {value: float(value) for value in column.values if is_number(value)}
    least = max(5.0, 0.01 * column.filled)
    usual = {value: number for value, number in numbers.items() if counts[value] >= least}
    top = max(usual.values(), default=0.0)
    if len(usual) < 2 or top <= 0 or sum(counts[value] for value in usual) < 0.9 * column.filled:
        return {}
    home = {number: value for value, number in sorted(usual.items(), key=lambda each: counts[each[0]])}
    far = [value for value, number in numbers.items() if number > 3 * top and np.isfinite(number)]
    told: Counter[int] = Counter()
    for factor in FACTORS:
        told[factor] = sum(counts[value] for value in far if numbers[value] / factor in home)
    factor, many = max(told.items(), key=lambda each: (each[1], each[0]))
    if not many or sum(counts[value] for value in far) > 0.1 * column.filled:
        return {}
    # Slips of small numbers would not be far: they say nothing.
    shown = {value: counts[value] for number, value in home.items() if number * factor > 3 * top}
    hit = {home[numbers[value] / factor] for value in far if numbers[value] / factor in home}
    if _hit_by_chance(shown, hit, many) < BY_CHANCE:
        return {}
    share = many / sum(counts[value] for value in far)
    sure = 0.85 if many >= 3 and share >= 0.6 else 0.6
    if sure < LEAST_TRUST and any(top < number <= 3 * top for number in numbers.values()):
        return {}  # a tail that thins out
    reason = f"{factor} times a usual number of the column, which has few"
    return {
        value: Edit(home[numbers[value] / factor], rule, sure, reason)
        for value in far
        if numbers[value] / factor in home
    }
