"""A tiny model: a real ONNX folder as a trainer writes one, made by hand in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.digests import canonical_json, digest_bytes, plain
from holdfast.core.models import CLASSIFICATION, Column, ModelSchema, ModelVersion
from holdfast.core.subjects import Model
from holdfast.testing.data import CLASSES, FEATURES, TARGETS, tiny_rows

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
ML_OPSET = 3
#: Imputed values of the number columns, which are also the means of the encoded features (the last: of ``sex``).
MEANS = (45.0, 75.0, 0.5)
#: One row of coefficients for each output's margin, over the encoded features age, weight, sex (f 0, m 1, else 0.5).
COEFFICIENTS = {
    "binary": ((0.2, 0.1, 3.0),),
    "multiclass": ((0.13, 0.07, 2.0), (-0.13, -0.07, -2.0), (0.0, 0.0, 0.0)),
    "other": ((1.67, 0.83, 25.0),),
}
#: What the margins are where every encoded feature is at its mean.
BASE = {"binary": (0.0,), "multiclass": (0.0, 0.0, 0.5), "other": (100.0,)}


def tiny_schema(task: str = "binary") -> ModelSchema:
    """Return the schema of the tiny model: two numbers, one text.

    Raises
    ------
    InvalidValue
        If there is no such task.
    """
    columns = (
        Column("age", "float32", low=20.0, high=80.0),
        Column("weight", "float32", low=30.0, high=120.0),
        Column("sex", "string", levels=("f", "m")),
    )
    positive = "yes" if task == "binary" else None
    return ModelSchema(task, TARGETS.get(task, "cost"), columns, CLASSES.get(task, ()), positive)


def tiny_model(folder: Path, *, task: str = "binary") -> Model:
    """Write a linear model of `tiny_rows` into `folder`, and hand it over as a subject that answers.

    Parameters
    ----------
    folder
        Existing folder; gets ``model.onnx``, ``encoder.onnx``, ``contributions.json`` and ``schema.json``.
    task
        One of `holdfast.core.models.TASKS`.

    Returns
    -------
    Model
        With 50 rows as its sample. Missing values and unseen categories are answered.

    Raises
    ------
    InvalidValue
        If there is no such task.
    """
    from holdfast.serve.models import load_model

    schema = tiny_schema(task)
    for name, data in _files(schema).items():
        (folder / name).write_bytes(data)
    loaded = load_model(folder, schema)
    return Model(
        folder=folder,
        schema=schema,
        predict=loaded.predict,
        sample=tiny_rows(50, seed=2).select(FEATURES),
        size_bytes=(folder / "model.onnx").stat().st_size,
        parity={"max_difference": 0.0, "label_flips": 0.0, "rows": 50.0},
    )


def tiny_version(folder: Path, *, task: str = "binary") -> ModelVersion:
    """Model version for the files of a tiny model in `folder`."""
    files = {path.name: digest_bytes(path.read_bytes()) for path in sorted(folder.iterdir())}
    return ModelVersion("clinic", tiny_schema(task), files, dataset="d" * 64, trainer="tiny", reason="to test with")


def _files(schema: ModelSchema) -> Mapping[str, bytes]:
    return {
        "model.onnx": _graph(schema, encoder=False).SerializeToString(),
        "encoder.onnx": _graph(schema, encoder=True).SerializeToString(),
        "contributions.json": json.dumps(_contributions(schema.task)).encode(),
        "schema.json": canonical_json(plain(schema)),
    }


def _kind(task: str) -> str:
    return task if task in CLASSIFICATION else "other"


def _contributions(task: str) -> dict[str, Any]:
    coefficients = np.array(COEFFICIENTS[_kind(task)])
    return {
        "kind": "linear",
        "columns": list(FEATURES),
        "coefficients": coefficients.tolist(),
        "intercept": (np.array(BASE[_kind(task)]) - coefficients @ np.array(MEANS)).tolist(),
        "means": list(MEANS),
        "scale": 1.0,
        "offset": 0.0,
    }


def _graph(schema: ModelSchema, *, encoder: bool) -> ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    made = _contributions(schema.task)
    weights = np.array(made["coefficients"], dtype=np.float32).T
    constants: dict[str, np.ndarray] = {
        "weights": weights,
        "intercept": np.array(made["intercept"], dtype=np.float32),
        "age mean": np.array([[MEANS[0]]], dtype=np.float32),
        "weight mean": np.array([[MEANS[1]]], dtype=np.float32),
        "one": np.array([1.0], dtype=np.float32),
        "flat": np.array([-1], dtype=np.int64),
    }
    types = {"float32": TensorProto.FLOAT, "string": TensorProto.STRING}
    inputs = [helper.make_tensor_value_info(each.name, types[each.dtype], ["n", 1]) for each in schema.columns]
    tail, outputs = ([], [("encoded", TensorProto.FLOAT, ["n", len(FEATURES)])]) if encoder else _answers(schema)
    graph = helper.make_graph(
        [*_encode(), *tail],
        "tiny",
        inputs,
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _encode() -> list[Any]:
    from onnx import helper

    nodes = []
    for name in ("age", "weight"):
        nodes.append(helper.make_node("IsNaN", [name], [f"{name} missing"]))
        nodes.append(helper.make_node("Where", [f"{name} missing", f"{name} mean", name], [f"{name} filled"]))
    code: dict[str, Any] = {"keys_strings": ["f", "m"], "values_floats": [0.0, 1.0], "default_float": MEANS[2]}
    nodes.append(helper.make_node("LabelEncoder", ["sex"], ["sex code"], domain="ai.onnx.ml", **code))
    nodes.append(helper.make_node("Concat", ["age filled", "weight filled", "sex code"], ["encoded"], axis=1))
    return nodes


def _answers(schema: ModelSchema) -> tuple[list[Any], list[tuple[str, int, list[Any]]]]:
    from onnx import TensorProto, helper

    margin = [
        helper.make_node("MatMul", ["encoded", "weights"], ["product"]),
        helper.make_node("Add", ["product", "intercept"], ["margin"]),
    ]
    if schema.task not in CLASSIFICATION:
        flat = helper.make_node("Reshape", ["margin", "flat"], ["prediction"])
        return [*margin, flat], [("prediction", TensorProto.FLOAT, ["n"])]
    if schema.task == "binary":
        shares = [
            helper.make_node("Sigmoid", ["margin"], ["positive"]),
            helper.make_node("Sub", ["one", "positive"], ["negative"]),
            helper.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
        ]
    else:
        shares = [helper.make_node("Softmax", ["margin"], ["probabilities"], axis=1)]
    names: dict[str, Any] = {
        "keys_int64s": list(range(len(schema.classes))),
        "values_strings": list(schema.classes),
        "default_string": "",
    }
    label = [
        helper.make_node("ArgMax", ["probabilities"], ["best"], axis=1, keepdims=0),
        helper.make_node("LabelEncoder", ["best"], ["label"], domain="ai.onnx.ml", **names),
    ]
    outputs: list[tuple[str, int, list[Any]]] = [
        ("label", TensorProto.STRING, ["n"]),
        ("probabilities", TensorProto.FLOAT, ["n", len(schema.classes)]),
    ]
    return [*margin, *shares, *label], outputs
