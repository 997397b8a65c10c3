"""Export: the fitted model with all its preprocessing as one ONNX graph, and what explains it, beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _encoding
from holdfast.automl._bench import upto
from holdfast.automl._graph import Graph
from holdfast.automl._session import run
from holdfast.core.errors import ExportFailed

if TYPE_CHECKING:
    from onnx import ModelProto

    from holdfast.automl._encoding import Encoding
    from holdfast.automl._final import Final

#: Greatest difference of probabilities, or of predictions in standard deviations of the target, that is still parity.
PARITY = 1e-4


def write(final: Final, folder: Path) -> dict[str, Path]:
    """Write `model.onnx`, and where explanations can be exact what they need; the files by name.

    Those are `encoder.onnx`, `contributions.json` and the learner's own file (`booster.txt`).

    Raises
    ------
    ExportFailed
        If the model has no ONNX form.
    """
    files = {"model.onnx": folder / "model.onnx"}
    files["model.onnx"].write_bytes(model(final).SerializeToString(deterministic=True))
    for name, data in _explained(final).items():
        files[name] = folder / name
        files[name].write_bytes(data)
    return files


def _explained(final: Final) -> dict[str, bytes]:
    """Files that exact explanations need, by name; none where a part of the model cannot be taken apart exactly.

    A model of one part has its learner's own form. A sum of parts has a list of them, each with its weight and the
    number of the encoder's output that it reads.
    """
    parts = [(part, member) for member in final.members for part in member.parts]
    told = [(part.fitted.explained(rounds=part.rounds), part, member) for part, member in parts]
    if any(found is None for found, _, _ in told):
        return {}
    encodings = list({id(part.encoding): part.encoding for part, _ in parts}.values())
    offset = sum(member.offset for member in final.members)
    line = {"scale": final.calibration.scale, "offset": final.calibration.scale * offset + final.calibration.offset}
    files: dict[str, bytes] = {}
    if len(told) == 1:
        found, part, member = told[0]
        files |= dict(found.files) if found else {}
        line["scale"] *= member.scale
        plain = {**(found.plain if found else {}), **_features(part.encoding), **line}
    else:
        listed = []
        for index, (found, part, member) in enumerate(told):
            weight = member.scale / len(member.parts)
            at = next(place for place, each in enumerate(encodings) if each is part.encoding)
            one = {**(found.plain if found else {}), "weight": weight, "encoding": at}
            for name, data in (found.files if found else {}).items():
                one["file"] = f"{Path(name).stem}-{index}.txt"
                files[one["file"]] = data
            listed.append(one)
        plain = {"kind": "sum", "parts": listed, "encodings": [_features(each) for each in encodings], **line}
    files["encoder.onnx"] = _encoding.graph(final.schema, *encodings).SerializeToString(deterministic=True)
    files["contributions.json"] = json.dumps(plain, sort_keys=True).encode()
    return files


def _features(encoding: Encoding) -> dict[str, Any]:
    columns = [each if isinstance(each, str) else list(each) for each in encoding.columns]
    return {"columns": columns, "features": list(encoding.names)}


def model(final: Final) -> ModelProto:
    """`model.onnx`: columns -> label and probabilities, or prediction."""
    graph = Graph()
    margin = _line(final, graph, _sum(final, graph))
    outputs = _classify(final, graph, margin) if final.schema.classes else _predict(final, graph, margin)
    return graph.model(_encoding.inputs(final.schema), outputs, name="holdfast-model")


def _sum(final: Final, graph: Graph) -> str:
    """Add the members; the name of the sum of their margins."""
    encoded: dict[int, str] = {}
    terms = []
    for member in final.members:
        parts = []
        for part in member.parts:
            if id(part.encoding) not in encoded:
                encoded[id(part.encoding)] = _encoding.nodes(graph, part.encoding)
            rounds = upto(part.fitted, part.rounds)
            parts.append(part.fitted.nodes(graph, encoded[id(part.encoding)], rounds=rounds))
        mean = parts[0] if len(parts) == 1 else graph.add("Sum", *parts)
        terms.append(_times(graph, mean, member.scale / len(parts)))
    offset = sum(member.offset for member in final.members)
    total = terms[0] if len(terms) == 1 else graph.add("Sum", *terms)
    return graph.add("Add", total, graph.number(offset)) if offset else total


def _times(graph: Graph, tensor: str, scale: float) -> str:
    return tensor if scale == 1.0 else graph.add("Mul", tensor, graph.number(scale))


def _line(final: Final, graph: Graph, margin: str) -> str:
    """Add the line, under the names that a recalibration looks for."""
    scaled = graph.add("Mul", margin, graph.number(final.calibration.scale, "hf_scale"))
    return graph.add("Add", scaled, graph.number(final.calibration.offset, "hf_offset"), to="margin")


def _predict(final: Final, graph: Graph, margin: str) -> list[Any]:
    from onnx import TensorProto, helper

    graph.add("Squeeze", final.objective.nodes(graph, margin), graph.whole(1), to="prediction")
    return [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n"])]


def _classify(final: Final, graph: Graph, margin: str) -> list[Any]:
    from onnx import TensorProto, helper

    if final.schema.task == "binary":
        # A softmax over 0 and the margin: the runtime's sigmoid is 0 where a probability is still 1e-9.
        both = graph.concat([graph.add("Sub", margin, margin), margin])
        graph.add("Softmax", both, to="probabilities", axis=1)
        positive = graph.add("Gather", "probabilities", graph.whole(1), axis=1)
        yes = graph.add("GreaterOrEqual", positive, graph.number(final.threshold))
        index = graph.add("Squeeze", graph.cast(yes, TensorProto.INT64), graph.whole(1))
    else:
        graph.add("Softmax", margin, to="probabilities", axis=1)
        index = graph.add("ArgMax", "probabilities", axis=1, keepdims=0)
    graph.add("Gather", graph.constant(np.array(final.schema.classes, dtype=object)), index, to="label", axis=0)
    return [
        helper.make_tensor_value_info("label", TensorProto.STRING, ["n"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(final.schema.classes)]),
    ]


def check(file: Path, tensors: Mapping[str, np.ndarray], original: np.ndarray, *, unit: float) -> float:
    """Greatest difference between the exported model's answers and the original's, in `unit`.

    Raises
    ------
    ExportFailed
        If it is above `PARITY`, or an answer is no number.
    """
    found = run(str(file), tensors)[-1].astype(np.float64)
    difference = float(np.abs(found - original).max(initial=0.0)) / unit
    if not difference <= PARITY:
        raise ExportFailed(
            f"the exported model differs by {difference:.3g}", where=file.name, expected=f"at most {PARITY}"
        )
    return difference
