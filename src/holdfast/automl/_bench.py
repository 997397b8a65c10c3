"""The bench: matrices and datasets of a problem, made once, and the fitting of configurations on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _encoding
from holdfast.automl._answers import losses, mean_and_error, platt
from holdfast.automl._learners import (
    MOST_ROUNDS,
    Boosted,
    Config,
    Curve,
    Linear,
    boost,
    dataset_params,
    fit_linear,
    lightgbm_params,
    quiet,
)
from holdfast.automl._trial import NONE, Tally, Trial

if TYPE_CHECKING:
    from holdfast.automl._problem import Problem


@dataclass(slots=True, eq=False)
class Bench:
    """Matrices and fold datasets of a problem, made once, and the fitting of configurations on them."""

    problem: Problem
    seed: int
    threads: int
    most_rounds: int = MOST_ROUNDS
    calibrate: bool = True
    _matrices: dict[str, tuple[_encoding.Encoding, np.ndarray]] = field(default_factory=dict)
    _whole: Any = None
    _sets: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def matrix(self, kind: str) -> tuple[_encoding.Encoding, np.ndarray]:
        """Make the encoding of a kind, and the training matrix (n, d) that it makes."""
        if kind not in self._matrices:
            fitted = _encoding.fit(kind, self.problem.schema, self.problem.tensors)
            encoded = _encoding.encode(_encoding.graph(self.problem.schema, fitted), self.problem.tensors)
            means = np.average(encoded, axis=0, weights=self.problem.weights) if kind == "linear" else None
            self._matrices[kind] = replace(fitted, means=means), encoded
        return self._matrices[kind]

    def dataset(self) -> Any:
        """LightGBM dataset of all rows, binned once."""
        if self._whole is None:
            import lightgbm as lgb

            matrix = self.matrix("tree")[1]
            whole = lgb.Dataset(
                matrix, self.problem.target, weight=self.problem.weights, params=dataset_params(), free_raw_data=False
            )
            with quiet():
                self._whole = whole.construct()
        return self._whole

    def sets(self, index: int) -> tuple[Any, Any]:
        """LightGBM datasets of a fold: to train on, and held out."""
        if index not in self._sets:
            fold = self.problem.folds[index]
            whole = self.dataset()
            with quiet():
                self._sets[index] = whole.subset(fold.train).construct(), whole.subset(fold.held).construct()
        return self._sets[index]

    def params(self, config: Config) -> dict[str, Any]:
        """Parameters for LightGBM."""
        signs = self.problem.monotone
        columns = self.matrix("tree")[0].columns
        return lightgbm_params(
            config,
            task=self.problem.task,
            outputs=self.problem.outputs,
            seed=self.seed,
            threads=self.threads,
            monotone=[signs.get(name, 0) for name in columns] if signs else None,
        )

    def refit(self, config: Config, *, rounds: int | None, deadline: float) -> Boosted | Linear:
        """Fit the configuration to all rows."""
        if config.learner == "linear":
            return self._fit_linear(config, np.arange(self.problem.n))
        return boost(
            self.params(config),
            self.dataset(),
            outputs=self.problem.outputs,
            rounds=rounds or config.rounds or 100,
            deadline=deadline,
        ).model

    def _fit_linear(self, config: Config, rows: np.ndarray) -> Linear:
        problem = self.problem
        return fit_linear(
            config,
            self.matrix("linear")[1][rows],
            problem.target[rows],
            problem.weights[rows],
            task=problem.task,
            outputs=problem.outputs,
            seed=self.seed,
        )

    def run(self, config: Config, *, deadline: float, hopeless: Callable[[np.ndarray], bool]) -> Trial:
        """Score a configuration out of fold.

        Parameters
        ----------
        config
            What to try.
        deadline
            `time.monotonic` to be done by.
        hopeless
            Told the loss of each row so far (NaN where not yet held out); True ends the trial.
        """
        start = time.monotonic()
        problem = self.problem
        tally = Tally.of(problem)
        curves: list[Curve] = []
        margins: list[np.ndarray] = []
        made: list[int] = []
        for index, fold in enumerate(problem.folds):
            if config.learner == "linear":
                fitted = self._fit_linear(config, fold.train)
                tally.add(fold.held, fitted.margin(self.matrix("linear")[1][fold.held]))
            else:
                # A fold has its share of the time left, and the refit that may follow half as much again: a
                # configuration that has no time for all its rounds is scored with fewer, not thrown away.
                now = time.monotonic()
                share = (deadline - now) / (len(problem.folds) - index + 1.5)
                curves.append(self._curve(config, index, now + share))
                best = _best_rounds(curves[-1:], config)
                margins.append(curves[-1].model.margin(self.matrix("tree")[1][fold.held], rounds=best))
                made.append(best)
                tally.add(fold.held, margins[-1])
            if index + 1 < len(problem.folds):
                if time.monotonic() >= deadline:
                    return Trial(config, "cut", seconds=time.monotonic() - start)
                if hopeless(tally.rows()):
                    steps = tuple(tally.steps)
                    return Trial(config, "pruned", seconds=time.monotonic() - start, steps=steps)
        rounds, leaves = None, 0
        if curves:
            if time.monotonic() >= deadline:
                return Trial(config, "cut", seconds=time.monotonic() - start)
            rounds = _best_rounds(curves, config)
            leaves = rounds * int(config.params.get("num_leaves", 31)) * problem.outputs
            moved = [
                curve.model.moved(margin, self.matrix("tree")[1][fold.held], before=before, after=rounds)
                for fold, curve, margin, before in zip(problem.folds, curves, margins, made, strict=True)
            ]
            # One number of rounds for all folds, or the held-out loss would have chosen its own stopping place.
            tally = Tally.of(problem)
            for fold, margin in zip(problem.folds, moved, strict=True):
                tally.add(fold.held, margin)
        done = Trial(
            config,
            "done",
            rounds=rounds,
            margin=tally.margin(),
            raw=tally.rows(),
            leaves=leaves,
            steps=tuple(tally.steps),
        )
        return replace(self._calibrated(done), seconds=time.monotonic() - start)

    def _calibrated(self, trial: Trial) -> Trial:
        # A default that learns too long ranks rows well and believes itself too much: judged before calibration, it
        # would lose to models that are worse once calibrated.
        problem = self.problem
        if trial.margin is None or trial.raw is None:
            return trial
        seen = np.isfinite(trial.raw)
        margin, target, weights = trial.margin[seen], problem.target[seen], problem.weights[seen]
        line = platt(margin, target, weights, problem.task) if self.calibrate and problem.classifies else NONE
        rows = trial.raw
        if not line.none:
            rows = np.full(problem.n, np.nan)
            rows[seen] = losses(line.line(margin), target, problem.task)
        score, error = mean_and_error(rows[seen], weights)
        return replace(trial, score=score, error=error, rows=rows, calibration=line)

    def _curve(self, config: Config, index: int, deadline: float) -> Curve:
        train, held = self.sets(index)
        fixed = config.rounds is not None
        return boost(
            self.params(config),
            train,
            outputs=self.problem.outputs,
            rounds=config.rounds or self.most_rounds,
            deadline=deadline,
            held=None if fixed else held,
        )


def _best_rounds(curves: list[Curve], config: Config) -> int:
    made = min(curve.model.rounds for curve in curves)
    if config.rounds is not None:
        return min(config.rounds, made)
    longest = max(len(curve.losses) for curve in curves)
    filled = [np.pad(curve.losses, (0, longest - len(curve.losses)), mode="edge") for curve in curves]
    return int(np.argmin(np.mean(filled, axis=0))) + 1
