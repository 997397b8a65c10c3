"""Sketches of columns and tables: made in one pass, of constant size, and two of them merge into that of both.

A `ColumnSketch` of numbers keeps quantiles (KLL), moments, missing values, infinities and about how many are distinct;
one of categories keeps counts. `stats.distances` takes sketches wherever it takes rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, InvalidValue, one_of
from holdfast.stats._arrays import Floats, Ints
from holdfast.stats._columns import as_column, is_number, number_values, value_counts
from holdfast.stats._counts import CAPACITY, Counts
from holdfast.stats._distinct import Distinct, hash_numbers, hash_text
from holdfast.stats._kll import K, Kll
from holdfast.stats._moments import Moments

__all__ = ["ColumnSketch", "Counts", "Distinct", "Kll", "Moments", "TableSketch"]


class ColumnSketch:
    """What is to be known of a column.

    Numbers and times become float64 (times their physical integers); text, categories and booleans are categories. NaN
    counts as missing. A column without any value has the kind ``empty`` and merges with either.

    Parameters
    ----------
    k
        Accuracy of the quantiles, see `Kll`.
    capacity
        Categories that are counted, see `Counts`.
    seed
        Of the quantile sketch.

    Examples
    --------
    >>> sketch = ColumnSketch.of([1.0, 2.0, None, 4.0])
    >>> sketch.n, sketch.missing, sketch.mean, float(sketch.quantiles([0.5])[0])
    (4, 1, 2.3333333333333335, 2.0)
    """

    __slots__ = ("_counts", "_distinct", "_kll", "_moments", "kind", "minus_infinite", "missing", "n", "nan",
                 "plus_infinite")  # fmt: skip

    def __init__(self, *, k: int = K, capacity: int = CAPACITY, seed: int = 0) -> None:
        self.kind = "empty"
        self.n = self.missing = self.nan = self.minus_infinite = self.plus_infinite = 0
        self._kll = Kll(k, seed=seed)
        self._counts = Counts(capacity)
        self._moments = Moments()
        self._distinct = Distinct()

    @classmethod
    def of(cls, values: Any, *, k: int = K, capacity: int = CAPACITY, seed: int = 0) -> Self:
        """Sketch of a column.

        Parameters
        ----------
        values
            Shape (n,): polars Series, array or list.
        k, capacity, seed
            As for the class.

        Raises
        ------
        InvalidValue
            If the values are of mixed or unknown types.
        """
        made = cls(k=k, capacity=capacity, seed=seed)
        made.update(values)
        return made

    @property
    def present(self) -> int:
        """Rows that hold a value, infinities among them."""
        return self.n - self.missing

    @property
    def exact(self) -> bool:
        """Whether quantiles and counts are exact."""
        return self._kll.exact and self._counts.exact

    @property
    def rank_error(self) -> float:
        """Share of the values by which a rank may be off, with 99 % confidence."""
        return self._kll.error

    @property
    def count_error(self) -> int:
        """Rows by which the count of a category may be too low."""
        return self._counts.error

    @property
    def others(self) -> int:
        """Rows of categories that no count stands for."""
        return self._counts.others

    @property
    def mean(self) -> float:
        """Mean of the finite numbers; 0 for none."""
        return self._moments.mean

    @property
    def deviation(self) -> float:
        """Standard deviation of the finite numbers, of the population; 0 for none."""
        return self._moments.deviation

    @property
    def low(self) -> float | None:
        """Least finite number."""
        return self._moments.low

    @property
    def high(self) -> float | None:
        """Greatest finite number."""
        return self._moments.high

    @property
    def distinct(self) -> int:
        """How many distinct values: exact for counted categories, else within about 1.6 % (standard error)."""
        if self.kind == "category" and self._counts.exact:
            return len(self._counts.held)
        return min(self._distinct.estimate, self.present)

    def update(self, values: Any) -> None:
        """Take in a batch of the column.

        Parameters
        ----------
        values
            Shape (n,): polars Series, array or list.

        Raises
        ------
        InvalidValue
            If the values are of mixed or unknown types, or not of the kind that came before. Nothing was taken in then.
        """
        column = as_column(values)
        if column.null_count() == len(column):
            self.n += len(column)
            self.missing += len(column)
            return
        kind = "number" if is_number(column) else "category"
        if self.kind not in (kind, "empty"):
            raise InvalidValue(f"a batch of kind {kind} after one of kind {self.kind}", expected=self.kind)
        self.n += len(column)
        if kind == "number":
            self._update_numbers(column)
        else:
            self._update_categories(column)

    def _update_numbers(self, column: pl.Series) -> None:
        values = number_values(column)
        nan = int(np.count_nonzero(np.isnan(values)))
        self.missing += column.null_count() + nan
        self.nan += nan
        finite = values[np.isfinite(values)]
        if len(finite) + nan < len(values):
            self.plus_infinite += int(np.count_nonzero(values == np.inf))
            self.minus_infinite += int(np.count_nonzero(values == -np.inf))
        if len(values) > nan:
            self.kind = "number"
        self._kll.update(finite)
        self._moments = self._moments.merge(Moments.of(finite))
        self._distinct.update(hash_numbers(values[~np.isnan(values)] if nan else values))

    def _update_categories(self, column: pl.Series) -> None:
        self.kind = "category"
        self.missing += column.null_count()
        found = value_counts(column)
        self._counts.update(found)
        self._distinct.update(hash_text(pl.Series([name for name, _ in found], dtype=pl.String)))

    def merge(self, other: ColumnSketch) -> ColumnSketch:
        """Sketch of both columns; neither is changed.

        Raises
        ------
        InvalidValue
            If one holds numbers and the other categories, or they differ in `k` or `capacity`.
        """
        if "empty" not in (self.kind, other.kind) and self.kind != other.kind:
            raise InvalidValue(f"sketches of kind {self.kind} and {other.kind}", expected="one kind")
        made = ColumnSketch()
        made.kind = self.kind if self.kind != "empty" else other.kind
        for name in ("n", "missing", "nan", "minus_infinite", "plus_infinite"):
            setattr(made, name, getattr(self, name) + getattr(other, name))
        made._kll = self._kll.merge(other._kll)
        made._counts = self._counts.merge(other._counts)
        made._moments = self._moments.merge(other._moments)
        made._distinct = self._distinct.merge(other._distinct)
        return made

    def weighted(self) -> tuple[Floats, Ints]:
        """Finite numbers in rising order, and how many of the column each stands for."""
        return self._kll.weighted()

    def quantiles(self, shares: Any) -> Floats:
        """Quantiles of the finite numbers, see `Kll.quantiles`."""
        return self._kll.quantiles(shares)

    def top(self, most: int | None = None) -> list[tuple[str, int]]:
        """Categories and their counts, most frequent first, ties by name."""
        return self._counts.top(most)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` makes the same sketch of."""
        return {
            "kind": self.kind,
            "n": self.n,
            "missing": self.missing,
            "nan": self.nan,
            "minus_infinite": self.minus_infinite,
            "plus_infinite": self.plus_infinite,
            "quantiles": self._kll.to_dict(),
            "counts": self._counts.to_dict(),
            "moments": self._moments.to_dict(),
            "distinct": self._distinct.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Sketch that `to_dict` described.

        Raises
        ------
        InvalidValue
            If a field is missing or does not fit.
        """
        made = cls()
        try:
            made.kind = str(data["kind"])
            for name in ("n", "missing", "nan", "minus_infinite", "plus_infinite"):
                setattr(made, name, int(data[name]))
            parts = data["quantiles"], data["counts"], data["moments"], data["distinct"]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidValue(f"no column sketch: {error}", expected="the data that to_dict() gave") from error
        if made.kind not in ("number", "category", "empty"):
            raise InvalidValue(f"sketch of kind {made.kind!r}", expected="number, category or empty")
        made._kll, made._counts = Kll.from_dict(parts[0]), Counts.from_dict(parts[1])
        made._moments, made._distinct = Moments.from_dict(parts[2]), Distinct.from_dict(parts[3])
        return made


class TableSketch:
    """A `ColumnSketch` for each column of a table.

    Parameters
    ----------
    columns
        Sketch by column.
    rows
        Rows that were taken in.

    Examples
    --------
    >>> halves = (pl.DataFrame({"age": [39, 50]}), pl.DataFrame({"age": [38, None]}))
    >>> merged = TableSketch.of(halves[0]).merge(TableSketch.of(halves[1]))
    >>> merged.rows, merged["age"].missing
    (4, 1)
    """

    __slots__ = ("_columns", "rows")

    def __init__(self, columns: Mapping[str, ColumnSketch] | None = None, *, rows: int = 0) -> None:
        self._columns: dict[str, ColumnSketch] = dict(columns or {})
        self.rows = rows

    @classmethod
    def of(cls, batches: Any, *, k: int = K, capacity: int = CAPACITY, seed: int = 0) -> Self:
        """Sketch of a table, in one pass.

        Parameters
        ----------
        batches
            A polars DataFrame or LazyFrame, an object with ``__arrow_c_stream__`` or ``__arrow_c_array__``, or an
            iterable of these with one schema. Lists, structs and bytes are left out.
        k, capacity, seed
            As for `ColumnSketch`.

        Raises
        ------
        InvalidValue
            If it is none of these, or the batches differ in their columns.
        """
        made = cls()
        for frame in frames(batches):
            columns = {each.name: each for each in frame.iter_columns() if not _left_out(each.dtype)}
            if not made._columns and not made.rows:
                made._columns = {name: ColumnSketch(k=k, capacity=capacity, seed=seed) for name in columns}
            if set(columns) != set(made._columns):
                raise InvalidValue(f"a batch with columns {sorted(columns)}", expected=f"{sorted(made._columns)}")
            for name, sketch in made._columns.items():
                sketch.update(columns[name])
            made.rows += frame.height
        return made

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    def __getitem__(self, name: str) -> ColumnSketch:
        if name not in self._columns:
            raise ColumnNotFound(f"no column {name!r}", expected=one_of(self._columns, name))
        return self._columns[name]

    def merge(self, other: TableSketch) -> TableSketch:
        """Sketch of both tables; neither is changed. An empty sketch merges with any.

        Raises
        ------
        InvalidValue
            If their columns differ, or a column is of another kind.
        """
        if not self._columns or not other._columns:
            chosen = self if self._columns else other
            return TableSketch(chosen._columns, rows=self.rows + other.rows)
        if set(self._columns) != set(other._columns):
            raise InvalidValue(f"a table with columns {sorted(other.columns)}", expected=f"{sorted(self.columns)}")
        merged = {name: sketch.merge(other._columns[name]) for name, sketch in self._columns.items()}
        return TableSketch(merged, rows=self.rows + other.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` makes the same sketch of."""
        return {"rows": self.rows, "columns": {name: each.to_dict() for name, each in self._columns.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Sketch that `to_dict` described.

        Raises
        ------
        InvalidValue
            If a field is missing or does not fit.
        """
        try:
            rows, columns = int(data["rows"]), dict(data["columns"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidValue(f"no table sketch: {error}", expected="the data that to_dict() gave") from error
        return cls({name: ColumnSketch.from_dict(each) for name, each in columns.items()}, rows=rows)


def frames(batches: Any) -> Iterator[pl.DataFrame]:
    """Data frames of anything that gives Arrow batches, one at a time.

    Raises
    ------
    InvalidValue
        If it gives none.
    """
    if isinstance(batches, pl.DataFrame):
        yield batches
    elif isinstance(batches, pl.LazyFrame):
        yield from batches.collect_batches()
    elif hasattr(batches, "__arrow_c_stream__"):
        from arro3.core import RecordBatchReader

        for batch in RecordBatchReader.from_stream(batches):
            yield pl.DataFrame(batch)
    elif hasattr(batches, "__arrow_c_array__"):
        yield pl.DataFrame(batches)
    elif isinstance(batches, Iterable) and not isinstance(batches, (str, bytes, Mapping)):
        for each in batches:
            yield from frames(each)
    else:
        raise InvalidValue(f"a {type(batches).__name__} gives no Arrow batches", expected="a frame, or batches of one")


def _left_out(kind: pl.DataType) -> bool:
    return kind.is_nested() or kind in (pl.Binary, pl.Object)
