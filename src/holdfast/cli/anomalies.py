"""Command anomalies: what does not belong, in a time series or among the rows of a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.common import progress_bar, reading_option, show_json, show_table

if TYPE_CHECKING:
    import polars as pl

    from holdfast.quality.anomalies.rows import RowAnomalies
    from holdfast.quality.anomalies.series import SeriesAnomalies

#: Lines that the text form shows at most.
SHOWN = 20


@click.command()
@click.argument("data")
@click.option("--time", metavar="COLUMN", help="Column of the times; with --value, the table is a time series.")
@click.option("--value", metavar="COLUMN", help="Column of the values.")
@click.option("--season", metavar="LENGTH", help="Season, such as '24 h', '7 d', '50 rows' or 'none'; else looked for.")
@click.option(
    "--alarms-per-week",
    type=float,
    default=1.0,
    show_default=True,
    metavar="NUMBER",
    help="Alarms a week that are bearable.",
)
@click.option("--columns", metavar="A,B", help="Columns of the rows to look at; all without it.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of what is drawn (rows)."
)
@reading_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text: what is flagged, worst first. json: every row.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def anomalies(
    data: str,
    *,
    time: str | None,
    value: str | None,
    season: str | None,
    alarms_per_week: float,
    columns: str | None,
    seed: int,
    reading: dict[str, Any],
    form: str,
    as_json: bool,
) -> int:
    """Score each row of DATA (CSV or Parquet) by how little it belongs; nothing is changed.

    With --time and --value, DATA is a time series: the score of a row uses no later row. Without them, every row is
    held against all the others.
    """
    as_json = as_json or form == "json"
    if (time is None) != (value is None):
        raise click.UsageError("--time and --value belong together: a series has times and values.")
    with progress_bar():
        if time is not None and value is not None:
            given = {"season": season, "alarms_per_week": alarms_per_week, "settings": reading}
            return _series(data, time, value, given, as_json=as_json)
        if season is not None:
            raise click.UsageError("--season is for a series: give --time and --value as well.")
        return _rows(data, columns.split(",") if columns else None, seed=seed, reading=reading, as_json=as_json)


def _series(data: str, time: str, value: str, given: dict[str, Any], *, as_json: bool) -> int:
    from holdfast.data import anomalies as score

    times, found = score(data, time=time, value=value, **given)
    told = _written(times)
    if as_json:
        show_json(
            [
                {"time": when, "score": float(score), "flag": bool(flag)}
                for when, score, flag in zip(told, found.score, found.flag, strict=True)
            ]
        )
        return 0
    _show_series(told, found)
    return 0


def _written(times: pl.Series) -> list[Any]:
    """Times as the table has them: numbers stay numbers, times are written as in ISO 8601."""
    if times.dtype.is_numeric():
        return [None if each is None or math.isnan(each) else each for each in times.to_list()]
    return [each if each is None or isinstance(each, str) else each.isoformat() for each in _plain(times)]


def _plain(times: pl.Series) -> list[Any]:
    import polars as pl

    if times.dtype in (pl.Duration, pl.Null) or not (times.dtype.is_temporal() or times.dtype == pl.String):
        return list(times.cast(pl.String).to_list())
    return list(times.to_list())


def _show_series(told: list[Any], found: SeriesAnomalies) -> None:
    flagged = [int(row) for row in found.flag.nonzero()[0]]
    worst = sorted(flagged, key=lambda row: (-found.score[row], row))
    click.echo(f"{len(flagged)} alarms in {len(told)} rows")
    if worst:
        rows = [[str(told[row]), str(row), found.kind[row], f"{found.score[row]:.3f}"] for row in worst[:SHOWN]]
        show_table(("begins", "row", "kind", "score"), rows)
    if len(worst) > SHOWN:
        click.echo(f"and {len(worst) - SHOWN} more: --format json shows every row")
    for note in found.notes:
        click.echo(f"note: {note}")


def _rows(data: str, columns: list[str] | None, *, seed: int, reading: dict[str, Any], as_json: bool) -> int:
    from holdfast.data import row_anomalies

    found = row_anomalies(data, columns=columns, settings=reading, seed=seed)
    if as_json:
        show_json(
            [
                {"row": row, "score": float(score), "flag": bool(flag), "columns": list(blamed)}
                for row, (score, flag, blamed) in enumerate(zip(found.score, found.flag, _blamed(found), strict=True))
            ]
        )
        return 0
    blamed = _blamed(found)
    worst = sorted((int(row) for row in found.flag.nonzero()[0]), key=lambda row: (-found.score[row], row))
    click.echo(f"{len(worst)} of {len(found.score)} rows do not belong")
    if worst:
        rows = [[str(row), f"{found.score[row]:.3f}", ", ".join(blamed[row])] for row in worst[:SHOWN]]
        show_table(("row", "score", "columns to blame"), rows)
    if len(worst) > SHOWN:
        click.echo(f"and {len(worst) - SHOWN} more: --format json shows every row")
    for note in found.notes:
        click.echo(f"note: {note}")
    return 0


def _blamed(found: RowAnomalies) -> list[tuple[str, ...]]:
    """Columns to blame, for every row; none where it is not flagged."""
    return [tuple(each.column for each in found.blamed.get(row, ())) for row in range(len(found.score))]
