"""Handling bad data: cells repaired with a trail, the pipeline held, the source asked. All of it is journalled."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import digest_of, iso
from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import State, Verdict
from holdfast.core.locations import public
from holdfast.keeper.keeping import Keeping

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from holdfast.store import DatasetVersion, NewEvent

#: So many of the rows that break a promise go with a request to the source.
SENT = 1000

#: A spreadsheet runs a cell that begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def repair_cells(
    keeping: Keeping, parent: DatasetVersion, rows: pl.DataFrame, *, trail: Sequence[Mapping[str, Any]], reason: str
) -> DatasetVersion:
    """A dataset version with repaired cells; the trail goes to the table ``repairs:<model>``, which holds the values.

    Parameters
    ----------
    keeping
        The model's keeping.
    parent
        The version that was repaired; it is kept.
    rows
        Shape (n, columns), as the parent's: same columns, types and order.
    trail
        For each changed cell its row, column, before, after (as text), rule and confidence.
    reason
        One sentence for the journal, which holds counts and rules, never a value.

    Raises
    ------
    InvalidValue
        If the shape or the types are not the parent's, or the trail is empty.
    """
    import polars as pl

    before = keeping.rows(parent.digest)
    if rows.schema != before.schema or rows.height != before.height:
        raise InvalidValue(
            f"repaired rows of shape {rows.shape}", expected=f"the columns, types and {before.height} rows of before"
        )
    if not trail:
        raise InvalidValue("a repair without a trail", expected="each changed cell with before, after and rule")
    table, key = f"repairs:{keeping.name}", digest_of({"dataset": parent.digest, "trail": list(trail)})
    schema = _schema()
    cells = pl.DataFrame({name: [each[name] for each in trail] for name in schema}, schema=schema)
    frame = cells.with_columns(pl.lit(parent.digest).alias("_dataset"), pl.lit(reason).alias("_reason"))
    version = keeping.store.tables.append(table, frame, key=key)
    made = keeping.store.datasets.add(keeping.name, rows, roles=parent.roles, reason=reason, parent=parent.digest)
    keeping.store.journal.append(
        "cells.repaired",
        {
            "dataset": parent.digest,
            "repaired": made.digest,
            "cells": len(trail),
            "rows": frame["row"].n_unique(),
            "rules": dict(sorted(frame["rule"].value_counts().iter_rows())),
            "reason": reason,
            "table": table,
            "version": version,
        },
        model=keeping.name,
        key=f"repair:{key}",
    )
    return made


def _schema() -> dict[str, Any]:
    import polars as pl

    text = dict.fromkeys(("column", "before", "after", "rule"), pl.String)
    return {"row": pl.Int64, **text, "confidence": pl.Float64}


def hold(keeping: Keeping, promise_id: str, *, claim: str, dataset: str, reason: str) -> None:
    """Hold the pipeline: nothing is trained, no other remedy is tried, until the promise holds or other data came.

    What is held is not held twice; what was let go and came back is held again.
    """
    if holds(keeping).get(promise_id, {}).get("dataset") == dataset:
        return
    keeping.store.journal.append(
        "pipeline.held",
        {"promise_id": promise_id, "claim": claim, "dataset": dataset, "reason": reason, "since": iso(keeping.now)},
        model=keeping.name,
    )


def holds(keeping: Keeping) -> dict[str, dict[str, Any]]:
    """What holds the pipeline now, by promise id: claim, dataset, reason, since."""
    found = keeping.store.state.all("hold", model=keeping.name)
    return {str(each["promise_id"]): each for each in found.values()}


def release(keeping: Keeping, verdicts: Sequence[Verdict]) -> None:
    """Let the pipeline go on where what held it is over: the promise holds, was struck, or the data are others."""
    from holdfast.store import NewEvent

    dataset = keeping.dataset()
    state = {each.promise.id: each.state for each in verdicts}
    news: list[NewEvent] = []
    for promise_id, held in holds(keeping).items():
        if promise_id not in state:
            why = "the contract does not make the promise any more"
        elif state[promise_id] is State.HELD:
            why = "the promise holds"
        elif dataset is not None and dataset.digest != held["dataset"]:
            why = "the data are others"
        else:
            continue
        payload = {"promise_id": promise_id, "claim": held["claim"], "reason": why, "since": held["since"]}
        news.append(NewEvent("pipeline.released", payload, model=keeping.name))
    if news:
        keeping.store.journal.append_all(news)


def ask_source(keeping: Keeping, dataset: DatasetVersion, *, claim: str, found: str, mask: np.ndarray | None) -> str:
    """Write a request to whoever delivers the data: what was promised, what came, and the rows that break it.

    It is a folder under `requests/` of the project's store, with `request.md` and, where single rows are to blame,
    `rows.csv` (at most `SENT` of them, with their positions; cells that a spreadsheet would run are disarmed).

    Returns
    -------
    str
        Name of the folder: a digest of what is asked.
    """
    from holdfast.store.files import write_atomic

    location = public(keeping.contract.data.train)
    name = digest_of({"dataset": dataset.digest, "claim": claim})[:16]
    folder = keeping.store.root / "requests" / name
    folder.mkdir(parents=True, exist_ok=True)
    failing = 0 if mask is None else int(mask.sum())
    if mask is not None and failing:
        write_atomic(folder / "rows.csv", _csv(keeping.rows(dataset.digest), mask).encode())
    rows = f"{failing} of {dataset.rows} rows break it" + (f"; the first {SENT} are in rows.csv" if failing else "")
    write_atomic(
        folder / "request.md",
        (
            f"# The data of {keeping.name} do not keep a promise\n\n"
            f"- delivered as: `{location}`, {dataset.rows} rows, version {dataset.digest[:12]}\n"
            f"- promised: `{claim}`\n- found: {found}\n- {rows}\n- asked: {iso(keeping.now)}\n\n"
            "Please deliver the rows again, mended. Holdfast reads the source at every look and judges what is new.\n"
        ).encode(),
    )
    keeping.store.journal.append(
        "source.asked",
        {"dataset": dataset.digest, "claim": claim, "rows": failing, "request": name},
        model=keeping.name,
        key=f"ask:{name}",
    )
    return name


def _csv(rows: pl.DataFrame, mask: np.ndarray) -> str:
    import polars as pl

    chosen = rows.with_row_index("row").filter(pl.Series(mask)).head(SENT)
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow([_disarmed(each) for each in chosen.columns])
    for row in chosen.iter_rows():
        out.writerow([_disarmed(each) if isinstance(each, str) else each for each in row])
    return text.getvalue()


def _disarmed(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
