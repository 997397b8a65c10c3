"""Evidence of a series: how surprising each row is, by each of the ways in which a row can be surprising.

The rows are gone through in blocks. At the first row of a block everything is learned anew from the rows before it:
the profiles of the seasons, which season foresees best, the memory, the scales, the tails of every statistic. Within a
block these stand still. Where blocks begin depends on nothing but the number of the row, so a prefix of a series is
scored as the whole is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.quality.anomalies._series_clock import DAY_S, WEEK_S
from holdfast.quality.anomalies._series_season import LEAST_ROWS, Season, found_period
from holdfast.quality.anomalies._series_track import NAMES, SHARED, Track, contest
from holdfast.stats._arrays import Bools, Floats, Ints
from holdfast.stats.tails import fit_tails

FIRST_ROWS = 24
MOST_BLOCK = 240
HISTORY = 12_288
#: Least number of independent values before a statistic is heard at all.
LEAST_WORTH = 10.0
#: Rows as surprising as this are left out of what later rows are held against, if they are at most this share of it.
ODD, MOST_ODD = 2.5, 0.05
#: A run of equal values is heard beyond so many of them, and beyond twice the longest run so far.
LEAST_RUN = 6
#: What stands still is told once: its surprise grows no further than this.
MOST_FLAT = 8.0
#: Rows before which no period is looked for, and surprise below which a value is an ordinary one.
FIRST_FOUND = 48
ORDINARY = 2.0
WAYS = (*NAMES, "flat", "gap")
#: Ways that tell of one sort of event; an event of one sort does not hide one of another for long.
SORTS = (
    tuple(way for way, name in enumerate(WAYS) if name == "step"),
    tuple(way for way, name in enumerate(WAYS) if name.startswith("level")),
    tuple(way for way, name in enumerate(WAYS) if name.startswith("spread")),
    tuple(way for way, name in enumerate(WAYS) if name == "flat"),
    tuple(way for way, name in enumerate(WAYS) if name == "gap"),
)


@dataclass(frozen=True, slots=True)
class Stated:
    """A season as a user states it: a length in seconds or in rows; 0 is no season at all."""

    length: float
    in_rows: bool = False


@dataclass(slots=True)
class Evidence:
    """What was found, row by row.

    Parameters
    ----------
    surprise
        Shape (sorts, n): minus the decimal logarithm of the chance of such a row, by sort; 0 where nothing is known.
    way
        Shape (sorts, n): place in `WAYS` of the most surprising one.
    ordinary
        Shape (n,): whether the value itself, without its place in the season, is an ordinary one.
    still
        Shape (n,): whether the value has stood still for longer than ever before.
    steps
        Shape (n,): typical time between rows, as far as it was known at each row.
    seasons
        Row from which a season was used, and its name and period.
    """

    surprise: Floats
    way: Ints
    ordinary: Bools
    still: Bools
    steps: Floats
    seasons: list[tuple[int, str, float]]


def blocks(size: int) -> list[tuple[int, int]]:
    """First and last row of each block: short ones at first, when each row tells much.

    Examples
    --------
    >>> blocks(60)
    [(0, 24), (24, 32), (32, 40), (40, 50), (50, 60)]
    """
    found, first, last = [], 0, FIRST_ROWS
    while first < size:
        found.append((first, min(last, size)))
        first, last = last, last + min(MOST_BLOCK, max(8, last // 4))
    return found


def gather(values: Floats, instants: Floats, wall: Floats, *, stated: Stated | None, known: bool) -> Evidence:
    """Evidence of every row, in scoring order.

    Parameters
    ----------
    values
        Shape (n,); NaN is missing.
    instants, wall
        Shape (n,): seconds, and seconds of the clock on the wall.
    stated
        Season that the user states; None to look for one.
    known
        Whether times are times; an index has no days and weeks.
    """
    size = values.size
    tracks = [Track(Season("none", 0.0, 1.0), size)]
    runs, gaps = _runs(values), _gaps(instants, values)
    still = (runs >= LEAST_RUN) & (runs >= np.maximum.accumulate(runs))
    found = Evidence(
        np.zeros((len(SORTS), size)), np.zeros((len(SORTS), size), dtype=np.int64),
        np.zeros(size, dtype=bool), still, np.full(size, np.nan), [],
    )  # fmt: skip
    step, best = np.nan, tracks[0]
    for first, last in blocks(size):
        if first:
            step = _step(instants[:first])
            _propose(tracks, best, values, wall, row=first, step=step, stated=stated, known=known)
            for track in tracks:
                track.learn(values, wall, first)
        for track in tracks:
            track.record(values, wall, first, last)
        found.steps[first:last] = step
        if first:
            best = contest(tracks, first)
            _note_season(found, best, first)
            odd = _odd(found.surprise, first)
            heard = _heard(best, first, last, odd)
            every = np.stack([*heard, _flat(runs, first, last), _gap(gaps, step, first, last)])
            _weigh(found, every, first, last)
            if best is not tracks[0]:
                plain = np.max(_heard(tracks[0], first, last, odd), axis=0)
                found.ordinary[first:last] = plain < ORDINARY
    return found


def _weigh(found: Evidence, every: Floats, first: int, last: int) -> None:
    """The most surprising way of each sort; that there were many ways to be surprising is taken off (Bonferroni)."""
    every = np.maximum(every - np.log10(len(WAYS)), 0.0)
    for sort, ways in enumerate(SORTS):
        found.way[sort, first:last] = np.asarray(ways)[every[list(ways)].argmax(axis=0)]
        found.surprise[sort, first:last] = every[list(ways)].max(axis=0)


def _note_season(found: Evidence, best: Track, row: int) -> None:
    season = best.season
    before = found.seasons[-1][1:] if found.seasons else ("none", 0.0)
    if (season.name, season.period) != before:
        found.seasons.append((row, season.name, season.period))


def _odd(surprise: Floats, row: int) -> Bools:
    """Rows of the history that were anomalies: no measure for what comes, unless they are too many for that."""
    odd: Bools = np.asarray((surprise[:, max(0, row - HISTORY) : row] >= ODD).any(axis=0))
    return odd if odd.mean() <= MOST_ODD else np.zeros(odd.size, dtype=bool)


def _heard(track: Track, first: int, last: int, odd: Bools) -> list[Floats]:
    low = max(0, first - HISTORY)
    told = []
    for statistic, shared in zip(track.statistics, SHARED, strict=True):
        past = statistic[low:first]
        past = past[np.isfinite(past) & ~odd]
        worth = past.size / shared
        if worth < LEAST_WORTH:
            told.append(np.zeros(last - first))
        else:
            tails = fit_tails(past, size=worth)
            told.append(tails.surprise(statistic[first:last]))
            if shared == 1:
                # A row that was foreseen better than most is no surprise.
                told[-1][np.abs(statistic[first:last]) <= abs(tails.middle)] = 0.0
    return told


def _propose(
    tracks: list[Track], best: Track, values: Floats, wall: Floats,
    *, row: int, step: float, stated: Stated | None, known: bool,
) -> None:  # fmt: skip
    """Add tracks for the seasons that can be seen by now."""
    if not np.isfinite(step):
        return
    names = {track.season.name for track in tracks}
    if stated is not None:
        period = stated.length * (step if stated.in_rows else 1.0)
        if period >= 2.0 * step and "stated" not in names:
            tracks.append(_track("stated", period, step, values.size, row))
        return
    if known:
        for name, period in (("day", DAY_S), ("week", WEEK_S)):
            if name not in names and period >= LEAST_ROWS * step and wall[row - 1] - wall[0] >= period:
                tracks.append(_track(name, period, step, values.size, row))
    _look_for_period(tracks, best, values, row, step)


def _look_for_period(tracks: list[Track], best: Track, values: Floats, row: int, step: float) -> None:
    """Add a track for a period that shows; one that has not proved itself may be replaced after as many rows again."""
    held = [track for track in tracks if track.season.name == "found"]
    if row < FIRST_FOUND or (held and (held[0] is best or row < 2 * held[0].born)):
        return
    rows = found_period(values[:row])
    others = [track.season.period for track in tracks[1:] if track not in held]
    if not rows or row < 2 * rows or any(abs(each - rows * step) < 0.05 * each for each in others):
        return
    if held and abs(held[0].season.period - rows * step) < 0.02 * rows * step:
        return
    for track in held:
        tracks.remove(track)
    tracks.append(_track("found", rows * step, step, values.size, row))


def _track(name: str, period: float, step: float, size: int, row: int) -> Track:
    return Track(Season(name, period, step), size, born=row)


def _step(instants: Floats) -> float:
    gaps = np.diff(instants[-HISTORY:])
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if gaps.size else np.nan


def _runs(values: Floats) -> Ints:
    """How many equal values end at each row; 0 where it is missing."""
    runs = np.zeros(values.size, dtype=np.int64)
    length, before = 0, np.nan
    for row in np.flatnonzero(np.isfinite(values)).tolist():
        length = length + 1 if values[row] == before else 1
        runs[row], before = length, values[row]
    return runs


def _flat(runs: Ints, first: int, last: int) -> Floats:
    """Surprise of a run of equal values, by how seldom one value followed itself."""
    past = runs[max(0, first - HISTORY) : first]
    seen = past[past > 0]
    if seen.size < FIRST_ROWS:
        return np.zeros(last - first)
    repeated = int((seen > 1).sum())
    longer = int((seen > 2).sum())
    # A value that has followed itself once is likelier to do so again: runs come in clumps.
    chance = max((repeated + 1.0) / (seen.size + 2.0), (longer + 1.0) / (repeated + 2.0))
    beyond = runs[first:last] - max(LEAST_RUN, 2 * int(seen.max()))
    return np.where(beyond > 0, np.minimum(-beyond * np.log10(chance), MOST_FLAT), 0.0)


def _gaps(instants: Floats, values: Floats) -> Floats:
    """Time since the last row before each that holds a value."""
    there = np.isfinite(values)
    last = np.maximum.accumulate(np.where(there, np.arange(values.size), -1))
    before = np.concatenate(([-1], last))[: values.size]
    if not values.size:
        return instants
    return np.where(before >= 0, instants - instants[np.maximum(before, 0)], np.nan)


def _gap(gaps: Floats, step: float, first: int, last: int) -> Floats:
    """Surprise of a time without values, by how long such times were."""
    if not np.isfinite(step):
        return np.zeros(last - first)
    past = gaps[max(0, first - HISTORY) : first]
    past = past[np.isfinite(past)]
    now = np.nan_to_num(gaps[first:last])
    if past.size < FIRST_ROWS:
        return np.zeros(last - first)
    ordered = np.sort(past)
    reached = past.size - np.searchsorted(ordered, now * 0.999, "left")
    longest = max(float(ordered[-1]), step)
    known = np.log10((past.size + 2.0) / (reached + 1.0))
    further = np.log2(np.maximum(now / longest, 1.0))
    return np.where(now > 2.5 * step, known + further, 0.0)
