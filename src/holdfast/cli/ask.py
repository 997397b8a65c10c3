"""Commands that ask: status, why, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.common import (
    EXIT,
    MARKS,
    PROMISE_COLUMNS,
    promise_rows,
    show_json,
    show_table,
    value_text,
    with_project,
)

if TYPE_CHECKING:
    from holdfast.project import Project


@click.command()
@with_project
def status(project: Project, *, as_json: bool) -> int:
    """Every promise with its verdict, from what is recorded; nothing is measured."""
    found = project.status()
    if as_json:
        show_json(found)
    else:
        champion = found["champion"]
        runs = f"champion {champion['model'][:12]} since {champion['since']}" if champion else "no champion yet"
        click.echo(f"{found['model']}: {runs}")
        show_table(PROMISE_COLUMNS, promise_rows(found["promises"]))
    verdicts = [each["verdict"] for each in found["promises"]]
    return next((EXIT[word] for word in ("broken", "unproven") if word in verdicts), 0)


@click.command()
@click.argument("promise")
@with_project
def why(project: Project, promise: str, *, as_json: bool) -> int:
    """The evidence trail of the verdict on PROMISE (its text, or its measure), in plain words."""
    found = project.why(promise)
    if as_json:
        show_json(found)
    else:
        _tell_why(found)
    return EXIT[str(found["verdict"])]


def _tell_why(found: dict[str, Any]) -> None:
    click.echo(f"{MARKS[found['verdict']]}  {found['promise']}  ({found['stage']})")
    click.echo(found["reason"])
    spec = found["measure"]
    click.echo(f"\nmeasure   {spec['name']}, in {spec['unit']}, {spec['better']} is better; after {spec['source']}")
    trail = found["evidence_trail"]
    for each in trail[:12]:
        _tell_evidence(found, each)
    if len(trail) > 12:
        click.echo(f"\n... and {len(trail) - 12} more pieces of evidence: holdfast why --json")
    for each in found["actions"]:
        click.echo(f"\naction    {each['remedy']}  {each['state']}: {each['text']}")


def _tell_evidence(found: dict[str, Any], each: dict[str, Any]) -> None:
    value = value_text({**each, "promise": found["promise"], "case": each["case"]})
    click.echo(f"\nevidence  {each['id'][:12]}  {value}")
    if each["value"] is not None:
        click.echo(f"          n={each['n']}, {each['method']}, {each['confidence']:.4%} interval, {each['status']}")
    if each["reason"]:
        click.echo(f"          {each['reason']}")
    click.echo(f"          subject {each['subject'][:12]}, at {each['time']}")


@click.command()
@click.option("--at", metavar="TIME", help="ISO 8601 time: what was in production then.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, help="Events to show.")
@with_project
def history(project: Project, *, as_json: bool, at: str | None, limit: int) -> int:
    """What happened, newest first; with --at, what was in production then, who let it out, and on which verdicts."""
    from holdfast.core.digests import parse_iso

    found = project.history(at=parse_iso(at) if at else None, limit=limit)
    if as_json:
        show_json(found)
        return 0
    running = found["production"]
    if running is None:
        click.echo(f"nothing in production at {found['at']}")
    else:
        decision = running["decision"] or {}
        click.echo(f"in production at {found['at']}: model {running['model'][:12]} on {running['target']}")
        click.echo(f"let out by {decision.get('decider', '?')}, having seen:")
        for each in decision.get("seen", []):
            click.echo(f"  {each}")
    show_table(
        ("seq", "time", "what"),
        [[str(each["seq"]), each["time"][:19], f"{each['type']}: {each['text']}"] for each in found["events"]],
    )
    return 0
