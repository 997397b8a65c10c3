"""Fitting what was chosen: to every row, or as the models of the folds together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.automl import _distil
from holdfast.automl._bench import Bench, Part, upto
from holdfast.automl._choice import line_of
from holdfast.automl._final import Final, Member
from holdfast.automl._search import WRITING_S
from holdfast.automl._settings import BAGGED, MOST_TREES, Settings

if TYPE_CHECKING:
    from holdfast.automl._budget import Budget, Deadline
    from holdfast.automl._choice import Candidate
    from holdfast.automl._ensemble import Ensemble
    from holdfast.automl._problem import Problem
    from holdfast.automl._promises import Constraints
    from holdfast.automl._trial import Trial

#: Seconds that a refit has at least, over the budget where the search came late: a model cut short is no answer.
GRACE_S = 1.0


@dataclass(slots=True, eq=False)
class Fitting:
    """Fits what was chosen.

    Parameters
    ----------
    bench
        Of all rows.
    settings, budget, constraints
        Of the training.
    rows
        How many rows there are; more than the searched ones where those were a sample.
    searched
        The bench of the search, where that was another.
    notes
        Sentences, filled as it goes.
    told
        In words, what the members were fitted to.
    """

    bench: Bench
    settings: Settings
    budget: Budget
    rows: int
    constraints: Constraints
    searched: Bench | None = None
    notes: list[str] = field(default_factory=list)
    told: str = ""

    @staticmethod
    def bags(settings: Settings, problem: Problem) -> bool:
        """Whether the models of the folds are shipped together, if they have room."""
        if settings.bag is not None:
            return settings.bag
        return problem.n <= BAGGED and problem.split == "stratified"

    def sketch(self, ensemble: Ensemble) -> Final:
        """Return the ensemble of the folds' models: what it costs, before it is fitted."""
        count = len(ensemble.trials)
        members = [
            Member(self._folds_of(trial, self.folds_of(trial, members=count) or 1), scale, offset)
            for trial, (scale, offset) in zip(ensemble.trials, ensemble.terms, strict=True)
        ]
        return self._final(members, ensemble, 0.5)

    def final(self, taken: Candidate) -> Final:
        """Fit the members of a candidate."""
        ensemble = taken.ensemble
        members = []
        folds = [self.folds_of(trial, members=len(ensemble.trials)) for trial in ensemble.trials]
        rest = sum(self.seconds(trial) for trial, bagged in zip(ensemble.trials, folds, strict=True) if not bagged)
        for trial, bagged, (scale, offset) in zip(ensemble.trials, folds, ensemble.terms, strict=True):
            if bagged:
                parts = self._folds_of(trial, bagged)
            else:
                parts = (self._refit(trial, rest=rest),)
                rest -= self.seconds(trial)
            members.append(Member(parts, scale, offset))
        self.told = f"all {self.bench.problem.n} rows"
        if any(folds):
            kept = sorted({each for each in folds if each})
            told = " or ".join(str(each) for each in kept)
            self.told = f"bag of {told} folds" + (", large members all rows" if not all(folds) else "")
            self.notes.append(f"the models of {told} folds are shipped together")
        return self._final(members, ensemble, taken.threshold)

    def student(self, bench: Bench, made: _distil.Student, threshold: float) -> Final:
        """Fit a student to its teacher's answers on the searched rows."""
        part = _distil.refit(bench, made, deadline=self._deadline(self.budget.left_s - WRITING_S))
        self.told = f"a teacher's answers on {bench.problem.n} rows"
        problem = bench.problem
        line = made.trial.calibration if problem.classifies else problem.objective.line
        return Final(problem.schema, problem.objective, (Member((part,)),), line, threshold)

    def _final(self, members: list[Member], ensemble: Ensemble, threshold: float) -> Final:
        problem = self.bench.problem
        searched = (self.searched or self.bench).problem
        line = line_of(searched, ensemble) if problem.n == searched.n or problem.classifies else problem.objective.line
        if len(members) == 1:
            # A single member's own line is the model's: a recalibration finds it where it looks.
            first = members[0]
            line = line.after(first.scale, first.offset)
            members = [Member(first.parts)]
        return Final(problem.schema, problem.objective, tuple(members), line, threshold)

    def folds_of(self, trial: Trial, *, members: int) -> int:
        """How many folds' models to ship together: all, or those of the first repeats, as far as a member has room.

        0 where one model is fitted to all rows instead.
        """
        problem = self.bench.problem
        if not self.bags(self.settings, problem) or not trial.fitted:
            return 0
        bound = min(self.constraints.size_bytes or float("inf"), self.settings.most_bytes) / members
        count = len(problem.folds) // problem.repeats
        if trial.config.learner == "linear":
            return len(trial.fitted)
        for repeats in range(problem.repeats, 0, -1):
            folds = count * repeats
            if trial.size_bytes * folds <= bound and trial.trees * folds <= MOST_TREES / members:
                return folds
        return 0

    def _folds_of(self, trial: Trial, folds: int) -> tuple[Part, ...]:
        encoding = self.bench.whole(trial.config)[0]
        if trial.config.learner == "linear":
            # The mean of linear models is one.
            from holdfast.automl._learners.linear import mean_of

            return (Part(encoding, mean_of(trial.fitted[:folds]), None),)
        return tuple(
            Part(encoding, fitted, upto(fitted, trial.rounds) or fitted.rounds) for fitted in trial.fitted[:folds]
        )

    def seconds(self, trial: Trial) -> float:
        """Seconds that fitting a trial to all rows takes, about."""
        searched = (self.searched or self.bench).problem
        return 1.3 * self.rows / searched.n * trial.seconds / max(1, len(searched.folds))

    def _refit(self, trial: Trial, *, rest: float) -> Part:
        """Fit a trial to all rows; to fewer where its part of the time left is too short for them."""
        needed = self.seconds(trial)
        left = max(self.budget.left_s - WRITING_S, GRACE_S)
        mine = left * min(1.0, needed / rest) if rest > 0.0 else left
        share = 1.0
        if needed > mine and self.searched is not None:
            share = max(mine / needed, self.searched.problem.n / self.rows)
            self.notes.append(f"{trial.config.name!r} had time for {share:.0%} of the rows")
        deadline = self._deadline(mine)
        part = self.bench.refit(trial.config, rounds=trial.rounds, deadline=deadline, share=share)
        wanted = trial.rounds or trial.config.rounds
        if part.rounds is not None and wanted is not None and part.rounds < wanted and deadline.passed:
            self.notes.append(f"the time was over after {part.rounds} of {wanted} rounds on all rows")
        return part

    def _deadline(self, seconds: float) -> Deadline:
        return self.budget.end(reserve_s=self.budget.left_s - max(seconds, GRACE_S))
