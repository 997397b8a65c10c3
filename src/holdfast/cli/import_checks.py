"""Command import-checks: checks of another tool as promises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.common import show_json

if TYPE_CHECKING:
    from holdfast.quality.exchange import Imported


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the checks there, not to stdout.")
@click.option("--table", metavar="NAME", help="The table (model, dataset, suite, resource), where FILE has several.")
@click.option("--strict", is_flag=True, help="End with 2 where a check has no promise that says the same.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_checks(file: Path, *, out: Path | None, table: str | None, strict: bool, as_json: bool) -> int:
    """Turn the checks in FILE into promises: a file that `holdfast check DATA --contract` reads.

    FILE is a suite of Great Expectations, a schema that Pandera wrote, checks of Soda, a properties file of dbt, or a
    schema of Frictionless. No other tool is needed, and nothing in FILE is run.
    """
    from holdfast.data import import_checks as imported_checks
    from holdfast.quality.exchange import checks_text

    found = imported_checks(file, table=table)
    text = checks_text(found)
    if out is not None:
        if not out.parent.is_dir():
            raise click.UsageError(f"No folder {str(out.parent)!r} to write {str(out)!r} into.")
        out.write_text(text, encoding="utf-8")
    if as_json:
        show_json({**found.to_dict(), "out": None if out is None else str(out)})
    elif out is None:
        click.echo(text, nl=False)
    _tell(found, out)
    return 2 if strict and found.skipped else 0


def _tell(found: Imported, out: Path | None) -> None:
    """What was mapped and what was not, on stderr."""
    for each in found.skipped:
        click.echo(f"skipped: {each.what}: {each.why}", err=True)
    promises = f"{len(found.promises)} promise{'' if len(found.promises) == 1 else 's'}"
    click.echo(f"{found.mapped} of {found.checks} checks mapped to {promises}, {len(found.skipped)} skipped", err=True)
    if out is not None:
        click.echo(f"next: holdfast check DATA --contract {out}", err=True)
