"""Command demo: the main job, end to end, on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from holdfast.cli.common import EXIT, PROMISE_COLUMNS, progress_bar, promise_rows, show_json, show_table


@click.command()
@click.option("--example", default="tumour", help="tumour (breast cancer, embedded) or income (Adult census).")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Folder of the project; a new one by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the status at the end as JSON, and nothing else.")
@click.option("--project", "_folder", type=click.Path(path_type=Path), hidden=True)
def demo(*, example: str, folder: Path | None, as_json: bool, _folder: Path | None) -> int:
    """Make a project, keep its promises, break one, repair it: the main job on real data, in under 4 minutes."""
    from holdfast.demo import run

    with progress_bar() as told:
        found = run(folder, example=example, tell=_silent if as_json else click.echo, progress=told)
    if as_json:
        show_json(found)
    else:
        show_table(PROMISE_COLUMNS, promise_rows(found["promises"]))
        click.echo(_next(found))
    verdicts = [each["verdict"] for each in found["promises"]]
    return next((EXIT[word] for word in ("broken", "unproven") if word in verdicts), 0)


def _next(found: dict[str, Any]) -> str:
    folder = found["folder"]
    database = f"sqlite:///{Path(folder).resolve()}/.holdfast/mlflow.db"
    told = f"  .holdfast/mlflow.db      what MLflow was told: mlflow ui --backend-store-uri {database}\n"
    mirror = told if found["mirror"] else ""
    return f"""
everything is in {folder}
  holdfast.yaml            the contract: change a bound, then `holdfast plan`
  .holdfast/journal.db     the journal: every event, hash-chained
{mirror}try next
  holdfast status  --project {folder}
  holdfast why wasserstein --project {folder}
  holdfast history --project {folder}
  holdfast serve   --project {folder}"""


def _silent(text: str = "") -> None:
    """Print nothing."""
