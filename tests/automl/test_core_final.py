"""The final model: one graph that answers as its members do together, and explanations that add up to its margin."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.automl import _export
from holdfast.automl._answers import Calibration
from holdfast.automl._bench import Bench, FeatureSet, Part
from holdfast.automl._ensemble import Ensemble, ensemble_of
from holdfast.automl._features import Recipe
from holdfast.automl._final import Final, Member
from holdfast.automl._learners import LEARNERS, Config, usable
from holdfast.automl._session import run
from holdfast.automl.trainers.automl import AutoML
from holdfast.core.errors import ExportFailed, InvalidValue
from holdfast.explain import contributions
from holdfast.stats.tensors import to_tensors

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")

SMALL: dict[str, Config] = {
    "linear": parts.LINEAR,
    "lightgbm": parts.FIXED,
    "xgboost": Config("xgboost", "xgboost", {"max_depth": 3}, rounds=5),
    "catboost": Config("catboost", "catboost", {"depth": 3}, rounds=5),
    "extra_trees": Config("extra", "extra_trees", {"trees": 6, "min_samples_leaf": 5}),
    "neighbours": Config("near", "neighbours", {"k": 9}),
    "mlp": Config("network", "mlp", {"members": 2, "width": 8}, rounds=3),
}
TASKS = ("binary", "multiclass", "regression")
MADE = FeatureSet((Recipe("target_mean", ("text",)), Recipe("arithmetic", ("a", "b"), {"of": ["ratio"]})))


def odd() -> pl.DataFrame:
    """Rows to answer: real ones, and what no row of training held."""
    strange = pl.DataFrame(
        {
            "a": [None, np.nan, np.inf, -np.inf, 1e38, 0.0, 1e-45],
            "b": [np.inf, None, -np.inf, 0.0, np.nan, -1e38, 3.0],
            "text": ["mauve", None, "", "red", "RED", "red ", "\N{SNOWMAN}"],
            "side": [None, "left", "up", "right", "", "left", "left"],
        }
    )
    real = parts.table(60, seed=5).select("a", "b", "text", "side")
    return pl.concat([real, strange, strange.clear()])


def ensemble(bench: Bench, configs: list[Config]) -> Ensemble:
    trials = [parts.run(bench, config) for config in configs]
    weights = np.arange(1.0, len(trials) + 1.0)
    return ensemble_of(bench.problem, trials, list(weights / weights.sum()), how="stacked", calibrate=True)


def final(bench: Bench, found: Ensemble, *, bag: bool) -> Final:
    """The ensemble as it would be shipped: refitted, or with the models of all folds."""
    members = []
    for trial, (scale, offset) in zip(found.trials, found.terms, strict=True):
        encoding = bench.whole(trial.config)[0]
        if bag:
            fits = tuple(Part(encoding, fitted, trial.rounds) for fitted in trial.fitted)
        else:
            fits = (bench.refit(trial.config, rounds=trial.rounds, deadline=parts.far()),)
        members.append(Member(fits, scale, offset))
    line = found.calibration if bench.problem.classifies else bench.problem.objective.line
    return Final(bench.problem.schema, bench.problem.objective, tuple(members), line)


def asked(model: Final, rows: pl.DataFrame) -> list[np.ndarray]:
    return run(_export.model(model).SerializeToString(), to_tensors(rows, model.schema))


@pytest.fixture(scope="module")
def everyone() -> dict[str, Final]:
    """A model of every learner that is installed, for each task."""
    made = {}
    for task in TASKS:
        bench = parts.bench(task=task)
        configs = [SMALL[name] for name in LEARNERS if usable(name)]
        found = ensemble(bench, [config for config in configs if bench.refuses(config) is None])
        made[task] = final(bench, found, bag=False)
    return made


def test_every_learner_has_a_place_in_the_ensemble_of_this_test() -> None:
    assert set(SMALL) == set(LEARNERS)


@pytest.mark.parametrize("task", TASKS)
def test_an_ensemble_of_every_learner_is_one_graph_that_answers_as_they_do(everyone, task) -> None:
    model = everyone[task]
    assert len(model.members) >= 4
    rows = odd()
    wanted = model.answer(to_tensors(rows, model.schema))
    assert np.isfinite(wanted).all()
    found = asked(model, rows)[-1]
    spread = 1.0 if model.schema.classes else model.calibration.scale
    assert np.abs(found - wanted).max() <= 1e-5 * spread
    alone = asked(model, rows[-1:])[-1]
    assert np.abs(alone - wanted[-1:]).max() <= 1e-5 * spread


@pytest.mark.parametrize("task", TASKS[:2])
def test_the_label_is_that_of_the_greatest_probability(everyone, task) -> None:
    label, probabilities = asked(everyone[task], odd())
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    classes = np.array(everyone[task].schema.classes, dtype=object)
    at = probabilities.argmax(axis=1) if task == "multiclass" else (probabilities[:, 1] >= 0.5).astype(int)
    assert label.tolist() == classes[at].tolist()


def test_no_rows_have_no_answers(everyone) -> None:
    for model in everyone.values():
        found = asked(model, odd().clear())
        assert all(len(each) == 0 for each in found)


@pytest.mark.parametrize("task", ["binary", "count"])
def test_bags_of_folds_on_made_features_are_one_graph(task) -> None:
    bench = parts.bench(task=task)
    bench.sets["made"] = MADE
    configs = [parts.LINEAR, parts.EARLY, replace(parts.FIXED, features="made"), replace(parts.LINEAR, features="made")]
    model = final(bench, ensemble(bench, configs), bag=True)
    rows = odd()
    wanted = model.answer(to_tensors(rows, model.schema))
    found = asked(model, rows)[-1]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    encoder = _export._explained(model)["encoder.onnx"]
    assert len(run(encoder, to_tensors(rows, model.schema))) == 4


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bag", [False, True], ids=["refitted", "bag"])
def test_contributions_of_a_sum_add_up_to_the_margin(tmp_path, task, bag) -> None:
    bench = parts.bench(task=task)
    bench.sets["made"] = MADE
    found = ensemble(bench, [parts.LINEAR, parts.FIXED, replace(parts.FIXED, name="made", features="made")])
    model = final(bench, found, bag=bag)
    files = _export.write(model, tmp_path)
    plain = json.loads(files["contributions.json"].read_bytes())
    assert plain["kind"] == "sum"
    assert len(plain["parts"]) == len(model.parts)
    rows = odd()
    told = contributions(tmp_path, model.schema, rows)
    assert not told.estimated
    margin = model.calibration.line(model.margin(to_tensors(rows, model.schema)))
    total = told.values.sum(axis=1).reshape(len(rows), -1) + np.asarray(told.base).reshape(1, -1)
    np.testing.assert_allclose(total, margin, rtol=1e-5, atol=1e-5 * max(1.0, abs(model.calibration.scale)))


def test_a_part_that_cannot_be_taken_apart_leaves_no_contributions(tmp_path) -> None:
    bench = parts.bench()
    model = final(bench, ensemble(bench, [parts.LINEAR, SMALL["extra_trees"]]), bag=False)
    assert set(_export.write(model, tmp_path)) == {"model.onnx"}


def test_the_same_encoding_stands_once_in_the_graph() -> None:
    bench = parts.bench()
    model = final(bench, ensemble(bench, [parts.FIXED, parts.EARLY, SMALL["xgboost"]]), bag=True)
    nodes = [node.op_type for node in _export.model(model).graph.node]
    assert nodes.count("LabelEncoder") == 2
    assert nodes.count("TreeEnsembleRegressor") == len(model.parts) == 9


def test_a_threshold_is_compared_in_the_numbers_of_the_graph(everyone) -> None:
    model = everyone["binary"]
    probabilities = asked(model, odd())[1]
    edge = float(probabilities[3, 1])
    label = asked(replace(model, threshold=edge), odd())[0]
    assert label[3] == model.schema.positive


def test_a_single_member_has_its_line_where_a_recalibration_looks_for_it() -> None:
    bench = parts.bench()
    part = bench.refit(parts.FIXED, rounds=5, deadline=parts.far())
    model = Final(bench.problem.schema, bench.problem.objective, (Member((part,)),), Calibration(2.0, -1.0))
    graph = _export.model(model).graph
    assert {"hf_scale", "hf_offset"} <= {each.name for each in graph.initializer}
    np.testing.assert_allclose(asked(model, odd())[1], model.answer(to_tensors(odd(), model.schema)), atol=1e-6)


def test_a_graph_that_answers_otherwise_is_told(tmp_path, everyone) -> None:
    model = everyone["binary"]
    (tmp_path / "model.onnx").write_bytes(_export.model(model).SerializeToString())
    tensors = to_tensors(odd(), model.schema)
    wanted = model.answer(tensors)
    assert _export.check(tmp_path / "model.onnx", tensors, wanted, unit=1.0) <= 1e-5
    with pytest.raises(ExportFailed, match="differs by"):
        _export.check(tmp_path / "model.onnx", tensors, wanted + 0.01, unit=1.0)
    with pytest.raises(ExportFailed, match="differs by nan"):
        _export.check(tmp_path / "model.onnx", tensors, np.where(wanted > 0.5, np.nan, wanted), unit=1.0)


def test_a_model_without_members_is_none() -> None:
    problem = parts.problem(parts.table(20))
    with pytest.raises(ValueError, match="without members"):
        Final(problem.schema, problem.objective, (), Calibration()).margin(problem.tensors)


@pytest.mark.xfail(strict=True, reason="_problem.check lets columns have the names of the graph's own tensors")
@pytest.mark.parametrize("name", ["label", "probabilities", "margin", "encoded", "hf_scale", "hf_constant_1", ""])
def test_a_column_with_the_name_of_a_tensor_of_the_graph_is_refused_in_words(tmp_path, name) -> None:
    request = parts.request(parts.table(20).rename({"a": name}), tmp_path, settings={"max_trials": 1})
    with pytest.raises(InvalidValue, match="name"):
        AutoML().train(request)
