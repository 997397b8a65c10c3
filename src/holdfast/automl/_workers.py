"""Trials on the engine's executors: processes of this machine, or a Ray cluster."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.automl._bench import Bench, FeatureSet
from holdfast.automl._budget import Budget
from holdfast.automl._features import Recipe
from holdfast.automl._learners import Config, Setup
from holdfast.automl._problem import problem_of
from holdfast.automl._runner import Rival, run_trial
from holdfast.automl._trial import Trial
from holdfast.core.digests import canonical_json, plain
from holdfast.core.errors import HoldfastError
from holdfast.core.ports import TrainRequest
from holdfast.engine import step
from holdfast.engine.calls import hand_in, opened
from holdfast.engine.executors import make_executor

if TYPE_CHECKING:
    from holdfast.engine._jobs import Outcome

#: Benches that a worker keeps: one search at a time uses one.
KEPT_BENCHES = 2
#: Seconds over its allowance after which a trial is given up from outside.
PATIENCE_S = 30.0
ROWS, ASKED, WEIGHTS = "rows.arrow", "asked.json", "weights.npy"


class WorkerRunner:
    """Runs trials on an executor of the engine.

    What is learnt from is written once into a folder that every worker can read; a trial goes out as a configuration
    and comes back as its held-out margins. Each worker makes its own bench, and keeps it.

    Parameters
    ----------
    request
        What is asked for.
    bench
        Of this process; feature sets that are offered go into it too.
    budget
        Charged with the workers' CPU seconds.
    executor
        ``processes`` or ``ray``.
    workers
        Trials at a time.
    folder
        Empty folder for the rows.
    """

    def __init__(
        self, request: TrainRequest, bench: Bench, budget: Budget, *, executor: str, workers: int, folder: Path
    ) -> None:
        self.bench, self.budget = bench, budget
        self.slots = workers
        self.folder = Path(folder)
        self._executor = make_executor(executor, workers)
        self._ended: queue.Queue[Future[Outcome]] = queue.Queue()
        self._running: dict[Future[Outcome], tuple[Config, float]] = {}
        self._stopped = False
        _write(request, bench, self.folder)

    @property
    def busy(self) -> int:
        """Trials under way."""
        return len(self._running)

    def offer(self, name: str, features: FeatureSet) -> None:
        """Make a feature set known; it travels with each trial that wants it."""
        self.bench.sets[name] = features

    def submit(self, config: Config, *, allowance_s: float, rival: Rival | None) -> None:
        """Send a configuration out."""
        give_up = time.monotonic() + 3.0 * allowance_s + PATIENCE_S

        def stop() -> bool:
            return self._stopped or time.monotonic() > give_up

        arguments = {
            "folder": str(self.folder),
            "config": config.plain(),
            "features": self.bench.sets[config.features].plain(),
            "allowance_s": allowance_s,
            "clock": self.budget.clock,
            "rival": None if rival is None else rival.raw,
            "baseline": 0.0 if rival is None else rival.baseline,
        }
        future = hand_in(self._executor, run_one, arguments, folder=self.folder, stop=stop)
        self._running[future] = (config, time.monotonic())
        future.add_done_callback(self._ended.put)

    def take(self) -> Trial:
        """Wait for the next trial to end; one whose process ended is lost, and may be tried again."""
        future = self._ended.get()
        config, began = self._running.pop(future)
        try:
            value = opened(future.result(), where=f"trial {config.name!r}", folder=self.folder)
        except HoldfastError as error:
            return Trial(config, "lost", seconds=time.monotonic() - began, reason=error.message[:200])
        trial = Trial.from_value(value)
        self.budget.charge(value["charged_s"])
        return trial

    def close(self) -> None:
        """Give up what is under way, and let the workers end."""
        self._stopped = True
        self._executor.close()


@step(retries=0, cache=False)
def run_one(
    folder: str,
    config: dict[str, Any],
    *,
    features: dict[str, Any],
    allowance_s: float,
    clock: str,
    rival: np.ndarray | None,
    baseline: float,
) -> dict[str, Any]:
    """Run one trial in a worker: plain data and arrays of it, and the CPU seconds that it took."""
    from threadpoolctl import threadpool_limits

    cpu = time.process_time()
    asked = Config.from_plain(config)
    with threadpool_limits(limits=1):
        recipes = tuple(Recipe.from_plain(each) for each in features["recipes"])
        wanted = FeatureSet(recipes, tuple(features["without"]))
        stamp = (Path(folder) / ASKED).stat().st_mtime_ns
        bench = _bench(folder, stamp)
        if bench.sets.setdefault(asked.features, wanted) != wanted:
            # The name stood for other columns before: what was encoded for it is of no use.
            _bench.cache_clear()
            bench = _bench(folder, stamp)
            bench.sets[asked.features] = wanted
        budget = Budget(max(allowance_s, 1e-3), clock=clock)
        against = None if rival is None else Rival(rival, baseline)
        trial = run_trial(bench, asked, budget=budget, allowance_s=allowance_s, rival=against)
    return {**replace(trial, fitted=()).value(), "charged_s": time.process_time() - cpu}


def _write(request: TrainRequest, bench: Bench, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    request.rows.write_ipc(folder / ROWS)
    if request.weights is not None:
        np.save(folder / WEIGHTS, np.asarray(request.weights, dtype=np.float64), allow_pickle=False)
    asked = {
        "task": request.task,
        "target": request.target,
        "features": list(request.features),
        "positive": request.positive,
        "settings": plain(dict(request.settings)),
        "budget_s": request.budget_s,
        "seed": request.seed,
        "most_rounds": bench.most_rounds,
        "calibrate": bench.calibrate,
    }
    (folder / ASKED).write_bytes(canonical_json(asked))


@lru_cache(maxsize=KEPT_BENCHES)
def _bench(folder: str, stamp: int) -> Bench:  # noqa: ARG001 - a folder that was written anew is another one
    place = Path(folder)
    asked: Mapping[str, Any] = json.loads((place / ASKED).read_bytes())
    rows = pl.read_ipc(place / ROWS)
    weights = np.load(place / WEIGHTS, allow_pickle=False) if (place / WEIGHTS).is_file() else None
    request = TrainRequest(
        rows=rows,
        dataset="",
        task=asked["task"],
        target=asked["target"],
        features=tuple(asked["features"]),
        holdout=rows.head(0),
        folder=place,
        positive=asked["positive"],
        settings=asked["settings"],
        budget_s=asked["budget_s"],
        seed=asked["seed"],
        weights=weights,
    )
    problem = problem_of(request)
    return Bench(problem, Setup(problem.objective, asked["seed"], 1), asked["most_rounds"], asked["calibrate"])
