"""Mistyped values: rare texts that are a typing error away from a usual one of the same column."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from holdfast.quality.repair._dependencies import Groups, grouped
from holdfast.quality.repair._exceptions import lawful_rows
from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import Kind
from holdfast.quality.repair._slips import Pair, near_pairs
from holdfast.quality.repair._table import Codes, Column, Edit, Flags, RowsOf, Table

RULE = "typing-error"
PRIOR = 0.05
MOST_USUAL = 1500
MOST_RARE = 20_000


def _by_chance(length: int, near: int, trusted: int) -> float:
    """Chance that a value that is right is a typing error away from a usual one.

    Falls with the length of the text; raised to what is met among the usual values themselves: codes and names that
    are all alike tell nothing.
    """
    expected = float(np.exp(-0.45 * length))
    return (near + 5 * expected) / (trusted + 5)


def repair_typing_errors(table: Table, place: int, kind: Kind, odd: Flags) -> Found:
    """Mend rare values that are a typing error away from a usual one.

    The odds are ``prior x P(near | typing error) / P(near | right) x frequency x context``. P(near | right) is
    estimated from the usual values of the column, which are near each other in lists of codes and hardly ever in lists
    of words; the context says how much better the rest of the row fits the usual value than rows at large do. Digits
    put for digits are never mended here: they make another code.

    Parameters
    ----------
    table
        The working table.
    place
        Place of the column.
    kind
        What the column is.
    odd
        Which values do not fit what the column is; for these, the prior is much higher.

    Returns
    -------
    Found
        Edits by value.

    References
    ----------
    M. D. Kernighan, K. W. Church, W. A. Gale (1990), "A spelling correction program based on a noisy channel model".
    """
    found = Found()
    column = table.columns[place]
    if (
        kind.name in ("date", "time", "empty", "prose")
        or len(column.values) < 2
        or (kind.name == "number" and not odd.any())
    ):
        return found
    counts = column.counts
    order = np.lexsort((np.arange(len(counts)), -counts))
    usual = np.array([each for each in order if counts[each] >= 4 and not odd[each]][:MOST_USUAL], dtype=np.int64)
    if not len(usual):
        return found
    most = int(counts[usual[0]])
    rare = np.flatnonzero((counts <= max(1, most // 5)) | odd)[:MOST_RARE]
    if kind.name == "number":
        rare = rare[odd[rare]]
    pairs = [
        each
        for each in near_pairs(column, rare, usual)
        if each.slip >= 0.02 and counts[each.usual] >= 4 * counts[each.rare]
    ]
    alike = [each for each in near_pairs(column, usual, usual) if each.slip >= 0.02]
    slipped = {each.rare for each in alike if counts[each.usual] >= 10 * counts[each.rare]}
    among = {each.rare for each in alike if not slipped & {each.rare, each.usual}}
    trusted = len(usual) - len(slipped)
    excused = _excused(table, place, sorted({each.rare for each in pairs}))
    pairs = [each for each in pairs if each.rare not in excused]
    best: defaultdict[int, list[tuple[float, Pair]]] = defaultdict(list)
    context = _Context(table, place)
    common = _prior(
        column, rare, {each.rare for each in pairs}, _by_chance(_length(column, usual), len(among), trusted)
    )
    for pair in pairs:
        text = column.values[pair.usual]
        chance = _by_chance(len(text), len(among), trusted)
        ratio = float(counts[pair.usual] / counts[pair.rare])
        weight = pair.slip / 0.3 * min(ratio / 10, 10.0)
        prior = 0.5 if odd[pair.rare] else common
        fit = context.fit(pair.rare, pair.usual)
        odds = prior / (1 - prior) * 0.9 / chance * weight * np.exp(fit)
        if pair.slip < 0.25 and fit < 1.0:
            odds *= 0.1
        share = _only_match(column, column.values[pair.rare], pair.usual)
        best[pair.rare].append((float(min(odds, share / (1.0001 - share)) if share < 1 else odds), pair))
    for code, options in best.items():
        _decide(column, code, options, found)
    return found


def _length(column: Column, codes: Codes) -> int:
    return int(np.median([len(column.values[int(code)]) for code in codes]))


def _prior(column: Column, rare: Codes, near: set[int], chance: float) -> float:
    """Share of the rare values that are typing errors, estimated from how many are near a usual one beyond chance.

    In a list of few categories hardly any rare value is right; in a list of names most are. Shrunk to `PRIOR`.
    """
    short = [code for code in rare.tolist() if column.counts[code] <= 3]
    found = len(near & set(short)) - chance * len(short)
    return float(np.clip((found + 10 * PRIOR) / (len(short) + 10), 0.02, 0.6))


def _excused(table: Table, place: int, rare: list[int]) -> set[int]:
    """Rare values all of whose rows are unusual together, see `lawful_rows`."""
    if not rare:
        return set()
    codes = table.columns[place].codes
    unusual = np.isin(codes, rare)
    free = unusual & ~lawful_rows(table, unusual, besides=(place,))
    return set(rare) - set(np.unique(codes[free]).tolist())


def _only_match(column: Column, wrong: str, usual: int) -> float:
    """Share of a candidate among all values that fit where a digit was lost to another character; 1 if none was."""
    right = column.values[usual]
    if len(wrong) != len(right):
        return 1.0
    holes = {i for i, (a, b) in enumerate(zip(wrong, right, strict=True)) if a != b}
    if not any(right[i].isdigit() for i in holes):
        return 1.0
    fits = 1.0
    for value, count in zip(column.values, column.counts.tolist(), strict=True):
        if (
            len(value) == len(wrong)
            and value != wrong
            and all(i in holes or a == b for i, (a, b) in enumerate(zip(wrong, value, strict=True)))
        ):
            fits += count
    return float(column.counts[usual] / fits)


def _decide(column: Column, code: int, options: list[tuple[float, Pair]], found: Found) -> None:
    """Take the best candidate; the confidence is shared with its rivals."""
    options.sort(key=lambda each: (-each[0], each[1].usual))
    total = sum(odds for odds, _ in options)
    odds, pair = options[0]
    confidence = odds / (1 + total)
    if confidence >= 0.3:
        usual = column.values[pair.usual]
        reason = f"a typing error away from {usual!r} ({int(column.counts[pair.usual])} cells)"
        found.edits[column.values[code]] = Edit(usual, RULE, min(confidence, 0.99), reason)


class _Context:
    """How well the rest of a row fits a value of one column, against rows at large."""

    def __init__(self, table: Table, place: int) -> None:
        self.column = table.columns[place]
        self.rows = RowsOf(self.column.codes, len(self.column.values))
        self.others: list[tuple[Column, Groups]] = []
        for other, column in enumerate(table.columns):
            if other != place and 2 <= len(column.values) <= 0.5 * max(column.filled, 1) and len(self.others) < 20:
                groups = grouped(self.column.codes, column)
                if groups is not None:
                    self.others.append((column, groups))

    def fit(self, rare: int, usual: int) -> float:
        """Log-odds, in [-3, 3], that the rows of a rare value are rows of a usual one."""
        rows = self.rows(rare)
        total = 0.0
        many = int(self.column.counts[usual])
        for column, groups in self.others:
            codes = column.codes[rows]
            codes = codes[codes >= 0]
            if not len(codes):
                continue
            seen = groups.count(np.full(len(codes), usual, dtype=np.int64), codes)
            share = np.maximum(column.counts[codes] - 1, 0.5) / max(column.filled, 1)
            gain = np.log((seen + 2 * share) / (many + 2) / share)
            total += 0.3 * float(gain.mean())
        return float(np.clip(total, -3, 3))
