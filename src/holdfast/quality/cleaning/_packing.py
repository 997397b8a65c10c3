"""Gzip, with the same bytes each time: no time stamp, and where it can be done the wrapper that a file had."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.core.errors import UnreadableData
from holdfast.quality.sources import _csv_text

_MAGIC = b"\x1f\x8b"
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 6
_FEXTRA, _FNAME, _FCOMMENT, _FHCRC = 4, 8, 16, 2
_LONGEST_HEADER = 4096
#: Level that a writer's flag speaks of (RFC 1952, 2.3.1: XFL), tried first.
_FLAGGED = {2: 9, 4: 1}

#: A packed file may not unpack to more than this many times its size where it is large: DEFLATE reaches 1032.
MOST_TIMES = 300
_SMALL = 64 << 20


@dataclass(frozen=True, slots=True)
class Wrapper:
    """How a gzip file was written: its header, and the level of its compression."""

    header: bytes = _HEADER
    level: int = _LEVEL

    def to_dict(self) -> dict[str, object]:
        """Plain data; the header in base64."""
        return {"header": base64.b64encode(self.header).decode("ascii"), "level": self.level}


@dataclass(frozen=True, slots=True)
class Seen:
    """A file of text, read through once: digests of its bytes and its text, its first bytes, whether it is packed."""

    file_sha256: str
    text_sha256: str
    head: bytes
    packed: bool


def seen(path: Path, location: str) -> Seen:
    """Read a file through in pieces, without keeping it.

    Raises
    ------
    UnreadableData
        If it is packed and damaged, or unpacks to more than a machine should be asked to hold.
    """
    file_digest, text_digest, head, size = hashlib.sha256(), hashlib.sha256(), b"", 0
    packed_size = path.stat().st_size
    with path.open("rb") as file:
        while piece := file.read(_csv_text.PIECE):
            file_digest.update(piece)
            head = head or piece[:4]
        if not head.startswith(_MAGIC):
            return Seen(file_digest.hexdigest(), file_digest.hexdigest(), head, packed=False)
        file.seek(0)
        head = b""
        for piece in _csv_text._inflated(file, location):
            head = head or piece[:4]
            text_digest.update(piece)
            size += len(piece)
            if size > max(_SMALL, MOST_TIMES * packed_size):
                raise UnreadableData(
                    f"a packed file of {packed_size} bytes unpacks to more than {MOST_TIMES} times as much",
                    where=location,
                    expected="text that is no zip bomb; unpack it yourself if it is none",
                )
    return Seen(file_digest.hexdigest(), text_digest.hexdigest(), head, packed=True)


def packed(pieces: Iterable[bytes], wrapper: Wrapper) -> Iterator[bytes]:
    """Gzip of a text, in pieces."""
    maker = zlib.compressobj(wrapper.level, zlib.DEFLATED, -zlib.MAX_WBITS)
    yield wrapper.header
    checksum, size = 0, 0
    for piece in pieces:
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
        if made := maker.compress(piece):
            yield made
    yield maker.flush() + checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def wrapper_of(path: Path, text: bytes) -> Wrapper | None:
    """Find how a gzip file was written, so as to write it again bit for bit; None where zlib did not write it."""
    with path.open("rb") as file:
        header = _header(file.read(_LONGEST_HEADER))
    if header is None:
        return None
    first = _FLAGGED.get(header[8], _LEVEL)
    for level in dict.fromkeys((first, 9, 6, 1)):
        if _same(path, packed(_pieces(text), Wrapper(header, level))):
            return Wrapper(header, level)
    return None


def _header(head: bytes) -> bytes | None:
    """Header of the first member (RFC 1952, 2.3), None where it is odd."""
    if len(head) < 10 or head[2] != 8:
        return None
    flags, at = head[3], 10
    if flags & _FEXTRA:
        at += 2 + int.from_bytes(head[at : at + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            at = head.find(b"\0", at) + 1
            if at == 0:
                return None
    at += 2 if flags & _FHCRC else 0
    return head[:at] if at <= len(head) else None


def _pieces(text: bytes) -> Iterator[bytes]:
    for start in range(0, len(text), _csv_text.PIECE):
        yield text[start : start + _csv_text.PIECE]


def _same(path: Path, pieces: Iterable[bytes]) -> bool:
    """Whether a file holds these bytes and no more; stops at the first that differs."""
    with path.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in pieces) and not file.read(1)
