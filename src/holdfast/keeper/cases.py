"""Cases: the slices and columns that one promise speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

from holdfast.core.errors import ColumnNotFound, NotMeasurable, one_of
from holdfast.core.promises import EVERY_COLUMN, Argument, Promise

if TYPE_CHECKING:
    import polars as pl

#: A crossing of slices with fewer rows than this is not judged: it is listed, never silently left out.
MIN_SLICE = 30

#: Crossings double with each column, and each slice of each argument is a case of its own: more are no promise that a
#: person can read.
MOST_COLUMNS, MOST_CASES = 6, 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """One subject of a promise: resolved arguments, and the rows of one slice."""

    args: tuple[Argument, ...]
    slice: tuple[tuple[str, str], ...] = ()


def argument_sets(promise: Promise, columns: Sequence[str]) -> list[tuple[Argument, ...]]:
    """The promise's arguments with ``*`` replaced by each of the columns in turn."""
    if EVERY_COLUMN not in promise.args:
        return [promise.args]
    return [tuple(column if each == EVERY_COLUMN else each for each in promise.args) for column in columns]


class Counted(Protocol):
    """A table that is not held in memory, and can count its rows by the values of columns."""

    def grouped(self, columns: Sequence[str]) -> pl.DataFrame:
        """Shape (combinations, columns + 1): each combination of values that occurs, and ``(rows)``, how often."""
        ...


def slices(
    rows: pl.DataFrame | pl.LazyFrame | Counted, by: Sequence[str]
) -> tuple[list[tuple[tuple[str, str], ...]], list[str]]:
    """Every slice by the columns and every crossing of them, and what was too small to judge.

    Parameters
    ----------
    rows
        Shape (n, columns), or a table that counts; has the columns `by`. A missing value makes a slice of its own,
        written ``(missing)``.
    by
        Columns to slice by; none gives the one slice of all rows.

    Returns
    -------
    tuple
        The slices with at least `MIN_SLICE` rows, sorted; the others in words, with their number of rows.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If there are more than `MOST_COLUMNS` columns, or more than `MOST_CASES` slices.
    """
    if not by:
        return [()], []
    if len(by) > MOST_COLUMNS:
        raise NotMeasurable(f"slices by {len(by)} columns", expected=f"at most {MOST_COLUMNS}, all crossings of them")
    counted = _counted(rows, by)
    words = counted.select(*(slice_words(counted, column).alias(column) for column in by), _ROWS)
    found: list[tuple[tuple[str, str], ...]] = []
    small: list[str] = []
    for size in range(1, len(by) + 1):
        for chosen in combinations(by, size):
            # Only crossings that occur: ten thousand categories have a hundred million that do not.
            for *values, count in words.group_by(chosen).agg(_sum_of_rows()).sort(chosen).iter_rows():
                each = tuple(zip(chosen, values, strict=True))
                if count >= MIN_SLICE:
                    found.append(each)
                else:
                    small.append(" and ".join(f"{column}={value}" for column, value in each) + f" (n={count})")
            few_enough(len(found))
    return found, small


def few_enough(cases: int) -> None:
    """Refuse more cases than can be judged one by one.

    Raises
    ------
    NotMeasurable
        If there are more than `MOST_CASES`.
    """
    if cases > MOST_CASES:
        raise NotMeasurable(f"{cases} slices to judge", expected=f"at most {MOST_CASES}: fewer columns, or groups")


#: Column that says how many rows a combination of values stands for.
_ROWS = "(rows)"


def _sum_of_rows() -> pl.Expr:
    import polars as pl

    return pl.col(_ROWS).sum()


def _counted(rows: pl.DataFrame | pl.LazyFrame | Counted, by: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    if not isinstance(rows, pl.DataFrame | pl.LazyFrame):
        return rows.grouped(by)
    names = rows.columns if isinstance(rows, pl.DataFrame) else rows.collect_schema().names()
    for column in by:
        if column not in names:
            raise ColumnNotFound(f"no column {column!r} to slice by", expected=one_of(names, column))
    lazy = rows.lazy().group_by(list(dict.fromkeys(by))).len(name=_ROWS)
    return lazy.collect(engine="streaming" if isinstance(rows, pl.LazyFrame) else "auto")


def slice_words(rows: pl.DataFrame, column: str) -> pl.Series:
    """Values of a column as the words that name its slices; a whole number has one name, whatever its type.

    Raises
    ------
    ColumnNotFound
        If it is not there.
    """
    import polars as pl

    if column not in rows.columns:
        raise ColumnNotFound(f"no column {column!r} to slice by", expected=one_of(rows.columns, column))
    values = rows[column]
    if values.dtype.is_float():
        # A number that a model looks at is logged as a float, and stands as an integer in the training data.
        values = values.fill_nan(None)
        whole = (values == values.round()) & (values.abs() < 2**53)
        names = pl.when(whole).then(values.cast(pl.Int64, strict=False).cast(pl.String))
        return pl.select(names.otherwise(values.cast(pl.String))).to_series().fill_null("(missing)")
    return values.cast(pl.String).fill_null("(missing)")


def slice_mask(rows: pl.DataFrame, chosen: tuple[tuple[str, str], ...]) -> pl.Series:
    """Mask of shape (n,): the rows of a slice."""
    import polars as pl

    mask = pl.Series([True]).new_from_index(0, rows.height) if rows.height else pl.Series([], dtype=pl.Boolean)
    for column, value in chosen:
        mask = mask & (slice_words(rows, column) == value)
    return mask
