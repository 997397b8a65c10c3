"""Messages between processes: a head of JSON and blobs, each with its length before it. Nothing in them is code."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

_HEAD = struct.Struct(">QQ")


class PeerGone(Exception):
    """The other side closed the connection, or its process ended."""


class Expired(Exception):
    """The deadline passed, or somebody asked to stop, before the answer came."""


def send(to: socket.socket, head: dict[str, Any], blobs: Sequence[bytes | memoryview] = ()) -> None:
    """Send a message.

    Raises
    ------
    PeerGone
        If nobody reads.
    """
    text = json.dumps({**head, "sizes": [len(blob) for blob in blobs]}).encode()
    try:
        to.sendall(_HEAD.pack(len(text), sum(len(blob) for blob in blobs)) + text)
        for blob in blobs:
            to.sendall(blob)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise PeerGone from error


def receive(
    source: socket.socket, *, deadline: float | None = None, stop: Callable[[], bool] | None = None
) -> tuple[dict[str, Any], list[bytes]]:
    """Next message.

    Parameters
    ----------
    source
        Connected socket.
    deadline
        Moment of `time.monotonic` to give up at.
    stop
        Asked ten times a second whether to give up.

    Raises
    ------
    PeerGone
        If the other side is gone.
    Expired
        If the deadline passed or `stop` said so.
    """
    length, rest = _HEAD.unpack(_exactly(source, _HEAD.size, deadline, stop))
    head = json.loads(_exactly(source, length, deadline, stop))
    body = memoryview(_exactly(source, rest, deadline, stop))
    blobs: list[bytes] = []
    at = 0
    for size in head.pop("sizes"):
        blobs.append(bytes(body[at : at + size]))
        at += size
    return head, blobs


def _exactly(source: socket.socket, size: int, deadline: float | None, stop: Callable[[], bool] | None) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    at = 0
    while at < size:
        wait = None if stop is None and deadline is None else 0.1
        if deadline is not None:
            wait = min(0.1, max(deadline - time.monotonic(), 0.0)) or 1e-6
        source.settimeout(wait)
        try:
            count = source.recv_into(view[at:])
        except TimeoutError:
            if (stop is not None and stop()) or (deadline is not None and time.monotonic() >= deadline):
                raise Expired from None
            continue
        except ConnectionResetError as error:
            raise PeerGone from error
        if count == 0:
            raise PeerGone
        at += count
    return data
