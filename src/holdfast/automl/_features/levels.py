"""Levels: codes of a column's values, or of the pairs of two, alike in NumPy and in the graph; and look-up tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._features import numbers
from holdfast.automl._features.base import Recipe, Table
from holdfast.core.errors import InvalidValue

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: Most levels (or pairs) that have a code of their own; the rarer ones are answered as unseen.
MOST = 5000
#: Most levels of each column that pairs are made of.
MOST_OF_PAIR = 1000
#: Whole numbers up to here are exact in 32 bits.
_EXACT = 2.0**24
#: Code of a missing number, and of one that is no whole number: no value has them.
_MISSING, _BROKEN = -(2**31), -(2**31) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Codes of the values of one column, or of the pairs of values of two.

    Parameters
    ----------
    columns
        One or two source columns: text (a missing one is the level ``""``), or whole numbers (missing is one of them).
    keys
        Values with a code, for each column; text as str, numbers as int.
    pairs
        Shape (levels,) int64: which pairs have a code, each ``a * (len(keys of b) + 1) + b``; None for one column.
    """

    columns: tuple[str, ...]
    keys: tuple[tuple[str | int, ...], ...]
    pairs: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of codes; this number itself is the code of what was not seen."""
        return len(self.keys[0]) if self.pairs is None else len(self.pairs)

    def codes(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Code of each row, shape (n,) int64, as the graph gives it."""
        first = _codes(tensors[self.columns[0]], self.keys[0])
        if self.pairs is None:
            return first
        if not self.size:
            return np.zeros(len(first), dtype=np.int64)
        both = first * (len(self.keys[1]) + 1) + _codes(tensors[self.columns[1]], self.keys[1])
        order = np.argsort(self.pairs, kind="stable")
        place = np.minimum(np.searchsorted(self.pairs[order], both), self.size - 1)
        return np.where(self.pairs[order][place] == both, order[place], self.size)

    def nodes(self, graph: Graph, types: Mapping[str, str]) -> str:
        """Add the codes, (n, 1) int64.

        Parameters
        ----------
        graph
            What is added to.
        types
            Column -> ``float32`` or ``string``.
        """
        each = [_code_node(graph, name, keys, types[name]) for name, keys in zip(self.columns, self.keys, strict=True)]
        if self.pairs is None:
            return each[0]
        both = graph.add("Mul", each[0], numbers.scalar(graph, len(self.keys[1]) + 1))
        return _encoder(graph, graph.add("Add", both, each[1]), tuple(self.pairs.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Features that are looked up by level.

    Parameters
    ----------
    recipe
        How they were made.
    names
        Readable names, shape (d,).
    levels
        Levels of the column, or of the pair.
    types
        Column -> type.
    table
        Shape (levels + 1, d) float32: values of each level; those of what was not seen come last.
    """

    recipe: Recipe
    names: tuple[str, ...]
    levels: Levels
    types: Mapping[str, str]
    table: np.ndarray

    def nodes(self, graph: Graph) -> str:
        """Add a code and the row of the table that it points to."""
        code = self.levels.nodes(graph, self.types)
        row = graph.add("Squeeze", code, graph.whole(1))
        return graph.add("Gather", graph.constant(self.table.astype(np.float32)), row, axis=0)


def fit(table: Table, columns: tuple[str, ...], *, most: int = MOST, least: int = 1) -> Levels:
    """Levels of a column, or of the pairs of two, by falling frequency, then by value.

    Parameters
    ----------
    table
        Rows to count.
    columns
        One or two.
    most
        Most codes.
    least
        Rows that a level needs for a code.

    Raises
    ------
    InvalidValue
        If a column of numbers holds others than whole ones: levels are of texts and of whole numbers.
    """
    values = [_values(table.tensors[name], name) for name in columns]
    if len(columns) == 1:
        return Levels(columns, (_frequent(values[0], most=most, least=least),))
    keys = tuple(_frequent(each, most=MOST_OF_PAIR, least=1) for each in values)
    codes = [_codes(table.tensors[name], each) for name, each in zip(columns, keys, strict=True)]
    seen = (codes[0] < len(keys[0])) & (codes[1] < len(keys[1]))
    both = (codes[0] * (len(keys[1]) + 1) + codes[1])[seen]
    pairs = _frequent(both.tolist(), most=most, least=least)
    return Levels(columns, keys, np.array(pairs, dtype=np.int64))


def types_of(table: Table) -> dict[str, str]:
    """Column -> type."""
    return {each.name: each.dtype for each in table.schema.columns}


def is_whole(tensor: np.ndarray) -> bool:
    """Whether a column of numbers holds whole ones only (and is not all missing)."""
    found = tensor[~np.isnan(tensor)]
    return bool(len(found)) and bool(np.all(np.abs(found) < _EXACT)) and bool(np.all(found == np.floor(found)))


def _values(tensor: np.ndarray, name: str) -> list[str | int]:
    flat = tensor.ravel()
    if flat.dtype == object:
        return list(flat)
    if not (is_whole(flat) or np.isnan(flat).all()):
        raise InvalidValue(
            f"column {name!r} holds numbers with fractions", where="levels", expected="text, or whole numbers"
        )
    return list(_integers(flat).tolist())


def _integers(flat: np.ndarray) -> np.ndarray:
    missing = np.isnan(flat)
    with np.errstate(invalid="ignore"):
        broken = ~missing & ~((np.abs(flat) < _EXACT) & (flat == np.floor(flat)))
    cut = np.where(missing | broken, 0.0, flat).astype(np.int64)
    return np.where(missing, _MISSING, np.where(broken, _BROKEN, cut))


def _frequent(values: list[str | int], *, most: int, least: int) -> tuple[str | int, ...]:
    counted = Counter(values)
    # A value of one column is either all text or all int: the order is total.
    order = sorted(counted, key=lambda value: (-counted[value], value))
    return tuple(value for value in order[:most] if counted[value] >= least)


def _codes(tensor: np.ndarray, keys: tuple[str | int, ...]) -> np.ndarray:
    flat = tensor.ravel()
    place: dict[str | int, int] = {key: index for index, key in enumerate(keys)}
    values = flat.tolist() if flat.dtype == object else _integers(flat).tolist()
    return np.fromiter((place.get(value, len(keys)) for value in values), dtype=np.int64, count=len(flat))


def _code_node(graph: Graph, column: str, keys: tuple[str | int, ...], dtype: str) -> str:
    if dtype == "string":
        return _encoder(graph, column, keys, text=True)
    small = numbers.known(graph, graph.add("Abs", column), 0.0, _EXACT)
    sound = graph.add("And", small, graph.add("Equal", column, graph.add("Floor", column)))
    cut = graph.add("Where", sound, numbers.whole(graph, column, sound), numbers.scalar(graph, _BROKEN))
    made = graph.add("Where", graph.add("IsNaN", column), numbers.scalar(graph, _MISSING), cut)
    return _encoder(graph, made, keys)


def _encoder(graph: Graph, inside: str, keys: tuple[str | int, ...], *, text: bool = False) -> str:
    codes = list(range(len(keys)))
    # The attribute must not be empty: where no level has a code, one that nothing has stands in.
    named: dict[str, Any] = {"keys_int64s": list(keys) or [_BROKEN - 1]}
    if text:
        named = {"keys_strings": list(keys) or ["\x00"]}
    return graph.add(
        "LabelEncoder", inside, domain="ai.onnx.ml", values_int64s=codes or [0], default_int64=len(keys), **named
    )
