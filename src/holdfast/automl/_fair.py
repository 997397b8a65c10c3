"""Fairness in a search: weights under which groups say nothing of the label, and thresholds that keep a gap small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable, one_of
from holdfast.core.promises import EVERY_COLUMN

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._promises import Judged
    from holdfast.core.promises import Promise

#: What a missing value of a sensitive column is called; it makes a group of its own.
MISSING = "(missing)"
#: Cuts that a search for a threshold begins with, and thresholds that it judges at most.
COARSE, MOST = 33, 64


def sensitive_columns(promises: Iterable[Promise]) -> tuple[str, ...]:
    """Columns by which promises about answers compare groups, or ask for every slice; sorted, each once.

    A promise compares groups where its measure is of answers and takes columns: ``equalized_odds_difference(sex)``.
    ``*`` names no column.
    """
    found: set[str] = set()
    for promise in promises:
        spec = registry.find("measure", promise.measure)
        if spec is None or spec.subject != "scores":
            continue
        found |= set(promise.by)
        found |= {each for each in promise.args if isinstance(each, str) and each != EVERY_COLUMN}
    return tuple(sorted(found))


def group_codes(rows: pl.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Group of each row, shape (n,) int64: by the value of one column, or by every crossing of several.

    Raises
    ------
    InvalidValue
        If no column is named, or one is twice.
    ColumnNotFound
        If a column is not there.
    """
    if not columns or len(set(columns)) != len(columns):
        raise InvalidValue(f"groups by {list(columns)}", expected="one or more columns, each once")
    for name in columns:
        if name not in rows.columns:
            raise ColumnNotFound(f"no column {name!r} to group by", expected=one_of(rows.columns, name))
    codes = np.zeros(rows.height, dtype=np.int64)
    for name in columns:
        kind = rows.schema[name]
        value = rows.get_column(name).fill_nan(None) if kind.is_float() else rows.get_column(name)
        words = value.cast(pl.String).fill_null(MISSING).to_numpy().astype(str)
        _, own = np.unique(words, return_inverse=True)
        _, codes = np.unique(codes * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return codes.astype(np.int64)


def reweighing(target_codes: np.ndarray, group: np.ndarray, *, weights: np.ndarray | None = None) -> np.ndarray:
    """Weight of each row under which group and class are independent, of mean 1.

    Weighted so, every class has in each group the share that it has in all rows, and each group and each class weighs
    what it did before.

    Parameters
    ----------
    target_codes
        Shape (n,): class of each row.
    group
        Shape (n,): group of each row; crossings of several columns are groups (`group_codes`).
    weights
        Shape (n,) float64, positive: weights that the rows have already; None for equal ones.

    Returns
    -------
    ndarray
        Shape (n,) float64, positive: takes the place of `weights`.

    Raises
    ------
    NotMeasurable
        If there are no rows.
    InvalidValue
        If the lengths differ, or a weight is no positive number.

    References
    ----------
    F. Kamiran, T. Calders (2012), "Data preprocessing techniques for classification without discrimination", Knowledge
    and Information Systems 33, section 5.2: ``P(group) P(class) / P(group, class)``.

    Examples
    --------
    >>> reweighing(np.array([0, 0, 1, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])).tolist()
    [0.75, 0.75, 1.5, 1.5, 0.75, 0.75]
    """
    n = len(target_codes)
    before = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(group) != n or before.shape != (n,):
        raise InvalidValue(f"{n} classes, {len(group)} groups, weights of shape {before.shape}", expected="one length")
    if n == 0:
        raise NotMeasurable("no rows to weigh", expected="at least one row")
    if not (np.isfinite(before).all() and (before > 0.0).all()):
        raise InvalidValue("a weight that is not a positive number", expected="positive, finite weights")
    _, kind = np.unique(target_codes, return_inverse=True)
    _, who = np.unique(group, return_inverse=True)
    total = np.zeros((int(who.max()) + 1, int(kind.max()) + 1))
    np.add.at(total, (who, kind), before)
    expected = np.outer(total.sum(axis=1), total.sum(axis=0)) / total.sum()
    factor = np.divide(expected, total, out=np.ones_like(total), where=total > 0.0)
    # A class that a group never has leaves the group lighter: the mean is brought back to 1.
    made: np.ndarray = before * factor[who, kind]
    return np.asarray(made / made.mean())


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold, how far the promises are from being kept with it, and the share of rows decided rightly."""

    threshold: float
    violation: float
    accuracy: float

    @property
    def kept(self) -> bool:
        """Whether every promise is kept."""
        return self.violation == 0.0


@dataclass(frozen=True, slots=True)
class Cuts:
    """What thresholds can do.

    Parameters
    ----------
    best
        The one nearest to one half that keeps the promises; where none does, the one with the least violation.
    trade
        Thresholds that none is better than in both violation and accuracy, by falling violation.
    judged
        How many were judged.
    complete
        Whether the search ended by itself: no other threshold is better than `best`.
    """

    best: Cut
    trade: tuple[Cut, ...]
    judged: int
    complete: bool


def thresholds(
    positive: np.ndarray,
    truth: np.ndarray,
    *,
    judge: Callable[[float], Judged],
    weights: np.ndarray | None = None,
    most: int = MOST,
    deadline: Deadline | None = None,
) -> Cuts:
    """Search the thresholds of a probability, coarse to fine, for the one nearest to one half that keeps the promises.

    Only thresholds between different probabilities decide differently. One half is judged first, then cuts at
    quantiles; then the gaps beside the best cuts are halved, down to single probabilities; then what is left, nearest
    to one half first, until nothing better can be left, `most` are judged, or the time is over.

    Parameters
    ----------
    positive
        Shape (n,) float64: probability of the positive class.
    truth
        Shape (n,) bool: whether the row is of that class.
    judge
        Threshold -> how far the promises are from being kept, if what is at least the threshold is positive.
    weights
        Shape (n,) float64 for the accuracy; None for equal ones.
    most
        Thresholds to judge at most, at least 1.
    deadline
        Ends it early; one half is judged in any case.

    Raises
    ------
    NotMeasurable
        If there are no rows, or a probability is no number.
    InvalidValue
        If the lengths differ, or `most` is below 1.
    """
    positive = np.asarray(positive, dtype=np.float64)
    if most < 1 or len(truth) != len(positive):
        raise InvalidValue(
            f"{len(positive)} probabilities, {len(truth)} truths, most {most}", expected="one length, and at least 1"
        )
    if len(positive) == 0 or not np.isfinite(positive).all():
        raise NotMeasurable("no probabilities, or one that is no number", expected="finite probabilities")
    cuts = cuts_of(positive)
    rightly = _accuracy(positive, np.asarray(truth, dtype=bool), weights)
    seen: dict[int, Cut] = {}
    complete = True
    for place in _order(cuts, seen):
        if seen and (len(seen) >= most or (deadline is not None and deadline.passed)):
            complete = False
            break
        threshold = float(cuts[place])
        seen[place] = Cut(threshold, judge(threshold).violation, rightly(threshold))
    found = list(seen.values())
    best = min(found, key=lambda each: (each.violation, abs(each.threshold - 0.5), each.threshold))
    return Cuts(best, _trade(found), len(found), complete)


def cuts_of(positive: np.ndarray) -> np.ndarray:
    """Thresholds that decide differently, sorted, one half in the place of the one that decides as it does.

    They are 32-bit numbers strictly within (0, 1), for the graph compares such numbers, and lie in the middle between
    two probabilities.
    """
    values = np.unique(positive)
    middle = ((values[1:] + values[:-1]) / 2.0).astype(np.float32).astype(np.float64)
    apart = middle[(middle > values[:-1]) & (middle <= values[1:])]
    ends = np.array([np.float32(values[0] / 2.0), np.float32((1.0 + values[-1]) / 2.0)], dtype=np.float64)
    ends = ends[[ends[0] <= values[0], ends[1] > values[-1]]]
    made = np.unique(np.concatenate([apart, ends]))
    made = made[(made > 0.0) & (made < 1.0)]
    # Deciding alike: as many probabilities are at least the one as the other.
    same = np.searchsorted(values, made) == np.searchsorted(values, 0.5)
    return np.sort(np.append(made[~same], 0.5))


def _order(cuts: np.ndarray, seen: dict[int, Cut]) -> Iterator[int]:
    """Places to judge, each once; what was `seen` so far decides where to look next."""
    half = int(np.searchsorted(cuts, 0.5))
    yield half
    if seen[half].kept:
        return
    coarse = np.unique(np.linspace(0, len(cuts) - 1, min(COARSE, len(cuts))).astype(np.int64))
    yield from (int(each) for each in coarse if int(each) not in seen)
    while True:
        best = min(seen, key=lambda place: (seen[place].violation, abs(seen[place].threshold - 0.5), place))
        inside = _halves(sorted(seen), best, towards=half if seen[best].kept else None)
        if not inside:
            break
        yield from inside
    for place in np.argsort(np.abs(cuts - 0.5), kind="stable").tolist():
        # What is farther from one half than one that keeps the promises is of no use.
        if any(each.kept and abs(each.threshold - 0.5) <= abs(cuts[place] - 0.5) for each in seen.values()):
            return
        if place not in seen:
            yield place


def _halves(known: list[int], best: int, *, towards: int | None) -> list[int]:
    """Middles of the gaps beside the best place; only of the gap towards one half where the best one is kept."""
    here = known.index(best)
    beside = []
    if here > 0 and (towards is None or towards < best):
        beside.append((known[here - 1], best))
    if here + 1 < len(known) and (towards is None or towards > best):
        beside.append((best, known[here + 1]))
    return [(low + high) // 2 for low, high in beside if high - low > 1]


def _accuracy(positive: np.ndarray, truth: np.ndarray, weights: np.ndarray | None) -> Callable[[float], float]:
    order = np.argsort(positive, kind="stable")
    ordered = positive[order]
    weight = (np.ones(len(positive)) if weights is None else np.asarray(weights, dtype=np.float64))[order]
    hit = truth[order]
    # Rightly negative below the threshold, rightly positive from it on.
    below = np.concatenate([[0.0], np.cumsum(weight * ~hit)])
    above = np.concatenate([np.cumsum((weight * hit)[::-1])[::-1], [0.0]])
    total = float(weight.sum())

    def share(threshold: float) -> float:
        place = int(np.searchsorted(ordered, threshold))
        return float((below[place] + above[place]) / total)

    return share


def _trade(found: Sequence[Cut]) -> tuple[Cut, ...]:
    kept: list[Cut] = []
    for each in sorted(found, key=lambda each: (each.violation, -each.accuracy, abs(each.threshold - 0.5))):
        if not kept or each.accuracy > kept[-1].accuracy:
            kept.append(each)
    return tuple(reversed(kept))
