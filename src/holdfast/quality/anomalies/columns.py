"""Columns that moved: which columns of a table are not distributed as they were before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import EmptyTable, InvalidValue

__all__ = ["ColumnMove", "ColumnMoves", "moved_columns"]

MOST_SHOWN = 5
#: Sizes of a move by the population stability index, as scorecards have them: below 0.1, 0.25, and above.
SIZES = ((0.1, "small"), (0.25, "medium"))


@dataclass(frozen=True, slots=True)
class ColumnMove:
    """What became of a column.

    Parameters
    ----------
    column
        Its name.
    moved
        Whether it moved, at the confidence asked for, all columns taken together.
    p_value
        Probability of a difference as large if nothing had moved, in [0, 1].
    adjusted
        That probability after the correction for the number of columns (Benjamini-Hochberg).
    size
        ``none`` for a column that did not move, else ``small``, ``medium``, ``large`` or ``whole`` (came, went, or of
        another type). With many rows a small move is sure and may yet not matter.
    distances
        By name: ``psi``, ``jensen_shannon``, for numbers also ``ks`` and ``wasserstein`` (in standard deviations).
    reasons
        What moved, in words.
    """

    column: str
    moved: bool
    p_value: float
    adjusted: float
    size: str
    distances: Mapping[str, float]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnMoves:
    """What became of the columns of a table.

    Parameters
    ----------
    columns
        All columns, those that moved first, then by their probability.
    confidence
        One less the expected share of false alarms among the columns that are said to have moved.
    rows_before, rows_after
        How many rows were compared.
    """

    columns: tuple[ColumnMove, ...]
    confidence: float
    rows_before: int
    rows_after: int

    @property
    def moved(self) -> tuple[ColumnMove, ...]:
        """The columns that moved."""
        return tuple(each for each in self.columns if each.moved)


def moved_columns(before: pl.DataFrame, after: pl.DataFrame, *, confidence: float = 0.95) -> ColumnMoves:
    """Find the columns that are not distributed as they were before.

    For numbers and times: Kolmogorov-Smirnov and chi-square on ten bins; for categories: chi-square, and the rows
    with levels never seen before; for all: the share of missing values. The tests of a column are corrected for their
    number, and the columns for theirs. They take rows to be drawn independently: rows that follow each other in time,
    or come in groups, differ by more than these tests expect.

    Parameters
    ----------
    before, after
        Shapes (n, columns) and (m, columns). Infinities count as missing.
    confidence
        One less the expected share of false alarms among the alarms, in (0, 1).

    Returns
    -------
    ColumnMoves
        Each column of either table, with its distances and what moved. Columns that came, went or changed their type
        have moved. Of prose and of text that names the rows, length and missing values are compared.

    Raises
    ------
    EmptyTable
        If either table has no rows.
    InvalidValue
        If the confidence is not in (0, 1).

    References
    ----------
    Y. Benjamini, Y. Hochberg (1995), "Controlling the false discovery rate", JRSSB 57.

    Examples
    --------
    >>> before = pl.DataFrame({"age": np.arange(300.0), "sex": ["f", "m"] * 150})
    >>> after = before.with_columns(pl.col("age") + 90.0)
    >>> [each.column for each in moved_columns(before, after).moved]
    ['age']
    """
    from holdfast.stats.multiplicity import benjamini_hochberg

    if not 0.0 < confidence < 1.0:
        raise InvalidValue(f"a confidence of {confidence}", expected="a number in (0, 1)")
    for name, table in (("before", before), ("after", after)):
        if table.height == 0:
            raise EmptyTable(f"the table {name!r} has no rows", expected="rows to compare")
    names = list(dict.fromkeys((*before.columns, *after.columns)))
    seen = [_compared(before, after, name) for name in names]
    # What is certain is no test, and earns the tests no false alarms.
    tested = [each for each in seen if each.size != "whole"]
    adjusted = benjamini_hochberg([each.p_value for each in tested]) if tested else np.zeros(0)
    columns = [_move(each, float(q), confidence) for each, q in zip(tested, adjusted, strict=True)]
    columns += [_move(each, 0.0, confidence) for each in seen if each.size == "whole"]
    columns.sort(key=lambda each: (not each.moved, each.adjusted, each.p_value, each.column))
    return ColumnMoves(tuple(columns), confidence, before.height, after.height)


@dataclass(frozen=True, slots=True)
class _Seen:
    name: str
    p_value: float
    size: str
    distances: dict[str, float]
    reasons: list[str]


def _move(seen: _Seen, adjusted: float, confidence: float) -> ColumnMove:
    moved = adjusted <= 1.0 - confidence
    size, reasons = (seen.size, tuple(seen.reasons)) if moved else ("none", ())
    return ColumnMove(seen.name, moved, seen.p_value, adjusted, size, seen.distances, reasons)


def _compared(before: pl.DataFrame, after: pl.DataFrame, name: str) -> _Seen:
    if name not in after.columns:
        return _Seen(name, 0.0, "whole", {}, ["the column is gone"])
    if name not in before.columns:
        return _Seen(name, 0.0, "whole", {}, ["the column is new"])
    first, second = before[name], after[name]
    kinds = _family(first), _family(second)
    if kinds[0] != kinds[1] and "nothing" not in kinds:
        return _Seen(
            name, 0.0, "whole", {}, [f"it held {kinds[0]} ({first.dtype}) and holds {kinds[1]} ({second.dtype})"]
        )
    tests = list(_tests(first, second, kinds[0]))
    p_value = min(1.0, len(tests) * min(p for p, _ in tests))
    # What is told is what by itself would be an alarm at one in twenty.
    reasons = [text for p, text in sorted(tests) if len(tests) * p <= 0.05]
    distances = _distances(first, second, kinds[0])
    return _Seen(name, p_value, _size(distances), distances, reasons)


def _family(column: pl.Series) -> str:
    kind = column.dtype
    if kind == pl.Null or column.null_count() == len(column):
        return "nothing"
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        return "lists, structs or bytes"
    if kind == pl.Boolean:
        return "truth"
    if kind.is_temporal():
        return "times"
    return "numbers" if kind.is_numeric() else "text"


def _tests(first: pl.Series, second: pl.Series, family: str) -> Iterator[tuple[float, str]]:
    from holdfast.quality.anomalies._columns_tests import levels_p, new_levels_p, numbers_p, shares_p

    there = [_there(each) for each in (first, second)]
    missing = [len(each) - int(here.sum()) for each, here in zip((first, second), there, strict=True)]
    shares = f"{missing[0] / len(first):.2%} were missing, {missing[1] / len(second):.2%} are"
    yield shares_p(missing[0], len(first), missing[1], len(second)), shares
    if not (there[0].any() and there[1].any()) or family.startswith("lists"):
        return
    kept = [each.filter(here) for each, here in zip((first, second), there, strict=True)]
    if family in ("numbers", "times"):
        low, high = (_values(each) for each in kept)
        middles = "the middle went from {} to {}".format(*(str(each.median()) for each in kept))
        yield numbers_p(low, high), middles
        return
    texts = [each.cast(pl.String) for each in kept]
    if family == "text" and not _has_levels(texts):
        lengths = [each.str.len_chars().to_numpy().astype(np.float64) for each in texts]
        told = f"the length went from {np.median(lengths[0]):.0f} to {np.median(lengths[1]):.0f} (middle)"
        yield numbers_p(*lengths), told
        return
    yield levels_p(*texts), _shift_text(*texts)
    p_value, levels, rows = new_levels_p(*texts)
    shown = ", ".join(repr(each[:40]) for each in levels[:MOST_SHOWN])
    more = f" and {len(levels) - MOST_SHOWN} more" if len(levels) > MOST_SHOWN else ""
    yield p_value, f"{rows} rows hold what was not there before: {shown}{more}"


def _there(column: pl.Series) -> pl.Series:
    return column.is_finite().fill_null(value=False) if column.dtype.is_float() else column.is_not_null()


def _values(column: pl.Series) -> Any:
    from holdfast.quality.anomalies._encoding import number_values

    if column.dtype in (pl.Date,) or isinstance(column.dtype, pl.Datetime):
        return number_values(column.dt.timestamp("us"))
    return number_values(column)


def _has_levels(texts: list[pl.Series]) -> bool:
    return all(each.n_unique() <= max(20, 0.5 * len(each)) for each in texts)


def _shift_text(first: pl.Series, second: pl.Series) -> str:
    """The level whose share changed most."""
    shares = []
    for each in (first, second):
        counted = each.value_counts(name="rows in all")
        shares.append(dict(zip(counted[each.name], counted["rows in all"] / len(each), strict=True)))
    gaps = {name: shares[1].get(name, 0.0) - shares[0].get(name, 0.0) for name in sorted({*shares[0], *shares[1]})}
    most = max(gaps, key=lambda name: abs(gaps[name]))
    return f"the share of {most[:40]!r} went from {shares[0].get(most, 0.0):.2%} to {shares[1].get(most, 0.0):.2%}"


def _distances(first: pl.Series, second: pl.Series, family: str) -> dict[str, float]:
    from holdfast.stats import distances

    if family in ("nothing", "lists, structs or bytes") or second.null_count() == len(second):
        return {}
    if family in ("text", "truth"):
        first, second = first.cast(pl.String), second.cast(pl.String)
    elif family == "times":
        first, second = (pl.Series(each.name, _values(each)) for each in (first, second))
    finite = [each.filter(_there(each)) for each in (first, second)]
    if not (len(finite[0]) and len(finite[1])):
        return {}
    found = {"psi": distances.psi(first, second).value, "jensen_shannon": distances.jensen_shannon(first, second).value}
    if family in ("numbers", "times"):
        found["ks"] = distances.ks(*finite).value
        if finite[0].n_unique() > 1:
            found["wasserstein"] = distances.wasserstein(*finite, scaled=True).value
    return {name: round(float(value), 6) for name, value in found.items()}


def _size(distances: Mapping[str, float]) -> str:
    index = distances.get("psi", 0.0)
    return next((word for most, word in SIZES if index < most), "large")
