"""Commands around the loop: plan, apply, up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.common import EXIT, PLANNED, PROMISE_COLUMNS, WAITS, promise_rows, show_json, show_table, with_project
from holdfast.tell import outcome_lines, plan_lines

if TYPE_CHECKING:
    from holdfast.core.errors import HoldfastError
    from holdfast.keeper.loop import Tick
    from holdfast.project import Project


def tick_data(seen: Tick) -> dict[str, Any]:
    """What a tick saw and did, as plain data."""
    from holdfast.core.digests import plain
    from holdfast.project import verdict_row

    return {
        "state": seen.state.value,
        "promises": [verdict_row(each) for each in seen.verdicts],
        "plan": {
            "id": seen.plan.id,
            "actions": [{"key": each.key, **plain(each)} for each in seen.plan.actions],
            "notes": list(seen.plan.notes),
        },
        "decisions": {key: plain(each) for key, each in seen.decisions.items()},
        "waiting": [each.key for each in seen.waiting],
        "outcomes": [
            {"remedy": each.action.remedy, "state": each.state, "model": each.model, "text": each.text}
            for each in seen.outcomes
        ],
    }


def exit_code(seen: Tick) -> int:
    """Exit code of what stands at the end."""
    if seen.waiting:
        return WAITS
    return EXIT[seen.state.value]


@click.command()
@with_project
def plan(project: Project, *, as_json: bool) -> int:
    """What would be done next, and why. Nothing is done; exits 5 when changes are planned."""
    seen = project.plan()
    if as_json:
        show_json(tick_data(seen))
    else:
        click.echo("\n".join(plan_lines(seen)))
    return PLANNED if seen.plan.actions else EXIT[seen.state.value]


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask: I have seen the plan.")
@with_project
def apply(project: Project, *, as_json: bool, yes: bool) -> int:
    """Carry the plan out, verify it, let it out."""
    if not yes:
        seen = project.plan()
        if not as_json:
            click.echo("\n".join(plan_lines(seen)))
        if seen.plan.actions and not (sys.stdin.isatty() and not as_json and click.confirm("Carry this out?")):
            if as_json:
                show_json(tick_data(seen))
            else:
                click.echo("next: holdfast apply --yes")
            return PLANNED
    seen = project.apply(person=project.actor)
    if as_json:
        show_json(tick_data(seen))
        return exit_code(seen)
    click.echo("\n".join(outcome_lines(seen)))
    show_table(PROMISE_COLUMNS, promise_rows(tick_data(seen)["promises"]))
    for action in seen.waiting:
        click.echo(f"{action.remedy} waits for approval. next: holdfast approve {action.key[:12]}")
    return exit_code(seen)


@click.command()
@click.option("--once", is_flag=True, help="Once around the loop only.")
@click.option("--every", "every_s", type=click.FloatRange(min=0.1), default=10.0, help="Seconds between two looks.")
@with_project
def up(project: Project, *, as_json: bool, once: bool, every_s: float) -> int:
    """Keep the promises: the loop, again and again; the policy decides, a person where it says so."""
    import signal
    import threading

    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())

    def told(seen: Tick) -> None:
        if as_json:
            # Without --once, one look follows another: a line for each.
            show_json(tick_data(seen), lines=not once)
        else:
            states = [each.state.value for each in seen.verdicts]
            counts = ", ".join(f"{states.count(word)} {word}" for word in EXIT)
            click.echo(f"{counts}; {len(seen.waiting)} actions wait for approval")
            click.echo("\n".join(outcome_lines(seen)))

    def told_problem(error: HoldfastError) -> None:
        click.echo(f"{error} The loop goes on.", err=True)

    return exit_code(project.up(every_s=every_s, once=once, stop=stop, on_tick=told, on_problem=told_problem))
