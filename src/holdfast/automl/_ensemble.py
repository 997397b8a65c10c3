"""Ensembles: few trials whose averaged margins do better out of fold than the best alone.

References
----------
R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes (2004), "Ensemble selection from libraries of models", ICML.
D. Wolpert (1992), "Stacked generalization", Neural Networks 5; L. Breiman (1996), "Stacked regressions", Machine
Learning 24, for weights that are not negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration, mean_and_error, platt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.automl._problem import Problem
    from holdfast.automl._trial import Trial

#: Trials that an ensemble is chosen from, the best ones.
POOL = 25
#: Steps of the greedy selection: a weight is a multiple of their inverse.
STEPS = 24
#: Steps without a lower loss before the selection ends.
PATIENCE = 6
#: Rows that stacked weights need, and the pull towards equal ones.
LEAST_ROWS, PULL = 20, 1e-3
#: Members whose share of the weights is below this are not shipped.
LEAST_WEIGHT = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Trials with weights: what the final model is made of; a single trial is an ensemble of one.

    Parameters
    ----------
    trials, weights
        The members, and what each one's calibrated margin is multiplied with.
    calibration
        Line that is laid over the sum.
    margin
        Shape (n, outputs): held-out margins of the sum, after the line; NaN for rows never held out.
    rows
        Shape (n,): loss of each row.
    score, error
        Mean loss over the held-out rows, and its standard error.
    how
        single, greedy, or stacked.
    """

    trials: tuple[Trial, ...]
    weights: tuple[float, ...]
    calibration: Calibration
    margin: np.ndarray
    rows: np.ndarray
    score: float
    error: float
    how: str

    @property
    def name(self) -> str:
        """Name for a person."""
        if len(self.trials) == 1:
            return self.trials[0].config.name
        return " + ".join(
            f"{weight:.2g} {trial.config.name}" for trial, weight in zip(self.trials, self.weights, strict=True)
        )

    @property
    def size_bytes(self) -> int:
        """What the members add to a graph, about."""
        return sum(trial.size_bytes for trial in self.trials)

    @property
    def terms(self) -> tuple[tuple[float, float], ...]:
        """Scale and offset of each member's own margin in the sum, its own calibration folded in."""
        return tuple(
            (weight * trial.calibration.scale, weight * trial.calibration.offset)
            for trial, weight in zip(self.trials, self.weights, strict=True)
        )


def single(problem: Problem, trial: Trial) -> Ensemble:
    """One trial as an ensemble."""
    return ensemble_of(problem, [trial], [1.0], how="single", calibrate=False)


def ensemble_of(
    problem: Problem, trials: Sequence[Trial], weights: Sequence[float], *, how: str, calibrate: bool
) -> Ensemble:
    """Ensemble of given trials and weights, with the line that its held-out margin asks for."""
    margin = np.sum([weight * calibrated(trial) for trial, weight in zip(trials, weights, strict=True)], axis=0)
    seen = np.isfinite(margin).all(axis=1)
    index = np.flatnonzero(seen)
    line = Calibration()
    if calibrate and problem.classifies:
        line = platt(margin[seen], problem.target[seen], problem.weights[seen], problem.task)
    rows = np.full(problem.n, np.nan)
    rows[seen] = problem.losses(line.line(margin[seen]), index)
    score, error = mean_and_error(rows[seen], problem.weights[seen])
    return Ensemble(tuple(trials), tuple(weights), line, line.line(margin), rows, score, error, how)


def calibrated(trial: Trial) -> np.ndarray:
    """Held-out margin of a trial after its own line, (n, outputs)."""
    return trial.calibration.line(np.asarray(trial.margin))


def pool(trials: Sequence[Trial], *, most: int = POOL) -> list[Trial]:
    """Finished trials to choose from: the best, and of equal ones the smaller first."""
    done = [trial for trial in trials if trial.score is not None and trial.margin is not None]
    return sorted(done, key=lambda trial: (trial.score or 0.0, trial.size_bytes))[:most]


def greedy(
    problem: Problem, trials: Sequence[Trial], *, members: int, steps: int = STEPS, calibrate: bool = True
) -> Ensemble | None:
    """Select greedily, with replacement, from the best margin on: the one that lowers the mean loss most, each step.

    What was best on the way is taken, so it is never worse on these rows than the best alone; of equal ones the first.

    Parameters
    ----------
    problem
        What was learnt from.
    trials
        Trials to choose from.
    members
        Most members.
    steps
        Most steps; a weight is a multiple of the inverse of their number.
    calibrate
        Whether a line is laid over the sum.

    Returns
    -------
    Ensemble or None
        None where nothing was finished.
    """
    found = pool(trials)
    if not found:
        return None
    margins = [calibrated(trial) for trial in found]
    seen = np.logical_and.reduce([np.isfinite(margin).all(axis=1) for margin in margins])
    if not seen.any():
        return single(problem, found[0])
    index = np.flatnonzero(seen)
    weights = problem.weights[seen]
    margins = [margin[seen] for margin in margins]

    def loss(margin: np.ndarray) -> float:
        return float(np.average(problem.losses(margin, index), weights=weights))

    # Not the first of the pool: a trial's score is the mean loss over repeats, not that of its mean margin.
    best, first = min((loss(margin), each) for each, margin in enumerate(margins))
    counts = np.zeros(len(found), dtype=int)
    counts[first] = 1
    total = margins[first].copy()
    kept, kept_loss, since = counts.copy(), best, 0
    for step in range(1, steps):
        chosen = np.flatnonzero(counts)
        open_to = range(len(found)) if len(chosen) < members else chosen
        tried = [(loss((total + margins[each]) / (step + 1)), int(each)) for each in open_to]
        value, which = min(tried)
        counts[which] += 1
        total = total + margins[which]
        if value < kept_loss - 1e-12:
            kept, kept_loss, since = counts.copy(), value, step
        elif step - since >= PATIENCE:
            break
    chosen = np.flatnonzero(kept)
    return ensemble_of(
        problem,
        [found[each] for each in chosen],
        [float(kept[each] / kept.sum()) for each in chosen],
        how="greedy" if len(chosen) > 1 else "single",
        calibrate=calibrate and len(chosen) > 1,
    )


def stacked(problem: Problem, trials: Sequence[Trial], *, calibrate: bool = True) -> Ensemble | None:
    """Weights, none negative, of the least mean loss for given members of a greedy selection; None for fewer than two.

    Fitted to the folds in turn, each fold's weights on the other folds' rows, the mean of them taken: weights that were
    fitted to all rows at once would be judged on the rows they came from. Members whose share of the weights is below
    `LEAST_WEIGHT` are left out, and the others weighed anew.
    """
    left = list(trials)
    while len(left) > 1:
        weights = _stacked(problem, np.stack([calibrated(trial) for trial in left]))
        if weights is None:
            return None
        worth = weights >= LEAST_WEIGHT * weights.sum()
        if worth.all():
            return ensemble_of(problem, left, [float(each) for each in weights], how="stacked", calibrate=calibrate)
        left = [trial for trial, kept in zip(left, worth, strict=True) if kept]
    return None


def _stacked(problem: Problem, margins: np.ndarray) -> np.ndarray | None:
    """Weights (members,) for margins (members, n, outputs); None where there are too few rows, or all weights are 0."""
    from scipy.optimize import minimize

    seen = np.isfinite(margins).all(axis=(0, 2))
    start = np.full(len(margins), 1.0 / len(margins))
    found = []
    for fold in problem.folds[: max(1, len(problem.folds) // max(1, problem.repeats))]:
        inside = seen.copy()
        inside[fold.held] = False
        index = np.flatnonzero(inside)
        if len(index) < LEAST_ROWS:
            continue
        weights, part = problem.weights[index], margins[:, index]
        least = abs(float(np.average(problem.losses(part.mean(axis=0), index), weights=weights)))

        def loss(
            point: np.ndarray,
            index: np.ndarray = index,
            weights: np.ndarray = weights,
            part: np.ndarray = part,
            least: float = least,
        ) -> float:
            made = float(np.average(problem.losses(np.tensordot(point, part, axes=1), index), weights=weights))
            # A breath of pull towards equal weights: they are what is best when nothing is known. (In the unit of the
            # loss, which may be negative.)
            return made + PULL * least * float(((point - start) ** 2).sum())

        bounds = [(0.0, 1.5)] * len(start)
        found.append(minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30}).x)
    mean = np.mean(found, axis=0) if found else np.zeros(len(start))
    return mean if mean.sum() > 0.0 else None
