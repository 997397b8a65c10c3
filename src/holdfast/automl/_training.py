"""One training: from the request through search, choice and fit to the files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _distil, _export, _told
from holdfast.automl._answers import Calibration
from holdfast.automl._bench import Bench
from holdfast.automl._budget import Budget
from holdfast.automl._choice import Candidate, Choice, Costs, candidates, choose
from holdfast.automl._ensemble import Ensemble, single
from holdfast.automl._fair import sensitive_columns
from holdfast.automl._feasible import impossible
from holdfast.automl._fitting import Fitting
from holdfast.automl._kept import Kept, key_of
from holdfast.automl._learners import Config, Setup
from holdfast.automl._making import Making
from holdfast.automl._portfolio import portfolio, warm
from holdfast.automl._problem import Problem, problem_of
from holdfast.automl._promises import Constraints
from holdfast.automl._runner import LocalRunner, Runner
from holdfast.automl._sample import sampled
from holdfast.automl._search import WRITING_S, Search, told
from holdfast.automl._settings import MOST_TREES, Settings
from holdfast.automl._shaping import Shaping
from holdfast.automl._trial import Trial
from holdfast.core.errors import ColumnNotFound, HoldfastError, one_of
from holdfast.core.ports import Trained, TrainRequest
from holdfast.stats.tensors import to_tensors

if TYPE_CHECKING:
    import polars as pl

    from holdfast.automl._feasible import Impossible
    from holdfast.automl._final import Final

#: Confidence with which promises are held out of fold, so that they hold on other rows as well.
CAREFUL = 0.8
#: Trials where promises are proven to be out of every model's reach.
PROVEN_TRIALS = 4
#: How much larger a graph is whose trees saw every row.
GROWN = 1.15
#: Share of the budget that must be left for a learning curve to be drawn.
CURVE_SHARE = 0.05


@dataclass(slots=True, eq=False)
class Training:
    """One training.

    Parameters
    ----------
    request, searched
        What is asked for; the same with a sample of the rows where there are very many.
    settings, budget, problem, bench
        Made of the request.
    constraints
        Promises that a search can measure.
    proven
        Promises that no model can keep.
    """

    request: TrainRequest
    searched: TrainRequest
    settings: Settings
    budget: Budget
    problem: Problem
    bench: Bench
    constraints: Constraints
    proven: Sequence[Impossible] = ()
    shaping: Shaping = field(default_factory=Shaping)

    @classmethod
    def of(cls, request: TrainRequest, settings: Settings) -> Training:
        """Check the request and make everything ready."""
        budget = Budget(request.budget_s, clock=request.clock, spent_s=request.spent_s)
        searched = sampled(request) or request
        problem = problem_of(searched)
        _check_holdout(request)
        bench = Bench(
            problem, Setup(problem.objective, request.seed, settings.threads), settings.rounds, settings.calibrate
        )
        constraints = Constraints.of(request, gate_rows=request.holdout.height or None, careful=CAREFUL)
        judged = request.holdout if request.target in request.holdout.columns and request.holdout.height else None
        proven = impossible(request.promises, problem.schema, rows=judged) if request.promises else []
        made = cls(request, searched, settings, budget, problem, bench, constraints, proven)
        # A made feature of a column that an answer must rise with would have no sign of its own.
        making = Making(settings.vectors) if settings.features and not problem.monotone else None
        sparse = min((int(each.bound.base) for each in constraints.sparse), default=None)
        made.shaping = Shaping(making, sparse, settings.leaks, settings.features)
        made.shaping.look(bench, budget_s=request.budget_s)
        return made

    def go(self) -> Trained:
        """Search, choose, fit, write."""
        with tempfile.TemporaryDirectory(prefix="holdfast-trials-") as folder:
            runner = self._runner(Path(folder))
            try:
                if self.shaping.without:
                    runner.offer("plain", self.bench.sets["plain"])
                search = self._search(runner)
                earlier = warm(self.request.warm_start, self.settings.learners) if self.request.warm_start else []
                search.go(first=earlier)
            finally:
                runner.close()
        chosen, student = self._choose(search)
        final, fitting = self._fit(chosen.taken, student)
        return self._trained(final, chosen, search, fitting, distilled=student is not None)

    # -- search -----------------------------------------------------------------------------------------------------

    def _runner(self, folder: Path) -> Runner:
        if self.settings.executor == "local":
            return LocalRunner(self.bench, self.budget)
        from holdfast.automl._workers import WorkerRunner

        return WorkerRunner(
            self.searched,
            self.bench,
            self.budget,
            executor=self.settings.executor,
            workers=self.settings.workers,
            folder=folder,
        )

    def _search(self, runner: Runner) -> Search:
        request = self.request
        kept = Kept(request.trials, key_of(self.searched, self.problem)) if request.trials is not None else None
        return Search(
            self.bench,
            runner,
            self.budget,
            self.settings.learners,
            # What no model can keep is answered with the nearest of a few, not with all the time there is.
            min(self.settings.max_trials, PROVEN_TRIALS) if self.proven else self.settings.max_trials,
            request.seed,
            frugal=bool(self.constraints.sizes or self.constraints.times),
            fair=self._fair_columns(),
            around=self.settings.search,
            refits=not self._bags,
            whole_rows=request.rows.height,
            judged=self.constraints.any,
            make=self.shaping,
            progress=request.progress,
            keep=None if kept is None else kept.keep,
            known={} if kept is None else kept.read(),
        )

    def _fair_columns(self) -> tuple[str, ...]:
        if not self.problem.classifies:
            return ()
        return tuple(each for each in sensitive_columns(self.request.promises) if each in self.problem.rows.columns)

    @property
    def _bags(self) -> bool:
        return Fitting.bags(self.settings, self.problem)

    # -- choice -----------------------------------------------------------------------------------------------------

    def _choose(self, search: Search) -> tuple[Choice, _distil.Student | None]:
        deadline = self.budget.end(reserve_s=search.reserve())
        trials = self._sparse_enough(search.trials)
        small = [trial for trial in trials if trial.state != "done" or self._fits(trial)]
        roomy = any(trial.state == "done" for trial in small)
        found = candidates(
            self.problem,
            small if roomy else trials,
            members=self.settings.members,
            calibrate=self.settings.calibrate,
            deadline=deadline,
        )
        chosen = self._chosen(self._affordable(found))
        if chosen is None:
            return self._unscored(), None
        if (
            not chosen.taken.violation
            or not self.settings.distil
            or not (self.constraints.sizes or self.constraints.times)
        ):
            return chosen, None
        return self._distilled(chosen, found)

    def _chosen(self, found: Sequence[Ensemble]) -> Choice | None:
        # Judging may take what is left but the writing: a model that breaks a promise is worth no more fitting.
        return choose(
            self.problem,
            found,
            self.constraints,
            threshold=self.settings.threshold,
            deadline=self.budget.end(reserve_s=2.0 * WRITING_S),
            costs=self._costs,
        )

    def _distilled(self, chosen: Choice, found: Sequence[Ensemble]) -> tuple[Choice, _distil.Student | None]:
        """Let a student compete, taught by the best ensemble, where the promises had no room for any of them."""
        teacher = min(found, key=lambda each: each.score)
        room = self.constraints.size_bytes or self.settings.most_bytes
        made = _distil.student(
            self.bench, teacher, most_bytes=0.6 * room, deadline=self.budget.end(reserve_s=2.0 * WRITING_S)
        )
        if made is None:
            return chosen, None
        again = self._chosen([single(self.problem, made.trial)])
        if again is None or again.taken.violation >= chosen.taken.violation:
            return chosen, None
        note = f"no ensemble had room within the promises: a student of {teacher.name!r} is shipped"
        both = (*again.candidates, *chosen.candidates)
        return Choice(again.taken, both, (note, *again.notes), self.problem, note), made

    def _affordable(self, found: Sequence[Ensemble]) -> list[Ensemble]:
        """Ensembles whose members can all be fitted to every row in the time left; single ones where none can."""
        roomy = [each for each in found if self._has_room(each)]
        found = roomy or [min(found, key=lambda each: sum(trial.trees for trial in each.trials))] if found else []
        if self.searched is self.request:
            return list(found)
        left = self.budget.left_s - WRITING_S
        fitting = self._fitting()
        kept = [each for each in found if sum(fitting.seconds(trial) for trial in each.trials) <= left]
        return kept or [each for each in found if len(each.trials) == 1]

    def _has_room(self, ensemble: Ensemble) -> bool:
        fitting, count = self._fitting(), len(ensemble.trials)
        folds = [max(1, fitting.folds_of(trial, members=count)) for trial in ensemble.trials]
        pairs = list(zip(ensemble.trials, folds, strict=True))
        size = sum(trial.size_bytes * each for trial, each in pairs if trial.config.learner != "linear")
        return size <= self.settings.most_bytes and sum(trial.trees * each for trial, each in pairs) <= MOST_TREES

    def _sparse_enough(self, trials: list[Trial]) -> list[Trial]:
        """Trials that look at no more columns than a promise allows, where there are any."""
        most = min((each.bound.base for each in self.constraints.sparse), default=None)
        if most is None:
            return trials
        kept = [trial for trial in trials if self._columns_of(trial) <= most]
        return kept if any(trial.state == "done" for trial in kept) else trials

    def _columns_of(self, trial: Trial) -> int:
        made = self.bench.sets[trial.config.features]
        looked = {each.name for each in self.problem.schema.columns if each.name not in made.without}
        return len(looked | {column for recipe in made.recipes for column in recipe.columns})

    def _fits(self, trial: Trial) -> bool:
        """Whether a trial leaves room for others beside it."""
        return 2 * trial.trees <= MOST_TREES and 2 * trial.size_bytes <= self.settings.most_bytes

    def _costs(self, ensemble: Ensemble) -> Costs:
        """What an ensemble costs: told by its members' sizes, or measured on its export where a promise asks."""
        constraints = self.constraints
        if not (constraints.sizes or constraints.times or constraints.sparse):
            return Costs(float(ensemble.size_bytes))
        if not all(trial.fitted for trial in ensemble.trials) or self.budget.left_s < WRITING_S:
            return Costs(float(ensemble.size_bytes))
        from holdfast.automl._latency import Times, timed
        from holdfast.automl._reads import columns_read

        final = self._fitting().sketch(ensemble)
        graph = _export.model(final).SerializeToString(deterministic=True)
        latency = None
        if constraints.quantiles:
            rows = {name: each[:200] for name, each in self.problem.tensors.items()}
            # What interrupts a process on a busy machine hits a call once: the quicker of two passes is the graph's.
            passes = [timed(graph, rows, calls=400, deadline=self.budget.end()) for _ in range(2)]
            count = min(len(each.wall_s) for each in passes)
            wall = np.min([each.wall_s[:count] for each in passes], axis=0)
            times = Times(wall, np.min([each.cpu_s[:count] for each in passes], axis=0))
            latency = {each: times.latency(each).high_s for each in constraints.quantiles}
        # Fitted to every row, trees are somewhat larger than those of a fold.
        more = 1.0 if len(final.parts) > len(final.members) else GROWN
        return Costs(more * len(graph), latency, len(columns_read(graph)))

    def _unscored(self) -> Choice:
        config = next(each for each in portfolio(n=self.problem.n, learners=("lightgbm",)))
        nothing = np.full(self.problem.n, np.nan)
        trial = Trial(config, "cut", margin=np.full((self.problem.n, self.problem.outputs), np.nan), rows=nothing)
        ensemble = Ensemble(
            (trial,), (1.0,), Calibration(), np.asarray(trial.margin), nothing, np.nan, np.nan, "single"
        )
        note = "no configuration could be scored in the time: the default was taken as it is"
        taken = Candidate(ensemble, self.settings.threshold or 0.5)
        return Choice(taken, (taken,), (note,), self.problem, note)

    # -- fit and write ----------------------------------------------------------------------------------------------

    def _fitting(self) -> Fitting:
        return Fitting(
            self.bench, self.settings, self.budget, rows=self.request.rows.height, constraints=self.constraints
        )

    def _fit(self, taken: Candidate, student: _distil.Student | None) -> tuple[Final, Fitting]:
        fitting = self._fitting()
        if self.searched is not self.request:
            problem = problem_of(self.request)
            setup = replace(self.bench.setup, objective=problem.objective)
            whole = Bench(problem, setup, self.settings.rounds, self.settings.calibrate, self.bench.sets)
            note = f"searched on a sample of {self.problem.n} rows, fitted to all {problem.n}"
            fitting = replace(fitting, bench=whole, searched=self.bench, notes=[note])
        if student is not None:
            return fitting.student(self.bench, student, taken.threshold), fitting
        return fitting.final(taken), fitting

    def _trained(self, final: Final, chosen: Choice, search: Search, fitting: Fitting, *, distilled: bool) -> Trained:
        request = self.request
        request.folder.mkdir(parents=True, exist_ok=True)
        files = _export.write(final, request.folder)
        holdout = request.holdout.select(request.features)
        original = final.answer(to_tensors(holdout, final.schema))
        notes = [
            *self.problem.notes,
            *(f"no model can keep {each.claim}: {each.why}" for each in self.proven),
            *(f"perhaps a leak: {each.sentence}" for each in self.shaping.findings),
            *chosen.notes,
            *fitting.notes,
            self._parity(final, files["model.onnx"], holdout),
            *self._size(files["model.onnx"]),
        ]
        parts = self._parts(chosen, search)
        report = _told.report(
            search,
            chosen,
            budget=self.budget,
            refit=fitting.told,
            distilled=distilled,
            parts=parts,
            notes=notes,
        )
        if request.progress is not None:
            request.progress(1.0, "exported")
        return Trained(
            schema=final.schema,
            files=files,
            parameters=self._parameters(final, chosen.taken, fitting),
            original=np.asarray(original, dtype=np.float64),
            trials=told(search.trials),
            notes=tuple(notes),
            report=report,
        )

    def _parts(self, chosen: Choice, search: Search) -> dict[str, Any]:
        near, _ = chosen.nearest
        making = self.shaping.making
        feasible: bool | None = None
        if self.proven or (self.constraints.any and chosen.taken.violation):
            feasible = False
        elif self.constraints.any:
            feasible = True
        return {
            "pareto": chosen.pareto(),
            "feasible": feasible,
            "nearest": near,
            "impossible": [
                {"claims": list(each.claims), "why": each.why, "nearest": each.nearest} for each in self.proven
            ],
            "made": making.told(search) if making is not None else [],
            "columns": self.shaping.told_columns(self.bench),
            "leaks": self.shaping.told_leaks(),
            "learning_curve": self._learning_curve(),
        }

    def _learning_curve(self) -> list[dict[str, Any]]:
        if self.budget.left_s < CURVE_SHARE * self.budget.seconds + WRITING_S:
            return []
        config = Config("learning curve", "lightgbm", {}, 60)
        try:
            return _told.learning_curve(
                self.bench,
                config,
                deadline=self.budget.end(reserve_s=WRITING_S).within(CURVE_SHARE * self.budget.seconds),
            )
        except (ValueError, ArithmeticError, HoldfastError):
            # A curve is a picture: that it cannot be drawn is no reason to give no model.
            return []

    def _parameters(self, final: Final, taken: Candidate, fitting: Fitting) -> dict[str, Any]:
        ensemble = taken.ensemble
        members = [
            {**trial.config.plain(), "rounds": trial.rounds, "weight": weight}
            for trial, weight in zip(ensemble.trials, ensemble.weights, strict=True)
        ]
        used = sorted({trial.config.features for trial in ensemble.trials} - {"plain"})
        alone = members[0] if len(members) == 1 else {}
        return {
            "name": ensemble.name,
            "learner": alone.get("learner", "ensemble"),
            "params": alone.get("params", {}),
            "members": members,
            "sets": {name: fitting.bench.sets[name].plain() for name in used},
            "rounds": final.parts[0].rounds if alone else None,
            "scale": final.calibration.scale,
            "offset": final.calibration.offset,
            "threshold": final.threshold,
            "seed": self.request.seed,
            "features": list(self.request.features),
            "score": None if np.isnan(ensemble.score) else ensemble.score,
        }

    def _parity(self, final: Final, file: Path, holdout: pl.DataFrame) -> str:
        # On rows of both kinds, so that an empty holdout still proves the export.
        unit = 1.0 if final.schema.classes else float(self.problem.truth.std())
        worst, count = 0.0, 0
        for rows in (holdout.head(2000), self.problem.rows.head(500)):
            tensors = to_tensors(rows, final.schema)
            worst = max(worst, _export.check(file, tensors, final.answer(tensors), unit=unit))
            count += rows.height
        what = "" if final.schema.classes else " of the target's spread"
        return f"exported graph and original differ by at most {worst:.2g}{what} on {count} rows"

    def _size(self, file: Path) -> list[str]:
        size = file.stat().st_size
        bounds = [each for each in self.request.promises if each.measure == "model_size" and not each.within(size)]
        return [f"the graph has {size} bytes, which breaks {each.claim}" for each in bounds]


def _check_holdout(request: TrainRequest) -> None:
    for name in request.features:
        if name not in request.holdout.columns:
            raise ColumnNotFound(
                f"no column {name!r}", where="held-out rows", expected=one_of(request.holdout.columns, name)
            )
