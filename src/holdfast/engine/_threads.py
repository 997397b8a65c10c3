"""Threads that wait for jobs, made on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from holdfast.engine._jobs import Job, Outcome


class Threads:
    """At most so many threads."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def submit(
        self, call: Callable[[Job, Callable[[], bool]], Outcome], job: Job, stop: Callable[[], bool]
    ) -> Future[Outcome]:
        """Carry a job out in a thread."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="holdfast-step")
            return self._pool.submit(call, job, stop)

    def close(self) -> None:
        """Wait for them."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
