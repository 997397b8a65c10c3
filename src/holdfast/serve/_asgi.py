"""The service as a raw ASGI application: for what the fast protocol does not take, and for any other ASGI server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from holdfast.core.errors import HoldfastError
from holdfast.serve._heads import Head
from holdfast.serve._reply import Reply, error_reply
from holdfast.serve._service import Service

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Application:
    """ASGI 3 application of a service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request; any other kind of scope is left alone."""
        if scope["type"] != "http":
            return
        reply = await self._reply(scope, receive)
        if reply is None:
            return
        headers = [(b"content-type", reply.type), (b"content-length", str(len(reply.body)).encode()), *reply.headers]
        if reply.close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    async def _reply(self, scope: dict[str, Any], receive: Receive) -> Reply | None:
        method = scope["method"].encode()
        try:
            head = self.service.gate.head(method, list(scope["headers"]))
            body = await self._body(receive)
        except HoldfastError as error:
            return error_reply(error)
        if body is None:
            return None
        return await self._answer(method, scope.get("raw_path") or scope["path"].encode(), head, body)

    async def _body(self, receive: Receive) -> bytes | None:
        """Whole body; None when the client went away."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > self.service.gate.max_body:
                raise self.service.gate.too_large(size)
            parts.append(part)
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _answer(self, method: bytes, path: bytes, head: Head, body: bytes) -> Reply:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def take(reply: Reply) -> None:
            if not answered.done():
                answered.set_result(reply)

        self.service.dispatch(method, path, head, body, take)
        return await answered
