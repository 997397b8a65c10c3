"""A graph whose number columns come as one array: a split is put before its inputs, and nothing else is changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.serve.models import FUSED

_ELEMENTS_AS_INPUT_SINCE = 13
_COUNT_NEEDED_SINCE = 18


def fused_graph(path: Path, names: Sequence[str]) -> bytes | None:
    """Graph that takes the inputs `names`, each of shape (n, 1), as one of shape (n, columns) named `FUSED`.

    Returns None where that cannot be done: an input is not of the expected kind.
    """
    import onnx

    # ONNX Runtime has loaded the file before: what it reads, onnx reads.
    model = onnx.load(str(path))
    graph = model.graph
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), None)
    wanted = set(names)
    inputs = {each.name: each for each in graph.input}
    if opset is None or not wanted <= set(inputs) or any(not _is_column(inputs[name]) for name in names):
        return None
    kept = [each for each in graph.input if each.name not in wanted]
    del graph.input[:]
    shape: list[str | int | None] = ["n", len(names)]
    graph.input.append(onnx.helper.make_tensor_value_info(FUSED, onnx.TensorProto.FLOAT, shape))
    graph.input.extend(kept)
    graph.node.insert(0, _split(onnx, names, opset))
    return bytes(model.SerializeToString())


def _split(onnx: Any, names: Sequence[str], opset: int) -> Any:
    settings: dict[str, Any] = {"axis": 1}
    if opset >= _COUNT_NEEDED_SINCE:
        settings["num_outputs"] = len(names)
    elif opset < _ELEMENTS_AS_INPUT_SINCE:
        settings["split"] = [1] * len(names)
    return onnx.helper.make_node("Split", [FUSED], list(names), name="holdfast.split", **settings)


def _is_column(value: Any) -> bool:
    kind = value.type.tensor_type
    sizes = [each.dim_value for each in kind.shape.dim]
    return kind.elem_type == 1 and len(sizes) == 2 and sizes[1] == 1 and sizes[0] == 0
