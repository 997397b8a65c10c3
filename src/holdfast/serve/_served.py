"""A model version that is served: how its requests are decoded, answered and logged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.core.digests import digest_of, is_digest
from holdfast.core.errors import DigestMismatch, InvalidRequest, ModelNotReady, UnsafePath, one_of
from holdfast.core.models import CLASSIFICATION
from holdfast.serve._batch import Batch, Decoder
from holdfast.serve._frames import NO_CLASS, Answered, Source
from holdfast.serve._tensors import ARRAYS, FLOATS, as_array, checked, place, to_json, values_of
from holdfast.serve.models import LoadedModel, TensorSpec, load_model

#: An input of more values in a row is logged by its SHA-256 instead of value by value.
LOGGED_VALUES = 1024


@dataclass(slots=True, eq=False)
class Answer:
    """Outputs of a model for some rows.

    Parameters
    ----------
    outputs
        One array for each output of the graph, in its order.
    score
        Shape (n, width) float32.
    decision
        Shape (n,) uint16, indices of classes, or None.
    """

    outputs: list[np.ndarray]
    score: np.ndarray
    decision: np.ndarray | None

    def rows(self, start: int, stop: int) -> Answer:
        """The answer for some of the rows."""
        return Answer(
            [each[start:stop] for each in self.outputs],
            self.score[start:stop],
            None if self.decision is None else self.decision[start:stop],
        )


class Served:
    """A model with a schema, in a role.

    Parameters
    ----------
    name, version, package, role, share, since
        As in the deployment.
    model
        The loaded model.
    max_rows
        Most rows of one request.
    """

    joins = True

    def __init__(
        self,
        model: LoadedModel,
        *,
        name: str,
        version: str,
        package: str,
        role: str,
        share: float = 1.0,
        since: str = "",
        max_rows: int,
    ) -> None:
        self.model, self.name, self.version, self.package = model, name, version, package
        self.role, self.share, self.since = role, share, since
        self.schema = model.schema
        self.decoder = Decoder(model.schema, max_rows=max_rows)
        self.outputs = model.outputs
        self.inputs = model.inputs
        self.classified = self.schema.task in CLASSIFICATION
        self.class_index = {label: index for index, label in enumerate(self.schema.classes)}
        self._score = [each.name for each in self.outputs].index("probabilities" if self.classified else "prediction")
        self._label = [each.name for each in self.outputs].index("label") if self.classified else -1
        self.source = Source(
            name=name,
            version=version,
            role=role,
            numbers=self.decoder.numbers,
            texts=self.decoder.texts,
            classes=self.schema.classes,
            width=max(1, len(self.schema.classes)),
        )

    def decode(self, inputs: object, binary: Sequence[memoryview | None] | None) -> Batch:
        """Rows of an infer request; see `Decoder.from_tensors`."""
        return self.decoder.from_tensors(inputs, binary)

    def answer(self, batch: Batch) -> Answer:
        """Answer rows.

        Raises
        ------
        InvalidRequest
            If the model refuses them.
        """
        n = batch.n
        feeds: dict[str, np.ndarray] = {}
        for name, column in zip(self.decoder.numbers, batch.numbers, strict=True):
            feeds[name] = column.reshape(n, 1)
        for name, texts in zip(self.decoder.texts, batch.texts, strict=True):
            feeds[name] = np.array(texts, dtype=object).reshape(n, 1)
        outputs = list(self.model.run(feeds).values())
        score = outputs[self._score].reshape(n, self.source.width)
        if not self.classified:
            return Answer(outputs, score, None)
        labels = outputs[self._label].reshape(n).tolist()
        decision = np.array([self.class_index.get(label, NO_CLASS) for label in labels], dtype=np.uint16)
        return Answer(outputs, score, decision)

    def logged(
        self, batch: Batch, answer: Answer, *, id: str, time: float, latency_s: float, context: bytes
    ) -> Answered:
        """Predictions as they are logged."""
        return Answered(
            source=self.source,
            id=id,
            time=time,
            latency_s=latency_s,
            numbers=batch.numbers,
            texts=batch.texts,
            score=answer.score,
            decision=answer.decision,
            context=context,
        )

    def predictions(self, answer: Answer) -> list[Any]:
        """Plain data for a predict answer: label and probabilities, or a number, for each row."""
        scores = answer.score.tolist()
        if not self.classified:
            return [row[0] if row[0] - row[0] == 0 else None for row in scores]
        classes = self.schema.classes
        labels = answer.outputs[self._label].reshape(-1).tolist()
        return [
            {"label": label, "probabilities": dict(zip(classes, row, strict=True))}
            for label, row in zip(labels, scores, strict=True)
        ]


@dataclass(slots=True, eq=False)
class Feeds:
    """Arrays for a graph that is taken as it is; `n` is the size of their first axis."""

    n: int
    arrays: dict[str, np.ndarray]


class ServedGraph:
    """An ONNX graph without a schema: inputs and outputs are taken as they are, requests are never joined."""

    joins = False
    classified = False

    def __init__(
        self,
        model: LoadedModel,
        *,
        name: str,
        version: str,
        package: str,
        role: str,
        share: float = 1.0,
        since: str = "",
        max_rows: int,
    ) -> None:
        self.model, self.name, self.version, self.package = model, name, version, package
        self.role, self.share, self.since = role, share, since
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
                return Answer(outputs, array.reshape(feeds.n, -1).astype(np.float32), None)
        return Answer(outputs, np.full((feeds.n, 1), np.nan, np.float32), None)

    def logged(
        self, feeds: Feeds, answer: Answer, *, id: str, time: float, latency_s: float, context: bytes
    ) -> Answered:
        """Predictions as they are logged: a column for each value of a row, or a digest where they are many."""
        names: list[str] = []
        numbers: list[np.ndarray] = []
        texts: dict[str, list[str]] = {}
        for name, array in feeds.arrays.items():
            rows = array.reshape(feeds.n, -1) if array.ndim and len(array) == feeds.n else array.reshape(1, -1)
            if len(rows) != feeds.n or rows.shape[1] > LOGGED_VALUES:
                digest = hashlib.sha256(str(array.tolist()).encode() if array.dtype == object else array.tobytes())
                texts[f"{name}#sha256"] = [digest.hexdigest()] * feeds.n
            elif array.dtype == object:
                texts |= {f"{name}[{at}]": rows[:, at].tolist() for at in range(rows.shape[1])}
            else:
                names += [name] if rows.shape[1] == 1 else [f"{name}[{at}]" for at in range(rows.shape[1])]
                numbers.append(rows.T.astype(np.float32))
        block = np.concatenate(numbers) if numbers else np.empty((0, feeds.n), np.float32)
        source = self._source(tuple(names), tuple(texts), answer.score.shape[1])
        return Answered(source, id, time, latency_s, block, list(texts.values()), answer.score, None, context)

    def _source(self, numbers: tuple[str, ...], texts: tuple[str, ...], width: int) -> Source:
        key = (numbers, texts, width)
        found = self._sources.get(key)
        if found is None:
            found = Source(self.name, self.version, self.role, numbers, texts, (), width)
            self._sources[key] = found
        return found

    def predictions(self, answer: Answer) -> list[Any]:
        """Plain data for a predict answer; a graph without a schema has no rows to be asked with."""
        return to_json(answer.score, "FP32")


AnyServed = Served | ServedGraph


def load_served(
    folder: Path, *, name: str, version: str, package: str, role: str, share: float, since: str, max_rows: int
) -> AnyServed:
    """Load a deployed package, after its files were checked against the package's digest.

    Raises
    ------
    DigestMismatch
        If a file is not what the package says, or the package is not what the route says.
    ModelNotReady
        If there is no model, or it cannot be loaded.
    """
    if is_digest(package):
        verify_package(folder, package)
    model = load_model(folder)
    kind = Served if model.has_schema else ServedGraph
    return kind(
        model, name=name, version=version, package=package, role=role, share=share, since=since, max_rows=max_rows
    )


def verify_package(folder: Path, package: str) -> None:
    """Check the files in a folder against the id of their package: `package.json` digests to it, and names theirs.

    Raises
    ------
    DigestMismatch
        If anything differs.
    ModelNotReady
        If a file is missing.
    UnsafePath
        If a name would leave the folder.
    """
    try:
        found = json.loads((folder / "package.json").read_bytes())
        files = dict(found["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelNotReady(f"no package: {error}", where=str(folder), expected="package.json with files") from error
    if digest_of(found) != package:
        raise DigestMismatch(f"package.json has digest {digest_of(found)}", where=str(folder), expected=package)
    root = folder.resolve()
    for name, digest in files.items():
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise UnsafePath(f"file {name!r}", where=str(folder), expected="a name inside the folder")
        try:
            actual = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelNotReady(f"file {name!r} is missing", where=str(folder), expected=f"digest {digest}") from error
        if actual != digest:
            raise DigestMismatch(f"file {name!r} has digest {actual}", where=str(folder), expected=digest)
