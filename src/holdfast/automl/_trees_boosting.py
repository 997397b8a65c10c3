"""What boosters share: names of parameters, watching the held-out loss, rows by group, a late start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners.base import PATIENCE, Config

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._objectives import Objective
    from holdfast.automl._sheet import Sheet

#: Rows that a model is fitted to where its deadline had passed before it began: a tenth of a second of work.
LATE_ROWS = 5_000


def known(defaults: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Return the parameters of a configuration, with what it does not set.

    Raises
    ------
    ValueError
        If it sets a name that the learner does not have.
    """
    strange = sorted(set(config.params) - set(defaults))
    if strange:
        raise ValueError(f"{config.learner} has no parameter {strange[0]!r}; it has {', '.join(sorted(defaults))}")
    return {**defaults, **config.params}


class Watch:
    """The mean loss on held-out rows, round by round.

    Parameters
    ----------
    objective
        What is minimised.
    held
        Rows to watch.
    patient
        Whether `PATIENCE` rounds without a lower loss are an end.
    """

    def __init__(self, objective: Objective, held: Sheet, *, patient: bool) -> None:
        self._objective, self._held, self._patient = objective, held, patient
        self._losses: list[float] = []
        self._best = (np.inf, 0)

    def ends(self, margin: np.ndarray) -> bool:
        """Take the margin (n, outputs) of one more round; whether waiting for a lower loss is to end."""
        losses = self._objective.losses(margin, self._held)
        self._losses.append(float(np.average(losses, weights=self._held.weights)))
        self._best = min(self._best, (self._losses[-1], len(self._losses)))
        return self._patient and len(self._losses) - self._best[1] >= PATIENCE

    @property
    def curve(self) -> np.ndarray:
        """Mean loss after each round, shape (rounds,)."""
        return np.array(self._losses)


def by_group(sheet: Sheet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order in which the rows of a group stand together (n,); groups' codes then (n,); their mean weights (groups,).

    Raises
    ------
    ValueError
        If the rows have no groups.
    """
    if sheet.group is None:
        raise ValueError("a ranking needs the group of each row")
    order = np.argsort(sheet.group, kind="stable")
    _, codes = np.unique(sheet.group[order], return_inverse=True)
    return order, codes, np.bincount(codes, weights=sheet.weights[order]) / np.bincount(codes)


def begun(train: Sheet, deadline: Deadline, *, kept: str) -> Sheet:
    """Return the rows to fit to: all, or some of them where the deadline passed before anything was `kept` of them."""
    if not deadline.passed or train.n <= LATE_ROWS or kept in train.kept:
        return train
    return train.take(np.linspace(0, train.n - 1, LATE_ROWS).astype(np.int64))
