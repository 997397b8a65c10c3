"""The graph: ONNX nodes and constants in the making, each with a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

#: Operator sets that we write: every runtime since ONNX Runtime 1.15 reads them.
OPSET = 17
ML_OPSET = 3
#: Contributed operators of ONNX Runtime; only what reads text asks for them.
CONTRIB = "com.microsoft"


class Graph:
    """ONNX nodes and constants in the making.

    Whoever adds to it gets names of tensors back and hands them on; equal constants are kept once.
    """

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._count = 0

    def fresh(self, hint: str) -> str:
        """Return a name that no other tensor has."""
        self._count += 1
        return f"hf_{hint}_{self._count}"

    def constant(self, value: np.ndarray, name: str | None = None) -> str:
        """Add a constant; its name. Object arrays are constants of strings.

        Parameters
        ----------
        value
            Any shape and dtype that ONNX has.
        name
            A name that something outside looks for; None for a fresh one.
        """
        from onnx import numpy_helper

        value = np.ascontiguousarray(value) if value.ndim else value
        key = (str(value.dtype), value.shape, b"" if value.dtype == object else value.tobytes())
        if name is None and key[2] and key in self._known:
            return self._known[key]
        made = name or self.fresh("constant")
        self.constants.append(numpy_helper.from_array(value, made))
        if name is None and key[2]:
            self._known[key] = made
        return made

    def number(self, value: float, name: str | None = None) -> str:
        """Add a float32 scalar; its name."""
        return self.constant(np.array(value, dtype=np.float32), name)

    def whole(self, *values: int) -> str:
        """Add a vector of int64 (axes, shapes); its name."""
        return self.constant(np.array(values, dtype=np.int64))

    def add(self, op: str, *inputs: str, to: str | None = None, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; the output's name.

        Parameters
        ----------
        op
            Operator.
        inputs
            Names of tensors.
        to
            Name of the output; None for a fresh one.
        domain
            Operator set, "" for the standard one.
        attributes
            Attributes of the node.
        """
        return self.several(op, *inputs, outputs=1, to=(to,) if to else None, domain=domain, **attributes)[0]

    def several(
        self,
        op: str,
        *inputs: str,
        outputs: int,
        to: tuple[str, ...] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> tuple[str, ...]:
        """Add a node with some outputs; their names."""
        from onnx import helper

        names = to or tuple(self.fresh(op.lower()) for _ in range(outputs))
        self.nodes.append(
            helper.make_node(op, list(inputs), list(names), name=f"n_{names[0]}", domain=domain, **attributes)
        )
        return names

    def cast(self, tensor: str, kind: int = 1) -> str:
        """Add a cast to an ONNX element type, float32 by default; its name: `to` of `add` names outputs."""
        from onnx import helper

        made = self.fresh("cast")
        self.nodes.append(helper.make_node("Cast", [tensor], [made], name=f"n_{made}", to=kind))
        return made

    def concat(self, parts: list[str], *, to: str | None = None) -> str:
        """Join tensors (n, ·) side by side; one that stands alone is handed on as it is, unless it is to be named."""
        if len(parts) == 1 and to is None:
            return parts[0]
        return self.add("Concat", *parts, to=to, axis=1)

    def model(self, inputs: list[Any], outputs: list[Any], *, name: str) -> ModelProto:
        """Close the graph: the checked model.

        Parameters
        ----------
        inputs, outputs
            Value infos.
        name
            Of the graph.
        """
        from onnx import helper

        return model_of(helper.make_graph(self.nodes, name, inputs, outputs, self.constants))


def model_of(graph: GraphProto) -> ModelProto:
    """ONNX model of a graph, with the operator sets we write, checked."""
    import onnx
    from onnx import helper

    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    opsets += [helper.make_opsetid(CONTRIB, 1)] if any(node.domain == CONTRIB for node in graph.node) else []
    model = helper.make_model(graph, opset_imports=opsets, producer_name="holdfast", ir_version=9)
    onnx.checker.check_model(model)
    return model
