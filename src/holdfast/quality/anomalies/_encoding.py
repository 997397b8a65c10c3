"""Encoding: what a model sees of a table that nobody described, and why it does not see the rest.

Nothing here looks at the target but `copies`, which finds the columns that are the target over again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

__all__ = ["Encoded", "category_codes", "copies", "encode", "identical_rows", "kind_of", "number_values"]

#: Levels of a category that have a code of their own, and those with an indicator; the rarer ones share one.
TREE_LEVELS = 250
LINEAR_LEVELS = 40
#: Rows that a level needs to have an indicator.
LEVEL_ROWS = 5
#: Indicators of all columns together, above which the rarest are left out.
WIDEST = 800
#: A text column with more different values than this share of its rows names the rows, or is prose.
KEY_SHARE = 0.5
PROSE_WORDS = 3.0
PROSE_PARTS = 40
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A table as numbers, twice: as trees like it and as linear models like it.

    Parameters
    ----------
    trees
        Shape (n, f) float64: numbers as they are (NaN where missing), categories as codes by falling frequency.
    categories
        Columns of `trees` that hold codes.
    linear
        Shape (n, d) float64: numbers standardised and as normal scores, missing ones at 0 with an indicator;
        indicators of the levels of categories.
    used
        Source columns that took part.
    notes
        What was left out, and why.
    """

    trees: Any
    categories: tuple[int, ...]
    linear: Any
    used: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Parts:
    """Columns as they come together."""

    trees: list[Any]
    categories: list[int]
    linear: list[Any]

    def number(self, values: Any) -> None:
        """Take in a column of numbers, NaN where there is none."""
        self.trees.append(values)
        there = np.isfinite(values)
        centre, spread = float(np.median(values[there])), float(np.std(values[there])) or 1.0
        scaled = np.where(there, np.clip((values - centre) / spread, -4.0, 4.0), 0.0)
        self.linear.append(scaled)
        if len(np.unique(values[there])) > 10:
            self.linear.append(_normal_scores(values, there))
        if not there.all():
            self.linear.append((~there).astype(np.float64))

    def category(self, codes: Any, counts: Any) -> None:
        """Take in a column of codes by falling frequency, NaN where there is none."""
        self.categories.append(len(self.trees))
        self.trees.append(np.where(codes < TREE_LEVELS, codes, TREE_LEVELS))
        shown = int(np.sum(counts[:LINEAR_LEVELS] >= LEVEL_ROWS))
        self.linear += [(codes == level).astype(np.float64) for level in range(shown)]
        if np.isnan(codes).any():
            self.linear.append(np.isnan(codes).astype(np.float64))


def encode(rows: pl.DataFrame, columns: list[str], *, seed: int = 0) -> Encoded:
    """Encode the columns that can say something about a row.

    Left out are columns without two different values, nested ones and bytes, text and whole numbers that only name
    the rows. Prose becomes the leading parts of its word weights (tf-idf and a truncated decomposition, as in latent
    semantic analysis, Deerwester et al. 1990).

    Parameters
    ----------
    rows
        Shape (n, columns), n of at least 1.
    columns
        Those to encode.
    seed
        Of the decomposition of prose.
    """
    made, used, notes = _Parts([], [], []), [], []
    for name in columns:
        column, kind = rows[name], kind_of(rows[name])
        if kind in ("number", "time"):
            for values in _number_columns(column, kind):
                made.number(values)
        elif kind == "category":
            made.category(*category_codes(column))
        elif kind == "prose":
            for values in _prose(column, seed=seed):
                made.number(values)
        else:
            notes.append(f"{name} is left out: {kind}")
            continue
        used.append(name)
    linear = _narrowed(made.linear)
    return Encoded(
        trees=np.column_stack(made.trees) if made.trees else np.zeros((rows.height, 0)),
        categories=tuple(made.categories),
        linear=np.column_stack(linear) if linear else np.zeros((rows.height, 0)),
        used=tuple(used),
        notes=tuple(notes),
    )


def kind_of(column: pl.Series) -> str:
    """``number``, ``time``, ``category`` or ``prose``; else why the column says nothing about a row."""
    kind = column.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        return "its values are lists, structs or bytes"
    if kind.is_numeric() or kind == pl.Boolean or kind.is_temporal():
        return _kind_of_number(column)
    there = column.drop_nulls()
    different = there.n_unique()
    if different < 2:
        return "it has fewer than two different values"
    if different <= max(20, KEY_SHARE * len(there)):
        return "category"
    words = there.head(1000).cast(pl.String).str.count_matches(r"\s+").mean()
    if isinstance(words, float) and words + 1.0 >= PROSE_WORDS:
        return "prose"
    return "its values name the rows"


def _kind_of_number(column: pl.Series) -> str:
    there = column.drop_nulls()
    if there.dtype.is_float():
        there = there.filter(there.is_finite())
    different = there.n_unique()
    if different < 2:
        return "it has fewer than two different values"
    if column.dtype.is_temporal():
        return "time" if column.dtype in (pl.Date, pl.Datetime) or isinstance(column.dtype, pl.Datetime) else "number"
    if column.dtype.is_integer() and different == len(column) > 20:
        low, high = int(there.min()), int(there.max())  # type: ignore[arg-type]  # whole numbers, not empty
        if high - low < 1.5 * len(column):
            return "its values number the rows"
    return "number"


def number_values(column: pl.Series) -> Any:
    """Values of a column of numbers, truth or times as float64, shape (n,); NaN for nothing and infinities."""
    plain = column.to_physical() if column.dtype.is_temporal() else column
    values = plain.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().astype(np.float64, copy=True)
    values[~np.isfinite(values)] = np.nan
    # What is finite but near the end of the range has no square.
    return np.clip(values, -1e150, 1e150)


def _number_columns(column: pl.Series, kind: str) -> list[Any]:
    if kind == "number":
        return [number_values(column)]
    when = column.cast(pl.Datetime("us"))
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        when = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    parts = [when, when.dt.month(), when.dt.weekday(), when.dt.hour()]
    found = [number_values(each) for each in parts]
    return [each for each in found if len(np.unique(each[~np.isnan(each)])) > 1]


def category_codes(column: pl.Series) -> tuple[Any, Any]:
    """Codes by falling frequency (then by text), NaN where there is no value, and the rows of each code."""
    text = column.cast(pl.String).fill_null("").to_numpy().astype(str)
    missing = column.is_null().to_numpy()
    _, first, counts = np.unique(text, return_inverse=True, return_counts=True)
    counts = counts - np.bincount(first[missing], minlength=len(counts))
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), dtype=np.float64)
    rank[order] = np.arange(len(order))
    return np.where(missing, np.nan, rank[first]), counts[order]


def _prose(column: pl.Series, *, seed: int) -> list[Any]:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = column.cast(pl.String).fill_null("").to_list()
    least = 1 if len(texts) < 100 else 3
    try:
        weights = TfidfVectorizer(min_df=least, max_features=5000, sublinear_tf=True).fit_transform(texts)
    except ValueError:
        # No word stands in enough rows.
        weights = None
    length = np.log1p(column.cast(pl.String).str.len_chars().fill_null(0).to_numpy().astype(np.float64))
    if weights is None or min(weights.shape) < 3:
        return [length]
    parts = min(PROSE_PARTS, min(weights.shape) - 1)
    return [length, *TruncatedSVD(parts, random_state=seed).fit_transform(weights).T]


def _normal_scores(values: Any, there: Any) -> Any:
    from scipy.stats import norm, rankdata

    scores = np.zeros(len(values))
    scores[there] = norm.ppf((rankdata(values[there]) - 0.5) / int(there.sum()))
    return scores


def _narrowed(columns: list[Any]) -> list[Any]:
    if len(columns) <= WIDEST:
        return columns
    kept = np.argsort([-float(np.var(each)) for each in columns], kind="stable")[:WIDEST]
    return [columns[each] for each in sorted(kept)]


def identical_rows(rows: pl.DataFrame, columns: tuple[str, ...]) -> Any:
    """Number of the group of equal rows that each row is in, shape (n,)."""
    keys = rows.select(pl.col(name).cast(pl.String) for name in columns).hash_rows(seed=0)
    return np.unique(keys.to_numpy(), return_inverse=True)[1]


def copies(rows: pl.DataFrame, columns: tuple[str, ...], codes: Any) -> dict[str, float]:
    """Columns whose values stand for the classes one to one, and in which share of the rows (above 0.9).

    Parameters
    ----------
    rows, columns
        Where to look.
    codes
        Classes as whole numbers from 0, shape (n,).
    """
    classes = int(codes.max()) + 1
    found = {}
    for name in columns:
        column = rows[name]
        if column.n_unique() not in (classes, classes + 1):
            continue
        _, values = np.unique(column.cast(pl.String).fill_null("").to_numpy().astype(str), return_inverse=True)
        table = np.bincount(values * classes + codes, minlength=(values.max() + 1) * classes).reshape(-1, classes)
        best = table.argmax(axis=1)
        if len(set(best.tolist())) == classes:
            share = float(table.max(axis=1).sum() / len(codes))
            # Far above what the most frequent class alone would reach.
            if share > max(0.9, 0.5 + 0.5 * float(np.bincount(codes).max() / len(codes))):
                found[name] = share
    return found
