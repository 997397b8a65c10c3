"""Recalibration: a new line through the margins of a model of two classes, written into the model's own files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import ExportFailed, NotMeasurable

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from holdfast.stats.calibration import Platt

#: Probabilities are held this far off 0 and 1 before their logit is taken.
EDGE = 1e-7

#: Rows of either class that a line is fitted to, at least.
LEAST = 10


def margin(probabilities: np.ndarray) -> np.ndarray:
    """Logit of the second class, shape (n,), for probabilities of shape (n, 2)."""
    second = np.clip(np.asarray(probabilities, dtype=np.float64)[:, 1], EDGE, 1.0 - EDGE)
    logit: np.ndarray = np.log(second) - np.log1p(-second)
    return logit


def fit(probabilities: np.ndarray, hit: np.ndarray) -> Platt:
    """Fit Platt's line to the margins, and check on held-out halves that it lowers the log loss.

    Parameters
    ----------
    probabilities
        Shape (n, 2): the model's answers on labelled rows.
    hit
        Shape (n,) bool: whether the row is of the second class.

    Returns
    -------
    Platt
        Scale (above 0) and offset of the margin.

    Raises
    ------
    NotMeasurable
        If there are too few rows of a class, the scores rank the classes the wrong way round, or the line is no better
        than none.

    References
    ----------
    J. Platt (1999), "Probabilistic outputs for support vector machines"; H.-T. Lin, C.-J. Lin, R. C. Weng (2007),
    Machine Learning 68.
    """
    from holdfast.stats.calibration import fit_platt

    count = int(hit.sum())
    if min(count, len(hit) - count) < LEAST:
        raise NotMeasurable(
            f"{count} rows of one class and {len(hit) - count} of the other", expected=f"at least {LEAST} of each"
        )
    moved = margin(probabilities)
    line = fit_platt(moved, hit)
    if line.scale <= 0:
        raise NotMeasurable(
            f"the scores rank the classes the wrong way round (scale {line.scale:.3g})", expected="a model that ranks"
        )
    # Every other row of each class: both halves have both classes.
    order = np.argsort(hit, kind="stable")
    halves = (order[::2], order[1::2])
    before = after = 0.0
    for learn, judge in (halves, halves[::-1]):
        half = fit_platt(moved[learn], hit[learn])
        after += _log_loss(half.scale * moved[judge] + half.offset, hit[judge])
        before += _log_loss(moved[judge], hit[judge])
    if after >= before:
        raise NotMeasurable(
            f"log loss {after / len(hit):.4g} with a new line, {before / len(hit):.4g} without", expected="a lower one"
        )
    return line


def _log_loss(logit: np.ndarray, hit: np.ndarray) -> float:
    return float((np.logaddexp(0.0, logit) - hit * logit).sum())


def write(
    source: Path, folder: Path, line: Platt, *, files: Iterable[str], classes: tuple[str, ...]
) -> dict[str, Path]:
    """Copy a model's files, with the line in `model.onnx` and `contributions.json`.

    Parameters
    ----------
    source, folder
        Folder of the model, and an empty one.
    line
        The line to lay over the margins.
    files
        Names of the model's files.
    classes
        The two classes, in the order of the probabilities.

    Returns
    -------
    dict
        Files in `folder`, by name.

    Raises
    ------
    ExportFailed
        If the graph is not one that a line can be written into.
    """
    made = {name: folder / name for name in sorted(files)}
    for name, path in made.items():
        if name not in ("model.onnx", "contributions.json"):
            shutil.copyfile(source / name, path)
    graph = recalibrated((source / "model.onnx").read_bytes(), line, classes=classes)
    made["model.onnx"].write_bytes(graph)
    if "contributions.json" in made:
        data = json.loads((source / "contributions.json").read_text(encoding="utf-8"))
        data |= composed(float(data.get("scale", 1.0)), float(data.get("offset", 0.0)), line)
        made["contributions.json"].write_text(json.dumps(data, sort_keys=True), encoding="utf-8")
    return made


def composed(scale: float, offset: float, line: Platt) -> dict[str, float]:
    """Scale and offset of a line laid over an earlier one."""
    return {"scale": line.scale * scale, "offset": line.scale * offset + line.offset}


def recalibrated(graph: bytes, line: Platt, *, classes: tuple[str, ...]) -> bytes:
    """Bytes of an ONNX graph with a line laid over the margins.

    Where the graph has a calibration already (`hf_scale`, `hf_offset`) its two numbers are changed; where it has a
    margin before its sigmoid, two nodes are put between; else the margin is taken from the probabilities.

    Raises
    ------
    ExportFailed
        If the graph does not end in probabilities, or the changed graph is not valid.
    """
    import onnx

    model = onnx.load_from_string(graph)
    if not (_calibrated(model, line) or _before_sigmoid(model, line)):
        _behind(model, line, classes)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportFailed(f"the recalibrated graph is not valid: {error}", where="model.onnx") from error
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def _calibrated(model: ModelProto, line: Platt) -> bool:
    from onnx import numpy_helper

    known = {each.name: each for each in model.graph.initializer}
    if not {"hf_scale", "hf_offset"} <= set(known):
        return False
    values = {name: float(numpy_helper.to_array(known[name])) for name in ("hf_scale", "hf_offset")}
    wanted = composed(values["hf_scale"], values["hf_offset"], line)
    for name, value in (("hf_scale", wanted["scale"]), ("hf_offset", wanted["offset"])):
        known[name].CopyFrom(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
    return True


def _before_sigmoid(model: ModelProto, line: Platt) -> bool:
    from onnx import helper

    places = [place for place, node in enumerate(model.graph.node) if node.op_type == "Sigmoid"]
    if len(places) != 1 or list(model.graph.node[places[0]].input) != ["margin"]:
        return False
    made: list[NodeProto] = []
    for place, node in enumerate(model.graph.node):
        if place == places[0]:
            made += [
                helper.make_node("Mul", ["hf_margin", "hf_scale"], ["hf_scaled_margin"], name="n_scale"),
                helper.make_node("Add", ["hf_scaled_margin", "hf_offset"], ["margin"], name="n_offset"),
            ]
        copied = type(node)()
        copied.CopyFrom(node)
        copied.output[:] = ["hf_margin" if each == "margin" else each for each in node.output]
        made.append(copied)
    _numbers(model, {"hf_scale": line.scale, "hf_offset": line.offset})
    _replace(model, made)
    return True


def _behind(model: ModelProto, line: Platt, classes: tuple[str, ...]) -> None:
    """Take the margin from the probabilities, move it, and make probabilities and label anew."""
    from onnx import TensorProto, helper, numpy_helper

    names = [each.name for each in model.graph.output]
    version = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)
    if "probabilities" not in names or "label" not in names or version < 13:
        raise ExportFailed(
            f"outputs {names}, operators of version {version}",
            where="model.onnx",
            expected="label and probabilities, version 13 or later",
        )
    renamed = {"probabilities": "hf_probabilities", "label": "hf_label"}
    made: list[NodeProto] = []
    for node in model.graph.node:
        copied = type(node)()
        copied.CopyFrom(node)
        copied.input[:] = [renamed.get(each, each) for each in node.input]
        copied.output[:] = [renamed.get(each, each) for each in node.output]
        made.append(copied)
    _numbers(
        model,
        {"hf_scale": line.scale, "hf_offset": line.offset, "hf_low": EDGE, "hf_high": 1.0 - EDGE, "hf_r_one": 1.0}
        | {"hf_half": 0.5},
    )
    constants = model.graph.initializer
    constants.append(numpy_helper.from_array(np.array([0], dtype=np.int64), "hf_first"))
    constants.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "hf_second"))
    constants.append(numpy_helper.from_array(np.array(classes, dtype=object), "hf_r_classes"))
    made += [
        helper.make_node("Clip", ["hf_probabilities", "hf_low", "hf_high"], ["hf_clipped"]),
        helper.make_node("Log", ["hf_clipped"], ["hf_logs"]),
        helper.make_node("Gather", ["hf_logs", "hf_first"], ["hf_log_first"], axis=1),
        helper.make_node("Gather", ["hf_logs", "hf_second"], ["hf_log_second"], axis=1),
        helper.make_node("Sub", ["hf_log_second", "hf_log_first"], ["hf_logit"]),
        helper.make_node("Mul", ["hf_logit", "hf_scale"], ["hf_scaled_logit"]),
        helper.make_node("Add", ["hf_scaled_logit", "hf_offset"], ["hf_moved"]),
        helper.make_node("Sigmoid", ["hf_moved"], ["hf_r_positive"]),
        helper.make_node("Sub", ["hf_r_one", "hf_r_positive"], ["hf_r_negative"]),
        helper.make_node("Concat", ["hf_r_negative", "hf_r_positive"], ["probabilities"], axis=1),
        helper.make_node("GreaterOrEqual", ["hf_r_positive", "hf_half"], ["hf_r_yes"]),
        helper.make_node("Cast", ["hf_r_yes"], ["hf_r_choice"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["hf_r_choice", "hf_second"], ["hf_r_index"]),
        helper.make_node("Gather", ["hf_r_classes", "hf_r_index"], ["label"], axis=0),
    ]
    _replace(model, made)


def _numbers(model: ModelProto, values: dict[str, float]) -> None:
    from onnx import numpy_helper

    for name, value in values.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))


def _replace(model: ModelProto, nodes: list[Any]) -> None:
    del model.graph.node[:]
    model.graph.node.extend(nodes)
