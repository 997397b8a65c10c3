"""Values that stand in the wrong column: glued to a neighbour's, moved to it, or two that changed places."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from holdfast.quality.repair._kinds import Kind, is_number
from holdfast.quality.repair._table import Column, Edit, RowsOf, Table

RULE = "misplaced"
MOST_PAIRS = 900
MOST_DOMAINS = 40

Proposals = dict[tuple[int, int], Edit]


def _splits(text: str, domain: frozenset[str]) -> list[tuple[str, str, bool]]:
    """Ways to read a text as (rest, value of the domain, whether the value stands at the end)."""
    found = []
    for match in re.finditer(r"\s*[,;|/]\s*|\s+-\s+|\s+", text):
        head, tail = text[: match.start()], text[match.end() :]
        if head and tail and tail in domain:
            found.append((head, tail, True))
        if head and tail and head in domain:
            found.append((tail, head, False))
    return found


def _domains(table: Table, kinds: list[Kind]) -> dict[int, frozenset[str]]:
    """Values of each column of words that repeat, seen at least twice (once in small tables)."""
    found: dict[int, frozenset[str]] = {}
    for place, (column, kind) in enumerate(zip(table.columns, kinds, strict=True)):
        if kind.name in ("category", "name", "code") and kind.distinct <= 0.5 and len(found) < MOST_DOMAINS:
            found[place] = frozenset(
                v for v, c in zip(column.values, column.counts.tolist(), strict=True) if c >= 2 and not is_number(v)
            )
    return found


def propose_misplaced(table: Table, kinds: list[Kind]) -> Proposals:
    """Propose to part values that were glued together, and to put back values that stand in a neighbour's column.

    A value is parted ("Portland OR" with an empty state) when rows whose other cell is empty show it far more often
    than rows where it is filled. Two cells change places when each holds what only the other column holds.

    Returns
    -------
    dict
        (row, place of the column) to Edit.
    """
    domains = _domains(table, kinds)
    pairs = [
        (a, b)
        for a in range(len(table.columns))
        for b in domains
        if a != b and kinds[a].name in ("category", "name", "key", "code")
    ]
    found: Proposals = {}
    for a, b in pairs[:MOST_PAIRS]:
        _glued(table, a, b, domains[b], found)
    for a in domains:
        for b in domains:
            if a < b:
                _swapped(table, a, b, found)
    _strangers(table, kinds, domains, found)
    return found


def _glued(table: Table, a: int, b: int, domain: frozenset[str], found: Proposals) -> None:
    mine, theirs = table.columns[a], table.columns[b]
    splits = {code: _splits(value, domain) for code, value in enumerate(mine.values)}
    hits = np.array([bool(splits[code]) for code in range(len(mine.values))], dtype=bool)
    if not hits.any():
        return
    filled = mine.codes >= 0
    hit = np.zeros(table.rows, dtype=bool)
    hit[filled] = hits[mine.codes[filled]]
    hollow = filled & (theirs.codes < 0)
    known = frozenset(mine.values)
    rate_hollow = hit[hollow].mean() if hollow.any() else 0.0
    both = filled & (theirs.codes >= 0)
    rate_both = hit[both].mean() if both.any() else 0.0
    if int(hit[hollow].sum()) >= 3 and rate_hollow >= 0.3 and rate_hollow > 5 * rate_both:
        for row in np.flatnonzero(hit & hollow).tolist():
            options = splits[int(mine.codes[row])]
            rest, value, _ = max(options, key=lambda each: (each[0] in known, each[2], len(each[1])))
            sure = 0.95 if rest in known else 0.9
            reason = f"{value!r} is a value of {theirs.name!r}, which is empty here"
            found[row, a] = Edit(rest, RULE, sure, reason)
            found[row, b] = Edit(
                value, RULE, sure, reason.replace("which is empty here", f"and was glued to {mine.name!r}")
            )
    _redundant(table, a, b, splits, found)


def _redundant(table: Table, a: int, b: int, splits: dict[int, list[tuple[str, str, bool]]], found: Proposals) -> None:
    """Take off a neighbour's value that is repeated in this cell, where the rest alone is a usual value."""
    mine, theirs = table.columns[a], table.columns[b]
    counts = dict(zip(mine.values, mine.counts.tolist(), strict=True))
    rows_of = RowsOf(mine.codes, len(mine.values))
    repeats: list[tuple[int, str]] = []
    for code, options in splits.items():
        if not options:
            continue
        for row in rows_of(code).tolist():
            own = theirs.text(row)
            rest = next((rest for rest, value, last in options if last and value == own), None)
            if rest is not None and counts.get(rest, 0) >= 2 * counts[mine.values[code]]:
                repeats.append((row, rest))
    if 3 <= len(repeats) <= 0.1 * table.rows:
        for row, rest in repeats:
            found.setdefault((row, a), Edit(rest, RULE, 0.8, f"it repeats the value of {theirs.name!r}"))


def _swapped(table: Table, a: int, b: int, found: Proposals) -> None:
    one, two = table.columns[a], table.columns[b]
    if _overlap(one, two) > 0.1:
        return
    strange_one = _belongs(one, two)
    strange_two = _belongs(two, one)
    if not (strange_one.any() or strange_two.any()):
        return
    first, second = one.codes >= 0, two.codes >= 0
    out_one, out_two = np.zeros(table.rows, dtype=bool), np.zeros(table.rows, dtype=bool)
    out_one[first] = strange_one[one.codes[first]]
    out_two[second] = strange_two[two.codes[second]]
    reason = f"the value belongs to {two.name!r} and that of {two.name!r} here belongs to {one.name!r}"
    for row in np.flatnonzero(out_one & out_two).tolist():
        found[row, a] = Edit(two.text(row), RULE, 0.95, reason)
        found[row, b] = Edit(one.text(row), RULE, 0.95, reason)
    for mask, source, target, here, there in ((out_one & ~second, a, b, one, two), (out_two & ~first, b, a, two, one)):
        for row in np.flatnonzero(mask).tolist():
            found[row, target] = Edit(here.text(row), RULE, 0.85, f"it stood in {here.name!r}, and this cell is empty")
            found[row, source] = Edit(None, RULE, 0.85, f"the value belongs to {there.name!r}, which is empty here")


def _overlap(one: Column, two: Column) -> float:
    """Share of the cells of the smaller of two domains whose value is about as usual in the other column."""
    other = dict(zip(two.values, two.counts.tolist(), strict=True))
    common = sum(
        min(c, other.get(v, 0))
        for v, c in zip(one.values, one.counts.tolist(), strict=True)
        if 8 * min(c, other.get(v, 0)) > max(c, other.get(v, 0))
    )
    return float(common) / max(min(one.filled, two.filled), 1)


def _belongs(here: Column, there: Column) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Values of one column that are at least 8 times as usual in the other, and 3 times there."""
    other = dict(zip(there.values, there.counts.tolist(), strict=True))
    return np.array(
        [other.get(v, 0) >= max(3, 8 * c) for v, c in zip(here.values, here.counts.tolist(), strict=True)], dtype=bool
    )


def _strangers(table: Table, kinds: list[Kind], domains: dict[int, frozenset[str]], found: Proposals) -> None:
    """Change places of a number in a column of words and the word in the column of numbers of the same row."""
    numbers = [p for p, kind in enumerate(kinds) if kind.name == "number" and kind.share >= 0.9]
    wrong: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for place in numbers:
        column = table.columns[place]
        odd = [code for code, value in enumerate(column.values) if not is_number(value)]
        for row in np.flatnonzero(np.isin(column.codes, odd)).tolist() if odd else []:
            wrong[place][row] = column.values[int(column.codes[row])]
    for place, cells in wrong.items():
        for row, word in cells.items():
            for other, domain in domains.items():
                there = table.columns[other].text(row)
                if word in domain and there is not None and is_number(there) and kinds[other].name != "code":
                    reason = "a word among numbers and a number among words have changed places"
                    found[row, place] = Edit(there, RULE, 0.95, reason)
                    found[row, other] = Edit(word, RULE, 0.95, reason)
