"""Trials: a configuration and how it did on rows that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._answers import Calibration, mean_and_error
from holdfast.automl._learners import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.automl._learners import Fitted
    from holdfast.automl._problem import Problem

NONE = Calibration()
#: Points of a learning curve that are kept.
CURVE = 100


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A configuration and how it did out of fold.

    Parameters
    ----------
    config
        What was tried.
    state
        ``done``, ``pruned`` (clearly worse after some folds), ``cut`` (the time was over), ``failed``, or ``lost`` (its
        process ended).
    score, error
        Mean loss over the held-out rows, after calibration, and its standard error; None unless done.
    seconds, cpu_s
        What all folds took, on the clock of the budget and of the processor.
    rounds
        Rounds to refit with; None for a learner without.
    margin
        Shape (n, outputs): mean held-out margin; NaN for rows never held out. None unless done.
    rows
        Shape (n,): loss of each row, after calibration; NaN for rows never held out. None unless done.
    raw
        Shape (n,): loss of each row as the folds gave it, what a race is run on. None unless done.
    calibration
        Line that the held-out margin asks for.
    size_bytes
        What one fitted model adds to a graph, about.
    curve
        Mean held-out loss by round, at most `CURVE` points.
    steps
        Mean loss after each fold.
    fitted
        The models of the folds, where they are at hand (a trial of another process has none).
    resumed
        Whether it was kept from an earlier run.
    """

    config: Config
    state: str
    score: float | None = None
    error: float | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    rounds: int | None = None
    margin: np.ndarray | None = None
    rows: np.ndarray | None = None
    raw: np.ndarray | None = None
    calibration: Calibration = NONE
    size_bytes: int = 0
    curve: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    reason: str = ""
    fitted: tuple[Fitted, ...] = field(default=(), repr=False)
    resumed: bool = False

    @property
    def trees(self) -> int:
        """Trees that one fitted model has, about; 0 for a learner without."""
        if self.config.learner not in ("lightgbm", "xgboost", "catboost", "extra_trees"):
            return 0
        wide = self.config.learner in ("lightgbm", "xgboost") and self.margin is not None
        return (self.rounds or 0) * (self.margin.shape[1] if wide and self.margin is not None else 1)

    def plain(self) -> dict[str, Any]:
        """Plain data for the record."""
        return {
            "name": self.config.name,
            "learner": self.config.learner,
            "parameters": dict(self.config.params),
            "features": self.config.features,
            "weighting": self.config.weighting,
            "state": self.state,
            "score": self.score,
            "error": self.error,
            "rounds": self.rounds,
            "calibration": [self.calibration.scale, self.calibration.offset],
            "seconds": round(self.seconds, 3),
            "cpu_s": round(self.cpu_s, 3),
            "size_bytes": self.size_bytes,
            "curve": list(self.curve),
            "steps": list(self.steps),
            "resumed": self.resumed,
            **({"reason": self.reason} if self.reason else {}),
        }

    def value(self) -> dict[str, Any]:
        """Plain data and arrays that `from_value` reads: what goes from process to process, and to disk."""
        return {
            "config": self.config.plain(),
            "state": self.state,
            "score": self.score,
            "error": self.error,
            "seconds": self.seconds,
            "cpu_s": self.cpu_s,
            "rounds": self.rounds,
            "calibration": [self.calibration.scale, self.calibration.offset],
            "size_bytes": self.size_bytes,
            "curve": list(self.curve),
            "steps": list(self.steps),
            "reason": self.reason,
            "margin": self.margin,
            "rows": self.rows,
            "raw": self.raw,
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any], *, resumed: bool = False) -> Trial:
        """Read what `value` gave."""
        return cls(
            Config.from_plain(value["config"]),
            value["state"],
            score=value["score"],
            error=value["error"],
            seconds=value["seconds"],
            cpu_s=value["cpu_s"],
            rounds=value["rounds"],
            margin=value["margin"],
            rows=value["rows"],
            raw=value["raw"],
            calibration=Calibration(*value["calibration"]),
            size_bytes=value["size_bytes"],
            curve=tuple(value["curve"]),
            steps=tuple(value["steps"]),
            reason=value["reason"],
            resumed=resumed,
        )


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
        self.lost[held] += self.problem.losses(margin, held)
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


def thinned(curve: np.ndarray) -> tuple[float, ...]:
    """At most `CURVE` points of a curve, its first and last among them."""
    if len(curve) <= CURVE:
        return tuple(float(each) for each in curve)
    chosen = np.unique(np.linspace(0, len(curve) - 1, CURVE).round().astype(int))
    return tuple(float(each) for each in curve[chosen])
