"""Command label-errors: the labels that are probably wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.common import progress_bar, reading_option, show_json, show_table

if TYPE_CHECKING:
    from holdfast.quality.anomalies.labels import LabelErrors

SHOWN = 20


@click.command()
@click.argument("data")
@click.option("--target", required=True, metavar="COLUMN", help="Column of the labels.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: every scored row, worst first; text: the flagged ones, and how much is wrong.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--top", type=click.IntRange(min=1), help="How many rows to show.")
@click.option("--features", metavar="A,B", help="Columns to judge by; all that say something by default.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Of the cross-validation.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of folds and models.")
@click.option(
    "--noise",
    type=click.Choice(["symmetric", "by-class"]),
    default="symmetric",
    show_default=True,
    help="by-class: one class is mislabelled much more often than the others.",
)
@reading_option
def label_errors(
    data: str,
    *,
    target: str,
    form: str,
    as_json: bool,
    top: int | None,
    features: str | None,
    noise: str,
    reading: dict[str, Any],
    **given: Any,
) -> int:
    """Find the labels of DATA (a CSV or Parquet file) that are probably wrong; nothing is changed.

    `row` is the position in the file, from 0. Each row is judged by models that have not seen it.
    """
    from holdfast.data import label_errors as find

    chosen = None if features is None else [each.strip() for each in features.split(",") if each.strip()]
    with progress_bar() as told:
        told(0.0, "judging the labels")
        found = find(data, target=target, settings=reading, features=chosen, noise=noise.replace("-", " "), **given)
    if as_json or form == "json":
        show_json(found.to_rows(top))
        # What was left out is no part of the answer's form.
        for note in found.notes:
            click.echo(f"note: {note}", err=True)
    else:
        _show(found, target, top=SHOWN if top is None else top)
    return 0


def _show(found: LabelErrors, target: str, *, top: int) -> None:
    flagged = [each for each in found.to_rows() if each["flag"]]
    scored = len(found.ranking())
    if flagged:
        rows = [[str(each["row"]), *map(_text, (each["label"], each["suggested"], each["score"]))] for each in flagged]
        show_table(("row", target, "suggested", "score"), rows[:top])
    if len(flagged) > top:
        click.echo(f"... and {len(flagged) - top} more (--top {len(flagged)})")
    click.echo(f"{len(flagged)} of {scored} labels are flagged")
    click.echo(
        f"wrong labels: about {found.share:.1%} [{found.low:.1%}, {found.high:.1%}]"
        " (estimated; what is hard to tell looks wrong too)"
    )
    click.echo("rows by given (down) and probable class (across):")
    names = [_text(each) for each in found.classes]
    counts = [[name, *(f"{each:.0f}" for each in line)] for name, line in zip(names, found.noise, strict=True)]
    show_table(("given", *names), counts[:SHOWN])
    for note in found.notes:
        click.echo(f"note: {note}")


def _text(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) and not value.is_integer() else str(value)
