"""Packager `onnx`: the model's graph, simplified where that changes nothing, with its schema and measured parity."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.digests import canonical_json, plain
from holdfast.core.errors import InvalidValue, NotFound, ParityFailed, one_of
from holdfast.core.models import CLASSIFICATION
from holdfast.core.ports import Packed
from holdfast.core.registry import packager
from holdfast.serve.models import load_model

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.models import ModelSchema, ModelVersion

#: Files that explain a model; they travel with it.
BESIDE = ("encoder.onnx", "contributions.json", "booster.txt")
SETTINGS = ("optimise",)


@packager
class Onnx:
    """`model.onnx` with `schema.json`, and what explains it: for the inference server and all that reads ONNX.

    Setting ``optimise`` (default True): let ONNX Runtime simplify the graph (constant folding, no operators of
    its own); that graph is kept only when it has fewer nodes and answers every row of the sample alike.
    """

    name = "onnx"

    def pack(
        self,
        model: ModelVersion,
        source: Path,
        folder: Path,
        *,
        sample: pl.DataFrame,
        original: np.ndarray | None,
        settings: Mapping[str, Any],
    ) -> Packed:
        """Write the package; see `holdfast.core.ports.Packager`.

        Raises
        ------
        InvalidValue
            If a setting is unknown, or `original` has not one answer for each row of the sample.
        NotFound
            If the model's file is not there.
        ModelNotReady
            If the graph cannot be loaded.
        ParityFailed
            If the package gives an answer that is no number.
        """
        for name in settings:
            if name not in SETTINGS:
                raise InvalidValue(f"setting {name!r} of the packager onnx", expected=one_of(SETTINGS, name))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "model.onnx"
        if not (source / "model.onnx").is_file():
            raise NotFound("no model.onnx to pack", where=str(source), expected="the files of a model version")
        shutil.copyfile(source / "model.onnx", path)
        simplified = bool(settings.get("optimise", True)) and _simplified(path, model.schema, sample)
        schema = folder / "schema.json"
        schema.write_bytes(canonical_json(plain(model.schema)))
        files = {"model.onnx": path, "schema.json": schema}
        boosters = sorted(each.name for each in source.glob("booster-*.txt"))
        for name in (*BESIDE, *boosters):
            if (source / name).is_file():
                files[name] = folder / name
                shutil.copyfile(source / name, files[name])
        threshold = float(model.parameters.get("threshold", 0.5))
        parity = _parity(folder, source, model.schema, sample=sample, original=original, threshold=threshold)
        return Packed(files, parity, path.stat().st_size, {"optimised": simplified})


def _simplified(path: Path, schema: ModelSchema, sample: pl.DataFrame) -> bool:
    import onnx
    import onnxruntime as ort

    wanted = load_model(path, schema).predict(sample)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    other = path.with_name("simplified.onnx")
    options.optimized_model_filepath = str(other)
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    before, after = onnx.load(path), onnx.load(other)
    standard = all(node.domain in ("", "ai.onnx", "ai.onnx.ml") for node in after.graph.node)
    useful = standard and len(after.graph.node) < len(before.graph.node)
    if useful:
        onnx.checker.check_model(after)
        useful = np.array_equal(wanted, load_model(other, schema).predict(sample))
    if useful:
        other.replace(path)
    else:
        other.unlink()
    return useful


def _parity(
    folder: Path,
    source: Path,
    schema: ModelSchema,
    *,
    sample: pl.DataFrame,
    original: np.ndarray | None,
    threshold: float,
) -> dict[str, float]:
    if sample.height == 0:
        return {}
    score, decision = load_model(folder, schema).decide(sample)
    if not np.isfinite(score).all():
        raise ParityFailed(
            "the package gives an answer that is no number", where="model.onnx", expected="finite answers"
        )
    if original is None:
        wanted, meant = load_model(source, schema).decide(sample)
    else:
        wanted = np.asarray(original, dtype=np.float64)
        meant = _decision(wanted, schema, threshold)
    if wanted.shape != score.shape:
        raise InvalidValue(f"original of shape {wanted.shape}", where="parity", expected=f"shape {score.shape}")
    parity = {
        "max_difference": float(np.abs(score - wanted).max() / _scale(wanted, schema)),
        "rows": float(sample.height),
    }
    if schema.task in CLASSIFICATION:
        parity["label_flips"] = float(np.mean(np.asarray(decision) != np.asarray(meant)))
    return parity


def _scale(wanted: np.ndarray, schema: ModelSchema) -> float:
    """What a difference is measured in: probabilities as they are, predictions by their spread (1 where it is 0)."""
    return 1.0 if schema.task in CLASSIFICATION else float(wanted.std()) or 1.0


def _decision(score: np.ndarray, schema: ModelSchema, threshold: float) -> np.ndarray | None:
    names = np.array(schema.classes, dtype=object)
    if schema.task == "binary":
        # The graph compares in 32 bits.
        place = schema.classes.index(schema.positive) if schema.positive is not None else 1
        positive = score[:, place].astype(np.float32) >= np.float32(threshold)
        chosen: np.ndarray = np.where(positive, names[place], names[1 - place])
        return chosen
    if schema.task == "multiclass":
        chosen = names[score.argmax(axis=1)]
        return chosen
    return None
