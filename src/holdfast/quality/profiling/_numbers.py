"""Checks of columns of numbers and of dates: ranges with tolerance, the mean, the median, infinities."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from holdfast.core.units import number_text
from holdfast.quality.profiling import _bounds
from holdfast.quality.profiling._drafts import EXACT, Candidate, Column, Draft, counted, promise, share

#: Values needed before a distribution is promised anything.
ENOUGH = 50


def numbers(column: Column, *, coded: bool) -> Iterator[Candidate]:
    """Checks of a column of numbers; `coded` ones are listed elsewhere and need no range."""
    infinite = 0
    if column.values.dtype.is_float():
        infinite = int(column.values.is_infinite().sum())
        support = f"{counted(infinite, column.rows)} values are infinite"
        yield share("infinities", "no_infinities", [column.name], failing=infinite, n=column.rows, support=support)
    raw = column.numbers
    if not len(raw) or (coded and column.distinct == 1):
        return
    if column.identifies:
        yield from _numbered(column, raw)
        return
    grows = "it grows along the rows, so later rows lie beyond it" if column.ordered and column.n >= ENOUGH else None
    ordered = np.sort(raw)
    if not coded:
        yield _range(column, raw, ordered, infinite, doubt=grows or column.scarce)
    # Of two codes, how often the commoner is seen says all that a mean would; of a few, the median says little.
    if len(raw) < ENOUGH or ordered[0] == ordered[-1] or (coded and column.distinct == 2):
        return
    if not coded:
        yield _median(column, raw, ordered, doubt=grows or column.scarce)
    if not infinite:
        yield _mean(column, raw, ordered, doubt=grows or column.scarce)


def _numbered(column: Column, raw: np.ndarray) -> Iterator[Candidate]:
    """Range of numbers that name rows: as far again as as many more rows may need; what they are like says nothing."""
    low, high = float(raw.min()), float(raw.max())
    room = (_bounds.LARGER - 1) * (high - low)
    ends = _bounds.outward(low - room, high + room, within=max(abs(low), abs(high)))
    if max(abs(each) for each in ends) >= EXACT:
        return
    yield share(
        "range",
        "in_range",
        [column.name],
        [max(0.0, ends[0]) if low >= 0 else ends[0], ends[1]],
        failing=0,
        n=column.n,
        support=f"{number_text(low)} to {number_text(high)}, each once; room for {_bounds.LARGER} times as many",
    )


def range_of(ordered: np.ndarray, *, whole: bool) -> tuple[float, float]:
    """Range that fresh values should lie in: the extremes, extended by the length of the tail behind each.

    Parameters
    ----------
    ordered
        Shape (n,) float64, finite, sorted.
    whole
        Whether the values are whole numbers.

    Returns
    -------
    tuple
        Low and high, rounded outward. The tail is the distance from the extreme to the value at rank max(10, n / 100)
        (at most n / 4) from it: nothing where many values stand at a hard limit, much where they thin out. An end does
        not cross 0 where no value does.
    """
    n = len(ordered)
    low, high = float(ordered[0]), float(ordered[-1])
    rank = max(0, min(n // 4, max(10, n // 100)) - 1)
    below, above = float(ordered[rank]) - low, high - float(ordered[n - 1 - rank])
    ends = [low - below, high + above]
    if not all(math.isfinite(each) for each in ends):
        return low, high
    made = list(_bounds.outward(*ends, within=max(below, above) or (high - low) / 10 or abs(high) / 10))
    made = [made[0] if below else low, made[1] if above else high]
    if low >= 0.0:
        made[0] = max(0.0, made[0])
    if high <= 0.0:
        made[1] = min(0.0, made[1])
    if whole:
        made = [float(math.floor(made[0])), float(math.ceil(made[1]))]
    return made[0], made[1]


def _range(column: Column, raw: np.ndarray, ordered: np.ndarray, infinite: int, *, doubt: str | None) -> Candidate:
    low, high = range_of(ordered, whole=column.whole)
    half = column.half if len(raw) == column.n else np.arange(len(raw)) % 2 == 0
    # Learned on one half, broken on the other: about twice as often as fresh rows break what all rows taught.
    surprises = max(_outside(raw, half, whole=column.whole), _outside(raw, ~half, whole=column.whole))
    support = f"{number_text(float(ordered[0]))} to {number_text(float(ordered[-1]))} in {column.n} values"
    support += f"; {surprises} of one half lie outside what the other taught" if surprises else "; holds in both halves"
    return share(
        "range",
        "in_range",
        [column.name],
        [low, high],
        failing=surprises / 2 + infinite,
        n=column.n,
        support=support,
        doubt=doubt,
    )


def _outside(raw: np.ndarray, half: np.ndarray, *, whole: bool) -> int:
    learned, fresh = raw[half], raw[~half]
    if not len(learned) or not len(fresh):
        return 0
    low, high = range_of(np.sort(learned), whole=whole)
    return int(((fresh < low) | (fresh > high)).sum())


def _mean(column: Column, raw: np.ndarray, ordered: np.ndarray, *, doubt: str | None) -> Candidate:
    between, blocks = _bounds.moving(raw)
    mean = float(ordered.mean())

    def make(alpha: float) -> list[Draft]:
        ends = _bounds.mean_bounds(ordered, alpha, between=between, blocks=blocks)
        if ends is None:
            return []
        support = f"mean {mean:.6g} of {column.n} values" + ("; it moves along the rows" if between > 0 else "")
        said = (float(ordered[0]), float(ordered[-1]))
        return _two_sided(column, "mean", [column.name], ends, support=support, doubt=doubt, extremes=said)

    return Candidate(0 if doubt else 2, make)


def _median(column: Column, raw: np.ndarray, ordered: np.ndarray, *, doubt: str | None) -> Candidate:
    median = float(np.median(ordered))
    # Whether the share of values above the median moves says whether the median does.
    between, blocks = _bounds.moving((raw > median).astype(np.float64))

    def make(alpha: float) -> list[Draft]:
        ends = _bounds.quantile_bounds(ordered, 0.5, alpha)
        if ends is None:
            return []
        if between > 0:
            wide = _bounds.block_margin(between, blocks, alpha)
            if wide >= 0.5:
                return []
            outer = np.quantile(ordered, [0.5 - wide, 0.5 + wide])
            ends = min(ends[0], float(outer[0])), max(ends[1], float(outer[1]))
        support = f"median {median:.6g} of {column.n} values" + ("; it moves along the rows" if between > 0 else "")
        return _two_sided(column, "quantile", [column.name, 0.5], ends, support=support, doubt=doubt)

    return Candidate(0 if doubt else 2, make)


def _two_sided(
    column: Column,
    measure: str,
    args: list[str | float],
    ends: tuple[float, float],
    *,
    support: str,
    doubt: str | None,
    extremes: tuple[float, float] | None = None,
) -> list[Draft]:
    """Two promises, one for each end; an end beyond the extremes of the values says nothing and is left out."""
    low, high = _bounds.outward(*ends)
    least, most = extremes or (-math.inf, math.inf)
    made = [(op, end) for op, end, says in ((">=", low, low > least), ("<=", high, high < most)) if says]
    return [
        Draft(promise(measure, args, op, end), measure, (column.name,), support, column.n, doubt)
        for op, end in made
        if math.isfinite(end)
    ]


def dates(column: Column) -> Iterator[Candidate]:
    """Range of a column of dates: from a little before the first; how late they go is told, not promised."""
    first, last = column.values.min(), column.values.max()
    if not isinstance(first, date) or not isinstance(last, date):
        return
    support = f"{first.isoformat()} to {last.isoformat()} in {column.n} values"
    raw = column.values.cast(pl.Datetime("us")).cast(pl.Int64).to_numpy().astype(np.float64)
    ordered = np.sort(raw)
    rank = max(0, min(len(ordered) // 4, max(10, len(ordered) // 100)) - 1)
    early = _whole_day(first, timedelta(microseconds=ordered[rank] - ordered[0]))
    if early is None:
        return
    half = column.half
    surprises = max(_before(raw[half], raw[~half]), _before(raw[~half], raw[half]))
    yield share(
        "range",
        "in_range",
        [column.name],
        [early],
        failing=surprises / 2,
        n=column.n,
        support=support,
        doubt=column.scarce,
    )
    late = promise("in_range", [column.name, early, last.isoformat()], ">=", 1.0)
    doubt = "time goes on: accept it for a table that is closed"
    yield Candidate(0, lambda _: [Draft(late, "range", (column.name,), support, column.n, doubt)])


def _before(learned: np.ndarray, fresh: np.ndarray) -> int:
    if not len(learned) or not len(fresh):
        return 0
    ordered = np.sort(learned)
    rank = max(0, min(len(ordered) // 4, max(10, len(ordered) // 100)) - 1)
    return int((fresh < 2 * ordered[0] - ordered[rank] - 86_400e6).sum())


def _whole_day(first: date, tail: timedelta) -> str | None:
    try:
        moment = first - tail
    except OverflowError:
        return None
    # A moment is written as its day: nobody writes a bound in microseconds.
    day = moment.date() if isinstance(moment, datetime) else moment
    return day.isoformat()
