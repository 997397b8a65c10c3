"""What is told of a training: plain data for a report that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners import Config
from holdfast.automl._trial import Tally

if TYPE_CHECKING:
    from holdfast.automl._bench import Bench
    from holdfast.automl._budget import Budget, Deadline
    from holdfast.automl._choice import Choice
    from holdfast.automl._problem import Problem
    from holdfast.automl._search import Search

#: Shares of a fold's training rows that the learning curve is drawn at.
SHARES = (0.1, 0.25, 0.5, 1.0)


def report(
    search: Search,
    chosen: Choice,
    *,
    budget: Budget,
    refit: str,
    distilled: bool = False,
    parts: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Report of a training.

    Parameters
    ----------
    search
        The search, ended.
    chosen
        What was taken, and what was weighed.
    budget
        What was spent.
    refit
        In words, what the members were fitted to.
    distilled
        Whether a student was shipped for an ensemble.
    parts
        Sections that others made: columns, made, leaks, learning_curve, pareto, feasible, nearest.
    notes
        Sentences for a person.
    """
    problem = search.bench.problem
    return {
        "task": problem.task,
        "objective": problem.objective.name,
        "rows": problem.n,
        "columns_in": len(problem.schema.columns),
        "folds": {
            "kind": problem.split,
            "count": len(problem.folds) // max(1, problem.repeats),
            "repeats": problem.repeats,
        },
        "budget": {
            "seconds": budget.seconds,
            "clock": budget.clock,
            "wall_s": round(budget.wall_s, 3),
            "cpu_s": round(budget.cpu_s, 3),
        },
        "baseline": {"name": "constant", "loss": search.baseline()},
        "trials": [trial.plain() for trial in search.trials],
        "chosen": _chosen(chosen, refit=refit, distilled=distilled),
        "notes": list(notes),
        **parts,
    }


def _chosen(chosen: Choice, *, refit: str, distilled: bool) -> dict[str, Any]:
    ensemble = chosen.taken.ensemble
    return {
        "name": ensemble.name,
        "how": ensemble.how,
        "members": [
            {
                "name": trial.config.name,
                "learner": trial.config.learner,
                "weight": weight,
                "rounds": trial.rounds,
                "features": trial.config.features,
            }
            for trial, weight in zip(ensemble.trials, ensemble.weights, strict=True)
        ],
        "calibration": [ensemble.calibration.scale, ensemble.calibration.offset],
        "threshold": chosen.taken.threshold,
        "score": _number(ensemble.score),
        "error": _number(ensemble.error),
        "refit": refit,
        "distilled": distilled,
        "reasons": list(chosen.notes),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def learning_curve(bench: Bench, config: Config, *, deadline: Deadline) -> list[dict[str, Any]]:
    """Loss on the first fold's held-out rows, for more and more of its training rows; ends where time does.

    Parameters
    ----------
    bench
        What is fitted on.
    config
        A quick configuration.
    deadline
        To be done by.
    """
    problem = bench.problem
    if not problem.folds or problem.group is not None:
        return []
    train, held = bench.sheets(config, 0)
    order = np.random.default_rng(bench.setup.seed).permutation(train.n)
    encoding = bench.whole(config)[0]
    made: list[dict[str, Any]] = []
    for share in SHARES:
        count = round(share * train.n)
        if count < 20 or deadline.passed:
            continue
        part = train.take(np.sort(order[:count]))
        part.parent = None
        if len(np.unique(part.target)) < 2:
            continue
        fitted = bench.fit(config, part, encoding, deadline=deadline, held=None)
        tally = Tally.of(problem)
        tally.add(problem.folds[0].held, fitted.margin(held.matrix))
        loss, error = tally.score()
        made.append({"rows": count, "loss": loss, "error": error})
    return made


def folds_in_words(problem: Problem, folds: int) -> str:
    """What the members were fitted to."""
    return f"bag of {folds} folds" if folds else f"all {problem.n} rows"
