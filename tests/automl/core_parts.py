"""Small parts that the tests of the room's core share: requests, benches, trials, a clock that is told the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.automl._bench import Bench
from holdfast.automl._budget import Budget, Deadline
from holdfast.automl._features import makers
from holdfast.automl._learners import Config, Setup
from holdfast.automl._problem import Problem, problem_of
from holdfast.automl._runner import LocalRunner
from holdfast.automl._search import Search
from holdfast.automl._trial import Trial
from holdfast.core.ports import TrainRequest

LINEAR = Config("linear", "linear", {"strength": 0.01, "mix": 0.0})
FIXED = Config("fixed", "lightgbm", {"num_leaves": 4}, rounds=5)
EARLY = Config("early", "lightgbm", {"num_leaves": 4, "learning_rate": 0.3})


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def table(n: int = 120, *, seed: int = 0, task: str = "binary") -> pl.DataFrame:
    """Rows with two numbers that matter (one with gaps), a text that matters, one of two groups, and the target `y`."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    text = rng.choice(["red", "green", "blue"], size=n)
    signal = a + 0.5 * b + (text == "red") + 0.4 * rng.normal(size=n)
    made: dict[str, Any] = {"a": a, "b": np.where(rng.random(n) < 0.1, np.nan, b), "text": text}
    made["side"] = rng.choice(["left", "right"], size=n)
    if task == "binary":
        made["y"] = np.where(signal > 0.3, "yes", "no")
    elif task == "multiclass":
        made["y"] = np.array(["low", "middle", "high"])[np.digitize(signal, [-0.3, 0.8])]
    elif task == "count":
        made["y"] = rng.poisson(np.exp(0.5 * signal))
    else:
        made["y"] = 100.0 + 10.0 * signal
    return pl.DataFrame(made)


def request(rows: pl.DataFrame, folder: Path, *, task: str = "binary", **given: Any) -> TrainRequest:
    """A request for rows, all of them to train on; small and repeatable."""
    settings = {"folds": 3, "repeats": 1, "threads": 1, "features": False, "learners": ["linear", "lightgbm"]}
    defaults: dict[str, Any] = {
        "rows": rows,
        "holdout": rows.head(0),
        "dataset": "0" * 64,
        "features": tuple(name for name in rows.columns if name != "y"),
        "folder": folder / "model",
        "budget_s": 600.0,
        "seed": 0,
        "settings": {**settings, **given.pop("settings", {})},
    }
    return TrainRequest(task=task, target="y", **{**defaults, **given})


def problem(rows: pl.DataFrame, *, task: str = "binary", **given: Any) -> Problem:
    """The problem of a request."""
    return problem_of(request(rows, Path("nowhere"), task=task, **given))


def bench(rows: pl.DataFrame | None = None, *, task: str = "binary", rounds: int | None = None, **given: Any) -> Bench:
    """A bench of rows, or of a small table; `rounds` is the most of any fit."""
    found = problem(table(task=task) if rows is None else rows, task=task, **given)
    return Bench(found, Setup(found.objective, 0, 1), rounds)


def run(made: Bench, config: Config, *, deadline: Deadline | None = None) -> Trial:
    """A trial that nothing stops."""
    return made.run(config, deadline=deadline or far(), hopeless=lambda _: False)


def far() -> Deadline:
    """A deadline that does not come."""
    return Deadline(time.monotonic, time.monotonic() + 3600.0)


def search(made: Bench, *, budget: Budget | None = None, **given: Any) -> Search:
    """A search on a bench, in this process."""
    held = budget or Budget(600.0)
    given = {"learners": ("linear", "lightgbm"), "most": 4, "seed": 0, **given}
    return Search(made, LocalRunner(made, held), held, **given)


def trial(found: Problem, margin: np.ndarray, name: str = "made", **given: Any) -> Trial:
    """A finished trial of given held-out margins (n, outputs)."""
    rows = np.full(found.n, np.nan)
    seen = np.isfinite(margin).all(axis=1)
    rows[seen] = found.losses(margin[seen], np.flatnonzero(seen))
    weights = found.weights[seen]
    score = float(np.average(rows[seen], weights=weights))
    given = {"score": score, "error": 0.1, "margin": margin, "rows": rows, "raw": rows, "size_bytes": 100, **given}
    return Trial(Config(name, "linear", {}), "done", **given)


def margins(found: Problem, noises: Sequence[float], *, seed: int = 0) -> list[np.ndarray]:
    """Margins that know the truth but for so much noise each."""
    rng = np.random.default_rng(seed)
    if found.outputs > 1:
        truth = np.eye(found.outputs)[found.target]
    else:
        truth = np.asarray(found.target, dtype=np.float64).reshape(-1, 1)
        truth = 2.0 * truth - 1.0 if found.classifies else truth
    return [truth + noise * rng.normal(size=truth.shape) for noise in noises]


def supervised(recipe: Any) -> bool:
    """Whether a recipe looks at the target."""
    return makers.supervised(recipe)
