"""A track: one way to foresee a series (a season and short memory), and what it has recorded at each row.

Everything that a track records at a row comes from the rows before it; what it learns, it learns at the first row of a
block from the rows before the block.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from holdfast.quality.anomalies._series_season import Season
from holdfast.stats._arrays import Bools, Floats, Ints

#: Windows over which a level and a spread are looked at, in rows; each is held against so many rows before it.
WINDOWS = (4, 16, 64, 256)
REFERENCE = 8
SPREADS = (24, 96)
#: What a row is remembered for: the steps of these statistics, in the order of `Track.statistics`.
NAMES = ("step", *(f"level {each}" for each in WINDOWS), *(f"spread {each}" for each in SPREADS))
#: How many rows a value of each statistic shares with its neighbours.
SHARED = (1, *WINDOWS, *SPREADS)
MEMORY = 3
FIT_ROWS = 2048
LOCAL = 64
WINSOR = 4.0
#: Rows whose mean a row is held against where two tracks are compared.
FAR = 256
#: Rows over which the errors of two tracks are compared.
CONTEST = 2048
#: A season is used if it leaves less than this share of the errors made without one.
SEASON_SAVES = 0.9


@dataclass(slots=True, eq=False)
class Track:
    """A season with its records.

    Parameters
    ----------
    season
        The season.
    size
        How many rows the series has (only the size of what is allocated; nothing is read ahead).
    born
        Row at which the track was made.
    """

    season: Season
    size: int
    born: int = 0
    since: int = field(init=False, default=-1)
    rest: Floats = field(init=False)
    error: Floats = field(init=False)
    shock: Floats = field(init=False)
    statistics: Floats = field(init=False)
    miss: Floats = field(init=False)
    _sums: Floats = field(init=False)
    _counts: Floats = field(init=False)
    _spread_sums: Floats = field(init=False)
    _spread_counts: Floats = field(init=False)
    _centre: Floats = field(init=False)
    _memory: Floats = field(init=False)
    _scale: float = field(init=False, default=0.0)
    _learned: bool = field(init=False, default=False)
    _scales: Floats | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Allocate the records."""
        self.rest, self.error, self.shock, self.miss, self._centre = (np.full(self.size, np.nan) for _ in range(5))
        self.statistics = np.full((len(NAMES), self.size), np.nan)
        self._sums, self._counts, self._spread_sums, self._spread_counts = (np.zeros(self.size + 1) for _ in range(4))
        self._memory = np.zeros(MEMORY)

    def learn(self, values: Floats, wall: Floats, row: int) -> None:
        """Learn season, memory and scale from the rows before `row`."""
        self.season.learn(values[:row], wall[:row])
        self._memory = _fitted(self.rest[max(0, row - FIT_ROWS) : row], self._centre[max(0, row - FIT_ROWS) : row])
        past = np.abs(self.error[max(0, row - FIT_ROWS) : row])
        past = past[np.isfinite(past)]
        self._learned = bool(past.size)
        if past.size:
            cut = float(np.quantile(past, 0.98))
            self._scale = max(1.4826 * float(np.median(past)), float(np.minimum(past, cut).mean()))
        if self.season.profile is not None:
            self._scales = self._place_scales(wall, row)

    def record(self, values: Floats, wall: Floats, first: int, last: int) -> None:
        """Record rows `first` to `last` with what is known now."""
        block = slice(first, last)
        self.rest[block] = values[block] - self.season.at(wall[block])
        self._record_levels(first, last)
        self._record_shocks(wall, first, last)

    def _record_levels(self, first: int, last: int) -> None:
        rest = self.rest[first:last]
        there = np.isfinite(rest)
        if self.since < 0 and there.any():
            self.since = first + int(there.argmax())
        _accumulate(self._sums, np.where(there, rest, 0.0), first)
        _accumulate(self._counts, there.astype(np.float64), first)
        rows = np.arange(first, last) + 1
        for place, window in enumerate(WINDOWS, start=1):
            near = self._mean(rows - window, rows, 0.5 * window)
            far = self._mean(rows - window * (1 + REFERENCE), rows - window, 2.0 * window)
            self.statistics[place, first:last] = np.where(there, near - far, np.nan)
        self.miss[first:last] = np.abs(rest - self._mean(rows - 1 - FAR, rows - 1, 4.0))
        self._centre[first:last] = self._mean(rows - 1 - LOCAL, rows - 1, 1.0)

    def missed(self, rows: Ints, *, since: int) -> Floats:
        """Distance of each row from the mean of those before it, as if nothing before row `since` had been seen."""
        if since <= max(0, int(rows[0]) - FAR):
            return self.miss[rows]
        return np.abs(self.rest[rows] - self._mean(np.maximum(rows - FAR, since), rows, 4.0))

    def _mean(self, low: Ints, high: Ints, least: float) -> Floats:
        low, high = np.maximum(low, 0), np.maximum(high, 0)
        count = self._counts[high] - self._counts[low]
        mean = (self._sums[high] - self._sums[low]) / np.maximum(count, 1.0)
        return np.where(count >= least, mean, np.nan)

    def _record_shocks(self, wall: Floats, first: int, last: int) -> None:
        error = self._foresight(first, last)
        self.error[first:last] = error
        if self._scale > 0:
            scale = self._scale if self._scales is None else self._scales[self.season.place(wall[first:last])]
            self.shock[first:last] = error / scale
        elif self._learned:
            # Nothing has moved so far: what moves now has no size, only a direction.
            self.shock[first:last] = np.sign(error)
        size = np.abs(self.shock[first:last])
        there = np.isfinite(size)
        _accumulate(self._spread_sums, np.where(there, np.minimum(size, WINSOR), 0.0), first)
        _accumulate(self._spread_counts, there.astype(np.float64), first)
        rows = np.arange(first, last) + 1
        restless = self._spread(rows - 1 - LOCAL, rows - 1)
        self.statistics[0, first:last] = self.shock[first:last] / np.maximum(np.nan_to_num(restless, nan=0.8), 0.4)
        for place, window in enumerate(SPREADS, start=1 + len(WINDOWS)):
            spread = np.log(np.maximum(self._spread(rows - window, rows), 1e-3))
            self.statistics[place, first:last] = np.where(there, spread, np.nan)

    def _spread(self, low: Ints, high: Ints) -> Floats:
        low, high = np.maximum(low, 0), np.maximum(high, 0)
        count = self._spread_counts[high] - self._spread_counts[low]
        return np.where(count >= 8, (self._spread_sums[high] - self._spread_sums[low]) / np.maximum(count, 1.0), np.nan)

    def _foresight(self, first: int, last: int) -> Floats:
        """What a row is beyond what the rows before it foretell; the nearer of two forecasts after an outlier."""
        low = max(0, first - 2 * MEMORY - 16)
        rest = _carried(self.rest[low:last])
        centre = np.nan_to_num(self._centre[first:last])
        rows = np.arange(first - low, last - low)
        ahead = rest[first - low :] - _forecast(rest, rows, centre, self._memory)
        # After a row far off, the forecast from the rows before it: what returns is not one more anomaly.
        calm = _carried(np.where(self._outlying(rest), np.nan, rest))
        quiet = rest[first - low :] - _forecast(calm, rows, centre, self._memory)
        nearer = np.where(np.abs(quiet) < np.abs(ahead), quiet, ahead)
        there = np.isfinite(self.rest[first:last]) & np.isfinite(self._centre[first:last])
        return np.where(there, nearer, np.nan)

    def _outlying(self, rest: Floats) -> Bools:
        jump = np.abs(np.diff(rest, prepend=rest[:1]))
        return (jump > 6.0 * self._scale) & (self._scale > 0)

    def _place_scales(self, wall: Floats, row: int) -> Floats | None:
        """Scale of the errors at each place of the season, drawn to the common one where a place is little known."""
        rows = int(8 * self.season.rows)
        low = max(0, row - rows)
        size = np.abs(self.error[low:row])
        there = np.isfinite(size)
        if there.sum() < 2 * self.season.rows or self._scale <= 0:
            return None
        place = self.season.place(wall[low:row])[there]
        size = np.minimum(size[there], 5.0 * self._scale)
        sums: Floats = np.bincount(place, size, minlength=self.season.places).astype(np.float64)
        counts: Floats = np.bincount(place, minlength=self.season.places).astype(np.float64)
        # Neighbours know of each other: the window is a twelfth of the period, at most.
        width = max(1, self.season.places // 24)
        sums, counts = _circular(sums, width), _circular(counts, width)
        common = float(size.mean())
        if common <= 0:
            return None
        local = (sums + 12.0 * common) / (counts + 12.0)
        return self._scale * np.maximum(local / common, 0.25)


def contest(tracks: list[Track], row: int) -> Track:
    """The track that missed the rows before `row` least; a season must miss a tenth less than the track without one."""
    plain = tracks[0]
    best, least = plain, SEASON_SAVES
    for track in tracks[1:]:
        rows = np.arange(max(0, row - CONTEST), row)
        recent, without = track.miss[rows], plain.missed(rows, since=track.since)
        there = np.isfinite(recent) & np.isfinite(without)
        if there.sum() < max(32.0, min(0.5 * track.season.rows, 0.5 * CONTEST)):
            continue
        total = float(without[there].sum())
        ratio = float(recent[there].sum()) / total if total > 0 else 1.0
        if ratio < least:
            best, least = track, ratio
    return best


def _accumulate(sums: Floats, added: Floats, first: int) -> None:
    """Carry a running sum on: one addition after the other, whatever the length of the block."""
    sums[first + 1 : first + 1 + added.size] = np.cumsum(np.concatenate((sums[first : first + 1], added)))[1:]


def _carried(values: Floats) -> Floats:
    """Values with each missing one replaced by the last one before it (0 where there is none)."""
    there = np.isfinite(values)
    last = np.maximum.accumulate(np.where(there, np.arange(values.size), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], 0.0)


def _forecast(values: Floats, rows: Ints, centre: Floats, memory: Floats) -> Floats:
    """Local level, and what is left of the last rows' distance from it."""
    ahead = centre.copy()
    for lag in range(1, MEMORY + 1):
        ahead = ahead + memory[lag - 1] * (values[np.maximum(rows - lag, 0)] - centre)
    return ahead


def _fitted(rest: Floats, centre: Floats) -> Floats:
    """Weights of the last rows, by least squares that winsorises the changes (none before 40 rows)."""
    rows = np.arange(MEMORY, rest.size)
    lagged = np.stack([rest[rows - lag] - centre[rows] for lag in range(1, MEMORY + 1)], axis=1)
    ahead = rest[rows] - centre[rows]
    there = np.isfinite(ahead) & np.isfinite(lagged).all(axis=1)
    lagged, ahead = lagged[there], ahead[there]
    if ahead.size < 40:
        return np.zeros(MEMORY)
    weights: Floats = np.ones(ahead.size)
    memory: Floats = np.zeros(MEMORY)
    for _ in range(3):
        gram = (lagged * weights[:, None]).T @ lagged
        ridge = 1e-6 * float(np.trace(gram)) + 1e-300
        memory = np.asarray(
            np.linalg.solve(gram + ridge * np.eye(MEMORY), (lagged * weights[:, None]).T @ ahead), dtype=np.float64
        )
        left = np.abs(ahead - lagged @ memory)
        # A row whose lags are far off pulls as hard as one that is far off itself.
        reach = np.abs(lagged).max(axis=1)
        cut, far = 2.5 * np.median(left) + 1e-300, 6.0 * np.median(reach) + 1e-300
        weights = np.minimum(1.0, cut / np.maximum(left, cut)) * np.minimum(1.0, far / np.maximum(reach, far)) ** 2
    # Weights that would let a distance grow are held back.
    total = float(np.abs(memory).sum())
    return memory if total <= 3.0 else memory * 3.0 / total


def _circular(values: Floats, width: int) -> Floats:
    """Sums over `width` places to either side, around the period."""
    if 2 * width + 1 >= values.size:
        return np.full(values.size, values.sum())
    wrapped = np.concatenate((values[-width:], values, values[:width]))
    sums = np.concatenate(([0.0], np.cumsum(wrapped)))
    return sums[2 * width + 1 :] - sums[: -2 * width - 1]
