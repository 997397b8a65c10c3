"""Command check: the data promises of a project, or of any table by a contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.common import (
    EXIT,
    PROMISE_COLUMNS,
    progress_bar,
    project_options,
    promise_rows,
    reading_option,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from holdfast.project import Checked

FORMATS = ("text", "json", "junit", "sarif", "html", "gx")


@click.command()
@click.argument("data", nargs=-1)
@click.option(
    "--contract", type=click.Path(path_type=Path), metavar="FILE", help="Contract or checks to judge DATA by."
)
@click.option("--format", "shape", type=click.Choice(FORMATS), default="text", show_default=True, help="Of the report.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the report there.")
@click.option("--against", metavar="OLD", help="An older version of DATA to compare with.")
@click.option("--key", multiple=True, metavar="COLUMN", help="With --against: tells rows apart; as often as needed.")
@click.option("--table", metavar="NAME", help="Whose checks, where a suite of another tool has those of several.")
@click.option("--now", metavar="TIME", help="Judge freshness as of that time (ISO 8601); the clock's by default.")
@reading_option
@click.option("--explain", metavar="CODE", help="Say what an error code means.")
@project_options
def check(folder: Path, *, data: tuple[str, ...], as_json: bool, explain: str | None, **given: Any) -> int:
    """Judge promises about rows; nothing is trained, nothing is set aside.

    Without DATA: the data promises of the project. With DATA (a file or URL, or several): the promises of --contract,
    which may be a contract, a checks file of `holdfast profile`, or a suite of another tool. Exit codes: 0 held,
    3 broken, 4 unproven, 2 unusable input.
    """
    if explain is not None:
        return _explain(explain, as_json=as_json)
    if data:
        return _check_tables(data, as_json=as_json, **given)
    _only_with_data(given)
    from holdfast.project import open_project

    with progress_bar() as told, open_project(folder) as project:
        project.progress = told
        found = project.check()
    _show(found, as_json=as_json)
    return EXIT[found.state.value]


def _only_with_data(given: dict[str, Any]) -> None:
    for name in ("contract", "out", "against", "table", "now"):
        if given[name] is not None:
            raise click.UsageError(f"--{name} needs DATA: holdfast check DATA --{name} ...")
    if given["shape"] not in ("text", "json"):
        raise click.UsageError(f"--format {given['shape']} needs DATA: holdfast check DATA --format {given['shape']}")


def _check_tables(
    data: tuple[str, ...],
    *,
    as_json: bool,
    contract: Path | None,
    shape: str,
    out: Path | None,
    against: str | None,
    key: tuple[str, ...],
    table: str | None,
    now: str | None,
    reading: dict[str, Any],
) -> int:
    from holdfast.data import check_all

    if against is not None and len(data) > 1:
        raise click.UsageError("--against compares one table: give one DATA")
    if key and against is None:
        raise click.UsageError("--key needs --against OLD")
    report, text = check_all(
        data,
        contract=contract,
        shape="json" if as_json else shape,
        out=out,
        against=against,
        key=key,
        table=table,
        now=now,
        settings=reading,
    )
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        click.echo(f"{report.summary}: {out}", err=True)
    return EXIT[report.state]


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
