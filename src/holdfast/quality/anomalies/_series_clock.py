"""The clock of a series: its times as seconds, the order in which its rows came, and its values as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats, Ints

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
#: A table whose rows step back in time more often than this is not in the order in which they came.
MOST_STEPS_BACK = 0.1
#: Texts that are read as times besides ISO 8601: the one that reads most rows, the first of those that read as many.
FORMATS = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y",
    "%Y%m%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y%m%d", "%d %b %Y %H:%M:%S", "%d %b %Y", "%b %d, %Y", "%Y-%m",
)  # fmt: skip
#: What a number must be to be an instant since 1970: from 1973 to 2128 in seconds, milli-, micro-, nanoseconds.
EPOCHS = ((1e8, 5e9, 1.0), (1e11, 5e12, 1e3), (1e14, 5e15, 1e6), (1e17, 5e18, 1e9))


@dataclass(frozen=True, slots=True)
class Clock:
    """The rows of a series in the order in which they are scored.

    Parameters
    ----------
    order
        Shape (m,): rows of the table, in scoring order; rows without a time are left out.
    instants
        Shape (m,): seconds since 1970 (or the numbers given, where those are no instants).
    wall
        Shape (m,): the same as a clock on the wall shows it; the day and the week are its.
    known
        Whether the times are times: an index has no days.
    notes
        What was decided.
    """

    order: Ints
    instants: Floats
    wall: Floats
    known: bool
    notes: tuple[str, ...]


def read_clock(times: pl.Series) -> Clock:
    """Clock of a column of times: temporal, text (ISO or a common format), or numbers (an index or an epoch).

    Raises
    ------
    InvalidValue
        If no time can be read.
    """
    instants, wall, known, notes = _seconds(times)
    there = np.isfinite(instants)
    if len(times) and not there.any():
        raise InvalidValue(
            f"no value of column {times.name!r} reads as a time",
            where=times.name or None,
            expected="dates, datetimes, text such as 2026-01-31 13:05, or numbers",
        )
    order = np.flatnonzero(there)
    if order.size < len(times):
        notes.append(f"{len(times) - order.size} rows have no time that can be read: their score is 0")
    back = int((np.diff(instants[order]) < 0).sum())
    if back > MOST_STEPS_BACK * order.size:
        order = order[np.argsort(instants[order], kind="stable")]
        notes.append(f"the rows are not in the order of time ({back} steps back): they were scored in that order")
    elif back:
        notes.append(f"time steps back {back} times: rows were scored in the order of the table")
    return Clock(order, instants[order], wall[order], known, tuple(notes))


def read_values(values: pl.Series) -> tuple[Floats, list[str]]:
    """Values as numbers; what is missing or infinite is NaN.

    Raises
    ------
    InvalidValue
        If the column does not hold numbers.
    """
    if values.dtype == pl.Boolean or values.dtype.is_numeric() or values.dtype == pl.Null:
        numbers = values.cast(pl.Float64)
    elif values.dtype in (pl.String, pl.Categorical):
        text = values.cast(pl.String).str.strip_chars()
        numbers = text.cast(pl.Float64, strict=False)
        words = int(numbers.is_null().sum()) - int((text.is_null() | (text == "").fill_null(value=False)).sum())
        if words > 0.5 * len(values):
            raise _no_numbers(values)
    elif values.dtype == pl.Duration:
        numbers = values.dt.total_microseconds().cast(pl.Float64) / 1e6
    else:
        raise _no_numbers(values)
    found = numbers.to_numpy().astype(np.float64, copy=True)
    wrong = int(np.isinf(found).sum())
    found[np.isinf(found)] = np.nan
    notes = [f"{wrong} values are infinite: they count as missing"] if wrong else []
    missing = int(np.isnan(found).sum()) - wrong
    return found, [*notes, f"{missing} values are missing"] if missing else notes


def _no_numbers(values: pl.Series) -> InvalidValue:
    return InvalidValue(
        f"column {values.name!r} of type {values.dtype} does not hold numbers",
        where=values.name or None,
        expected="a column of numbers",
    )


def _seconds(times: pl.Series) -> tuple[Floats, Floats, bool, list[str]]:
    if times.dtype in (pl.String, pl.Categorical):
        times = _from_text(times.cast(pl.String).str.strip_chars())
    if times.dtype.is_numeric():
        return _from_numbers(times.cast(pl.Float64).to_numpy())
    if times.dtype == pl.Date:
        times = times.cast(pl.Datetime("us"))
    if isinstance(times.dtype, pl.Datetime):
        here = times.dt.replace_time_zone(None)
        utc = times if times.dtype.time_zone is None else times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return _epoch(utc), _epoch(here), True, []
    if times.dtype in (pl.Duration, pl.Time):
        since = times.cast(pl.Duration("us")).dt.total_microseconds().cast(pl.Float64).to_numpy() / 1e6
        return since, since, True, []
    if times.dtype == pl.Null:
        nothing = np.full(len(times), np.nan)
        return nothing, nothing, False, []
    raise InvalidValue(
        f"column {times.name!r} of type {times.dtype} does not hold times",
        where=times.name or None,
        expected="dates, datetimes, text such as 2026-01-31 13:05, or numbers",
    )


def _epoch(times: pl.Series) -> Floats:
    return times.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6


def _from_numbers(numbers: Floats) -> tuple[Floats, Floats, bool, list[str]]:
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    first = numbers[np.isfinite(numbers)][:1]
    for low, high, per_second in EPOCHS:
        if first.size and low <= first[0] < high:
            seconds = numbers / per_second
            return seconds, seconds, True, [f"times are read as instants since 1970, {per_second:g} of them a second"]
    return numbers, numbers, False, ["times are read as an index: a week is taken to be 2016 steps"]


def _from_text(texts: pl.Series) -> pl.Series:
    """Times of texts: numbers first, then ISO 8601, then the format that reads most of them."""
    present = texts.drop_nulls()
    numbers = texts.cast(pl.Float64, strict=False)
    if len(present) and numbers.null_count() == texts.null_count() and not (present.str.len_chars() == 8).all():
        return numbers
    best, most = _iso(texts), 0
    most = best.len() - best.null_count()
    for form in FORMATS:
        if most == len(present):
            break
        tried = _strict(texts, form)
        if tried.len() - tried.null_count() > most:
            best, most = tried, tried.len() - tried.null_count()
    return best.alias(texts.name)


def _iso(texts: pl.Series) -> pl.Series:
    """Times written as in ISO 8601, with a blank or a T, with or without fractions and an offset."""
    offset = texts.str.contains(r"(Z|[+-]\d\d:?\d\d)$") & texts.str.contains(":")
    if offset.any():
        spelled = texts.str.replace(" ", "T").str.replace("Z$", "+0000")
        tried = spelled.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", strict=False)
        if tried.null_count() == tried.len():
            tried = spelled.str.to_datetime("%Y-%m-%dT%H:%M%z", time_unit="us", strict=False)
        return tried
    spelled = texts.str.replace("T", " ")
    tried = _strict(spelled, "%Y-%m-%d %H:%M:%S%.f")
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        tried = tried.fill_null(_strict(spelled, form)) if tried.null_count() else tried
    return tried


def _strict(texts: pl.Series, form: str) -> pl.Series:
    if any(part in form for part in ("%H", "%M", "%S")):
        return texts.str.to_datetime(form, time_unit="us", strict=False, exact=True)
    if form == "%Y-%m":
        return (texts + "-01").str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    return texts.str.to_date(form, strict=False, exact=True).cast(pl.Datetime("us"))
