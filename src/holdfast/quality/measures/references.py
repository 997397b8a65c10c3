"""Referential integrity: how many values exist where they point to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, is_text, kind_of, refuse, value_of_column
from holdfast.quality._values import mask_of, measured

if TYPE_CHECKING:
    from holdfast.core.measures import Related


@check("references")
def build(schema: Schema, column: str, other: str, other_column: str | None = None) -> Check:
    """Check that the value is one of the other column."""
    kind = kind_of(schema, column, "references")
    among: a.Relation
    if other_column is None:
        among, name = a.Source(), str(other)
        if _family(kind_of(schema, other, "references")) != _family(kind):
            raise refuse("references", column, kind, expected=f"a column of the type of {other!r}")
    else:
        among, name = a.Related(str(other)), str(other_column)
    if kind.is_nested():
        raise refuse("references", column, kind, expected="a column of single values")
    value, known = _comparable(column, kind), _comparable(name, kind)
    there = a.Filter(a.Source(), a.Negated(a.IsMissing(value_of_column(column, kind))))
    groups = a.Group(there, (("value", value),), (("n", a.Rows()),))
    return Check(
        measure="references",
        bad=a.Of(a.Without(groups, "value", among, known), a.Statistic("sum", a.Column("n"))),
        looked=a.present(value_of_column(column, kind)),
        failing=a.Absent(value, among, known),
        column=column,
    )


def _family(kind: pl.DataType) -> str:
    """Kinds of values that can be one and the same thing."""
    return "text" if is_text(kind) else "number" if kind.is_numeric() else str(kind.base_type())


def _comparable(column: str, kind: pl.DataType) -> a.Term:
    """Read the column so that two tables that store one thing in different widths agree."""
    plain = value_of_column(column, kind)
    if is_text(kind):
        return a.Call("text", (plain,))
    if kind.is_integer():
        return a.Call("integer", (plain,))
    return a.Call("number", (plain,)) if kind.is_numeric() else plain


@measure(
    "references",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="E. F. Codd (1970), A relational model of data for large shared data banks, CACM 13(6); ISO/IEC 25012:2008",
)
def references(
    rows: pl.DataFrame,
    column: str,
    other: str,
    other_column: str | None = None,
    *,
    related: Related | None = None,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Share of the values of `column` that exist in another column.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of single values; missing values refer to nothing and are not looked at.
    other
        The other column, or, where `other_column` is given, the name of the other table.
    other_column
        Column of the other table.
    related
        Name of another table -> its rows.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1] with Wilson's interval; n is the number of values that are not missing.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If the column holds no value, the types do not fit, or the other table is not at hand.

    Examples
    --------
    >>> rows = pl.DataFrame({"id": [1, 2, 3], "manager": [None, 1, 7]})
    >>> references(rows, "manager", "id").value
    0.5
    >>> customers = pl.LazyFrame({"key": [1, 2]})
    >>> round(references(rows, "id", "customers.parquet", "key", related=lambda name: customers).value, 3)
    0.667
    """
    return measured(
        "references",
        rows,
        *_given(column, other, other_column),
        confidence=confidence,
        anytime=anytime,
        related=related,
    )


@row_check("references")
def dangling(
    rows: pl.DataFrame, column: str, other: str, other_column: str | None = None, *, related: Related | None = None
) -> np.ndarray:
    """Shape (n,) bool: True where a value exists nowhere in the other column."""
    return mask_of("references", rows, *_given(column, other, other_column), related=related)


def _given(column: str, other: str, other_column: str | None) -> tuple[str, ...]:
    return (column, other) if other_column is None else (column, other, other_column)
