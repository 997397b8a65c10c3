"""The choice among the trials and their ensembles: the least loss within the promises, and a reason in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._answers import Calibration, mean_and_error
from holdfast.automl._ensemble import Ensemble, greedy, pool, single, stacked
from holdfast.automl._fair import thresholds
from holdfast.automl._misses import nearest
from holdfast.automl._objectives import Quantile
from holdfast.automl._pareto import Chosen, Point, explain, table
from holdfast.automl._portfolio import DEFAULTS
from holdfast.automl._promises import Constraints, Found
from holdfast.core.subjects import Scored

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._problem import Problem
    from holdfast.automl._trial import Trial

#: Single trials that promises are measured for, at most.
MOST_JUDGED = 12
#: Standard errors by which a configuration that was picked from a field must beat the default; an ensemble, whose gain
#: comes from averaging and not from being picked, must only beat it.
PICKED = 0.5


@dataclass(frozen=True, slots=True)
class Costs:
    """What an ensemble costs: bytes, seconds for one row by quantile (upper ends), columns read; None: not known."""

    size_bytes: float | None = None
    latency_s: Mapping[float, float] | None = None
    columns: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What could be shipped: an ensemble, the threshold it would answer with, and what was found of the promises."""

    ensemble: Ensemble
    threshold: float
    found: tuple[Found, ...] = ()
    costs: Costs = field(default_factory=Costs)

    @property
    def violation(self) -> float:
        """Summed relative distances from the bounds, 0 when every promise is kept."""
        return sum(each.distance for each in self.found)

    @property
    def point(self) -> Point:
        """The candidate in the space of what is wanted."""
        times = self.costs.latency_s or {}
        made = Point.of(
            self.ensemble.name,
            self.found,
            loss=self.ensemble.score,
            error=self.ensemble.error,
            size_bytes=self.costs.size_bytes,
            latency_s=max(times.values(), default=None),
        )
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The candidate taken, all that were weighed, and why."""

    taken: Candidate
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    problem: Problem
    reason: str = ""

    @property
    def nearest(self) -> tuple[list[dict[str, Any]], str]:
        """Promises that the one taken breaks, the farthest first, and the sentence that says so."""
        return nearest(self.taken.found)

    def pareto(self) -> list[dict[str, Any]]:
        """Rows of the report: every candidate that was weighed."""
        points = self._points()
        taken = next((each for each in points if each.name == self.taken.ensemble.name), None)
        if taken is None:
            return []
        return table(points, Chosen(taken, (), self.reason), loss=self.problem.objective.name, paired=self._paired)

    def explained(self) -> list[str]:
        """Why what is better was not taken, and what something cheaper would cost."""
        points = self._points()
        name = self.taken.ensemble.name
        if len(points) < 2 or name not in [each.name for each in points]:
            return []
        return explain(points, name, loss=self.problem.objective.name, paired=self._paired)

    def _points(self) -> list[Point]:
        made: dict[str, Point] = {}
        for each in self.candidates:
            if np.isfinite(each.ensemble.score):
                made.setdefault(each.ensemble.name, each.point)
        return list(made.values())

    def _paired(self, one: str, other: str) -> float:
        rows = {each.ensemble.name: each.ensemble.rows for each in self.candidates}
        seen = np.isfinite(rows[one]) & np.isfinite(rows[other])
        if not seen.any():
            return 0.0
        return mean_and_error(rows[one][seen] - rows[other][seen], self.problem.weights[seen])[1]


def candidates(
    problem: Problem, trials: Sequence[Trial], *, members: int, calibrate: bool, deadline: Deadline
) -> list[Ensemble]:
    """Ensembles to choose from: greedy ones of two members and more, the largest with stacked weights, and singles."""
    # Models with other weights lose on plain losses by design: they are weighed beside the others, not among them.
    plain = [trial for trial in trials if not trial.config.weighting]
    fair = [trial for trial in trials if trial.config.weighting]
    singles = [single(problem, trial) for trial in (*pool(plain, most=MOST_JUDGED), *pool(fair, most=4))]
    made: list[Ensemble] = []
    for most in range(2, members + 1):
        found = greedy(problem, plain, members=most, calibrate=calibrate)
        if found is not None and len(found.trials) > 1 and (not made or found.score < made[-1].score):
            made.append(found)
        if deadline.passed:
            break
    if made and not deadline.passed:
        found = stacked(problem, made[-1].trials, calibrate=calibrate)
        if found is not None and len(found.trials) > 1:
            made.append(found)
    return [*made, *singles]


def ranked(problem: Problem, found: Sequence[Ensemble]) -> tuple[list[Ensemble], str]:
    """Ensembles in the order to take them, and the reason for the first.

    The best default goes first unless the best gains on it, paired row by row: any gain will do for an average, more
    than half a standard error is asked of a single configuration that was picked from many.
    """
    order = sorted(found, key=lambda each: (each.score, each.size_bytes))
    if not order:
        return [], "no configuration could be scored in the time"
    best = order[0]
    default = next((each for each in order if _is_default(each)), None)
    if default is None or default is best:
        return order, f"{best.name!r} has the least held-out loss, {best.score:.5g}"
    seen = np.isfinite(default.rows) & np.isfinite(best.rows)
    gain, error = mean_and_error(default.rows[seen] - best.rows[seen], problem.weights[seen])
    told = f"held-out loss of {best.name!r} ({best.score:.5g}) against {default.name!r} ({default.score:.5g})"
    told = f"{told}: {gain:.3g} better, {error:.2g} of noise"
    if gain > (PICKED * error if len(best.trials) == 1 else 0.0):
        return order, told
    return [default, *(each for each in order if each is not default)], f"{told}, so the default is kept"


def _is_default(ensemble: Ensemble) -> bool:
    return len(ensemble.trials) == 1 and ensemble.trials[0].config.name in DEFAULTS


def choose(
    problem: Problem,
    found: Sequence[Ensemble],
    constraints: Constraints,
    *,
    threshold: float | None,
    deadline: Deadline,
    costs: Callable[[Ensemble], Costs],
) -> Choice | None:
    """Choose the ensemble to ship, or None when nothing was finished.

    Promises are first held to careful bounds (a value at the very bound out of fold is beyond it on other rows every
    second time); where nothing keeps those, to the bounds as they are.

    Parameters
    ----------
    problem
        What was learnt from.
    found
        Ensembles to choose from.
    constraints
        The promises that can be measured on held-out answers.
    threshold
        Least probability of the positive class to answer with it; None: 0.5, or another one where promises need it.
    deadline
        To stop measuring promises at.
    costs
        What an ensemble costs.
    """
    order, reason = ranked(problem, found)
    weighed: list[Candidate] = []
    if not order:
        return None
    for ensemble in order:
        if weighed and deadline.passed:
            break
        weighed.append(
            judge(problem, ensemble, constraints, threshold=threshold, costs=costs(ensemble), deadline=deadline)
        )
    kept = [each for each in weighed if not each.violation]
    if not kept and constraints.careful is not None:
        plain = replace(constraints, careful=None)
        weighed = [
            judge(problem, each.ensemble, plain, threshold=threshold, costs=each.costs, deadline=deadline)
            for each in weighed
        ]
        kept = [each for each in weighed if not each.violation]
    taken = kept[0] if kept else min(weighed, key=lambda each: each.violation)
    notes = (reason, *_why(order[0], taken, constraints))
    made = Choice(taken, tuple(weighed), notes, problem, reason)
    return replace(made, notes=(*notes, *made.explained())) if constraints.any else made


def _why(first: Ensemble, taken: Candidate, constraints: Constraints) -> list[str]:
    notes = []
    ensemble = taken.ensemble
    if ensemble is not first:
        notes.append(f"{ensemble.name!r} was taken instead: it is nearer to keeping every promise out of fold")
    line = ensemble.calibration
    if line.none and len(ensemble.trials) == 1:
        line = ensemble.trials[0].calibration
    if not line.none:
        notes.append(f"margin calibrated: {line.scale:.4g} x + {line.offset:.4g}")
    if taken.threshold != 0.5:
        notes.append(f"answers positive from probability {taken.threshold:.4g}")
    if constraints.any and not taken.violation:
        notes.append("out of fold, every promise that a search can measure is kept")
    elif constraints.any:
        broken = "; ".join(each.text for each in taken.found if each.distance > 0.0)
        notes.append(f"no configuration kept every promise out of fold; the nearest is off by: {broken}")
    return notes


def judge(
    problem: Problem,
    ensemble: Ensemble,
    constraints: Constraints,
    *,
    threshold: float | None,
    costs: Costs,
    deadline: Deadline,
) -> Candidate:
    """Measure the promises on an ensemble's held-out answers; with another threshold where that keeps more of them."""
    seen = np.isfinite(ensemble.margin).all(axis=1)
    used = 0.5 if threshold is None else threshold
    if not constraints.any or not seen.any():
        return Candidate(ensemble, used, (), costs)
    line = Calibration() if problem.classifies else line_of(problem, ensemble)
    score = problem.objective.answers(line.line(ensemble.margin[seen]))

    def found(cut: float) -> tuple[Found, ...]:
        scored = scored_of(problem, seen, score, threshold=cut)
        return constraints.found(scored, size_bytes=costs.size_bytes, latency_s=costs.latency_s, columns=costs.columns)

    made = Candidate(ensemble, used, found(used), costs)
    if not made.violation or threshold is not None or problem.task != "binary" or not constraints.scores:
        return made
    scored = scored_of(problem, seen, score, threshold=0.5)
    cuts = thresholds(
        score[:, 1],
        np.asarray(scored.truth == problem.schema.positive),
        judge=lambda cut: constraints.judge(
            scored_of(problem, seen, score, threshold=cut),
            size_bytes=costs.size_bytes,
            latency_s=costs.latency_s,
            columns=costs.columns,
        ),
        weights=problem.weights[seen],
        deadline=deadline,
    )
    other = Candidate(ensemble, cuts.best.threshold, found(cuts.best.threshold), costs)
    return other if other.violation < made.violation else made


def line_of(problem: Problem, ensemble: Ensemble) -> Calibration:
    """Line that is laid over the margins; a quantile's is moved until it covers its share out of fold."""
    objective = problem.objective
    if problem.classifies:
        return ensemble.calibration
    seen = np.isfinite(ensemble.margin).all(axis=1)
    if isinstance(objective, Quantile) and seen.any():
        sheet = problem.sheet(np.zeros((problem.n, 0), dtype=np.float32)).take(np.flatnonzero(seen))
        return objective.covering(ensemble.margin[seen], sheet)
    return objective.line


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
        group=None if problem.group is None else problem.group[seen],
    )
