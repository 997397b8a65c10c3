"""Frequency: how often one value occurs."""

from __future__ import annotations

import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.promises import Argument
from holdfast.core.registry import measure
from holdfast.core.units import number_text
from holdfast.quality import algebra as a
from holdfast.quality._expressions import (
    Certainty,
    Check,
    Figures,
    Schema,
    check,
    is_text,
    kind_of,
    number,
    refuse,
    text,
    value_of_column,
)
from holdfast.quality._values import measured, share_interval
from holdfast.quality.measures.allowed import among


@check("frequency")
def build(schema: Schema, column: str, value: Argument) -> Check:
    """Count the values that are `value`."""
    kind = kind_of(schema, column, "frequency")
    if kind.is_numeric():
        same = among(column, kind, [number(value, measure="frequency", what=f"value of the number column {column!r}")])
    elif is_text(kind) or kind == pl.Boolean:
        same = a.Among(text(column, kind), (value if isinstance(value, str) else number_text(float(value)),))
    else:
        raise refuse("frequency", column, kind, expected="a column of text, numbers, or true and false")
    return Check(
        measure="frequency",
        bad=a.CountIf(same),
        looked=a.present(value_of_column(column, kind)),
        column=column,
        kind="figure",
        value=_share,
    )


def _share(figures: Figures, sure: Certainty) -> Value:
    count, looked = figures["bad"], figures["looked"]
    low, high, method = share_interval(count, looked, sure)
    share = count / looked
    notes = {"rows": figures["rows"], "rows_looked_at": looked, "rows_with_it": count}
    return Value(share, low=min(low, share), high=max(high, share), n=looked, method=method, notes=notes)


@measure(
    "frequency",
    unit="share",
    range=(0, 1),
    better="target",
    stages=("data", "live"),
    source="E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22",
)
def frequency(
    rows: pl.DataFrame, column: str, value: Argument, *, confidence: float = 0.95, anytime: bool = False
) -> Value:
    """Share of the values of `column` that are `value`.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of text, numbers, or true and false. Missing values are not looked at.
    value
        The value; ``true`` or ``false`` for a boolean column.
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
        If the value is a text and the column holds numbers.
    NotMeasurable
        If the column holds no value, or dates or nested data.

    Examples
    --------
    >>> frequency(pl.DataFrame({"sex": ["f", "m", "f", "f", None]}), "sex", "f").value
    0.75
    """
    return measured("frequency", rows, column, value, confidence=confidence, anytime=anytime)
