"""Types: how many values are of the kind that they should be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality._expressions import Check, Schema, check, is_text, kind_of, refuse, rule, text
from holdfast.quality._values import mask_of, measured

#: Texts that read as a day or a moment (ISO 8601, blank or ``T`` between day and time).
DATE = (
    r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
)

#: Texts that read as a number; "inf" and "nan" do not.
NUMBER = r"^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$"


def _number(value: pl.Expr) -> pl.Expr:
    return value.str.contains(NUMBER)


def _integer(value: pl.Expr) -> pl.Expr:
    return value.str.contains(r"^\s*[+-]?[0-9]+(?:\.0*)?\s*$")


def _boolean(value: pl.Expr) -> pl.Expr:
    return value.str.strip_chars().str.to_lowercase().is_in(["true", "false", "0", "1"])


def _date(value: pl.Expr) -> pl.Expr:
    # The form, and a day that exists: 2026-02-30 has the form and is none.
    real = value.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).is_not_null()
    return value.str.contains(DATE) & (real | value.is_null())


#: What a text must look like to be of a kind.
READS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "text": lambda value: ~_number(value),
}


@check("typed")
def build(schema: Schema, column: str, kind: str) -> Check:
    """Check that the value is of that kind, or reads as one."""
    if kind not in READS:
        raise InvalidValue(f"type {kind!r}", where="typed", expected=one_of(READS, str(kind)))
    found = kind_of(schema, column, "typed")
    if is_text(found):
        return rule("typed", column, found, READS[kind](text(column, found)))
    if found.is_nested() or found == pl.Binary:
        raise refuse("typed", column, found, expected="a column of single values")
    return rule("typed", column, found, _native(column, found, kind))


def _native(column: str, found: pl.DataType, kind: str) -> pl.Expr:
    value = pl.col(column)
    if found.is_numeric() and kind == "boolean":
        return value.is_in([0, 1])
    if found.is_float() and kind == "integer":
        return value.is_finite() & (value == value.floor())
    if found.is_numeric():
        return _always(value, yes=kind in ("number", "integer"))
    return _always(value, yes=kind == ("boolean" if found == pl.Boolean else "date"))


def _always(value: pl.Expr, *, yes: bool) -> pl.Expr:
    """Give the same answer for every value that is there; null where none is."""
    return pl.when(value.is_not_null()).then(pl.lit(yes))


@measure(
    "typed",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, compliance",
)
def typed(rows: pl.DataFrame, column: str, kind: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the values of `column` that are of a kind, or texts that read as one.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        Any column of single values: a column that mixes types is read as text, and this says how much of it is what.
        Missing values are not looked at.
    kind
        ``number``, ``integer`` (no fraction), ``boolean`` (true, false, 0, 1), ``date`` (ISO 8601 day or moment), or
        ``text`` (a text that does not read as a number).
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
    InvalidValue
        If there is no such kind.
    NotMeasurable
        If the column holds no value, or nested data.

    Examples
    --------
    >>> typed(pl.DataFrame({"age": ["39", "fifty", "50", None]}), "age", "number").value
    0.6666666666666667
    """
    return measured("typed", rows, column, kind, confidence=confidence, anytime=anytime)


@row_check("typed")
def mistyped(rows: pl.DataFrame, column: str, kind: str) -> np.ndarray:
    """Shape (n,) bool: True where a value is of another kind."""
    return mask_of("typed", rows, column, kind)
