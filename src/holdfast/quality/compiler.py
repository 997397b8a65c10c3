"""The check compiler: many promises about rows, evaluated in one scan of the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import DataError, HoldfastError, InvalidValue, one_of
from holdfast.core.evidence import Value
from holdfast.core.measures import RowCase
from holdfast.core.promises import Promise
from holdfast.quality._expressions import Certainty, Check, build, builders
from holdfast.quality._slices import slice_condition
from holdfast.quality._values import Job, mask, scan
from holdfast.quality.engines._frames import table_of
from holdfast.quality.engines._table import Question, RelatedRows, Table

Found = Value | HoldfastError


@dataclass(frozen=True, slots=True)
class CasePlan:
    """Cases of measures of rows, ready to be measured together.

    Parameters
    ----------
    cases
        Each a measure with its arguments, the slice it looks at, and how sure its interval must be.
    columns
        Columns that ``*`` stands for; None for every column of the table.
    """

    cases: tuple[RowCase, ...]
    columns: tuple[str, ...] | None = None

    def results(self, rows: Any, *, now: datetime | None = None, related: RelatedRows | None = None) -> list[Found]:
        """Find the value of each case, in their order, or the error why there is none. Nothing is lost.

        All cases of all slices are counted in one scan of the table; only those that fail are asked for their first
        rows, in a second one. The values are those that each measure finds by itself on the rows of the slice.

        Parameters
        ----------
        rows
            Shape (n, columns): a `polars.DataFrame`, a `polars.LazyFrame` (scanned by the streaming engine, in constant
            memory) or a table of `holdfast.quality.engines`.
        now
            Time of the measurement, UTC-aware; without it freshness is not measurable.
        related
            Name of another table -> its rows, for references.
        """
        table = table_of(rows)
        jobs: dict[int, Job] = {}
        found: dict[int, Found] = {}
        for place, case in enumerate(self.cases):
            try:
                jobs[place] = self._job(case, table, now)
            except (DataError, InvalidValue) as error:
                found[place] = error
        values = scan(table, list(jobs.values()), related=related)
        found |= dict(zip(jobs, values, strict=True))
        return [found[place] for place in range(len(self.cases))]

    def _job(self, case: RowCase, table: Table, now: datetime | None) -> Job:
        checks = build(case.measure, table.schema, case.args, dict(case.options), columns=self.columns, now=now)
        chosen = slice_condition(table.schema, case.slice)
        return Job(checks, Certainty(case.confidence, case.anytime), chosen)


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """Promises about rows, ready to be evaluated together.

    Parameters
    ----------
    promises
        The promises, each of a measure that has a check.
    columns
        Columns that ``*`` stands for; None for every column of the table.
    """

    promises: tuple[Promise, ...]
    columns: tuple[str, ...] | None = None

    def results(
        self,
        rows: Any,
        *,
        confidence: float = 0.95,
        anytime: bool = False,
        now: datetime | None = None,
        related: RelatedRows | None = None,
    ) -> dict[str, Found]:
        """Find the value of every promise, by promise id, or the error why there is none. Nothing is lost.

        Parameters
        ----------
        rows
            Shape (n, columns): a `polars.DataFrame`, a `polars.LazyFrame` (scanned by the streaming engine, in constant
            memory) or a table of `holdfast.quality.engines`.
        confidence
            Confidence of the intervals, where the promise names none.
        anytime
            Whether the intervals must stay valid however often they are looked at.
        now
            Time of the measurement, UTC-aware; without it freshness is not measurable.
        related
            Name of another table -> its rows, for references.
        """
        cases = tuple(
            RowCase(each.measure, each.args, each.options, confidence=each.confidence or confidence, anytime=anytime)
            for each in self.promises
        )
        found = CasePlan(cases, self.columns).results(rows, now=now, related=related)
        return {promise.id: each for promise, each in zip(self.promises, found, strict=True)}

    def measure(
        self,
        rows: Any,
        *,
        confidence: float = 0.95,
        anytime: bool = False,
        now: datetime | None = None,
        related: RelatedRows | None = None,
    ) -> dict[str, Value]:
        """Values by promise id; the first promise that cannot be measured raises.

        Raises
        ------
        ColumnNotFound
            If a promise names a column that is not there.
        NotMeasurable
            If there are no rows, no values, or the column is of the wrong type.
        """
        values: dict[str, Value] = {}
        found = self.results(rows, confidence=confidence, anytime=anytime, now=now, related=related)
        for key, each in found.items():
            if isinstance(each, HoldfastError):
                raise each
            values[key] = each
        return values

    def failing(
        self, rows: Any, *, now: datetime | None = None, related: RelatedRows | None = None
    ) -> dict[str, np.ndarray]:
        """Masks of shape (n,) by promise id, for the promises that some row breaks: True where it does.

        Promises that blame no single row, that no row breaks, or that cannot be measured are left out.

        Raises
        ------
        NotMeasurable
            If the rows of the table have no order (PostgreSQL).
        """
        table = table_of(rows)
        groups = self._built(table, now)
        asked = [(key, each) for key, checks in groups.items() for each in checks if each.failing is not None]
        answers = table.figures([Question({"bad": each.bad}) for _, each in asked], related=related)
        guilty: dict[str, list[Check]] = {}
        for (key, each), answer in zip(asked, answers, strict=True):
            if not isinstance(answer, HoldfastError) and answer["bad"]:
                guilty.setdefault(key, []).append(each)
        return {key: mask(table, checks, related=related) for key, checks in guilty.items()}

    def _built(self, table: Table, now: datetime | None) -> dict[str, Sequence[Check]]:
        groups: dict[str, Sequence[Check]] = {}
        for promise in self.promises:
            try:
                groups[promise.id] = build(
                    promise.measure, table.schema, promise.args, dict(promise.options), columns=self.columns, now=now
                )
            except (DataError, InvalidValue):
                continue  # it cannot be measured: `results` says why
        return groups


def compile_checks(promises: Iterable[Promise], *, columns: Iterable[str] | None = None) -> CheckPlan:
    """Plan that evaluates all the promises in one scan of a table.

    Parameters
    ----------
    promises
        Promises about rows. Slices are the caller's: hand over the rows of one slice, and the promise without `by`.
    columns
        Columns that ``*`` stands for (the features); None for every column of the table.

    Raises
    ------
    UnknownName
        If a measure is not registered.
    InvalidValue
        If a measure has no check of rows, or a promise has slices.

    Examples
    --------
    >>> import polars as pl
    >>> from holdfast.core.grammar import parse
    >>> plan = compile_checks([parse("completeness(age) >= 0.9"), parse("in_range(age, 0, 120) >= 1")])
    >>> [value.value for value in plan.measure(pl.DataFrame({"age": [39, None, 50, 380]})).values()]
    [0.75, 0.6666666666666667]
    """
    kept = tuple(promises)
    for promise in kept:
        _known(promise.measure)
        if promise.by:
            raise InvalidValue(f"slices in {promise.claim!r}", expected="the rows of one slice, and no 'by'")
    return CheckPlan(kept, None if columns is None else tuple(columns))


def compile_cases(cases: Sequence[RowCase], *, columns: Iterable[str] | None = None) -> CasePlan:
    """Plan that measures all the cases, whatever their slices and confidences, in one scan of a table.

    Parameters
    ----------
    cases
        Cases of measures that have a check.
    columns
        Columns that ``*`` stands for; None for every column of the table.

    Raises
    ------
    UnknownName
        If a measure is not registered.
    InvalidValue
        If a measure has no check of rows.

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame({"age": [39, None, 50, 38], "sex": ["m", "m", "f", "f"]})
    >>> men = RowCase("completeness", ("age",), slice=(("sex", "m"),))
    >>> [each.value for each in compile_cases([men, RowCase("row_count")]).results(rows)]
    [0.5, 4.0]
    """
    for case in cases:
        _known(case.measure)
    return CasePlan(tuple(cases), None if columns is None else tuple(columns))


def is_check(measure: str) -> bool:
    """Whether a measure has a check, so that it can take part in a scan."""
    registry.load("measure")
    return measure in builders


def _known(measure: str) -> None:
    if not is_check(measure):
        registry.get("measure", measure)
        raise InvalidValue(f"{measure} is no check of rows", expected=one_of(builders, measure))


def unsound(promises: Iterable[Promise], rows: Any) -> dict[str, InvalidValue]:
    """Promises that no table could keep or break, by id, with the reason: a pattern that is none, low above high.

    Parameters
    ----------
    promises
        Promises about rows.
    rows
        The table that they are about: only its column names count, for the types may be wrong where the promise is not.
    """
    names = list(table_of(rows).schema)
    found: dict[str, InvalidValue] = {}
    for promise in promises:
        error = _nonsense(promise, names)
        if error is not None:
            found[promise.id] = error
    return found


#: A promise that makes sense makes sense of a column of one of these.
_KINDS = (pl.String(), pl.Float64(), pl.Datetime("us"), pl.Boolean())


def _nonsense(promise: Promise, names: Sequence[str]) -> InvalidValue | None:
    """Why the arguments make a check of no column, whatever its type; None where they make one, or it is not there."""
    wrong: InvalidValue | None = None
    for kind in _KINDS:
        try:
            build(promise.measure, dict.fromkeys(names, kind), promise.args, dict(promise.options))
        except InvalidValue as error:
            wrong = wrong or error
        except HoldfastError:
            continue
        else:
            return None
    return wrong


def broken_columns(rows: pl.DataFrame, claim: str, columns: Iterable[str]) -> list[str]:
    """Columns, of those that ``*`` stands for in a claim, whose value is outside its bound.

    Parameters
    ----------
    rows
        Shape (n, columns).
    claim
        Text of a promise whose first argument is ``*``.
    columns
        Columns to look at; one that cannot be measured is left out.
    """
    from holdfast.core.grammar import parse

    promise = parse(claim)
    each = {name: replace(promise, args=(name, *promise.args[1:]), by=()) for name in columns}
    found = compile_checks(each.values()).results(rows)
    values = {name: found[one.id] for name, one in each.items()}
    return [name for name, value in values.items() if isinstance(value, Value) and not _kept(promise, value)]


def _kept(promise: Promise, value: Value) -> bool:
    ends = (value.value, value.low, value.high) if promise.confidence is not None else (value.value,)
    return all(promise.within(each) for each in ends if each is not None)
