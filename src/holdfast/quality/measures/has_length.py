"""Length of texts: how many are as long as they may be."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.promises import Argument
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, is_text, kind_of, number, refuse, rule, text
from holdfast.quality._values import mask_of, measured


@check("has_length")
def build(schema: Schema, column: str, low: Argument | None = None, high: Argument | None = None) -> Check:
    """Check that a text has between `low` and `high` characters."""
    kind = kind_of(schema, column, "has_length")
    if not is_text(kind):
        raise refuse("has_length", column, kind, expected="a column of text")
    ends = [None if each is None else number(each, measure="has_length", what="bound") for each in (low, high)]
    if ends[0] is None and ends[1] is None:
        raise InvalidValue(f"no bound for column {column!r}", where="has_length", expected="low, high, or both")
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        raise InvalidValue(f"low <= high must hold, got low={low}, high={high}", where="has_length")
    length = a.Call("length", (text(column, kind),))
    pairs = zip((">=", "<="), ends, strict=True)
    bounds = [a.Compare(op, length, a.Literal(end)) for op, end in pairs if end is not None]
    return rule("has_length", column, kind, a.every(*bounds))


@measure(
    "has_length",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, compliance",
)
def has_length(
    rows: pl.DataFrame,
    column: str,
    low: Argument | None = None,
    high: Argument | None = None,
    *,
    confidence: float = 0.95,
    anytime: bool = False,
) -> Value:
    """Share of the texts of `column` with at least `low` and at most `high` characters.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of text; missing values are not looked at, an empty text has length 0.
    low, high
        Fewest and most characters (Unicode code points), or one of them.
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
        If there is no bound, or low is above high.
    NotMeasurable
        If the column holds no value, or no text.

    Examples
    --------
    >>> has_length(pl.DataFrame({"code": ["ab", "abc", "", None]}), "code", 1, 2).value
    0.33333333333333337
    """
    return measured("has_length", rows, column, low, high, confidence=confidence, anytime=anytime)


@row_check("has_length")
def too_long_or_short(
    rows: pl.DataFrame, column: str, low: Argument | None = None, high: Argument | None = None
) -> np.ndarray:
    """Shape (n,) bool: True where a text is too short or too long."""
    return mask_of("has_length", rows, column, low, high)
