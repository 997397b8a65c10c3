"""Several sources about one thing: whom to believe where they disagree, and what to write where they are silent."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from holdfast.quality.repair._kinds import Kind
from holdfast.quality.repair._table import Codes, Column, Edit, Flags, Floats, Table

RULE = "sources"
ROUNDS = 20
MOST_COLUMNS = 40

Proposals = dict[tuple[int, int], Edit]


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column tells the thing, which the source, and which are told about the thing by the sources."""

    thing: int
    source: int
    told: tuple[int, ...]


def _agreement(thing: Codes, column: Column) -> tuple[float, float, int]:
    """Share of pairs of rows about one thing that agree, the same for any two rows, and the things told twice."""
    both = (thing >= 0) & (column.codes >= 0)
    if both.sum() < 20:
        return 0.0, 1.0, 0
    width = len(column.values)
    _, cells = np.unique(thing[both] * width + column.codes[both], return_counts=True)
    sizes = np.bincount(thing[both])
    pairs = float((sizes * (sizes - 1)).sum())
    alike = float((cells * (cells - 1)).sum())
    counts = column.counts.astype(np.float64)
    total = counts.sum()
    chance = float((counts * (counts - 1)).sum() / max(total * (total - 1), 1.0))
    return (alike / pairs if pairs else 0.0), chance, int((sizes >= 3).sum())


def find_roles(table: Table, kinds: list[Kind]) -> Roles | None:
    """Find a column of things and a column of sources, such that each source tells each thing about once.

    The source is a column of words that is not a time or a number (a table of things by year is no table of sources);
    both repeat; together they are nearly a key; and at least two other columns agree within a thing far more than by
    chance, but not wholly (then plain dependencies do).

    Returns
    -------
    Roles or None
        The pair whose told columns agree most; None when there is none.
    """
    places = [
        p for p, k in enumerate(kinds) if k.name in ("category", "code", "name") and len(table.columns[p].values) >= 4
    ]
    places = places[:MOST_COLUMNS]
    best: tuple[float, Roles] | None = None
    for thing in places:
        mine = table.columns[thing]
        if not 5 <= len(mine.values) <= mine.filled / 3 or mine.filled < 0.95 * table.rows:
            continue
        for source in places:
            other = table.columns[source]
            if (
                source == thing
                or not any(each.isalpha() for each in "".join(other.values))
                or other.filled < 0.95 * table.rows
                or len(other.values) > 300
            ):
                continue
            pair = mine.codes * (len(other.values) + 1) + other.codes
            if len(np.unique(pair)) < 0.97 * table.rows or np.median(other.counts) < 5:
                continue
            told, worth = _told(table, kinds, thing, source)
            if len(told) >= 2 and (best is None or worth > best[0]):
                best = (worth, Roles(thing, source, told))
    return best[1] if best else None


def _told(table: Table, kinds: list[Kind], thing: int, source: int) -> tuple[tuple[int, ...], float]:
    told, worth, torn = [], 0.0, 0
    for place, column in enumerate(table.columns):
        if place in (thing, source) or kinds[place].name in ("constant", "empty", "prose") or len(column.values) < 5:
            continue
        within, chance, things = _agreement(table.columns[thing].codes, column)
        own_source, _, _ = _agreement(table.columns[source].codes, column)
        if within >= 0.3 and within > 5 * chance and things >= 5 and own_source < 0.5 * within:
            told.append(place)
            worth += within
            torn += within < 0.9
    return (tuple(told), worth) if torn >= 2 else ((), 0.0)


def _matrix(table: Table, roles: Roles, place: int) -> Codes:
    """What each source says of each thing: shape (things, sources), -1 where it says nothing (its first row counts)."""
    things, sources = table.columns[roles.thing], table.columns[roles.source]
    said = np.full((len(things.values), len(sources.values)), -1, dtype=np.int64)
    codes = table.columns[place].codes
    for row in np.lexsort((codes, sources.codes, things.codes))[::-1].tolist():
        t, s = int(things.codes[row]), int(sources.codes[row])
        if t >= 0 and s >= 0 and codes[row] >= 0:
            said[t, s] = codes[row]
    return said


def _copies(said: list[Codes]) -> Floats:
    """How far each source is one of several that copy: the weight of its vote, shape (sources,), in (0, 1].

    Two sources copy when they say the same, and are silent on the same things, nearly always: independent sources do
    not even make the same mistakes. Each of k copies has weight 1 / k (after Dong, Berti-Equille and Srivastava).
    """
    many = said[0].shape[1]
    alike = np.zeros((many, many))
    asked = np.zeros((many, many))
    for one in said:
        heard = (one >= 0).astype(np.float64)
        alone = _uncommon(one)
        for s in range(many):
            same = (one == one[:, [s]]) & (one >= 0)
            alike[s] += (same * alone).sum(axis=0)
            either = (heard + heard[:, [s]]) > 0
            asked[s] += (either * np.where(same, alone, 1.0)).sum(axis=0)
    share = alike / np.maximum(asked, 1e-9)
    group = (share >= 0.75) & (asked >= 5)
    np.fill_diagonal(group, True)
    return np.asarray(1.0 / group.sum(axis=1), dtype=np.float64)


def _uncommon(said: Codes) -> Floats:
    """How little it means that two sources agree, per thing and source: what most say is said by honest sources too."""
    weight = np.zeros(said.shape)
    for t in range(said.shape[0]):
        row = said[t]
        heard = row[row >= 0]
        if len(heard):
            values, places, counts = np.unique(heard, return_inverse=True, return_counts=True)
            weight[t, row >= 0] = np.maximum(1 - counts[places] / (len(heard) + 1), 0.05)
            del values
    return weight


def _own_things(things: Column, sources: Column) -> Flags:
    """Which source is a thing's own: its name is the first part of the thing's; shape (things, sources).

    A firm's own site knows its own flights, funds or products best.
    """
    heads = [re.split(r"[\W_\d]+", each.casefold())[0] for each in things.values]
    names = [each.casefold() for each in sources.values]
    return np.array([[len(h) >= 2 and h == n for n in names] for h in heads], dtype=bool).reshape(
        len(heads), len(names)
    )


def _believe(said: list[Codes], weights: Floats, own: Flags) -> list[tuple[Codes, Floats]]:
    """Most believable value of each thing and its probability, per told column.

    Iterates what TruthFinder (Yin, Han and Yu 2008) and ACCU (Dong et al. 2009) do: a value is as likely as the product
    of its sources' odds; a source is as good as the values that it tells. Per column, since a source may know one well
    and another not.
    """
    found = []
    for one in said:
        accuracy = np.where(own.any(axis=0), 0.9, 0.7)
        for turn in range(ROUNDS):
            best, sure, chances = _tally(one, accuracy, weights, own)
            heard = one >= 0
            good = (chances * heard).sum(axis=0)
            fresh = (good + 4 * 0.7) / (heard.sum(axis=0) + 4)
            if turn and np.abs(fresh - accuracy).max() < 1e-4:
                break
            accuracy = np.clip(fresh, 0.05, 0.98)
        found.append((best, sure))
    return found


def _tally(one: Codes, accuracy: Floats, weights: Floats, own: Flags) -> tuple[Codes, Floats, Floats]:
    things = one.shape[0]
    best = np.full(things, -1, dtype=np.int64)
    sure = np.zeros(things)
    chances = np.zeros(one.shape)
    for t in range(things):
        row = one[t]
        heard = np.flatnonzero(row >= 0)
        if not len(heard):
            continue
        values, places = np.unique(row[heard], return_inverse=True)
        rivals = max(len(values) - 1, 3)
        right = np.where(own[t, heard], np.maximum(accuracy[heard], 0.97), accuracy[heard])
        odds = np.log(rivals * right / (1 - right)) * np.where(own[t, heard], 1.5, weights[heard])
        votes = np.bincount(places, weights=odds, minlength=len(values))
        shares = np.exp(votes - np.logaddexp.reduce(np.append(votes, np.log(rivals))))
        best[t], sure[t] = values[int(shares.argmax())], float(shares.max())
        chances[t, heard] = shares[places]
    return best, sure, chances


def propose_source_repairs(table: Table, roles: Roles) -> Proposals:
    """Propose the most believable value of each thing wherever a source says otherwise or nothing.

    Parameters
    ----------
    table
        The working table.
    roles
        As `find_roles` found them.

    Returns
    -------
    dict
        (row, place of the column) to Edit; confidence is the value's probability.

    References
    ----------
    X. Yin, J. Han, P. S. Yu (2008), "Truth discovery with multiple conflicting information providers on the web", TKDE.
    X. L. Dong, L. Berti-Equille, D. Srivastava (2009), "Integrating conflicting data: the role of source dependence".
    X. Li, X. L. Dong, K. Lyons, W. Meng, D. Srivastava (2012), "Truth finding on the deep web: is the problem solved?".
    """
    said = [_matrix(table, roles, place) for place in roles.told]
    weights = _copies(said)
    own = _own_things(table.columns[roles.thing], table.columns[roles.source])
    proposals: Proposals = {}
    things = table.columns[roles.thing].codes
    for place, (best, sure) in zip(roles.told, _believe(said, weights, own), strict=True):
        column = table.columns[place]
        for row in np.flatnonzero(things >= 0).tolist():
            thing = int(things[row])
            code = int(best[thing])
            if code >= 0 and code != column.codes[row] and sure[thing] >= 0.05:
                reason = "the most believable of what the sources say about this thing"
                proposals[row, place] = Edit(column.values[code], RULE, min(float(sure[thing]), 0.95), reason)
    return proposals
