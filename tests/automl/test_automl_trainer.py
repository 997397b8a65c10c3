"""The trainer, on small rows: what it promises of every model that it gives."""

from __future__ import annotations

import itertools
import time

import numpy as np
import polars as pl
import pytest

from holdfast.automl.trainers.automl import AutoML
from holdfast.core import registry
from holdfast.core.grammar import parse
from holdfast.core.ports import Trainer
from holdfast.stats.tensors import to_tensors


def answers(trained, rows):
    import onnxruntime as ort

    session = ort.InferenceSession(str(trained.files["model.onnx"]), providers=["CPUExecutionProvider"])
    return dict(
        zip(
            [each.name for each in session.get_outputs()],
            session.run(None, to_tensors(rows, trained.schema)),
            strict=True,
        )
    )


def test_it_is_registered_as_a_trainer() -> None:
    assert isinstance(registry.get("trainer", "automl"), Trainer)


def test_a_binary_model_is_one_graph_that_answers_as_the_original(ask, toy) -> None:
    import onnx

    request = ask(toy)
    trained = AutoML().train(request)
    onnx.checker.check_model(onnx.load(trained.files["model.onnx"]))
    found = answers(trained, request.holdout)
    assert list(found) == ["label", "probabilities"]
    assert trained.schema.classes == ("no", "yes")
    assert trained.schema.positive == "yes"
    np.testing.assert_allclose(found["probabilities"], trained.original, atol=1e-6)
    wanted = np.array(["no", "yes"], dtype=object)[(trained.original[:, 1] >= 0.5).astype(int)]
    assert found["label"].tolist() == wanted.tolist()
    assert (found["label"] == request.holdout["y"].to_numpy()).mean() > 0.7


def test_missing_values_and_unseen_levels_are_answered(ask, toy) -> None:
    trained = AutoML().train(ask(toy))
    rows = pl.DataFrame(
        {"a": [None, 1e30, np.inf], "b": [0.1, None, -np.inf], "noise": [0.0, 0.0, np.nan], "text": [None, "mauve", ""]}
    )
    assert np.isfinite(answers(trained, rows)["probabilities"]).all()


@pytest.mark.parametrize("name", ["linear", "lightgbm"])
def test_each_learner_is_exported_exactly(ask, toy, name) -> None:
    settings = {"max_trials": 1, "learners": [name]}
    request = ask(toy, settings=settings)
    trained = AutoML().train(request)
    assert trained.parameters["learner"] == name
    assert any(each.startswith("booster") for each in trained.files) == (name == "lightgbm")
    np.testing.assert_allclose(answers(trained, request.holdout)["probabilities"], trained.original, atol=1e-6)


def test_the_same_request_gives_the_same_bytes(ask, toy, tmp_path) -> None:
    first = AutoML().train(ask(toy, settings={"max_trials": 12}, budget_s=600.0))
    second = AutoML().train(ask(toy, settings={"max_trials": 12}, budget_s=600.0, folder=tmp_path / "again"))
    assert {name: path.read_bytes() for name, path in first.files.items()} == {
        name: path.read_bytes() for name, path in second.files.items()
    }
    assert first.parameters == second.parameters


def test_threads_do_not_change_the_model(ask, toy, tmp_path) -> None:
    given = {"max_trials": 1, "monotone": {"a": 1}}
    one = AutoML().train(ask(toy, settings={**given, "threads": 1}))
    two = AutoML().train(ask(toy, settings={**given, "threads": 2}, folder=tmp_path / "two"))
    assert one.files["model.onnx"].read_bytes() == two.files["model.onnx"].read_bytes()


def test_several_classes_are_answered_in_the_schema_s_order(ask, toy) -> None:
    rows = toy.with_columns(pl.when(pl.col("a") > 0.7).then(pl.lit("maybe")).otherwise("y").alias("y"))
    request = ask(rows, task="multiclass", settings={"max_trials": 2})
    trained = AutoML().train(request)
    assert trained.schema.classes == ("maybe", "no", "yes")
    found = answers(trained, request.holdout)
    np.testing.assert_allclose(found["probabilities"], trained.original, atol=1e-6)
    np.testing.assert_allclose(trained.original.sum(axis=1), 1.0)
    assert found["label"].tolist() == [trained.schema.classes[each] for each in trained.original.argmax(axis=1)]


def test_a_regression_predicts_in_the_target_s_unit(ask, toy) -> None:
    rows = toy.with_columns(y=1000.0 + 50.0 * pl.col("a") + pl.col("noise"))
    request = ask(rows, task="regression")
    trained = AutoML().train(request)
    found = answers(trained, request.holdout)
    assert list(found) == ["prediction"]
    assert found["prediction"].shape == (request.holdout.height,)
    np.testing.assert_allclose(found["prediction"], trained.original, rtol=1e-6)
    assert np.abs(trained.original - request.holdout["y"].to_numpy()).mean() < 10.0


@pytest.mark.parametrize(("task", "word"), [("ranking", "pointwise"), ("forecasting", "lags")])
def test_what_a_task_is_learnt_as_is_said(ask, toy, task, word) -> None:
    trained = AutoML().train(ask(toy.with_columns(y=pl.col("a") * 2), task=task))
    assert any(word in note for note in trained.notes)


def test_a_monotone_constraint_is_kept_everywhere(ask, toy) -> None:
    trained = AutoML().train(ask(toy, settings={"monotone": {"a": -1}, "max_trials": 3}))
    rows = pl.DataFrame({"a": np.linspace(-3, 3, 200)}).with_columns(
        b=pl.lit(0.0), noise=pl.lit(0.0), text=pl.lit("red")
    )
    positive = answers(trained, rows)["probabilities"][:, 1]
    assert (np.diff(positive) <= 1e-7).all()


def test_weights_are_heeded(ask, toy, tmp_path) -> None:
    weights = np.where(toy["y"][:180].to_numpy() == "yes", 20.0, 1.0)
    plain = AutoML().train(ask(toy))
    heavy = AutoML().train(ask(toy, weights=weights, folder=tmp_path / "heavy"))
    assert heavy.original[:, 1].mean() > plain.original[:, 1].mean() + 0.1


def test_the_champion_s_parameters_are_tried_first(ask, toy, tmp_path) -> None:
    first = AutoML().train(ask(toy))
    second = AutoML().train(ask(toy, warm_start=first.parameters, folder=tmp_path / "second"))
    assert second.trials[0]["name"] == "warm start"
    assert second.trials[0]["learner"] == first.parameters["members"][0]["learner"]


def test_foreign_parameters_are_no_warm_start(ask, toy) -> None:
    trained = AutoML().train(ask(toy, warm_start={"learner": "forest", "params": {"trees": 3}}))
    assert trained.trials[0]["name"] != "warm start"


def test_a_threshold_is_part_of_the_graph(ask, toy) -> None:
    request = ask(toy, settings={"threshold": 0.9})
    trained = AutoML().train(request)
    found = answers(trained, request.holdout)
    assert ((found["probabilities"][:, 1] >= np.float32(0.9)) == (found["label"] == "yes")).all()


def test_a_promise_on_decisions_moves_the_threshold(ask, toy) -> None:
    promise = parse("recall >= 0.97").at("candidate")
    trained = AutoML().train(ask(toy, promises=(promise,)))
    assert trained.parameters["threshold"] < 0.5
    assert any("kept" in note for note in trained.notes)


def test_promises_that_nothing_keeps_are_said_to_be_missed(ask, toy) -> None:
    promise = parse("roc_auc >= 0.9999").at("candidate")
    trained = AutoML().train(ask(toy, promises=(promise,)))
    assert any("no configuration kept every promise" in note and "roc_auc" in note for note in trained.notes)


def test_a_size_promise_prefers_a_small_model(ask, toy) -> None:
    promise = parse("model_size <= 5 kB").at("package")
    trained = AutoML().train(ask(toy, promises=(promise,), settings={"max_trials": 5}))
    assert trained.files["model.onnx"].stat().st_size <= 5000


@pytest.mark.parametrize("budget_s", [0.01, 4.0, 20.0])
def test_the_budget_is_kept_and_a_model_comes_out(ask, toy, monkeypatch, budget_s) -> None:
    # A clock that moves ten milliseconds whenever it is read: each boosting round takes that long.
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks) * 0.01)
    trained = AutoML().train(ask(toy, budget_s=budget_s, settings={"max_trials": 60}))
    assert time.monotonic() <= budget_s + max(0.1 * budget_s, 3.0)
    assert trained.files["model.onnx"].is_file()
    assert len(trained.trials) < 60


def test_a_longer_budget_makes_more_trials(ask, toy, monkeypatch, tmp_path) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks) * 0.01)
    short = AutoML().train(ask(toy, budget_s=5.0, settings={"max_trials": 60}))
    long = AutoML().train(ask(toy, budget_s=60.0, settings={"max_trials": 60}, folder=tmp_path / "long"))
    assert len(short.trials) < len(long.trials)
    assert long.parameters["score"] <= short.parameters["score"] + 0.05


def test_a_size_promise_that_the_graph_breaks_is_said(ask, toy) -> None:
    promise = parse("model_size <= 0.1 kB").at("package")
    trained = AutoML().train(ask(toy, promises=(promise,), settings={"max_trials": 1}))
    assert any("which breaks model_size" in note for note in trained.notes)


def test_held_out_rows_may_be_written_in_other_types(ask, toy) -> None:
    holdout = toy[180:].with_columns(pl.col("a").cast(pl.String), pl.col("text").cast(pl.Categorical))
    plain = AutoML().train(ask(toy, settings={"max_trials": 1}))
    other = AutoML().train(ask(toy, settings={"max_trials": 1}, holdout=holdout))
    np.testing.assert_array_equal(plain.original, other.original)


def test_progress_goes_up_to_one(ask, toy) -> None:
    told: list[float] = []
    AutoML().train(ask(toy, progress=lambda share, _: told.append(share)))
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_every_trial_is_on_the_record(ask, toy) -> None:
    settings = {"max_trials": 16, "features": False, "learners": ["linear", "lightgbm"]}
    trained = AutoML().train(ask(toy, settings=settings, budget_s=300.0))
    assert len(trained.trials) == 16
    assert {trial["state"] for trial in trained.trials} <= {"done", "pruned", "failed", "cut"}
    assert any(trial["name"].startswith("search") for trial in trained.trials)


def test_a_year_apart_in_time_is_never_looked_at_before_its_time(ask, toy) -> None:
    rows = toy.with_columns(when=pl.int_range(pl.len()))
    trained = AutoML().train(ask(rows, settings={"time": "when"}, features=("a", "b", "text")))
    assert trained.trials[0]["state"] == "done"


def test_groups_stay_together(ask, toy) -> None:
    rows = toy.with_columns(who=pl.int_range(pl.len()) // 4)
    trained = AutoML().train(ask(rows, settings={"group": "who"}, features=("a", "b", "text")))
    assert trained.trials[0]["state"] == "done"


def test_an_empty_holdout_has_no_answers(ask, toy) -> None:
    trained = AutoML().train(ask(toy, holdout=toy.clear()))
    assert trained.original.shape == (0, 2)
