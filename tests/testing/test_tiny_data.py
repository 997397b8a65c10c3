"""Tiny data and the tiny model: the same every time, typed like real ones, and answering."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import InvalidValue
from holdfast.core.grammar import parse
from holdfast.core.models import TASKS
from holdfast.serve.models import onnx_predict
from holdfast.stats.tensors import to_tensors
from holdfast.testing import (
    tiny_context,
    tiny_contract,
    tiny_model,
    tiny_request,
    tiny_rows,
    tiny_scored,
    tiny_traffic,
    tiny_version,
    tiny_window,
)

CLASSIFYING = ["binary", "multiclass"]


def test_tiny_rows_are_the_same_every_time() -> None:
    assert tiny_rows().equals(tiny_rows())
    assert not tiny_rows(seed=1).equals(tiny_rows())
    assert tiny_rows(0).schema == tiny_rows().schema


@pytest.mark.parametrize("task", TASKS)
def test_the_scores_of_a_task_are_those_of_a_fair_model(task: str) -> None:
    scored = tiny_scored(task)
    assert scored.n == 200
    assert tiny_scored(task, n=0).n == 0
    assert np.isfinite(scored.score).all()
    assert (scored.group is not None) == (task in ("ranking", "forecasting"))


@pytest.mark.parametrize(("task", "least"), [("binary", 0.8), ("multiclass", 0.6)])
def test_the_decisions_are_right_more_often_than_not(task: str, least: float) -> None:
    scored = tiny_scored(task)
    assert (scored.decision == scored.truth).mean() > least
    assert scored.score.sum(axis=1) == pytest.approx(np.ones(200))


@pytest.mark.parametrize("task", TASKS)
def test_a_window_holds_what_came_lately(task: str) -> None:
    window = tiny_window(task, n=30)
    assert window.reference.height == 200
    assert window.current.height == 30
    assert window.current_score is not None
    assert len(window.current_score) == 30


@pytest.mark.parametrize("make", [tiny_scored, tiny_window])
def test_a_task_that_is_none_suggests_the_nearest(make) -> None:
    with pytest.raises(InvalidValue, match="did you mean 'regression'"):
        make("regresion")


def test_traffic_may_be_none() -> None:
    assert len(tiny_traffic(0).latency_s) == 0
    assert tiny_traffic().failed == 2


def test_a_contract_and_a_context_are_about_the_promise() -> None:
    promise = parse("recall >= 0.8 by sex").at("live")
    context = tiny_context(promise, champion=None)
    assert context.contract == tiny_contract(promise)
    assert context.champion is None
    assert context.verdict.deciding is not None
    assert context.verdict.deciding.value == 0.4
    assert context.verdict.deciding.slice == (("sex", "f"),)


def test_a_request_can_be_changed(tmp_path: Path) -> None:
    request = tiny_request(tmp_path, task="regression", seed=3, budget_s=1.0)
    assert (request.target, request.positive, request.seed, request.budget_s) == ("cost", None, 3, 1.0)


@pytest.mark.parametrize("task", TASKS)
def test_the_tiny_model_answers_missing_cells_and_unseen_categories(task: str, tmp_path: Path) -> None:
    model = tiny_model(tmp_path, task=task)
    rows = pl.DataFrame({"age": [None, 30.0], "weight": [70.0, None], "sex": [None, "unheard of"]})
    score = model.predict(rows)
    assert len(score) == 2
    assert np.isfinite(score).all()
    assert model.size_bytes == (tmp_path / "model.onnx").stat().st_size


@pytest.mark.parametrize("task", TASKS)
def test_the_tiny_models_graphs_are_valid(task: str, tmp_path: Path) -> None:
    import onnx

    tiny_model(tmp_path, task=task)
    onnx.checker.check_model(onnx.load_model(str(tmp_path / "model.onnx")), full_check=True)
    onnx.checker.check_model(onnx.load_model(str(tmp_path / "encoder.onnx")), full_check=True)


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_the_contributions_add_up_to_the_margin(task: str, tmp_path: Path) -> None:
    model = tiny_model(tmp_path, task=task)
    told = json.loads((tmp_path / "contributions.json").read_text())
    encoded = onnx_predict(tmp_path / "encoder.onnx", to_tensors(model.sample, model.schema))["encoded"]
    margin = encoded @ np.array(told["coefficients"][0]) + told["intercept"][0]
    score = model.predict(model.sample)
    answer = score if task == "regression" else np.log(score[:, 1] / score[:, 0])
    assert margin == pytest.approx(answer, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("task", CLASSIFYING)
def test_the_tiny_model_is_better_than_guessing(task: str, tmp_path: Path) -> None:
    model = tiny_model(tmp_path, task=task)
    scored = tiny_scored(task)
    answered = np.array(model.schema.classes)[model.predict(scored.rows).argmax(axis=1)]
    assert (answered == scored.truth).mean() > 0.6


def test_a_model_made_twice_is_the_same_version(tmp_path: Path) -> None:
    versions = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        tiny_model(tmp_path / name)
        versions.append(tiny_version(tmp_path / name).id)
    assert versions[0] == versions[1]
