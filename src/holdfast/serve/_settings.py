"""Settings of the inference server."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.core.errors import ForbiddenBind, InvalidValue, one_of
from holdfast.serve._segment import SYNCS


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the server is to do.

    Parameters
    ----------
    place
        Folder of the target: `routes.json` and `models/` are read there, `server.json` is written there.
    host, port
        Address to bind; port 0 takes a free one (it stands in `server.json`).
    log_folder
        Folder of the prediction log; None to log nothing.
    workers
        Processes that answer; each writes segments of its own.
    models
        Folders (or ONNX files) served besides the routes, by model name.
    max_body_bytes
        Largest body of a request.
    max_rows
        Most rows of one request.
    behind_proxy
        A proxy with authentication and TLS stands before the server: it may bind to an address that is not loopback.
    allowed_hosts
        Host names that a request may be addressed to, besides the loopback ones; ``*`` for any (behind a proxy only).
    watch_s
        Seconds between looks at the routes.
    drain_s
        Longest time that requests in flight are given after SIGTERM.
    keep_alive_s
        Seconds that an idle connection is kept.
    segment_bytes, segment_s
        Size and age after which a segment of the log is sealed.
    sync
        ``commit``: an acknowledged prediction survives a kill and a power cut (each commit waits for the disk).
        ``tick``: it survives a kill at once, and a power cut after `watch_s` (no commit waits for the disk).
    fast
        Answer on the connection itself, without an ASGI task for each request.
    """

    place: Path
    host: str = "127.0.0.1"
    port: int = 8080
    log_folder: Path | None = None
    workers: int = 1
    models: Mapping[str, Path] = field(default_factory=dict)
    max_body_bytes: int = 16 << 20
    max_rows: int = 10_000
    behind_proxy: bool = False
    allowed_hosts: tuple[str, ...] = ()
    watch_s: float = 0.25
    drain_s: float = 10.0
    keep_alive_s: float = 30.0
    segment_bytes: int = 32 << 20
    segment_s: float = 60.0
    sync: str = "commit"
    fast: bool = True

    def __post_init__(self) -> None:
        """Check the address and the numbers.

        Raises
        ------
        ForbiddenBind
            If the address is not loopback and no proxy is said to stand before it.
        InvalidValue
            If a number is outside its range.
        """
        if not is_loopback(self.host) and not self.behind_proxy:
            raise ForbiddenBind(
                f"binding to {self.host} without authentication and TLS",
                expected="127.0.0.1, or a proxy in front that does both (behind_proxy)",
            )
        if "*" in self.allowed_hosts and not self.behind_proxy:
            raise ForbiddenBind("any Host header without a proxy", expected="the names that requests are addressed to")
        if not 0 <= self.port <= 65535:
            raise InvalidValue(f"port {self.port}", expected="a number from 0 to 65535")
        if self.sync not in SYNCS:
            raise InvalidValue(f"sync {self.sync!r}", expected=one_of(SYNCS, self.sync))
        numbers = (self.workers, self.max_body_bytes, self.max_rows, self.watch_s, self.drain_s, self.keep_alive_s)
        if min(numbers) <= 0:
            raise InvalidValue(f"settings {numbers}", expected="positive workers, sizes, rows and times")


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
