"""The shadow: gets a copy of what was answered, in a thread of its own, and nobody waits for it."""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from holdfast.core.errors import HoldfastError
from holdfast.serve._loading import AnyServed
from holdfast.serve._log import PredictionLog
from holdfast.serve._metrics import Metrics
from holdfast.serve._served import Logged

_QUEUE = 1024
_logger = logging.getLogger("holdfast.serve")


@dataclass(slots=True, eq=False)
class _Copy:
    served: AnyServed
    batch: Any
    id: str
    time: float
    context: bytes


class ShadowRunner:
    """Answers copies of requests; a shadow too slow for the traffic misses some, and the traffic does not wait.

    Parameters
    ----------
    log
        Where the answers go; without one there is nothing to do.
    metrics
        Counters.
    """

    def __init__(self, log: PredictionLog | None, metrics: Metrics) -> None:
        self.log = log
        self.metrics = metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="holdfast-shadow")
        self._waiting: deque[_Copy] = deque()

    def take(self, served: AnyServed, batch: Any, id: str, time: float, context: bytes) -> None:
        """Take a copy of a request."""
        if self.log is None:
            return
        if len(self._waiting) >= _QUEUE:
            self.metrics.add("holdfast_shadow_dropped_total", model=served.post.name)
            return
        self._waiting.append(_Copy(served, batch, id, time, context))
        self._thread.submit(self._next)

    def _next(self) -> None:
        copy = self._waiting.popleft()
        began = time.perf_counter()
        try:
            answer = copy.served.answer(copy.batch)
            contexts = [copy.context] if copy.context else None
            spent = time.perf_counter() - began
            requests = Logged([copy.id], [copy.batch.n], [copy.time], [spent], contexts)
            if self.log is not None:
                self.log.defer([copy.served.logged(requests, copy.batch, answer)])
        except HoldfastError as error:
            _logger.warning("the shadow %s could not answer: %s", copy.served.post.version, error)
        except Exception:
            _logger.exception("the shadow %s failed", copy.served.post.version)

    def close(self) -> None:
        """Answer what waits, and let the thread end."""
        self._thread.shutdown(wait=True)
