"""Command predict: the answers of a trained model for a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from holdfast.cli.common import progress_bar, reading_option, show_json


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("data")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Parquet file of the answers."
)
@reading_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(folder: Path, *, data: str, out: Path, reading: dict[str, Any], as_json: bool) -> int:
    """Answer every row of DATA (a file or URL) with the model that `holdfast train` wrote into DIR.

    FILE gets the columns p_<class> and label, or prediction: one row for each of DATA's, in their order.
    """
    from holdfast.data import predict as predict_table

    with progress_bar() as told:
        found = predict_table(folder, data, out=out, reading=reading, progress=told)
    if as_json:
        show_json({"out": str(found.out), "rows": found.rows, "columns": list(found.columns)})
    else:
        click.echo(
            f"{found.rows} rows in {out}: {', '.join(found.columns[:8])}{', ...' if len(found.columns) > 8 else ''}"
        )
    return 0
