"""Patterns: how many texts have the form that they must have."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, is_text, kind_of, refuse, rule, text
from holdfast.quality._values import mask_of, measured


@check("matches")
def build(schema: Schema, column: str, pattern: str) -> Check:
    """Check that the whole text matches the pattern."""
    kind = kind_of(schema, column, "matches")
    if not is_text(kind):
        raise refuse("matches", column, kind, expected="a column of text")
    whole = f"^(?:{pattern})$"
    _compiles(pattern, whole)
    return rule("matches", column, kind, a.Matches(text(column, kind), whole))


def _compiles(pattern: str, whole: str) -> None:
    try:
        pl.select(pl.lit("").str.contains(whole))
    except pl.exceptions.ComputeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip().startswith("error:")]
        why = lines[0].removeprefix("error:").strip() if lines else "not a regular expression"
        raise InvalidValue(
            f"pattern {pattern!r}: {why}", where="matches", expected="a regular expression of Rust's regex (RE2-like)"
        ) from None


@measure(
    "matches",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, compliance; patterns by Rust's regex, in linear time",
)
def matches(rows: pl.DataFrame, column: str, pattern: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the texts of `column` that match `pattern` from their first character to their last.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of text; missing values are not looked at.
    pattern
        Regular expression without look-around and back-references: it runs in linear time on any text, so a pattern
        from a contract cannot stop the check.
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
        If the pattern is no regular expression.
    NotMeasurable
        If the column holds no value, or no text.

    Examples
    --------
    >>> matches(pl.DataFrame({"zip": ["12345", "1234", "12345-6789"]}), "zip", "[0-9]{5}").value
    0.33333333333333337
    """
    return measured("matches", rows, column, pattern, confidence=confidence, anytime=anytime)


@row_check("matches")
def mismatched(rows: pl.DataFrame, column: str, pattern: str) -> np.ndarray:
    """Shape (n,) bool: True where a text does not match."""
    return mask_of("matches", rows, column, pattern)
