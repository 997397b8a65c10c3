"""Series: what is known of the target when a row is to be forecast, as columns; the same in training and serving.

The strategy is direct: everything derived looks back at least a horizon, so that all steps of a horizon are forecast at
once, and none of them from a forecast.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.automl._series_plan import propose
from holdfast.automl._series_points import Lines, Points, SeriesPlan, read_points
from holdfast.automl._series_spans import Past
from holdfast.core.errors import InvalidValue

__all__ = ["SeriesPlan", "derive", "history", "propose"]


def derive(rows: pl.DataFrame, plan: SeriesPlan, *, history: pl.DataFrame | None = None) -> pl.DataFrame:
    """Add what the plan derives from the past of the target.

    Parameters
    ----------
    rows
        Shape (n, columns): with the time (and series) columns; the target where it is known (it may be missing in some
        rows, or altogether).
    plan
        What to derive.
    history
        What came before: times, series and target (other columns are not looked at), such as `history` gives. Where a
        row is there too, a target in `rows` counts.

    Returns
    -------
    polars.DataFrame
        The rows, in their order, with the columns `plan.names` (Float64, null where nothing is known). No value depends
        on a target less than a horizon before its row.

    Raises
    ------
    ColumnNotFound
        If a column of the plan is not there.
    DataError
        If a time is missing or none, the target is no number, or a series has two rows at one time.
    InvalidValue
        If `rows` has a column of a derived name.
    """
    taken = [each for each in plan.names if each in rows.columns]
    if taken:
        raise InvalidValue(f"column {taken[0]!r} is there already", where="rows", expected="another name for it")
    now = read_points(rows, plan, where="rows", target=False)
    before = None if history is None else read_points(history, plan, where="history", target=True)
    points = now if before is None else _joined(before, now)
    lines = points.lines(plan)
    known = np.isfinite(points.values)
    past = Past(lines.code[known], lines.place[known], points.values[known])
    mine = lines.take(slice(len(lines.code) - rows.height, None))
    return rows.with_columns(_looked_back(plan, past, mine)) if plan.names else rows


def history(rows: pl.DataFrame, plan: SeriesPlan) -> pl.DataFrame:
    """What serving must remember of these rows: the end of each series, as far as the plan looks back.

    Returns
    -------
    polars.DataFrame
        Columns of series, time and target; in the order of the rows.

    Raises
    ------
    ColumnNotFound, DataError
        As `derive`.
    """
    lines = read_points(rows, plan, where="rows", target=True).lines(plan)
    last = np.full(int(lines.code.max(initial=-1)) + 1, np.iinfo(np.int64).min)
    np.maximum.at(last, lines.code, lines.place)
    kept = lines.place > last[lines.code] - plan.reach * lines.step
    columns = [plan.time, plan.target] if plan.id is None else [plan.id, plan.time, plan.target]
    return rows.select(columns).filter(pl.Series(kept, dtype=pl.Boolean))


def _joined(before: Points, now: Points) -> Points:
    """Both, the rows of now last; a point that is in both stands once, with the target that is known."""
    both = pl.DataFrame({"name": before.names, "at": before.moment, "was": before.values})
    mine = pl.DataFrame({"name": now.names, "at": now.moment, "row": np.arange(len(now.moment))})
    met = mine.join(both, on=["name", "at"]).sort("row")
    values = now.values.copy()
    rows, was = met["row"].to_numpy(), met["was"].to_numpy()
    values[rows] = np.where(np.isfinite(values[rows]), values[rows], was)
    alone = both.with_row_index().join(mine, on=["name", "at"], how="anti")["index"].sort().to_numpy()
    return Points(
        before.names.gather(alone).append(now.names),
        np.concatenate((before.moment[alone], now.moment)),
        np.concatenate((before.values[alone], values)),
    )


def _looked_back(plan: SeriesPlan, past: Past, mine: Lines) -> list[pl.Series]:
    # In the order of the series: neighbours are then looked up near each other, several times as fast.
    order = np.lexsort((mine.place, mine.code))
    back, mine = np.argsort(order, kind="stable"), mine.take(order)
    found = [past.at(mine.code, mine.place - each * mine.step) for each in plan.lags]
    for each in plan.windows:
        first, last = (mine.place - back * mine.step for back in (plan.horizon + each - 1, plan.horizon))
        told = past.over(mine.code, first, last)
        found += [told[kind] for kind in plan.statistics]
    return [
        pl.Series(name, values[back], dtype=pl.Float64).fill_nan(None)
        for name, values in zip(plan.names, found, strict=True)
    ]
