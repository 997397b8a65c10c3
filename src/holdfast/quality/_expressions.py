"""Checks as Polars expressions: what each check is made of, and the pieces that they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable, one_of
from holdfast.core.promises import EVERY_COLUMN

Schema = Mapping[str, pl.DataType]


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One check of one column (or set of columns), as expressions that share one scan with all other checks.

    Parameters
    ----------
    measure
        Name of the measure.
    bad
        Aggregate: how many rows break the check. For a check that is a count, the count.
    looked
        Aggregate: how many rows were looked at (a missing value is not, except where missing is the question).
    failing
        Row by row, never null: True where the row breaks the check. None where no single row is to blame.
    column
        The column it concerns, where it is one.
    kind
        ``share``: the value is ``1 - bad / looked``. ``count``: the value is `bad`.
    exact
        Whether the value is known without uncertainty, so that it has no interval.
    notes
        Plain data to keep with the evidence.
    """

    measure: str
    bad: pl.Expr
    looked: pl.Expr
    failing: pl.Expr | None = None
    column: str | None = None
    kind: str = "share"
    exact: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)


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
    if not given or given[0] != EVERY_COLUMN:
        return (builder(schema, *given, **dict(options or {})),)
    every = tuple(schema if columns is None else columns)
    if not every:
        raise NotMeasurable(f"{name}(*) on a table without columns", expected="at least one column")
    return tuple(builder(schema, column, *given[1:], **dict(options or {})) for column in every)


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


def missing(column: str, kind: pl.DataType) -> pl.Expr:
    """Row by row: whether the value is missing (null, or NaN in a float column)."""
    gone = pl.col(column).is_null()
    return gone | pl.col(column).is_nan().fill_null(value=True) if kind.is_float() else gone


def missing_count(column: str, kind: pl.DataType) -> pl.Expr:
    """How many values are missing; the nulls are counted without looking at the rows."""
    nulls = pl.col(column).null_count()
    return nulls + pl.col(column).is_nan().sum() if kind.is_float() else nulls


def present(column: str, kind: pl.DataType) -> pl.Expr:
    """How many values are there."""
    return pl.len() - missing_count(column, kind)


def text(column: str, kind: pl.DataType) -> pl.Expr:
    """Read the column as plain text."""
    return pl.col(column) if kind == pl.String else pl.col(column).cast(pl.String)


def rule(measure: str, column: str, kind: pl.DataType, passing: pl.Expr, **notes: Any) -> Check:
    """Check that every value that is there passes; missing values are not looked at.

    Parameters
    ----------
    passing
        Row by row: whether the value passes; null where it is missing.
    """
    # A missing value is null in `passing` (or NaN, which compares as no number): it is not looked at.
    failing = ~passing
    if kind.is_float():
        failing = failing & pl.col(column).is_not_nan()
    return Check(
        measure=measure,
        bad=failing.sum(),
        looked=present(column, kind),
        failing=failing.fill_null(value=False),
        column=column,
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
