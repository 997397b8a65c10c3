"""Checks of columns of dates and moments: order, step, freshness; and the season of what is measured along them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from holdfast.core.units import number_text
from holdfast.quality.profiling._drafts import Candidate, Column, Draft, percent, promise, share, told

#: Rows needed before order or step say anything.
ENOUGH = 20

#: Steps that people name, in seconds, with their names.
STEPS = {1: "1 s", 60: "1 min", 300: "5 min", 600: "10 min", 900: "15 min", 1800: "30 min", 3600: "1 h", 86400: "1 d"}

#: Seasons that are looked for, in seconds.
SEASONS = {3600: "hour", 86400: "day", 604800: "week", 31557600: "year"}

#: Least share of the variance (trend aside) that a season explains where it is told.
STRONG = 0.3

#: Columns of numbers that are looked at for a season.
SEASONED = 12


def times(column: Column, *, now: datetime | None) -> Iterator[Candidate]:
    """Order, step and freshness of a column of times."""
    seconds = _seconds(column)
    if len(seconds) < ENOUGH or column.distinct < 2:
        return
    yield from _order(column, seconds)
    yield from _step(column, seconds)
    yield from _fresh(column, seconds, now)


def _seconds(column: Column) -> np.ndarray:
    """Shape (n,) float64: seconds since 1970, in the order of the rows."""
    found: np.ndarray = column.values.cast(pl.Datetime("us")).cast(pl.Int64).to_numpy() / 1e6
    return found


def _order(column: Column, seconds: np.ndarray) -> Iterator[Candidate]:
    falls = int((np.diff(seconds) < 0).sum())
    if falls / len(seconds) > 0.01:
        return
    doubt = column.scarce
    if falls:
        doubt = "nearly in order: are the exceptions errors?"
    elif column.distinct < column.n:
        doubt = "accept it where the order of the rows matters"
    yield share(
        "order",
        "monotone",
        [column.name],
        failing=falls,
        n=column.n,
        support=f"{falls} of {column.n} rows are earlier than the row above",
        doubt=doubt,
    )


def _step(column: Column, seconds: np.ndarray) -> Iterator[Candidate]:
    gaps = np.diff(np.unique(seconds))
    sizes, counts = np.unique(gaps, return_counts=True)
    step, hits = float(sizes[counts.argmax()]), int(counts.max())
    if len(gaps) < ENOUGH or hits / len(gaps) < 0.9 or column.distinct < column.n:
        return
    yield share(
        "step",
        "regular",
        [column.name],
        [_step_text(step)],
        failing=len(gaps) - hits,
        n=len(gaps),
        support=f"{percent(hits / len(gaps))} of {len(gaps)} steps are {_step_text(step)}",
        doubt="holds on whole tables, not on samples of their rows: accept it where tables arrive whole",
    )


def _step_text(step: float) -> str:
    if step in STEPS:
        return STEPS[int(step)]
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if step % size == 0:
            return f"{number_text(step / size)} {unit}"
    return f"{number_text(step)} s"


def _fresh(column: Column, seconds: np.ndarray, now: datetime | None) -> Iterator[Candidate]:
    """Freshness: a promise where the table looks alive at `now`, told where nobody knows."""
    gaps = np.diff(np.unique(seconds))
    newest = float(seconds.max())
    usual = float(np.quantile(gaps, 0.99)) if len(gaps) else 0.0
    newest_text = _moment_text(newest)
    bound, symbol = _age(max(10 * usual, 3600.0))
    claim = promise("freshness", [column.name], "<=", bound, symbol)
    age = None if now is None else now.astimezone(UTC).timestamp() - newest
    alive = age is not None and 0 <= age <= 3 * max(usual, 3600.0)
    doubt = None if alive else "accept it for a table that is still written to"
    support = f"newest {newest_text}; 99 % of the steps are at most {_age_text(usual)}"
    if alive or age is None or age >= 0:
        yield Candidate(0, lambda _: [Draft(claim, "freshness", (column.name,), support, column.n, doubt)])


def _moment_text(seconds: float) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M")
    except OverflowError:
        return "beyond the year 9999"


def _age(seconds: float) -> tuple[float, str]:
    for symbol, size in (("d", 86400.0), ("h", 3600.0)):
        if seconds >= 2 * size:
            return float(-(-seconds // size)), symbol
    return float(-(-seconds // 60)), "min"


def _age_text(seconds: float) -> str:
    if seconds < 120:
        return f"{number_text(round(seconds, 3))} s"
    number, symbol = _age(seconds)
    return f"{number_text(number)} {symbol}"


def seasons(time: Column, values: Sequence[Column]) -> Iterator[Candidate]:
    """Seasons of the numbers along a column of times: period and strength, told and not promised.

    The strength is the share of the variance, trend aside, that the mean of each phase explains, less what as many
    phases explain by chance (adjusted R squared).

    References
    ----------
    X. Wang, K. Smith, R. Hyndman (2006), "Characteristic-based clustering for time series data", Data Mining and
    Knowledge Discovery 13: strength of season, here with phase means for the seasonal part.
    """
    at = _seconds(time)
    for column in list(values)[:SEASONED]:
        both = time.there & column.there
        if column.identifies or column.ordered or both.sum() < 4 * ENOUGH:
            continue
        level = column.values.cast(pl.Float64).to_numpy()[both[column.there]]
        moment = at[both[time.there]]
        kept = np.isfinite(level)
        found = _strongest(moment[kept], level[kept])
        if found is not None:
            period, strength, n = found
            said = f"{column.name} along {time.name}: season of a {period}, strength {strength:.2f}"
            yield told("season", (column.name, time.name), said, n)


def _strongest(at: np.ndarray, level: np.ndarray) -> tuple[str, float, int] | None:
    n = len(level)
    if n < 4 * ENOUGH or not level.std() > 0:
        return None
    spacing = float(np.median(np.diff(np.unique(at)))) if len(np.unique(at)) > 1 else 0.0
    span = float(at.max() - at.min())
    middle = (at - at.min()) / max(span, 1e-9)
    # The trend is a straight line; what is left is told from its phase.
    left = level - np.polyval(np.polyfit(middle, level, 1), middle)
    best: tuple[str, float, int] | None = None
    for period, name in SEASONS.items():
        phases = min(24 if period != 604800 else 7, int(period / spacing) if spacing > 0 else 0)
        if span < 2 * period or phases < 3:
            continue
        phase = np.floor((at % period) / period * phases).astype(np.int64).clip(0, phases - 1)
        strength = _explained(left, phase)
        if strength >= STRONG and (best is None or strength > best[1] + 0.05):
            best = (name, strength, n)
    return best


def _explained(level: np.ndarray, phase: np.ndarray) -> float:
    n, used = len(level), int(phase.max()) + 1
    counts = np.bincount(phase, minlength=used)
    means = np.bincount(phase, weights=level, minlength=used) / np.maximum(counts, 1)
    groups = int((counts > 0).sum())
    if n <= groups:
        return 0.0
    rest = float(((level - means[phase]) ** 2).mean())
    return 1.0 - rest / float(level.var()) * (n - 1) / (n - groups)
