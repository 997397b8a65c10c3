"""Commands that take things out: export, journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.common import show_json, with_project

if TYPE_CHECKING:
    from holdfast.project import Project


@click.command()
@click.argument("model")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@with_project
def export(project: Project, model: str, target: Path, *, as_json: bool) -> int:
    """Write MODEL (an id's beginning, or `champion`) into DIR: model.onnx, manifest.json with digests, signature."""
    written = project.export(model, target)
    if as_json:
        show_json({"folder": str(written), "files": sorted(each.name for each in written.iterdir())})
    else:
        click.echo(str(written))
    return 0


@click.group()
def journal() -> None:
    """The journal: the record of everything that happened."""


@journal.command()
@with_project
def verify(project: Project, *, as_json: bool) -> int:
    """Verify the chain; exits 3 and names the first bad event when it does not hold."""
    count = project.verify_journal()
    if as_json:
        show_json({"events": count, "holds": True})
    else:
        click.echo(f"{count} events, the chain holds")
    return 0
