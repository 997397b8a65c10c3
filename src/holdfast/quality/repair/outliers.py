"""Numbers far from all others: in another unit or with a slipped decimal point, else told as suspects."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from holdfast.quality.repair._combine import spread_values
from holdfast.quality.repair._few import slipped_points
from holdfast.quality.repair._kinds import Kind, is_number
from holdfast.quality.repair._table import Codes, Column, Edit, Flags, Floats, Table
from holdfast.quality.repair._tails import expected_by_tail, near_zero

RULE = "unit"
LEAST_ROWS = 30
# Below this, a number that is merely near zero is not worth a reader's time.
LEAST_TRUST = 0.7
MANY_ROWS = 5
# What a number may have been multiplied by, by mistake, and how usual that mistake is beside the others.
FACTORS: tuple[tuple[float, float, str], ...] = (
    (1000.0, 3.0, "a thousand times"),
    (100.0, 3.0, "a hundred times"),
    (10.0, 3.0, "ten times"),
    (1e6, 1.0, "a million times"),
    (60.0, 0.5, "sixty times"),
    (3600.0, 0.3, "3600 times"),
    (2.54, 1.0, "2.54 times (inches and centimetres)"),
    (25.4, 0.7, "25.4 times (inches and millimetres)"),
    (3.28084, 0.7, "3.2808 times (metres and feet)"),
    (2.20462, 1.0, "2.2046 times (kilograms and pounds)"),
    (1.609344, 0.7, "1.6093 times (miles and kilometres)"),
    (28.3495, 0.5, "28.35 times (ounces and grams)"),
    (3.785412, 0.5, "3.7854 times (gallons and litres)"),
    (4.184, 0.3, "4.184 times (calories and joules)"),
)


@dataclass(frozen=True, slots=True)
class Shift:
    """One mistake of unit or point, and how it is put right.

    Parameters
    ----------
    turn
        Puts numbers right; shape (n,) to (n,).
    factor
        Above 1; None where it is more than a factor.
    weight
        How usual the mistake is beside the others.
    up
        Whether putting right makes numbers larger.
    ten
        Whether only the point moves.
    words
        What happened.
    """

    turn: Callable[[Floats], Floats]
    factor: float | None
    weight: float
    up: bool
    ten: bool
    words: str


def _divided(factor: float) -> Callable[[Floats], Floats]:
    def turn(x: Floats) -> Floats:
        return x / factor

    return turn


def _shifts() -> tuple[Shift, ...]:
    found = []
    for factor, weight, words in FACTORS:
        ten = abs(np.log10(factor) - round(np.log10(factor))) < 1e-9
        found.append(Shift(_divided(factor), factor, weight, False, ten, f"{words} too large"))
        found.append(Shift(_divided(1 / factor), factor, weight, True, ten, f"{words} too small"))
    found.append(Shift(lambda x: (x - 32) / 1.8, None, 1.0, False, False, "degrees Fahrenheit among Celsius"))
    found.append(Shift(lambda x: x * 1.8 + 32, None, 1.0, True, False, "degrees Celsius among Fahrenheit"))
    found.append(Shift(lambda x: x - 273.15, None, 0.7, False, False, "kelvins among degrees Celsius"))
    return tuple(found)


_SHIFTS = _shifts()


@dataclass(slots=True)
class Outlying:
    """Proposals by (row, place) and doubts by (row, place)."""

    proposals: dict[tuple[int, int], Edit] = field(default_factory=dict)
    doubts: dict[tuple[int, int], tuple[str, float, str]] = field(default_factory=dict)


def find_outlying(table: Table, kinds: list[Kind]) -> Outlying:
    """Find numbers far from the others of their column (or of their group) and what may have made them so.

    A number is far when its logarithm lies more than 1.5 interquartile ranges outside the quartiles (Tukey 1977) and
    a gap parts it from the rest: tails that thin out gradually are left alone. It is repaired only when one factor
    brings it back among the others; which factor is decided by how dense the others are there and by how many far
    numbers of the column the same factor explains. Nothing is told of a number that the tail of the others leads to
    expect, of one that is far in logarithms only, and of one that is itself a usual code (`_tails`).

    Returns
    -------
    Outlying
        Proposals and doubts.

    References
    ----------
    J. W. Tukey (1977), "Exploratory Data Analysis" (fences).
    """
    found = Outlying()
    for place, (column, kind) in enumerate(zip(table.columns, kinds, strict=True)):
        if kind.name != "number" or column.filled < LEAST_ROWS:
            continue
        few = slipped_points(column, RULE)
        found.proposals |= spread_values(table, place, few)
        if few or len(column.values) < 15:
            continue
        numbers = np.array([float(v) if is_number(v) else np.nan for v in column.values])
        if _is_label(column, numbers):
            continue
        _one_column(table, place, numbers, found, kinds)
    return found


def _is_label(column: Column, numbers: Floats) -> bool:
    """Whether the numbers are really labels: row numbers without many holes, or codes that begin with 0."""
    known = numbers[np.isfinite(numbers)]
    whole = bool(np.abs(known - np.round(known)).max() == 0)
    serial = whole and len(known) > 0.9 * column.filled and np.ptp(known) < 3 * len(known)
    return bool(serial) or column.share(lambda text: re.match(r"0\d", text) is not None) > 0.02


def _grouping(table: Table, place: int, logs: Floats, kinds: list[Kind]) -> Codes | None:
    """Codes of the column of categories within which the numbers spread least, if less than half of overall."""
    usable = np.isfinite(logs)
    overall = _spread(logs[usable])
    best: tuple[float, int] | None = None
    for other, column in enumerate(table.columns):
        if (
            other == place
            or kinds[other].name not in ("category", "code", "name")
            or not 2 <= len(column.values) <= column.filled / 20
        ):
            continue
        large = np.flatnonzero(column.counts >= 20)[:200].tolist()
        inside = [_spread(logs[usable & (column.codes == code)]) for code in large]
        if len(inside) >= 2:
            spread = float(np.median(inside))
            if spread < 0.5 * overall and (best is None or spread < best[0]):
                best = (spread, other)
    return None if best is None else table.columns[best[1]].codes


def _spread(logs: Floats) -> float:
    if len(logs) < 4:
        return float("inf")
    low, high = np.quantile(logs, [0.25, 0.75])
    return float(high - low)


def _one_column(table: Table, place: int, numbers: Floats, found: Outlying, kinds: list[Kind]) -> None:
    column = table.columns[place]
    x = np.full(table.rows, np.nan)
    known = column.codes >= 0
    x[known] = numbers[column.codes[known]]
    positive = np.isfinite(x) & (x > 0)
    if positive.sum() < 0.7 * np.isfinite(x).sum() or positive.sum() < LEAST_ROWS:
        return
    logs = np.full(table.rows, np.nan)
    logs[positive] = np.log(x[positive])
    groups = _grouping(table, place, logs, kinds)
    centre = np.full(table.rows, np.median(logs[positive]))
    if groups is not None:
        for code in np.unique(groups[groups >= 0]).tolist():
            inside = positive & (groups == code)
            if inside.sum() >= 20:
                centre[inside] = np.median(logs[inside])
    away = logs - centre
    far = _far(away, positive)
    if not far.any():
        return
    _explain(column, place, x, away, far=far, bulk=positive & ~far, found=found)


def _far(away: Floats, usable: Flags) -> Flags:
    """Rows beyond Tukey's fences and beyond a gap in the sorted values; none if they are more than a tenth."""
    values = np.sort(away[usable])
    low, high = np.quantile(values, [0.25, 0.75])
    width = max(high - low, 0.05)
    step = max(np.log(1.5), 0.75 * width)
    jumps = np.diff(values)
    above = np.flatnonzero((jumps >= step) & (values[1:] > high + 1.5 * width))
    below = np.flatnonzero((jumps >= step) & (values[:-1] < low - 1.5 * width))
    out = np.zeros(len(away), dtype=bool)
    if len(above):
        out |= usable & (away >= values[above[0] + 1])
    if len(below):
        out |= usable & (away <= values[below[-1]])
    return out if out.sum() <= 0.1 * usable.sum() else np.zeros(len(away), dtype=bool)


def _explain(column: Column, place: int, x: Floats, away: Floats, *, far: Flags, bulk: Flags, found: Outlying) -> None:
    rows = np.flatnonzero(far)
    centre = np.log(x[rows]) - away[rows]
    fits = np.zeros((len(rows), len(_SHIFTS)))
    moved = np.full((len(rows), len(_SHIFTS)), np.nan)
    match = np.ones(len(_SHIFTS))
    edges = np.quantile(away[bulk], [0.01, 0.02, 0.25, 0.75, 0.98, 0.99])
    for k, shift in enumerate(_SHIFTS):
        turned = shift.turn(x[rows])
        moved[turned > 0, k] = np.log(turned[turned > 0]) - centre[turned > 0]
        inside = (moved[:, k] >= edges[1]) & (moved[:, k] <= edges[4])
        central = (moved[:, k] >= edges[2]) & (moved[:, k] <= edges[3])
        many = len(np.unique(x[rows[inside]]))
        # A factor within the spread of the others says nothing, and a rare one must explain several numbers.
        narrow = shift.factor is not None and np.log(shift.factor) < edges[5] - edges[0]
        if narrow or not many or (shift.weight < 2 and many < 3):
            continue
        match[k] = _distance(moved[inside, k], away[bulk]) if many >= 3 else 1.0
        fits[:, k] = shift.weight * (inside * 0.5 + central * 0.5) * np.exp(-4 * match[k])
    ends = (float(away[bulk].min()), float(away[bulk].max()))
    silent = expected_by_tail(away, bulk, rows)
    small = near_zero(x, bulk, rows)
    _propose(column, place, x, rows, _Reading(fits, moved, match, ends, silent, small), found=found)


def _distance(some: Floats, bulk: Floats) -> float:
    """Largest gap between two empirical distributions (Kolmogorov and Smirnov), in [0, 1]."""
    some, bulk = np.sort(some), np.sort(bulk)
    grid = np.concatenate([some, bulk])
    first = np.searchsorted(some, grid, side="right") / len(some)
    second = np.searchsorted(bulk, grid, side="right") / len(bulk)
    return float(np.abs(first - second).max())


@dataclass(frozen=True, slots=True)
class _Reading:
    """How each mistake would explain each far number: (numbers, mistakes), how well in all, and the others' ends.

    `silent` are numbers that the others' tail leads to expect, `small` those that are far in logarithms only.
    """

    fits: Floats
    moved: Floats
    match: Floats
    ends: tuple[float, float]
    silent: Flags
    small: Flags


def _propose(column: Column, place: int, x: Floats, rows: Codes, reading: _Reading, *, found: Outlying) -> None:
    """Choose a factor for each far number; one that explains most of them explains their fringe as well."""
    fits, moved, match, ends = reading.fits, reading.moved, reading.match, reading.ends
    many = np.array([len(np.unique(x[rows[fits[:, k] > 0]])) for k in range(len(_SHIFTS))])
    different = len(np.unique(x[rows]))
    shared = fits * (0.5 + many)[None, :]
    worth = many * np.array([shift.weight for shift in _SHIFTS]) * np.exp(-4 * match)
    main = int(worth.argmax())
    if many[main] >= 3 and many[main] >= 0.6 * different:
        fringe = (moved[:, main] >= ends[0] - 0.05) & (moved[:, main] <= ends[1] + 0.05)
        shared[fringe, main] += 20 * many[main]
    totals = shared.sum(axis=1)
    decimals, fixed = _decimals(column)
    chosen = shared.argmax(axis=1)
    afters = [
        _text(float(_SHIFTS[k].turn(x[[row]])[0]), decimals, ten=_SHIFTS[k].ten, fixed=fixed)
        for k, row in zip(chosen.tolist(), rows.tolist(), strict=True)
    ]
    # Too many digits after the point for this column: the point was not slipped, nor where most others show so.
    longer = np.array(
        [
            (_SHIFTS[k].ten or decimals == 0) and _digits(after) > decimals
            for k, after in zip(chosen, afters, strict=True)
        ]
    )
    for k in np.unique(chosen).tolist():
        longer[chosen == k] |= bool(longer[chosen == k].mean() > 0.5)
    for index, row in enumerate(rows.tolist()):
        k, after = int(chosen[index]), afters[index]
        if reading.silent[index]:
            continue
        if totals[index] == 0 or longer[index]:
            if not (reading.small[index] or _is_common(column, row)):
                found.doubts[row, place] = ("outlier", 0.5, "far from all other numbers of the column")
            continue
        signed_off = _digits(column.text(row) or "") > decimals
        trust = _trust(_SHIFTS[k], int(many[k]), signed_off=signed_off, match=float(match[k]), of=different)
        if (trust < LEAST_TRUST and reading.small[index]) or _is_usual_code(column, row, after):
            continue
        confidence = trust * float(shared[index, k] / totals[index])
        reason = f"{_SHIFTS[k].words}: put right, it is among the other numbers"
        found.proposals[row, place] = Edit(after, RULE, confidence, reason)


def _is_common(column: Column, row: int) -> bool:
    """Whether a number stands in about as many rows as the middle one of a column of codes does."""
    middle = float(np.median(column.counts))
    return middle >= MANY_ROWS and 0.2 * middle <= int(column.counts[column.codes[row]]) <= 2 * middle


def _is_usual_code(column: Column, row: int, after: str) -> bool:
    """Whether a number stands in several rows, and in a fifth or more of those that hold what it would become."""
    place = bisect_left(column.values, after)
    if place == len(column.values) or column.values[place] != after:
        return False
    mine, theirs = int(column.counts[column.codes[row]]), int(column.counts[place])
    return mine >= MANY_ROWS and mine >= 0.2 * theirs


def _trust(shift: Shift, many: int, *, signed_off: bool, match: float, of: int) -> float:
    """How far a factor is believed: a lone number, or one that is merely small, may well be so.

    Digits after the point that no other number has (`signed_off`) give a number away that was divided; so does a group
    of far numbers that, put right, are distributed as the others are (`match` is the distance).
    """
    if signed_off and shift.up and shift.weight >= 2:
        return 0.92
    alike = many >= 8 and many >= 0.8 * of and match < 0.15 + 1.0 / np.sqrt(many)
    if shift.up or shift.weight < 2:
        return 0.85 if alike else 0.6
    return 0.88 if many >= 5 else 0.78 if many >= 3 else 0.6


def _digits(text: str) -> int:
    """Digits after the point, trailing zeros left out."""
    return len(text.partition(".")[2].rstrip("0"))


def _decimals(column: Column) -> tuple[int, bool]:
    """Digits after the point that 90 % of the numbers have at most, and whether 90 % have exactly so many."""
    seen: Counter[int] = Counter()
    for value, count in zip(column.values, column.counts.tolist(), strict=True):
        if is_number(value) and "e" not in value.casefold():
            seen[len(value.partition(".")[2])] += int(count)
    total, run = sum(seen.values()), 0
    for digits in sorted(seen):
        run += seen[digits]
        if run >= 0.9 * total:
            return digits, seen[digits] >= 0.9 * total
    return 6, False


def _text(value: float, decimals: int, *, ten: bool, fixed: bool) -> str:
    """Write a repaired number: a moved point keeps its digits, a change of unit is rounded as the column is."""
    if (fixed and round(value, decimals) == round(value, 9)) or not ten:
        text = f"{value:.{decimals}f}"
        return text if fixed or "." not in text else text.rstrip("0").rstrip(".")
    text = f"{value:.9f}"
    return text.rstrip("0").rstrip(".")
