"""Learning: all candidates of a table, and the drafts that they become when the false alarms are shared out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from holdfast.quality.profiling import _bounds
from holdfast.quality.profiling._columns import categorical, categories, general, settled, stays_text
from holdfast.quality.profiling._dependencies import dependencies
from holdfast.quality.profiling._drafts import Candidate, Column, Draft, column_of, nameable, promise
from holdfast.quality.profiling._groups import group_note
from holdfast.quality.profiling._halves import half_of, sampled, shuffled
from holdfast.quality.profiling._keys import keys
from holdfast.quality.profiling._numbers import dates, numbers
from holdfast.quality.profiling._rules import rules
from holdfast.quality.profiling._texts import texts
from holdfast.quality.profiling._times import seasons, times

#: Rows that pairs of columns are compared on.
PAIR_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Learned:
    """What one table taught.

    Parameters
    ----------
    drafts
        Table first, then each column by name, then what concerns several.
    alpha
        Chance, for each bound, that it fails on fresh rows.
    notes
        What a reader must know.
    types
        Columns that must be read as text, with that type.
    """

    drafts: tuple[Draft, ...]
    alpha: float
    notes: tuple[str, ...]
    types: dict[str, str]


def learn(rows: pl.DataFrame, *, false_alarms: float, seed: int, now: datetime | None = None) -> Learned:
    """Learn the checks of a table; each bound takes an equal part of the false alarms (Bonferroni)."""
    # Numbers near the end of what a double holds overflow in a variance: such bounds are infinite, and left out.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _learn(rows, false_alarms=false_alarms, seed=seed, now=now)


def _learn(rows: pl.DataFrame, *, false_alarms: float, seed: int, now: datetime | None) -> Learned:
    order = shuffled(rows, seed=seed)
    half = half_of(order)
    looked = {name: column_of(rows, name, half) for name in sorted(rows.columns)}
    columns = [each for each in looked.values() if each is not None]
    notes = _passed_over(rows, [name for name, each in looked.items() if each is None])
    sample = sampled(rows, order, most=PAIR_ROWS)
    if sample.height < rows.height:
        notes.append(f"pairs of columns were compared on {sample.height} rows, drawn by their content")
    candidates = [*_of_table(rows), *keys(rows, columns)]
    for each in columns:
        candidates += _of_column(each, now)
    candidates += _together(sample, columns, notes)
    alpha = false_alarms / max(1, sum(each.sides for each in candidates))
    drafts = tuple(draft for each in candidates for draft in each.make(alpha))
    return Learned(drafts, alpha, tuple(notes), {each.name: "text" for each in columns if stays_text(each)})


def _passed_over(rows: pl.DataFrame, names: Sequence[str]) -> list[str]:
    notes = []
    for name in names:
        what = f"it holds {rows.schema[name]}" if nameable(name) else "no promise can name it"
        notes.append(f"column {name!r} is passed over: {what}")
    return notes


def _of_table(rows: pl.DataFrame) -> list[Candidate]:
    names = [name for name in rows.columns if nameable(name)]
    made = []
    if names:
        support = f"{len(names)} columns"
        present = promise("columns_present", names, ">=", 1.0)
        made.append(Draft(present, "schema", (), support, rows.height))
    least = max(1, rows.height // _bounds.SMALLER)
    digits = max(0, len(str(least)) - 2)
    count = promise("row_count", [], ">=", float(least // 10**digits * 10**digits), "rows")
    made.append(Draft(count, "rows", (), f"{rows.height} rows were read", rows.height))
    return [Candidate(0, lambda _: made)]


def _of_column(column: Column, now: datetime | None) -> list[Candidate]:
    made = list(general(column))
    if column.n == 0:
        return made
    coded = categorical(column)
    if coded:
        made += categories(column)
    if column.kind == "number":
        made += numbers(column, coded=coded)
    elif column.kind == "time":
        made += [*dates(column), *times(column, now=now)]
    elif column.kind == "text" and not (coded and settled(column)):
        made += texts(column)
    return made


def _together(sample: pl.DataFrame, columns: Sequence[Column], notes: list[str]) -> list[Candidate]:
    decided, left = dependencies(sample, columns)
    ruled, more = rules(sample, columns)
    grouped = group_note(sample, columns)
    notes += [each for each in (left, more, grouped) if each is not None]
    made = [*decided, *ruled]
    levels = [each for each in columns if each.kind == "number" and not categorical(each)]
    for each in columns:
        if each.kind == "time" and each.distinct >= each.n // 2:
            made += seasons(each, levels)
    return made
