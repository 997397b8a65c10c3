"""Traffic: a real server in a process of its own, and real requests to it over HTTP, on loopback."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import ModelNotReady, ServeError

if TYPE_CHECKING:
    import polars as pl

START_S = 60.0


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Port of `holdfast serve` of a project, run as a process of its own while the block lasts.

    Raises
    ------
    ModelNotReady
        If the server does not answer within a minute; its last words are in the message.
    """
    place = folder / ".holdfast" / "places" / "local"
    words = folder / ".holdfast" / "serve.out"
    with words.open("wb") as out:
        server = subprocess.Popen(  # noqa: S603 - this Python, this package, no shell
            [sys.executable, "-m", "holdfast.cli.main", "serve", "--project", str(folder), "--port", "0"],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield _port(server, place, words)
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _port(server: subprocess.Popen[bytes], place: Path, words: Path) -> int:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        port = _told_port(place, server.pid)
        if port is not None and _ready(port):
            return port
        time.sleep(0.05)
    tail = words.read_text(errors="replace").strip().splitlines()[-1:]
    raise ModelNotReady(f"the server did not answer: {' '.join(tail) or 'no word'}", expected=f"{START_S:g} s to start")


def _told_port(place: Path, pid: int) -> int | None:
    try:
        told = json.loads((place / "server.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return int(told["port"]) if told.get("pid") == pid else None


def _ready(port: int) -> bool:
    try:
        with _connected(port, timeout_s=5) as connection:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
    except OSError:
        return False


@contextmanager
def _connected(port: int, *, timeout_s: float = 30) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        yield connection
    finally:
        connection.close()


@dataclass(slots=True)
class Sent:
    """Requests that were answered: the id of each, and the true labels of its rows."""

    ids: list[str] = field(default_factory=list)
    labels: list[list[Any]] = field(default_factory=list)
    rows: int = 0
    versions: set[str] = field(default_factory=set)


def send(
    port: int,
    model: str,
    rows: pl.DataFrame,
    *,
    target: str,
    beside: tuple[str, ...],
    batch: int,
    told: Callable[[float, str], None],
) -> Sent:
    """Ask the server about rows, `batch` at a time.

    Raises
    ------
    ServeError
        If a request is not answered with 200.
    """
    sent = Sent()
    features = rows.drop(target, *beside)
    with _connected(port) as connection:
        for start in range(0, rows.height, batch):
            body: dict[str, Any] = {"rows": features[start : start + batch].to_dicts()}
            if beside:
                body["context"] = rows.select(beside)[start : start + batch].to_dicts()
            answer = _post(connection, f"/predict/{model}", body)
            sent.ids.append(answer["id"])
            sent.labels.append(rows[target][start : start + batch].to_list())
            sent.versions.add(str(answer["version"]))
            sent.rows += len(answer["predictions"])
            told(start / rows.height, "sending traffic")
    return sent


def label(port: int, sent: Sent) -> int:
    """Send the true labels, late; the number of rows that got one."""
    with _connected(port) as connection:
        for identity, labels in zip(sent.ids, sent.labels, strict=True):
            _post(connection, "/feedback", {"id": identity, "labels": labels})
    return sum(len(labels) for labels in sent.labels)


def _post(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> dict[str, Any]:
    connection.request("POST", path, body=json.dumps(body), headers={"Content-Type": "application/json"})
    response = connection.getresponse()
    data = response.read()
    if response.status != 200:
        raise ServeError(f"{path} answered {response.status}: {data[:300].decode(errors='replace')}", expected="200")
    found: dict[str, Any] = json.loads(data)
    return found


def running_version(port: int, model: str) -> str | None:
    """Model version that the server runs as champion, by its own word; None when it does not say."""
    with _connected(port) as connection:
        connection.request("GET", f"/v2/models/{model}")
        told = json.loads(connection.getresponse().read() or b"{}")
    running = told.get("holdfast", {}).get("champion")
    return str(running) if running else None
