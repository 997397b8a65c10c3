"""The write-ahead segment's frames: ``length, CRC-32, payload``, and what a payload holds.

A segment is ``HFWAL1\\n\\0`` followed by frames. The first byte of a payload says what it is:

====  ==========================================================================================
byte  payload
====  ==========================================================================================
M     JSON: what later predictions refer to by number (model, version, role, columns, classes)
P     one request's predictions: a fixed header, the id, features, scores, decisions
L     JSON: labels
C     float64: seconds that the commit of the predictions since the last C took
====  ==========================================================================================

A frame whose length or CRC does not hold ends the segment: what a kill tore off was never acknowledged.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from holdfast.core.errors import UnreadableData

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"HFWAL1\n\0"
MODEL, PREDICTION, LABEL, COMMIT = b"M", b"P", b"L", b"C"
FRAME = struct.Struct("<II")
#: kind, model number, rows, wall time in s, latency in s, bytes of id, of text, of context
HEAD = struct.Struct("<cIIddIII")
#: Longest frame: a longer length is a torn or foreign file.
LONGEST = 1 << 30
#: A decision that is none of the classes (or of a model that decides nothing).
NO_CLASS = 0xFFFF

_crc32 = zlib.crc32


@dataclass(frozen=True, slots=True)
class Source:
    """Who answered: what predictions of a segment refer to by number.

    Parameters
    ----------
    name, version, role
        Model, version id, and role in the traffic.
    numbers, texts
        Names of the number columns and of the text columns, in the order they are stored in.
    classes
        Class names; empty for a model that does not classify.
    width
        Scores of one row.
    """

    name: str
    version: str
    role: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    classes: tuple[str, ...]
    width: int

    def payload(self, number: int) -> bytes:
        """Payload that introduces the source under a number."""
        return MODEL + orjson.dumps(
            {
                "number": number,
                "name": self.name,
                "version": self.version,
                "role": self.role,
                "numbers": self.numbers,
                "texts": self.texts,
                "classes": self.classes,
                "width": self.width,
            }
        )

    @staticmethod
    def read(payload: bytes) -> tuple[int, Source]:
        """Number and source of a payload."""
        found = orjson.loads(payload[1:])
        return found["number"], Source(
            name=found["name"],
            version=found["version"],
            role=found["role"],
            numbers=tuple(found["numbers"]),
            texts=tuple(found["texts"]),
            classes=tuple(found["classes"]),
            width=found["width"],
        )


@dataclass(slots=True, eq=False)
class Answered:
    """One request's predictions, as they are logged.

    Parameters
    ----------
    source
        Who answered.
    id
        Id of the request; its rows count from 0.
    time
        Seconds since 1970, when the request was whole.
    latency_s
        Seconds until the answer was made, the commit of the log not included (`COMMIT` frames add it).
    numbers
        Shape (columns, n) float32, missing is NaN.
    texts
        One sequence of n texts for each text column.
    score
        Shape (n, width) float32 or float64.
    decision
        Shape (n,) uint16, indices of classes; None for a model that does not classify.
    context
        JSON text about the request that the model did not see, or empty.
    """

    source: Source
    id: str
    time: float
    latency_s: float
    numbers: np.ndarray
    texts: Sequence[Sequence[str]]
    score: np.ndarray
    decision: np.ndarray | None
    context: bytes = b""

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.score)

    def payload(self, number: int) -> bytes:
        """Payload of a prediction frame, for a source introduced under `number`."""
        identity = self.id.encode("utf-8", "surrogatepass")
        text = orjson.dumps([list(each) for each in self.texts]) if self.texts else b""
        decision = self.decision.tobytes() if self.decision is not None else b""
        n = len(self.score)
        head = HEAD.pack(PREDICTION, number, n, self.time, self.latency_s, len(identity), len(text), len(self.context))
        score = self.score if self.score.dtype == np.float32 else self.score.astype(np.float32)
        return b"".join((head, identity, self.numbers.tobytes(), text, score.tobytes(), decision, self.context))


def read_prediction(payload: bytes, sources: dict[int, Source]) -> Answered:
    """Predictions of a payload.

    Raises
    ------
    UnreadableData
        If the payload refers to a source that was not introduced, or is not as long as it says.
    """
    _, number, n, time, latency, id_bytes, text_bytes, context_bytes = HEAD.unpack_from(payload)
    source = sources.get(number)
    if source is None:
        raise UnreadableData(f"a prediction of model number {number}", expected=f"one of {sorted(sources)}")
    columns, width = len(source.numbers), source.width
    sizes = (id_bytes, 4 * columns * n, text_bytes, 4 * n * width, 2 * n if source.classes else 0, context_bytes)
    if HEAD.size + sum(sizes) != len(payload):
        raise UnreadableData(f"a prediction frame of {len(payload)} bytes", expected=f"{HEAD.size + sum(sizes)} bytes")
    parts, at = [], HEAD.size
    for size in sizes:
        parts.append(payload[at : at + size])
        at += size
    return Answered(
        source=source,
        id=parts[0].decode("utf-8", "surrogatepass"),
        time=time,
        latency_s=latency,
        numbers=np.frombuffer(parts[1], np.float32).reshape(columns, n),
        texts=orjson.loads(parts[2]) if parts[2] else (),
        score=np.frombuffer(parts[3], np.float32).reshape(n, width),
        decision=np.frombuffer(parts[4], np.uint16) if source.classes else None,
        context=parts[5],
    )


def frame(payload: bytes) -> bytes:
    """A payload with its length and CRC-32 before it."""
    return FRAME.pack(len(payload), _crc32(payload)) + payload


def frames(data: bytes | memoryview, start: int = len(MAGIC)) -> Iterator[tuple[int, bytes]]:
    """Payloads of whole frames, each with the offset behind it; ends at the first frame that does not hold."""
    at, end = start, len(data)
    while at + FRAME.size <= end:
        length, crc = FRAME.unpack_from(data, at)
        behind = at + FRAME.size + length
        if length == 0 or length > LONGEST or behind > end:
            return
        payload = bytes(data[at + FRAME.size : behind])
        if _crc32(payload) != crc:
            return
        at = behind
        yield at, payload


def whole_length(data: bytes | memoryview) -> int:
    """Length of the part of a segment that holds: 0 when not even its first bytes do."""
    if bytes(data[: len(MAGIC)]) != MAGIC:
        return 0
    at = len(MAGIC)
    for behind, _ in frames(data):
        at = behind
    return at


@dataclass(slots=True, eq=False)
class Content:
    """What a range of a segment holds."""

    predictions: list[Answered]
    labels: list[dict[str, Any]]
    end: int

    @property
    def rows(self) -> int:
        """Number of predicted rows."""
        return sum(each.n for each in self.predictions)


def read_content(data: bytes | memoryview, start: int = 0, end: int | None = None) -> Content:
    """Predictions and labels of the frames between two offsets (frames before `start` only introduce models).

    Parameters
    ----------
    data
        Bytes of the segment from its first.
    start, end
        Offsets of frame borders; None for the last whole frame.
    """
    content = Content([], [], max(start, len(MAGIC)))
    if bytes(data[: len(MAGIC)]) != MAGIC:
        return content
    sources: dict[int, Source] = {}
    uncommitted = 0
    for behind, payload in frames(data):
        if end is not None and behind > end:
            break
        kind = payload[:1]
        if kind == MODEL:
            number, source = Source.read(payload)
            sources[number] = source
        elif behind > start:
            uncommitted = _collect(content, kind, payload, sources, uncommitted)
        content.end = max(content.end, behind)
    return content


def _collect(content: Content, kind: bytes, payload: bytes, sources: dict[int, Source], uncommitted: int) -> int:
    """Take one frame; returns how many of the last predictions have not been told their commit's time."""
    if kind == PREDICTION:
        content.predictions.append(read_prediction(payload, sources))
        return uncommitted + 1
    if kind == LABEL:
        content.labels.extend(orjson.loads(payload[1:]))
        return uncommitted
    if kind == COMMIT and uncommitted:
        (seconds,) = struct.unpack("<d", payload[1:])
        for each in content.predictions[-uncommitted:]:
            each.latency_s += seconds
        return 0
    return uncommitted


def commit_payload(seconds: float) -> bytes:
    """Payload that tells how long a commit took."""
    return COMMIT + struct.pack("<d", seconds)


def label_payload(labels: Sequence[dict[str, Any]]) -> bytes:
    """Payload of labels."""
    return LABEL + orjson.dumps(list(labels))
