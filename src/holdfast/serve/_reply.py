"""What the server answers with, and the status of each error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast.core.errors import (
    HoldfastError,
    InvalidRequest,
    ModelNotReady,
    NotAllowed,
    PayloadTooLarge,
    StoreUnavailable,
)

JSON = b"application/json"
TEXT = b"text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True, eq=False)
class Reply:
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False


Answering = Callable[[Reply], None]
"""Called once with the answer to a request."""


class WrongMethod(InvalidRequest):
    """A path that is there, asked with a method that it does not have."""

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"method {method}", expected=allowed)
        self.allowed = allowed


class WrongType(InvalidRequest):
    """A body of a content type that the server does not read."""


class NoSuchPath(InvalidRequest):
    """A path that nothing answers."""


class Misdirected(InvalidRequest):
    """A Host header that does not name this server (as after DNS rebinding)."""


_STATUS: tuple[tuple[type[HoldfastError], int], ...] = (
    (WrongMethod, 405),
    (WrongType, 415),
    (NoSuchPath, 404),
    (Misdirected, 400),
    (PayloadTooLarge, 413),
    (ModelNotReady, 404),
    (NotAllowed, 403),
    (StoreUnavailable, 503),
    (InvalidRequest, 400),
)


def json_reply(value: Any, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status, orjson.dumps(value))


def error_reply(error: HoldfastError) -> Reply:
    """Answer to an error: ``{"error": ...}`` with a status that says whose it is."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    reply = Reply(status, orjson.dumps({"error": _text(error)}))
    if isinstance(error, WrongMethod):
        reply.headers = ((b"allow", error.allowed.encode()),)
    if status == 503:
        reply.headers = ((b"retry-after", b"1"),)
    if status == 413:
        reply.close = True
    return reply


def _text(error: HoldfastError) -> str:
    # A name that came with a lone surrogate has no UTF-8 form.
    return str(error).encode("utf-8", "backslashreplace").decode()
