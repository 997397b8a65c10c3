"""Checking: the data promises alone, and which rows break them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from holdfast.core import registry
from holdfast.core.errors import HoldfastError, NotMeasurable
from holdfast.core.evidence import State, Verdict
from holdfast.core.ports import MeasureSpec, Related, RowCheck
from holdfast.core.promises import Promise
from holdfast.keeper.cases import argument_sets
from holdfast.keeper.judge import judge
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.measuring import Ground, View, measure_all
from holdfast.keeper.observe import judge_all, observe, record_verdicts
from holdfast.keeper.subjects import data_view

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


def check_data(keeping: Keeping) -> tuple[tuple[Verdict, ...], dict[str, int], int]:
    """Judge the data promises on the current rows.

    Returns
    -------
    tuple
        The verdicts; the number of rows that break each promise that is not held, by claim; the number of rows.
    """
    keeping.accept()
    dataset = keeping.ingest()
    view = data_view(keeping, dataset)
    verdicts = judge_all(keeping, observe(keeping, keeping.contract.at("data"), view))
    record_verdicts(keeping, verdicts, view)
    failing = {
        each.promise.claim: count
        for each in verdicts
        if each.state is not State.HELD and (count := failing_rows(keeping, each, dataset.digest)) is not None
    }
    return tuple(verdicts), failing, dataset.rows


def failing_rows(keeping: Keeping, verdict: Verdict, dataset: str) -> int | None:
    """How many rows break a promise in one case at least; None where its measure does not speak of single rows."""
    rows = keeping.rows(dataset)
    mask = failing_mask(verdict.promise, rows, columns=keeping.features(rows), related=keeping.ground().related)
    return None if mask is None else int(mask.sum())


def failing_mask(
    promise: Promise, rows: pl.DataFrame, *, columns: Sequence[str], related: Related | None = None
) -> np.ndarray | None:
    """Mask of shape (n,): the rows that break a promise in one case at least; None where no single row is to blame."""
    import numpy as np

    check = registry.find("row_check", promise.measure)
    if not isinstance(check, RowCheck):
        return None
    broken = np.zeros(rows.height, dtype=bool)
    for args in argument_sets(promise, columns):
        try:
            broken |= check.marked(rows, args, dict(promise.options), related=related)
        except HoldfastError:
            # What cannot be evaluated is told by the verdict's own reason.
            return None
    return broken


def judge_table(
    promises: Sequence[Promise],
    rows: Any,
    *,
    columns: Sequence[str],
    now: datetime,
    related: Related | None = None,
) -> list[Verdict]:
    """Judge promises about rows on a table that belongs to no project: measured in one scan, nothing recorded.

    Parameters
    ----------
    promises
        Promises of stage data.
    rows
        Shape (n, columns): a `polars.DataFrame`, or what a scanner reads besides.
    columns
        Columns that ``*`` stands for.
    now
        Time of the look, UTC-aware.
    related
        Name of another table -> its rows.
    """

    def give(kind: str) -> Any:
        if kind == "rows":
            return rows
        raise NotMeasurable(f"a table has no {kind}", expected="a measure of rows")

    def spec(promise: Promise) -> MeasureSpec:
        found: MeasureSpec = registry.get("measure", promise.measure)
        return found

    view = View(stage="data", subject="table", inputs=(), columns=tuple(columns), give=give)
    evidence = measure_all(promises, view, Ground(now, 0, spec, related))
    return [
        judge(promise, pieces, spec=spec(promise), now=now) for promise, pieces in zip(promises, evidence, strict=True)
    ]
