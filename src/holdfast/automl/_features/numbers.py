"""Numbers in nodes: what is not finite becomes NaN, and code that everything numeric shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: Whole numbers, as ONNX numbers its types.
INT64 = 7


def nan(graph: Graph) -> str:
    """Constant NaN."""
    return graph.number(float("nan"))


def finite(graph: Graph, inside: str) -> str:
    """Numbers as they are, infinite ones as NaN."""
    return graph.add("Where", graph.add("IsInf", inside), nan(graph), inside)


def known(graph: Graph, inside: str, low: float, high: float) -> str:
    """Whether a number is at least `low` and below `high`: false for NaN, and for what is infinite."""
    above = graph.add("GreaterOrEqual", inside, graph.number(low))
    below = graph.add("Less", inside, graph.number(high))
    return graph.add("And", above, below)


def whole(graph: Graph, inside: str, inside_range: str) -> str:
    """Numbers cut to int64 toward zero, 0 where `inside_range` says that they cannot be."""
    safe = graph.add("Where", inside_range, inside, graph.number(0.0))
    return graph.cast(safe, INT64)


def scalar(graph: Graph, value: int) -> str:
    """Constant of int64 without dimensions."""
    return graph.constant(np.array(value, dtype=np.int64))
