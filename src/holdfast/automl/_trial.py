"""Trials: a configuration and how it did on rows that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._answers import Calibration, losses, mean_and_error
from holdfast.automl._learners import Config

if TYPE_CHECKING:
    from holdfast.automl._problem import Problem

NONE = Calibration()


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A configuration and how it did out of fold.

    Parameters
    ----------
    config
        What was tried.
    state
        ``done``, ``pruned`` (clearly worse after some folds), ``cut`` (the time was over) or ``failed``.
    score, error
        Mean loss over the held-out rows, after calibration, and its standard error; None unless done.
    seconds
        What all folds took.
    rounds
        Boosting rounds to refit with; None for a linear model.
    margin
        Shape (n, outputs): mean held-out margin; NaN for rows never held out. None unless done.
    rows
        Shape (n,): loss of each row, after calibration; NaN for rows never held out. None unless done.
    raw
        Shape (n,): loss of each row as the folds gave it, what a race is run on. None unless done.
    calibration
        Line that the held-out margin asks for.
    leaves
        Leaves of a fold's trees, for an estimate of the size.
    """

    config: Config
    state: str
    score: float | None = None
    error: float | None = None
    seconds: float = 0.0
    rounds: int | None = None
    margin: np.ndarray | None = None
    rows: np.ndarray | None = None
    raw: np.ndarray | None = None
    calibration: Calibration = NONE
    leaves: int = 0
    steps: tuple[float, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Plain data for the record."""
        return {
            "name": self.config.name,
            "learner": self.config.learner,
            "parameters": dict(self.config.params),
            "state": self.state,
            "score": self.score,
            "error": self.error,
            "rounds": self.rounds,
            "calibration": [self.calibration.scale, self.calibration.offset],
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True, eq=False)
class Tally:
    """Held-out margins and losses, summed over repeats."""

    problem: Problem
    margins: np.ndarray
    lost: np.ndarray
    times: np.ndarray
    steps: list[float]

    @classmethod
    def of(cls, problem: Problem) -> Tally:
        """Begin an empty tally."""
        return cls(problem, np.zeros((problem.n, problem.outputs)), np.zeros(problem.n), np.zeros(problem.n), [])

    def add(self, held: np.ndarray, margin: np.ndarray) -> None:
        """Add the margin of rows that were held out."""
        self.margins[held] += margin
        self.lost[held] += losses(margin, self.problem.target[held], self.problem.task)
        self.times[held] += 1
        self.steps.append(self.score()[0])

    def margin(self) -> np.ndarray:
        """Mean margin of each row, NaN where it was never held out."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.margins / self.times[:, None])

    def rows(self) -> np.ndarray:
        """Mean loss of each row, NaN where it was never held out."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.lost / self.times)

    def score(self) -> tuple[float, float]:
        """Mean loss of the rows held out so far, and its standard error."""
        seen = self.times > 0
        return mean_and_error(self.lost[seen] / self.times[seen], self.problem.weights[seen])
