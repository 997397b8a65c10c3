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
#: Share of the first choice's gain that a further member must bring to be worth its place in the graph.
WORTH = 0.02
#: Steps without a lower loss before the selection ends.
PATIENCE = 6
#: Members whose weight is below this are left out.
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
    """Select greedily, with replacement, from the best trial on: the margin that lowers the mean loss most, each step.

    A further member is taken only while there are fewer than `members` and it brings at least `WORTH` of what the
    ensemble has gained over the constant's... its own first member's loss.

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

    counts = np.zeros(len(found), dtype=int)
    counts[0] = 1
    total, best = margins[0].copy(), loss(margins[0])
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
    weighed = [
        (found[each], kept[each] / kept.sum())
        for each in np.flatnonzero(kept)
        if kept[each] / kept.sum() >= LEAST_WEIGHT
    ]
    scale = sum(weight for _, weight in weighed)
    return ensemble_of(
        problem,
        [trial for trial, _ in weighed],
        [float(weight / scale) for _, weight in weighed],
        how="greedy" if len(weighed) > 1 else "single",
        calibrate=calibrate and len(weighed) > 1,
    )


def stacked(problem: Problem, trials: Sequence[Trial], *, calibrate: bool = True) -> Ensemble | None:
    """Weights, none negative, of the least mean loss for given members (of a greedy selection); None for fewer than two.

    Fitted to the folds in turn, each fold's weights on the other folds' rows, the mean of them taken: weights that were
    fitted to all rows at once would be judged on the rows they came from.
    """
    from scipy.optimize import minimize

    if len(trials) < 2:
        return None
    margins = np.stack([calibrated(trial) for trial in trials])
    seen = np.isfinite(margins).all(axis=(0, 2))
    found = []
    for fold in problem.folds[: max(1, len(problem.folds) // max(1, problem.repeats))]:
        inside = seen.copy()
        inside[fold.held] = False
        index = np.flatnonzero(inside)
        if len(index) < 20:
            continue
        weights = problem.weights[index]

        def loss(point: np.ndarray, index: np.ndarray = index, weights: np.ndarray = weights) -> float:
            made = np.tensordot(point, margins[:, index], axes=1)
            # A breath of pull towards equal weights: they are what is best when nothing is known.
            pull = 1e-3 * float(((point - 1.0 / len(point)) ** 2).sum())
            return float(np.average(problem.losses(made, index), weights=weights)) * (1.0 + pull)

        start = np.full(len(trials), 1.0 / len(trials))
        bounds = [(0.0, 1.5)] * len(trials)
        found.append(minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30}).x)
    if not found:
        return None
    mean = np.mean(found, axis=0)
    if mean.sum() <= 0.0:
        return None
    return ensemble_of(problem, trials, [float(each) for each in mean], how="stacked", calibrate=calibrate)
