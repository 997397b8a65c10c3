"""An ONNX graph that is no Holdfast model: its inputs and outputs are taken as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidRequest, one_of
from holdfast.serve._frames import Answered, Source
from holdfast.serve._reply import Reply
from holdfast.serve._served import Answer, Logged, Post, Wanted, infer_reply
from holdfast.serve._tensors import ARRAYS, FLOATS, as_array, checked, place, values_of
from holdfast.serve.models import LoadedModel, TensorSpec

#: An input of more values in a row is logged by its SHA-256 instead of value by value.
LOGGED_VALUES = 1024


@dataclass(slots=True, eq=False)
class Feeds:
    """Arrays for a graph that is taken as it is; `n` is the size of their first axis."""

    n: int
    arrays: dict[str, np.ndarray]


class ServedGraph:
    """An ONNX graph without a schema: inputs and outputs are taken as they are, requests are never joined."""

    joins = False

    def __init__(self, model: LoadedModel, post: Post, *, max_rows: int) -> None:
        self.model, self.post = model, post
        self.inputs, self.outputs = model.inputs, model.outputs
        self.max_values = max_rows * LOGGED_VALUES
        self._specs = {each.name: each for each in model.inputs}
        self._sources: dict[tuple[Any, ...], Source] = {}

    def decode(self, inputs: object, binary: Sequence[memoryview | None] | None) -> Feeds:
        """Arrays of an infer request.

        Raises
        ------
        InvalidRequest
            If names, datatypes or shapes are not the graph's.
        """
        if not isinstance(inputs, list) or not inputs:
            raise InvalidRequest("no inputs", where="inputs", expected=f"the tensors {', '.join(self._specs)}")
        arrays: dict[str, np.ndarray] = {}
        for index, each in enumerate(inputs):
            tensor = checked(each, index)
            spec = self._specs.get(tensor["name"])
            if spec is None:
                expected = one_of(self._specs, tensor["name"])
                raise InvalidRequest(f"no input {tensor['name']!r}", where=f"inputs[{index}]", expected=expected)
            if tensor["name"] in arrays:
                raise InvalidRequest(
                    f"input {tensor['name']!r} stands twice", where=f"inputs[{index}]", expected="it once"
                )
            arrays[tensor["name"]] = self._array(tensor, spec, binary[index] if binary else None)
        for name in self._specs:
            if name not in arrays:
                raise InvalidRequest(
                    f"input {name!r} is missing", where="inputs", expected=f"{len(self._specs)} tensors"
                )
        first = arrays[self.inputs[0].name]
        return Feeds(len(first) if first.ndim else 1, arrays)

    def _array(self, tensor: dict[str, Any], spec: TensorSpec, binary: memoryview | None) -> np.ndarray:
        datatype, shape = tensor["datatype"], tensor["shape"]
        if datatype != spec.datatype and not (spec.datatype in FLOATS and datatype not in ("BYTES", "BOOL")):
            raise InvalidRequest(f"datatype {datatype}", where=place(tensor), expected=spec.datatype)
        fits = len(shape) == len(spec.shape) and all(
            want in (-1, size) for want, size in zip(spec.shape, shape, strict=True)
        )
        if not fits:
            raise InvalidRequest(f"shape {shape}", where=place(tensor), expected=f"{list(spec.shape)} (-1 is any size)")
        if 0 in shape:
            raise InvalidRequest("no rows", where=place(tensor), expected="at least one row")
        values = values_of(tensor, binary, limit=self.max_values)
        array = as_array(values, datatype, shape, where=place(tensor))
        return array if datatype == spec.datatype else array.astype(ARRAYS[spec.datatype])

    def answer(self, feeds: Feeds) -> Answer:
        """Answer a request.

        Raises
        ------
        InvalidRequest
            If the graph refuses the arrays.
        """
        outputs = list(self.model.run(feeds.arrays).values())
        for spec, array in zip(self.outputs, outputs, strict=True):
            if spec.datatype in FLOATS and array.ndim and len(array) == feeds.n:
                return Answer(outputs, array.reshape(feeds.n, -1).astype(np.float32), None, [])
        return Answer(outputs, np.full((feeds.n, 1), np.nan, np.float32), None, [])

    def join(self, batches: Sequence[Feeds]) -> Feeds:
        """Take the only request of a run: whether rows of several could be joined, nobody knows of such a graph."""
        return batches[0]

    def logged(self, requests: Logged, batch: Feeds, answer: Answer) -> Answered:
        """Make predictions as they are logged: a column for each value of a row, or a digest where they are many."""
        names: list[str] = []
        numbers: list[np.ndarray] = []
        texts: dict[str, list[str]] = {}
        for name, array in batch.arrays.items():
            rows = array.reshape(batch.n, -1) if array.ndim and len(array) == batch.n else array.reshape(1, -1)
            if len(rows) != batch.n or rows.shape[1] > LOGGED_VALUES:
                texts[f"{name}#sha256"] = [_digest(array)] * batch.n
            elif array.dtype == object:
                texts |= {f"{name}[{at}]": rows[:, at].tolist() for at in range(rows.shape[1])}
            else:
                names += self._columns(name, rows.shape[1])
                numbers.append(rows.astype(np.float32, copy=False))
        block = numbers[0] if len(numbers) == 1 else np.concatenate(numbers or [np.empty((batch.n, 0), np.float32)], 1)
        return Answered(
            source=self._source(tuple(names), tuple(texts), answer.score.shape[1]),
            ids=requests.ids,
            sizes=requests.sizes,
            times=requests.times,
            latencies=requests.latencies,
            numbers=block,
            texts=list(texts.values()),
            score=answer.score,
            decision=None,
            contexts=requests.contexts,
        )

    def infer_reply(self, answer: Answer, _start: int, _stop: int, *, id: str, wanted: Wanted | None) -> Reply:
        """Make the answer to an infer request."""
        every = Wanted([(index, False) for index in range(len(self.outputs))])
        return infer_reply(self.post, self.outputs, answer.outputs, id, wanted or every)

    @staticmethod
    @lru_cache(maxsize=256)
    def _columns(name: str, width: int) -> tuple[str, ...]:
        return (name,) if width == 1 else tuple(f"{name}[{at}]" for at in range(width))

    def _source(self, numbers: tuple[str, ...], texts: tuple[str, ...], width: int) -> Source:
        key = (numbers, texts, width)
        found = self._sources.get(key)
        if found is None:
            found = Source(self.post.name, self.post.version, self.post.role, numbers, texts, (), width)
            self._sources[key] = found
        return found


def _digest(array: np.ndarray) -> str:
    data = str(array.tolist()).encode() if array.dtype == object else array.tobytes()
    return hashlib.sha256(data).hexdigest()
