"""Exact contributions, from the files that the trainer wrote beside the model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import UnreadableData
from holdfast.stats.tensors import to_tensors

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.models import ModelSchema

FILE = "contributions.json"
_BOOSTER = re.compile(r"booster(-[0-9]{1,3})?\.txt")


def exact(folder: Path, schema: ModelSchema, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contributions of source columns, base and margin, all after the model's calibration.

    Returns
    -------
    tuple
        Contributions (n, columns, outputs), base (outputs,), margin (n, outputs); the margin comes from the model
        itself, not from the sum.

    Raises
    ------
    UnreadableData
        If the files are not what they should be.
    """
    from holdfast.serve.models import onnx_predict

    told = _read(folder)
    encoded = onnx_predict(folder / "encoder.onnx", to_tensors(rows, schema))
    scale, offset = float(told["scale"]), float(told["offset"])
    if told["kind"] != "sum":
        values, base, margin = _part(told, told["columns"], folder, encoded["encoded"], schema)
        return values * scale, base * scale + offset, margin * scale + offset
    total: tuple[Any, Any, Any] = (0.0, 0.0, 0.0)
    for part in told["parts"]:
        at, weight = int(part["encoding"]), float(part["weight"])
        matrix = encoded["encoded" if at == 0 else f"encoded_{at}"]
        one = _part(part, told["encodings"][at]["columns"], folder, matrix, schema)
        total = (total[0] + weight * one[0], total[1] + weight * one[1], total[2] + weight * one[2])
    values, base, margin = (np.asarray(each) for each in total)
    return values * scale, base * scale + offset, margin * scale + offset


def _part(
    told: Mapping[str, Any], columns: list[Any], folder: Path, encoded: np.ndarray, schema: ModelSchema
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contributions of source columns, base and margin of one fitted model, before any line."""
    if encoded.shape[1] != len(columns):
        raise UnreadableData(
            f"{len(columns)} columns for {encoded.shape[1]} encoded features", where=FILE, expected="one for each"
        )
    parts = _linear if told["kind"] == "linear" else _boosted
    values, base, margin = parts(told, folder, encoded)
    return _summed(values, columns, schema), base, margin


def _read(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
        kinds = [told["kind"]] if told["kind"] != "sum" else [each["kind"] for each in told["parts"]]
        for kind in kinds:
            if kind not in ("linear", "lightgbm"):
                raise UnreadableData(f"contributions of kind {kind!r}", where=FILE, expected="linear or lightgbm")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableData(
            f"no contributions can be read: {error}", where=FILE, expected="what the trainer wrote"
        ) from error
    return dict(told)


def _linear(told: Mapping[str, Any], folder: Path, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    del folder
    coefficients = np.asarray(told["coefficients"], dtype=np.float64)
    intercept, means = np.asarray(told["intercept"], dtype=np.float64), np.asarray(told["means"], dtype=np.float64)
    wide = encoded.astype(np.float64)
    values = (wide - means)[:, :, None] * coefficients.T[None, :, :]
    return values, intercept + coefficients @ means, wide @ coefficients.T + intercept


def _boosted(told: Mapping[str, Any], folder: Path, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import lightgbm as lgb

    # A name from a file never becomes a path: a booster has one name, or a number in it.
    name = str(told.get("file", "booster.txt"))
    if not _BOOSTER.fullmatch(name):
        raise UnreadableData(f"a booster in {name!r}", where=FILE, expected="booster.txt, or booster-0.txt and so on")
    booster = lgb.Booster(model_str=(folder / name).read_text(encoding="utf-8"))
    outputs, width = int(told["outputs"]), encoded.shape[1]
    if not len(encoded):
        return np.zeros((0, width, outputs)), np.zeros(outputs), np.zeros((0, outputs))
    flat = np.asarray(booster.predict(encoded, pred_contrib=True, num_threads=1), dtype=np.float64)
    whole = flat.reshape(len(encoded), outputs, width + 1).transpose(0, 2, 1)
    margin = np.asarray(booster.predict(encoded, raw_score=True, num_threads=1), dtype=np.float64)
    return whole[:, :-1, :], whole[0, -1, :], margin.reshape(len(encoded), outputs)


def _summed(values: np.ndarray, columns: list[Any], schema: ModelSchema) -> np.ndarray:
    """Sum over the encoded features of each column; one that is made of several columns is shared out equally."""
    places = {name: index for index, name in enumerate(schema.names)}
    made = np.zeros((values.shape[0], len(places), values.shape[2]))
    for feature, told in enumerate(columns):
        names = [told] if isinstance(told, str) else list(told)
        unknown = [name for name in names if name not in places]
        if unknown or not names:
            raise UnreadableData(f"column {told!r} is not the model's", where=FILE, expected="columns of the schema")
        for name in names:
            made[:, places[name], :] += values[:, feature, :] / len(names)
    return made
