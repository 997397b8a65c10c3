"""Types: how many values are of the kind that they should be."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, is_text, kind_of, refuse, rule, text
from holdfast.quality._values import mask_of, measured

#: Days that exist, from the form alone: 2026-02-30 is none, 2024-02-29 is one.
_DAY = (
    r"(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)

#: Texts that read as a day or a moment (ISO 8601, blank or ``T`` between day and time).
DATE = rf"^{_DAY}(?:[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?$"

#: Texts that read as a number; "inf" and "nan" do not.
NUMBER = r"^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$"
_INTEGER = r"^\s*[+-]?[0-9]+(?:\.0*)?\s*$"
_BOOLEAN = r"^\s*(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[01])\s*$"

#: What a text must look like to be of a kind; text is what does not read as a number.
READS = {"number": NUMBER, "integer": _INTEGER, "boolean": _BOOLEAN, "date": DATE, "text": NUMBER}


@check("typed")
def build(schema: Schema, column: str, kind: str) -> Check:
    """Check that the value is of that kind, or reads as one."""
    if kind not in READS:
        raise InvalidValue(f"type {kind!r}", where="typed", expected=one_of(READS, str(kind)))
    found = kind_of(schema, column, "typed")
    if is_text(found):
        reads = a.Matches(text(column, found), READS[kind])
        return rule("typed", column, found, a.Negated(reads) if kind == "text" else reads)
    if found.is_nested() or found == pl.Binary:
        raise refuse("typed", column, found, expected="a column of single values")
    return rule("typed", column, found, _native(a.Column(column), found, kind))


def _native(value: a.Column, found: pl.DataType, kind: str) -> a.Condition:
    if found.is_numeric() and kind == "boolean":
        return a.Among(a.Call("number", (value,)), (0.0, 1.0))
    if found.is_float() and kind == "integer":
        return a.every(a.Negated(a.IsInfinite(value)), a.Compare("==", value, a.Call("floor", (value,))))
    if found.is_decimal() and kind == "integer":
        number = a.Call("number", (value,))
        return a.Compare("==", number, a.Call("floor", (number,)))
    if found.is_numeric():
        return _always(value, yes=kind in ("number", "integer"))
    return _always(value, yes=kind == ("boolean" if found == pl.Boolean else "date"))


def _always(value: a.Column, *, yes: bool) -> a.Condition:
    """Give the same answer for every value that is there; unknown where none is."""
    return a.Compare("==" if yes else "!=", value, value)


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
