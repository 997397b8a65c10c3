"""A request's rows, decoded: from tensors or from JSON rows, straight to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from struct import error as StructError
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidRequest, one_of
from holdfast.core.models import ModelSchema
from holdfast.serve._tensors import as_float32, as_numbers, as_texts, checked, place, values_of

_NUMBERS = frozenset({int, float})
_SHAPES = ([1, 1], [1])
_FIELDS = itemgetter("name", "datatype", "shape", "data")


@dataclass(slots=True, eq=False)
class Batch:
    """Rows for a model with a schema.

    Parameters
    ----------
    n
        Number of rows.
    numbers
        Shape (n, number columns) float32, missing is NaN.
    texts
        For each text column n texts, missing is the empty string.
    """

    n: int
    numbers: np.ndarray
    texts: list[list[str]]


def joined(batches: Sequence[Batch]) -> Batch:
    """The rows of several requests to one model, one behind the other."""
    texts = [[text for one in column for text in one] for column in zip(*(each.texts for each in batches), strict=True)]
    return Batch(sum(each.n for each in batches), np.concatenate([each.numbers for each in batches]), texts)


class Decoder:
    """What a schema's columns look like from outside.

    Parameters
    ----------
    schema
        The model's.
    max_rows
        Most rows of one request.
    """

    def __init__(self, schema: ModelSchema, *, max_rows: int) -> None:
        self.schema = schema
        self.max_rows = max_rows
        self.numbers = tuple(each.name for each in schema.columns if each.dtype == "float32")
        self.texts = tuple(each.name for each in schema.columns if each.dtype == "string")
        self.names = schema.names
        self._known = frozenset(self.names)
        # The standard form, with "<", refuses what 32 bits cannot hold; the native one does not.
        self._pack = Struct(f"<{len(self.numbers)}f").pack
        self._kinds = ("FP32",) * len(self.numbers)
        self._shapes = ([1, 1],) * len(self.numbers)
        self._numbers_of = _getter(self.numbers)
        self._texts_of = _getter(self.texts)

    # --- tensors ---------------------------------------------------------------------------------------------------

    def from_tensors(self, inputs: object, binary: Sequence[memoryview | None] | None = None) -> Batch:
        """Rows from the tensors of an infer request.

        Raises
        ------
        InvalidRequest
            If they are not what the schema asks for; says which, where and what was expected.
        """
        if binary is None and not self.texts:
            made = self._one_row(inputs)
            if made is not None:
                return made
        return self._any_tensors(inputs, binary)

    def _one_row(self, inputs: Any) -> Batch | None:
        """Read the usual request, one row of numbers as JSON; None for any other, which is then read with care."""
        try:
            names, kinds, shapes, values = zip(*map(_FIELDS, inputs), strict=True)
        except (KeyError, TypeError, ValueError):
            return None
        if kinds != self._kinds or not (shapes == self._shapes or all(each in _SHAPES for each in shapes)):
            return None
        try:
            cells = [cell for (cell,) in values]
            if names != self.numbers:
                by_name = dict(zip(names, cells, strict=True))
                cells = [by_name[name] for name in self.numbers]
        except (KeyError, TypeError, ValueError):
            return None
        return self._row(cells)

    def _row(self, cells: Sequence[Any]) -> Batch | None:
        if not _NUMBERS.issuperset(map(type, cells)):
            return None
        try:
            # Twice as fast as numpy's own conversion.
            packed = self._pack(*cells)
        except (OverflowError, StructError):
            return None
        return Batch(1, np.frombuffer(packed, np.float32).reshape(1, -1), [])

    def _any_tensors(self, inputs: object, binary: Sequence[memoryview | None] | None) -> Batch:
        if not isinstance(inputs, list) or not inputs:
            raise InvalidRequest(
                "no inputs", where="inputs", expected=f"a list of the tensors {', '.join(self.names[:12])}"
            )
        tensors: dict[str, tuple[dict[str, Any], memoryview | None]] = {}
        for index, each in enumerate(inputs):
            tensor = checked(each, index)
            self._know(tensor["name"], where=f"inputs[{index}]", what="input")
            if tensor["name"] in tensors:
                raise InvalidRequest(
                    f"input {tensor['name']!r} stands twice", where=f"inputs[{index}]", expected="it once"
                )
            tensors[tensor["name"]] = tensor, binary[index] if binary else None
        for name in self.names:
            if name not in tensors:
                raise InvalidRequest(
                    f"input {name!r} is missing", where="inputs", expected=f"{len(self.names)} tensors"
                )
        n = self._rows(tensors[self.names[0]][0])
        numbers = np.empty((n, len(self.numbers)), np.float32)
        for index, name in enumerate(self.numbers):
            numbers[:, index] = self._number_column(*tensors[name], n)
        texts = [self._text_column(*tensors[name], n) for name in self.texts]
        return Batch(n, numbers, texts)

    def _rows(self, tensor: dict[str, Any]) -> int:
        shape = tensor["shape"]
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
            raise InvalidRequest(f"shape {shape}", where=place(tensor), expected="[n, 1] (or [n]) for n rows")
        self._count(shape[0], where=place(tensor))
        return int(shape[0])

    def _count(self, n: int, *, where: str) -> None:
        if n == 0:
            raise InvalidRequest("no rows", where=where, expected="at least one row")
        if n > self.max_rows:
            raise InvalidRequest(f"{n} rows", where=where, expected=f"at most {self.max_rows} rows in one request")

    def _column(self, tensor: dict[str, Any], binary: memoryview | None, n: int) -> Any:
        if self._rows(tensor) != n:
            raise InvalidRequest(
                f"{tensor['shape'][0]} rows, {n} in {self.names[0]!r}", where=place(tensor), expected=f"shape [{n}, 1]"
            )
        return values_of(tensor, binary, limit=self.max_rows)

    def _number_column(self, tensor: dict[str, Any], binary: memoryview | None, n: int) -> np.ndarray:
        if tensor["datatype"] == "BYTES":
            raise InvalidRequest(
                "BYTES for a number column", where=place(tensor), expected="FP32, or another number type"
            )
        values = self._column(tensor, binary, n)
        return as_float32(as_numbers(values, tensor["datatype"], where=place(tensor)), where=place(tensor))

    def _text_column(self, tensor: dict[str, Any], binary: memoryview | None, n: int) -> list[str]:
        return as_texts(self._column(tensor, binary, n), tensor["datatype"], where=place(tensor))

    def _know(self, name: str, *, where: str, what: str) -> None:
        if name not in self._known:
            raise InvalidRequest(f"the model has no {what} {name!r}", where=where, expected=one_of(self.names, name))

    # --- rows ------------------------------------------------------------------------------------------------------

    def from_rows(self, rows: object) -> Batch:
        """Rows from the JSON of a predict request: objects with a value for each column, null for a missing one.

        Raises
        ------
        InvalidRequest
            If they are not what the schema asks for; says which, where and what was expected.
        """
        if not isinstance(rows, list):
            raise InvalidRequest("no rows", where="rows", expected='{"rows": [{"column": value, ...}, ...]}')
        self._count(len(rows), where="rows")
        try:
            if any(len(row) != len(self.names) for row in rows):
                raise KeyError
            numbers = [self._numbers_of(row) for row in rows]
            texts = [self._texts_of(row) for row in rows]
        except (KeyError, TypeError, IndexError):
            raise self._wrong_row(rows) from None
        return Batch(len(rows), self._row_numbers(rows, numbers), self._row_texts(rows, texts))

    def _row_numbers(self, rows: list[dict[str, Any]], numbers: list[tuple[Any, ...]]) -> np.ndarray:
        if len(numbers) == 1:
            made = self._row(numbers[0])
            if made is not None:
                return made.numbers
        kinds = {kind for row in numbers for kind in map(type, row)}
        if not kinds <= {int, float, bool, type(None)}:
            raise self._wrong_cell(
                rows, self.numbers, (int, float, bool, type(None)), "a number, or null for a missing one"
            )
        table = np.array(numbers, dtype=np.float64).reshape(len(rows), len(self.numbers))
        with np.errstate(over="ignore"):
            made32 = table.astype(np.float32)
        if np.isinf(made32).any():
            row, column = (int(each[0]) for each in np.nonzero(np.isinf(made32)))
            where = f"rows[{row}][{self.numbers[column]!r}]"
            raise InvalidRequest(f"{table[row, column]}", where=where, expected="a number within ±3.4e38")
        return made32

    def _row_texts(self, rows: list[dict[str, Any]], texts: list[tuple[Any, ...]]) -> list[list[str]]:
        if not self.texts:
            return []
        kinds = {kind for row in texts for kind in map(type, row)}
        if not kinds <= {str, type(None)}:
            raise self._wrong_cell(rows, self.texts, (str, type(None)), "text, or null for a missing one")
        return [["" if text is None else text for text in column] for column in zip(*texts, strict=True)]

    def _wrong_row(self, rows: list[Any]) -> InvalidRequest:
        for index, row in enumerate(rows):
            where = f"rows[{index}]"
            if not isinstance(row, dict):
                return InvalidRequest(
                    f"{row!r:.40} for a row", where=where, expected='an object, {"column": value, ...}'
                )
            for name in row:
                if name not in self._known:
                    expected = one_of([each for each in self.names if each not in row] or self.names, name)
                    return InvalidRequest(f"the model has no column {name!r}", where=where, expected=expected)
            for name in self.names:
                if name not in row:
                    expected = "a value, or null for a missing one"
                    return InvalidRequest(f"column {name!r} is missing", where=where, expected=expected)
        return InvalidRequest("rows of another shape", where="rows", expected=f"{len(self.names)} columns in each")

    def _wrong_cell(
        self, rows: list[dict[str, Any]], names: Sequence[str], kinds: tuple[type, ...], expected: str
    ) -> InvalidRequest:
        for index, row in enumerate(rows):
            for name in names:
                if type(row[name]) not in kinds:
                    found = repr(row[name])[:40]
                    return InvalidRequest(f"{found} for column {name!r}", where=f"rows[{index}]", expected=expected)
        return InvalidRequest("a value of the wrong type", where="rows", expected=expected)


def _getter(names: Sequence[str]) -> Any:
    """Function from a row to the tuple of its values under `names`."""
    if not names:
        return _nothing
    if len(names) == 1:
        name = names[0]
        return lambda row: (row[name],)
    return itemgetter(*names)


def _nothing(row: dict[str, Any]) -> tuple[Any, ...]:
    """No value: for a model without columns of a kind; a row that is none is refused as by any other getter."""
    if type(row) is not dict:
        raise TypeError(row)
    return ()
