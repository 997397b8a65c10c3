"""Two cells of a row that accuse each other: told both, unless something else speaks for one of them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from holdfast.quality.repair._table import Edit, Table
from holdfast.quality.repair._witness import wrong_shares

Cell = tuple[int, int]
# Per cell, the sets of columns that vote for its proposal.
Basis = dict[Cell, tuple[tuple[int, ...], ...]]
# Log-odds that one of the two must be ahead by.
AHEAD = 1.0
EITHER = 0.45
# Rules that take what is written for a slip of the hand.
MENDED = frozenset({"typing-error", "spelling-variant"})
# What the rest of the table has to say for one of the two.
SURE = 0.7


def settle_rivals(table: Table, proposals: dict[Cell, Edit], basis: Basis) -> dict[Cell, Edit]:
    """Keep, of two proposals that rest on each other's cell, the one that has more to rest on; else doubt both cells.

    Where two columns determine each other, a row that breaks both dependencies holds one wrong cell, not two: to change
    both would swap the contradiction for its mirror image.

    Parameters
    ----------
    table
        The working table.
    proposals
        By (row, place).
    basis
        Places of the columns of each set that votes for a proposal.

    Returns
    -------
    dict
        The proposals, without those that a rival beats. Of rivals that are alike, the rest of the table decides
        (`wrong_shares`); where it does not, both stay at less than even odds.
    """
    settled = dict(proposals)
    alike: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row, place in sorted(proposals):
        for other in sorted({each for votes in basis[row, place] for each in votes}):
            if other <= place or (row, other) not in proposals:
                continue
            if not any(place in votes for votes in basis[row, other]):
                continue
            one, two = (row, place), (row, other)
            lead = _weight(proposals[one], basis[one], other) - _weight(proposals[two], basis[two], place)
            if abs(lead) < AHEAD:
                alike[place, other].append(row)
            else:
                settled.pop(two if lead > 0 else one, None)
    for (place, other), rows in sorted(alike.items()):
        _decide(table, settled, place, other, [r for r in rows if (r, place) in settled and (r, other) in settled])
    return settled


def _decide(table: Table, settled: dict[Cell, Edit], place: int, other: int, rows: list[int]) -> None:
    """Ask the rest of the rows which of two columns is the wrong one; put what it says into `settled`."""
    column = table.columns[place]
    where = {value: code for code, value in enumerate(column.values)}
    implied = np.array([where[settled[row, place].after or ""] for row in rows], dtype=np.int64)
    at = np.array(rows, dtype=np.int64)
    shares = wrong_shares(table, at, place, column.codes[at], implied, other=other)
    names = f"{column.name!r} and {table.columns[other].name!r}"
    reason = f"{names} determine each other and contradict here, so one of the two is wrong"
    for row, share in zip(rows, shares.tolist(), strict=True):
        one, two = (row, place), (row, other)
        if max(share, 1 - share) < SURE:
            for cell in (one, two):
                edit = settled[cell]
                settled[cell] = Edit(edit.after, edit.rule, min(edit.confidence, EITHER), reason)
            continue
        kept, dropped = (one, two) if share >= SURE else (two, one)
        edit = settled[kept]
        told = f"{edit.reason}, and the other columns of the row fit it better than what is written"
        settled[kept] = Edit(edit.after, edit.rule, min(edit.confidence, max(share, 1 - share)), told)
        del settled[dropped]


def _weight(edit: Edit, votes: tuple[tuple[int, ...], ...], rival: int) -> float:
    """Log-odds of a proposal, and one for each set that votes for it without the rival's column."""
    sure = min(max(edit.confidence, 1e-6), 1 - 1e-6)
    return float(np.log(sure / (1 - sure))) + sum(rival not in each for each in votes)


def against_typing(table: Table, proposals: dict[Cell, Edit]) -> dict[Cell, Edit]:
    """Weigh proposals for cells that were mended as typing errors before: the two are rivals.

    Its odds are divided by those of what was mended; unless it then still is very likely, it stays as a doubt.
    """
    weighed = dict(proposals)
    for (row, place), edit in proposals.items():
        mark = int(table.traces[place].told[row])
        if mark < 0 or table.columns[place].text(row) == edit.after:
            continue
        rule, sure, _ = table.told[mark]
        if not MENDED & set(rule.split("+")):
            continue
        odds = edit.confidence / (1 - edit.confidence) / (1 + sure / max(1 - sure, 1e-6))
        left = odds / (1 + odds)
        if left < SURE:
            left = min(edit.confidence, EITHER)
        weighed[row, place] = Edit(edit.after, edit.rule, left, edit.reason)
    return weighed
