"""The search: configurations scored out of fold, the portfolio first, then TPE around the best, while time lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _encoding
from holdfast.automl._answers import Calibration, losses, mean_and_error, platt
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
from holdfast.automl._portfolio import DEFAULTS, from_point, portfolio, space, to_point
from holdfast.core.errors import TrainingFailed

if TYPE_CHECKING:
    from holdfast.automl._problem import Problem

NONE = Calibration()

#: Trials that a search makes at most, so that one with time to spare ends at the same place every time.
MOST_TRIALS = 60


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
        tally = _Tally.of(problem)
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
            tally = _Tally.of(problem)
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


@dataclass(slots=True, eq=False)
class _Tally:
    """Held-out margins and losses, summed over repeats."""

    problem: Problem
    margins: np.ndarray
    lost: np.ndarray
    times: np.ndarray
    steps: list[float]

    @classmethod
    def of(cls, problem: Problem) -> _Tally:
        return cls(problem, np.zeros((problem.n, problem.outputs)), np.zeros(problem.n), np.zeros(problem.n), [])

    def add(self, held: np.ndarray, margin: np.ndarray) -> None:
        self.margins[held] += margin
        self.lost[held] += losses(margin, self.problem.target[held], self.problem.task)
        self.times[held] += 1
        self.steps.append(self.score()[0])

    def margin(self) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.asarray(self.margins / self.times[:, None])

    def rows(self) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.asarray(self.lost / self.times)

    def score(self) -> tuple[float, float]:
        seen = self.times > 0
        return mean_and_error(self.lost[seen] / self.times[seen], self.problem.weights[seen])


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
