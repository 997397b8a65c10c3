"""The fast protocol: uvicorn's own, answering on the connection itself instead of by an ASGI task for each request.

Requests that need more (pipelined ones, ``Expect: 100-continue``, a body without a length, an upgrade) go the ASGI way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.core.errors import HoldfastError
from holdfast.serve._heads import Head
from holdfast.serve._reply import Reply

if TYPE_CHECKING:
    import asyncio

    from holdfast.serve._service import Service

_NEEDED = (
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "on_response_complete",
    "shutdown",
    "connection_lost",
)


class _Event:
    """Stands for the event that uvicorn's protocol sets and nobody here waits for."""

    __slots__ = ()

    def set(self) -> None:
        """Do nothing."""


_EVENT = _Event()


class Exchange:
    """One request and its answer on a connection; has the members that uvicorn's protocol looks at."""

    __slots__ = ("body", "disconnected", "head", "keep_alive", "method", "protocol", "refused", "response_complete")
    message_event = _EVENT

    def __init__(self, protocol: Any, method: bytes, *, keep_alive: bool) -> None:
        self.protocol = protocol
        self.method = method
        self.keep_alive = keep_alive
        self.body: bytes | bytearray = b""
        self.head: Head | None = None
        self.refused: HoldfastError | None = None
        self.response_complete = False
        self.disconnected = False

    def answer(self, reply: Reply) -> None:
        """Write the answer, in one piece."""
        if self.disconnected or self.response_complete:
            return
        self.response_complete = True
        protocol = self.protocol
        close = reply.close or not self.keep_alive
        protocol.transport.write(wire(reply, close=close, head_only=self.method == b"HEAD"))
        if close:
            protocol.transport.close()
        protocol.on_response_complete()


_HEADS: dict[tuple[int, bytes], bytes] = {}


def wire(reply: Reply, *, close: bool, head_only: bool) -> bytes:
    """Answer as HTTP/1.1 writes it."""
    body = reply.body
    head = _HEADS.get((reply.status, reply.type))
    if head is None:
        head = _HEADS[reply.status, reply.type] = _head(reply)
    more = b"".join(b"%b: %b\r\n" % each for each in reply.headers) if reply.headers else b""
    if close:
        more += b"connection: close\r\n"
    return b"%b%d\r\n%b\r\n%b" % (head, len(body), more, b"" if head_only else body)


def _head(reply: Reply) -> bytes:
    from http import HTTPStatus

    phrase = HTTPStatus(reply.status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: " % (reply.status, phrase, reply.type)


def protocol_class(service: Service) -> type[asyncio.Protocol] | None:
    """Class of the fast protocol for a service; None when this version of uvicorn is built in another way."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    if any(not hasattr(HttpToolsProtocol, name) for name in _NEEDED):
        return None

    class FastProtocol(HttpToolsProtocol):
        """Connection that answers by itself."""

        def on_headers_complete(self) -> None:
            """Take the request when it is a plain one, and refuse a wrong one before its body comes."""
            busy = self.cycle is not None and not self.cycle.response_complete
            if busy or self.expect_100_continue or self.parser.should_upgrade():
                super().on_headers_complete()
                return
            method = self.parser.get_method()
            version = self.parser.get_http_version()
            exchange = Exchange(self, method, keep_alive=version != "1.0" and self.parser.should_keep_alive())
            try:
                exchange.head = service.gate.head(method, self.headers)
            except HoldfastError as error:
                exchange.refused = error
                # What follows is the body of a request that is refused already: it is not read.
                exchange.keep_alive = method in (b"GET", b"HEAD") and exchange.keep_alive
            self.cycle = exchange  # type: ignore[assignment]  # has the members that are looked at
            if exchange.refused is not None:
                service.refuse(exchange.refused, exchange.answer)

        def on_body(self, body: bytes) -> None:
            """Keep the body, up to the largest that is taken."""
            exchange = self.cycle
            if not isinstance(exchange, Exchange):
                super().on_body(body)
                return
            if exchange.response_complete:
                return
            if not exchange.body:
                exchange.body = body
            else:
                if isinstance(exchange.body, bytes):
                    exchange.body = bytearray(exchange.body)
                exchange.body += body
            if len(exchange.body) > service.gate.max_body:
                exchange.keep_alive = False
                service.refuse(service.gate.too_large(len(exchange.body)), exchange.answer)

        def on_message_complete(self) -> None:
            """Answer the request: it is whole."""
            exchange = self.cycle
            if not isinstance(exchange, Exchange):
                super().on_message_complete()
                return
            if exchange.response_complete or exchange.head is None:
                return
            service.dispatch(exchange.method, self.url, exchange.head, bytes(exchange.body), exchange.answer)

    return FastProtocol
