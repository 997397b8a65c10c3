"""Forecasts: what a series looks back at is found in training, and derived again when the model is asked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import HoldfastError, InvalidValue, UnreadableData

if TYPE_CHECKING:
    import polars as pl

    from holdfast.automl._series import SeriesPlan
    from holdfast.data._table import Read, Roles

#: File of what serving must remember of the training rows.
HISTORY = "history.parquet"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What a forecast derives from the past of its target.

    Parameters
    ----------
    plan
        Lags and windows.
    remembered
        The end of each series, as far as the plan looks back.
    """

    plan: SeriesPlan
    remembered: pl.DataFrame

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the time and, where there are several, of the series."""
        return (self.plan.time,) if self.plan.id is None else (self.plan.time, self.plan.id)

    def derived(self, rows: pl.DataFrame, *, alone: bool = False) -> pl.DataFrame:
        """Rows with the derived columns; a target that they hold counts as known a horizon later.

        With `alone` they have no past but their own: they are what is remembered.
        """
        from holdfast.automl._series import derive

        return derive(rows, self.plan, history=None if alone else self.remembered)


def series_of(rows: pl.DataFrame, learnt: pl.DataFrame, roles: Roles, horizon: int | None) -> Series:
    """What to look back at, proposed from the rows that are learnt from.

    Parameters
    ----------
    rows
        All rows, whose end is remembered.
    learnt
        Those that are not held out.

    Raises
    ------
    InvalidValue
        If no column of times, or no horizon, is named.
    DataError
        If a time is none, or a series has two rows at one time.
    """
    from holdfast.automl._series import history, propose

    if roles.time is None:
        raise InvalidValue("a forecast without a column of times", expected="--time COLUMN")
    if horizon is None:
        raise InvalidValue("a forecast without a horizon", expected="--horizon N: steps to forecast")
    plan = propose(learnt, time=roles.time, target=roles.target, horizon=horizon, id=roles.id)
    return Series(plan, history(rows, plan))


def series_data(series: Series, read: Read) -> dict[str, Any]:
    """Plain data of a series for the manifest."""
    return {
        "plan": series.plan.plain(),
        "history": HISTORY,
        "parses": {name: dict(read.parses[name]) for name in series.columns if name in read.parses},
        "texts": [name for name in series.columns if read.sources.get(name) == "String"],
    }


def write_history(series: Series, folder: Path) -> Path:
    """Write what serving must remember; the file."""
    # Through memory: what the disk refuses is then an error of this process, with its number.
    data = io.BytesIO()
    series.remembered.write_parquet(data)
    path = folder / HISTORY
    path.write_bytes(data.getvalue())
    return path


def read_series(folder: Path, plain: Mapping[str, Any]) -> Series:
    """Series that a manifest tells of; its history was verified with the other files.

    Raises
    ------
    UnreadableData
        If the manifest does not tell of one, or the history is damaged.
    """
    import polars as pl

    from holdfast.automl._series import SeriesPlan

    try:
        return Series(SeriesPlan.from_plain(plain["plan"]), pl.read_parquet(folder / HISTORY, glob=False))
    except (KeyError, TypeError, AttributeError, OSError, HoldfastError, pl.exceptions.PolarsError) as error:
        raise UnreadableData(f"no series: {error}", where=str(folder), expected="a plan and its history") from error
