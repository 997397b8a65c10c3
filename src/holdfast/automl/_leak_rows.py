"""Leaks by row: rows that know each other, and what says so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from holdfast.automl import _alone
from holdfast.automl._leak_look import (
    KEY,
    TIME,
    Finding,
    Seen,
    is_moment,
    is_sorted,
    is_whole,
    order_score,
    reads,
    target_codes,
)

#: Share of equal rows, and rows by chance, from which duplicates are told.
_DUPLICATES, _BY_CHANCE = 0.01, 0.01
#: Share of a target's variance that lies between the values of a group-like column.
_BETWEEN = 0.80
#: Score of the order of the rows: from where it is told, and from where they were just sorted by the target.
_ORDER, _SORTED = 0.30, 0.95
#: Share of twins in features that must be twins in the target too, to be copies.
_AGREE = 0.98


def order(seen: Seen) -> Iterator[Finding]:
    """Rows whose order predicts the target."""
    score = order_score(seen)
    if _ORDER <= score < _SORTED:
        yield Finding(
            "",
            "row_order",
            score,
            f"the order of the rows predicts the target ({seen.says(score)}): they are sorted by time, or by where "
            "they are from",
            "if so, name the column of the time or of the place: rows of another time or place will score lower",
        )


def duplicates(seen: Seen) -> Iterator[Finding]:
    """Rows alike in features and target, more than chance brings together."""
    codes = np.column_stack(list(seen.whole.values()))
    classes = _alone.whole(seen.target[:, 0].astype(np.float32)) if not seen.classes else target_codes(seen)
    alike = np.unique(codes, axis=0, return_inverse=True)[1].ravel()
    same = np.unique(np.column_stack([alike, classes]), axis=0, return_inverse=True)[1].ravel()
    twins, copies = np.bincount(alike)[alike] > 1, np.bincount(same)[same] > 1
    # Rows of few common values meet by chance; independent columns say how often, sentences never.
    chance = np.full(seen.n, np.log(seen.n))
    for name, each in seen.whole.items():
        chance += -2.0 * np.log(seen.n) if reads(seen.columns[name]) else np.log(np.bincount(each)[each] / seen.n)
    rare = chance < np.log(_BY_CHANCE)
    share = float((copies & rare).mean())
    # Twins by chance differ in the target now and then; copies do not.
    if share >= _DUPLICATES and (copies & rare).sum() >= _AGREE * (twins & rare).sum():
        yield Finding(
            "",
            "duplicates",
            share,
            f"{share:.1%} of the rows have a twin, alike in every feature and in the target",
            "keep each one once, or keep twins in one fold: a fold that was trained on the twin is no test",
        )


def groups(seen: Seen) -> Iterator[Finding]:
    """Columns whose values name groups of rows: patients, machines, customers."""
    n = seen.full.n
    for name in seen.columns:
        values = seen.full.tensors[name].ravel()
        if name in seen.dates or not (is_whole(values) if values.dtype != object else not reads(values)):
            continue
        codes = _alone.whole(values)
        distinct = int(codes.max()) + 1
        if not 10 <= distinct <= n / 1.2:
            continue
        between = _between(codes, seen.full.target)
        blocks = 1 + int((np.diff(codes) != 0).sum()) == distinct <= n / 3 and not TIME.search(name)
        why = ""
        if between >= _BETWEEN and 30 <= distinct <= n / 3:
            why = "the target is alike among rows of one"
        elif blocks:
            why = "rows of one stand together"
        elif KEY.search(name) and distinct >= n / 20:
            why = "it is named as a key"
        if why:
            yield Finding(
                name,
                "group",
                max(0.0, between),
                f"{name} has {distinct} values for {n} rows, and {why}: folds that part them learn the test rows",
                f"split by group: {name}, if the model will meet new values of it",
            )


def _between(codes: np.ndarray, target: np.ndarray) -> float:
    """Share of the target's variance that lies between groups, less what chance gives (the intraclass correlation).

    References
    ----------
    R. A. Fisher (1925), "Statistical Methods for Research Workers", chapter VII; unequal groups after Donner (1986).
    """
    rows = np.bincount(codes)
    n, count = len(codes), len(rows)
    if count < 2 or n <= count:
        return 0.0
    usual = (n - float(rows @ rows) / n) / (count - 1)
    shares = []
    for column in target.T:
        means = np.bincount(codes, weights=column) / rows
        between = float(rows @ (means - column.mean()) ** 2) / (count - 1)
        within = float(((column - means[codes]) ** 2).sum()) / (n - count)
        total = between + (usual - 1.0) * within
        shares.append((between - within) / total if total > 0.0 else 0.0)
    return float(np.mean(shares))


def times(seen: Seen) -> Iterator[Finding]:
    """Columns that say when: dates, and numbers that the rows are sorted by and that are named so."""
    for name, values in seen.columns.items():
        if values.dtype == object:
            says = is_moment(values)
        else:
            known = values[~np.isnan(values)]
            sorted_by = bool(TIME.search(name)) and is_sorted(known)
            says = (name in seen.dates or sorted_by) and len(np.unique(known)) >= 10
        if says:
            yield Finding(
                name,
                "time",
                max(0.0, seen.scores[name]),
                f"{name} says when a row was made",
                f"split by time: {name}, if the model will answer for later rows than those it learns from",
            )


CHECKS = (duplicates, groups, times, order)
