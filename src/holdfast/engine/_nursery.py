"""The nursery: a small process that forks the processes which steps run in.

Starting Python anew costs a start each time; a fork of a process that has imported the engine, and nothing that
starts threads, costs a tenth of that. The engine talks to it over one socket: a byte and two descriptors (the new
process's connection, and one on which the nursery reports how that process ended) in, a process id out. When the
socket closes, because the engine is done or was killed, the nursery ends every process group that it made.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import struct
import sys
from typing import NoReturn

# Imported before the first fork, so that no child pays for it.
from holdfast.engine._child import serve
from holdfast.engine._wire import PeerGone


def main(descriptor: int) -> None:
    """Serve the engine on an inherited socket until it closes."""
    control = socket.socket(fileno=descriptor)
    nursery = _Nursery(control)
    with contextlib.suppress(ConnectionResetError):
        nursery.serve()
    nursery.end_all()


class _Nursery:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.reports: dict[int, int] = {}
        self.woken, self.waker = socket.socketpair()
        for each in (self.woken, self.waker):
            each.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno())
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        # Ctrl-C at a terminal reaches the whole group; what happens then is the engine's to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ, "control")
            selector.register(self.woken, selectors.EVENT_READ, "ended")
            while True:
                for key, _ in selector.select():
                    if key.data == "ended":
                        self._drain()
                        self.reap()
                    elif not self._answer():
                        return

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self.woken.recv(4096):
                pass

    def _answer(self) -> bool:
        word, descriptors, _, _ = socket.recv_fds(self.control, 1, 2)
        if not word:
            return False
        connection, report = descriptors
        pid = os.fork()
        if pid == 0:
            self._become_child(connection, report)
        os.close(connection)
        self.reports[pid] = report
        self.control.sendall(struct.pack(">i", pid))
        return True

    def _become_child(self, connection: int, report: int) -> NoReturn:
        code = 70
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            for descriptor in (report, *self.reports.values()):
                os.close(descriptor)
            for each in (self.control, self.woken, self.waker):
                each.close()
            with socket.socket(fileno=connection) as channel:
                serve(channel)
            code = 0
        except PeerGone:
            code = 0
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            # No clean-up of what was inherited, and no waiting for threads that a step left behind.
            os._exit(code)

    def reap(self) -> None:
        while self.reports:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            report = self.reports.pop(pid, None)
            if report is not None:
                with contextlib.suppress(OSError):
                    os.write(report, struct.pack(">i", status))
                os.close(report)

    def end_all(self) -> None:
        for pid in self.reports:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
