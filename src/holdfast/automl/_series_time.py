"""Moments of series: times as whole numbers, the step between them, and whether they come regularly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from holdfast.core.errors import DataError

#: What a moment is counted in: microseconds since 1970, months, the numbers themselves, rows of the series.
CLOCKS = ("time", "months", "number", "rows")
_ISO = r"^\d{4}-\d{2}-\d{2}"
#: Differences that a series must have for a step of its own.
_OWN = 5


class Steps(NamedTuple):
    """Clock of all series, its step, and the series that go by another step (0: by the position of their rows)."""

    clock: str
    step: int
    others: dict[str, int]


def moments(values: pl.Series, *, clock: str | None = None) -> np.ndarray:
    """Moments of a column of times, shape (n,) int64: microseconds since 1970, months, or the numbers themselves.

    Parameters
    ----------
    values
        Dates, times (in UTC where they have a zone), text in ISO 8601, or whole numbers.
    clock
        What to count in; None for microseconds, or for numbers where these are numbers.

    Raises
    ------
    DataError
        If a time is missing or none, or numbers came where times were learnt, or the other way round.
    """
    where = f"column {values.name!r}"
    if values.dtype.is_numeric():
        if clock in ("time", "months"):
            raise DataError(f"numbers ({values.dtype}) where times were learnt", where=where, expected="dates or times")
        whole = values.cast(pl.Float64)
        _all_there(whole, whole.is_finite() & (whole == whole.round()), where=where, expected="whole numbers")
        return values.cast(pl.Int64).to_numpy()
    parsed = _parsed(values, where)
    if clock == "number":
        raise DataError(f"times ({values.dtype}) where numbers were learnt", where=where, expected="whole numbers")
    _all_there(values, parsed.is_not_null(), where=where, expected="a date or a time")
    if clock == "months":
        return (parsed.dt.year().cast(pl.Int64) * 12 + parsed.dt.month().cast(pl.Int64) - 1).to_numpy()
    return parsed.to_physical().cast(pl.Int64).to_numpy()


def is_number(values: pl.Series) -> bool:
    """Whether times are counted, not told."""
    return values.dtype.is_numeric()


def infer_steps(times: pl.Series, names: pl.Series) -> Steps:
    """How the rows of each series follow each other.

    Parameters
    ----------
    times
        Shape (n,): times as they came.
    names
        Shape (n,): name of each row's series.

    Returns
    -------
    Steps
        Regular where every difference is a multiple of the commonest one. Dates of which the days differ and the months
        do not (the first or the last of each month) are counted in months. Where more rows than not belong to series
        that are not regular, all go by the position of their rows.
    """
    first = "number" if is_number(times) else "time"
    tried = (first,) if first == "number" else ("time", "months")
    for clock in tried:
        found = _regular(moments(times, clock=clock), names)
        if found is not None:
            return Steps(clock, *found)
    return Steps("rows", 1, {})


def _regular(at: np.ndarray, names: pl.Series) -> tuple[int, dict[str, int]] | None:
    table = pl.DataFrame({"name": names, "at": at}).sort("name", "at")
    table = table.with_columns(pl.col("at").diff().over("name").alias("gap")).drop_nulls("gap")
    gaps = table.filter(pl.col("gap") > 0)
    if gaps.height < table.height or gaps.height == 0:
        # Two rows of one series at one moment: not in this clock (or none at all: refused where rows are looked at).
        return None
    counted = gaps.group_by("name", "gap").agg(pl.len().alias("rows"))
    pooled = counted.group_by("gap").agg(pl.col("rows").sum()).sort("rows", "gap", descending=[True, False])
    step = int(pooled["gap"][0])
    own = (
        counted.sort("rows", "gap", descending=[True, False])
        .group_by("name", maintain_order=True)
        .agg(pl.col("gap").first(), pl.col("rows").first(), pl.col("rows").sum().alias("all"))
    )
    sure = (pl.col("all") >= _OWN) & (pl.col("rows") * 2 >= pl.col("all"))
    own = own.with_columns(pl.when(sure).then("gap").otherwise(step).alias("step"))
    met = gaps.join(own.select("name", "step"), on="name")
    fits = met.group_by("name").agg((pl.col("gap") % pl.col("step") == 0).all().alias("fits"))
    told = own.join(fits, on="name").with_columns(pl.when("fits").then("step").otherwise(0).alias("step"))
    irregular = int(told.filter(~pl.col("fits"))["all"].sum())
    if 2 * irregular > gaps.height:
        return None
    others = told.filter(pl.col("step") != step).sort("name")
    return step, {str(name): int(each) for name, each in zip(others["name"], others["step"], strict=True)}


def _parsed(values: pl.Series, where: str) -> pl.Series:
    if values.dtype == pl.Date:
        return values.cast(pl.Datetime("us"))
    if isinstance(values.dtype, pl.Datetime):
        zoned = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if values.dtype.time_zone else values
        return zoned.cast(pl.Datetime("us"))
    if values.dtype == pl.String:
        made = _as_time(values.str.strip_chars())
        if made is not None and made.null_count() < len(made):
            return made
    raise DataError(f"times of type {values.dtype}", where=where, expected="dates, times, ISO 8601 or whole numbers")


def _as_time(text: pl.Series) -> pl.Series | None:
    # Only what begins as ISO 8601: of 01/02/2024 nobody knows which is the month.
    text = text.set(~text.str.contains(_ISO).fill_null(value=False), None)
    try:
        made = text.str.to_datetime(time_unit="us", strict=False)
    except pl.exceptions.ComputeError:
        return None
    zone = getattr(made.dtype, "time_zone", None)
    return made.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else made


def _all_there(values: pl.Series, good: pl.Series, *, where: str, expected: str) -> None:
    bad = (~good.fill_null(value=False)).arg_true()
    if len(bad):
        raise DataError(f"{values[int(bad[0])]!r} is no time", where=f"{where}, row {int(bad[0])}", expected=expected)
