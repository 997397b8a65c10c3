"""A trainer that takes milliseconds: a line through the number column that says most, as a real graph."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import TrainingFailed
from holdfast.core.models import CLASSIFICATION, Column, ModelSchema
from holdfast.core.ports import Trained, TrainRequest
from holdfast.serve.models import load_model
from holdfast.stats.tensors import as_float32, as_text


class Quick:
    """Settings: ``fail`` (raise that), ``group``, ``time``, ``event``, ``quantile`` (kept in the parameters)."""

    name = "quick"

    def __init__(self) -> None:
        self.asked: list[TrainRequest] = []

    def train(self, request: TrainRequest) -> Trained:
        """Fit the line."""
        self.asked.append(request)
        assert list(request.folder.iterdir()) == []
        (request.folder / "scratch.tmp").write_text("left behind by a trainer")
        resumed = False
        if request.trials is not None:
            kept = request.trials / "first.json"
            resumed = kept.exists()
            kept.write_text("{}")
        fail = request.settings.get("fail")
        if fail == "interrupt":
            raise KeyboardInterrupt
        if fail is not None:
            raise TrainingFailed(str(fail))
        schema = _schema(request)
        path = request.folder / "model.onnx"
        path.write_bytes(_graph(request, schema))
        if request.progress is not None:
            request.progress(0.5, "fitting the line")
        trial = {"name": "line", "state": "done", "score": 0.5, "seconds": 0.01, "resumed": resumed}
        return Trained(
            schema=schema,
            files={"model.onnx": path},
            parameters={"settings": dict(request.settings)},
            original=load_model(path, schema).predict(request.holdout),
            trials=(trial,),
            notes=("a line",),
            report={
                "trials": [trial],
                "chosen": {"name": "line", "score": 0.5},
                "notes": ["a line"],
                "budget": {"cpu_s": 0.01},
            },
        )


def _schema(request: TrainRequest) -> ModelSchema:
    rows = request.rows
    texts = [name for name in request.features if rows.schema[name] == pl.String]
    columns = tuple(Column(name, "string" if name in texts else "float32") for name in request.features)
    classes: tuple[str, ...] = ()
    if request.task in CLASSIFICATION:
        found = sorted(set(as_text(rows[request.target]).tolist()))
        classes = tuple(sorted(found, key=lambda each: each == request.positive))
    return ModelSchema(request.task, request.target, columns, classes, request.positive)


def _numbers(request: TrainRequest, schema: ModelSchema) -> np.ndarray:
    if schema.classes:
        return np.array([schema.classes.index(each) for each in as_text(request.rows[request.target])], dtype=float)
    return as_float32(request.rows[request.target]).astype(float)


def _graph(request: TrainRequest, schema: ModelSchema) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    truth = _numbers(request, schema)
    best, slope, mean = _best(request, schema, truth)
    k = max(1, len(schema.classes))
    slopes = np.zeros((1, k), dtype=np.float32)
    slopes[0, -1] = slope * (4.0 if schema.classes else 1.0)
    base = np.zeros((1, k), dtype=np.float32)
    if not schema.classes:
        base[0, 0] = truth.mean()
    constants = {
        "-slopes": slopes,
        "-base": base,
        "-mean": np.array([[mean]], dtype=np.float32),
        "-flat": np.array([-1]),
    }
    types = {"float32": TensorProto.FLOAT, "string": TensorProto.STRING}
    inputs = [helper.make_tensor_value_info(each.name, types[each.dtype], ["n", 1]) for each in schema.columns]
    nodes = [_start(helper, schema, best)]
    nodes += [
        helper.make_node("IsNaN", ["-x"], ["-gone"]),
        helper.make_node("Where", ["-gone", "-mean", "-x"], ["-there"]),
        helper.make_node("Sub", ["-there", "-mean"], ["-moved"]),
        helper.make_node("Mul", ["-moved", "-slopes"], ["-product"]),
        helper.make_node("Add", ["-product", "-base"], ["-margin"]),
    ]
    ends, outputs = _ends(helper, TensorProto, schema)
    made = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([*nodes, *ends], "line", inputs, outputs, made)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def _best(request: TrainRequest, schema: ModelSchema, truth: np.ndarray) -> tuple[str | None, float, float]:
    best: tuple[float, str | None, float, float] = (-1.0, None, 0.0, 0.0)
    for column in schema.columns:
        if column.dtype != "float32":
            continue
        values = as_float32(request.rows[column.name]).astype(float)
        there = np.isfinite(values) & np.isfinite(truth)
        if there.sum() < 3 or values[there].std() == 0 or truth[there].std() == 0:
            continue
        slope = float(np.polyfit(values[there], truth[there], 1)[0])
        strength = abs(float(np.corrcoef(values[there], truth[there])[0, 1]))
        if strength > best[0]:
            best = (strength, column.name, slope, float(values[there].mean()))
    return best[1], best[2], best[3]


def _start(helper: Any, schema: ModelSchema, best: str | None) -> Any:
    if best is not None:
        return helper.make_node("Identity", [best], ["-x"])
    first = schema.columns[0]
    if first.dtype == "float32":
        return helper.make_node("Identity", [first.name], ["-x"])
    none: dict[str, Any] = {"keys_strings": ["-"], "values_floats": [0.0], "default_float": 0.0}
    return helper.make_node("LabelEncoder", [first.name], ["-x"], domain="ai.onnx.ml", **none)


def _ends(helper: Any, kinds: Any, schema: ModelSchema) -> tuple[list[Any], list[Any]]:
    if not schema.classes:
        flat = helper.make_node("Reshape", ["-margin", "-flat"], ["prediction"])
        return [flat], [helper.make_tensor_value_info("prediction", kinds.FLOAT, ["n"])]
    names: dict[str, Any] = {
        "keys_int64s": list(range(len(schema.classes))),
        "values_strings": list(schema.classes),
        "default_string": "",
    }
    nodes = [
        helper.make_node("Softmax", ["-margin"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["-best"], axis=1, keepdims=0),
        helper.make_node("LabelEncoder", ["-best"], ["label"], domain="ai.onnx.ml", **names),
    ]
    return nodes, [
        helper.make_tensor_value_info("label", kinds.STRING, ["n"]),
        helper.make_tensor_value_info("probabilities", kinds.FLOAT, ["n", len(schema.classes)]),
    ]


def parameters(folder: Any) -> dict[str, Any]:
    """What the manifest in a folder says of the parameters."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["parameters"]
    return found
