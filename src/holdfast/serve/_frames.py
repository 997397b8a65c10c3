r"""The write-ahead segment's frames: ``length, CRC-32, payload``, and what a payload holds.

A segment is ``HFWAL1\n\0`` followed by frames. The first byte of a payload says what it is:

====  ==========================================================================================
byte  payload
====  ==========================================================================================
M     JSON: what later predictions refer to by number (model, version, role, columns, classes)
P     predictions of one commit: ids, times, features, scores, decisions
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
#: kind, model number, requests, rows, bytes of text, whether there are contexts
HEAD = struct.Struct("<cIIII?")
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
    """Predictions of one or more requests that one source answered, as they are logged.

    Parameters
    ----------
    source
        Who answered.
    ids
        Id of each of the k requests.
    sizes
        Rows of each request; together n.
    times
        Seconds since 1970 when each request was whole.
    latencies
        Seconds until each was answered, the commit of the log not included (`COMMIT` frames add it).
    numbers
        Shape (n, number columns) float32, missing is NaN.
    texts
        For each text column n texts.
    score
        Shape (n, width) float32.
    decision
        Shape (n,) uint16, indices of classes; None for a model that does not classify.
    contexts
        For each request JSON text of a list with what came beside each row, or empty; None when none has any.
    """

    source: Source
    ids: Sequence[str]
    sizes: Sequence[int]
    times: Sequence[float]
    latencies: list[float]
    numbers: np.ndarray
    texts: Sequence[Sequence[str]]
    score: np.ndarray
    decision: np.ndarray | None
    contexts: Sequence[bytes] | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.score)

    def payload(self, number: int) -> bytes:
        """Payload of a prediction frame, for a source introduced under `number`."""
        k = len(self.ids)
        ids = [each.encode("utf-8", "surrogatepass") for each in self.ids]
        contexts = self.contexts or ()
        text = orjson.dumps([list(each) for each in self.texts]) if self.texts else b""
        score = self.score if self.score.dtype == np.float32 else self.score.astype(np.float32)
        return b"".join(
            (
                HEAD.pack(PREDICTION, number, k, len(self.score), len(text), bool(contexts)),
                struct.pack(f"<{k}I{k}d{k}d{k}I", *self.sizes, *self.times, *self.latencies, *map(len, ids)),
                struct.pack(f"<{k}I", *map(len, contexts)) if contexts else b"",
                *ids,
                *contexts,
                text,
                self.numbers.tobytes(),
                score.tobytes(),
                b"" if self.decision is None else self.decision.tobytes(),
            )
        )


class _Reader:
    """Takes parts off a payload, from its front."""

    def __init__(self, payload: bytes, at: int) -> None:
        self.payload, self.at = payload, at

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.payload):
            raise UnreadableData(
                f"a prediction frame of {len(self.payload)} bytes", expected=f"{self.at + size} or more"
            )
        part = self.payload[self.at : self.at + size]
        self.at += size
        return part

    def numbers(self, kind: str, count: int) -> list[Any]:
        form = struct.Struct(f"<{count}{kind}")
        return list(form.unpack(self.take(form.size)))


def read_prediction(payload: bytes, sources: dict[int, Source]) -> Answered:
    """Read the predictions of a payload.

    Raises
    ------
    UnreadableData
        If the payload refers to a source that was not introduced, or is not as long as it says.
    """
    _, number, k, n, text_bytes, with_contexts = HEAD.unpack_from(payload)
    source = sources.get(number)
    if source is None:
        raise UnreadableData(f"a prediction of model number {number}", expected=f"one of {sorted(sources)}")
    reader = _Reader(payload, HEAD.size)
    sizes, times, latencies = reader.numbers("I", k), reader.numbers("d", k), reader.numbers("d", k)
    id_lengths = reader.numbers("I", k)
    context_lengths = reader.numbers("I", k) if with_contexts else []
    ids = [reader.take(length).decode("utf-8", "surrogatepass") for length in id_lengths]
    contexts = [reader.take(length) for length in context_lengths]
    text = reader.take(text_bytes)
    columns, width = len(source.numbers), source.width
    numbers = np.frombuffer(reader.take(4 * n * columns), np.float32).reshape(n, columns)
    score = np.frombuffer(reader.take(4 * n * width), np.float32).reshape(n, width)
    decision = np.frombuffer(reader.take(2 * n), np.uint16) if source.classes else None
    texts = orjson.loads(text) if text else ()
    return Answered(source, ids, sizes, times, latencies, numbers, texts, score, decision, contexts or None)


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
            each.latencies = [latency + seconds for latency in each.latencies]
        return 0
    return uncommitted


def commit_payload(seconds: float) -> bytes:
    """Payload that tells how long a commit took."""
    return COMMIT + struct.pack("<d", seconds)


def label_payload(labels: Sequence[dict[str, Any]]) -> bytes:
    """Payload of labels."""
    return LABEL + orjson.dumps(list(labels))
