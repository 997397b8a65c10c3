"""The inference server: binds, answers, reloads its routes, drains; one process, or several on one socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import iso
from holdfast.core.errors import HoldfastError, StoreUnavailable
from holdfast.serve._asgi import Application
from holdfast.serve._protocol import protocol_class
from holdfast.serve._service import Service
from holdfast.serve._settings import ServerSettings

if TYPE_CHECKING:
    import uvicorn

_logger = logging.getLogger("holdfast.serve")
_BACKLOG = 2048


def bind(settings: ServerSettings) -> list[socket.socket]:
    """Listening sockets at the settings' address, one for each worker: the system deals connections out evenly.

    They are all the parent's: what waits at the socket of a worker that died is answered by the one started after it.

    Raises
    ------
    StoreUnavailable
        If the address cannot be bound (in use, or not this machine's).
    """
    sockets: list[socket.socket] = []
    port = settings.port
    try:
        for _ in range(settings.workers):
            sockets.append(_listening(settings.host, port, shared=settings.workers > 1))
            port = sockets[0].getsockname()[1]
    except OSError as error:
        for each in sockets:
            each.close()
        where = f"{settings.host}:{port}"
        raise StoreUnavailable(
            f"cannot bind: {error.strerror or error}", where=where, expected="a free port"
        ) from error
    return sockets


def _listening(host: str, port: int, *, shared: bool) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host.strip("[]"), port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


@contextlib.contextmanager
def announced(settings: ServerSettings, port: int, instance: str) -> Iterator[None]:
    """Say in the place's `server.json` who answers at which port, for as long as that is so."""
    path = settings.place / "server.json"
    mine = {
        "pid": os.getpid(),
        "port": port,
        "host": settings.host,
        "started": iso(datetime.now(UTC)),
        "instance": instance,
        "workers": settings.workers,
    }
    settings.place.mkdir(parents=True, exist_ok=True)
    write_json(path, mine)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(path.read_bytes()).get("instance") == instance:
                path.unlink()


def write_json(path: Path, value: Any) -> None:
    """Replace a file by JSON, as a whole."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        fresh.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


class Worker:
    """One process that answers on a listening socket.

    Parameters
    ----------
    settings
        The server's.
    listening
        Socket that is bound and listens.
    instance
        Random text that tells this start of the server from any other.
    index
        Number of the worker, from 0.
    """

    def __init__(self, settings: ServerSettings, listening: socket.socket, *, instance: str, index: int = 0) -> None:
        self.settings = settings
        self.listening = listening
        self.index = index
        port = listening.getsockname()[1]
        self.service = Service(settings, port=port, instance=instance)
        self._run_folder = settings.place / "run"
        self._parent = os.getppid()
        self._seen: tuple[int, int, int] | None = None

    def run(self) -> None:
        """Answer until SIGTERM or SIGINT, then drain."""
        import uvicorn
        import uvloop

        protocol = protocol_class(self.service) if self.settings.fast else None
        config = uvicorn.Config(
            Application(self.service),
            loop="uvloop",
            http=protocol or "httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(self.settings.keep_alive_s),
            timeout_graceful_shutdown=int(max(1, self.settings.drain_s)),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(_quiet_server(config)))

    async def _serve(self, server: uvicorn.Server) -> None:
        loop = asyncio.get_running_loop()
        self._remember()
        self.service.swap(await loop.run_in_executor(None, self.service.load))
        for place, error in self.service.table.errors.items():
            _logger.error("%s cannot be loaded: %s", place, error)
        speeding = loop.run_in_executor(None, self.service.speed_up)
        if self.settings.workers > 1:
            self._run_folder.mkdir(parents=True, exist_ok=True)
            self.service.siblings = self._siblings
        watching = loop.create_task(self._watch(server))
        try:
            await server.serve(sockets=[self.listening])
        finally:
            await speeding
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            self._close()

    async def _watch(self, server: uvicorn.Server) -> None:
        """Reload routes that changed, flush what nobody waits for, and tell the siblings our figures."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.settings.watch_s)
            if self.settings.workers > 1 and os.getppid() != self._parent:
                _logger.error("the parent of worker %d is gone: it drains and ends", self.index)
                server.should_exit = True
            self.service.draining = server.should_exit
            if self._changed():
                await self._reload(loop)
            if self.service.log is not None:
                try:
                    await loop.run_in_executor(None, self.service.log.flush)
                except HoldfastError as error:
                    _logger.warning("%s", error)
            if self.settings.workers > 1:
                self.service.gauges()
                write_json(self._run_folder / f"worker-{self.index}.json", self.service.metrics.plain())

    async def _reload(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            table = await loop.run_in_executor(None, self.service.load)
        except HoldfastError as error:
            # Half-written or broken routes never take away what answers.
            _logger.error("routes stay as they were: %s", error)
            self.service.metrics.set("holdfast_route_errors", 1)
            return
        for place, error_text in table.errors.items():
            _logger.error("%s cannot be loaded: %s", place, error_text)
        self.service.swap(table)
        await loop.run_in_executor(None, self.service.speed_up)

    def _changed(self) -> bool:
        before = self._seen
        self._remember()
        return self._seen != before

    def _remember(self) -> None:
        try:
            found = (self.settings.place / "routes.json").stat()
            self._seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        except FileNotFoundError:
            self._seen = None

    def _siblings(self) -> list[dict[str, Any]]:
        found = []
        for path in sorted(self._run_folder.glob("worker-*.json")):
            if path.name != f"worker-{self.index}.json":
                with contextlib.suppress(OSError, ValueError):
                    found.append(json.loads(path.read_bytes()))
        return found

    def _close(self) -> None:
        self.service.batcher.close()
        if self.service.log is not None:
            try:
                self.service.log.close()
            except HoldfastError as error:
                _logger.error("%s", error)


def _quiet_server(config: uvicorn.Config) -> uvicorn.Server:
    """Make a server that ends by returning: uvicorn's own sends itself the signal again, before the log is sealed."""
    import uvicorn

    class Quiet(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for each, handler in before.items():
                    signal.signal(each, handler)

    return Quiet(config)


class InferenceServer:
    """Server of a place's models.

    Parameters
    ----------
    settings
        What it is to do.

    Examples
    --------
    >>> InferenceServer(ServerSettings(Path("place"), host="0.0.0.0"))
    Traceback (most recent call last):
    holdfast.core.errors.ForbiddenBind: binding to 0.0.0.0 without authentication and TLS. ...
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings

    def run(self) -> None:
        """Answer until SIGTERM or SIGINT; then finish what is in flight, and return.

        Raises
        ------
        StoreUnavailable
            If the address cannot be bound, or the log's folder cannot be written.
        """
        sockets = bind(self.settings)
        instance = secrets.token_hex(8)
        with contextlib.ExitStack() as ending:
            for each in sockets:
                ending.enter_context(each)
            ending.enter_context(announced(self.settings, sockets[0].getsockname()[1], instance))
            if self.settings.workers == 1:
                Worker(self.settings, sockets[0], instance=instance).run()
            else:
                from holdfast.serve._workers import Supervisor

                Supervisor(self.settings, sockets, instance=instance).run()


def run_server(settings: ServerSettings) -> None:
    """Run the inference server until it is told to stop; see `InferenceServer.run`."""
    InferenceServer(settings).run()
