"""Columns of two versions of a table: what is missing, how many values, where they lie, and whether they moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from holdfast.quality.reports._rows import as_text
from holdfast.quality.reports.difference import CategoryDiff, ColumnDiff

#: Most values of text (or of whole numbers) that still are categories.
CATEGORIES, CODES = 50, 20

#: Categories that are told of a column.
SHOWN = 10

#: Bins of the distance of numbers: the distance is exact to one part in so many.
BINS = 1024

#: False discovery rate of what counts as moved.
RATE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One column of one table, read once.

    `values` are what is not missing, `ordered` numbers (or times, as numbers) in rising order, `counts` how often each
    of the other values stands; both are None for nested values.
    """

    dtype: pl.DataType
    rows: int
    missing: int
    distinct: int
    values: pl.Series
    summary: tuple[tuple[str, float | str], ...] = ()
    ordered: np.ndarray | None = None
    counts: pl.DataFrame | None = None

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def share_missing(self) -> float | None:
        return self.missing / self.rows if self.rows else None


def column_diffs(before: pl.DataFrame, after: pl.DataFrame, *, cells: Mapping[str, int]) -> tuple[ColumnDiff, ...]:
    """Every column of either table; `cells` are the changed cells by column, where rows were matched by a key."""
    found, chances = [], []
    for name in dict.fromkeys((*after.columns, *before.columns)):
        old = _side(before[name]) if name in before.columns else None
        new = _side(after[name]) if name in after.columns else None
        made, by = _column(old, new, name=name)
        found.append(replace(made, cells_changed=cells.get(name)))
        chances.append(by)
    return tuple(_judged(found, chances))


def _side(column: pl.Series) -> _Side:
    dtype, rows = column.dtype, len(column)
    if dtype.is_float():
        column = column.fill_nan(None)
    missing = column.null_count()
    values = column.drop_nulls() if missing else column
    if dtype.is_numeric() or dtype.is_temporal():
        ordered = np.sort(_numbers(values))
        summary = _times(values) if dtype.is_temporal() else _summary(ordered)
        distinct = values.n_unique() if dtype in (pl.Int128, pl.UInt128) else _distinct(ordered)
        return _Side(dtype, rows, missing, distinct, values, summary, ordered=ordered)
    if _nested(dtype):
        return _Side(dtype, rows, missing, values.n_unique() if dtype != pl.Object else 0, values)
    counts = _counts(values)
    return _Side(dtype, rows, missing, counts.height, values, counts=counts)


def _nested(dtype: pl.DataType) -> bool:
    return dtype.is_nested() or dtype in (pl.Object, pl.Binary)


def _numbers(values: pl.Series) -> np.ndarray:
    if values.dtype in (pl.Date, pl.Datetime):
        return values.cast(pl.Datetime("us")).to_physical().to_numpy()
    if values.dtype == pl.Duration:
        return values.cast(pl.Duration("us")).to_physical().to_numpy()
    if values.dtype == pl.Time:
        return values.to_physical().to_numpy()
    # Whole numbers stay whole: long ids would be rounded together. (NumPy has none of 128 bits.)
    whole = values.dtype.is_integer() and values.dtype not in (pl.Int128, pl.UInt128)
    return values.to_numpy() if whole else values.cast(pl.Float64).to_numpy()


def _distinct(ordered: np.ndarray) -> int:
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + 1 if len(ordered) else 0


def _summary(ordered: np.ndarray) -> tuple[tuple[str, float | str], ...]:
    # Infinities have no mean; they are left out, as they are of every interval.
    finite = ordered.astype(np.float64, copy=False)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return ()
    lower, median, upper = (_quantile(finite, share) for share in (0.25, 0.5, 0.75))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(finite.mean())
        deviation = float(finite.std(ddof=1)) if len(finite) > 1 else 0.0
    made = {"mean": mean, "deviation": deviation, "least": float(finite[0]), "lower quartile": lower}
    made |= {"median": median, "upper quartile": upper, "greatest": float(finite[-1])}
    return tuple((name, value) for name, value in made.items() if math.isfinite(value))


def _quantile(ordered: np.ndarray, share: float) -> float:
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    part = place - below
    above = min(below + 1, len(ordered) - 1)
    # Weighted rather than added to: a difference of two huge numbers may overflow.
    return float(ordered[below] * (1.0 - part) + ordered[above] * part)


def _times(values: pl.Series) -> tuple[tuple[str, float | str], ...]:
    if values.is_empty():
        return ()
    texts = as_text(pl.Series([values.min(), values.max()], dtype=values.dtype), values.dtype)
    return (("least", texts[0]), ("greatest", texts[1]))


def _counts(values: pl.Series) -> pl.DataFrame:
    text = as_text(values, values.dtype).alias("value")
    return text.to_frame().group_by("value").agg(pl.len().cast(pl.Int64).alias("count"))


def _kind(*sides: _Side | None) -> str:
    there = [each for each in sides if each is not None]
    if any(_nested(each.dtype) for each in there):
        return "nested"
    most = max(each.distinct for each in there)
    if all(each.dtype.is_temporal() for each in there):
        return "time"
    if all(each.dtype.is_numeric() for each in there):
        codes = all(each.dtype.is_integer() for each in there) and most <= CODES
        return "category" if codes and _repeated(there) else "number"
    return "category" if most <= CATEGORIES and _repeated(there) else "text"


def _repeated(sides: list[_Side]) -> bool:
    # Values that stand once each are names, not categories.
    return all(each.dtype == pl.Boolean or 2 * each.distinct <= each.present for each in sides)


def _column(old: _Side | None, new: _Side | None, *, name: str) -> tuple[ColumnDiff, dict[str, float]]:
    """A column, and how likely it is to look so if both sides are alike, by each test that was made."""
    kind = _kind(old, new)
    made = ColumnDiff(
        name=name,
        kind=kind,
        type_before=str(old.dtype) if old else None,
        type_after=str(new.dtype) if new else None,
        missing_before=old.share_missing if old else None,
        missing_after=new.share_missing if new else None,
        distinct_before=old.distinct if old else None,
        distinct_after=new.distinct if new else None,
        summary_before=old.summary if old else (),
        summary_after=new.summary if new else (),
    )
    if old is None or new is None or not old.rows or not new.rows:
        return made, {}
    missing = np.array([[side.present, side.missing] for side in (old, new)], dtype=np.float64)
    by = {"missing": _chance_of_counts(*missing)}
    if not old.present or not new.present or kind == "nested":
        return made, by
    if kind in ("category", "text"):
        made, by["values"] = _values(made, old, new)
    elif old.ordered is not None and new.ordered is not None:
        made = replace(made, distance=_kolmogorov_smirnov(old.ordered, new.ordered))
        by["values"] = _chance_of_distance(made.distance or 0.0, old.present, new.present)
        by["range"] = _chance_of_range(old.ordered, new.ordered)
    return made, by


def _values(made: ColumnDiff, old: _Side, new: _Side) -> tuple[ColumnDiff, float]:
    counted = _counts_of(old, "old").join(_counts_of(new, "new"), on="value", how="full", coalesce=True).fill_null(0)
    before, after = (counted[side].to_numpy().astype(np.float64) for side in ("old", "new"))
    made = replace(made, appeared=int(np.sum(before == 0)), vanished=int(np.sum(after == 0)))
    p, q = before / before.sum(), after / after.sum()
    made = replace(made, distance=float(np.abs(p - q).sum() / 2.0))
    if made.kind == "category":
        # By size of the move, then by name, so that the same tables always give the same report.
        names = counted["value"].to_list()
        order = sorted(range(len(names)), key=lambda place: (-round(abs(p[place] - q[place]), 12), names[place]))
        shown = [CategoryDiff(names[place], float(p[place]), float(q[place])) for place in order[:SHOWN]]
        made = replace(made, categories=tuple(shown))
    return made, _chance_of_counts(before, after)


def _counts_of(side: _Side, name: str) -> pl.DataFrame:
    counts = side.counts if side.counts is not None else _counts(side.values)
    return counts.rename({"count": name})


def _kolmogorov_smirnov(old: np.ndarray, new: np.ndarray) -> float:
    """Largest difference of the two distribution functions, looked at where `BINS` quantiles of either side lie."""
    places = np.unique(np.linspace(0, 1, BINS))
    edges = [side[np.round(places * (len(side) - 1)).astype(np.int64)] for side in (old, new)]
    looked = np.unique(np.concatenate(edges))
    shares = [np.searchsorted(side, looked, side="right") / len(side) for side in (old, new)]
    return float(np.abs(shares[0] - shares[1]).max())


def _chance_of_distance(distance: float, n: int, m: int) -> float:
    """Probability of such a Kolmogorov-Smirnov distance, or a larger one, if both sides are alike.

    References
    ----------
    A. N. Kolmogorov (1933), "Sulla determinazione empirica di una legge di distribuzione" (the limit; ties make the
    distance smaller, so the probability errs to the careful side).
    """
    from scipy.special import kolmogorov

    return float(kolmogorov(distance * math.sqrt(n * m / (n + m))))


def _chance_of_range(old: np.ndarray, new: np.ndarray) -> float:
    """Probability that so many new values lie beyond the old ones, above or below, if both sides are alike.

    If the rows could as well stand in either table, the k greatest of all N values are all among the m new ones with
    probability m (m - 1) ... (m - k + 1) / N (N - 1) ... (N - k + 1). It sees the few wild values that the largest
    difference of the distribution functions does not.

    References
    ----------
    S. Rosenbaum (1954), "Tables for a nonparametric test of location", Annals of Mathematical Statistics 25.
    """
    from scipy.special import gammaln

    m, total = len(new), len(old) + len(new)
    beyond = max(int(np.searchsorted(new, old[0], side="left")), m - int(np.searchsorted(new, old[-1], side="right")))
    logarithm = gammaln(m + 1) - gammaln(m - beyond + 1) - gammaln(total + 1) + gammaln(total - beyond + 1)
    return float(min(1.0, 2.0 * math.exp(min(0.0, logarithm))))


def _chance_of_counts(before: np.ndarray, after: np.ndarray) -> float:
    """Probability of such counts, or worse, if both sides are alike (Pearson's chi-squared, rare values put together).

    References
    ----------
    W. G. Cochran (1954), "Some methods for strengthening the common chi-squared tests", Biometrics 10: expected counts
    of at least 5.
    """
    from scipy.special import chdtrc

    n, m = before.sum(), after.sum()
    rare = (before + after) * min(n, m) / (n + m) < 5.0
    table = np.array([[*side[~rare], side[rare].sum()] for side in (before, after)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    expected = np.outer([n, m], table.sum(axis=0)) / (n + m)
    return float(chdtrc(table.shape[1] - 1, ((table - expected) ** 2 / expected).sum()))


def _judged(columns: list[ColumnDiff], chances: list[dict[str, float]]) -> list[ColumnDiff]:
    from holdfast.stats.multiplicity import benjamini_hochberg

    asked = [place for place, by in enumerate(chances) if by]
    if not asked:
        return columns
    # Of the tests of one column the least chance counts, times their number (Bonferroni); then over the columns.
    least = [min(1.0, len(chances[place]) * min(chances[place].values())) for place in asked]
    for place, chance in zip(asked, benjamini_hochberg(least), strict=True):
        by = min(chances[place], key=chances[place].__getitem__)
        moved = bool(chance <= RATE)
        columns[place] = replace(columns[place], moved=moved, moved_by=by if moved else "")
    return columns
