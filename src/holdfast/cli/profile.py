"""Command profile: checks that a table proposes, each with its support."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.common import reading_option, show_json

if TYPE_CHECKING:
    from holdfast.quality.profiling import Profile


@click.command()
@click.argument("data")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the checks there (YAML).")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option(
    "--false-alarms",
    type=float,
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="Chance that any of the checks fires on fresh rows like these.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of the halves that the checks are tried on.",
)
@reading_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def profile(
    data: str, *, out: Path | None, force: bool, false_alarms: float, seed: int, reading: dict[str, Any], as_json: bool
) -> int:
    """Propose checks from DATA (a file or URL), each with its support.

    Without --out the checks are printed. Findings in doubt are comments in them, to be accepted by a person.
    """
    from holdfast.data import profile as profile_table

    if not 0.0 < false_alarms < 1.0:
        raise click.BadParameter(f"{false_alarms:g} is no chance between 0 and 1", param_hint="--false-alarms")
    if out is not None and out.exists() and not force:
        raise click.UsageError(f"{out} is there already: --force overwrites it")
    if out is not None:
        from holdfast.data import check_out

        check_out(out, [data])
    found = profile_table(data, settings=reading, false_alarms=false_alarms, seed=seed)
    text = found.text(data, reading=reading)
    if out is not None:
        from holdfast.store.files import write_atomic

        write_atomic(out, text.encode("utf-8"))
    if as_json:
        show_json(_plain(found))
    elif out is None:
        click.echo(text, nl=False)
    else:
        _summary(found, data, out)
    return 0


def _summary(found: Profile, data: str, out: Path) -> None:
    click.echo(f"{found.rows} rows, {found.columns} columns: {len(found.proposed)} checks in {out}")
    kinds = Counter(each.kind for each in found.proposed)
    click.echo("  " + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
    if found.doubtful:
        click.echo(f"{len(found.doubtful)} findings in doubt are comments in it")
    tried = sum(each.checks for each in found.trials)
    if tried:
        fired = sum(len(each.fired) for each in found.trials)
        click.echo(f"learned on halves and tried on the others: {fired} of {tried} fired")
    for each in found.notes:
        click.echo(f"note: {each}")
    click.echo(f"next: holdfast check {shlex.quote(data)} --contract {shlex.quote(str(out))}")


def _plain(found: Profile) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "columns": found.columns,
        "false_alarms": found.false_alarms,
        "types": dict(found.types),
        "notes": list(found.notes),
        "trials": [{"split": each.split, "checks": each.checks, "fired": len(each.fired)} for each in found.trials],
        "findings": [
            {
                "promise": each.promise,
                "kind": each.kind,
                "columns": list(each.columns),
                "support": each.support,
                "n": each.n,
                "confidence": each.confidence,
                "doubt": each.doubt,
            }
            for each in found.findings
        ],
    }
