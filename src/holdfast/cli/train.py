"""Command train: the best deployable model for a table, within a budget, under promises."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from holdfast.cli.common import EXIT, progress_bar, reading_option, show_json
from holdfast.core.models import TASKS

if TYPE_CHECKING:
    from holdfast.data import TrainedTable

Function = TypeVar("Function", bound=Callable[..., Any])

#: Files that every training writes; others explain the model, or are the past of a forecast.
FILES = ("model.onnx", "manifest.json", "report.json", "report.html")

#: Parts of the report that are printed as JSON; the rest is in report.json.
TOLD = (
    "state",
    "answer",
    "task",
    "target",
    "positive",
    "classes",
    "trainer",
    "seed",
    "data",
    "learnt_rows",
    "held_rows",
    "chosen",
    "promises",
    "feasible",
    "nearest",
    "budget",
    "notes",
)


def _settings(_context: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{each!r}: expected KEY=VALUE, such as max_trials=20")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _columns(name: str, words: str) -> Callable[[Function], Function]:
    return click.option(name, metavar="COLUMN", help=words)


def table_options(function: Function) -> Function:
    """Options that say what the columns are for."""
    for option in reversed(
        (
            click.option("--target", required=True, metavar="COLUMN", help="Column to learn."),
            click.option("--task", type=click.Choice(TASKS), help="Inferred from the target, and said, by default."),
            click.option("--positive", metavar="CLASS", help="Class that a binary task is about; the last by name."),
            click.option("--features", multiple=True, metavar="A,B", help="Columns to look at; all by default."),
            click.option("--drop", multiple=True, metavar="A,B", help="Columns not to look at."),
            _columns("--time", "Moment of a row: later rows judge what earlier ones taught."),
            _columns("--group", "Rows that belong together; the query of a ranking."),
            _columns("--id", "Series that a row belongs to, of a forecast."),
            click.option("--horizon", type=click.IntRange(min=1), metavar="N", help="Steps to forecast."),
            _columns("--event", "1 where the event came: survival; the target is then the time."),
            click.option("--quantile", type=float, metavar="Q", help="Predict that quantile, in (0, 1)."),
            _columns("--weight", "Weight of a row."),
            click.option(
                "--sensitive", multiple=True, metavar="A,B", help="Groups of people; no features unless named as such."
            ),
        )
    ):
        function = option(function)
    return function


def search_options(function: Function) -> Function:
    """Options that say how long to search, and with what."""
    for option in reversed(
        (
            click.option("--budget", metavar="TIME", help="On the wall, all included, such as 60s (the default)."),
            click.option(
                "--cpu-budget", metavar="TIME", help="Of the processor instead: a busy machine changes nothing."
            ),
            click.option(
                "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of everything random."
            ),
            click.option(
                "--with", "trainer", default="automl", show_default=True, metavar="TRAINER", help="Who trains."
            ),
            click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Trials at a time."),
            click.option(
                "--executor", type=click.Choice(("local", "processes", "ray")), help="Where trials run, if not here."
            ),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY=VALUE",
                callback=_settings,
                help="Setting of the trainer, as JSON; as often as needed.",
            ),
            click.option("--resume", is_flag=True, help="Keep finished trials in DIR/trials, and carry on with them."),
        )
    ):
        function = option(function)
    return function


@click.command()
@click.argument("data")
@table_options
@click.option(
    "--promise", "promises", multiple=True, metavar="TEXT", help="What must hold, such as 'roc_auc >= 0.9 with 95%'."
)
@click.option("--test", metavar="DATA", help="Table to judge the promises on.")
@click.option(
    "--holdout", type=float, metavar="SHARE", help="Of the rows, to judge the promises on; a fifth by default."
)
@search_options
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to write.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier output in DIR.")
@reading_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def train(
    data: str, *, out: Path, features: tuple[str, ...], reading: dict[str, Any], as_json: bool, **given: Any
) -> int:
    """Train the best deployable model of DATA (a file or URL) within a budget, and judge promises on it.

    Writes DIR/model.onnx (one graph, preprocessing included), DIR/manifest.json, DIR/report.json and DIR/report.html.
    Exit codes: 0 held (or nothing promised), 3 a promise is broken (the nearest miss is written all the same),
    4 unproven, 2 unusable input.
    """
    from holdfast.data import train as train_table

    # An end that is asked for leaves nothing half-written, as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupted)
    with progress_bar() as told:
        made = train_table(
            data, out=out, features=features or None, reading=reading, from_start=True, progress=told, **given
        )
    if as_json:
        show_json({"out": str(out), **{name: made.report.get(name) for name in TOLD}})
    else:
        _show(made, out)
    return EXIT[made.state]


def _interrupted(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _show(made: TrainedTable, out: Path) -> None:
    click.echo(made.text())
    more = sum(1 for each in made.folder.iterdir() if each.is_file() and each.name not in FILES)
    click.echo(f"written to {out}: {', '.join(FILES)}{f' and {more} more' if more else ''}")
    shown = shlex.quote(str(made.report["data"]["name"]))
    click.echo(f"next: holdfast predict {shlex.quote(str(out))} {shown} --out answers.parquet")
