"""Cells of text as numbers for a model: the same code for the same text, before a repair and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from holdfast.quality.repair import Change

_NUMERIC_SHARE = 0.95
_MOST_CATEGORIES = 200
_MOST_CLASSES = 50
_FEWEST_OF_CLASS = 5
_NUMERIC_CLASSES = 20
_ID_SHARE = 0.5
_SMALL = 50


@dataclass(frozen=True, slots=True)
class Codes:
    """How the text of one column becomes a number.

    Parameters
    ----------
    categories
        Code by text; None where the column holds numbers. What is in neither is missing (NaN).
    """

    categories: dict[str, int] | None

    def of(self, texts: pl.Series) -> NDArray[np.float64]:
        """Numbers, shape (n,); NaN where a cell is empty, or no number or category."""
        if self.categories is None:
            numbers = texts.str.strip_chars().cast(pl.Float64, strict=False)
            found = numbers.fill_null(float("nan")).to_numpy().astype(np.float64)
            return np.where(np.isfinite(found), found, np.nan)
        return (
            texts.replace_strict(self.categories, default=float("nan"), return_dtype=pl.Float64)
            .to_numpy()
            .astype(np.float64)
        )


@dataclass(frozen=True, slots=True)
class Coded:
    """A table as a model takes it.

    Parameters
    ----------
    features
        Shape (n, features), NaN where missing.
    labels
        Shape (n,): the target's number or class; NaN where there is none.
    columns
        Name of each feature.
    codes
        How texts become numbers, by column, the target's with them.
    target
        Name of the target.
    """

    features: NDArray[np.float64]
    labels: NDArray[np.float64]
    columns: tuple[str, ...]
    codes: dict[str, Codes]
    target: str

    @property
    def categorical(self) -> list[int]:
        """Positions of the features that are categories."""
        return [place for place, name in enumerate(self.columns) if self.codes[name].categories is not None]

    @property
    def classes(self) -> int:
        """Number of classes; 0 where the target is a number."""
        return len(self.codes[self.target].categories or ())

    def repaired(self, changes: Sequence[Change]) -> Coded:
        """The same table after some changes."""
        features, labels = self.features.copy(), self.labels.copy()
        for name in {each.column for each in changes} & set(self.codes):
            mine = [each for each in changes if each.column == name]
            values = self.codes[name].of(pl.Series([each.after for each in mine], dtype=pl.String))
            rows = [each.row for each in mine]
            if name == self.target:
                labels[rows] = values
            else:
                features[rows, self.columns.index(name)] = values
        return Coded(features, labels, self.columns, self.codes, self.target)


def coded(cells: pl.DataFrame, changes: Sequence[Change], target: str, clean: NDArray[np.bool_]) -> Coded:
    """Table as a model takes it; whether a column holds numbers is what its clean rows say.

    Parameters
    ----------
    cells
        Shape (n, columns), text.
    changes
        Repairs whose texts need codes as well.
    target
        Column to predict.
    clean
        Shape (n,): the rows to judge a column by.
    """
    after: dict[str, list[str | None]] = {}
    for each in changes:
        after.setdefault(each.column, []).append(each.after)
    codes: dict[str, Codes] = {}
    for name in cells.columns:
        found = _codes(cells[name], after.get(name, []), clean, is_target=name == target)
        if found is not None:
            codes[name] = found
    columns = tuple(name for name in codes if name != target)
    features = np.column_stack([codes[name].of(cells[name]) for name in columns] or [np.empty((cells.height, 0))])
    return Coded(features, codes[target].of(cells[target]), columns, codes, target)


def _codes(column: pl.Series, after: list[str | None], clean: NDArray[np.bool_], *, is_target: bool) -> Codes | None:
    """Codes of a column; None for one that names its rows, from which nothing is learnt."""
    judged = column.filter(pl.Series(clean)).drop_nulls()
    numeric = judged.str.strip_chars().cast(pl.Float64, strict=False).is_not_null().mean() or 0.0
    distinct = judged.n_unique()
    if float(str(numeric)) >= _NUMERIC_SHARE and (not is_target or distinct > _NUMERIC_CLASSES):
        return Codes(None)
    if is_target:
        counts = Counter(judged.to_list())
        often = sorted(name for name, count in counts.most_common(_MOST_CLASSES) if count >= _FEWEST_OF_CLASS)
        return Codes({name: code for code, name in enumerate(often)})
    if distinct > max(_SMALL, _ID_SHARE * len(judged)):
        return None
    common = Counter([*column.drop_nulls().to_list(), *(each for each in after if each is not None)])
    return Codes({name: code for code, (name, _) in enumerate(common.most_common(_MOST_CATEGORIES))})
