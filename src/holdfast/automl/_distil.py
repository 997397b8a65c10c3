"""Distillation: one small model that answers as a large ensemble does, where a promise has no room for the ensemble."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration
from holdfast.automl._bench import Part
from holdfast.automl._learners import Config, Fitted, Setup, learner
from holdfast.automl._objectives.soft import Soft
from holdfast.automl._trial import Tally, Trial

if TYPE_CHECKING:
    from holdfast.automl._bench import Bench
    from holdfast.automl._budget import Deadline
    from holdfast.automl._ensemble import Ensemble
    from holdfast.automl._sheet import Sheet

#: Rounds and leaves of students, from the largest to the smallest.
SIZES = ((300, 31), (150, 15), (80, 8), (30, 6))
#: Bytes of a leaf in the graph, about.
_LEAF = 80


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A student: its trial, and how to fit it to all rows."""

    trial: Trial
    objective: Soft


def student(bench: Bench, teacher: Ensemble, *, most_bytes: float, deadline: Deadline) -> Student | None:
    """Train the largest student that fits into so many bytes, and score it out of fold; None where time is over.

    In each fold the student learns from the teacher's held-out margins of the fold's training rows. Those came from
    models that had seen other rows of the fold, so the student's score is a little kind; the gates judge it anew.

    Parameters
    ----------
    bench
        What it is fitted on; the student is a LightGBM on the plain columns.
    teacher
        The ensemble.
    most_bytes
        Room in the graph.
    deadline
        To be done by.
    """
    problem = bench.problem
    seen = np.isfinite(teacher.margin).all(axis=1)
    rounds, leaves = next(
        (size for size in SIZES if size[0] * size[1] * problem.outputs * _LEAF <= most_bytes), SIZES[-1]
    )
    config = Config(f"student of {teacher.name}", "lightgbm", {"num_leaves": leaves, "learning_rate": 0.1}, rounds)
    objective = Soft(problem.objective, np.where(seen[:, None], teacher.margin, 0.0))
    tally = Tally.of(problem)
    fits: list[Fitted] = []
    for fold in problem.folds:
        train = fold.train[seen[fold.train]]
        fitted = _fit(bench, config, objective, train, deadline=deadline)
        fits.append(fitted)
        tally.add(fold.held, fitted.margin(_sheet(bench, config, fold.held).matrix))
        if deadline.passed:
            return None
    trial = Trial(
        config,
        "done",
        rounds=rounds,
        margin=tally.margin(),
        raw=tally.rows(),
        size_bytes=int(np.mean([fitted.size() for fitted in fits])),
        steps=tuple(tally.steps),
        calibration=Calibration(),
    )
    return Student(bench.calibrated(trial), objective)


def refit(bench: Bench, made: Student, *, deadline: Deadline) -> Part:
    """Fit a student to the teacher's margins of all rows."""
    config = made.trial.config
    rows = np.arange(bench.problem.n)
    fitted = _fit(bench, config, made.objective, rows, deadline=deadline)
    return Part(bench.whole(config)[0], fitted, fitted.rounds)


def _sheet(bench: Bench, config: Config, rows: np.ndarray) -> Sheet:
    # Row numbers stand in the target: that is how the soft objective finds the teacher's answers.
    whole = bench.whole(config)[1]
    return whole.with_target(np.arange(bench.problem.n, dtype=np.float64)).take(rows)


def _fit(bench: Bench, config: Config, objective: Soft, rows: np.ndarray, *, deadline: Deadline) -> Fitted:
    sheet = _alone(_sheet(bench, config, rows))
    encoding = bench.whole(config)[0]
    setup = Setup(objective, bench.setup.seed, bench.setup.threads, bench.signs(encoding))
    return learner(config.learner).fit(config, sheet, setup, deadline=deadline)


def _alone(sheet: Sheet) -> Sheet:
    """Return the sheet on its own: nothing of the whole is binned for it."""
    return replace(sheet, parent=None, rows=None, kept={})
