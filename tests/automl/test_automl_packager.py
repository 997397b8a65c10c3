"""The packager `onnx`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from holdfast.core import registry
from holdfast.core.errors import InvalidValue, ModelNotReady
from holdfast.core.models import ModelVersion
from holdfast.core.ports import Packager


@pytest.fixture
def trained(ask, toy):
    request = ask(toy, settings={"max_trials": 2})
    made = registry.get("trainer", "automl").train(request)
    digests = dict.fromkeys(made.files, "0" * 64)
    return ModelVersion("m", made.schema, digests, "d", "automl", made.parameters), made, request


def packed(trained, folder, **given):
    version, made, request = trained
    given = {"sample": request.holdout, "original": made.original, "settings": {}, **given}
    return registry.get("packager", "onnx").pack(version, request.folder, folder, **given)


def test_it_is_registered_as_a_packager() -> None:
    assert isinstance(registry.get("packager", "onnx"), Packager)


def test_parity_with_the_original_is_measured_on_the_sample(trained, tmp_path) -> None:
    found = packed(trained, tmp_path / "p")
    assert found.parity["max_difference"] < 1e-6
    assert found.parity["label_flips"] == 0.0
    assert found.parity["rows"] == 60.0
    assert found.size_bytes == found.files["model.onnx"].stat().st_size


def test_schema_and_what_explains_it_travel_with_the_model(trained, tmp_path) -> None:
    found = packed(trained, tmp_path / "p")
    assert {"model.onnx", "schema.json", "encoder.onnx", "contributions.json"} <= set(found.files)
    assert json.loads(found.files["schema.json"].read_text())["classes"] == ["no", "yes"]


def test_packing_twice_gives_the_same_bytes(trained, tmp_path) -> None:
    first, second = packed(trained, tmp_path / "p"), packed(trained, tmp_path / "q")
    assert first.files["model.onnx"].read_bytes() == second.files["model.onnx"].read_bytes()


def test_a_wrong_original_shows_in_the_parity(trained, tmp_path) -> None:
    found = packed(trained, tmp_path / "p", original=trained[1].original[::-1])
    assert found.parity["max_difference"] > 0.01


def test_without_an_original_the_model_itself_is_the_measure(trained, tmp_path) -> None:
    assert packed(trained, tmp_path / "p", original=None).parity["max_difference"] == 0.0


def test_an_original_of_another_length_is_refused(trained, tmp_path) -> None:
    with pytest.raises(InvalidValue, match="original of shape"):
        packed(trained, tmp_path / "p", original=np.zeros((3, 2)))


def test_an_empty_sample_measures_nothing(trained, tmp_path) -> None:
    sample = trained[2].holdout.clear()
    assert packed(trained, tmp_path / "p", sample=sample, original=np.zeros((0, 2))).parity == {}


def test_unoptimised_is_the_model_byte_for_byte(trained, tmp_path) -> None:
    found = packed(trained, tmp_path / "p", settings={"optimise": False})
    assert found.files["model.onnx"].read_bytes() == (trained[2].folder / "model.onnx").read_bytes()


def test_unknown_settings_are_refused(trained, tmp_path) -> None:
    with pytest.raises(InvalidValue, match="did you mean 'optimise'"):
        packed(trained, tmp_path / "p", settings={"optimize": True})


def test_a_truncated_graph_is_refused(trained, tmp_path) -> None:
    path = trained[2].folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelNotReady):
        packed(trained, tmp_path / "p")
