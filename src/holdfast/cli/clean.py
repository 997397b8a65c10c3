"""Command clean: repairs of a table with a trail, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.common import reading_option, show_json, show_table

if TYPE_CHECKING:
    from holdfast.quality.cleaning import Cleaned, Effect, Undone
    from holdfast.quality.repair import Change, Suspect

_SHOWN = 20
_DOUBTS = 5
_NOTES = 8
_WIDEST = 40
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("data", type=_PATH)
@click.option("--out", type=_PATH, metavar="FIXED", help="Write the repaired table there; without it nothing changes.")
@click.option("--report", type=_PATH, metavar="FILE", help="Write the trail there (JSON): what --undo needs.")
@click.option("--undo", type=_PATH, metavar="REPORT", help="Take REPORT's repairs back: DATA is the repaired file.")
@click.option("--quarantine", type=_PATH, metavar="FILE", help="Copy the rows there that stay wrong or in doubt.")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.7,
    show_default=True,
    metavar="SHARE",
    help="Repairs below it are held back.",
)
@click.option("--target", metavar="COLUMN", help="Drop the rules whose repairs make a model of COLUMN worse.")
@click.option("--repair-target", is_flag=True, help="Repair the target's own cells as well.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of samples and models.")
@reading_option
@click.option("--yes", is_flag=True, help="Write without asking; nobody is asked where there is no terminal.")
@click.option("--format", "shape", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def clean(data: Path, *, undo: Path | None, out: Path | None, shape: str, as_json: bool, **given: Any) -> int:
    """Repair the cells of DATA (CSV, also gzipped, or Parquet); every other byte stays as it is.

    Without --out the changes are shown and nothing is written. `holdfast clean --undo REPORT FIXED --out BACK` gives
    the table back as it was.
    """
    in_json = as_json or shape == "json"
    if undo is not None:
        return _undo(undo, data, out, given, in_json=in_json)
    return _clean(data, out, in_json=in_json, **given)


def _clean(
    data: Path,
    out: Path | None,
    *,
    in_json: bool,
    yes: bool,
    reading: dict[str, Any],
    repair_target: bool,
    **given: Any,
) -> int:
    from holdfast.data import clean as clean_table

    if repair_target and given["target"] is None:
        raise click.UsageError("--repair-target needs --target COLUMN")
    asks = out is not None and not yes and sys.stdin.isatty()

    def confirm(planned: Cleaned) -> bool:
        if not in_json:
            _show(planned)
        return not planned.applied or click.confirm(f"write {out} with these changes?", err=True)

    cleaned = clean_table(
        str(data), out=out, settings=reading, repair_target=repair_target, confirm=confirm if asks else None, **given
    )
    if in_json:
        show_json(cleaned.to_dict())
    else:
        if not asks:
            _show(cleaned)
        _say_written(cleaned)
    return 0


def _undo(report: Path, fixed: Path, out: Path | None, given: dict[str, Any], *, in_json: bool) -> int:
    from holdfast.data import undo as undo_repairs

    if out is None:
        raise click.UsageError("--undo needs --out BACK: where the table as it was goes")
    for name in ("report", "quarantine", "target"):
        if given[name] is not None:
            raise click.UsageError(f"--{name} does not go with --undo: the report says it all")
    undone: Undone = undo_repairs(report, fixed, out=out)
    if in_json:
        show_json(undone.to_dict())
    else:
        same = "bit for bit the source" if undone.identical else "the source's content, in a file written anew"
        click.echo(f"{_count(undone.restored, 'cell')} put back in {_count(undone.rows, 'row')}: {out} is {same}")
    return 0


def _show(cleaned: Cleaned) -> None:
    """Print the changes, the first of them in full, and counts by rule."""
    changed = len({each.row for each in cleaned.applied})
    click.echo(f"{cleaned.source}: {cleaned.rows} rows, {cleaned.columns} columns")
    click.echo(
        f"{_count(len(cleaned.applied), 'repair')} in {_count(changed, 'row')}; {len(cleaned.held_back)} held back, "
        f"{_count(len(cleaned.suspects), 'suspect')}: {_count(cleaned.quarantined, 'row')} in doubt"
    )
    if cleaned.applied:
        show_table(
            ("row", "column", "before", "after", "rule", "confidence", "reason"),
            [_cells(each) for each in cleaned.applied[:_SHOWN]],
        )
    if len(cleaned.applied) > _SHOWN:
        click.echo(f"... and {len(cleaned.applied) - _SHOWN} more")
    _show_doubts(cleaned)
    names = ("applied", "held_back", "suspects")
    counts = [[rule, *(str(each[name]) for name in names)] for rule, each in cleaned.counts().items()]
    if counts:
        show_table(("rule", "repairs", "held back", "suspects"), counts)
    if cleaned.duplicates:
        groups = _count(len(cleaned.duplicates), "group")
        click.echo(f"{groups} of rows that are probably one thing each; all rows are kept")
    for note in cleaned.notes[:_NOTES]:
        click.echo(f"note: {note}")
    if len(cleaned.notes) > _NOTES:
        click.echo(f"... and {len(cleaned.notes) - _NOTES} more notes: they are in the report")
    if cleaned.effect is not None:
        _show_effect(cleaned.effect)


def _show_doubts(cleaned: Cleaned) -> None:
    """Print the first cells that are held back or suspected."""
    doubts = [_doubt(each, each.before, "held back") for each in cleaned.held_back[:_DOUBTS]]
    doubts += [_doubt(each, each.value, "suspect") for each in cleaned.suspects[:_DOUBTS]]
    if doubts:
        show_table(("row", "column", "value", "", "rule", "confidence", "reason"), doubts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _doubt(cell: Change | Suspect, value: str | None, what: str) -> list[str]:
    confidence = f"{cell.confidence:.2f}"
    return [str(cell.row), _shown(cell.column), _shown(value), what, cell.rule, confidence, cell.reason]


def _cells(change: Change) -> list[str]:
    confidence = f"{change.confidence:.2f}"
    return [
        str(change.row),
        _shown(change.column),
        _shown(change.before),
        _shown(change.after),
        change.rule,
        confidence,
        change.reason,
    ]


def _shown(text: str | None) -> str:
    """Text of a cell for a terminal: blanks at its ends can be seen, and what would steer the terminal is spelt out."""
    if not text:
        return "(empty)"
    spelt = "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
    spelt = f"'{spelt}'" if text != text.strip() else spelt
    return spelt if len(spelt) <= _WIDEST else spelt[: _WIDEST - 1] + "…"


def _show_effect(effect: Effect) -> None:
    click.echo(f"effect on a model of {effect.target}: {effect.note}")
    if effect.baseline is None:
        return
    click.echo(f"{effect.loss} before: {effect.baseline:.4f}; a difference below {effect.margin:.4f} is not worse")
    rows = [
        [each.family, str(each.cells), f"{each.difference:+.4f} [{each.low:+.4f}, {each.high:+.4f}]", each.verdict]
        for each in (*effect.families, effect.overall)
    ]
    show_table(("rule", "repairs", "difference [90 %]", "verdict"), rows)
    if effect.dropped:
        click.echo(f"held back, because the model is worse with them: {', '.join(effect.dropped)}")


def _say_written(cleaned: Cleaned) -> None:
    for path in (cleaned.out, cleaned.report, cleaned.quarantine):
        if path is not None:
            click.echo(f"written: {path}")
    if cleaned.out is None:
        click.echo("nothing was changed; next: --out FIXED --report REPORT.json")
    elif cleaned.report is None:
        click.echo("no --report was asked for, so this cannot be undone")
