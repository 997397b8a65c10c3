"""Distillation: one small model that answers as a large ensemble does, where a promise has no room for the ensemble.

References
----------
C. Bucila, R. Caruana, A. Niculescu-Mizil (2006), "Model compression", KDD: rows that are made up, and labelled by the
ensemble, teach what the few real ones cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl import _encoding
from holdfast.automl._bench import Part, upto
from holdfast.automl._final import Final, Member
from holdfast.automl._learners import Config, Fitted, Setup, learner
from holdfast.automl._objectives.soft import Soft
from holdfast.automl._sheet import Sheet
from holdfast.automl._trees import LEAF_BYTES
from holdfast.automl._trial import Tally, Trial

if TYPE_CHECKING:
    from holdfast.automl._bench import Bench
    from holdfast.automl._budget import Deadline
    from holdfast.automl._ensemble import Ensemble

#: Leaves of a student's trees, from the smallest; most rounds, and fewest.
LEAVES, MOST_ROUNDS, LEAST_ROUNDS = (4, 8, 15, 31), 300, 3
#: Rounds from which a tree of so many leaves is worth having: fewer and larger trees are worse than more and smaller.
WORTH_ROUNDS = 60
#: What a graph has besides trees and encoder (the outputs, the labels), and what estimates of sizes may be off by.
FRAME_BYTES, SPARE = 1500, 0.9
#: Made-up rows for each real one, and most of them; the probability that a cell comes from another row.
MADE_UP, MOST_MADE_UP, SWAPPED = 2, 20_000, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A student: its trial, and the ensemble that taught it."""

    trial: Trial
    teacher: Ensemble


def student(bench: Bench, teacher: Ensemble, *, most_bytes: float, deadline: Deadline) -> Student | None:
    """Train the largest student that fits into so many bytes, and score it out of fold.

    In each fold the student learns what the ensemble of that fold's models answers to the fold's training rows, and to
    rows made up of their cells; so neither has seen the rows that it is scored on.

    Parameters
    ----------
    bench
        What it is fitted on; the student is a LightGBM on the plain columns.
    teacher
        The ensemble. Members whose fitted models are not at hand are fitted anew.
    most_bytes
        Size that the graph may have.
    deadline
        To be done by.

    Returns
    -------
    Student or None
        None where time is over, or a graph has no room for any tree.
    """
    problem = bench.problem
    config = _config(bench, teacher, most_bytes)
    taught = None if config is None else _at_hand(bench, teacher, deadline)
    if config is None or taught is None:
        return None
    tally = Tally.of(problem)
    fits: list[Fitted] = []
    whole = bench.whole(config)[1].matrix
    for index, fold in enumerate(problem.folds):
        if deadline.passed:
            return None
        fits.append(_fit(bench, config, _final(bench, taught, (index,)), fold.train, deadline=deadline))
        tally.add(fold.held, fits[-1].margin(whole[fold.held]))
    if deadline.passed:
        return None
    encoder = _encoder_bytes(bench, config)
    trial = Trial(
        config,
        "done",
        rounds=config.rounds,
        margin=tally.margin(),
        raw=tally.rows(),
        # The whole graph: nothing else is in it.
        size_bytes=encoder + FRAME_BYTES + max(fitted.size() for fitted in fits),
        steps=tuple(tally.steps),
    )
    return Student(bench.calibrated(trial), taught)


def refit(bench: Bench, made: Student, *, deadline: Deadline) -> Part:
    """Fit a student to what the ensemble of all folds' models answers to all rows, and to made-up rows."""
    config, problem = made.trial.config, bench.problem
    final = _final(bench, made.teacher, tuple(range(len(problem.folds))))
    fitted = _fit(bench, config, final, np.arange(problem.n), deadline=deadline)
    return Part(bench.whole(config)[0], fitted, fitted.rounds)


def _config(bench: Bench, teacher: Ensemble, most_bytes: float) -> Config | None:
    """Return the student's configuration: as many rounds of as many leaves as there is room for."""
    config = Config(f"student of {teacher.name}", "lightgbm")
    room = SPARE * (most_bytes - FRAME_BYTES - _encoder_bytes(bench, config))
    each = LEAF_BYTES * bench.problem.outputs
    leaves = max((count for count in LEAVES if room >= WORTH_ROUNDS * count * each), default=LEAVES[0])
    rounds = min(MOST_ROUNDS, int(room // (leaves * each)))
    if rounds < LEAST_ROUNDS:
        return None
    params = {"num_leaves": leaves, "learning_rate": float(np.clip(25.0 / rounds, 0.1, 0.3))}
    return replace(config, params=params, rounds=rounds)


def _encoder_bytes(bench: Bench, config: Config) -> int:
    return len(_encoding.graph(bench.problem.schema, bench.whole(config)[0]).SerializeToString())


def _at_hand(bench: Bench, teacher: Ensemble, deadline: Deadline) -> Ensemble | None:
    """Return the ensemble with the models of its folds; None where time is over before they are fitted."""
    trials = []
    for trial in teacher.trials:
        found = trial if trial.fitted else bench.run(trial.config, deadline=deadline, hopeless=lambda _: False)
        if not found.fitted:
            return None
        trials.append(replace(trial, fitted=found.fitted))
    return replace(teacher, trials=tuple(trials))


def _final(bench: Bench, teacher: Ensemble, folds: tuple[int, ...]) -> Final:
    """Return the ensemble of some folds' models, as it would be shipped."""
    members = []
    for trial, (scale, offset) in zip(teacher.trials, teacher.terms, strict=True):
        encoding = bench.whole(trial.config)[0]
        fits = [trial.fitted[index] for index in folds]
        parts = tuple(Part(encoding, fitted, upto(fitted, trial.rounds)) for fitted in fits)
        members.append(Member(parts, scale, offset))
    return Final(bench.problem.schema, bench.problem.objective, tuple(members), teacher.calibration)


def _fit(bench: Bench, config: Config, final: Final, rows: np.ndarray, *, deadline: Deadline) -> Fitted:
    """Fit a student to what a model answers to some rows, and to made-up ones."""
    problem, encoding = bench.problem, bench.whole(config)[0]
    real = {name: each[rows] for name, each in problem.tensors.items()}
    tensors, source = _made_up(real, rng=np.random.default_rng([bench.setup.seed, 40]))
    objective = Soft(problem.objective, final.calibration.line(final.margin(tensors)))
    # Row numbers stand in the target: that is how the soft objective finds the teacher's answers.
    sheet = Sheet(
        _encoding.encode(_encoding.graph(problem.schema, encoding), tensors),
        np.arange(len(source), dtype=np.float64),
        problem.weights[rows][source],
    )
    setup = Setup(objective, bench.setup.seed, bench.setup.threads, bench.signs(encoding))
    return learner(config.learner).fit(config, sheet, setup, deadline=deadline)


def _made_up(
    tensors: Mapping[str, np.ndarray], *, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows with made-up ones behind them, and the row that each comes from: some of its cells are another row's."""
    n = len(next(iter(tensors.values())))
    count = min(MADE_UP * n, MOST_MADE_UP)
    source = np.concatenate([np.arange(n), rng.integers(0, n, size=count)])
    other = rng.integers(0, n, size=count)
    made = {}
    for name, column in tensors.items():
        swapped = source.copy()
        swapped[n:] = np.where(rng.random(count) < SWAPPED, other, source[n:])
        made[name] = column[swapped]
    return made, source
