"""What every command shares: its options, how it prints, and its progress bar."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from holdfast.core.ports import Progress

Function = TypeVar("Function", bound=Callable[..., Any])

MARKS = {"held": "✓ held", "broken": "✗ broken", "unproven": "? unproven"}
EXIT = {"held": 0, "broken": 3, "unproven": 4}
PLANNED, WAITS = 5, 6


def project_options(function: Function) -> Function:
    """Options ``--project DIR`` and ``--json`` of a command."""
    function = click.option(
        "--project",
        "folder",
        type=click.Path(path_type=Path),
        default=Path(),
        metavar="DIR",
        help="Project folder; the current one by default.",
    )(function)
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def reading_option(function: Function) -> Function:
    """Option ``--reading NAME=VALUE`` of a command that reads a file; handed over as the mapping `reading`."""
    return click.option(
        "--reading",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_settings,
        help="What the source takes to read the file, such as encoding=latin-1; as often as needed.",
    )(function)


def _settings(_context: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{each!r}: expected NAME=VALUE, such as encoding=latin-1")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def with_project(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command the opened project; close it afterwards."""

    @project_options
    @functools.wraps(function)
    def command(folder: Path, **given: Any) -> int | None:
        from holdfast.project import open_project

        # What a library logs of a connection that is gone, our own error says in one line.
        logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
        with progress_bar() as told, open_project(folder) as project:
            project.progress = told
            return function(project=project, **given)

    return command


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Progress on stderr: a bar that appears when work takes longer than a second, on a terminal only."""
    if not sys.stderr.isatty():
        yield _untold
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, visible=False)

        def told(share: float, text: str) -> None:
            bar.update(task, completed=min(1.0, max(0.0, share)), description=text[:60], visible=True)

        yield told


def _untold(_share: float, _text: str) -> None:
    """Progress that nobody looks at."""


def show_json(data: Any, *, lines: bool = False) -> None:
    """Print plain data as JSON; on one line where documents follow each other."""
    from holdfast.core.digests import plain

    readable = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(plain(data), indent=None if lines else 2, ensure_ascii=not readable))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, as wide as it needs to be where nobody's terminal limits it."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    # A heading in brackets is no markup.
    table = Table(*map(escape, columns), box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(each, style=_style(each)) for each in row))
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=False)
    console.print(table)


def _style(text: str) -> str:
    return {"✓": "green", "✗": "red", "?": "yellow"}.get(text[:1], "")


def promise_rows(promises: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Rows of the table of promises: stage, claim, value with interval, n, verdict, evidence."""
    return [
        [
            str(each["stage"]),
            str(each["promise"]),
            value_text(each),
            str(each["n"] or ""),
            MARKS[each["verdict"]],
            str(each["evidence"] or "")[:12],
        ]
        for each in promises
    ]


PROMISE_COLUMNS = ("stage", "promise", "value [interval]", "n", "verdict", "evidence")


def value_text(row: dict[str, Any]) -> str:
    """Value and interval of a promise, in the unit a person would choose."""
    from holdfast.core.grammar import parse
    from holdfast.tell import interval_text

    if row["value"] is None:
        return "-"
    text = interval_text(parse(row["promise"]).measure, row["value"], row["low"], row["high"])
    if row.get("case"):
        text += f" ({row['case']})"
    return text + (f" {row['status']}" if row.get("status") in ("estimated", "simulated") else "")
