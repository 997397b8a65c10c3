"""The search: configurations scored out of fold, the portfolio first, then TPE around the best, while time lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from holdfast.automl._answers import mean_and_error
from holdfast.automl._bench import Bench
from holdfast.automl._learners import Config, quiet
from holdfast.automl._portfolio import DEFAULTS, from_point, portfolio, space, to_point
from holdfast.automl._trial import Trial
from holdfast.core.errors import TrainingFailed

#: Trials that a search makes at most, so that one with time to spare ends at the same place every time.
MOST_TRIALS = 60


@dataclass(slots=True, eq=False)
class Search:
    """The search within a budget.

    Parameters
    ----------
    bench
        What configurations are fitted on.
    end
        `time.monotonic` by which the whole training is to be done.
    budget_s
        Seconds of the whole training.
    most
        Most trials.
    seed
        Seed of the sampler.
    progress
        Told the share of the budget spent and what is tried.
    """

    bench: Bench
    end: float
    budget_s: float
    most: int
    seed: int
    progress: Callable[[float, str], None] | None = None
    trials: list[Trial] = field(default_factory=list)

    def go(self, *, first: Config | None, linear: bool) -> list[Trial]:
        """Every trial, in the order made.

        Raises
        ------
        TrainingFailed
            If every configuration failed.
        """
        queue = portfolio(n=self.bench.problem.n, linear=linear)
        for config in ([first] if first else []) + queue:
            if not self._room():
                break
            self._try(config)
        if self._room() and any(trial.state == "done" for trial in self.trials):
            self._tpe(linear=linear)
        if self.trials and all(trial.state == "failed" for trial in self.trials):
            raise TrainingFailed(
                "every configuration failed", where="automl", expected="at least one that can be fitted"
            )
        return self.trials

    def deadline(self) -> float:
        """Time that the search must leave: the longest refit so far, the judging, and the writing."""
        folds = max(1, len(self.bench.problem.folds))
        refit = max((trial.seconds / folds for trial in self.trials if trial.state == "done"), default=0.0)
        writing = 2e-5 * max((trial.leaves for trial in self.trials if trial.state == "done"), default=0)
        return self.end - min(0.5 * self.budget_s, 1.5 * refit + writing + 0.08 * self.budget_s + 0.25)

    def _room(self) -> bool:
        # With less time than a cheap trial needs, one more would only be a worse copy of itself.
        boosted = [trial.seconds for trial in self.trials if trial.state == "done" and trial.rounds is not None]
        return len(self.trials) < self.most and self.deadline() - time.monotonic() > 0.3 * min(boosted, default=0.0)

    def _try(self, config: Config) -> Trial:
        if self.progress is not None:
            spent = 1.0 - (self.end - time.monotonic()) / self.budget_s
            share = max(spent, len(self.trials) / self.most)
            self.progress(min(0.95, max(0.0, share)), f"trial {len(self.trials) + 1}: {config.name}")
        try:
            # What the others are measured against is never given up half way.
            hopeless = _never if config.name in DEFAULTS else self._hopeless
            trial = self.bench.run(config, deadline=self.deadline(), hopeless=hopeless)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            # A configuration that cannot be fitted (a singular matrix, say) is a trial that failed, on the record.
            trial = Trial(replace(config, params={**config.params, "reason": str(error)[:200]}), "failed")
        self.trials.append(trial)
        return trial

    def best(self) -> Trial | None:
        """Find the trial with the least loss so far."""
        done = [trial for trial in self.trials if trial.score is not None]
        return min(done, key=lambda trial: trial.score or 0.0) if done else None

    def _hopeless(self, rows: np.ndarray) -> bool:
        # Racing (Maron & Moore 1994): given up when worse than the best by more than two paired standard errors.
        done = [trial for trial in self.trials if trial.raw is not None]
        if not done:
            return False
        best = min((np.asarray(trial.raw) for trial in done), key=lambda raw: float(np.nanmean(raw)))
        seen = np.isfinite(rows) & np.isfinite(best)
        if seen.sum() < 20:
            return False
        worse, error = mean_and_error(rows[seen] - best[seen], self.bench.problem.weights[seen])
        return worse > 2.0 * error

    def _tpe(self, *, linear: bool) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with quiet():
            sampler = optuna.samplers.TPESampler(seed=self.seed, n_startup_trials=5, n_ei_candidates=24)
            study = optuna.create_study(direction="minimize", sampler=sampler)
            for trial in list(self.trials):
                self._tell_known(study, trial, linear=linear)
            while self._room():
                asked = study.ask()
                point = _suggest(asked, linear=linear)
                trial = self._try(from_point(point, index=len(self.trials) + 1))
                for step, value in enumerate(trial.steps):
                    asked.report(value, step)
                states = optuna.trial.TrialState
                if trial.state == "done":
                    study.tell(asked, trial.score)
                else:
                    study.tell(asked, state=states.PRUNED if trial.state == "pruned" else states.FAIL)

    def _tell_known(self, study: Any, trial: Trial, *, linear: bool) -> None:
        import optuna

        point = to_point(trial.config, linear=linear) if trial.state == "done" else None
        if point is None:
            return
        ranges = _distributions(point, linear=linear)
        study.add_trial(optuna.trial.create_trial(params=point, distributions=ranges, value=trial.score))


def _never(rows: np.ndarray) -> bool:
    del rows
    return False


def _suggest(asked: Any, *, linear: bool) -> dict[str, Any]:
    ranges = space(linear=linear)
    point: dict[str, Any] = {}
    learner = "lightgbm"
    if linear:
        learner = point["learner"] = asked.suggest_categorical("learner", sorted(ranges))
    for name, edges in ranges[learner].items():
        if len(edges) == 2:
            point[name] = asked.suggest_categorical(name, list(edges))
        elif isinstance(edges[0], int):
            point[name] = asked.suggest_int(name, edges[0], edges[1], log=edges[2])
        else:
            point[name] = asked.suggest_float(name, edges[0], edges[1], log=edges[2])
    return point


def _distributions(point: Mapping[str, Any], *, linear: bool) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    ranges = space(linear=linear)
    made: dict[str, Any] = {}
    if linear:
        made["learner"] = CategoricalDistribution(sorted(ranges))
    for name, edges in ranges[point.get("learner", "lightgbm")].items():
        if len(edges) == 2:
            made[name] = CategoricalDistribution(list(edges))
        elif isinstance(edges[0], int):
            made[name] = IntDistribution(edges[0], edges[1], log=edges[2])
        else:
            made[name] = FloatDistribution(edges[0], edges[1], log=edges[2])
    return made
