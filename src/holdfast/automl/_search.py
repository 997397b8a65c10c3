"""The search: configurations scored out of fold, the portfolio first, then around the best, while time lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._portfolio import DEFAULTS, on, portfolio, space
from holdfast.automl._runner import Rival, Runner
from holdfast.automl._tpe import Sampler
from holdfast.core.errors import TrainingFailed

if TYPE_CHECKING:
    from holdfast.automl._bench import Bench
    from holdfast.automl._budget import Budget
    from holdfast.automl._learners import Config
    from holdfast.automl._trial import Trial

#: Trials that a search makes at most, so that one with time to spare ends at the same place every time.
MOST_TRIALS = 120
#: Share of the time left that one trial may take.
TRIAL_SHARE = 0.35
#: Rows for each configuration that is searched around the best: with more, the luckiest of them is found, not the best.
SEARCHED_ROWS, LEAST_SEARCHED = 40, 8
#: Share of what the best gained over the constant, by which a learner's best may be worse and still be looked around.
NEAR = 0.1
#: Seconds that judging promises is left.
JUDGING_S = 2.0
#: Members whose refit the search leaves time for.
REFITTED = 4
#: Share of the budget that refits may be left, and seconds for judging and writing.
MOST_REFIT_SHARE, LARGE_REFIT_SHARE = 0.35, 0.6
WRITING_S = 0.6


@dataclass(slots=True, eq=False)
class Search:
    """The search within a budget.

    Parameters
    ----------
    bench
        What configurations are fitted on.
    runner
        Where.
    budget
        What there is to spend.
    learners
        Learners that may be used.
    most
        Most trials.
    seed
        Seed of the sampler.
    frugal
        Whether a promise bounds size or latency: the search then looks along the whole front.
    fair
        Sensitive columns that promises name: the best configurations are also fitted with rows reweighed by them.
    around
        Whether to search around the best after the portfolio.
    refits, whole_rows
        Whether the best are fitted anew, and to how many rows: what time is left for.
    judged
        Whether promises are judged after the search: that takes time as well.
    make
        Asked, once the defaults are known, for the feature set to go on with; None to stay with the plain one.
    progress
        Told the share of the budget spent and what is tried.
    keep
        Told of every trial: the record.
    """

    bench: Bench
    runner: Runner
    budget: Budget
    learners: tuple[str, ...]
    most: int
    seed: int
    frugal: bool = False
    fair: tuple[str, ...] = ()
    around: bool = True
    refits: bool = True
    whole_rows: int = 0
    judged: bool = False
    make: Callable[[Search], str] | None = None
    progress: Callable[[float, str], None] | None = None
    keep: Callable[[Trial], None] | None = None
    known: dict[str, Trial] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    features: str = "plain"
    _baseline: float | None = None
    _begun: set[str] = field(default_factory=set)

    def go(self, *, first: Sequence[Config] = ()) -> list[Trial]:
        """Every trial, in the order they ended.

        Raises
        ------
        TrainingFailed
            If every configuration failed.
        """
        queue = portfolio(n=self.bench.problem.n, learners=self.learners)
        defaults = [config for config in queue if config.name in DEFAULTS]
        rest = [config for config in queue if config.name not in DEFAULTS]
        self.drain(iter([*first, *defaults]))
        if self.make is not None and self._room():
            self.features = self.make(self)
        self.drain(on(config, self.features) for config in [*(defaults if self.features != "plain" else ()), *rest])
        self.drain(self._reweighed())
        if self.around and any(trial.state == "done" for trial in self.trials):
            self._look_around()
        if self.trials and all(trial.state in ("failed", "lost") for trial in self.trials):
            reasons = sorted({trial.reason for trial in self.trials if trial.reason})
            raise TrainingFailed(
                f"every configuration failed: {'; '.join(reasons)[:300]}",
                where="automl",
                expected="at least one that can be fitted",
            )
        return self.trials

    def left(self) -> float:
        """Seconds left for trials: less the refits of the best, the judging, and the writing."""
        return self.budget.left_s - self.reserve()

    def reserve(self) -> float:
        """Seconds to leave for what comes after the search."""
        judging = min(JUDGING_S, 0.1 * self.budget.seconds) if self.judged else 0.0
        if not self.refits:
            # Fitted already, but the models of all folds are written, and a large one may be fitted anew.
            folds = max(1, len(self.bench.problem.folds))
            longest = max((trial.seconds / folds for trial in self.trials if trial.state == "done"), default=0.0)
            return 2.0 * WRITING_S + judging + min(longest, 0.05 * self.budget.seconds)
        folds = max(1, len(self.bench.problem.folds))
        done = sorted((trial for trial in self.trials if trial.state == "done"), key=lambda trial: trial.score or 0.0)
        # All rows instead of a fold's share of them, and a little more.
        more = max(1.0, self.whole_rows / self.bench.problem.n)
        each = [1.3 * more * trial.seconds / folds for trial in done[: 2 * REFITTED]]
        refit = sum(sorted(each, reverse=True)[:REFITTED])
        share = MOST_REFIT_SHARE if more == 1.0 else LARGE_REFIT_SHARE
        return min(refit, share * self.budget.seconds) + WRITING_S + judging

    def baseline(self) -> float:
        """Mean loss of the constant answer."""
        if self._baseline is None:
            problem = self.bench.problem
            sheet = problem.sheet(np.zeros((problem.n, 0), dtype=np.float32))
            margin = np.tile(problem.objective.start(sheet), (problem.n, 1))
            losses = problem.objective.losses(margin, sheet)
            self._baseline = float(np.average(losses, weights=problem.weights))
        return self._baseline

    def drain(self, queue: Iterator[Config]) -> list[Trial]:
        """Run the configurations of a queue while there is room; their trials."""
        made: list[Trial] = []
        waiting = True
        while waiting or self.runner.busy:
            while waiting and self.runner.busy < self.runner.slots:
                config = next(queue, None) if self._room() else None
                if config is None:
                    waiting = False
                elif repr(config.plain()) in self._begun:
                    continue
                elif self.bench.refuses(config) is None:
                    known = self._begin(config)
                    made += [known] if known is not None else []
            if self.runner.busy:
                made.append(self._record(self.runner.take()))
        return made

    def _begin(self, config: Config) -> Trial | None:
        """Hand a configuration in; the trial itself where an earlier run has finished it."""
        self._begun.add(repr(config.plain()))
        known = self.known.pop(repr(config.plain()), None)
        if known is not None:
            return self._record(known)
        self._say(config)
        # What the others are measured against is never given up half way.
        # Nor is one with other weights: the race is on plain losses, which it is not fitted to.
        rival = None if config.name in DEFAULTS or config.weighting else self._rival()
        self.runner.submit(config, allowance_s=self._allowance(config), rival=rival)
        return None

    def _allowance(self, config: Config) -> float:
        """Seconds that a trial may take: its share of what is left, and no less than trials usually take."""
        left = max(self.left(), 0.0)
        if config.name in DEFAULTS:
            return left
        return min(left, max(TRIAL_SHARE * left, 2.0 * self._usual()))

    def _usual(self) -> float:
        return float(np.median([trial.seconds for trial in self.trials if trial.state == "done"] or [0.0]))

    def _record(self, trial: Trial) -> Trial:
        self.trials.append(trial)
        if self.keep is not None:
            self.keep(trial)
        return trial

    def _say(self, config: Config) -> None:
        if self.progress is not None:
            share = max(self.budget.spent_s / self.budget.seconds, len(self.trials) / self.most)
            self.progress(min(0.95, max(0.0, share)), f"trial {len(self.trials) + 1}: {config.name}")

    def _room(self) -> bool:
        if len(self.trials) + self.runner.busy >= self.most:
            return False
        # What a trial usually takes: with less, a fit would be cut to a few rounds and say nothing.
        return self.left() > 0.8 * self._usual()

    def _rival(self) -> Rival | None:
        best = self.best()
        return None if best is None or best.raw is None else Rival(best.raw, self.baseline())

    def best(self) -> Trial | None:
        """Find the trial with the least loss so far."""
        done = [trial for trial in self.trials if trial.score is not None]
        return min(done, key=lambda trial: trial.score or 0.0) if done else None

    def _reweighed(self) -> Iterator[Config]:
        if not self.fair:
            return
        done = sorted((trial for trial in self.trials if trial.score is not None), key=lambda trial: trial.score or 0.0)
        named = ",".join(self.fair)
        for trial in done[:2]:
            config = trial.config
            yield replace(config, name=f"{config.name}, reweighed by {named}", weighting=f"fair:{named}")

    def _promising(self) -> list[str]:
        """Learners whose best trial is near the best of all: it is not worth while to look around the others."""
        best = self.best()
        if best is None or best.score is None:
            return list(self.learners)
        edge = best.score + NEAR * max(self.baseline() - best.score, 0.0)
        near = {trial.config.learner for trial in self.trials if trial.score is not None and trial.score <= edge}
        return [name for name in self.learners if name in near]

    def _look_around(self) -> None:
        if not self._room() or not space(self._promising()):
            return
        sampler = Sampler(self._promising(), features=self.features, seed=self.seed, frugal=self.frugal)
        for trial in self.trials:
            if trial.config.features == self.features:
                sampler.learn(trial)

        def proposals() -> Iterator[Config]:
            while True:
                yield sampler.propose(len(self.trials) + self.runner.busy + 1)

        queue = proposals()
        most = max(LEAST_SEARCHED, self.bench.problem.n // SEARCHED_ROWS)
        asked = 0
        while (self._room() and asked < most) or self.runner.busy:
            while self.runner.busy < self.runner.slots and self._room() and asked < most:
                asked += 1
                known = self._begin(next(queue))
                if known is not None:
                    sampler.learn(known)
            if self.runner.busy:
                sampler.learn(self._record(self.runner.take()))


def told(trials: Sequence[Trial]) -> tuple[dict[str, Any], ...]:
    """Plain data of trials."""
    return tuple(trial.plain() for trial in trials)
