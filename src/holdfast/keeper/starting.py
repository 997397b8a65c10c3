"""Starting: a contract to begin from, made for a table and its target."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.core.errors import ColumnNotFound, EmptyTable, InvalidValue, UnusableTarget, one_of
from holdfast.core.models import TASKS
from holdfast.keeper.reading import read_rows
from holdfast.keeper.splits import class_names

if TYPE_CHECKING:
    import polars as pl

#: A number with at most this many values, all whole, is taken for a class.
FEW = 10

_QUALITY = {
    "binary": ("roc_auc >= 0.7 with 95%", "roc_auc >= 0.65 over 1000 rows else retrain"),
    "multiclass": ("accuracy >= 0.6 with 95%", "accuracy >= 0.55 over 1000 rows else retrain"),
    "regression": ("r2 >= 0.3 with 95%", "r2 >= 0.25 over 1000 rows else retrain"),
}


def starter_contract(
    location: str,
    *,
    target: str,
    name: str,
    folder: Path,
    task: str | None = None,
    positive: str | None = None,
) -> str:
    """Text of a contract for a table: its task inferred, with promises to tighten.

    Parameters
    ----------
    location
        File of the labelled rows.
    target
        Column to predict.
    name
        Name of the model.
    folder
        Folder of the project, which the file's name is made relative to where it lies inside.
    task
        Task; None takes ``binary`` for two values, ``multiclass`` for text or few whole numbers, else ``regression``.
    positive
        Positive class of a binary task; None takes the rarer one.

    Raises
    ------
    UnreadableData, EmptyTable, ColumnNotFound, UnusableTarget, InvalidValue
        If the table cannot be read or learnt from, or the task is none that a contract can begin from.
    """
    rows = read_rows(location, {}, where=location)
    if rows.height == 0:
        raise EmptyTable("the table has no rows", where=location, expected="at least one row")
    if target not in rows.columns:
        raise ColumnNotFound(f"no column {target!r}", where=location, expected=one_of(rows.columns, target))
    values = rows[target].drop_nulls()
    if values.n_unique() < 2:
        raise UnusableTarget(
            f"target {target!r} has {values.n_unique()} values", where=location, expected="two or more"
        )
    chosen = task or _task(values)
    if chosen not in _QUALITY:
        raise InvalidValue(f"task {chosen!r}", expected=one_of(_QUALITY if chosen in TASKS else TASKS, chosen))
    if chosen == "binary" and positive is None:
        counts = class_names(values).rename("class").value_counts().sort("count", "class", descending=[True, False])
        positive = str(counts["class"][-1])
    return _text(rows.height, _place(location, folder), target=target, name=name, task=chosen, positive=positive)


def _task(values: pl.Series) -> str:
    count = values.n_unique()
    if count == 2:
        return "binary"
    if values.dtype.is_float() or (values.dtype.is_integer() and count > FEW):
        return "regression"
    return "multiclass"


def _place(location: str, folder: Path) -> str:
    if "://" in location:
        return location
    path, base = Path(location).resolve(), folder.resolve()
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def _text(rows: int, place: str, *, target: str, name: str, task: str, positive: str | None) -> str:
    judged, live = _QUALITY[task]
    # A JSON string is a YAML string: whatever a column is called, it is quoted right.
    positive_line = f"\n  positive: {json.dumps(positive, ensure_ascii=False)}" if task == "binary" else ""
    column = json.dumps(target, ensure_ascii=False) if not re.fullmatch(r"[A-Za-z_]\w*", target) else target
    return f"""\
# A contract to begin from: tighten its bounds, add promises, then `holdfast plan`.
holdfast: 1
model:
  name: {json.dumps(name)}
  task: {task}
  target: {json.dumps(target, ensure_ascii=False)}{positive_line}
data:
  train: {json.dumps(place, ensure_ascii=False)}
promises:
  data:
    - row_count >= {max(1, rows // 2)} rows
    - 'completeness({column.replace("'", "''")}) >= 0.99'
  candidate:
    - {judged}
  package:
    - parity <= 0.0001
    - model_size <= 10 MB
    - p99_latency <= 50 ms
  live:
    - psi(*) <= 0.25 over 1000 rows else retrain
    - {live}
train:
  with: automl
  budget: 60 s
policy:
  approve: auto
"""
