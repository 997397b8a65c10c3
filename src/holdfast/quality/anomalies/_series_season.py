"""Seasons of a series: profiles over a period, learned from the past only, and periods found in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from holdfast.stats._arrays import Bools, Floats, Ints

#: A profile is the median of at most so many of the last periods.
CYCLES = 8
#: Places of a profile: fine enough for each row of most series, coarse enough to be known after two periods.
MOST_PLACES = 336
#: Rows that a period must have, and how many of them must be seen before its profile is used.
LEAST_ROWS = 4.0
LEAST_CYCLES = 2.0
#: Autocorrelation from which a period is worth trying; whether it is used is then decided by its errors.
LEAST_CORRELATION = 0.25
LOOK_BACK = 4096


@dataclass(slots=True)
class Season:
    """A period, and what the series is worth at each of its places.

    Parameters
    ----------
    name
        ``none``, ``day``, ``week``, ``found`` or ``stated``.
    period
        Length in seconds (or in units of an index); 0 for none.
    step
        Typical time between rows when it was made.
    """

    name: str
    period: float
    step: float
    places: int = field(init=False)
    profile: Floats | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Set how many places the profile has."""
        rows = self.period / self.step if self.period else 1.0
        self.places = int(max(1, min(round(rows), MOST_PLACES)))

    @property
    def rows(self) -> float:
        """How many rows a period has."""
        return self.period / self.step if self.period else 1.0

    def place(self, wall: Floats) -> Ints:
        """Place of each time within the period, shape (m,)."""
        if not self.period:
            return np.zeros(wall.size, dtype=np.int64)
        # Half a step later: a clock that jitters around the start of a place stays within it.
        share = np.mod(wall + self.step / 2.0, self.period) / self.period
        return np.minimum((share * self.places).astype(np.int64), self.places - 1)

    def learn(self, values: Floats, wall: Floats) -> None:
        """Set the profile from the past; it stays None until the past has seen enough periods.

        Parameters
        ----------
        values, wall
            Shape (m,): the past, in scoring order; NaN is missing.
        """
        least = LEAST_CYCLES * self.period
        if not self.period or wall.size < LEAST_CYCLES * self.rows or wall[-1] - wall[0] < 0.98 * least:
            return
        rows = int(CYCLES * self.rows)
        values, wall = values[-rows:], wall[-rows:]
        there = np.isfinite(values)
        if there.sum() < 2 * LEAST_ROWS:
            return
        level = _line(values, there)
        level = level + _moving_mean(values - level, round(self.rows))
        self.profile = _place_medians((values - level)[there], self.place(wall)[there], self.places)

    def at(self, wall: Floats) -> Floats:
        """What the profile says at each time; NaN where it is not known yet, 0 without a period."""
        if not self.period:
            return np.zeros(wall.size)
        if self.profile is None:
            return np.full(wall.size, np.nan)
        return self.profile[self.place(wall)]


def _line(values: Floats, there: Bools) -> Floats:
    """Straight line through the values: at the ends a mean of what lies to one side is no level of a trend."""
    place = np.arange(values.size) - values.size / 2.0
    slope, height = np.polyfit(place[there], values[there], 1)
    return np.asarray(slope * place + height)


def _moving_mean(values: Floats, rows: int) -> Floats:
    """Mean of the `rows` values around each; fewer at the ends."""
    there = np.isfinite(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(there, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(there)))
    half = max(1, rows // 2)
    place = np.arange(values.size)
    # At the ends the whole period nearest to the end is taken: half a period has a mean of its own.
    low = np.clip(place - half, 0, max(0, values.size - 2 * half))
    high = np.minimum(low + max(rows, 2), values.size)
    mean: Floats = (sums[high] - sums[low]) / np.maximum(counts[high] - counts[low], 1)
    return mean


def _place_medians(values: Floats, place: Ints, places: int) -> Floats:
    """Median of the values at each place; a place without a value takes what lies between its neighbours."""
    order = np.lexsort((values, place))
    ordered = values[order]
    counts = np.bincount(place, minlength=places)
    ends = np.cumsum(counts)
    starts = ends - counts
    seen = np.flatnonzero(counts)
    middle = starts[seen] + (counts[seen] - 1) // 2
    upper = starts[seen] + counts[seen] // 2
    medians: Floats = (ordered[middle] + ordered[upper]) / 2.0
    if seen.size == places:
        return medians
    between: Floats = np.interp(np.arange(places), seen, medians, period=places)
    return between


def found_period(values: Floats) -> int:
    """Period of the past in rows, by its autocorrelation; 0 where there is none.

    Parameters
    ----------
    values
        Shape (m,): the past; NaN is missing.

    Returns
    -------
    int
        Lag of the highest peak of the autocorrelation after its first crossing of zero, at most a third of m.

    References
    ----------
    The autocorrelation is that of the detrended, winsorised values, by the Fourier transform
    (G. E. P. Box, G. M. Jenkins, G. C. Reinsel, "Time Series Analysis", section 2.1).
    """
    values = values[-LOOK_BACK:]
    there = np.isfinite(values)
    if there.sum() < max(32, 0.5 * values.size):
        return 0
    place = np.arange(values.size)
    filled = np.interp(place, place[there], values[there])
    slope, height = np.polyfit(place, filled, 1)
    filled = filled - slope * place - height
    low, high = np.quantile(filled, [0.02, 0.98])
    filled = np.clip(filled, low, high)
    filled -= filled.mean()
    energy = float(filled @ filled)
    if energy <= 1e-12 * values.size * max(1.0, float(np.abs(values[there]).max())) ** 2:
        return 0
    spectrum = np.fft.rfft(filled, 2 * values.size)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum))[: values.size // 3 + 1] / energy
    # What a shorter overlap takes away is given back, so that a period counts as much as its multiples.
    correlation = correlation * values.size / (values.size - np.arange(correlation.size))
    below = np.flatnonzero(correlation < 0)
    if not below.size:
        return 0
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner >= correlation[:-2]) & (inner > correlation[2:]))
    peaks = peaks[(peaks > below[0]) & (peaks >= LEAST_ROWS)]
    if not peaks.size or correlation[peaks].max() < LEAST_CORRELATION:
        return 0
    # The first peak that is nearly as high as the highest: multiples of a period repeat as well as the period does.
    return int(peaks[np.argmax(correlation[peaks] >= 0.9 * correlation[peaks].max())])
