"""From counts to evidence: values with intervals, and masks of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.quality._expressions import Check, build

#: Rows that the evidence points at: their positions only, never what stands in them.
EXAMPLES = 5

Counts = Sequence[tuple[int, int]]


def measured(
    name: str,
    rows: pl.DataFrame,
    *args: Any,
    confidence: float = 0.95,
    anytime: bool = False,
    **options: Any,
) -> Value:
    """Value of one check on a table; the same expressions as in the compiled plan.

    Raises
    ------
    NotMeasurable
        If the table has no rows, or no value to look at.
    """
    checks = build(name, rows.schema, args, options)
    counts = count(rows, [checks])[0]
    return value_of(checks, counts, rows, confidence=confidence, anytime=anytime)


def count(rows: pl.DataFrame, groups: Sequence[Sequence[Check]]) -> list[list[tuple[int, int]]]:
    """Count (bad, looked) for all checks of all groups, by one select: a single scan of the table."""
    wanted: list[pl.Expr] = []
    for place, group in enumerate(groups):
        for inner, each in enumerate(group):
            wanted += [each.bad.alias(f"{place}.{inner}.bad"), each.looked.alias(f"{place}.{inner}.looked")]
    if not wanted:
        return []
    found = rows.lazy().select(wanted).collect().row(0, named=True)
    return [
        [
            (int(found[f"{place}.{inner}.bad"] or 0), int(found[f"{place}.{inner}.looked"] or 0))
            for inner in range(len(group))
        ]
        for place, group in enumerate(groups)
    ]


def value_of(
    checks: Sequence[Check], counts: Counts, rows: pl.DataFrame, *, confidence: float, anytime: bool = False
) -> Value:
    """Value of a group of checks: of its one check, or of the worst column where there are several.

    With several columns the interval holds for all of them at once (Bonferroni).

    Raises
    ------
    NotMeasurable
        If there are no rows, or no column holds a value.
    """
    name = checks[0].measure
    if rows.height == 0:
        raise NotMeasurable("a table without rows", where=name, expected="at least one row")
    held = [(check, bad, looked) for check, (bad, looked) in zip(checks, counts, strict=True) if looked > 0]
    if not held:
        what = f"column {checks[0].column!r}" if len(checks) == 1 and checks[0].column else "no column"
        verb = "holds no value" if len(checks) == 1 else "holds a value"
        raise NotMeasurable(f"{what} {verb}", where=name, expected="at least one value that is not missing")
    worst, bad, looked = min(held, key=lambda each: _level(*each))
    sure = 1.0 - (1.0 - confidence) / len(held)
    return _value(worst, bad, looked, rows, confidence=sure, anytime=anytime, columns=len(held))


def _level(check: Check, bad: int, looked: int) -> float:
    return float(bad) if check.kind == "count" else 1.0 - bad / looked


def _value(
    check: Check, bad: int, looked: int, rows: pl.DataFrame, *, confidence: float, anytime: bool, columns: int
) -> Value:
    notes: dict[str, Any] = dict(check.notes)
    if columns > 1:
        notes |= {"column": check.column, "columns": columns}
    if check.kind == "count":
        return Value(value=float(bad), n=max(1, looked), notes=notes)
    share = 1.0 - bad / looked
    if check.exact:
        return Value(value=share, n=looked, notes=notes)
    notes |= {"rows": rows.height, "rows_looked_at": looked, "rows_failing": bad}
    if bad and check.failing is not None:
        notes["first_rows"] = first_rows(rows, check.failing)
    low, high, method = _interval(looked - bad, looked, confidence=confidence, anytime=anytime)
    if columns > 1:
        method = f"{method}, Bonferroni over {columns} columns"
    return Value(value=share, low=min(low, share), high=max(high, share), n=looked, method=method, notes=notes)


def _interval(passed: int, looked: int, *, confidence: float, anytime: bool) -> tuple[float, float, str]:
    from holdfast.stats.intervals import critical, wilson_bounds

    z = critical(confidence, n=looked, anytime=anytime)
    low, high = wilson_bounds(np.array([passed]), np.array([looked]), z=z)
    return float(low[0]), float(high[0]), "Wilson, asymptotic confidence sequence" if anytime else "Wilson"


def first_rows(rows: pl.DataFrame, failing: pl.Expr) -> list[int]:
    """Positions of the first rows that break a check (at most `EXAMPLES`)."""
    found = rows.lazy().select(failing.arg_true().head(EXAMPLES)).collect()
    return [int(each) for each in found.to_series()]


def mask_of(name: str, rows: pl.DataFrame, *args: Any, **options: Any) -> np.ndarray:
    """Shape (n,) bool: True where the row breaks the check (any of its columns, where ``*`` was given).

    Raises
    ------
    NotMeasurable
        If no single row is to blame in this check.
    """
    return mask(rows, build(name, rows.schema, args, options))


def mask(rows: pl.DataFrame, checks: Sequence[Check]) -> np.ndarray:
    """Shape (n,) bool: True where the row breaks any of the checks."""
    blamed = [each.failing for each in checks if each.failing is not None]
    if not blamed:
        raise NotMeasurable(f"{checks[0].measure} blames no single row", expected="a check of values, row by row")
    if rows.height == 0:
        return np.zeros(0, dtype=bool)
    found = rows.lazy().select(pl.any_horizontal(blamed).alias("failing")).collect()
    return found["failing"].to_numpy().astype(bool, copy=False)
