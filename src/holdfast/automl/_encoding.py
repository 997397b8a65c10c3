"""Encoding: the matrix a learner sees, as a small ONNX graph that training and serving both run.

The statistics (medians, spreads, levels by frequency) are taken once over all training rows: they do not look at the
target. The matrix of training is made by running the very graph that is shipped, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

    from holdfast.core.models import ModelSchema

#: Greatest number of levels of a text column that have a code of their own; the rarer ones share one.
TREE_LEVELS = 254
LINEAR_LEVELS = 40
#: Rows that a level needs to have a column of its own in a linear model.
LINEAR_COUNT = 5

OPSET = 17
ML_OPSET = 3


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """How source columns become encoded features.

    Parameters
    ----------
    kind
        ``tree`` (numbers as they are, text as codes by falling frequency) or ``linear`` (numbers imputed by the median,
        clipped, standardised, with indicators of what was missing; text as indicators of its levels).
    numbers, texts
        Names of the number and of the text columns, in order.
    levels
        Levels of each text column that have a code, by falling frequency; every other value has the code behind them.
    median, low, high, mean, spread
        Shape (numbers,) float32 each, of the linear kind.
    flagged
        Indices of the number columns that have an indicator of missing values.
    means
        Shape (d,) float64: mean of each encoded feature over the training rows; None until the rows were encoded.
    columns
        Source column of each encoded feature, shape (d,).
    names
        Readable name of each encoded feature, shape (d,).
    """

    kind: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    names: tuple[str, ...]
    median: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    low: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    high: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    spread: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    flagged: tuple[int, ...] = ()
    means: np.ndarray | None = None

    @property
    def width(self) -> int:
        """Number of encoded features."""
        return len(self.columns)


def levels_of(values: np.ndarray, *, most: int, least: int = 1) -> tuple[str, ...]:
    """Levels of a text column by falling frequency (then by text), those with at least `least` rows, at most `most`."""
    found, counts = np.unique(values.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(str(found[each]) for each in order[:most] if counts[each] >= least)


def fit(kind: str, schema: ModelSchema, tensors: Mapping[str, np.ndarray]) -> Encoding:
    """Fit the encoding of a kind to the training tensors (as `holdfast.stats.tensors.to_tensors` makes them)."""
    numbers = tuple(each.name for each in schema.columns if each.dtype == "float32")
    texts = tuple(each.name for each in schema.columns if each.dtype == "string")
    if kind == "tree":
        levels = {name: levels_of(tensors[name].ravel(), most=TREE_LEVELS) for name in texts}
        return Encoding(kind, numbers, texts, levels, columns=numbers + texts, names=numbers + texts)
    levels = {name: levels_of(tensors[name].ravel(), most=LINEAR_LEVELS, least=LINEAR_COUNT) for name in texts}
    return _linear(numbers, texts, levels, tensors)


def _linear(
    numbers: tuple[str, ...],
    texts: tuple[str, ...],
    levels: dict[str, tuple[str, ...]],
    tensors: Mapping[str, np.ndarray],
) -> Encoding:
    stats = [_statistics(tensors[name].ravel().astype(np.float64)) for name in numbers]
    table = np.array(stats, dtype=np.float32).reshape(len(numbers), 5)
    flagged = tuple(each for each, name in enumerate(numbers) if _partly_missing(tensors[name]))
    columns = [*numbers, *(numbers[each] for each in flagged)]
    names = [*numbers, *(f"{numbers[each]} missing" for each in flagged)]
    for text in texts:
        # The last indicator is that of every other value.
        columns += [text] * (len(levels[text]) + 1)
        names += [f"{text}={level}" for level in levels[text]] + [f"{text} other"]
    median, low, high, mean, spread = table.T if len(numbers) else np.zeros((5, 0), np.float32)
    return Encoding(
        "linear", numbers, texts, levels, tuple(columns), tuple(names), median, low, high, mean, spread, flagged
    )


def _partly_missing(tensor: np.ndarray) -> bool:
    missing = np.isnan(tensor)
    return bool(missing.any() and not missing.all())


def _statistics(values: np.ndarray) -> tuple[float, float, float, float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 0.0, 0.0, 0.0, 1.0
    median = float(np.median(finite))
    # Far outliers have no more say in a linear model than the edge of what is usual.
    low, high = (float(each) for each in np.quantile(finite, [0.001, 0.999]))
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    filled = np.clip(np.where(np.isnan(values), median, values), low, high)
    spread = float(filled.std())
    return median, low, high, float(filled.mean()), spread if spread > 1e-9 * max(1.0, abs(median)) else 1.0


def nodes(encoding: Encoding) -> tuple[list[NodeProto], list[TensorProto]]:
    """ONNX nodes and initializers from the input columns to the tensor ``encoded`` of shape (n, d) float32."""
    from onnx import helper, numpy_helper

    made: list[NodeProto] = []
    constants: list[TensorProto] = []
    parts: list[str] = []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def add(op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        made.append(helper.make_node(op, inputs, [output], name=f"n_{output}", **attributes))
        return output

    if encoding.numbers:
        joined = add("Concat", list(encoding.numbers), "hf_numbers", axis=1)
        parts += _number_nodes(encoding, joined, add, constant)
    for index, name in enumerate(encoding.texts):
        levels = encoding.levels[name]
        code = add(
            "LabelEncoder",
            [name],
            f"hf_code_{index}",
            domain="ai.onnx.ml",
            # A level that no text is keeps the attribute non-empty where a column has no level of its own.
            keys_strings=list(levels) or ["\x00"],
            values_floats=[float(each) for each in range(max(1, len(levels)))],
            default_float=float(len(levels)),
        )
        if encoding.kind == "linear":
            row = constant(f"hf_levels_{index}", np.arange(len(levels) + 1, dtype=np.float32).reshape(1, -1))
            hot = add("Equal", [code, row], f"hf_is_{index}")
            code = add("Cast", [hot], f"hf_hot_{index}", to=1)
        parts.append(code)
    add("Concat", parts, "encoded", axis=1)
    return made, constants


def _number_nodes(encoding: Encoding, joined: str, add: Any, constant: Any) -> list[str]:
    if encoding.kind == "tree":
        return [joined]
    missing = add("IsNaN", [joined], "hf_missing")
    filled = add("Where", [missing, constant("hf_median", encoding.median.reshape(1, -1)), joined], "hf_filled")
    floored = add("Max", [filled, constant("hf_low", encoding.low.reshape(1, -1))], "hf_floored")
    clipped = add("Min", [floored, constant("hf_high", encoding.high.reshape(1, -1))], "hf_clipped")
    centred = add("Sub", [clipped, constant("hf_mean", encoding.mean.reshape(1, -1))], "hf_centred")
    parts = [add("Div", [centred, constant("hf_spread", encoding.spread.reshape(1, -1))], "hf_scaled")]
    if encoding.flagged:
        flags = add("Cast", [missing], "hf_flags", to=1)
        which = constant("hf_flagged", np.array(encoding.flagged, dtype=np.int64))
        parts.append(add("Gather", [flags, which], "hf_flagged_only", axis=1))
    return parts


def graph(schema: ModelSchema, encoding: Encoding) -> ModelProto:
    """`encoder.onnx`: the model's inputs -> ``encoded`` (n, d) float32."""
    from onnx import TensorProto, helper

    made, constants = nodes(encoding)
    output = helper.make_tensor_value_info("encoded", TensorProto.FLOAT, ["n", encoding.width])
    return model_of(helper.make_graph(made, "holdfast-encoder", inputs(schema), [output], constants))


def inputs(schema: ModelSchema) -> list[Any]:
    """ONNX inputs of a schema: one tensor (n, 1) for each column."""
    from onnx import TensorProto, helper

    kinds = {"float32": TensorProto.FLOAT, "string": TensorProto.STRING}
    return [helper.make_tensor_value_info(each.name, kinds[each.dtype], ["n", 1]) for each in schema.columns]


def model_of(made: Any) -> ModelProto:
    """ONNX model of a graph, with the operator sets we write, checked."""
    import onnx
    from onnx import helper

    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(made, opset_imports=opsets, producer_name="holdfast", ir_version=9)
    onnx.checker.check_model(model)
    return model


def encode(model: ModelProto, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Matrix (n, d) float32 that a learner sees, made by running the encoder's graph."""
    from holdfast.automl._session import run

    (encoded,) = run(model.SerializeToString(), tensors)
    return np.ascontiguousarray(encoded, dtype=np.float32)
