"""Bins of a column: cut at the reference's quantiles, or one per category; and what falls into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats._arrays import Floats, Ints
from holdfast.stats._columns import as_column, is_number, sorted_values, value_counts
from holdfast.stats.sketches import ColumnSketch

#: Bins of a numeric column. Deciles, quintiles and quartiles are among their edges.
FINE = 250
#: Categories that have a bin of their own; the rest of them, and categories not in the reference, share one.
LEVELS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What fell into the bins of a `Reference`.

    Parameters
    ----------
    counts
        Shape (bins,): rows by bin; for categories the last bin holds those that are not in the reference.
    missing
        Rows that are null or NaN.
    sums
        Shape (bins,): sum of the values by bin; empty for categories.
    low, high
        Least and greatest finite value; None for categories, or where there is none.
    infinite
        Values that are minus and plus infinity: they are counted in the end bins, and are in no sum.
    unseen
        For categories: up to five that are not in the reference, most frequent first.
    """

    counts: Ints
    missing: int = 0
    sums: Floats = field(default_factory=lambda: np.empty(0))
    low: float | None = None
    high: float | None = None
    infinite: tuple[int, int] = (0, 0)
    unseen: tuple[str, ...] = ()

    @property
    def present(self) -> int:
        """Rows that hold a value."""
        return int(self.counts.sum())

    @property
    def n(self) -> int:
        """All rows."""
        return self.present + self.missing

    @property
    def finite(self) -> Ints:
        """Shape (bins,): rows by bin without infinities."""
        counts = self.counts.copy()
        counts[0] -= self.infinite[0]
        counts[-1] -= self.infinite[1]
        return counts


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One column of the reference, cut into bins once; what comes later is counted into the same bins.

    Make one with `Reference.of`. Its size does not depend on the rows, and it goes through JSON: **the bins are part
    of a distance**, so they are to be kept with the promise.

    Parameters
    ----------
    kind
        ``number`` or ``category``.
    edges
        Shape (bins - 1,) float64, rising: upper ends of the bins, which belong to them; the last bin has none.
    levels
        Categories with a bin of their own, most frequent first; one more bin holds the rest.
    counted
        What of the reference itself fell into the bins.
    deviation
        Standard deviation of the numbers.
    approximate
        Whether the bins were cut from a sketch whose quantiles are estimates.
    """

    kind: str
    edges: Floats
    levels: tuple[str, ...]
    counted: Counted
    deviation: float = 0.0
    approximate: bool = False

    @classmethod
    def of(cls, values: Any, *, bins: int = FINE) -> Self:
        """Cut a column into bins.

        Parameters
        ----------
        values
            Shape (n,): a polars Series, an array, a list or a `ColumnSketch`. Text, categories and booleans make a bin
            per value; numbers and times are cut at their quantiles. NaN counts as missing; infinities fall into the end
            bins.
        bins
            Most bins for numbers, at least 2. A column with no more distinct values gets a bin for each.

        Returns
        -------
        Reference
            With what of the values fell into each bin.

        Raises
        ------
        NotMeasurable
            If no row holds a value.
        InvalidValue
            If the values have no order and are no text, or there are fewer than 2 bins.

        References
        ----------
        B. Yurdakul, J. Naranjo (2020), "Statistical properties of the population stability index", Journal of Risk
        Model Validation 14 (quantile bins).

        Examples
        --------
        >>> Reference.of(["a", "b", "a", None]).levels
        ('a', 'b')
        """
        if bins < 2:
            raise InvalidValue(f"{bins} bins", expected="at least 2")
        column = values if isinstance(values, ColumnSketch) else as_column(values)
        if isinstance(column, pl.Series):
            return cls._of_numbers(column, bins) if is_number(column) else cls._of_categories(column)
        return cls._of_sketch(column, bins)

    @classmethod
    def _of_numbers(cls, column: pl.Series, bins: int) -> Self:
        ordered, missing = sorted_values(column)
        if not len(ordered):
            raise NotMeasurable(f"all {missing} reference rows are missing", expected="at least one value")
        edges = quantile_edges(ordered, bins=bins)
        finite = ordered[np.isfinite(ordered)]
        deviation = float(finite.std()) if len(finite) else 0.0
        return cls("number", edges, (), count_sorted(ordered, edges, missing=missing), deviation)

    @classmethod
    def _of_categories(cls, column: pl.Series) -> Self:
        found = value_counts(column)
        missing = column.null_count()
        if not found:
            raise NotMeasurable(f"all {missing} reference rows are missing", expected="at least one value")
        levels = tuple(name for name, _ in found[:LEVELS])
        rest = sum(count for _, count in found[LEVELS:])
        counts = np.asarray([count for _, count in found[:LEVELS]] + [rest], dtype=np.int64)
        return cls("category", np.empty(0), levels, Counted(counts, missing))

    @classmethod
    def _of_sketch(cls, sketch: ColumnSketch, bins: int) -> Self:
        if not sketch.present:
            raise NotMeasurable(f"all {sketch.n} reference rows are missing", expected="at least one value")
        if sketch.kind == "category":
            levels = tuple(name for name, _ in sketch.top(LEVELS))
            made = cls("category", np.empty(0), levels, Counted(np.zeros(len(levels) + 1, dtype=np.int64)))
            return cls("category", made.edges, levels, made.count(sketch), approximate=not sketch.exact)
        values, weights = sketch.weighted()
        edges = weighted_edges(values, weights, bins=bins)
        counted = count_weighted(values, weights, edges=edges, sketch=sketch)
        return cls("number", edges, (), counted, sketch.deviation, approximate=not sketch.exact)

    def count(self, current: Any) -> Counted:
        """Count what falls into the bins.

        Parameters
        ----------
        current
            Shape (m,): a polars Series, an array, a list or a `ColumnSketch`, of the reference's kind.

        Returns
        -------
        Counted
            Rows and sums by bin.

        Raises
        ------
        InvalidValue
            If it holds text where the reference holds numbers, or the other way round.
        """
        if isinstance(current, ColumnSketch):
            return self._count_sketch(current)
        column = as_column(current)
        if column.dtype == pl.Null or (column.null_count() == len(column)):
            return Counted(np.zeros_like(self.counted.counts), len(column), np.zeros_like(self.counted.sums))
        if self.kind == "category":
            return self._count_categories(column)
        if not is_number(column):
            raise InvalidValue(f"a column of type {column.dtype} beside a reference of numbers", expected="numbers")
        ordered, missing = sorted_values(column)
        return count_sorted(ordered, self.edges, missing=missing)

    def _count_categories(self, column: pl.Series) -> Counted:
        if is_number(column):
            raise InvalidValue(f"a column of type {column.dtype} beside a reference of categories", expected="text")
        return self._placed(value_counts(column), column.null_count())

    def _count_sketch(self, sketch: ColumnSketch) -> Counted:
        if sketch.present and sketch.kind != self.kind:
            raise InvalidValue(
                f"a sketch of kind {sketch.kind} beside a reference of kind {self.kind}", expected=self.kind
            )
        if self.kind == "category":
            return self._placed(sketch.top(None), sketch.missing, rest=sketch.others)
        values, weights = sketch.weighted()
        return count_weighted(values, weights, edges=self.edges, sketch=sketch)

    def _placed(self, found: list[tuple[str, int]], missing: int, *, rest: int = 0) -> Counted:
        place = {name: index for index, name in enumerate(self.levels)}
        counts = np.zeros(len(self.levels) + 1, dtype=np.int64)
        counts[-1] = rest
        unseen = []
        for name, count in found:
            index = place.get(name, -1)
            counts[index] += count
            if index < 0:
                unseen.append(name)
        return Counted(counts, missing, unseen=tuple(unseen[:5]))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` makes the same reference of."""
        return {
            "kind": self.kind,
            "edges": [float(edge) for edge in self.edges],
            "levels": list(self.levels),
            "counts": [int(count) for count in self.counted.counts],
            "sums": [float(each) for each in self.counted.sums],
            "missing": self.counted.missing,
            "low": self.counted.low,
            "high": self.counted.high,
            "infinite": list(self.counted.infinite),
            "deviation": self.deviation,
            "approximate": self.approximate,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Reference that `to_dict` described.

        Raises
        ------
        InvalidValue
            If a field is missing or the bins do not fit their counts.
        """
        try:
            edges, levels = np.asarray(data["edges"], dtype=np.float64), tuple(data["levels"])
            counts = np.asarray(data["counts"], dtype=np.int64)
            sums = np.asarray(data["sums"], dtype=np.float64)
            minus, plus = data["infinite"]
            counted = Counted(counts, int(data["missing"]), sums, data["low"], data["high"], (int(minus), int(plus)))
            made = cls(data["kind"], edges, levels, counted, float(data["deviation"]), bool(data["approximate"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidValue(f"no reference bins: {error}", expected="the data that to_dict() gave") from error
        if len(counts) != (len(levels) if made.kind == "category" else len(edges)) + 1:
            raise InvalidValue(f"{len(counts)} counts for the bins", expected="one count per bin")
        return made


def quantile_edges(ordered: Floats, *, bins: int) -> Floats:
    """Upper ends of bins with as many of the rising values each; a bin per value where there are few of them.

    The last bin has no end. Where each value has a bin, what is below and above all of them has one as well.
    """
    few = _few_distinct(ordered, most=bins)
    if few is not None:
        return few
    picked = np.ceil(np.arange(1, bins) * len(ordered) / bins).astype(np.int64) - 1
    return _inner(np.unique(ordered[np.maximum(picked, 0)]), ordered[-1])


def weighted_edges(values: Floats, weights: Ints, *, bins: int) -> Floats:
    """As `quantile_edges`, for rising values with weights."""
    few = _few_distinct(values, most=bins)
    if few is not None:
        return few
    reached = np.cumsum(weights)
    picked = np.searchsorted(reached, np.arange(1, bins) * reached[-1] / bins)
    return _inner(np.unique(values[picked]), values[-1])


def _inner(edges: Floats, greatest: float) -> Floats:
    kept: Floats = edges[(edges < greatest) & np.isfinite(edges)]
    return kept


def _few_distinct(ordered: Floats, *, most: int) -> Floats | None:
    """Edges around each distinct finite value, if there are at most so many; found by jumping from one to the next."""
    found: list[float] = []
    at = 0
    while at < len(ordered):
        if len(found) == most:
            return None
        found.append(float(ordered[at]))
        at = int(np.searchsorted(ordered, ordered[at], side="right"))
    finite = np.asarray(found)[np.isfinite(found)]
    return np.concatenate((np.nextafter(finite[:1], -np.inf), finite))


def count_sorted(ordered: Floats, edges: Floats, *, missing: int) -> Counted:
    """Count rising values into bins; sums leave infinities out."""
    ends = np.append(np.searchsorted(ordered, edges, side="right"), len(ordered))
    counts = np.diff(ends, prepend=0)
    first = int(np.searchsorted(ordered, -np.inf, side="right"))
    last = int(np.searchsorted(ordered, np.inf, side="left"))
    sums, infinite = np.zeros(len(counts)), (first, len(ordered) - last)
    if last > first:
        starts = np.clip(np.concatenate(([0], ends[:-1])), first, last)
        finite = np.clip(ends, first, last) > starts
        sums[finite] = np.add.reduceat(ordered[:last], starts[finite])
        low, high = float(ordered[first]), float(ordered[last - 1])
        return Counted(counts.astype(np.int64), missing, sums, low, high, infinite)
    return Counted(counts.astype(np.int64), missing, sums, infinite=infinite)


def count_weighted(values: Floats, weights: Ints, *, edges: Floats, sketch: ColumnSketch) -> Counted:
    """Count a sketch's rising values with weights into bins; infinities fall into the end bins."""
    place = np.searchsorted(edges, values, side="left")
    counts = np.bincount(place, weights=weights, minlength=len(edges) + 1).astype(np.int64)
    sums: Floats = np.bincount(place, weights=weights * values, minlength=len(edges) + 1).astype(np.float64)
    counts[0] += sketch.minus_infinite
    counts[-1] += sketch.plus_infinite
    infinite = (sketch.minus_infinite, sketch.plus_infinite)
    return Counted(counts, sketch.missing, sums, sketch.low, sketch.high, infinite)
