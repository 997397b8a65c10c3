"""What a graph reads: the input columns that its answers can depend on, found from the graph alone.

Each tensor (n, d) on the way is followed place by place: a column whose place no tree looks at, and that no coefficient
but 0 is laid on, is not read. An operator that is not known here mixes all that it is given: a column may be counted
that is not read, but none that is read is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import NotMeasurable

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

Columns = frozenset[str]
_NONE: Columns = frozenset()

#: Operators that answer place by place, for numbers and for what stands beside them with the same shape.
# fmt: off
_ELEMENTWISE = frozenset((
    "Abs", "Add", "And", "Binarizer", "Cast", "CategoryMapper", "Ceil", "Celu", "Clip", "Cos", "Div", "Elu",
    "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "Identity", "Imputer",
    "IsInf", "IsNaN", "LabelEncoder", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mod",
    "Mul", "Neg", "Not", "Or", "Pow", "Reciprocal", "Relu", "Round", "Scaler", "Selu", "Sigmoid", "Sign", "Sin",
    "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor",
))
# fmt: on
#: Operators whose answer is about the shape of what they are given.
_SHAPES = frozenset(("Shape", "Size"))
_STANDARD = ("", "ai.onnx", "ai.onnx.ml")


@dataclass(frozen=True, slots=True)
class _Flow:
    """What a tensor depends on: by place of its second axis where it is (n, d) and d is known, else as one."""

    places: tuple[Columns, ...]
    known: bool = True

    @property
    def all(self) -> Columns:
        """Everything it depends on."""
        return _NONE.union(*self.places)

    @property
    def mixed(self) -> _Flow:
        """The same without places."""
        return _Flow((self.all,), known=False)


@dataclass(slots=True)
class _Walk:
    """A graph that is walked through: what is known of each tensor so far."""

    flows: dict[str, _Flow] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    #: Widths of tensors, by their name, that only a run can tell; and the tensors whose width was missed.
    widths: dict[str, int] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)

    def flow(self, name: str) -> _Flow:
        """What a tensor depends on; constants and what is left out depend on nothing."""
        return self.flows.get(name, _Flow((_NONE,), known=False))


def columns_read(model: bytes | Path) -> tuple[str, ...]:
    """Inputs of a graph that its answers can depend on, in the graph's order.

    Parameters
    ----------
    model
        The exported graph: its bytes, or its file.

    Raises
    ------
    NotMeasurable
        If it is no ONNX graph.
    """
    made = _model(model)
    graph = made.graph
    walk = _walked(graph, {})
    if walk.missed:
        # Made features (the words of a text) have a width that no node says: a run does.
        walk = _walked(graph, _widths(made, sorted(walk.missed)))
    found = _NONE.union(*(walk.flow(each.name).all for each in graph.output))
    return tuple(each.name for each in graph.input if each.name in found)


def _model(model: bytes | Path) -> ModelProto:
    import onnx

    if not isinstance(model, bytes) and not Path(model).is_file():
        raise NotMeasurable("no ONNX graph", where="what a graph reads", expected="model.onnx")
    made = onnx.ModelProto()
    try:
        made.ParseFromString(model if isinstance(model, bytes) else Path(model).read_bytes())
    except Exception as error:  # protobuf's error has no types
        raise NotMeasurable("no ONNX graph", where="what a graph reads", expected="model.onnx") from error
    if not made.graph.output:
        raise NotMeasurable("a graph without outputs", where="what a graph reads", expected="model.onnx")
    return made


def _walked(graph: GraphProto, widths: dict[str, int]) -> _Walk:
    walk = _Walk(widths=widths)
    _begin(graph, walk)
    for node in graph.node:
        _step(node, walk)
    return walk


def _widths(model: ModelProto, names: list[str]) -> dict[str, int]:
    from onnx import ModelProto, TensorProto, helper

    from holdfast.automl._session import session

    opened = ModelProto()
    opened.CopyFrom(model)
    del opened.graph.output[:]
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    feeds: dict[str, np.ndarray] = {}
    for each in opened.graph.input:
        said = each.type.tensor_type
        shape = [dim.dim_value or 2 for dim in said.shape.dim]
        text = said.elem_type == TensorProto.STRING
        kind = object if text else helper.tensor_dtype_to_np_dtype(said.elem_type)
        feeds[each.name] = np.full(shape, "" if text else 0, dtype=kind)
    try:
        found = session(opened.SerializeToString()).run(None, feeds)
    except Exception:  # onnxruntime's errors have no public class in common; unknown widths only cost sharpness
        return {}
    return {name: each.shape[1] for name, each in zip(names, found, strict=True) if each.ndim == 2}


def _begin(graph: GraphProto, walk: _Walk) -> None:
    from onnx import numpy_helper

    for constant in graph.initializer:
        walk.constants[constant.name] = numpy_helper.to_array(constant)
    for each in graph.input:
        if each.name not in walk.constants:
            shape = each.type.tensor_type.shape.dim
            single = len(shape) == 2 and shape[1].dim_value == 1
            walk.flows[each.name] = _Flow((frozenset((each.name,)),), known=single)


def _step(node: NodeProto, walk: _Walk) -> None:
    name = node.op_type if node.domain in _STANDARD else ""
    if name == "Constant":
        _constant(node, walk)
        return
    made: tuple[_Flow, ...] | _Flow | None = None
    if name in _SHAPES:
        made = _Flow((_NONE,), known=False)
    elif name in _ELEMENTWISE:
        made = _elementwise(node, walk)
    elif name in _RULES:
        made = _RULES[name](node, walk)
    if made is None:
        made = _Flow((_NONE.union(*(walk.flow(each).all for each in _given(node))),), known=False)
    several = made if isinstance(made, tuple) else (made,) * len(node.output)
    walk.flows.update(zip(node.output, several, strict=False))


def _constant(node: NodeProto, walk: _Walk) -> None:
    from onnx import numpy_helper

    for attribute in node.attribute:
        if attribute.name == "value":
            walk.constants[node.output[0]] = numpy_helper.to_array(attribute.t)


def _given(node: NodeProto) -> Iterable[str]:
    """Names of everything that a node and the graphs within it look at."""
    from onnx import AttributeProto

    yield from node.input
    for attribute in node.attribute:
        inner = [attribute.g] if attribute.type == AttributeProto.GRAPH else []
        for graph in [*inner, *attribute.graphs]:
            for each in graph.node:
                yield from _given(each)
            yield from (each.name for each in graph.output)


def _attributes(node: NodeProto) -> dict[str, Any]:
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _elementwise(node: NodeProto, walk: _Walk) -> _Flow | None:
    parts: list[tuple[Columns, ...]] = []
    for name in (each for each in node.input if each):
        if name in walk.constants:
            shape = walk.constants[name].shape
            if len(shape) > 2 or (len(shape) == 2 and shape[0] != 1):
                return None
            parts.append((_NONE,) * (shape[-1] if shape else 1))
            continue
        found = walk.flow(name)
        if not found.known:
            return None
        parts.append(found.places)
    width = max((len(each) for each in parts), default=1)
    if any(len(each) not in (1, width) for each in parts):
        return None
    wide = [each * width if len(each) == 1 else each for each in parts]
    return _Flow(tuple(_NONE.union(*each) for each in zip(*wide, strict=True)))


def _concat(node: NodeProto, walk: _Walk) -> _Flow | None:
    if _attributes(node).get("axis") not in (1, -1):
        return None
    parts = []
    for name in node.input:
        part = walk.flow(name)
        if not part.known and name in walk.widths:
            part = _Flow((part.all,) * walk.widths[name])
        if not part.known:
            walk.missed.add(name)
        parts.append(part)
    if not all(each.known for each in parts):
        return None
    return _Flow(tuple(place for each in parts for place in each.places))


def _product(node: NodeProto, walk: _Walk) -> _Flow | None:
    """MatMul and Gemm with a constant matrix: each answer reads the places with a coefficient other than 0."""
    said = _attributes(node)
    found, matrix = walk.flow(node.input[0]), walk.constants.get(node.input[1])
    if matrix is None or matrix.ndim != 2 or not found.known or said.get("transA"):
        return None
    if len(node.input) > 2 and node.input[2] and node.input[2] not in walk.constants:
        return None
    return _weighed(found, matrix.T if said.get("transB") else matrix)


def _weighed(found: _Flow, matrix: np.ndarray) -> _Flow | None:
    if matrix.shape[0] != len(found.places):
        return None
    return _Flow(tuple(_NONE.union(*(found.places[place] for place in np.flatnonzero(row))) for row in matrix.T))


def _linear(node: NodeProto, walk: _Walk) -> _Flow | None:
    found = walk.flow(node.input[0])
    weights = np.array(_attributes(node).get("coefficients", ()), dtype=np.float64)
    if not found.known or not len(weights) or len(weights) % len(found.places):
        return None
    made = _weighed(found, weights.reshape(-1, len(found.places)).T)
    return made.mixed if made is not None else None


def _trees(node: NodeProto, walk: _Walk) -> _Flow | None:
    """Tree ensembles: the places that a branch looks at."""
    found, said = walk.flow(node.input[0]), _attributes(node)
    if not found.known:
        return None
    features, modes = said.get("nodes_featureids", []), said.get("nodes_modes", [])
    used = {int(each) for each, mode in zip(features, modes, strict=True) if mode != b"LEAF"}
    if used and max(used) >= len(found.places):
        return None
    read = _NONE.union(*(found.places[each] for each in used))
    if node.op_type == "TreeEnsembleRegressor":
        return _Flow((read,) * max(1, int(said.get("n_targets", 1))))
    return _Flow((read,), known=False)


def _gather(node: NodeProto, walk: _Walk) -> _Flow | None:
    found, which = walk.flow(node.input[0]), walk.constants.get(node.input[1])
    axis = _attributes(node).get("axis", 0) if node.op_type == "Gather" else 1
    if not found.known or which is None or axis not in (1, -1) or (which.ndim != 1 and node.op_type == "Gather"):
        return None
    return _Flow(tuple(found.places[int(each)] for each in which.ravel()))


def _slice(node: NodeProto, walk: _Walk) -> _Flow | None:
    found = walk.flow(node.input[0])
    given = [walk.constants.get(each) for each in node.input[1:]]
    if not found.known or len(given) < 3 or any(each is None or each.size != 1 for each in given):
        return None
    start, end, axis, *step = (int(each.ravel()[0]) for each in given if each is not None)
    if axis not in (1, -1):
        return None
    return _Flow(found.places[start : end : step[0] if step else 1])


def _split(node: NodeProto, walk: _Walk) -> tuple[_Flow, ...] | None:
    found, count = walk.flow(node.input[0]), len(node.output)
    if not found.known or _attributes(node).get("axis", 0) not in (1, -1):
        return None
    sizes = walk.constants.get(node.input[1]) if len(node.input) > 1 else None
    if sizes is None:
        if len(node.input) > 1 or len(found.places) % count:
            return None
        sizes = np.full(count, len(found.places) // count)
    ends = np.cumsum(sizes).tolist()
    return tuple(_Flow(found.places[end - size : end]) for end, size in zip(ends, sizes.tolist(), strict=True))


_RULES: Mapping[str, Callable[[NodeProto, _Walk], tuple[_Flow, ...] | _Flow | None]] = {
    "ArrayFeatureExtractor": _gather,
    "Concat": _concat,
    "Gather": _gather,
    "Gemm": _product,
    "LinearClassifier": _linear,
    "LinearRegressor": _linear,
    "MatMul": _product,
    "Slice": _slice,
    "Split": _split,
    "TreeEnsembleClassifier": _trees,
    "TreeEnsembleRegressor": _trees,
}
