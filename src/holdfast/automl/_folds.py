"""Folds: which rows are held out together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows to train on and rows held out, as indices."""

    train: np.ndarray
    held: np.ndarray


def stratified(codes: np.ndarray, folds: int, *, rng: np.random.Generator) -> list[Fold]:
    """Folds with the same share of each stratum, within one row.

    Parameters
    ----------
    codes
        Shape (n,) int: stratum of each row. A stratum of a single row is never held out.
    folds
        How many.
    rng
        Deals the rows out.
    """
    place = np.full(len(codes), -1)
    start = 0
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        if len(members) > 1:
            place[members] = (np.arange(len(members)) + start) % folds
            start += len(members)
    return _by_place(place, folds)


def grouped(groups: np.ndarray, folds: int, *, rng: np.random.Generator) -> list[Fold]:
    """Folds that keep each group whole: the largest group goes to the emptiest fold first."""
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(folds)
    place = np.zeros(len(sizes), dtype=int)
    for group in order:
        place[group] = int(np.argmin(filled))
        filled[place[group]] += sizes[group]
    return _by_place(place[member.ravel()], folds)


def expanding(moments: np.ndarray, folds: int) -> list[Fold]:
    """Folds in time: each is held out with everything before it to train on; equal moments stay together."""
    ranks = np.unique(moments, return_inverse=True)[1].ravel()
    order = np.argsort(ranks, kind="stable")
    edges = [ranks[order[(len(order) * each) // (folds + 1)]] for each in range(1, folds + 1)]
    edges.append(ranks.max() + 1)
    made = []
    for low, high in itertools.pairwise(edges):
        fold = Fold(np.flatnonzero(ranks < low), np.flatnonzero((ranks >= low) & (ranks < high)))
        if len(fold.train) and len(fold.held):
            made.append(fold)
    return made


def quantile_codes(values: np.ndarray, bins: int = 10) -> np.ndarray:
    """Stratum of each number, shape (n,) int: which tenth of the sorted values it is in."""
    # A stratum of one row is never held out: of few rows there are few strata.
    bins = max(1, min(bins, len(values) // 5))
    order = np.argsort(values, kind="stable")
    codes = np.empty(len(values), dtype=int)
    codes[order] = (np.arange(len(values)) * bins) // max(1, len(values))
    return codes


def _by_place(place: np.ndarray, folds: int) -> list[Fold]:
    made = [Fold(np.flatnonzero(place != each), np.flatnonzero(place == each)) for each in range(folds)]
    return [fold for fold in made if len(fold.train) and len(fold.held)]
