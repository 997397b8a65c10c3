"""Simulated worlds: data that drift, labels that come late, and cells that are dirty. What they make is simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, InvalidValue, one_of


def drifted(rows: pl.DataFrame, column: str, shift: float) -> pl.DataFrame:
    """Rows whose `column` reads differently, as under another instrument.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of numbers.
    shift
        What is added to each value, in the column's unit; missing stays missing.

    Returns
    -------
    polars.DataFrame
        A new table; an integer column becomes a float column.

    Raises
    ------
    ColumnNotFound
        If there is no such column.
    InvalidValue
        If the column holds no numbers, or the shift is not finite.

    Examples
    --------
    >>> drifted(pl.DataFrame({"age": [30.0, None]}), "age", 5.0)["age"].to_list()
    [35.0, None]
    """
    if column not in rows.columns:
        raise ColumnNotFound(f"no column {column!r}", expected=one_of(rows.columns, column))
    if not rows.schema[column].is_numeric():
        raise InvalidValue(f"column {column!r} is of type {rows.schema[column]}", expected="a column of numbers")
    if not np.isfinite(shift):
        raise InvalidValue(f"a shift of {shift}", expected="a finite number")
    return rows.with_columns(pl.col(column).cast(pl.Float64) + shift)


def dirty(rows: pl.DataFrame, rate: float, rng: np.random.Generator) -> pl.DataFrame:
    """Rows of which about a share `rate` of the cells are spoilt, in every column that can be.

    Numbers are lost, a thousand times too large, or negated; text is lost, emptied, or misspelt; booleans and dates
    are lost. Each spoilt cell is drawn by itself, so the wrong cells are those that differ from `rows`.

    Parameters
    ----------
    rows
        Shape (n, columns).
    rate
        Share of the cells, in [0, 1].
    rng
        Says which cells, and how.

    Raises
    ------
    InvalidValue
        If the rate is no share.

    Examples
    --------
    >>> clean = pl.DataFrame({"age": [30.0] * 100})
    >>> spoilt = dirty(clean, 0.1, np.random.default_rng(0))
    >>> int((spoilt["age"].ne_missing(clean["age"])).sum())
    10
    """
    if not 0.0 <= rate <= 1.0:
        raise InvalidValue(f"rate {rate}", expected="a share from 0 to 1")
    return pl.DataFrame([_spoilt(column, rate, rng) for column in rows.iter_columns()])


def _spoilt(values: pl.Series, rate: float, rng: np.random.Generator) -> pl.Series:
    hit = pl.Series(rng.random(len(values)) < rate)
    how = pl.Series(rng.integers(0, 3, len(values)))
    kind = values.dtype
    worse: list[pl.Expr] = []
    if kind.is_float() or kind.is_signed_integer():
        worse = [(pl.col("v") * 1000).cast(kind, strict=False), -pl.col("v") - 1]
    elif kind == pl.String:
        worse = [pl.lit(""), pl.concat_str([pl.lit("x"), pl.col("v")])]
    # Without a worse value every spoilt cell is lost.
    spoilt = pl.lit(None, dtype=kind)
    for place, each in enumerate(worse, start=1):
        spoilt = pl.when(pl.col("how") == place).then(each).otherwise(spoilt)
    table = pl.DataFrame({"v": values, "hit": hit, "how": how})
    return table.select(pl.when(pl.col("hit")).then(spoilt).otherwise(pl.col("v")).alias(values.name)).to_series()


@dataclass(slots=True)
class LateLabels:
    """Labels that come `delay` after the prediction they belong to, give or take, and so in another order.

    Parameters
    ----------
    delay
        How long a label takes at least.
    jitter
        How much longer it may take: uniform between nothing and this.
    lost
        Share of the labels that never come, in [0, 1].
    rng
        Draws jitter and loss.

    Raises
    ------
    InvalidValue
        If a time is negative, or `lost` is no share.

    Examples
    --------
    >>> from datetime import UTC
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> late = LateLabels(timedelta(days=30))
    >>> late.predicted(["p0"], ["yes"], at=start)
    >>> late.due(start), late.due(start + timedelta(days=31)), late.waiting
    ([], [('p0', 'yes')], 0)
    """

    delay: timedelta
    jitter: timedelta = timedelta(0)
    lost: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    _waiting: list[tuple[datetime, str, Any]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.delay < timedelta(0) or self.jitter < timedelta(0):
            raise InvalidValue(f"delay {self.delay}, jitter {self.jitter}", expected="no negative time")
        if not 0.0 <= self.lost <= 1.0:
            raise InvalidValue(f"lost {self.lost}", expected="a share from 0 to 1")

    def predicted(self, ids: Sequence[str], labels: Sequence[Any], *, at: datetime) -> None:
        """Take note of the predictions made at a moment, and of what will turn out to be true.

        Raises
        ------
        InvalidValue
            If there is not one label for each id.
        """
        if len(ids) != len(labels):
            raise InvalidValue(f"{len(labels)} labels for {len(ids)} predictions", expected="one for each")
        for each, label in zip(ids, labels, strict=True):
            if self.rng.random() >= self.lost:
                self._waiting.append((at + self.delay + self.jitter * float(self.rng.random()), each, label))

    def due(self, now: datetime) -> list[tuple[str, Any]]:
        """Hand over the labels that have come by `now` as (id, label), in the order they came, each once."""
        come = sorted((each for each in self._waiting if each[0] <= now), key=lambda each: (each[0], each[1]))
        self._waiting = [each for each in self._waiting if each[0] > now]
        return [(each, label) for _, each, label in come]

    @property
    def waiting(self) -> int:
        """Number of labels still to come."""
        return len(self._waiting)
