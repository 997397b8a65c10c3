"""Proposing what to look back at: seasons found in the autocorrelation of the target."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.automl._series_points import SeriesPlan, read_points
from holdfast.automl._series_time import infer_steps

#: Most lags that are proposed.
LAGS = 12
#: Series looked at (the longest), the latest steps of each, and the longest season.
_SERIES, _STEPS, _LONGEST = 20, 20_000, 2_000
#: Seasons of the calendar, in microseconds: hour, day, week, year.
_CALENDAR = (3_600_000_000, 86_400_000_000, 604_800_000_000, 31_536_000_000_000)
_YEAR_OF_MONTHS = 12
#: How much higher a correlation must be (besides chance) than none, or than that of a season that it is a multiple of.
_CLEARLY, _HIGHER = 0.1, 0.02
#: Length of the window where there is no season.
_SHORT = 12


def propose(
    rows: pl.DataFrame,
    *,
    time: str,
    target: str,
    horizon: int = 1,
    id: str | None = None,
) -> SeriesPlan:
    """Plan for rows: which lags and windows to look back at.

    Parameters
    ----------
    rows
        Shape (n, columns): with the columns of times and target (and series).
    time, target, id
        Their names; `id` is None where there is one series.
    horizon
        Steps that are forecast at once.

    Returns
    -------
    SeriesPlan
        Lags: the latest three values that are known, and the same place in earlier seasons, those of the highest
        autocorrelation first; seasons are those of the calendar, and the highest peaks, where the autocorrelation has a
        peak beyond chance. One window, the mean of the shortest season: on ten series of five kinds more windows, and
        more statistics of them, made forecasts worse, not better.

    Raises
    ------
    ColumnNotFound, DataError, InvalidValue
        As `derive`, and if the horizon is below 1.

    References
    ----------
    M. S. Bartlett (1946), "On the theoretical specification and sampling properties of autocorrelated time-series",
    Journal of the Royal Statistical Society supplement 8, for what is chance.
    """
    bare = SeriesPlan(time, target, horizon, id)
    points = read_points(rows, bare, where="rows", target=True)
    clock, step, others = infer_steps(rows.get_column(time), points.names)
    bare = SeriesPlan(time, target, horizon, id, clock=clock, step=step, steps=others)
    lines = read_points(rows, bare, where="rows", target=True).lines(bare)
    grids = _grids(lines.code, lines.place // lines.step, points.values)
    if not grids:
        return SeriesPlan(time, target, horizon, id, lags=(horizon,), clock=clock, step=step, steps=others)
    correlation, chance = autocorrelation(grids)
    seasons = _seasons(correlation, chance, clock=clock, step=step)
    lags = _lags(correlation, seasons, horizon=horizon)
    window = seasons[0] if seasons else min(_SHORT, max(2, len(correlation) - 1))
    return SeriesPlan(time, target, horizon, id, lags, (window,), ("mean",), clock, step, others)


def autocorrelation(grids: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Autocorrelation of series, pooled, and what chance makes of it.

    Parameters
    ----------
    grids
        Series step by step, NaN where a value is missing; a straight line is taken out of each.

    Returns
    -------
    tuple
        Shape (k + 1,): correlation at each lag, 0 where too few pairs are known; and twice the standard error that it
        would have if there were none.
    """
    longest = min(_LONGEST, max(len(each) for each in grids) // 2)
    products, pairs = np.zeros(longest + 1), np.zeros(longest + 1)
    for grid in grids:
        there = np.isfinite(grid)
        place = np.arange(len(grid))
        line = np.polyfit(place[there], grid[there], 1) if there.sum() > 2 else (0.0, float(np.nanmean(grid)))
        values = np.where(there, grid - np.polyval(line, place), 0.0)
        spread = float(np.sqrt((values**2).sum() / max(1, there.sum())))
        if spread <= 1e-12 * max(1.0, float(np.abs(grid[there]).max())):
            continue
        size = min(longest, len(grid) - 1) + 1
        products[:size] += _shifted(values / spread)[:size]
        pairs[:size] += np.round(_shifted(there.astype(np.float64))[:size])
    enough = pairs >= 20
    found = np.where(enough, products / np.where(enough, pairs, 1.0), 0.0)
    return found, 2.0 / np.sqrt(np.maximum(pairs, 1.0))


def _shifted(values: np.ndarray) -> np.ndarray:
    """Sum of products of each value with the one so many steps before, for every lag."""
    size = 2 ** int(np.ceil(np.log2(2 * len(values))))
    spectrum = np.fft.rfft(values, size)
    return np.fft.irfft(spectrum * np.conj(spectrum), size)[: len(values)]


def _grids(code: np.ndarray, step: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """The longest series step by step, their latest steps; NaN where a value is missing."""
    known = np.isfinite(values)
    sizes = np.bincount(code[known], minlength=1)
    made = []
    for series in np.argsort(-sizes, kind="stable")[:_SERIES]:
        mine = known & (code == series)
        place = step[mine] - step[mine].max(initial=0) + _STEPS - 1
        late = place >= 0
        grid = np.full(_STEPS, np.nan)
        grid[place[late]] = values[mine][late]
        filled = np.flatnonzero(np.isfinite(grid))
        if len(filled) > 2:
            made.append(grid[filled[0] :])
    return made


def _seasons(correlation: np.ndarray, chance: np.ndarray, *, clock: str, step: int) -> list[int]:
    """Lengths of seasons in steps, the shortest first: peaks of the autocorrelation."""
    peaks = [
        lag for lag in range(2, len(correlation) - 1) if _is_peak(correlation, lag) and correlation[lag] > chance[lag]
    ]
    known = [each // step for each in _CALENDAR if each % step == 0] if clock == "time" else []
    known = [_YEAR_OF_MONTHS // step] if clock == "months" and _YEAR_OF_MONTHS % step == 0 else known
    found = [lag for lag in known if lag in peaks]
    for highest in sorted(peaks, key=lambda each: -correlation[each]):
        # The shortest that it repeats; itself too where it is higher (the week of a day).
        near = correlation[highest] - _CLEARLY
        base = min(each for each in peaks if highest % each == 0 and correlation[each] >= near)
        higher = correlation[highest] > correlation[base] + _HIGHER + chance[highest]
        for lag in [base, highest] if higher and base not in found else [base]:
            above = correlation[lag] - _CLEARLY - chance[lag]
            repeats = lag == base and any(lag % each == 0 and above <= correlation[each] for each in found)
            if not repeats and above > 0.0:
                found.append(lag)
    return sorted(found[:3])


def _is_peak(correlation: np.ndarray, lag: int) -> bool:
    near = max(1, lag // 8)
    around = correlation[max(1, lag - near) : lag + near + 1]
    return bool(correlation[lag] >= around.max())


def _lags(correlation: np.ndarray, seasons: list[int], *, horizon: int) -> tuple[int, ...]:
    longest = max(len(correlation) - 1, horizon)
    latest = [horizon, horizon + 1, horizon + 2]
    again = [season * (-(-horizon // season) + back) for season in seasons for back in range(4)]
    wanted = {each for each in (*latest, *again) if each <= longest}
    height = {each: float(correlation[each]) if each < len(correlation) else 0.0 for each in wanted}
    ranked = sorted(wanted - {horizon}, key=lambda each: (-height[each], each))
    return tuple(sorted([horizon, *ranked[: LAGS - 1]]))
