"""Command check: the data promises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.common import (
    EXIT,
    PROMISE_COLUMNS,
    progress_bar,
    project_options,
    promise_rows,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from holdfast.project import Checked


@click.command()
@click.option("--explain", metavar="CODE", help="Say what an error code means.")
@project_options
def check(folder: Path, *, as_json: bool, explain: str | None) -> int:
    """Read the data and judge the data promises; nothing is trained, nothing is set aside."""
    if explain is not None:
        return _explain(explain, as_json=as_json)
    from holdfast.project import open_project

    with progress_bar() as told, open_project(folder) as project:
        project.progress = told
        found = project.check()
    _show(found, as_json=as_json)
    return EXIT[found.state.value]


def _show(found: Checked, *, as_json: bool) -> None:
    from holdfast.project import verdict_row

    rows = [verdict_row(each) for each in found.verdicts]
    if as_json:
        show_json({"state": found.state.value, "rows": found.rows, "promises": rows, "failing": dict(found.failing)})
        return
    show_table(PROMISE_COLUMNS, promise_rows(rows))
    for claim, count in found.failing.items():
        click.echo(f"{count} of {found.rows} rows break {claim}")
    if found.failing:
        click.echo("next: holdfast plan")


def _explain(code: str, *, as_json: bool) -> int:
    from holdfast.core.errors import UnknownName, explained, one_of

    known = explained()
    if code not in known:
        raise UnknownName(f"no error code {code!r}", expected=one_of(known, code))
    name, text = known[code]
    if as_json:
        show_json({"code": code, "name": name, "text": text})
    else:
        click.echo(f"{code}  {name}\n{text}")
    return 0
