"""Row rules: how many rows keep a rule between their columns."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure, row_check
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Check, Schema, check
from holdfast.quality._rules import condition
from holdfast.quality._values import mask_of, measured


@check("holds")
def build(schema: Schema, rule: str) -> Check:
    """Check that the rule is true of the row."""
    kept = condition(str(rule), schema)
    failing = a.Negated(kept)
    return Check(
        measure="holds",
        bad=a.CountIf(failing),
        looked=a.CountIf(a.Negated(a.IsMissing(kept))),
        failing=failing,
    )


@measure(
    "holds",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, consistency; denial constraints: X. Chu, I. F. Ilyas, P. Papotti (2013), VLDB 6(13)",
)
def holds(rows: pl.DataFrame, rule: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Share of the rows that keep a rule, such as ``start <= end and (country == 'CH' -> length(zip) == 4)``.

    Parameters
    ----------
    rows
        Shape (n, columns).
    rule
        Comparisons (``== != < <= > >=``, also ``0 <= age <= 120``), ``in ('a', 'b')``, ``not in``, ``is missing``,
        ``is not missing``, joined by ``and``, ``or``, ``not`` and ``->`` (implies), in brackets; numbers with
        ``+ - * /`` (in 64-bit floats; ``x / 0`` is missing); texts in single quotes; days and times as ISO 8601 texts,
        without a zone in UTC; the functions ``length``, ``lower``, ``upper``, ``trim``, ``abs``, ``floor``, ``year``,
        ``month``, ``day``, ``weekday`` (Monday is 1), ``hour`` and ``minute``. A column is its name, or its name in
        backquotes where it holds a blank.

        A comparison with a missing value is unknown, by Kleene's logic: a row of which the whole rule is unknown is not
        looked at. ``is missing`` is always known.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The share in [0, 1] with Wilson's interval; n is the number of rows of which the rule is known.

    Raises
    ------
    InvalidValue
        If the rule does not follow the grammar; says the column of the text, and what could stand there.
    ColumnNotFound
        If it names a column that `rows` do not have.
    NotMeasurable
        If it compares what does not fit (a text with a number), or is unknown of every row.

    References
    ----------
    S. C. Kleene (1952), Introduction to Metamathematics, section 64.

    Examples
    --------
    >>> rows = pl.DataFrame({"low": [1, 2, 9, None], "high": [5, 5, 5, 5]})
    >>> holds(rows, "low <= high").value
    0.6666666666666667
    >>> holds(rows, "low is missing or low <= high").value
    0.75
    """
    return measured("holds", rows, rule, confidence=confidence, anytime=anytime)


@row_check("holds")
def violating(rows: pl.DataFrame, rule: str) -> np.ndarray:
    """Shape (n,) bool: True where the rule is false."""
    return mask_of("holds", rows, rule)
