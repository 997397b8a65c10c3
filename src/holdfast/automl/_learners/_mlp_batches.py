"""Batches of rows, and the slopes of their losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._sheet import Sheet

if TYPE_CHECKING:
    from holdfast.automl._learners.base import Setup
    from holdfast.automl._objectives import Objective

#: Rows of a round, at least and at most.
LEAST_ROUND, MOST_ROUND = 1024, 32_768
#: Share of the rows that is watched where nothing is held out.
INNER = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some rows, as often as there are members."""

    matrix: np.ndarray
    sheet: Sheet
    objective: Objective

    def slope(self, margins: np.ndarray) -> np.ndarray:
        """Derivative of the weighted loss by margins (members, rows, outputs), float32."""
        flat = margins.reshape(self.sheet.n, -1).astype(np.float64)
        first = self.objective.gradients(flat, self.sheet)[0] * self.sheet.weights[:, None]
        return np.asarray(first.reshape(margins.shape), dtype=np.float32)


class Batches:
    """Rows in ever new orders; whole queries where rows are ranked.

    Parameters
    ----------
    train
        The rows.
    objective
        What is minimised.
    most
        Greatest number of rows of a batch; fewer where there are few rows, so that a pass has eight steps.
    members
        How often each row is asked.
    """

    def __init__(self, train: Sheet, objective: Objective, *, most: int, members: int) -> None:
        self._train, self._objective, self._members = train, objective, members
        self._weights = train.weights / train.weights.mean()
        self._units: list[np.ndarray] | None = None
        if objective.name == "ranking" and train.group is not None:
            order = np.argsort(train.group, kind="stable")
            edges = np.flatnonzero(np.diff(train.group[order])) + 1
            self._units = np.split(order, edges)
        self._most = min(most, max(16, train.n // 8))
        self._waiting = np.zeros(0, dtype=np.int64)

    @property
    def most_rows(self) -> int:
        """Greatest number of rows that a batch can have."""
        return self._most if self._units is None else self._most + max(len(each) for each in self._units)

    def round(self, shuffled: Callable[[int], np.ndarray]) -> Iterator[Batch]:
        """Batches of a round; `shuffled` gives an order of so many units."""
        rows = min(max(self._train.n, LEAST_ROUND), MOST_ROUND)
        for _ in range(math.ceil(rows / self._most)):
            yield self._batch(self._next(shuffled))

    def _next(self, shuffled: Callable[[int], np.ndarray]) -> np.ndarray:
        if self._units is None:
            while len(self._waiting) < self._most:
                self._waiting = np.concatenate([self._waiting, shuffled(self._train.n)])
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            return taken
        taken_units: list[np.ndarray] = []
        while sum(len(each) for each in taken_units) < self._most:
            if not len(self._waiting):
                self._waiting = shuffled(len(self._units))
            taken_units.append(self._units[self._waiting[0]])
            self._waiting = self._waiting[1:]
        return np.concatenate(taken_units)

    def _batch(self, rows: np.ndarray) -> Batch:
        train, members = self._train, self._members
        group = None
        if train.group is not None:
            # A query of each member is one of its own.
            _, codes = np.unique(train.group[rows], return_inverse=True)
            group = (codes + (int(codes.max()) + 1) * np.arange(members)[:, None]).ravel()
        sheet = Sheet(
            np.zeros((len(rows) * members, 0), dtype=np.float32),
            np.tile(train.target[rows], members),
            np.tile(self._weights[rows], members),
            group=group,
            event=None if train.event is None else np.tile(train.event[rows], members),
        )
        return Batch(train.matrix[rows], sheet, self._objective)


def inner_split(train: Sheet, setup: Setup) -> tuple[Sheet, Sheet]:
    """Rows to learn from and rows to watch: each class in its proportion, whole groups where there are any."""
    rng = np.random.default_rng(setup.seed)
    if train.group is not None:
        groups = rng.permutation(np.unique(train.group))
        held = np.isin(train.group, groups[: max(1, round(INNER * len(groups)))])
    else:
        order = rng.permutation(train.n)
        line = order[np.argsort(train.target[order], kind="stable")]
        held = np.zeros(train.n, dtype=bool)
        held[line[:: round(1.0 / INNER)]] = True
    if held.all() or not held.any():
        return train, train
    return train.take(np.flatnonzero(~held)), train.take(np.flatnonzero(held))
