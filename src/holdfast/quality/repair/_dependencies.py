"""Functional dependencies that hold but for errors: found, corrected for chance, with their lawful exceptions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from holdfast.quality.repair._kinds import Kind
from holdfast.quality.repair._slips import slipped_values
from holdfast.quality.repair._table import Codes, Column, Flags, Table, joint

MOST_COLUMNS = 60
MOST_SECONDS = 25
MOST_TESTS = 6000
SCREEN_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Groups:
    """How often each value of a target occurs with each value of a determinant.

    Parameters
    ----------
    keys
        Sorted ``determinant * width + target``; the target's code for an empty cell is ``width - 1``.
    counts
        Rows of each key.
    sizes, tops
        Per determinant value: rows, and the most common target that is not empty (-1 if none).
    """

    keys: Codes
    counts: Codes
    width: int
    sizes: Codes
    tops: Codes
    top_counts: Codes

    def count(self, groups: Codes, targets: Codes) -> Codes:
        """Rows of each (determinant value, target value); 0 where there are none."""
        wanted = groups * self.width + np.where(targets < 0, self.width - 1, targets)
        place = np.searchsorted(self.keys, wanted)
        place = np.minimum(place, len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.counts[place], 0)


def grouped(determinant: Codes, column: Column, *, empties: bool = True) -> Groups | None:
    """Count the pairs of a determinant and a target; None when nothing is left to count."""
    width = len(column.values) + 1
    usable = determinant >= 0 if empties else (determinant >= 0) & (column.codes >= 0)
    if not usable.any() or width < 2:
        return None
    target = np.where(column.codes < 0, width - 1, column.codes)
    keys, counts = np.unique(determinant[usable] * width + target[usable], return_counts=True)
    owner = keys // width
    many = int(determinant.max()) + 1
    sizes = np.bincount(owner, weights=counts, minlength=many).astype(np.int64)
    filled = keys % width != width - 1
    # Ties go to the value that sorts first: the last written of a falling order is the largest count, smallest code.
    order = np.lexsort((-keys[filled], counts[filled]))
    tops = np.full(many, -1, dtype=np.int64)
    top_counts = np.zeros(many, dtype=np.int64)
    tops[owner[filled][order]] = (keys[filled] % width)[order]
    top_counts[owner[filled][order]] = counts[filled][order]
    return Groups(keys, counts.astype(np.int64), width, sizes, tops, top_counts)


@dataclass(frozen=True, slots=True)
class Dependency:
    """A dependency that the table keeps but for a few cells.

    Parameters
    ----------
    determinants
        Places of the columns that determine; one or two.
    target
        Place of the column that is determined.
    strength
        Share of the rows that agree with the others of their group, corrected for chance, at most 1: 0 is what the
        most common value alone would give. Kivinen and Mannila's 1 - g3 with the row itself left out of its group.
    exceptions
        Share of the rows that break it lawfully (values that break it more than once in one group).
    rows, groups
        Rows in groups of two or more, and the number of those groups.
    diffuse
        Share of the rows of a usual group that break it: errors that fall anywhere.
    tried
        Number of sets of determinants that were tried for the target.
    """

    determinants: tuple[int, ...]
    target: int
    strength: float
    exceptions: float
    rows: int
    groups: int
    diffuse: float = 0.0
    tried: int = 1


def _steady(codes: Codes, column: Column, slipped: Flags) -> Column:
    """Column without typing errors: values near a usual one that are hardly ever the most common of their group."""
    groups = grouped(codes, column, empties=False) if slipped.any() else None
    if groups is None:
        return column
    owner, told = groups.keys // groups.width, groups.keys % groups.width
    leading = (groups.tops[owner] == told) & (groups.counts >= 2)
    leads = np.bincount(told[leading], weights=groups.counts[leading], minlength=len(column.values))
    seen = np.bincount(told, weights=groups.counts, minlength=len(column.values))
    stray = slipped & (leads[: len(slipped)] < 0.3 * np.maximum(seen[: len(slipped)], 1))
    kept = np.where((column.codes >= 0) & ~stray[np.maximum(column.codes, 0)], column.codes, -1)
    return Column(column.name, column.values, kept, np.where(stray, 0, column.counts))


def measure(
    determinants: tuple[int, ...], target: int, codes: Codes, column: Column, slipped: Flags
) -> Dependency | None:
    """Measure one dependency; None when it has too little support to tell.

    Values of the target that are typing errors (`slipped`, unless groups are made of them) are left out.

    References
    ----------
    J. Kivinen, H. Mannila (1995), "Approximate inference of functional dependencies from relations", TCS 149 (g3).
    P. Mandros, M. Boley, J. Vreeken (2017), "Discovering reliable approximate functional dependencies", KDD (why a
    correction for chance is needed).
    """
    column = _steady(codes, column, slipped)
    groups = grouped(codes, column, empties=False)
    if groups is None:
        return None
    owner = groups.keys // groups.width
    target_code = groups.keys % groups.width
    size = groups.sizes[owner]
    held = size >= 2
    rows = int(groups.counts[held].sum())
    many = int((groups.sizes >= 2).sum())
    if many < 5 or rows < 20 or rows < 0.02 * len(codes):
        return None
    top = groups.tops[owner] == target_code
    second = np.zeros(len(groups.sizes), dtype=np.int64)
    np.maximum.at(second, owner[~top], groups.counts[~top])
    mine = groups.counts[top & held]
    rival = second[owner[top & held]]
    agree = float(
        np.where(mine - 1 > rival, mine, np.where((mine - 1 == rival) & (rival > 0), 0.5 * mine, 0.0))[mine > 1].sum()
    )
    chance = _chance(column)
    if chance >= 0.999 or len(np.unique(groups.tops[groups.sizes >= 2])) < 2:
        return None
    strength = (agree / rows - chance) / (1 - chance)
    diffuse = _diffuse(owner, groups, top) if strength >= 0.9 else 0.0
    # What errors that fall anywhere would leave behind in a group of this size, three standard deviations included.
    allowed = np.maximum(1.0, diffuse * size + 3 * np.sqrt(diffuse * size))
    big = size >= 5
    broken = held & ~top & big
    lawful = broken & (groups.counts > allowed)
    kept = (groups.counts[lawful].sum() + 0.2) / (rows + 1)
    lone = groups.counts[broken & ~lawful].sum() / max(rows, 1)
    return Dependency(determinants, target, float(strength), float(kept + 0.1 * lone), rows, many, diffuse)


def _diffuse(owner: Codes, groups: Groups, top: Flags) -> float:
    """Share of a group that breaks the dependency in the middle one of the groups of 20 rows or more, at most 0.05.

    Errors hit all groups alike; lawful exceptions are many in few groups.
    """
    wrong = np.bincount(owner[~top], weights=groups.counts[~top], minlength=len(groups.sizes))
    large = groups.sizes >= 20
    return float(min(np.median(wrong[large] / groups.sizes[large]), 0.05)) if large.sum() >= 3 else 0.0


def _chance(column: Column) -> float:
    """Agreement that guessing the most common value would reach."""
    return float(column.counts.max() / max(column.counts.sum(), 1)) if len(column.counts) else 1.0


def _usable(column: Column, kind: Kind, rows: int) -> bool:
    """Whether a column can determine anything: it repeats, and is not a measurement or prose."""
    if kind.name in ("constant", "empty", "prose") or len(column.values) < 5:
        return False
    if kind.name == "number" and column.share(lambda text: "." in text) > 0.05:
        return False
    return len(column.values) <= 0.7 * max(column.filled, 1) and column.filled >= 0.3 * rows


def _sampled(codes: Codes, fraction: float) -> Flags:
    """Rows of a share of the determinant's groups, whole groups at a time."""
    mixed = (codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    return (mixed % np.uint64(1000) < np.uint64(max(1, round(1000 * fraction)))) & (codes >= 0)


def _screened(codes: Codes, column: Column) -> tuple[Codes, Column]:
    if len(codes) <= SCREEN_ROWS:
        return codes, column
    keep = _sampled(codes, SCREEN_ROWS / len(codes))
    kept = column.codes[keep]
    counts = np.bincount(kept[kept >= 0], minlength=len(column.values)).astype(np.int64)
    return codes[keep], Column(column.name, column.values, kept, counts)


def discover(table: Table, kinds: list[Kind], *, least: float = 0.75) -> list[Dependency]:
    """Find the dependencies of one column on one other, and on two where one is not enough.

    Parameters
    ----------
    table
        The working table.
    kinds
        What each column is.
    least
        Smallest strength, in (0, 1).

    Returns
    -------
    list of Dependency
        By target, strongest first. In tables of more than 60 usable columns only the first 60 by name determine, and at
        most 6000 pairs of columns are measured.
    """
    sources = [p for p, column in enumerate(table.columns) if _usable(column, kinds[p], table.rows)]
    sources = sorted(sources, key=lambda p: table.columns[p].name)[:MOST_COLUMNS]
    targets = [
        p
        for p, c in enumerate(table.columns)
        if kinds[p].name not in ("constant", "empty", "prose") and len(c.values) >= 2
    ]
    if len(targets) * len(sources) > MOST_TESTS:
        targets = sorted(targets, key=lambda p: table.columns[p].name)[: MOST_TESTS // len(sources)]
    found: list[Dependency] = []
    for target in targets:
        column = table.columns[target]
        slipped = slipped_values(column)
        if column.filled and len(column.values) > 0.9 * column.filled:
            continue
        weak: list[Dependency] = []
        singles: list[Dependency] = []
        for source in sources:
            if source == target:
                continue
            codes, part = _screened(table.columns[source].codes, column)
            one = measure((source,), target, codes, part, slipped)
            if one is None or (part is not column and one.strength < 0.9 * least):
                continue
            if part is not column:
                one = measure((source,), target, table.columns[source].codes, column, slipped)
            if one is None:
                continue
            (singles if one.strength >= least and one.exceptions < 0.1 else weak).append(one)
        tried = max(1, len(sources) - 1)
        found.extend(
            replace(each, tried=tried + (3 * MOST_SECONDS if len(each.determinants) > 1 else 0))
            for each in _with_pairs(table, slipped, target, singles, weak, least=least)
        )
    return found


def _with_pairs(  # one target's lists, called from one place
    table: Table,
    slipped: Flags,
    target: int,
    singles: list[Dependency],
    weak: list[Dependency],
    *,
    least: float,
) -> list[Dependency]:
    """Singles, and pairs that clear away most of the exceptions of a single, or hold where no single does."""
    singles.sort(key=lambda each: (-each.strength, each.determinants))
    best = singles[0] if singles else None
    if best is not None and best.strength > 0.9995:
        return [each for each in singles if each.exceptions < 0.03 + 2 * best.exceptions]
    column = table.columns[target]
    small = [p for p, c in enumerate(table.columns) if p != target and 2 <= len(c.values) <= max(50, table.rows // 20)]
    small = sorted(small, key=lambda p: (len(table.columns[p].values), table.columns[p].name))[:MOST_SECONDS]
    # In wide tables a pair is only tried where one of the two says something by itself.
    wide = 3 * len(small) * len(table.columns) > MOST_TESTS
    telling = [each for each in singles + weak if each.strength >= 0.3 or not wide]
    starts = [each.determinants[0] for each in sorted(telling, key=lambda e: (-e.strength, e.determinants))[:3]]
    pairs: list[Dependency] = []
    for first in starts:
        for second in small:
            if second == first:
                continue
            both = joint([table.columns[first], table.columns[second]])
            codes, part = _screened(both, column)
            pair = measure((first, second), target, codes, part, slipped)
            if pair is not None and part is not column and pair.strength >= 0.9 * least:
                pair = measure((first, second), target, both, column, slipped)
            if pair is not None and pair.strength >= max(least, 0.85) and pair.groups >= 8:
                pairs.append(pair)
    good = [each for each in pairs if best is None or _clears(each, best)]
    good.sort(key=lambda each: (each.exceptions - each.strength, each.determinants))
    return good[:1] + [each for each in singles if not good or each.exceptions <= 0.02 + 2 * good[0].exceptions]


def _clears(pair: Dependency, best: Dependency) -> bool:
    """Whether a pair has nearly the support of the best single determinant and much less left to explain."""
    return pair.rows >= 0.6 * best.rows and 1 - pair.strength < 0.6 * (1 - best.strength)
