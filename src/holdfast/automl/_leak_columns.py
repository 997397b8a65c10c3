"""Leaks by column: what knows the target as it should not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from holdfast.automl import _alone
from holdfast.automl._leak_look import Finding, Seen, is_key, is_sorted, order_score, target_codes

#: Score (Gini, or share of the variance) of a column alone that is nearly everything, and how far the next one is then.
_PERFECT, _PERFECT_AHEAD = 0.90, 0.10
#: Gini of a column alone that is suspicious where it is this far ahead of the next one, and the others know no more.
_STRONG, _STRONG_AHEAD = 0.50, 0.24
#: Score of the missing values alone.
_MISSING = 0.50
_BEFORE = "leave it out, unless it is known before the target is"
_WITH_TARGET = "leave it out: it is known only with the target"
#: Score of the order of the rows from which an id that follows it is told to predict.
_ORDER = 0.30


def copies(seen: Seen) -> Iterator[Finding]:
    """Columns that are the target under other names, or in another unit."""
    right = "leave it out: it is the target itself"
    if seen.classes:
        classes = target_codes(seen)
        kinds = len(np.unique(classes))
        for name, codes in seen.whole.items():
            pairs = len(np.unique(codes * (int(classes.max()) + 1) + classes))
            if pairs == kinds == len(np.unique(codes)) and kinds > 1:
                yield Finding(name, "copy", 1.0, f"every value of {name} stands for one class", right, "drop")
        return
    for name, values in seen.columns.items():
        if values.dtype != object and _is_line(values.astype(np.float64), seen.target[:, 0]):
            yield Finding(name, "copy", 1.0, f"{name} is the target, or the target in another unit", right, "drop")


def _is_line(values: np.ndarray, target: np.ndarray) -> bool:
    known = np.isfinite(values)
    if known.sum() < 0.99 * len(values):
        return False
    x, y = values[known], target[known]
    if len(np.unique(x)) < 3 or not np.ptp(y) > 0.0:
        return False
    with np.errstate(all="ignore"):
        away, beside = x - x.mean(), y - y.mean()
        fitted = away * (away @ beside) / (away @ away)
        # Inputs are numbers of 32 bits.
        close = np.abs(fitted - beside) <= 2e-6 * (np.abs(y).max() + np.ptp(y))
    return bool(close.mean() > 0.999)


def determining(seen: Seen) -> Iterator[Finding]:
    """Columns of few values, each of one class."""
    if not seen.classes:
        return
    classes = target_codes(seen)
    kinds = int(classes.max()) + 1
    for name, codes in seen.whole.items():
        rows = np.bincount(codes)
        pairs = np.bincount(codes * kinds + classes, minlength=len(rows) * kinds).reshape(len(rows), kinds)
        pure = pairs.max(axis=1).sum() / seen.n
        if len(rows) <= seen.n / 20 and len(np.unique(classes)) > 1 and pure >= 0.999 and seen.scores[name] > _PERFECT:
            yield Finding(
                name,
                "determines",
                float(pure),
                f"the class follows from {name}: each of its {len(rows)} values is of one class",
                _BEFORE,
            )


def parts(seen: Seen) -> Iterator[Finding]:
    """Pairs of numbers of which the target is the sum, the difference, the product or the ratio."""
    if seen.classes:
        return
    names = [n for n, each in seen.columns.items() if each.dtype != object and len(np.unique(each)) > 2]
    rows = np.linspace(0, seen.n - 1, min(seen.n, 500)).astype(np.int64)
    values = {name: seen.columns[name][rows].astype(np.float64) for name in names}
    target = seen.target[rows, 0]
    near = sorted(names, key=lambda name: -seen.scores[name])[:60]
    for index, a in enumerate(near):
        for b in near[index + 1 :]:
            # A target may have been brought to mean 0 and deviation 1: the line through it is looked for.
            for text, each in _made(a, b, values[a], values[b]).items():
                if _is_line(each, target):
                    yield from (Finding(name, "parts", 1.0, f"the target is {text}", _WITH_TARGET) for name in (a, b))


def _made(a: str, b: str, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        return {f"{a} + {b}": x + y, f"{a} - {b}": x - y, f"{a} * {b}": x * y, f"{a} / {b}": x / y, f"{b} / {a}": y / x}


def flags(seen: Seen) -> Iterator[Finding]:
    """Columns of two values, one of which stands for a rare class: what is written down after the fact."""
    if not seen.classes:
        return
    classes = target_codes(seen)
    share = np.bincount(classes) / seen.n
    for name, codes in seen.whole.items():
        if int(codes.max()) != 1:
            continue
        for value in (0, 1):
            rows = classes[codes == value]
            common = int(np.bincount(rows).argmax())
            purity = float((rows == common).mean())
            if share[common] <= 0.5 and purity >= 0.95 and _surprise(rows == common, float(share[common])) > 20.0:
                yield Finding(
                    name,
                    "flag",
                    purity,
                    f"{len(rows)} rows share one of the two values of {name}, and {purity:.1%} of them are of a class "
                    f"that has {share[common]:.1%} of all rows",
                    _BEFORE,
                )


def _surprise(hits: np.ndarray, share: float) -> float:
    """Minus the natural logarithm of the chance that so many rows of a class meet (Chernoff's bound)."""
    n, part = len(hits), float(hits.mean())
    part = min(part, 1.0 - 1e-12)
    divergence = part * np.log(part / share) + (1.0 - part) * np.log((1.0 - part) / (1.0 - share))
    return float(n * divergence)


def missing(seen: Seen) -> Iterator[Finding]:
    """Columns whose gaps alone predict the target."""
    for name, values in seen.columns.items():
        gaps = (values == "" if values.dtype == object else np.isnan(values)).astype(np.int64)
        if not 0 < gaps.sum() < seen.n:
            continue
        score = _alone.score(_alone.predicted(gaps, seen.target, seen.place), seen.target, classes=seen.classes)
        if score >= _MISSING:
            yield Finding(
                name,
                "missing",
                score,
                f"whether {name} is missing predicts the target ({seen.says(score)})",
                "leave it out if it is filled in only once the target is known",
            )


def perfect(seen: Seen) -> Iterator[Finding]:
    """The column that alone predicts nearly everything, far ahead of the next."""
    ranked = [name for name in seen.ranked if not is_key(seen, name)]
    for index, name in enumerate(ranked[:3]):
        ahead = seen.scores[name] - (seen.scores[ranked[index + 1]] if index + 1 < len(ranked) else 0.0)
        if seen.scores[name] < _PERFECT:
            return
        if ahead >= _PERFECT_AHEAD and len(ranked) > 1:
            for leak in ranked[: index + 1]:
                yield Finding(
                    leak,
                    "near_perfect",
                    seen.scores[leak],
                    f"{leak} alone predicts the target nearly perfectly ({seen.says(seen.scores[leak])}); the next "
                    f"column has {seen.says(seen.scores[ranked[index + 1]])}",
                    _BEFORE,
                )
            return


def ahead(seen: Seen) -> Iterator[Finding]:
    """The column that alone knows as much as all the others together, far ahead of the next."""
    ranked = [name for name in seen.ranked if not is_key(seen, name)]
    if not seen.classes or len(ranked) < 3:
        return
    first, second = ranked[0], ranked[1]
    score = seen.scores[first]
    if score < _STRONG or score - max(0.0, seen.scores[second]) < _STRONG_AHEAD:
        return
    others = _together(seen, ranked[1:])
    if score >= others - 0.05:
        yield Finding(
            first,
            "far_ahead",
            score,
            f"{first} alone ({seen.says(score)}) predicts as well as all other columns together "
            f"({seen.says(others)}); the next one alone has {seen.says(seen.scores[second])}",
            "leave it out if it is known only after, or with, the target (the length of a call, the time to an event)",
        )


def _together(seen: Seen, names: list[str]) -> float:
    """Score of a small model of some columns, out of fold."""
    import lightgbm as lgb

    from holdfast.automl._learners.base import quiet

    matrix = np.column_stack([seen.levels[name] for name in names]).astype(np.float64)
    answers = np.zeros_like(seen.target)
    params = {"objective": "regression", "num_leaves": 15, "verbosity": -1, "num_threads": 1, "deterministic": True}
    for fold in np.unique(seen.place):
        held = seen.place == fold
        for column in range(seen.target.shape[1]):
            rows = lgb.Dataset(matrix[~held], seen.target[~held, column], params={"verbosity": -1})
            with quiet():
                answers[held, column] = lgb.train(params, rows, num_boost_round=40).predict(matrix[held], num_threads=1)
    return _alone.score(answers, seen.target, classes=seen.classes)


def ids(seen: Seen) -> Iterator[Finding]:
    """Columns that name rows."""
    order = order_score(seen)
    for name in seen.columns:
        if is_key(seen, name):
            values = seen.columns[name]
            sorted_too = values.dtype != object and is_sorted(values) and order >= _ORDER
            why = f", and the order of the rows predicts the target ({seen.says(order)})" if sorted_too else ""
            yield Finding(
                name,
                "id",
                order if sorted_too else 0.0,
                f"{name} names rows: each has a value of its own{why}",
                "declare it as an id, or leave it out: nothing learnt from it holds for a new row",
            )


CHECKS = (copies, determining, parts, ids, flags, missing, perfect, ahead)
