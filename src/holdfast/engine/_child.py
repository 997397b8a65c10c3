"""What a forked process does: takes a first message that sets it up, then jobs until the connection closes."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from holdfast.engine._jobs import Failure, Outcome, Request, attempt, find
from holdfast.engine._wire import receive, send


def serve(channel: socket.socket) -> None:
    """Serve jobs on a connection until the other side closes it."""
    first, _ = receive(channel)
    _set_up(first)
    while True:
        head, blobs = receive(channel)
        outcome = carry_out(_request(head, blobs))
        if outcome.result is None:
            failure = asdict(outcome.failure) if outcome.failure is not None else {}
            send(channel, {"failure": failure, "seconds": outcome.seconds})
        else:
            send(channel, {"digest": outcome.result.digest, "seconds": outcome.seconds}, [outcome.result.data])


def carry_out(request: Request) -> Outcome:
    """Find the step and carry the request out; every error is an outcome."""
    try:
        step = find(request)
        return attempt(step.function, step.signature, request)
    except BaseException as error:  # an interrupt in a process of its own is that step's failure
        return Outcome(None, Failure.of(error, retry=False), 0.0)


def _set_up(first: dict[str, Any]) -> None:
    if first["env"] != dict(os.environ):
        os.environ.clear()
        os.environ.update(first["env"])
    sys.path[:] = first["path"]
    with contextlib.suppress(OSError):
        os.chdir(first["cwd"])
    _limit(first["cpu_s"], first["memory_mb"])


def _limit(cpu_s: float | None, memory_mb: float | None) -> None:
    import math
    import resource

    if cpu_s is not None:
        seconds = math.ceil(cpu_s)
        # The soft limit sends SIGXCPU, a second later the hard one SIGKILL.
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    if memory_mb is not None:
        size = int(memory_mb * 1e6)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    if cpu_s is not None or memory_mb is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _request(head: dict[str, Any], blobs: list[bytes]) -> Request:
    return Request(
        label=head["label"],
        module=head["module"],
        qualname=head["qualname"],
        code=head["code"],
        arguments=blobs[0],
        inputs=blobs[1:],
        folder=Path(head["folder"]),
    )
