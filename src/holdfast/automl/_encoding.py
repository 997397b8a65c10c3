"""Encoding: the matrix a learner sees, as a small ONNX graph that training and serving both run.

The statistics (medians, spreads, levels by frequency) are taken once over all training rows: they do not look at the
target. The matrix of training is made by running the very graph that is shipped, so the two cannot differ; only what
was made with the target is put in from other folds, or a learner would read its own answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.automl._graph import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

    from holdfast.automl._features import Block
    from holdfast.core.models import ModelSchema

#: Greatest number of levels of a text column that have a code of their own; the rarer ones share one.
TREE_LEVELS = 254
LINEAR_LEVELS = 40
#: Rows that a level needs to have a column of its own in a linear model.
LINEAR_COUNT = 5
#: Skewness from which a linear model sees the inverse hyperbolic sine of a number.
SKEWED = 2.0

#: Kinds of made features that read text, and the rows that they are made for at a time.
TEXTS, TEXT_BATCH = ("text", "hashed", "statistics", "embedded"), 2048


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """What numbers become for a linear model: shape (d,) float32 each.

    Imputed by `median`, clipped to `low` and `high`; where `bent`, the inverse hyperbolic sine of the distance from the
    median in `width`s; then less `mean`, by `spread`. `flagged` are the columns with an indicator of what was missing.
    """

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    width: np.ndarray
    bent: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    flagged: tuple[int, ...]


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
    blocks
        Made features; they stand behind the numbers and are treated as numbers.
    levels
        Levels of each text column that have a code, by falling frequency; every other value has the code behind them.
    columns
        Source columns of each encoded feature, shape (d,): a name, or several joined in a tuple.
    names
        Readable name of each encoded feature, shape (d,).
    scaling
        Of the linear kind.
    means
        Shape (d,) float64: mean of each encoded feature over the training rows; None until the rows were encoded.
    """

    kind: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    blocks: tuple[Block, ...]
    levels: Mapping[str, tuple[str, ...]]
    columns: tuple[str | tuple[str, ...], ...]
    names: tuple[str, ...]
    scaling: Scaling | None = None
    means: np.ndarray | None = field(default=None)

    @property
    def width(self) -> int:
        """Number of encoded features."""
        return len(self.columns)


def levels_of(values: np.ndarray, *, most: int, least: int = 1) -> tuple[str, ...]:
    """Levels of a text column by falling frequency (then by text), those with at least `least` rows, at most `most`."""
    # Sorting a million texts as an array takes seconds; counting them does not.
    found = pl.Series("level", values, dtype=pl.String).value_counts(name="count")
    kept = found.filter(pl.col("count") >= least).sort("count", "level", descending=[True, False])
    return tuple(kept["level"].head(most).to_list())


def fit(
    kind: str,
    schema: ModelSchema,
    tensors: Mapping[str, np.ndarray],
    *,
    blocks: tuple[Block, ...] = (),
    raw: np.ndarray | None = None,
    without: tuple[str, ...] = (),
) -> Encoding:
    """Fit the encoding of a kind to the training tensors (as `holdfast.stats.tensors.to_tensors` makes them).

    Parameters
    ----------
    kind
        ``tree`` or ``linear``.
    schema, tensors
        The columns and their values.
    blocks
        Fitted made features.
    raw
        Shape (n, numbers and made features): their values, as `raw_of` makes them; None to make them here.
    without
        Columns that are left out.
    """
    numbers = _of(schema, "float32", without)
    texts = _of(schema, "string", without)
    raw_columns: tuple[str | tuple[str, ...], ...] = numbers + tuple(
        _sources(each) for each in blocks for _ in each.names
    )
    raw_names = numbers + tuple(name for each in blocks for name in each.names)
    if kind == "tree":
        levels = {name: levels_of(tensors[name].ravel(), most=TREE_LEVELS) for name in texts}
        return Encoding(kind, numbers, texts, blocks, levels, columns=raw_columns + texts, names=raw_names + texts)
    levels = {name: levels_of(tensors[name].ravel(), most=LINEAR_LEVELS, least=LINEAR_COUNT) for name in texts}
    values = raw_of(schema, tensors, blocks, without=without) if raw is None else raw
    return _linear(numbers, texts, blocks, levels, raw_columns=raw_columns, raw_names=raw_names, values=values)


def _of(schema: ModelSchema, dtype: str, without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each.name for each in schema.columns if each.dtype == dtype and each.name not in without)


def _sources(block: Block) -> str | tuple[str, ...]:
    columns = block.recipe.columns
    return columns[0] if len(columns) == 1 else tuple(columns)


def _linear(
    numbers: tuple[str, ...],
    texts: tuple[str, ...],
    blocks: tuple[Block, ...],
    levels: dict[str, tuple[str, ...]],
    *,
    raw_columns: tuple[str | tuple[str, ...], ...],
    raw_names: tuple[str, ...],
    values: np.ndarray,
) -> Encoding:
    scaling = _scaling(values)
    columns: list[str | tuple[str, ...]] = [*raw_columns, *(raw_columns[each] for each in scaling.flagged)]
    names = [*raw_names, *(f"{raw_names[each]} missing" for each in scaling.flagged)]
    for text in texts:
        # The last indicator is that of every other value.
        columns += [text] * (len(levels[text]) + 1)
        names += [f"{text}={level}" for level in levels[text]] + [f"{text} other"]
    return Encoding("linear", numbers, texts, blocks, levels, tuple(columns), tuple(names), scaling)


def _scaling(values: np.ndarray) -> Scaling:
    stats = [_statistics(values[:, each].astype(np.float64)) for each in range(values.shape[1])]
    table = np.array(stats, dtype=np.float32).reshape(values.shape[1], 7)
    missing = np.isnan(values)
    flagged = tuple(int(each) for each in np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)))
    median, low, high, width, bent, mean, spread = (np.ascontiguousarray(each) for each in table.T)
    return Scaling(median, low, high, width, bent.astype(bool), mean, spread, flagged)


def _statistics(values: np.ndarray) -> tuple[float, float, float, float, float, float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0
    median = float(np.median(finite))
    # Far outliers have no more say in a linear model than the edge of what is usual.
    low, high, quarter, three = (float(each) for each in np.quantile(finite, [0.001, 0.999, 0.25, 0.75]))
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    filled = np.clip(np.where(np.isnan(values), median, values), low, high)
    width = three - quarter if three > quarter else float(filled.std())
    width = width if width > 1e-9 * max(1.0, abs(median)) else 1.0
    bent = abs(_skewness(filled)) > SKEWED
    if bent:
        filled = np.arcsinh((filled - median) / width)
    spread = float(filled.std())
    spread = spread if spread > 1e-9 * max(1.0, abs(0.0 if bent else median)) else 1.0
    return median, low, high, width, float(bent), float(filled.mean()), spread


def _skewness(values: np.ndarray) -> float:
    spread = float(values.std())
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0.0 else 0.0


def raw_nodes(graph: Graph, encoding: Encoding) -> str | None:
    """Add what joins numbers and made features to one tensor (n, d); its name, None where there are none."""
    parts = [graph.concat(list(encoding.numbers))] if encoding.numbers else []
    parts += [each.nodes(graph) for each in encoding.blocks]
    return graph.concat(parts) if parts else None


def code_nodes(graph: Graph, encoding: Encoding) -> list[str]:
    """Add the codes of the text columns; a tensor (n, 1) float32 each."""
    codes = []
    for name in encoding.texts:
        levels = encoding.levels[name]
        codes.append(
            graph.add(
                "LabelEncoder",
                name,
                domain="ai.onnx.ml",
                # A level that no text is keeps the attribute non-empty where a column has no level of its own.
                keys_strings=list(levels) or ["\x00"],
                values_floats=[float(each) for each in range(max(1, len(levels)))],
                default_float=float(len(levels)),
            )
        )
    return codes


def finish_nodes(graph: Graph, encoding: Encoding, raw: str | None, codes: list[str], *, to: str | None = None) -> str:
    """Add what makes the matrix of numbers and codes; its name."""
    if encoding.kind == "tree":
        return graph.concat(([raw] if raw else []) + codes, to=to)
    parts = _scaled(graph, encoding.scaling, raw) if raw and encoding.scaling is not None else []
    for name, code in zip(encoding.texts, codes, strict=True):
        row = graph.constant(np.arange(len(encoding.levels[name]) + 1, dtype=np.float32).reshape(1, -1))
        parts.append(graph.cast(graph.add("Equal", code, row)))
    return graph.concat(parts, to=to)


def _scaled(graph: Graph, scaling: Scaling, raw: str) -> list[str]:
    def row(values: np.ndarray) -> str:
        return graph.constant(values.reshape(1, -1).astype(np.float32))

    missing = graph.add("IsNaN", raw)
    filled = graph.add("Where", missing, row(scaling.median), raw)
    clipped = graph.add("Min", graph.add("Max", filled, row(scaling.low)), row(scaling.high))
    if scaling.bent.any():
        distance = graph.add("Div", graph.add("Sub", clipped, row(scaling.median)), row(scaling.width))
        bent = graph.constant(scaling.bent.reshape(1, -1))
        clipped = graph.add("Where", bent, graph.add("Asinh", distance), clipped)
    parts = [graph.add("Div", graph.add("Sub", clipped, row(scaling.mean)), row(scaling.spread))]
    if scaling.flagged:
        which = graph.constant(np.array(scaling.flagged, dtype=np.int64))
        parts.append(graph.add("Gather", graph.cast(missing), which, axis=1))
    return parts


def nodes(graph: Graph, encoding: Encoding, *, to: str | None = None) -> str:
    """Add what leads from the input columns to the matrix (n, d) float32; its name."""
    return finish_nodes(graph, encoding, raw_nodes(graph, encoding), code_nodes(graph, encoding), to=to)


def graph(schema: ModelSchema, *encodings: Encoding) -> ModelProto:
    """`encoder.onnx`: inputs -> ``encoded`` (n, d) float32; ``encoded_1`` and so on for further encodings."""
    from onnx import TensorProto, helper

    made, outputs = Graph(), []
    for index, encoding in enumerate(encodings):
        name = "encoded" if index == 0 else f"encoded_{index}"
        nodes(made, encoding, to=name)
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", encoding.width]))
    return made.model(inputs(schema), outputs, name="holdfast-encoder")


def raw_of(
    schema: ModelSchema,
    tensors: Mapping[str, np.ndarray],
    blocks: tuple[Block, ...],
    *,
    without: tuple[str, ...] = (),
) -> np.ndarray:
    """Numbers and made features as the graph computes them, shape (n, d) float32."""
    from onnx import TensorProto, helper

    from holdfast.automl._session import run

    numbers = _of(schema, "float32", without)
    rows = len(next(iter(tensors.values())))
    plain = np.concatenate([tensors[name] for name in numbers], axis=1) if numbers else np.zeros((rows, 0), np.float32)
    if not blocks:
        return np.ascontiguousarray(plain, dtype=np.float32)
    made = Graph()
    name = made.concat([each.nodes(made) for each in blocks])
    width = sum(len(each.names) for each in blocks)
    output = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
    # A batch's tokens are as wide as its longest text.
    batch = TEXT_BATCH if any(each.recipe.kind in TEXTS for each in blocks) else 65_536
    graph_ = made.model(inputs(schema), [output], name="holdfast-features").SerializeToString()
    (found,) = run(graph_, tensors, batch=batch)
    return np.ascontiguousarray(np.concatenate([plain, found], axis=1), dtype=np.float32)


def finish(encoding: Encoding, tensors: Mapping[str, np.ndarray], raw: np.ndarray) -> np.ndarray:
    """Matrix (n, d) float32 of given numbers and made features: the rest of the graph, run on them."""
    from onnx import TensorProto, helper

    from holdfast.automl._session import run

    made = Graph()
    name = "hf_raw" if raw.shape[1] else None
    finish_nodes(made, encoding, name, code_nodes(made, encoding), to="encoded")
    given = [helper.make_tensor_value_info(each, TensorProto.STRING, ["n", 1]) for each in encoding.texts]
    given += [helper.make_tensor_value_info("hf_raw", TensorProto.FLOAT, ["n", raw.shape[1]])] if name else []
    output = helper.make_tensor_value_info("encoded", TensorProto.FLOAT, ["n", encoding.width])
    feeds = {each: tensors[each] for each in encoding.texts} | ({"hf_raw": raw} if name else {})
    (found,) = run(made.model(given, [output], name="holdfast-finish").SerializeToString(), feeds)
    return np.ascontiguousarray(found, dtype=np.float32)


def inputs(schema: ModelSchema) -> list[Any]:
    """ONNX inputs of a schema: one tensor (n, 1) for each column."""
    from onnx import TensorProto, helper

    kinds = {"float32": TensorProto.FLOAT, "string": TensorProto.STRING}
    return [helper.make_tensor_value_info(each.name, kinds[each.dtype], ["n", 1]) for each in schema.columns]


def encode(model: ModelProto, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Matrix (n, d) float32 that a learner sees, made by running the encoder's graph."""
    from holdfast.automl._session import run

    (encoded,) = run(model.SerializeToString(), tensors)
    return np.ascontiguousarray(encoded, dtype=np.float32)
