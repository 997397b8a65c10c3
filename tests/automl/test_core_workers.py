"""Trials in other processes: the same as here, and what becomes of them when a process ends."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.automl import _workers
from holdfast.automl._bench import FeatureSet
from holdfast.automl._budget import Budget
from holdfast.automl._features import Recipe
from holdfast.automl._kept import Kept
from holdfast.automl._learners import Config
from holdfast.automl._runner import LocalRunner, Rival
from holdfast.automl._search import Search
from holdfast.automl._workers import WorkerRunner
from holdfast.core.errors import InvalidValue
from holdfast.engine import step

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")

MADE = FeatureSet((Recipe("target_mean", ("text",)), Recipe("arithmetic", ("a", "b"), {"of": ["ratio"]})), ("side",))
CONFIGS = [
    parts.LINEAR,
    parts.FIXED,
    parts.EARLY,
    replace(parts.FIXED, name="balanced", weighting="balanced"),
    replace(parts.FIXED, name="made", features="made"),
    Config("wrong", "lightgbm", {"num_leaves": 1}),
]


@step(retries=0, cache=False)
def deadly(
    folder: str,
    config: dict[str, Any],
    *,
    features: dict[str, Any],
    allowance_s: float,
    clock: str,
    rival: np.ndarray | None,
    baseline: float,
) -> dict[str, Any]:
    """A trial whose process is killed where the configuration is called so."""
    if str(config["name"]).startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    made: dict[str, Any] = _workers.run_one.function(
        folder, config, features=features, allowance_s=allowance_s, clock=clock, rival=rival, baseline=baseline
    )
    return made


def runner(
    folder: Path, *, workers: int = 1, executor: str = "processes", clock: str = "wall", **given: Any
) -> WorkerRunner:
    asked = parts.request(given.pop("rows", parts.table()), folder, **given)
    bench = parts.bench(asked.rows, **given)
    budget = Budget(600.0, clock=clock)
    return WorkerRunner(asked, bench, budget, executor=executor, workers=workers, folder=folder / "rows")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One runner for all: what it needs takes longer than the trials."""
    made = runner(tmp_path_factory.mktemp("shared"), workers=1, weights=np.linspace(0.5, 1.5, 120))
    made.offer("made", MADE)
    yield made
    made.close()


def same_as_here(made: WorkerRunner, configs: list[Config]) -> None:
    """Check that trials of workers are those of this process, bit for bit."""
    here = LocalRunner(replace(made.bench, _wholes={}, _sheets={}, _raw={}), Budget(600.0))
    waiting = list(configs)
    found = {}
    while waiting or made.busy:
        while waiting and made.busy < made.slots:
            made.submit(waiting.pop(0), allowance_s=600.0, rival=None)
        taken = made.take()
        found[taken.config.name] = taken
    for config in configs:
        here.submit(config, allowance_s=600.0, rival=None)
        wanted, got = here.take(), found[config.name]
        assert got.config == config
        assert got.fitted == ()
        assert (got.state, got.score, got.error) == (wanted.state, wanted.score, wanted.error)
        assert (got.rounds, got.calibration, got.reason) == (wanted.rounds, wanted.calibration, wanted.reason)
        assert (got.curve, got.steps, got.size_bytes) == (wanted.curve, wanted.steps, wanted.size_bytes)
        for name in ("margin", "rows", "raw"):
            one, other = getattr(got, name), getattr(wanted, name)
            assert (one is None) == (other is None)
            assert one is None or one.tobytes() == other.tobytes()


def test_trials_of_processes_are_those_of_this_one_bit_for_bit(shared) -> None:
    assert shared.bench.sets["made"] == MADE
    same_as_here(shared, CONFIGS)


def test_a_feature_set_that_changes_its_columns_is_another_one_to_workers(shared) -> None:
    before = shared.bench.sets["plain"]
    try:
        shared.offer("plain", FeatureSet((), ("a",)))
        same_as_here(shared, [parts.LINEAR, replace(parts.LINEAR, name="again")])
    finally:
        shared.offer("plain", before)
    same_as_here(shared, [parts.LINEAR, replace(parts.LINEAR, name="again")])


def test_a_race_is_run_by_workers_as_it_is_here(shared) -> None:
    shared.submit(parts.LINEAR, allowance_s=600.0, rival=Rival(np.zeros(120), 1.0))
    assert shared.take().state == "pruned"


def test_the_budget_is_charged_with_what_workers_took(shared) -> None:
    before, here = shared.budget.cpu_s, time.process_time()
    shared.submit(parts.LINEAR, allowance_s=600.0, rival=None)
    trial = shared.take()
    charged = shared.budget.cpu_s - before - (time.process_time() - here)
    assert trial.cpu_s > 0.0
    assert charged >= 0.9 * trial.cpu_s


def test_a_process_that_does_not_end_in_time_is_ended_from_outside(shared, monkeypatch) -> None:
    monkeypatch.setattr(_workers, "PATIENCE_S", -5.0)
    shared.submit(parts.LINEAR, allowance_s=1.0, rival=None)
    trial = shared.take()
    assert trial.state == "lost"
    assert trial.reason
    monkeypatch.setattr(_workers, "PATIENCE_S", 60.0)
    shared.submit(parts.LINEAR, allowance_s=600.0, rival=None)
    assert shared.take().state == "done"


def test_a_worker_that_is_killed_loses_its_trial_and_not_the_search(shared, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_workers, "run_one", deadly)
    kept = Kept(tmp_path / "trials", "k" * 64)
    search = Search(shared.bench, shared, shared.budget, ("linear",), most=6, seed=0, around=False, keep=kept.keep)
    doomed = [replace(parts.LINEAR, name=f"deadly {each}") for each in range(2)]
    found = search.go(first=[doomed[0], parts.LINEAR, doomed[1]])
    states = {each.config.name: each.state for each in found}
    assert states["deadly 0"] == states["deadly 1"] == "lost"
    assert states["linear"] == states["linear default"] == "done"
    assert "SIGKILL" in next(each.reason for each in found if each.state == "lost")
    assert {each.config.name for each in kept.read().values()} == set(states) - {"deadly 0", "deadly 1"}


def test_what_is_under_way_is_given_up_when_the_runner_closes(tmp_path) -> None:
    made = runner(tmp_path)
    made.submit(Config("long", "lightgbm", {"learning_rate": 1e-4}, rounds=200_000), allowance_s=600.0, rival=None)
    closed = threading.Thread(target=made.close)
    closed.start()
    closed.join(60.0)
    assert not closed.is_alive()


def test_rows_of_every_type_reach_the_workers(tmp_path) -> None:
    rows = parts.table(60).with_columns(
        when=pl.datetime_range(pl.datetime(2020, 1, 1), pl.datetime(2020, 2, 29), "1d").head(60),
        kind=pl.col("text").cast(pl.Categorical),
        flag=pl.col("a") > 0,
        price=(pl.col("a") * 100).cast(pl.Int64).cast(pl.Decimal(10, 2)),
        nothing=pl.lit(None),
    )
    asked = parts.request(rows, tmp_path)
    bench = parts.bench(rows)
    _workers._write(asked, bench, tmp_path / "rows")
    there = _workers._bench(str(tmp_path / "rows"), 0)
    assert (there.problem.schema, there.setup.seed) == (bench.problem.schema, bench.setup.seed)
    for name, tensor in bench.problem.tensors.items():
        np.testing.assert_array_equal(there.problem.tensors[name], tensor)
    for one, other in zip(there.problem.folds, bench.problem.folds, strict=True):
        np.testing.assert_array_equal(one.held, other.held)


def test_an_executor_that_is_none_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidValue, match="executor 'proceses'"):
        runner(tmp_path, executor="proceses")


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_trials_on_ray_are_those_of_this_process_bit_for_bit(tmp_path) -> None:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    made = runner(tmp_path, workers=2, executor="ray")
    try:
        made.offer("made", MADE)
        same_as_here(made, CONFIGS)
    finally:
        made.close()
