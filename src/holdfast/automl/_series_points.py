"""Series as points: what is planned, and where each row stands in its series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from holdfast.automl._series_spans import STATISTICS
from holdfast.automl._series_time import CLOCKS, moments
from holdfast.core.errors import ColumnNotFound, DataError, InvalidValue, one_of
from holdfast.stats.tensors import as_float32, as_text

_TUPLES = ("lags", "windows", "statistics")
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"))


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """What is derived from the past of the target: plain data that stands in the manifest.

    Parameters
    ----------
    time, target
        Columns of the times and of what is forecast.
    horizon
        Steps that are forecast at once, at least 1.
    id
        Column of the series; None where there is one series.
    lags
        Steps to look back, each at least the horizon.
    windows
        Lengths in steps of the stretches that end a horizon before the row, at least 2 each.
    statistics
        What is taken of each stretch: names in `STATISTICS`.
    clock
        What is counted: ``time`` (microseconds), ``months``, ``number`` (the times are numbers), or ``rows``: the
        position in the series, where times come irregularly.
    step
        Length of a step on the clock; 1 for rows.
    steps
        Series that go by another step, by name; 0 for those that go by their rows.

    Raises
    ------
    InvalidValue
        If a number is out of its range, or there is no such clock.
    """

    time: str
    target: str
    horizon: int
    id: str | None = None
    lags: tuple[int, ...] = ()
    windows: tuple[int, ...] = ()
    statistics: tuple[str, ...] = STATISTICS
    clock: str = "rows"
    step: int = 1
    steps: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.horizon < 1:
            raise InvalidValue(f"horizon {self.horizon}", expected="at least 1 step")
        if any(each < self.horizon for each in self.lags):
            raise InvalidValue(
                f"lag {min(self.lags)} with horizon {self.horizon}", expected="lags of a horizon or more"
            )
        if any(each < 2 for each in self.windows):
            raise InvalidValue(f"window {min(self.windows)}", expected="at least 2 steps")
        for each in self.statistics:
            if each not in STATISTICS:
                raise InvalidValue(f"statistic {each!r}", expected=one_of(STATISTICS, each))
        if self.clock not in CLOCKS:
            raise InvalidValue(f"clock {self.clock!r}", expected=one_of(CLOCKS, self.clock))
        if self.step < 1 or any(each < 0 for each in self.steps.values()):
            raise InvalidValue(f"step {min([self.step, *self.steps.values()])}", expected="at least 1")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the derived columns, in order."""
        lags = [f"{self.target}_lag_{each}" for each in self.lags]
        return (*lags, *(f"{self.target}_{kind}_{each}" for each in self.windows for kind in self.statistics))

    @property
    def reach(self) -> int:
        """Steps that are looked back at most."""
        return max((*self.lags, *(self.horizon + each - 1 for each in self.windows)), default=0)

    @property
    def sentence(self) -> str:
        """What is derived, for a person."""
        step = {"rows": "a row of its series (times come irregularly)", "months": _times(self.step, "month")}
        told = step.get(self.clock) or (
            _duration(self.step) if self.clock == "time" else f"{self.step} of {self.time!r}"
        )
        parts = [f"{self.horizon} steps of {self.target!r} are forecast at once; a step is {told}"]
        if self.steps:
            rows = sum(1 for each in self.steps.values() if each == 0)
            parts.append(f"{len(self.steps)} series have steps of their own, {rows} of them go by their rows")
        parts.append(f"lags {', '.join(map(str, self.lags)) or 'none'}")
        if self.windows:
            parts.append(f"{', '.join(self.statistics)} of the {', '.join(map(str, self.windows))} steps before that")
        return "; ".join(parts)

    def plain(self) -> dict[str, Any]:
        """Plain data that `from_plain` reads."""
        lists = {name: list(getattr(self, name)) for name in _TUPLES}
        return {**asdict(self), **lists, "steps": dict(self.steps)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> SeriesPlan:
        """Read what `plain` gave."""
        return cls(**{**plain, **{name: tuple(plain[name]) for name in _TUPLES}})


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Series, place and length of a step of each point; shape (n,) int64 each."""

    code: np.ndarray
    place: np.ndarray
    step: np.ndarray

    def take(self, which: slice | np.ndarray) -> Lines:
        """Return those of some points."""
        return Lines(self.code[which], self.place[which], self.step[which])


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Series by name, moment, and target (NaN where it is not known) of each row."""

    names: pl.Series
    moment: np.ndarray
    values: np.ndarray

    def lines(self, plan: SeriesPlan) -> Lines:
        """Where each point stands: at its moment, or, where that tells nothing, at its position in the series."""
        found = self.names.unique().sort()
        code = self.names.rank("dense").cast(pl.Int64).to_numpy() - 1
        of_series = np.array([plan.steps.get(name, plan.step) for name in found], dtype=np.int64)
        of_series = np.zeros_like(of_series) if plan.clock == "rows" else of_series
        order = np.lexsort((self.moment, code))
        first = np.flatnonzero(np.diff(code[order], prepend=-1))
        position = np.empty(len(code), dtype=np.int64)
        position[order] = np.arange(len(code)) - np.repeat(first, np.diff(np.append(first, len(code))))
        step = of_series[code]
        return Lines(code, np.where(step == 0, position, self.moment), np.maximum(step, 1))


def read_points(rows: pl.DataFrame, plan: SeriesPlan, *, where: str, target: bool) -> Points:
    """Points of a table, one for each row.

    Parameters
    ----------
    rows
        Shape (n, columns).
    plan
        Which columns, and the clock.
    where
        What to call the table in an error.
    target
        Whether there must be a target column; else the values of a table without one are not known.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    DataError
        If a time is missing or none, a target is no number, or a series has two rows at one time.
    """
    needed = [plan.time, *([plan.id] if plan.id is not None else []), *([plan.target] if target else [])]
    for column in needed:
        if column not in rows.columns:
            raise ColumnNotFound(f"no column {column!r}", where=where, expected=one_of(rows.columns, column))
    times = rows.get_column(plan.time)
    moment = moments(times, clock=None if plan.clock == "rows" else plan.clock)
    names = _names(rows, plan.id)
    values = _numbers(rows.get_column(plan.target)) if plan.target in rows.columns else np.full(rows.height, np.nan)
    twice = pl.DataFrame({"name": names, "at": moment}).is_duplicated().arg_true()
    if len(twice):
        place = int(twice[0])
        series = f" of series {names[place]!r}" if plan.id is not None else ""
        raise DataError(
            f"{len(twice)} rows share a time with another{series}: {times[place]}",
            where=f"{where}, column {plan.time!r}",
            expected="one row for each time of a series (name the series' column, or sum rows up first)",
        )
    return Points(names, moment, values)


def _names(rows: pl.DataFrame, column: str | None) -> pl.Series:
    if column is None:
        return pl.repeat("", rows.height, dtype=pl.String, eager=True)
    return pl.Series(as_text(rows.get_column(column)).tolist(), dtype=pl.String)


def _numbers(values: pl.Series) -> np.ndarray:
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        made: np.ndarray = values.cast(pl.Float64).to_numpy()
        return made
    return as_float32(values).astype(np.float64)


def _duration(microseconds: int) -> str:
    size, unit = next((each for each in _UNITS if microseconds % each[0] == 0), (1, "us"))
    return f"{microseconds // size} {unit}"


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"
