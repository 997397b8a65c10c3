"""Distillation: a student fits into a promise, is scored honestly, and learns more than labels alone would teach it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.automl import _distil, _export
from holdfast.automl._budget import Deadline
from holdfast.automl._ensemble import Ensemble, ensemble_of, greedy
from holdfast.automl._final import Final, Member
from holdfast.automl._learners import Config
from holdfast.automl.trainers.automl import AutoML
from holdfast.core.grammar import parse
from holdfast.stats.tensors import to_tensors

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")

STRONG = {"num_leaves": 12, "learning_rate": 0.1, "min_data_in_leaf": 10}
BIG = [Config(f"trees {each}", "lightgbm", {**STRONG, "feature_fraction": each}, rounds=150) for each in (0.5, 0.9)]
TASKS = ("binary", "multiclass", "regression", "count")


def rows(n: int, *, task: str = "binary", seed: int = 0) -> pl.DataFrame:
    """A target that no few leaves hold: waves, a product, a text."""
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.normal(size=(4, n))
    text = rng.choice(list("pqrs"), size=n)
    signal = np.sin(2.0 * a) + b * c + 0.5 * (text == "p") + 0.5 * d
    noisy = signal + 0.5 * rng.normal(size=n)
    target = {
        "binary": np.where(noisy > 0.2, "yes", "no"),
        "multiclass": np.array(["low", "middle", "high"])[np.digitize(noisy, [-0.5, 0.8])],
        "count": rng.poisson(np.exp(np.clip(0.5 * signal, -3.0, 2.0))),
        "regression": noisy,
    }
    return pl.DataFrame({"a": a, "b": b, "c": c, "d": d, "text": text, "y": target[task]})


def taught(task: str, n: int = 400) -> tuple:
    bench = parts.bench(rows(n, task=task), task=task)
    teacher = greedy(bench.problem, [parts.run(bench, config) for config in (*BIG, parts.LINEAR)], members=3)
    return bench, teacher


@pytest.fixture(scope="module")
def lessons() -> dict[str, tuple]:
    """A bench and an ensemble for each task."""
    return {task: taught(task) for task in TASKS}


def shipped(bench, made: _distil.Student) -> Final:
    part = _distil.refit(bench, made, deadline=parts.far())
    line = made.trial.calibration if bench.problem.classifies else bench.problem.objective.line
    return Final(bench.problem.schema, bench.problem.objective, (Member((part,)),), line)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("most_bytes", [6_000, 20_000])
def test_the_graph_of_a_student_has_room_in_what_was_asked_for(lessons, task, most_bytes) -> None:
    bench, teacher = lessons[task]
    made = _distil.student(bench, teacher, most_bytes=most_bytes, deadline=parts.far())
    assert teacher.size_bytes > most_bytes
    size = len(_export.model(shipped(bench, made)).SerializeToString())
    assert 0.5 * most_bytes < size <= most_bytes
    assert size <= 1.1 * made.trial.size_bytes <= 1.1 * most_bytes


@pytest.mark.parametrize("task", TASKS)
def test_a_student_is_scored_on_rows_that_no_teacher_of_it_has_seen(lessons, task) -> None:
    bench, teacher = lessons[task]
    made = _distil.student(bench, teacher, most_bytes=30_000, deadline=parts.far())
    fresh = parts.problem(rows(4000, task=task, seed=9), task=task)
    margin = shipped(bench, made).margin(to_tensors(fresh.rows, bench.problem.schema))
    problem = fresh
    if task == "regression":
        line, truth = bench.problem.objective.line, fresh.truth
        problem = replace(fresh, target=(truth - line.offset) / line.scale)
    losses = problem.losses(made.trial.calibration.line(margin), np.arange(fresh.n))
    # Within what is left to chance, and what a fold's fewer rows cost; a student that had seen them would be far below.
    assert made.trial.score >= losses.mean() - 3.0 * made.trial.error


def test_a_student_answers_as_its_teacher_does(lessons) -> None:
    bench, teacher = lessons["regression"]
    made = _distil.student(bench, teacher, most_bytes=60_000, deadline=parts.far())
    tensors = to_tensors(rows(2000, task="regression", seed=9), bench.problem.schema)
    final = _distil._final(bench, made.teacher, tuple(range(len(bench.problem.folds))))
    wanted = final.calibration.line(final.margin(tensors))
    apart = shipped(bench, made).margin(tensors) - wanted
    assert apart.var() < 0.25 * wanted.var()


def test_a_student_is_the_same_each_time_and_keeps_to_its_configuration(lessons) -> None:
    bench, teacher = lessons["binary"]
    made = [_distil.student(bench, teacher, most_bytes=20_000, deadline=parts.far()) for _ in range(2)]
    assert made[0].trial.score == made[1].trial.score
    np.testing.assert_array_equal(made[0].trial.margin, made[1].trial.margin)
    part = _distil.refit(bench, made[0], deadline=parts.far())
    assert part.rounds == made[0].trial.rounds == made[0].trial.config.rounds
    assert made[0].trial.config.name == f"student of {teacher.name}"
    assert part.fitted.explained() is not None


def test_members_that_come_from_another_process_are_fitted_anew(lessons) -> None:
    bench, teacher = lessons["binary"]
    bare = replace(teacher, trials=tuple(replace(trial, fitted=()) for trial in teacher.trials))
    one, other = (_distil.student(bench, each, most_bytes=20_000, deadline=parts.far()) for each in (teacher, bare))
    np.testing.assert_array_equal(one.trial.margin, other.trial.margin)


def test_without_time_or_room_there_is_no_student(lessons) -> None:
    bench, teacher = lessons["binary"]
    clock = parts.Clock()
    over = Deadline(clock, clock.now - 1.0)
    assert _distil.student(bench, teacher, most_bytes=20_000, deadline=over) is None
    assert _distil.student(bench, teacher, most_bytes=1_000, deadline=parts.far()) is None
    assert _distil.student(bench, teacher, most_bytes=0.0, deadline=parts.far()) is None


def test_larger_promises_make_larger_students() -> None:
    bench = parts.bench(rows(60))
    trial = parts.trial(bench.problem, parts.margins(bench.problem, [1.0])[0])
    teacher: Ensemble = ensemble_of(bench.problem, [trial], [1.0], how="single", calibrate=False)
    found = [_distil._config(bench, teacher, size) for size in (5e3, 1e4, 3e4, 1e5, 1e6, 1e7)]
    leaves = [each.params["num_leaves"] for each in found]
    sizes = [each.params["num_leaves"] * each.rounds for each in found]
    assert leaves == sorted(leaves)
    assert sizes == sorted(sizes)
    assert sizes[-1] == sizes[-2]
    assert {each.learner for each in found} == {"lightgbm"}


def test_made_up_rows_have_cells_of_real_ones_and_the_real_rows_stand_first() -> None:
    n = 50
    tensors = {
        "x": np.arange(n, dtype=np.float32).reshape(-1, 1),
        "t": np.arange(n).astype(str).astype(object)[:, None],
    }
    made, source = _distil._made_up(tensors, rng=np.random.default_rng(0))
    assert len(source) == len(made["x"]) > n
    np.testing.assert_array_equal(source[:n], np.arange(n))
    for name, column in tensors.items():
        np.testing.assert_array_equal(made[name][:n], column)
        assert set(made[name][:, 0]) <= set(column[:, 0])
    assert (made["x"][n:, 0] != made["t"][n:, 0].astype(np.float32)).any()


def test_a_large_table_is_not_made_up_many_times_over(monkeypatch) -> None:
    monkeypatch.setattr(_distil, "MOST_MADE_UP", 30)
    made, source = _distil._made_up({"x": np.zeros((100, 1), np.float32)}, rng=np.random.default_rng(0))
    assert len(source) == len(made["x"]) == 130


def test_a_size_promise_that_no_model_kept_is_kept_by_a_student(tmp_path) -> None:
    promise = parse("model_size <= 30 kB").at("package")
    settings = {"learners": ["lightgbm"], "max_trials": 3, "bag": False, "members": 3}
    table = rows(900)
    asked = parts.request(table[:600], tmp_path, holdout=table[600:], promises=(promise,), settings=settings)
    trained = AutoML().train(asked)
    assert trained.files["model.onnx"].stat().st_size <= 30_000
    assert trained.report["chosen"]["distilled"]
    assert any("student of" in note for note in trained.notes)
    small = Config("small", "lightgbm", {"num_leaves": 4, "learning_rate": 0.1}, rounds=80)
    bench = parts.bench(table[:600])
    assert trained.report["chosen"]["score"] < parts.run(bench, small).score + 0.02
