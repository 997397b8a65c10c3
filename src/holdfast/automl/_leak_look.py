"""What the checks for leaks look at, what they find, and what names and orders say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl import _alone
from holdfast.core.models import CLASSIFICATION

if TYPE_CHECKING:
    from holdfast.automl._features.base import Table

#: Names of keys, and of times; dates as ISO 8601 writes them.
KEY = re.compile(r"(^|[_\s.-])(id|ids|uuid|guid|key|nr|nbr|no|num|number|index|idx|instant|rownum|udi)$", re.IGNORECASE)
ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]|$)")
TIME = re.compile(r"(^|[_\s.-])(date|time|timestamp|datetime|day|week|year|ts|period|instant)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that makes a score out of fold better than what will come.

    Parameters
    ----------
    column
        Column that it concerns; "" for the rows as a whole.
    kind
        One of `OF_COLUMNS` or `OF_ROWS`.
    score
        How strong it is, from 0 to 1; what of, the sentence says.
    sentence
        What was seen.
    right
        What would be right.
    action
        ``warn``, or ``drop``: an exact copy of the target.
    """

    column: str
    kind: str
    score: float
    sentence: str
    right: str
    action: str = "warn"

    def plain(self) -> dict[str, str | float]:
        """Plain data for a report."""
        return {
            "column": self.column,
            "kind": self.kind,
            "score": self.score,
            "why": self.sentence,
            "right": self.right,
            "action": self.action,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What every check looks at.

    Parameters
    ----------
    full
        The first rows, all of them side by side: what groups are looked for in.
    columns, whole, levels, scores
        Of each column of the rows that were drawn: its values (n,), the number of each row's value, the number of its
        level or bin, and how well the level alone predicts the target out of fold.
    target
        Shape (n, t) float64.
    classes
        Whether the target's columns are indicators of classes.
    dates
        Columns of days since 1970.
    place
        Shape (n,): fold of each row.
    """

    full: Table
    columns: dict[str, np.ndarray]
    target: np.ndarray
    classes: bool
    dates: tuple[str, ...]
    whole: dict[str, np.ndarray]
    levels: dict[str, np.ndarray]
    place: np.ndarray
    scores: dict[str, float]

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.target)

    @property
    def ranked(self) -> list[str]:
        """Columns by falling score, without dates."""
        named = [name for name in self.scores if name not in self.dates]
        return sorted(named, key=lambda name: (-self.scores[name], name))

    def says(self, score: float) -> str:
        """Score in words."""
        return f"AUC {(score + 1.0) / 2.0:.3f}" if self.classes else f"R2 {score:.3f}"


def look(table: Table, full: Table, dates: tuple[str, ...], rng: np.random.Generator) -> Seen:
    """Look at every column once."""
    classes = table.schema.task in CLASSIFICATION
    target = np.asarray(table.target, dtype=np.float64)
    place = _alone.places(target, classes=classes, rng=rng)
    columns = {name: table.tensors[name].ravel() for name in table.schema.names}
    levels = {name: _alone.levels(each) for name, each in columns.items()}
    scores = {
        name: _alone.score(_alone.predicted(codes, target, place), target, classes=classes)
        for name, codes in levels.items()
    }
    whole = {name: _alone.whole(each) for name, each in columns.items()}
    return Seen(full, columns, target, classes, dates, whole, levels, place, scores)


def target_codes(seen: Seen) -> np.ndarray:
    """Class of each row, shape (n,) int64 from 0."""
    return np.where(seen.target.any(axis=1), 1 + seen.target.argmax(axis=1), 0)


def is_key(seen: Seen, name: str) -> bool:
    """Whether a column names rows: text or whole numbers, each value of one row, and its name or its order says so."""
    values = seen.columns[name]
    if name in seen.dates or reads(values):
        return False
    if int(seen.whole[name].max()) + 1 < 0.99 * seen.n:
        return False
    if values.dtype == object:
        return not is_moment(values)
    return is_whole(values) and (bool(KEY.search(name)) or is_sorted(values))


def is_sorted(values: np.ndarray) -> bool:
    """Whether rows are in the order of a column; one in a thousand may be out of it."""
    return len(values) > 1 and float(np.mean(values[1:] >= values[:-1])) >= 0.999


def is_moment(values: np.ndarray) -> bool:
    """Whether texts are dates, written as ISO 8601 has them."""
    told = [each for each in values.tolist() if each]
    return bool(told) and sum(bool(ISO.match(each)) for each in told) >= 0.95 * len(told)


def is_whole(values: np.ndarray) -> bool:
    """Whether numbers are whole, none missing or infinite."""
    return bool(np.all(np.isfinite(values)) and np.all(values == np.floor(values)))


def reads(values: np.ndarray) -> bool:
    """Whether texts read like sentences."""
    if values.dtype != object:
        return False
    told = [each for each in values.tolist() if each]
    return bool(told) and float(np.mean([len(each.split()) for each in told])) > 3.0


def order_score(seen: Seen) -> float:
    """How well the place of a row, in 32 steps, predicts the target out of fold."""
    codes = (np.arange(seen.n) * 32) // seen.n
    return _alone.score(_alone.predicted(codes, seen.target, seen.place), seen.target, classes=seen.classes)
