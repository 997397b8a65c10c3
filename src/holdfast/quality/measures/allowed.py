"""Categories: how many values are among those that can be."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.promises import Argument
from holdfast.core.registry import measure, row_check
from holdfast.core.units import number_text
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check, is_text, kind_of, number, refuse, rule, text
from holdfast.quality._values import mask_of, measured


@check("allowed")
def build(schema: Schema, column: str, *values: Argument) -> Check:
    """Check that the value is one of `values`."""
    kind = kind_of(schema, column, "allowed")
    if not values:
        raise InvalidValue(f"no values for column {column!r}", where="allowed", expected="the values that can be")
    if kind.is_numeric():
        numbers = [number(each, measure="allowed", what=f"value of the number column {column!r}") for each in values]
        return rule("allowed", column, kind, among(column, kind, numbers), values=len(values))
    if is_text(kind) or kind == pl.Boolean:
        words = [each if isinstance(each, str) else number_text(float(each)) for each in values]
        passing = a.Among(text(column, kind), tuple(words))
        return rule("allowed", column, kind, passing, values=len(values))
    raise refuse("allowed", column, kind, expected="a column of text, numbers, or true and false")


def among(column: str, kind: pl.DataType, numbers: list[float]) -> a.Among:
    """Whether a number is one of several."""
    if kind.is_integer():
        # Compared as integers: a large id has no exact float.
        whole = tuple(int(each) for each in numbers if each.is_integer() and abs(each) < 2.0**63)
        return a.Among(a.Call("integer", (a.Column(column),)), whole)
    return a.Among(a.Call("number", (a.Column(column),)), tuple(numbers))


@measure(
    "allowed",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, consistency",
)
def allowed(
    rows: pl.DataFrame, column: str, *values: Argument, confidence: float = 0.95, anytime: bool = False
) -> Value:
    """Share of the values of `column` that are one of `values`.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of text, numbers, or true and false. Missing values are not looked at.
    values
        The values that can be; ``true`` and ``false`` for a boolean column.
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
        If there are no values, or a text for a column of numbers.
    NotMeasurable
        If the column holds no value, or dates or nested data.

    Examples
    --------
    >>> allowed(pl.DataFrame({"sex": ["Male", "Female", "male", None]}), "sex", "Male", "Female").value
    0.6666666666666667
    """
    return measured("allowed", rows, column, *values, confidence=confidence, anytime=anytime)


@row_check("allowed")
def forbidden(rows: pl.DataFrame, column: str, *values: Argument) -> np.ndarray:
    """Shape (n,) bool: True where a value is none of `values`."""
    return mask_of("allowed", rows, column, *values)
