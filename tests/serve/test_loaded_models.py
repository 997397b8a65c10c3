"""Loading a model and asking it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound, InvalidRequest, InvalidValue, ModelNotReady, UnreadableData
from holdfast.core.models import Column, ModelSchema
from holdfast.serve import load_model, onnx_predict

ROWS = pl.DataFrame({"sex": ["f", None, "other"], "age": [40, None, 10], "dose": [1.0, 2.0, None]})


def test_a_classification_gives_probabilities_and_decisions(shelf: Any) -> None:
    model = load_model(shelf["one"])
    score, decision = model.decide(ROWS)
    assert model.schema.task == "binary"
    assert (score.shape, score.dtype) == ((3, 2), np.float64)
    assert np.allclose(score.sum(axis=1), 1, atol=1e-6)
    assert decision is not None
    assert set(decision) <= {"benign", "malignant"}
    assert np.array_equal(model.predict(ROWS), score)


def test_a_regression_gives_numbers(shelf: Any) -> None:
    score, decision = load_model(shelf["amount"]).decide(pl.DataFrame({"age": [1, 2], "dose": [3.0, 4.0]}))
    assert score.tolist() == [5.0, 8.0]
    assert decision is None


def test_no_rows_give_no_answers(shelf: Any) -> None:
    assert load_model(shelf["one"]).predict(ROWS.clear()).shape == (0, 2)
    assert load_model(shelf["amount"]).predict(ROWS.clear()).shape == (0,)


def test_fused_inputs_give_the_same_answers_to_the_last_bit(shelf: Any) -> None:
    plain, fused = load_model(shelf["numbers"]), load_model(shelf["numbers"])
    assert fused.fuse()
    assert fused.fuse()
    numbers = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    for expected, found in zip(plain.run_table(numbers, []), fused.run_table(numbers, []), strict=True):
        assert np.array_equal(expected, found)
    rows = pl.DataFrame({f"c{index}": numbers[:, index] for index in range(6)})
    assert np.array_equal(plain.predict(rows), fused.predict(rows))
    with pytest.raises(InvalidRequest, match="missing"):
        fused.run({"c0": numbers[:, :1]})


def test_a_model_of_few_numbers_is_left_as_it_is(shelf: Any) -> None:
    assert not load_model(shelf["one"]).fuse()
    assert not load_model(shelf["doubler"]).fuse()


def test_any_graph_can_be_asked_by_its_inputs(shelf: Any) -> None:
    feeds = {"x": np.ones((1, 3), np.float32), "k": np.array([3])}
    assert onnx_predict(shelf["doubler"] / "model.onnx", feeds)["y"].tolist() == [[3.0, 3.0, 3.0]]
    with pytest.raises(InvalidRequest, match="cannot answer"):
        onnx_predict(shelf["doubler"] / "model.onnx", {"x": feeds["x"]})
    model = load_model(shelf["doubler"])
    assert not model.has_schema
    with pytest.raises(ModelNotReady, match="no schema"):
        model.predict(ROWS)


def test_a_file_that_changed_is_loaded_anew(shelf: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes((shelf["doubler"] / "model.onnx").read_bytes())
    onnx_predict(path, {"x": np.ones((1, 3), np.float32), "k": np.array([3])})
    path.write_bytes((shelf["amount"] / "model.onnx").read_bytes())
    one = np.ones((1, 1), np.float32)
    assert onnx_predict(path, {"age": one, "dose": one})["prediction"].tolist() == [3.0]


def test_the_schema_is_found_in_a_manifest_or_given(shelf: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes((shelf["one"] / "model.onnx").read_bytes())
    schema = json.loads((shelf["one"] / "schema.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({"files": {}, "schema": schema}))
    found = load_model(folder).schema
    assert found.names == ("age", "dose", "sex")
    assert load_model(folder, found).schema is found


def test_a_missing_column_is_named(shelf: Any) -> None:
    with pytest.raises(ColumnNotFound, match="dose"):
        load_model(shelf["one"]).predict(ROWS.drop("dose"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotReady, match="no model"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x01"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelNotReady, match="ONNX"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", '{"task": "binary", "columns": 5}', '{"task": "art", "target": "y", "columns": []}']
)
def test_a_schema_that_is_none_is_refused(shelf: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "model.onnx").write_bytes((shelf["one"] / "model.onnx").read_bytes())
    (tmp_path / "schema.json").write_text(text)
    with pytest.raises(UnreadableData):
        load_model(tmp_path)


def test_a_schema_of_another_model_is_refused(shelf: Any) -> None:
    with pytest.raises(InvalidValue, match="differ"):
        load_model(shelf["one"], ModelSchema("regression", "y", (Column("age", "float32"),)))
    columns = load_model(shelf["amount"]).schema.columns
    with pytest.raises(InvalidValue, match="outputs"):
        load_model(shelf["amount"], ModelSchema("binary", "y", columns, classes=("a", "b")))
