"""One ONNX Runtime session: one thread, quiet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def session(model: bytes | str, *, optimise: bool = True) -> Any:
    """ONNX Runtime session for a model's bytes or file, on one thread (`Any`: the library has no types)."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(model: bytes | str, tensors: Mapping[str, np.ndarray], *, batch: int = 65_536) -> list[np.ndarray]:
    """Run a model on tensors of one length, in batches that bound the memory; its outputs in order."""
    made = session(model)
    names = [each.name for each in made.get_inputs()]
    rows = len(tensors[names[0]])
    parts = [
        made.run(None, {name: tensors[name][start : start + batch] for name in names})
        for start in range(0, max(1, rows), batch)
    ]
    return [np.concatenate(each) for each in zip(*parts, strict=True)]
