"""Export: the fitted model with all its preprocessing as one ONNX graph, and what explains it, beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _encoding
from holdfast.automl._answers import Calibration, answers
from holdfast.automl._learners import Boosted, Linear
from holdfast.automl._session import run
from holdfast.automl._trees import ensemble_node
from holdfast.core.errors import ExportFailed

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

    from holdfast.core.models import ModelSchema

#: Greatest difference of probabilities, or of predictions in standard deviations of the target, that is still parity.
PARITY = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """The chosen model, fitted to all rows.

    `calibration` holds the target's own scale for a task that does not classify. `rounds` is None for a linear model.
    """

    schema: ModelSchema
    encoding: _encoding.Encoding
    learner: Boosted | Linear
    rounds: int | None
    calibration: Calibration
    threshold: float = 0.5

    @property
    def outputs(self) -> int:
        """Width of the margin."""
        return len(self.schema.classes) if self.schema.task == "multiclass" else 1

    def answer(self, matrix: np.ndarray) -> np.ndarray:
        """Answer as the original, for an encoded matrix: (n, classes) or (n,) float64."""
        return answers(self.learner.margin(matrix, rounds=self.rounds), self.schema.task, self.calibration)


def write(final: Final, folder: Path) -> dict[str, Path]:
    """Write `model.onnx`, `encoder.onnx`, `contributions.json` and, for trees, `booster.txt`; the files by name.

    Raises
    ------
    ExportFailed
        If the model has no ONNX form.
    """
    files = {name: folder / name for name in ("model.onnx", "encoder.onnx", "contributions.json")}
    files["model.onnx"].write_bytes(model(final).SerializeToString(deterministic=True))
    encoder = _encoding.graph(final.schema, final.encoding)
    files["encoder.onnx"].write_bytes(encoder.SerializeToString(deterministic=True))
    files["contributions.json"].write_text(json.dumps(_explained(final), sort_keys=True), encoding="utf-8")
    if isinstance(final.learner, Boosted):
        files["booster.txt"] = folder / "booster.txt"
        files["booster.txt"].write_text(_booster_text(final), encoding="utf-8")
    return files


def _booster_text(final: Final) -> str:
    if not isinstance(final.learner, Boosted):
        raise ExportFailed("a linear model has no booster")
    text = str(final.learner.booster.model_to_string(num_iteration=final.rounds))
    # The training parameters (threads among them) are no part of the model: equal models have equal files.
    return text.split("\nparameters:\n", 1)[0] + "\n"


def _explained(final: Final) -> dict[str, Any]:
    common: dict[str, Any] = {
        "columns": list(final.encoding.columns),
        "features": list(final.encoding.names),
        "scale": final.calibration.scale,
        "offset": final.calibration.offset,
    }
    if isinstance(final.learner, Linear):
        return {
            **common,
            "kind": "linear",
            "coefficients": final.learner.coefficients.tolist(),
            "intercept": final.learner.intercept.tolist(),
            "means": _means(final).tolist(),
        }
    return {**common, "kind": "lightgbm", "file": "booster.txt", "outputs": final.outputs}


def _means(final: Final) -> np.ndarray:
    if final.encoding.means is None:
        return np.zeros(final.encoding.width)
    return final.encoding.means


def model(final: Final) -> ModelProto:
    """`model.onnx`: columns -> label and probabilities, or prediction."""
    from onnx import helper

    made, constants = _encoding.nodes(final.encoding)
    _margin(final, made, constants)
    outputs = _classify(final, made, constants) if final.schema.classes else _predict(made, constants)
    graph = helper.make_graph(made, "holdfast-model", _encoding.inputs(final.schema), outputs, constants)
    return _encoding.model_of(graph)


def _margin(final: Final, made: list[NodeProto], constants: list[TensorProto]) -> None:
    from onnx import helper, numpy_helper

    raw = "margin" if final.calibration.none else "hf_margin"
    if isinstance(final.learner, Boosted):
        dump = final.learner.booster.dump_model(num_iteration=final.rounds)
        made.append(ensemble_node(dump, outputs=final.outputs, inside="encoded", outside=raw))
    else:
        weights = final.learner.coefficients.T.astype(np.float32)
        constants.append(numpy_helper.from_array(np.ascontiguousarray(weights), "hf_coefficients"))
        constants.append(numpy_helper.from_array(final.learner.intercept.astype(np.float32), "hf_intercept"))
        made.append(helper.make_node("Gemm", ["encoded", "hf_coefficients", "hf_intercept"], [raw], name="n_margin"))
    if not final.calibration.none:
        constants.append(numpy_helper.from_array(np.array(final.calibration.scale, np.float32), "hf_scale"))
        constants.append(numpy_helper.from_array(np.array(final.calibration.offset, np.float32), "hf_offset"))
        made.append(helper.make_node("Mul", [raw, "hf_scale"], ["hf_scaled_margin"], name="n_scale"))
        made.append(helper.make_node("Add", ["hf_scaled_margin", "hf_offset"], ["margin"], name="n_offset"))


def _predict(made: list[NodeProto], constants: list[TensorProto]) -> list[Any]:
    from onnx import TensorProto, helper, numpy_helper

    constants.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "hf_axis"))
    made.append(helper.make_node("Squeeze", ["margin", "hf_axis"], ["prediction"], name="n_prediction"))
    return [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n"])]


def _classify(final: Final, made: list[NodeProto], constants: list[TensorProto]) -> list[Any]:
    from onnx import TensorProto, helper, numpy_helper

    constants.append(numpy_helper.from_array(np.array(final.schema.classes, dtype=object), "hf_classes"))
    if final.schema.task == "binary":
        constants.append(numpy_helper.from_array(np.array(1.0, np.float32), "hf_one"))
        constants.append(numpy_helper.from_array(np.array(final.threshold, np.float32), "hf_threshold"))
        constants.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "hf_axis"))
        made += [
            helper.make_node("Sigmoid", ["margin"], ["hf_positive"], name="n_positive"),
            helper.make_node("Sub", ["hf_one", "hf_positive"], ["hf_negative"], name="n_negative"),
            helper.make_node(
                "Concat", ["hf_negative", "hf_positive"], ["probabilities"], axis=1, name="n_probabilities"
            ),
            helper.make_node("GreaterOrEqual", ["hf_positive", "hf_threshold"], ["hf_yes"], name="n_yes"),
            helper.make_node("Cast", ["hf_yes"], ["hf_choice"], to=TensorProto.INT64, name="n_choice"),
            helper.make_node("Squeeze", ["hf_choice", "hf_axis"], ["hf_index"], name="n_index"),
        ]
    else:
        made += [
            helper.make_node("Softmax", ["margin"], ["probabilities"], axis=1, name="n_probabilities"),
            helper.make_node("ArgMax", ["probabilities"], ["hf_index"], axis=1, keepdims=0, name="n_index"),
        ]
    made.append(helper.make_node("Gather", ["hf_classes", "hf_index"], ["label"], axis=0, name="n_label"))
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
