"""The least graph: what a model costs that has the inputs and outputs asked for and reads nothing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._graph import Graph
from holdfast.automl._latency import timed

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema

#: Calls that a least latency is the fastest of.
CALLS = 200


@dataclass(frozen=True, slots=True)
class LeastSize:
    """Bytes that no graph with these inputs and outputs is below, and those of one that answers a constant."""

    proven: int
    made: int


def constant_graph(schema: ModelSchema) -> bytes:
    """Graph with the inputs and outputs of a schema that answers every row alike.

    Its classes are equally probable, its predictions 0.
    """
    graph = Graph()
    # Zeros (n, 1) for as many rows as the first input has, whatever it holds.
    rows = graph.add("ConstantOfShape", graph.add("Shape", schema.columns[0].name))
    if not schema.classes:
        graph.add("Squeeze", rows, graph.whole(1), to="prediction")
        return _bytes(graph, schema)
    width = len(schema.classes)
    shares = graph.constant(np.full((1, width), 1.0 / width, dtype=np.float32))
    probabilities = graph.add("Add", rows, shares, to="probabilities")
    place = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    graph.add("Gather", graph.constant(np.array(schema.classes, dtype=object)), place, to="label", axis=0)
    return _bytes(graph, schema)


def _bytes(graph: Graph, schema: ModelSchema) -> bytes:
    made = graph.model(_inputs(schema), _outputs(schema), name="m")
    return bytes(made.SerializeToString(deterministic=True))


def _inputs(schema: ModelSchema, *, shaped: bool = True) -> list[Any]:
    from onnx import TensorProto, helper

    kinds = {"float32": TensorProto.FLOAT, "string": TensorProto.STRING}
    shape: Sequence[str | int | None] | None = ["n", 1] if shaped else None
    return [helper.make_tensor_value_info(each.name, kinds[each.dtype], shape) for each in schema.columns]


def _outputs(schema: ModelSchema, *, shaped: bool = True) -> list[Any]:
    from onnx import TensorProto, helper

    if not schema.classes:
        return [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n"] if shaped else None)]
    wide: Sequence[str | int | None] | None = ["n", len(schema.classes)] if shaped else None
    return [
        helper.make_tensor_value_info("label", TensorProto.STRING, ["n"] if shaped else None),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, wide),
    ]


def least_size(schema: ModelSchema) -> LeastSize:
    """Size of the least graph of a schema.

    Proven is what the inputs' and outputs' names and types take alone, which are in every graph; a graph has nodes
    besides, so that none is as small.
    """
    from onnx import helper

    bare = helper.make_graph([], "", _inputs(schema, shaped=False), _outputs(schema, shaped=False))
    return LeastSize(proven=int(bare.ByteSize()), made=len(constant_graph(schema)))


def least_latency(schema: ModelSchema, tensors: Mapping[str, np.ndarray], *, calls: int = CALLS) -> float:
    """Seconds of the fastest of many calls of the constant graph with one row, on this machine.

    Both ways of the server are tried: column by column, and with the columns of numbers as one array.

    Raises
    ------
    InvalidValue
        If `calls` is below 1.
    NotMeasurable
        If there are no rows.
    """
    from holdfast.serve.models import LoadedModel

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(constant_graph(schema))
        model = LoadedModel(file, schema)
        found = float(timed(model, tensors, calls=calls, warm=calls // 10).wall_s.min())
        if not model.fuse():
            return found
    numbers = [tensors[each.name][:1] for each in schema.columns if each.dtype == "float32"]
    joined = np.concatenate(numbers, axis=1)
    texts = [[str(tensors[each.name][0, 0])] for each in schema.columns if each.dtype == "string"]
    for _ in range(calls):
        begin = time.perf_counter()
        model.run_table(joined, texts)
        found = min(found, time.perf_counter() - begin)
    return found
