"""The choice among the trials: beyond noise better than the best default, and within the promises where one is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration, answers, better
from holdfast.automl._portfolio import DEFAULTS
from holdfast.automl._promises import Constraints, Judged
from holdfast.core.subjects import Scored

if TYPE_CHECKING:
    from holdfast.automl._problem import Problem
    from holdfast.automl._trial import Trial

#: Trials that promises are measured for, at most.
MOST_JUDGED = 12


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The trial taken, what goes behind its margin, and why."""

    trial: Trial
    calibration: Calibration
    threshold: float
    judged: Judged
    notes: tuple[str, ...]


def ranked(trials: list[Trial], weights: np.ndarray) -> tuple[list[Trial], str]:
    """Finished trials in the order to take them, and the reason for the first.

    The best default goes first unless the best trial's gain over it, paired row by row, is more than one standard
    error (Breiman et al. 1984, the one-standard-error rule).
    """
    done = sorted((trial for trial in trials if trial.score is not None), key=lambda trial: trial.score or 0.0)
    if not done:
        return [], "no configuration could be scored in the time"
    best = done[0]
    default = next((trial for trial in done if trial.config.name in DEFAULTS), None)
    if default is None or default is best or default.rows is None or best.rows is None:
        return done, f"{best.config.name!r} has the least held-out loss, {best.score:.5g}"
    seen = np.isfinite(default.rows) & np.isfinite(best.rows)
    gain = default.rows[seen] - best.rows[seen]
    told = f"{best.config.name!r} ({best.score:.5g}) against {default.config.name!r} ({default.score:.5g})"
    if better(gain, weights[seen]):
        return done, f"held-out loss of {told}: more than one standard error better"
    return [
        default,
        *(trial for trial in done if trial is not default),
    ], f"{told}: within noise, so the default is kept"


def choose(
    problem: Problem,
    trials: list[Trial],
    constraints: Constraints,
    *,
    threshold: float | None,
    deadline: float,
) -> Choice | None:
    """Choose the trial to refit, or None when none was finished.

    Parameters
    ----------
    problem
        What was learnt from.
    trials
        All trials.
    constraints
        The promises that can be measured on held-out answers.
    threshold
        Least probability of the positive class to answer with it; None: 0.5, or another one where promises need it.
    deadline
        `time.monotonic` to stop measuring promises at.
    """
    order, reason = ranked(trials, problem.weights)
    if not order:
        return None
    best: Choice | None = None
    for trial in order[:MOST_JUDGED]:
        if best is not None and time.monotonic() >= deadline:
            break
        made = _judge(problem, trial, constraints, threshold=threshold)
        if best is None or made.judged.violation < best.judged.violation:
            best = made
        if best.judged.kept:
            break
    if best is None:
        return None
    return Choice(
        best.trial, best.calibration, best.threshold, best.judged, (reason, *_why(order[0], best, constraints))
    )


def _why(first: Trial, taken: Choice, constraints: Constraints) -> list[str]:
    notes = []
    if taken.trial is not first:
        notes.append(
            f"{taken.trial.config.name!r} was taken instead: it is nearer to keeping every promise out of fold"
        )
    if not taken.trial.calibration.none:
        notes.append(f"margin calibrated: {taken.calibration.scale:.4g} x + {taken.calibration.offset:.4g}")
    if taken.threshold != 0.5:
        notes.append(f"answers positive from probability {taken.threshold:.4g}")
    if constraints.any and taken.judged.kept:
        notes.append("out of fold, every promise that a search can measure is kept")
    elif constraints.any:
        notes.append(
            "no configuration kept every promise out of fold; the nearest is off by: " + "; ".join(taken.judged.broken)
        )
    return notes


def _judge(problem: Problem, trial: Trial, constraints: Constraints, *, threshold: float | None) -> Choice:
    if trial.margin is None:
        return Choice(trial, Calibration(), threshold or 0.5, Judged(np.inf), ())
    seen = np.isfinite(trial.margin).all(axis=1)
    margin = trial.margin[seen]
    calibration = trial.calibration if problem.classifies else Calibration(problem.scale, problem.centre)
    score = answers(margin, problem.task, calibration)
    used = 0.5 if threshold is None else threshold
    leaves = trial.leaves
    judged = constraints.judge(scored_of(problem, seen, score, threshold=used), leaves=leaves)
    if not judged.kept and threshold is None and problem.task == "binary":
        for other in _thresholds(score[:, 1]):
            found = constraints.judge(scored_of(problem, seen, score, threshold=other), leaves=leaves)
            if found.violation < judged.violation - 1e-9:
                used, judged = other, found
            if judged.kept:
                break
    return Choice(trial, calibration, used, judged, ())


def _thresholds(positive: np.ndarray) -> list[float]:
    # Nearest to one half first: the least change that keeps the promises.
    found = np.unique(np.round(np.quantile(positive, np.linspace(0.05, 0.95, 19)), 4))
    inside = found[(found > 0.0) & (found < 1.0)]
    return [float(each) for each in inside[np.argsort(np.abs(inside - 0.5), kind="stable")]]


def scored_of(problem: Problem, seen: np.ndarray, score: np.ndarray, *, threshold: float) -> Scored:
    """`Scored` for the rows that were held out."""
    classes = problem.schema.classes
    decision = None
    if problem.task == "binary":
        decision = np.array(classes, dtype=object)[(score[:, 1] >= threshold).astype(int)]
    elif problem.task == "multiclass":
        decision = np.array(classes, dtype=object)[score.argmax(axis=1)]
    return Scored(
        task=problem.task,
        truth=problem.truth[seen],
        score=score,
        rows=problem.rows.filter(seen),
        decision=decision,
        classes=classes,
        positive=problem.schema.positive,
    )
