"""A column alone: how well it predicts the target, out of fold, without a model."""

from __future__ import annotations

import numpy as np

from holdfast.automl._folds import quantile_codes, stratified

#: Folds, and rows that the mean of all counts for.
_FOLDS, _STRENGTH = 5, 3.0
#: Distinct numbers up to which each is a level of its own, and bins of a column that has more.
_DISTINCT, _BINS = 64, 32


def levels(values: np.ndarray) -> np.ndarray:
    """Level of each row, shape (n,) int64 from 0: its text, its number, or the bin of its number; missing is a level.

    Parameters
    ----------
    values
        Shape (n,): object, or float32 with NaN.
    """
    if values.dtype == object:
        return whole(values)
    missing = np.isnan(values)
    known = values[~missing]
    edges = np.unique(known)
    if len(edges) > _DISTINCT:
        edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, _BINS + 1)[1:-1], method="nearest"))
    return whole(np.where(missing, -1, np.searchsorted(edges, values, side="right")))


def whole(values: np.ndarray) -> np.ndarray:
    """Number of each row's value, shape (n,) int64 from 0 in order of their coming; NaN is one value."""
    if values.dtype != object:
        return np.unique(values, return_inverse=True)[1].ravel().astype(np.int64)
    place: dict[str, int] = {}
    return np.fromiter((place.setdefault(value, len(place)) for value in values), np.int64, count=len(values))


def places(target: np.ndarray, *, classes: bool, rng: np.random.Generator) -> np.ndarray:
    """Fold of each row, shape (n,) int64: the classes, or the tenths of a number, are alike in all.

    Parameters
    ----------
    target
        Shape (n, t).
    classes
        Whether its columns are indicators of classes.
    rng
        Deals the rows out.
    """
    codes = np.where(target.any(axis=1), 1 + target.argmax(axis=1), 0) if classes else quantile_codes(target[:, 0])
    made = np.full(len(target), -1, dtype=np.int64)
    for index, fold in enumerate(stratified(codes, _FOLDS, rng=rng)):
        made[fold.held] = index
    # The single row of a class is held out as well here: nothing is trained on these folds but means.
    made[made < 0] = 0
    return made


def predicted(codes: np.ndarray, target: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Mean of the target by level, from the other folds, shape (n, t); drawn toward the mean of all.

    Parameters
    ----------
    codes
        Shape (n,) int64 from 0: level of each row.
    target
        Shape (n, t).
    place
        Shape (n,): fold of each row.
    """
    size, made = int(codes.max()) + 1, np.zeros_like(target)
    whole_mean = target.mean(axis=0)
    for fold in np.unique(place):
        held = place == fold
        rows = np.bincount(codes[~held], minlength=size)
        for column in range(target.shape[1]):
            sums = np.bincount(codes[~held], weights=target[~held, column], minlength=size)
            means = (sums + _STRENGTH * whole_mean[column]) / (rows + _STRENGTH)
            made[held, column] = means[codes[held]]
    return made


def score(answers: np.ndarray, target: np.ndarray, *, classes: bool) -> float:
    """How well answers (n, t) predict: 1 is perfect, 0 no better than the mean.

    Returns
    -------
    float
        For numbers the share of the variance that is explained. For classes the Gini coefficient, 2 * AUC - 1, of each
        but the first against the rest, weighted by the variance of its indicator.
    """
    if not classes:
        total = float(((target - target.mean(axis=0)) ** 2).sum())
        return 1.0 - float(((answers - target) ** 2).sum()) / total if total > 0.0 else 0.0
    share = target.mean(axis=0)
    weights = share * (1.0 - share)
    if not weights.sum() > 0.0:
        return 0.0
    each = [2.0 * area(answers[:, index], target[:, index]) - 1.0 for index in range(target.shape[1])]
    return float(np.average(each, weights=weights))


def area(answers: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve by the ranks (Mann and Whitney 1947); 0.5 where there is one class only."""
    from scipy.stats import rankdata

    positive = truth > 0.5
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return 0.5
    return float((rankdata(answers)[positive].sum() - many * (many + 1) / 2.0) / (many * few))
