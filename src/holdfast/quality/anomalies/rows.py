"""Rows that do not belong: values far out, rare levels, and values that do not go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, EmptyTable, InvalidValue, NotMeasurable, one_of

__all__ = ["Blame", "RowAnomalies", "score_rows"]

MOST_PAIRS = 100
MOST_BLAMED = 3
TREES, TREE_ROWS = 100, 256
#: The score of a row as probable as ``p`` is ``1 - p ** (1 / 6)``: 0.68 for one in a thousand.
ROOT = 6.0


@dataclass(frozen=True, slots=True)
class Blame:
    """A column that makes a row odd.

    Parameters
    ----------
    column
        Its name.
    surprise
        How odd: the negative decimal logarithm of the probability of a value as odd, 3 for one in a thousand.
    reason
        What is odd, in words.
    """

    column: str
    surprise: float
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class RowAnomalies:
    """Rows and how little they belong.

    Parameters
    ----------
    score
        Shape (n,) float64 in [0, 1]: ``1 - p ** (1 / 6)``, p the probability of a row as odd.
    flag
        Shape (n,) bool: the rows to look at; of them `false_alarms` are expected to be in order.
    p_value
        Shape (n,) float64: probability of a row as odd (estimated: tails are carried on beyond the rows).
    blamed
        By position of a flagged row: the columns to blame, worst first; none where only the whole is odd.
    false_alarms
        Expected share of false alarms among the flagged, in (0, 1).
    used
        Columns that took part.
    notes
        What was passed over, and why.
    """

    score: Any
    flag: Any
    p_value: Any
    blamed: Mapping[int, tuple[Blame, ...]]
    false_alarms: float
    used: tuple[str, ...]
    notes: tuple[str, ...]

    def ranking(self) -> Any:
        """Positions of the rows, the oddest first; ties by position."""
        return np.argsort(self.p_value, kind="stable")


def score_rows(
    rows: pl.DataFrame, *, columns: Sequence[str] | None = None, seed: int = 0, false_alarms: float = 0.05
) -> RowAnomalies:
    """Score each row by how little it belongs.

    Six views are taken of each row, and each says how probable it is: how far out its numbers are; how far they are
    from what its other columns say; its robust Mahalanobis distance; how fast an isolation forest sets it apart; how
    rare its levels are; how rare combinations of two levels are that are each common. They are combined without
    assuming that they are independent.

    Parameters
    ----------
    rows
        Shape (n, columns). Missing and infinite values say nothing; they are not odd in themselves.
    columns
        Those to look at; None for all. Nested ones, prose, constants and those that number or name the rows are
        passed over, and the notes say so.
    seed
        Of the isolation forest.
    false_alarms
        Expected share of false alarms among the flagged (Benjamini-Hochberg), in (0, 1).

    Returns
    -------
    RowAnomalies
        Scores, flags, and the columns to blame.

    Raises
    ------
    ColumnNotFound
        If there is no such column.
    EmptyTable
        If there are no rows.
    InvalidValue
        If `false_alarms` is not in (0, 1).
    NotMeasurable
        If no column says anything about a row.

    References
    ----------
    F. T. Liu, K. M. Ting, Z.-H. Zhou (2008), "Isolation forest", ICDM; P. J. Rousseeuw, K. Van Driessen (1999), "A fast
    algorithm for the minimum covariance determinant estimator", Technometrics 41; Y. Liu, J. Xie (2020), "Cauchy
    combination test", JASA 115.

    Examples
    --------
    >>> height = np.arange(100.0) % 50
    >>> table = pl.DataFrame({"height": height, "weight": np.where(np.arange(100) == 8, 49.0, height + 1.0)})
    >>> int(score_rows(table).ranking()[0])
    8
    """
    from holdfast.quality.anomalies._rows_tails import combined
    from holdfast.stats.multiplicity import benjamini_hochberg

    _check(rows, columns, false_alarms)
    views, notes = _views(rows, list(rows.columns if columns is None else dict.fromkeys(columns)))
    whole = combined([combined(each) for each in views.families(seed=seed) if len(each)])
    flag = benjamini_hochberg(whole) <= false_alarms
    blamed = {int(row): views.blame(int(row)) for row in np.flatnonzero(flag)}
    return RowAnomalies(1.0 - whole ** (1.0 / ROOT), flag, whole, blamed, false_alarms, views.used, notes)


def _check(rows: pl.DataFrame, columns: Sequence[str] | None, false_alarms: float) -> None:
    for name in columns or ():
        if name not in rows.columns:
            raise ColumnNotFound(f"no column {name!r}", expected=one_of(rows.columns, name))
    if not 0.0 < false_alarms < 1.0:
        raise InvalidValue(f"false_alarms of {false_alarms}", expected="a share in (0, 1)")
    if rows.height == 0:
        raise EmptyTable("the table has no rows", expected="rows to score")


@dataclass(slots=True)
class _Views:
    """What is known of the rows, column by column; probabilities have the shape (columns, n)."""

    rows: pl.DataFrame
    names: list[str]
    levels: list[str]
    numbers: Any
    codes: list[Any]
    tails: Any
    others: Any
    residual: Any
    distance: Any
    rare: Any
    counts: Any
    pairs: dict[tuple[str, str], tuple[Any, Any, Any]]

    @property
    def used(self) -> tuple[str, ...]:
        """Columns that took part, as they stand in the table."""
        return tuple(name for name in self.rows.columns if name in {*self.names, *self.levels})

    def families(self, *, seed: int) -> list[Any]:
        """Probabilities of the six views, each of shape (k, n)."""
        distance = [self.distance] if (self.distance < 1.0).any() else []
        several = len(self.names) + len(self.levels) > 1
        told = [each for each in self.others if not (each == 1.0).all()]
        forest = [self._forest(seed=seed)] if several and self.rows.height >= 20 else []
        return [self.tails, told, distance, forest, self.rare, [each[0] for each in self.pairs.values()]]

    def _forest(self, *, seed: int) -> Any:
        from sklearn.ensemble import IsolationForest

        from holdfast.quality.anomalies._rows_tails import tail_p

        middle = np.nanmedian(self.numbers, axis=0) if self.names else np.zeros(0)
        filled = np.where(np.isnan(self.numbers), middle, self.numbers)
        often = [np.log(np.maximum(each, 1.0)) for each in self.counts]
        data = np.clip(np.column_stack([filled, *often]), -1e30, 1e30).astype(np.float32)
        size = min(TREE_ROWS, len(data))
        forest = IsolationForest(n_estimators=TREES, max_samples=size, n_jobs=1, random_state=seed).fit(data)
        return tail_p(-forest.score_samples(data))

    def blame(self, row: int) -> tuple[Blame, ...]:
        """The columns that make a row odd, worst first."""
        found: dict[str, Blame] = {}

        def add(name: str, p: float, reason: str) -> None:
            surprise = -float(np.log10(p))
            if surprise >= 2.0 and (name not in found or found[name].surprise < surprise):
                found[name] = Blame(name, surprise, reason)

        for index, name in enumerate(self.names):
            value = self.rows[name][row]
            add(name, self.tails[index][row], f"{value} is far out")
            # The wrong value lies furthest off; what it makes of its fellows is no surprise of theirs.
            furthest = index == int(self.residual[:, row].argmax())
            p = self.others[:, row].min() if furthest else self.others[index][row] ** 0.5
            add(name, p, f"{value} is not what the other columns say")
        for index, name in enumerate(self.levels):
            add(name, self.rare[index][row], f"{self.rows[name][row]!r} is in {self.counts[index][row]:.0f} rows only")
        for pair, (share, rows, expected) in self.pairs.items():
            for name, other in (pair, pair[::-1]):
                told = f"with {other} {self.rows[other][row]!r} in {rows[row]:.0f} rows, {expected[row]:.0f} by chance"
                add(name, share[row], told)
        worst = sorted(found.values(), key=lambda each: (-each.surprise, each.column))
        return tuple(each for each in worst[:MOST_BLAMED] if each.surprise >= 0.4 * worst[0].surprise)


def _views(rows: pl.DataFrame, columns: list[str]) -> tuple[_Views, tuple[str, ...]]:
    from holdfast.quality.anomalies._encoding import category_codes, kind_of, number_values
    from holdfast.quality.anomalies._rows_levels import pair_p, rare_level_p
    from holdfast.quality.anomalies._rows_tails import two_sided_p

    kinds = {name: kind_of(rows[name]) for name in columns}
    names = [name for name, kind in kinds.items() if kind in ("number", "time") and rows[name].dtype != pl.Boolean]
    levels = [name for name, kind in kinds.items() if kind == "category" or _is_truth(rows[name], kind)]
    notes = tuple(f"{name} is passed over: {kinds[name]}" for name in columns if name not in {*names, *levels})
    if not names and not levels:
        right = "at least one column of numbers, times or categories"
        raise NotMeasurable("; ".join(("no column says anything about a row", *notes)), expected=right)
    empty = np.zeros((rows.height, 0))
    numbers = np.column_stack([number_values(rows[name]) for name in names]) if names else empty
    codes = [category_codes(rows[name])[0] for name in levels]
    rare = [rare_level_p(each) for each in codes]
    distances = _distances(numbers, codes)
    found = {}
    for a, b in list(combinations(range(len(levels)), 2))[:MOST_PAIRS]:
        seen = pair_p(codes[a], codes[b])
        if seen is not None:
            found[levels[a], levels[b]] = seen
    return _Views(
        rows=rows,
        names=names,
        levels=levels,
        numbers=numbers,
        codes=codes,
        tails=np.array([two_sided_p(column) for column in numbers.T]).reshape(len(names), rows.height),
        others=distances.given_others,
        residual=distances.residual,
        distance=distances.distance_p,
        rare=np.array([each[0] for each in rare]).reshape(len(levels), rows.height),
        counts=[each[1] for each in rare],
        pairs=found,
    ), notes


def _distances(numbers: Any, codes: list[Any]) -> Any:
    """Distances of the columns that have a spread; one that is one value in most rows takes part as yes or no."""
    from holdfast.quality.anomalies._rows_pairs import Distances, robust_distances
    from holdfast.quality.anomalies._rows_tails import SPIKE, spike_of

    spikes = [spike_of(column) for column in numbers.T]
    spread = np.array([share <= SPIKE for _, share in spikes], dtype=bool)
    apart = zip(numbers.T, spikes, strict=True)
    marks = [(column != value).astype(np.float64) for column, (value, share) in apart if share > SPIKE]
    found = robust_distances(numbers[:, spread], [*codes, *marks])
    others = np.ones((len(spikes), len(numbers)))
    others[spread] = found.given_others
    residual = np.zeros((len(spikes), len(numbers)))
    residual[spread] = found.residual
    return Distances(found.distance_p, others, residual)


def _is_truth(column: pl.Series, kind: str) -> bool:
    return column.dtype == pl.Boolean and kind == "number"
