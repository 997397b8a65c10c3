"""Commands of a person who decides: approve, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.cli.common import show_json, with_project

if TYPE_CHECKING:
    from holdfast.project import Project


@click.command()
@click.argument("action")
@click.option("--no", "refused", is_flag=True, help="Refuse instead.")
@click.option("--as", "decider", metavar="NAME", help="Who decides; the acting user by default.")
@click.option("--reason", default="", help="Why.")
@with_project
def approve(project: Project, action: str, *, as_json: bool, refused: bool, decider: str | None, reason: str) -> int:
    """Say yes (or no) to the planned ACTION, named by the beginning of its key."""
    key = project.approve(action, allowed=not refused, decider=decider, reason=reason)
    if as_json:
        show_json({"action": key, "allowed": not refused})
    else:
        click.echo(f"{'refused' if refused else 'approved'} {key[:12]}")
        click.echo("next: holdfast up --once")
    return 0


@click.command()
@click.argument("model", required=False)
@click.option("--reason", default="asked for by a person", help="Why.")
@with_project
def rollback(project: Project, model: str | None, *, as_json: bool, reason: str) -> int:
    """Make an earlier champion the champion again: the last one, or MODEL (the beginning of its id)."""
    outcome = project.rollback(model, reason=reason)
    if as_json:
        show_json({"state": outcome.state, "model": outcome.model, "text": outcome.text})
    else:
        click.echo(outcome.text)
    return 0 if outcome.state == "restored" else 3
