"""From figures to evidence: values with intervals, and masks of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import HoldfastError, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Certainty, Check, Figures, build
from holdfast.quality.engines._frames import table_of
from holdfast.quality.engines._table import Mark, Question, RelatedRows, Table

#: Rows that the evidence points at: their positions only, never what stands in them.
EXAMPLES = 5

Found = Value | HoldfastError


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Checks whose worst is one value (one check, or one for each column that ``*`` stood for).

    Parameters
    ----------
    checks
        The checks.
    sure
        Of the interval.
    chosen
        The rows that are looked at; None for all.
    """

    checks: tuple[Check, ...]
    sure: Certainty
    chosen: a.Condition | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Half:
    """A job after the first scan: its worst check with its figures, and what is still to be asked."""

    check: Check
    figures: Figures
    sure: Certainty
    columns: int
    chosen: a.Condition | None


def measured(
    name: str,
    rows: Any,
    *args: Any,
    confidence: float = 0.95,
    anytime: bool = False,
    now: datetime | None = None,
    related: RelatedRows | None = None,
    **options: Any,
) -> Value:
    """Value of one check on a table; the same algebra as in the compiled plan.

    Raises
    ------
    NotMeasurable
        If the table has no rows, or no value to look at.
    """
    table = table_of(rows)
    checks = build(name, table.schema, args, options, now=now)
    found = scan(table, [Job(checks, Certainty(confidence, anytime))], related=related)[0]
    if isinstance(found, HoldfastError):
        raise found
    return found


def scan(table: Table, jobs: Sequence[Job], *, related: RelatedRows | None = None) -> list[Found]:
    """Find the value of each job, or the error why there is none.

    All checks are counted in one scan; those that fail are asked for their first rows, and those that need it for their
    order statistics, in a second one.
    """
    halves = _first_look(table, jobs, related)
    second = _second_look(table, halves, related)
    notes = _first_rows(table, halves, related)
    return [_finished(half, second.get(place, {}), notes.get(place, {})) for place, half in enumerate(halves)]


def _first_look(table: Table, jobs: Sequence[Job], related: RelatedRows | None) -> list[_Half | HoldfastError]:
    questions = [Question(_asked(each), job.chosen) for job in jobs for each in job.checks]
    answers = iter(table.figures(questions, related=related))
    halves: list[_Half | HoldfastError] = []
    for job in jobs:
        found = [next(answers) for _ in job.checks]
        try:
            halves.append(_worst(job, found))
        except HoldfastError as error:
            halves.append(error)
    return halves


def _asked(check: Check) -> Mapping[str, a.Aggregate | pl.Expr]:
    return {"rows": a.Rows(), "bad": check.bad, "looked": check.looked, **check.also}


def _worst(job: Job, found: Sequence[dict[str, Any] | HoldfastError]) -> _Half:
    """The one check of a job, or that of the worst column.

    With several columns the interval holds for all of them at once (Bonferroni).
    """
    first = job.checks[0]
    figures: list[tuple[Check, dict[str, Any]]] = []
    for check, each in zip(job.checks, found, strict=True):
        if isinstance(each, HoldfastError):
            raise each
        figures.append((check, each | {name: int(each[name] or 0) for name in ("rows", "bad", "looked")}))
    if figures[0][1]["rows"] == 0:
        raise NotMeasurable("a table without rows", where=first.measure, expected="at least one row")
    held = [(check, each) for check, each in figures if each["looked"] > 0]
    if not held:
        what = f"column {first.column!r}" if len(figures) == 1 and first.column else "no column"
        verb = "holds no value" if len(figures) == 1 else "holds a value"
        raise NotMeasurable(f"{what} {verb}", where=first.measure, expected="at least one value that is not missing")
    check, worst = min(held, key=lambda each: _level(*each))
    sure = Certainty(1.0 - (1.0 - job.sure.confidence) / len(held), job.sure.anytime)
    return _Half(check, worst, sure if len(held) > 1 else job.sure, len(held), job.chosen)


def _level(check: Check, figures: Figures) -> float:
    return float(figures["bad"]) if check.kind == "count" else 1.0 - figures["bad"] / figures["looked"]


def _second_look(
    table: Table, halves: Sequence[_Half | HoldfastError], related: RelatedRows | None
) -> dict[int, dict[str, Any] | HoldfastError]:
    questions: dict[int, Question] = {}
    errors: dict[int, dict[str, Any] | HoldfastError] = {}
    for place, half in enumerate(halves):
        if isinstance(half, _Half) and half.check.then is not None:
            try:
                questions[place] = Question(half.check.then(half.figures, half.sure), half.chosen)
            except HoldfastError as error:
                errors[place] = error
    found = table.figures(list(questions.values()), related=related) if questions else []
    return errors | dict(zip(questions, found, strict=True))


def _first_rows(
    table: Table, halves: Sequence[_Half | HoldfastError], related: RelatedRows | None
) -> dict[int, dict[str, Any]]:
    marks = {
        place: Mark(half.check.failing, half.chosen)
        for place, half in enumerate(halves)
        if isinstance(half, _Half) and half.figures["bad"] and half.check.failing is not None
    }
    if not marks:
        return {}
    found = table.first(list(marks.values()), EXAMPLES, related=related)
    return {
        place: {"first_rows_left_out": rows} if isinstance(rows, str) else {"first_rows": rows}
        for place, rows in zip(marks, found, strict=True)
    }


def _finished(half: _Half | HoldfastError, more: dict[str, Any] | HoldfastError, notes: dict[str, Any]) -> Found:
    if isinstance(half, HoldfastError):
        return half
    if isinstance(more, HoldfastError):
        return more
    try:
        if half.check.value is not None:
            found = half.check.value({**half.figures, **more}, half.sure)
            found.notes.update({**half.check.notes, **notes})
            return found
        return _value(half, notes)
    except HoldfastError as error:
        return error


def _value(half: _Half, rows: dict[str, Any]) -> Value:
    check, bad, looked = half.check, half.figures["bad"], half.figures["looked"]
    notes: dict[str, Any] = dict(check.notes)
    if half.columns > 1:
        notes |= {"column": check.column, "columns": half.columns}
    if check.kind == "count":
        return Value(value=float(bad), n=max(1, looked), notes=notes)
    share = 1.0 - bad / looked
    if check.exact:
        return Value(value=share, n=looked, notes=notes)
    notes |= {"rows": half.figures["rows"], "rows_looked_at": looked, "rows_failing": bad, **rows}
    low, high, method = share_interval(looked - bad, looked, half.sure)
    if half.columns > 1:
        method = f"{method}, Bonferroni over {half.columns} columns"
    return Value(value=share, low=min(low, share), high=max(high, share), n=looked, method=method, notes=notes)


def share_interval(passed: int, looked: int, sure: Certainty) -> tuple[float, float, str]:
    """Low and high end of Wilson's interval for a share, and how it was made."""
    from holdfast.stats.intervals import critical, wilson_bounds

    z = critical(sure.confidence, n=looked, anytime=sure.anytime)
    low, high = wilson_bounds(np.array([passed]), np.array([looked]), z=z)
    return float(low[0]), float(high[0]), "Wilson, asymptotic confidence sequence" if sure.anytime else "Wilson"


def mask_of(name: str, rows: Any, *args: Any, related: RelatedRows | None = None, **options: Any) -> np.ndarray:
    """Shape (n,) bool: True where the row breaks the check (any of its columns, where ``*`` was given).

    Raises
    ------
    NotMeasurable
        If no single row is to blame in this check.
    """
    table = table_of(rows)
    return mask(table, build(name, table.schema, args, options), related=related)


def mask(table: Table, checks: Sequence[Check], *, related: RelatedRows | None = None) -> np.ndarray:
    """Shape (n,) bool: True where the row breaks any of the checks."""
    marks = [Mark(each.failing) for each in checks if each.failing is not None]
    if not marks:
        raise NotMeasurable(f"{checks[0].measure} blames no single row", expected="a check of values, row by row")
    return table.mask(marks, related=related)
