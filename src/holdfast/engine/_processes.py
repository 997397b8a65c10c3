"""Processes for steps: the engine's side of the nursery, and the workers that it hands out."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import StepFailed
from holdfast.engine._jobs import ENDED, Failure, Outcome, Request
from holdfast.engine._values import Sealed
from holdfast.engine._wire import Expired, PeerGone, receive, send
from holdfast.engine.steps import Limits, Settings

_START = "import sys; sys.path[:] = sys.argv[2:]; from holdfast.engine._nursery import main; main(int(sys.argv[1]))"
_REPORT_S = 5.0

_MEANING = {
    signal.SIGKILL: "ended from outside, or out of memory",
    signal.SIGXCPU: "its CPU time was used up",
    signal.SIGSEGV: "an invalid memory access",
}


class Nursery:
    """A running nursery; makes processes on request, one at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner = os.getpid()
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603  # this interpreter, with words of our own
                [sys.executable, "-c", _START, str(theirs.fileno()), *search_path()],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # A step's prints must not mix with an answer on standard output.
                stdout=_stderr(),
                stderr=None,
            )

    def fork(self) -> tuple[int, socket.socket, socket.socket]:
        """Make a new process: its id, the connection to it, and where its end is reported.

        Raises
        ------
        PeerGone
            If the nursery is gone.
        """
        ours, theirs = socket.socketpair()
        listen, report = socket.socketpair()
        try:
            with theirs, report, self.lock:
                socket.send_fds(self.control, [b"F"], [theirs.fileno(), report.fileno()])
                answer = self.control.recv(4, socket.MSG_WAITALL)
            if len(answer) < 4:
                raise PeerGone
        except (OSError, PeerGone) as error:
            ours.close()
            listen.close()
            raise PeerGone from error
        return struct.unpack(">i", answer)[0], ours, listen

    def close(self) -> None:
        """End it, and every process that it made."""
        self.control.close()
        if self.owner == os.getpid():
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


_current: Nursery | None = None
_lock = threading.Lock()


def search_path() -> list[str]:
    """Where this process looks for modules, as absolute paths."""
    here = os.getcwd()  # noqa: PTH109  # sys.path holds text
    return [path or here for path in sys.path]


def _stderr() -> int | None:
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return 2


def nursery(*, instead_of: Nursery | None = None) -> Nursery:
    """Nursery of this process, started on first use; another one when `instead_of` broke."""
    global _current  # noqa: PLW0603  # one nursery per process, shared by its engines
    with _lock:
        if _current is not None and (_current is instead_of or _current.owner != os.getpid()):
            _current.close()
            _current = None
        if _current is None:
            _current = Nursery()
        return _current


@atexit.register
def close_nursery() -> None:
    """End the nursery of this process; the next job starts another."""
    global _current  # noqa: PLW0603  # as above
    with _lock:
        if _current is not None:
            _current.close()
            _current = None


class Worker:
    """A process that carries out jobs, one at a time."""

    def __init__(self, limits: Limits) -> None:
        self.pid, self.channel, self.report = _fork()
        self.limits = limits
        self.setting = _setting()
        first = {**self.setting, "cpu_s": limits.cpu_s, "memory_mb": limits.memory_mb}
        with contextlib.suppress(PeerGone):
            send(self.channel, first)

    @property
    def fresh(self) -> bool:
        """Whether it was set up as this process is now: search path, environment and folder."""
        return self.setting == _setting()

    def run(self, request: Request, *, timeout_s: float | None, stop: Callable[[], bool]) -> Outcome:
        """Carry a job out.

        Raises
        ------
        Expired
            If the step took longer than it may, or `stop` said so; the worker is then of no more use.
        PeerGone
            If the process ended instead of answering.
        """
        began = time.monotonic()
        head = {
            "label": request.label,
            "module": request.module,
            "qualname": request.qualname,
            "code": request.code,
            "folder": str(request.folder),
        }
        self.channel.settimeout(None)
        send(self.channel, head, [request.arguments, *request.inputs])
        deadline = None if timeout_s is None else began + timeout_s
        answer, blobs = receive(self.channel, deadline=deadline, stop=stop)
        if "failure" in answer:
            return Outcome(None, Failure(**answer["failure"]), answer["seconds"])
        sealed = Sealed(blobs[0], digest_bytes(blobs[0]))
        return Outcome(sealed, None, answer["seconds"])

    def why_it_ended(self) -> str:
        """How the process ended, in words."""
        self.report.settimeout(_REPORT_S)
        try:
            data = self.report.recv(4, socket.MSG_WAITALL)
        except (TimeoutError, OSError):
            data = b""
        if len(data) < 4:
            return "its process ended without an answer"
        (status,) = struct.unpack(">i", data)
        if os.WIFSIGNALED(status):
            number = signal.Signals(os.WTERMSIG(status))
            meaning = f" ({_MEANING[number]})" if number in _MEANING else ""
            return f"its process was killed by {number.name}{meaning}"
        return f"its process exited with code {os.WEXITSTATUS(status)} without an answer"

    def kill(self) -> None:
        """End the process and whatever it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let the process end, by closing the connection."""
        self.channel.close()
        self.report.close()


def _fork() -> tuple[int, socket.socket, socket.socket]:
    current = nursery()
    for _ in range(3):
        try:
            return current.fork()
        except PeerGone:
            current = nursery(instead_of=current)
    raise StepFailed("no process can be started for a step", expected="memory and process ids to spare")


def _setting() -> dict[str, object]:
    return {"env": dict(os.environ), "path": search_path(), "cwd": os.getcwd()}  # noqa: PTH109  # goes into JSON


def run_in(worker: Worker, request: Request, timeout_s: float | None, stop: Callable[[], bool]) -> tuple[Outcome, bool]:
    """Carry a job out in a worker: what came of it, and whether the worker can take another."""
    began = time.monotonic()
    try:
        return worker.run(request, timeout_s=timeout_s, stop=stop), True
    except Expired:
        worker.kill()
        if stop():
            failure = Failure("Cancelled", "it was cancelled", retry=False)
        else:
            failure = Failure("StepTimeout", f"it took longer than {timeout_s:g} s", timeout=True)
    except PeerGone:
        # The process may have closed its connection and live on.
        worker.kill()
        failure = Failure(ENDED, worker.why_it_ended())
    return Outcome(None, failure, time.monotonic() - began), False


def run_isolated(request: Request, settings: Settings, stop: Callable[[], bool]) -> Outcome:
    """Carry a job out in a new process that is gone afterwards, with whatever it started."""
    worker = Worker(settings.limits)
    try:
        return run_in(worker, request, settings.timeout_s, stop)[0]
    finally:
        worker.kill()
        worker.close()
