"""Checks: what each is made of, and the pieces that they share."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable, one_of
from holdfast.core.evidence import Value
from holdfast.core.promises import EVERY_COLUMN
from holdfast.quality import algebra as a

Schema = Mapping[str, pl.DataType]

Figures = Mapping[str, Any]
"""What was found of a check: ``bad``, ``looked``, ``rows`` (of the table) and its further figures, by name."""


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure an interval must be, and whether it must stay valid however often it is looked at."""

    confidence: float = 0.95
    anytime: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One check of one column (or set of columns), told once for all engines; it shares one scan with all others.

    `bad`, `looked` and `failing` may also be Polars expressions: the check then runs on Polars alone.

    Parameters
    ----------
    measure
        Name of the measure.
    bad
        Aggregate: how many rows break the check. For a check that is a count, the count.
    looked
        Aggregate: how many rows were looked at (a missing value is not, except where missing is the question).
    failing
        Row by row: True where the row breaks the check. None where no single row is to blame.
    column
        The column it concerns, where it is one.
    kind
        ``share``: the value is ``1 - bad / looked``. ``count``: the value is `bad`. ``figure``: `value` makes it.
    exact
        Whether the value is known without uncertainty, so that it has no interval.
    notes
        Plain data to keep with the evidence.
    also
        Further aggregates of the first scan, by name.
    then
        What a second look asks for, from the figures of the first one: an interval from order statistics, for example.
    value
        For a ``figure``: the value, from all figures.
    """

    measure: str
    bad: a.Aggregate | pl.Expr
    looked: a.Aggregate | pl.Expr
    failing: a.Condition | pl.Expr | None = None
    column: str | None = None
    kind: str = "share"
    exact: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, a.Aggregate] = field(default_factory=dict)
    then: Callable[[Figures, Certainty], Mapping[str, a.Aggregate]] | None = None
    value: Callable[[Figures, Certainty], Value] | None = None


Builder = Callable[..., Check]

#: Filled by the files of `measures/` as they are imported.
builders: dict[str, Builder] = {}


def check(name: str) -> Callable[[Builder], Builder]:
    """Register ``builder(schema, *args, **options) -> Check`` for the measure `name` of subject rows.

    A check that is registered so takes part in the single scan of `compile_checks`.
    """

    def register(builder: Builder) -> Builder:
        builders[name] = builder
        return builder

    return register


def build(
    name: str,
    schema: Schema,
    args: Iterable[Any] = (),
    options: Mapping[str, Any] | None = None,
    *,
    columns: Iterable[str] | None = None,
    now: datetime | None = None,
) -> tuple[Check, ...]:
    """Build the checks of a measure on a table with this schema: one, or one for each column where ``*`` was given.

    Parameters
    ----------
    name
        Name of the measure; it has a builder.
    schema
        Column types by name.
    args, options
        Arguments of the measure; a first argument ``*`` stands for every column of `columns`.
    columns
        Columns that ``*`` stands for; None for all of the schema.
    now
        Time of the measurement, UTC-aware; handed over to a builder that takes it.

    Raises
    ------
    ColumnNotFound
        If a column is not in the schema.
    NotMeasurable
        If the check cannot be made of a column of that type.
    InvalidValue
        If an argument is not one.
    """
    given = tuple(args)
    builder = builders[name]
    named = _options(name, builder, options or {}) | ({"now": now} if "now" in _taken(builder) else {})
    if not given or given[0] != EVERY_COLUMN:
        return (_one(name, builder, schema, *given, **named),)
    every = tuple(schema if columns is None else columns)
    if not every:
        raise NotMeasurable(f"{name}(*) on a table without columns", expected="at least one column")
    found = tuple(_one(name, builder, schema, column, *given[1:], **named) for column in every)
    if found[0].kind == "figure" and len(found) > 1:
        raise InvalidValue(f"{name}(*) has no worst column", where=name, expected="one column")
    return found


def _taken(builder: Builder) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(builder).parameters


def _options(name: str, builder: Builder, options: Mapping[str, Any]) -> dict[str, Any]:
    valid = [each for each in list(_taken(builder))[1:] if each != "now"]
    for each in options:
        if each not in valid:
            raise InvalidValue(f"{name} has no option {each!r}", expected=one_of(valid, each))
    return dict(options)


def _one(name: str, builder: Builder, schema: Schema, *args: Any, **options: Any) -> Check:
    try:
        inspect.signature(builder).bind(schema, *args, **options)
    except TypeError as error:
        raise InvalidValue(f"{name} cannot take these arguments: {error}") from error
    return builder(schema, *args, **options)


def kind_of(schema: Schema, column: object, measure: str) -> pl.DataType:
    """Type of a column that a check may look at.

    Raises
    ------
    ColumnNotFound
        If there is no such column; names the nearest.
    NotMeasurable
        If the column holds Python objects of mixed types.
    """
    name = str(column)
    found = schema.get(name)
    if found is None:
        raise ColumnNotFound(f"no column {name!r}", where=measure, expected=one_of(schema, name))
    if found == pl.Object:
        raise NotMeasurable(
            f"column {name!r} holds Python objects of mixed types",
            where=measure,
            expected="one type; read it as text, and promise typed(column, number) of it",
        )
    return found


def refuse(measure: str, column: str, kind: pl.DataType, *, expected: str) -> NotMeasurable:
    """Error for a check that cannot be made of a column of that type."""
    return NotMeasurable(f"column {column!r} is {spoken(kind)}", where=measure, expected=expected)


def spoken(kind: pl.DataType) -> str:
    """Say a column type in a word that a person would use."""
    if is_text(kind):
        return "text"
    if kind == pl.Boolean:
        return "true or false"
    if kind.is_numeric():
        return "a number"
    return "a date or time" if kind.is_temporal() else str(kind)


def is_text(kind: pl.DataType) -> bool:
    """Whether a column holds text (plain, categorical or of a fixed set)."""
    return kind in (pl.String, pl.Categorical, pl.Enum)


def value_of_column(column: str, kind: pl.DataType) -> a.Column:
    """Column in which NaN counts as missing, where it can hold one."""
    return a.Column(str(column), nan=kind.is_float())


def text(column: str, kind: pl.DataType) -> a.Term:
    """Read the column as plain text."""
    plain = a.Column(str(column))
    return plain if kind == pl.String else a.Call("text", (plain,))


def rule(measure: str, column: str, kind: pl.DataType, passing: a.Condition, **notes: Any) -> Check:
    """Check that every value that is there passes; missing values are not looked at.

    Parameters
    ----------
    passing
        Whether the value passes; unknown where it is missing. NaN may be read as any number here: it is left out.
    """
    failing: a.Condition = a.Negated(passing)
    if kind.is_float():
        failing = a.every(failing, a.Negated(a.IsNan(a.Column(str(column)))))
    return Check(
        measure=measure,
        bad=a.CountIf(failing),
        looked=a.present(value_of_column(column, kind)),
        failing=failing,
        column=str(column),
        notes=notes,
    )


def number(value: object, *, measure: str, what: str) -> float:
    """Read an argument as a number.

    Raises
    ------
    InvalidValue
        If it is not one.
    """
    try:
        found = float(value)  # type: ignore[arg-type]  # whatever a promise holds: text or a number
    except (TypeError, ValueError):
        raise InvalidValue(f"{what} {value!r}", where=measure, expected="a number") from None
    if math.isnan(found):
        raise InvalidValue(f"{what} is NaN", where=measure, expected="a number")
    return found


def moment(text: object, kind: pl.DataType, *, measure: str) -> date | datetime:
    """Read an argument as a day or time that a column of type `kind` can be compared with.

    A time without a zone is taken as UTC where the column has one; a column without a zone is taken as UTC.

    Raises
    ------
    InvalidValue
        If it is not ISO 8601.
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise InvalidValue(
            f"bound {text!r} of a date", where=measure, expected="ISO 8601, such as 2026-01-31"
        ) from None
    if kind == pl.Date:
        return found.date()
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
