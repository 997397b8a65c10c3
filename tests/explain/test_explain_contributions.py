"""Contributions: exact ones against arithmetic by hand, sampled ones against what is known in closed form."""

from __future__ import annotations

import json
import shutil

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound, EmptyTable, InvalidValue, ParityFailed, UnreadableData
from holdfast.explain import Contributions, contributions, global_importance

EVERY = [(task, learner) for task in ("binary", "multiclass", "regression") for learner in ("linear", "trees")]


@pytest.mark.parametrize(("task", "learner"), EVERY)
def test_contributions_add_up_to_the_margin(package, task, learner) -> None:
    model = package(task, learner)
    found = contributions(model.folder, model.schema, model.sample)
    assert found.columns == ("a", "b", "noise", "text")
    assert not found.estimated
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base.squeeze(), found.margin, atol=1e-9, rtol=1e-9)


def test_the_margin_of_two_classes_is_the_logit_of_the_positive_one(package) -> None:
    model = package("binary", "trees")
    found = contributions(model.folder, model.schema, model.sample)
    assert found.outputs == ("yes",)
    np.testing.assert_allclose(1 / (1 + np.exp(-found.margin)), model.predict(model.sample)[:, 1], atol=1e-6)


def test_several_classes_have_contributions_each(package) -> None:
    model = package("multiclass", "trees")
    found = contributions(model.folder, model.schema, model.sample)
    assert found.outputs == ("high", "low", "mid")
    assert found.values.shape == (60, 4, 3)
    assert found.of("low").shape == (60, 4)
    with pytest.raises(InvalidValue, match="did you mean 'low'"):
        found.of("lowe")
    with pytest.raises(InvalidValue):
        found.of()


def test_a_regression_is_explained_in_the_target_s_unit(package) -> None:
    model = package("regression", "trees")
    found = contributions(model.folder, model.schema, model.sample)
    np.testing.assert_allclose(found.margin, model.predict(model.sample), rtol=1e-5)
    assert 900 < found.base[0] < 1100


def test_linear_contributions_are_coefficient_times_distance_from_the_mean(package) -> None:
    model = package("binary", "linear")
    told = json.loads((model.folder / "contributions.json").read_text())
    found = contributions(model.folder, model.schema, model.sample)
    place = told["columns"].index("noise")
    assert told["columns"].count("noise") == 1
    slope = np.polyfit(model.sample["noise"], found.values[:, 2], 1)[0]
    spread = np.std(clinic_noise(model))
    assert slope == pytest.approx(told["coefficients"][0][place] * told["scale"] / spread, rel=0.05)


def clinic_noise(model) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(3, 240))[2][:180]


def test_what_matters_is_weightier_than_noise(package) -> None:
    model = package("binary", "trees")
    importance = global_importance(contributions(model.folder, model.schema, model.sample))
    assert importance.columns[importance.order()[0]] == "a"
    assert importance.value[0] > 3 * importance.value[2]
    assert (importance.low <= importance.value).all()
    assert (importance.value <= importance.high).all()


def test_no_rows_have_no_contributions(package) -> None:
    model = package("binary", "trees")
    found = contributions(model.folder, model.schema, model.sample.clear())
    assert found.values.shape == (0, 4)
    with pytest.raises(EmptyTable):
        global_importance(found)


def test_a_missing_column_is_named(package) -> None:
    model = package("binary", "trees")
    with pytest.raises(ColumnNotFound, match="'noise'"):
        contributions(model.folder, model.schema, model.sample.drop("noise"))


def test_an_explanation_of_another_model_is_refused(package, tmp_path) -> None:
    model = package("binary", "linear")
    folder = shutil.copytree(model.folder, tmp_path / "other")
    told = json.loads((folder / "contributions.json").read_text())
    told["intercept"] = [each + 1 for each in told["intercept"]]
    (folder / "contributions.json").write_text(json.dumps(told))
    with pytest.raises(ParityFailed, match="not the graph"):
        contributions(folder, model.schema, model.sample)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"kind": "forest"}', '{"kind": "linear", "columns": ["a"], "scale": 1, "offset": 0}']
)
def test_a_file_that_explains_nothing_is_refused(package, tmp_path, text) -> None:
    model = package("binary", "linear")
    folder = shutil.copytree(model.folder, tmp_path / "other")
    (folder / "contributions.json").write_text(text)
    with pytest.raises(UnreadableData):
        contributions(folder, model.schema, model.sample)


def test_a_column_that_the_model_lacks_is_refused(package, tmp_path) -> None:
    model = package("binary", "linear")
    folder = shutil.copytree(model.folder, tmp_path / "other")
    told = json.loads((folder / "contributions.json").read_text())
    told["columns"][0] = "../a"
    (folder / "contributions.json").write_text(json.dumps(told))
    with pytest.raises(UnreadableData, match="not the model's"):
        contributions(folder, model.schema, model.sample)


def test_sampled_contributions_of_a_linear_function_are_its_terms(plain, tmp_path) -> None:
    model = plain(lambda rows: (2 * rows["x0"] - rows["x1"]).to_numpy(), tmp_path)
    base = model.sample.head(1)
    found = contributions(tmp_path, model.schema, model.sample, predict=model.predict, background=base, permutations=4)
    wanted = model.sample.select((pl.col("x0") - base["x0"]) * 2, (base["x1"] - pl.col("x1")), pl.col("x2") * 0)
    np.testing.assert_allclose(found.values, wanted.to_numpy(), atol=1e-12)
    np.testing.assert_allclose(found.error, 0.0, atol=1e-12)
    assert found.estimated


def test_an_interaction_is_shared_by_halves(plain, tmp_path) -> None:
    model = plain(lambda rows: (rows["x0"] * rows["x1"]).to_numpy(), tmp_path)
    base = pl.DataFrame({"x0": [0.0], "x1": [0.0], "x2": [0.0]})
    found = contributions(tmp_path, model.schema, model.sample, predict=model.predict, background=base, permutations=8)
    np.testing.assert_allclose(found.values[:, 0], model.predict(model.sample) / 2, atol=1e-12)
    np.testing.assert_allclose(found.values[:, 1], model.predict(model.sample) / 2, atol=1e-12)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_sampled_contributions_agree_with_exact_ones(package, tmp_path, task) -> None:
    model = package(task, "linear")
    shutil.copyfile(model.folder / "model.onnx", tmp_path / "model.onnx")
    exact = contributions(model.folder, model.schema, model.sample)
    drawn = contributions(tmp_path, model.schema, model.sample, rng=np.random.default_rng(1))
    again = contributions(tmp_path, model.schema, model.sample, rng=np.random.default_rng(1))
    assert drawn.estimated
    np.testing.assert_array_equal(drawn.values, again.values)
    # Of several classes only differences between their margins are determined by the answers.
    centred = exact.values - exact.values.mean(axis=-1, keepdims=True) * (task == "multiclass")
    assert np.corrcoef(centred.ravel(), drawn.values.ravel())[0, 1] > 0.85


def test_sampling_needs_background_rows_and_an_even_number_of_permutations(plain, tmp_path) -> None:
    model = plain(lambda rows: rows["x0"].to_numpy(), tmp_path)
    with pytest.raises(EmptyTable):
        contributions(tmp_path, model.schema, model.sample, predict=model.predict, background=model.sample.clear())
    with pytest.raises(InvalidValue, match="5 permutations"):
        contributions(tmp_path, model.schema, model.sample, predict=model.predict, permutations=5)


def test_the_interval_of_an_importance_is_a_bootstrap_over_rows() -> None:
    values = np.random.default_rng(0).normal(size=(400, 2)) * [1.0, 3.0]
    found = Contributions(("p", "q"), ("y",), values, np.zeros(1), values.sum(axis=1))
    importance = global_importance(found, rng=np.random.default_rng(1))
    error = np.abs(values).std(axis=0) / np.sqrt(400)
    np.testing.assert_allclose(importance.high - importance.low, 2 * 1.96 * error, rtol=0.15)
    with pytest.raises(InvalidValue, match="confidence 1"):
        global_importance(found, confidence=1.0)
