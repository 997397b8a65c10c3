"""Groups of people by sensitive columns, and the counts that every group measure stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable, one_of
from holdfast.core.models import CLASSIFICATION
from holdfast.core.subjects import Scored

#: A group of fewer rows says too little of how it is treated: it is left out, and the evidence says so.
MIN_GROUP = 30

#: How many of the groups that were left out the evidence names; it counts the others.
NAMED = 20

MISSING = "(missing)"


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Who belongs to which group.

    Parameters
    ----------
    columns
        The columns that make the groups.
    names
        Names of the groups, sorted; the values of a crossing joined by `` & ``.
    codes
        Shape (n,): each row's place in `names`.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]
    codes: np.ndarray

    def count(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Rows of each group, shape (groups,) int64; of those chosen by a mask of shape (n,)."""
        codes = self.codes if chosen is None else self.codes[chosen]
        return np.bincount(codes, minlength=len(self.names)).astype(np.int64)


def groups_of(rows: pl.DataFrame, columns: Sequence[str]) -> Groups:
    """Make groups by the values of one column, or by every crossing of several.

    A missing value makes a group of its own, ``(missing)``.

    Raises
    ------
    InvalidValue
        If no column is named, or one is twice.
    ColumnNotFound
        If a column is not there; suggests the nearest.
    NotMeasurable
        If there are no rows.
    """
    names = [str(each) for each in columns]
    if not names or len(set(names)) != len(names):
        raise InvalidValue(f"groups by {names}", expected="one or more sensitive columns, each once")
    for each in names:
        if each not in rows.columns:
            raise ColumnNotFound(f"no column {each!r} to group by", expected=one_of(rows.columns, each))
    if rows.height == 0:
        raise NotMeasurable("no rows", where="groups", expected="at least one")
    words = [_words(rows, each) for each in names]
    joined = rows.select(pl.concat_str(words, separator=" & ").alias("group"))["group"]
    found = joined.unique().sort()
    codes = joined.replace_strict(found, np.arange(len(found)), return_dtype=pl.Int64)
    return Groups(tuple(names), tuple(found.to_list()), codes.to_numpy())


def _words(rows: pl.DataFrame, column: str) -> pl.Expr:
    kind = rows.schema[column]
    value = pl.col(column).fill_nan(None) if kind.is_float() else pl.col(column)
    return value.cast(pl.String).fill_null(MISSING)


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """A share for each group that is large enough.

    Parameters
    ----------
    what
        What it is the share of, in words.
    names
        Names of the groups.
    hits, base
        Shape (groups,) int64: rows counted, and rows counted among.
    left_out
        Names and sizes of the groups that are too small.
    """

    what: str
    names: tuple[str, ...]
    hits: np.ndarray
    base: np.ndarray
    left_out: tuple[tuple[str, int], ...]

    @property
    def share(self) -> np.ndarray:
        """Shape (groups,) float64."""
        shares: np.ndarray = self.hits / self.base
        return shares


def rates(
    groups: Groups, what: str, hit: np.ndarray, *, among: np.ndarray | None = None, min_group: float = MIN_GROUP
) -> Rates:
    """Share of the rows `hit` (a mask), among the rows `among`, in each group with at least `min_group` of these.

    Raises
    ------
    InvalidValue
        If `min_group` is below 1.
    NotMeasurable
        If fewer than two groups are large enough.
    """
    if min_group < 1:
        raise InvalidValue(f"min_group {min_group}", expected="at least 1")
    base = groups.count(among)
    hits = groups.count(hit if among is None else hit & among)
    kept = base >= min_group
    small = tuple((groups.names[place], int(base[place])) for place in np.flatnonzero(~kept))
    if kept.sum() < 2:
        raise NotMeasurable(
            f"{int(kept.sum())} groups by {', '.join(groups.columns)} have {min_group:g} rows ({what})",
            expected="at least two groups of that size",
        )
    names = tuple(groups.names[place] for place in np.flatnonzero(kept))
    return Rates(what, names, hits[kept], base[kept], small)


@dataclass(frozen=True, slots=True, eq=False)
class Treated:
    """Truth and decision as masks of the positive class, with the groups of the rows."""

    groups: Groups
    truth: np.ndarray
    chosen: np.ndarray


def treated(scored: Scored, columns: Sequence[str]) -> Treated:
    """Masks of shape (n,): whose truth, and whose decision, is the positive class.

    Raises
    ------
    NotMeasurable
        If the task does not classify, no class is the positive one, or there are no decisions.
    """
    if scored.task not in CLASSIFICATION or scored.decision is None:
        raise NotMeasurable(f"task {scored.task!r} makes no decisions", expected="a task that classifies")
    positive = positive_of(scored)
    groups = groups_of(scored.rows, columns)
    return Treated(groups, np.asarray(scored.truth == positive), np.asarray(scored.decision == positive))


def positive_of(scored: Scored) -> str:
    """Positive class: the one that is named, else the second of two.

    Raises
    ------
    NotMeasurable
        If several classes are there and none is named.
    """
    if scored.positive is not None:
        return scored.positive
    if len(scored.classes) == 2:
        return scored.classes[1]
    raise NotMeasurable(f"no positive class among {len(scored.classes)}", expected="'positive' in the contract")
