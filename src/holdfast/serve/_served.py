"""A model version that is served: how its requests are decoded, answered and logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from holdfast.core.models import CLASSIFICATION
from holdfast.serve._batch import Batch, Decoder, joined
from holdfast.serve._frames import NO_CLASS, Answered, Source
from holdfast.serve._reply import Reply
from holdfast.serve._tensors import to_binary, to_json
from holdfast.serve.models import LoadedModel, TensorSpec


@dataclass(frozen=True, slots=True)
class Post:
    """Where a model version stands: its ids, its role, its share of the traffic, and since when."""

    name: str
    version: str
    package: str
    role: str
    share: float = 1.0
    since: str = ""


@dataclass(slots=True, eq=False)
class Answer:
    """Outputs of a model for the rows of one run.

    Parameters
    ----------
    outputs
        One array for each output of the graph, in its order.
    score
        Shape (n, width) float32.
    decision
        Shape (n,) uint16, indices of classes, or None.
    plain
        For each output its values as plain data, one entry for each row; empty where outputs do not go by rows.
    """

    outputs: list[np.ndarray]
    score: np.ndarray
    decision: np.ndarray | None
    plain: list[list[Any]]


@dataclass(slots=True, eq=False)
class Logged:
    """What is logged of the requests of one run, besides rows and answers; see `Answered`."""

    ids: list[str]
    sizes: list[int]
    times: list[float]
    latencies: list[float]
    contexts: list[bytes] | None


class Wanted:
    """Outputs that an infer request asks for: index, and whether as binary data."""

    __slots__ = ("outputs",)

    def __init__(self, outputs: list[tuple[int, bool]]) -> None:
        self.outputs = outputs


def infer_reply(
    post: Post, specs: Sequence[TensorSpec], arrays: Sequence[np.ndarray], id: str, wanted: Wanted
) -> Reply:
    """Answer to an infer request that asks for some outputs, or for binary data."""
    outputs: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for index, binary in wanted.outputs:
        spec, array = specs[index], arrays[index]
        made: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": list(array.shape)}
        if binary:
            blobs.append(to_binary(array, spec.datatype))
            made["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            made["data"] = to_json(array, spec.datatype)
        outputs.append(made)
    head = orjson.dumps({"model_name": post.name, "model_version": post.version, "id": id, "outputs": outputs})
    if not blobs:
        return Reply(200, head)
    length = (b"inference-header-content-length", str(len(head)).encode())
    return Reply(200, head + b"".join(blobs), b"application/octet-stream", (length,))


class Served:
    """A model with a schema, at its post.

    Parameters
    ----------
    model
        The loaded model.
    post
        Where it stands.
    max_rows
        Most rows of one request.
    """

    joins = True

    def __init__(self, model: LoadedModel, post: Post, *, max_rows: int) -> None:
        self.model, self.post = model, post
        self.schema = model.schema
        self.inputs, self.outputs = model.inputs, model.outputs
        self.decoder = Decoder(model.schema, max_rows=max_rows)
        self.classified = self.schema.task in CLASSIFICATION
        self.width = max(1, len(self.schema.classes))
        names = [each.name for each in self.outputs]
        self._score = names.index("probabilities" if self.classified else "prediction")
        self._label = names.index("label") if self.classified else -1
        self._class_index = {label: index for index, label in enumerate(self.schema.classes)}
        self.source = Source(
            name=post.name,
            version=post.version,
            role=post.role,
            numbers=self.decoder.numbers,
            texts=self.decoder.texts,
            classes=self.schema.classes,
            width=self.width,
        )
        head = orjson.dumps({"model_name": post.name, "model_version": post.version})
        self._before_id = head[:-1] + b',"id":'
        self._before_shape = [_before_shape(index, spec) for index, spec in enumerate(self.outputs)]

    def decode(self, inputs: object, binary: Sequence[memoryview | None] | None) -> Batch:
        """Decode the rows of an infer request; see `Decoder.from_tensors`."""
        return self.decoder.from_tensors(inputs, binary)

    def join(self, batches: Sequence[Batch]) -> Batch:
        """Put the rows of several requests one behind the other."""
        return joined(batches)

    def answer(self, batch: Batch) -> Answer:
        """Answer rows.

        Raises
        ------
        InvalidRequest
            If the model refuses them.
        """
        outputs = self.model.run_table(batch.numbers, batch.texts)
        score = outputs[self._score].reshape(batch.n, self.width)
        plain: list[list[Any]] = [each.tolist() for each in outputs]
        if not self.classified:
            return Answer(outputs, score, None, plain)
        index = self._class_index
        decision = np.array([index.get(label, NO_CLASS) for label in plain[self._label]], dtype=np.uint16)
        return Answer(outputs, score, decision, plain)

    def logged(self, requests: Logged, batch: Batch, answer: Answer) -> Answered:
        """Make the predictions of one run as they are logged."""
        return Answered(
            source=self.source,
            ids=requests.ids,
            sizes=requests.sizes,
            times=requests.times,
            latencies=requests.latencies,
            numbers=batch.numbers,
            texts=batch.texts,
            score=answer.score,
            decision=answer.decision,
            contexts=requests.contexts,
        )

    def infer_reply(self, answer: Answer, start: int, stop: int, *, id: str, wanted: Wanted | None) -> Reply:
        """Make the answer to an infer request whose rows are those from `start` to `stop` of a run."""
        if wanted is not None or any(each.ndim > 2 for each in answer.outputs):
            arrays = [each[start:stop] for each in answer.outputs]
            every = Wanted([(index, False) for index in range(len(self.outputs))])
            return infer_reply(self.post, self.outputs, arrays, id, wanted or every)
        n = stop - start
        parts = [self._before_id, orjson.dumps(id)]
        for before, array, plain in zip(self._before_shape, answer.outputs, answer.plain, strict=True):
            if array.ndim == 1:
                # NaN and the infinities have no JSON form: they are written as null.
                parts += (before, b'%d],"data":' % n, orjson.dumps(plain[start:stop]), b"}")
            else:
                data = plain[start] if n == 1 else [value for row in plain[start:stop] for value in row]
                parts += (before, b'%d,%d],"data":' % (n, array.shape[1]), orjson.dumps(data), b"}")
        parts.append(b"]}")
        return Reply(200, b"".join(parts))

    def predict_reply(self, answer: Answer, start: int, stop: int, *, id: str) -> Reply:
        """Make the answer to a predict request whose rows are those from `start` to `stop` of a run."""
        if self.classified:
            classes = self.schema.classes
            predictions: list[Any] = [
                {"label": label, "probabilities": dict(zip(classes, row, strict=True))}
                for label, row in zip(
                    answer.plain[self._label][start:stop], answer.plain[self._score][start:stop], strict=True
                )
            ]
        else:
            predictions = answer.score[start:stop, 0].tolist()
        body = {"id": id, "model": self.post.name, "version": self.post.version, "predictions": predictions}
        return Reply(200, orjson.dumps(body))


def _before_shape(index: int, spec: TensorSpec) -> bytes:
    """Write an output up to its shape; the first one opens the list."""
    head = orjson.dumps({"name": spec.name, "datatype": spec.datatype})
    return (b',"outputs":[' if index == 0 else b",") + head[:-1] + b',"shape":['
