"""Commands about contracts and promises: init, promise, check-promise, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.common import show_json, with_project

if TYPE_CHECKING:
    from holdfast.project import Project


@click.command(name="check-promise")
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--project", "_folder", type=click.Path(path_type=Path), hidden=True)
def check_promise(text: str, *, as_json: bool, _folder: Path | None) -> int:
    """Print the promise TEXT in its canonical form; exits 2 where it is none."""
    from holdfast.project import check_promise as check

    made = check(text)
    if as_json:
        show_json({"promise": made.text, "stage": made.stage, "id": made.id, **made.mapping()})
    else:
        click.echo(made.text)
    return 0


@click.command()
@click.argument("text")
@click.option("--stage", type=click.Choice(["data", "candidate", "package", "live"]), help="When it is judged.")
@with_project
def promise(project: Project, text: str, *, as_json: bool, stage: str | None) -> int:
    """Add the promise TEXT to the contract."""
    made = project.promise(text, stage=stage)
    if as_json:
        show_json({"promise": made.text, "stage": made.stage, "id": made.id})
    else:
        click.echo(f"{made.stage}: {made.text}")
    return 0


@click.command()
@click.option("--json", "_json", is_flag=True, help="JSON is what it prints.")
@click.option("--project", "_folder", type=click.Path(path_type=Path), hidden=True)
def schema(*, _json: bool, _folder: Path | None) -> int:
    """Print the contract's JSON Schema, for editors."""
    from holdfast.project import contract_schema

    show_json(contract_schema())
    return 0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--example", help="Example to begin from: tumour or income.")
@click.option("--data", type=click.Path(path_type=Path), help="Your own labelled rows: a Parquet or CSV file.")
@click.option("--target", help="Column of them to predict.")
@click.option("--task", help="binary, multiclass or regression; inferred where it is not given.")
@click.option("--positive", help="Positive class of a binary task; the rarer one where it is not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--project", "_folder", type=click.Path(path_type=Path), hidden=True)
def init(
    folder: Path,
    *,
    example: str | None,
    data: Path | None,
    target: str | None,
    task: str | None,
    positive: str | None,
    as_json: bool,
    _folder: Path | None,
) -> int:
    """Make a project folder with a contract to begin from: for your --data and --target, or an --example."""
    if example is not None and (data is not None or target is not None):
        raise click.UsageError("--example brings its own data and target. Expected either it, or --data and --target.")
    from holdfast.demo import start
    from holdfast.project import init as make

    made = (
        start(folder, example=example or "tumour")
        if data is None and target is None
        else make(folder, data=data, target=target, task=task, positive=positive)
    )
    with made as project:
        if as_json:
            show_json({"project": str(project.folder), "model": project.contract.name})
        else:
            click.echo(f"{project.folder}/holdfast.yaml")
            click.echo(f"next: holdfast plan --project {project.folder}")
    return 0
