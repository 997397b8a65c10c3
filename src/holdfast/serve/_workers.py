"""Several workers at one address: forked from a parent that loads nothing, and started again when they die."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import time
from types import FrameType

from holdfast.serve._settings import ServerSettings

_logger = logging.getLogger("holdfast.serve")
_QUICK_S = 1.0
_ENDING = (signal.SIGTERM, signal.SIGINT)


class Supervisor:
    """Parent of the workers.

    Parameters
    ----------
    settings, instance
        As of `Worker`.
    sockets
        One for each worker, bound to one address.
    """

    def __init__(self, settings: ServerSettings, sockets: list[socket.socket], *, instance: str) -> None:
        self.settings = settings
        self.sockets = sockets
        self.instance = instance
        self._workers: dict[int, tuple[int, float]] = {}
        self._stopping = False

    def run(self) -> None:
        """Keep the workers running until SIGTERM or SIGINT, then let them drain."""
        shutil.rmtree(self.settings.place / "run", ignore_errors=True)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for index in range(self.settings.workers):
            self._start(index)
        while self._workers:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            index, began = self._workers.pop(pid, (-1, 0.0))
            if index < 0 or self._stopping:
                continue
            _logger.error("worker %d (pid %d) ended with status %d; it is started again", index, pid, status)
            if time.monotonic() - began < _QUICK_S:
                # One that dies at once is not started in a tight loop.
                time.sleep(_QUICK_S)
            self._start(index)

    def _start(self, index: int) -> None:
        if self._stopping:
            return
        # A signal between the fork and the worker's own handlers would be lost, or answered as the parent.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        pid = os.fork()
        if pid == 0:
            self._child(index)
        self._workers[pid] = index, time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)

    def _child(self, index: int) -> None:
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
            from holdfast.serve._server import Worker

            Worker(self.settings, self.sockets[index], instance=self.instance, index=index).run()
            status = 0
        except BaseException:
            _logger.exception("worker %d failed", index)
        finally:
            os._exit(status)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for pid in list(self._workers):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
