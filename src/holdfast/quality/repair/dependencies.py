"""Cells that break dependencies: what the rest of their groups says, weighed against what is written."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import numpy as np

from holdfast.quality.repair._dependencies import Dependency, Groups, grouped
from holdfast.quality.repair._exceptions import lawful_rows
from holdfast.quality.repair._near import mistyping
from holdfast.quality.repair._rivals import Basis, against_typing, settle_rivals
from holdfast.quality.repair._support import MOST_OTHERS, is_measured, told_rightly
from holdfast.quality.repair._table import Codes, Column, Edit, Flags, Floats, Table, joint

RULE = "dependency"
FIRST_ERROR_RATE = 0.03
# One determinant that nothing else speaks for may be the wrong one of the two cells.
LONE_WITNESS = 0.75

Proposals = dict[tuple[int, int], Edit]


class _Votes:
    """The determinants of one target: the groups of each, and how far each may be trusted in each row."""

    def __init__(self, table: Table, target: int, dependencies: list[Dependency]) -> None:
        self.column = table.columns[target]
        self.codes: list[Codes] = []
        self.groups: list[Groups] = []
        self.leak: list[float] = []
        self.diffuse: list[float] = []
        self.names: list[str] = []
        self.places: list[tuple[int, ...]] = []
        self.rightly: list[Floats] = []
        for each in dependencies:
            codes = joint([table.columns[place] for place in each.determinants])
            groups = grouped(codes, self.column)
            if groups is not None:
                self.codes.append(codes)
                self.groups.append(groups)
                self.leak.append(min(max(each.exceptions, 0.001), 0.3))
                self.diffuse.append(each.diffuse)
                self.places.append(each.determinants)
                self.rightly.append(told_rightly(groups, self.column, each.tried))
                self.names.append(" and ".join(table.columns[place].name for place in each.determinants))

    def broken(self) -> Flags:
        """Rows whose value is not the most common one of a group (of two or more) that they are in."""
        found = np.zeros(len(self.column.codes), dtype=bool)
        for codes, groups in zip(self.codes, self.groups, strict=True):
            known = codes >= 0
            group = codes[known]
            mine = self.column.codes[known]
            mine_count = groups.count(group, mine)
            found[known] |= (
                (groups.tops[group] != mine) & (groups.tops[group] >= 0) & (groups.top_counts[group] >= mine_count)
            )
        return found


def _probabilities(column: Column, targets: Codes) -> Floats:
    """Share of the rows that hold each target (-1 is an empty cell), the row itself left out; never 0."""
    counts = np.append(column.counts, column.empty).astype(np.float64)
    return np.maximum(counts[targets] - 1, 0.5) / max(len(column.codes), 1)


def _excused(table: Table, target: int, dependency: Dependency, codes: Codes, groups: Groups) -> Flags:
    """Rows that break a dependency together: most rows with some value of a third column do, so they have a reason."""
    column = table.columns[target]
    known = (codes >= 0) & (column.codes >= 0)
    broken = np.zeros(table.rows, dtype=bool)
    broken[known] = groups.tops[codes[known]] != column.codes[known]
    return lawful_rows(table, broken, besides=(target, *dependency.determinants))


def _slips(column: Column, mine: Codes, candidates: Codes) -> Floats:
    """Chance of mistyping each candidate as what is written; 0 where either is an empty cell."""
    found = np.zeros(candidates.shape)
    for place, code in enumerate(mine.tolist()):
        for k, other in enumerate(candidates[place].tolist()):
            if code >= 0 and other >= 0 and other != code:
                found[place, k] = mistyping(column.values[code], column.values[other])
    return found


def _evidence(votes: _Votes, rows: Codes, candidates: Codes, mute: list[tuple[Flags, Flags]], slips: Floats) -> Floats:
    """Log-odds of each candidate against what is written, from the groups alone; shape (rows, candidates)."""
    column = votes.column
    mine = column.codes[rows]
    total = np.zeros(candidates.shape)
    spread = 1 / (1 + 0.5 * (len(votes.groups) - 1))
    base_mine = _probabilities(column, mine)
    base = _probabilities(column, candidates)
    for codes, groups, leak, diffuse, (blamed, excused) in zip(
        votes.codes, votes.groups, votes.leak, votes.diffuse, mute, strict=True
    ):
        group = codes[rows]
        known = (group >= 0) & ~excused[rows]
        safe = np.where(known, group, 0)
        others = np.maximum(groups.sizes[safe] - 1, 0).astype(np.float64)
        stray = diffuse * groups.sizes[safe]
        own = np.maximum(groups.count(safe, mine) - 1 - np.floor(stray + 3 * np.sqrt(stray)), 0)
        loose = np.where(blamed[rows], 0.7, leak)
        # The same slip made twice in a group is no second witness for what was written.
        few = (own <= 3) & (own <= 0.2 * others)
        own_share = np.where((slips >= 0.1) & few[:, None], 0.0, (own / np.maximum(others, 1))[:, None])
        p_mine = (1 - loose)[:, None] * own_share + (loose * base_mine)[:, None]
        theirs = np.stack([groups.count(safe, candidates[:, k]) for k in range(candidates.shape[1])], axis=1)
        p_theirs = (1 - loose)[:, None] * theirs / np.maximum(others, 1)[:, None] + loose[:, None] * base
        # A group of one other row is weak evidence: its share is known no better than (1 + 1) / (1 + 2).
        trust = others / (others + 1.0)
        gain = np.log(p_theirs) - np.log(p_mine)
        total += spread * np.where((known & (others > 0))[:, None], trust[:, None] * gain, 0.0)
    return total


def _channel(column: Column, mine: Codes, candidates: Codes, odd: Flags, slips: Floats) -> Floats:
    """Log-probability of writing what is written when the candidate was meant, given that something went wrong."""
    found = np.zeros(candidates.shape)
    base = np.log(_probabilities(column, mine))
    for place, code in enumerate(mine.tolist()):
        for k, other in enumerate(candidates[place].tolist()):
            if other < 0 or other == code:
                continue
            if code < 0:
                found[place, k] = np.log(0.2)
                continue
            near = slips[place, k]
            floor = np.log(0.2) if odd[code] else base[place]
            found[place, k] = max(np.log(near), floor) if near > 0 else floor
    return found


def _blamed(table: Table, dependencies: list[Dependency]) -> dict[tuple[int, ...], Flags]:
    """Rows where a determinant contradicts most of what it determines: there the determinant itself is in doubt."""
    found: dict[tuple[int, ...], Flags] = {}
    by: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for each in dependencies:
        by[each.determinants].append(each.target)
    for determinants, targets in by.items():
        codes = joint([table.columns[place] for place in determinants])
        against = np.zeros(table.rows, dtype=np.int64)
        asked = np.zeros(table.rows, dtype=np.int64)
        for target in targets:
            column = table.columns[target]
            groups = grouped(codes, column)
            if groups is None:
                continue
            known = (codes >= 0) & (column.codes >= 0)
            group = codes[known]
            telling = groups.sizes[group] >= 3
            asked[known] += telling
            against[known] += telling & (groups.tops[group] != column.codes[known])
        found[determinants] = (against >= 2) & (against > 0.6 * asked)
    return found


def _witnesses(table: Table, dependencies: list[Dependency], own: list[Dependency], target: int) -> Codes:
    """How many other cells of each row agree with the determinants of a target, shape (rows,)."""
    found = np.zeros(table.rows, dtype=np.int64)
    asked = {each.determinants for each in own}
    for each in dependencies:
        if each.determinants not in asked or each.target == target:
            continue
        codes = joint([table.columns[place] for place in each.determinants])
        column = table.columns[each.target]
        groups = grouped(codes, column)
        if groups is not None:
            known = (codes >= 0) & (column.codes >= 0)
            group = codes[known]
            found[known] += (groups.sizes[group] >= 3) & (groups.tops[group] == column.codes[known])
    return found


def propose_dependency_repairs(table: Table, dependencies: list[Dependency], odd: list[Flags]) -> Proposals:
    """Propose values for the cells that break dependencies, and for empty cells that a dependency determines.

    For each such cell the odds of candidate u against the written v are, over the determinants D of its column,

    ``prod_D [P(u | D) / P(v | D)]^w  x  e / (1 - e)  x  P(v written | u meant)``

    where P(. | D) is the share among the other rows of the group, mixed with the column's own shares by the rate of
    lawful exceptions; w tempers determinants that say the same thing twice; P(v | u) is a noisy channel of typing
    errors (Kernighan, Church and Gale 1990); and the error rate e of each column is estimated by expectation and
    maximisation, so that a clean column needs far more evidence than a dirty one.

    Parameters
    ----------
    table
        The working table.
    dependencies
        As `discover` found them.
    odd
        Per column, which values do not fit what the column is.

    Returns
    -------
    dict
        (row, place of the column) to Edit, one per cell, confidence in (0, 1).

    References
    ----------
    M. D. Kernighan, K. W. Church, W. A. Gale (1990), "A spelling correction program based on a noisy channel model".
    T. Rekatsinas, X. Chu, I. F. Ilyas, C. Re (2017), "HoloClean: holistic data repairs with probabilistic inference".
    """
    proposals: Proposals = {}
    basis: Basis = {}
    by: defaultdict[int, list[Dependency]] = defaultdict(list)
    for each in dependencies:
        by[each.target].append(each)
    blamed = _blamed(table, dependencies)
    for target, own in sorted(by.items()):
        votes = _Votes(table, target, own)
        rows = np.flatnonzero(votes.broken())
        if not len(rows):
            continue
        tops = np.stack(
            [
                np.where(c[rows] >= 0, g.tops[np.maximum(c[rows], 0)], -1)
                for c, g in zip(votes.codes, votes.groups, strict=True)
            ],
            axis=1,
        )
        mine = votes.column.codes[rows]
        candidates = np.where(tops < 0, mine[:, None], tops)
        accused = blamed.get((target,))
        slips = _slips(votes.column, mine, candidates)
        mute = [
            (blamed[d.determinants], _excused(table, target, d, c, g))
            for d, c, g in zip(own, votes.codes, votes.groups, strict=True)
        ]
        score = _evidence(votes, rows, candidates, mute, slips)
        score += _channel(votes.column, mine, candidates, odd[target], slips)
        if accused is not None:
            # The cell contradicts what it determines: others bear witness against it, not only its own determinants.
            score += np.where(accused[rows], 2.5, 0.0)[:, None]
        fills = _fills(votes, [each.strength for each in own], rows, candidates)
        score = np.where(_ties(votes, rows, mine, candidates), score - 4.0, score)
        sure = _posterior(score, candidates != mine[:, None], int((votes.column.codes >= -1).sum()))
        sure = np.where((mine < 0)[:, None], fills, sure)
        best = sure.argmax(axis=1)
        witness = _witnesses(table, dependencies, own, target)
        for place, row in enumerate(rows.tolist()):
            confidence = float(sure[place, best[place]])
            code = int(candidates[place, best[place]])
            if confidence >= 0.05 and code >= 0 and code != mine[place]:
                voting = [k for k in range(len(votes.names)) if tops[place, k] == code]
                backers = [votes.names[k] for k in voting]
                sets = [votes.places[k] for k in voting]
                # Sets that share a column rest on one cell.
                lone = bool(sets) and bool(set(sets[0]).intersection(*sets))
                if lone and mine[place] >= 0 and slips[place, best[place]] < 0.1 and witness[row] == 0:
                    confidence = min(confidence, LONE_WITNESS)
                reason = f"rows with the same {', the same '.join(backers[:3])} mostly hold this"
                proposals[row, target] = Edit(votes.column.values[code], RULE, min(confidence, 0.999), reason)
                basis[row, target] = tuple(sets)
    return against_typing(table, settle_rivals(table, proposals, basis))


def _ties(votes: _Votes, rows: Codes, mine: Codes, candidates: Codes) -> Flags:
    """Candidates that no group holds more often than what is written, and that are no better known in the column.

    Of two spellings in a group of two, the one made of words that other values use too is the better known.
    """
    lead = np.full(candidates.shape, -1, dtype=np.int64)
    others = np.zeros(len(rows), dtype=np.int64)
    for codes, groups in zip(votes.codes, votes.groups, strict=True):
        safe = np.maximum(codes[rows], 0)
        own = groups.count(safe, mine)
        others = np.maximum(others, np.where(codes[rows] >= 0, groups.sizes[safe] - 1, 0))
        for k in range(candidates.shape[1]):
            more = np.where(codes[rows] >= 0, groups.count(safe, candidates[:, k]) - own, -1)
            lead[:, k] = np.maximum(lead[:, k], more)
    column = votes.column
    tied = lead <= 0
    words = _vocabulary(column) if tied.any() else Counter[str]()
    for place, k in np.argwhere(tied).tolist():
        code, other = int(mine[place]), int(candidates[place, k])
        if other >= 0 and code >= 0 and code != other:
            known, rival = _rarest(column.values[code], words), _rarest(column.values[other], words)
            usual = column.counts[other] >= 3 * column.counts[code]
            tied[place, k] = not (usual or rival > known)
    # Equal measured numbers of one or two other rows are no evidence.
    thin = is_measured(column) & (others < MOST_OTHERS)
    return tied | thin[:, None]


def _fills(votes: _Votes, strengths: list[float], rows: Codes, candidates: Codes) -> Floats:
    """Probability of each candidate for an empty cell: how well the dependency holds, times its share in the group.

    How well it holds is measured on groups of as many other rows as this cell has, and bounded (`told_rightly`).

    Nothing is filled in where the group is empty more often than the column: the cell is then empty for a reason.
    """
    column = votes.column
    best = np.zeros(candidates.shape)
    empty_share = column.empty / max(len(column.codes), 1)
    for codes, groups, leak, strength, rightly in zip(
        votes.codes, votes.groups, votes.leak, strengths, votes.rightly, strict=True
    ):
        group = codes[rows]
        safe = np.maximum(group, 0)
        hollow = groups.count(safe, np.full(len(rows), -1, dtype=np.int64))
        filled = groups.sizes[safe] - hollow
        # Others of the group that are empty too, beyond what the column's share of empty cells lets expect.
        usual = (hollow - 1) <= 1 + 2 * empty_share * groups.sizes[safe]
        for k in range(candidates.shape[1]):
            count = groups.count(safe, candidates[:, k])
            share = np.where((group >= 0) & usual & (candidates[:, k] >= 0), count / np.maximum(filled, 1), 0.0)
            holds = np.minimum(rightly[np.clip(filled, 0, MOST_OTHERS)], min(max(strength - leak, 0.0), 0.97))
            best[:, k] = np.maximum(best[:, k], share * holds)
    return best


def _vocabulary(column: Column) -> Counter[str]:
    words: Counter[str] = Counter()
    for value in column.values:
        words.update(set(re.findall(r"\w+", value)))
    return words


def _rarest(text: str, words: Counter[str]) -> int:
    """In how many values of the column the rarest word of a text occurs."""
    return min((words[each] for each in re.findall(r"\w+", text)), default=0)


def _posterior(score: Floats, other: Flags, cells: int) -> Floats:
    """Probability of each candidate; the column's error rate is fitted to the cells by three rounds of EM."""
    rate = FIRST_ERROR_RATE
    sure = np.zeros(score.shape)
    for _ in range(4):
        odds = np.where(other, np.clip(score + np.log(rate / (1 - rate)), -50, 50), -np.inf)
        # The same candidate told by several determinants counts once: the strongest stands for all.
        sure = np.exp(odds - np.logaddexp(0.0, odds.max(axis=1, keepdims=True)))
        rate = float(np.clip((sure.max(axis=1).sum() + 2) / (cells + 100), 0.0005, 0.3))
    return sure
