"""The batcher: answers what one turn of the event loop brought, with one run of the model and one commit of the log.

A lone request never waits for others: it is answered in the same turn. A request that would keep the loop busy (many
rows, or a slow model) is answered in a thread, and so is a commit to a slow disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from holdfast.core.errors import HoldfastError, ServeError, StoreUnavailable
from holdfast.serve._batch import joined
from holdfast.serve._frames import Answered
from holdfast.serve._log import PredictionLog
from holdfast.serve._metrics import Metrics
from holdfast.serve._reply import Answering, Reply, error_reply
from holdfast.serve._requests import Wanted, infer_reply, predict_reply
from holdfast.serve._served import Answer, AnyServed

#: A run of the model, or a commit, that is expected to take longer than this leaves the event loop.
_LONG_S = 0.004
_JOINED_ROWS = 256
_SHADOW_QUEUE = 1024
_logger = logging.getLogger("holdfast.serve")


@dataclass(slots=True, eq=False)
class Job:
    """A request that waits for its answer."""

    served: AnyServed
    shadow: AnyServed | None
    batch: Any
    id: str
    infer: bool
    wanted: Wanted | None
    context: bytes
    started: float
    time: float
    answering: Answering
    answer: Answer | None = None


class Batcher:
    """Answers jobs on one event loop.

    Parameters
    ----------
    log
        Where predictions become durable before they are acknowledged; None to log nothing.
    metrics
        Counters.
    """

    def __init__(self, log: PredictionLog | None, metrics: Metrics) -> None:
        self.log = log
        self.metrics = metrics
        self.in_flight = 0
        self._queue: list[Job] = []
        self._scheduled = False
        self._row_s: dict[AnyServed, float] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="holdfast-answer")
        self._shadow_thread = ThreadPoolExecutor(1, thread_name_prefix="holdfast-shadow")
        self._shadows: deque[Job] = deque()
        self._shadow_busy = False

    def submit(self, job: Job) -> None:
        """Take a job; its `answering` is called when it is answered and durable."""
        self.in_flight += 1
        self._queue.append(job)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        jobs, self._queue = self._queue, []
        here: list[Job] = []
        for group in _groups(jobs):
            rows = sum(each.batch.n for each in group)
            if self._row_s.get(group[0].served, 0.0) * rows > _LONG_S or rows > 4 * _JOINED_ROWS:
                self._elsewhere(group)
            else:
                here += self._run(group)
        if here:
            self._commit(here)

    def _elsewhere(self, group: list[Job]) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            answered = self._run(group, loop.call_soon_threadsafe)
            if not answered:
                return
            error = self._append(answered)
            loop.call_soon_threadsafe(self._finish, answered, error)

        self._threads.submit(_guarded, work)

    def _run(self, group: list[Job], call: Callable[..., Any] | None = None) -> list[Job]:
        """Answer a group of jobs with one run; those that could not be answered are told so and left out."""
        served = group[0].served
        began = time.perf_counter()
        try:
            self._answer(served, group)
        except Exception as error:  # noqa: BLE001 - whatever a model raises reaches its client as an answer
            if len(group) > 1:
                # One request's values may be what the model refuses: each is asked for itself.
                return [done for job in group for done in self._run([job], call)]
            _call(call, self._fail, group[0], _as_ours(error))
            return []
        rows = sum(each.batch.n for each in group)
        spent = (time.perf_counter() - began) / rows
        self._row_s[served] = 0.8 * self._row_s.get(served, spent) + 0.2 * spent
        return group

    def _answer(self, served: AnyServed, group: list[Job]) -> None:
        if len(group) == 1:
            group[0].answer = served.answer(group[0].batch)
            return
        whole = served.answer(joined([each.batch for each in group]))  # type: ignore[arg-type]  # only `Served` joins
        start = 0
        for job in group:
            job.answer = whole.rows(start, start + job.batch.n)
            start += job.batch.n

    def _commit(self, jobs: list[Job]) -> None:
        if self.log is not None and self.log.writer.commit_s > _LONG_S:
            loop = asyncio.get_running_loop()
            self._threads.submit(_guarded, lambda: loop.call_soon_threadsafe(self._finish, jobs, self._append(jobs)))
            return
        self._finish(jobs, self._append(jobs))

    def _append(self, jobs: Sequence[Job]) -> HoldfastError | None:
        """Make the answers durable; the error when that failed, and then nothing may be acknowledged."""
        if self.log is None:
            return None
        now = time.perf_counter()
        try:
            self.log.append([_logged(job, now - job.started) for job in jobs])
        except StoreUnavailable as error:
            self.metrics.add("holdfast_log_errors_total")
            return error
        except Exception as error:  # noqa: BLE001 - a bug here must not leave clients without an answer
            _logger.exception("the prediction log failed")
            return ServeError(f"the prediction log failed: {error}")
        return None

    def _finish(self, jobs: list[Job], error: HoldfastError | None) -> None:
        for job in jobs:
            if error is not None:
                self._fail(job, error)
                continue
            answer = job.answer
            if answer is None:
                continue
            make = infer_reply(job.served, answer, job.id, job.wanted) if job.infer else None
            self._reply(job, make or predict_reply(job.served, answer, job.id))
            if job.shadow is not None:
                self._to_shadow(job)
        if error is None:
            self._count(jobs)

    def _count(self, jobs: list[Job]) -> None:
        now = time.perf_counter()
        for job in jobs:
            self.metrics.observe(job.served.name, job.served.role, now - job.started)
            self.metrics.add("holdfast_predictions_total", job.batch.n, model=job.served.name, role=job.served.role)

    def _fail(self, job: Job, error: HoldfastError) -> None:
        self._reply(job, error_reply(error))

    def _reply(self, job: Job, reply: Reply) -> None:
        self.in_flight -= 1
        self.metrics.add(
            "holdfast_requests_total", model=job.served.name, role=job.served.role, status=str(reply.status)
        )
        job.answering(reply)

    def _to_shadow(self, job: Job) -> None:
        if len(self._shadows) >= _SHADOW_QUEUE:
            self.metrics.add("holdfast_shadow_dropped_total", model=job.served.name)
            return
        self._shadows.append(job)
        if not self._shadow_busy:
            self._shadow_busy = True
            self._shadow_thread.submit(_guarded, self._shadow_work)

    def _shadow_work(self) -> None:
        while True:
            try:
                job = self._shadows.popleft()
            except IndexError:
                self._shadow_busy = False
                if not self._shadows:
                    return
                self._shadow_busy = True
                continue
            self._shadow_one(job)

    def _shadow_one(self, job: Job) -> None:
        shadow = job.shadow
        if shadow is None or self.log is None:
            return
        began = time.perf_counter()
        try:
            answer = shadow.answer(job.batch)
        except HoldfastError as error:
            _logger.warning("the shadow %s could not answer: %s", shadow.version, error)
            return
        spent = time.perf_counter() - began
        self.log.defer(
            [shadow.logged(job.batch, answer, id=job.id, time=job.time, latency_s=spent, context=job.context)]
        )

    @property
    def idle(self) -> bool:
        """Whether nothing waits for an answer or for the shadow."""
        return self.in_flight == 0 and not self._shadows and not self._shadow_busy

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=True)
        self._shadow_thread.shutdown(wait=True)


def _groups(jobs: list[Job]) -> list[list[Job]]:
    """Jobs that one run answers: same version, few rows each, of a model whose rows may be joined."""
    groups: list[list[Job]] = []
    open_groups: dict[AnyServed, list[Job]] = {}
    for job in jobs:
        if not job.served.joins or job.batch.n > _JOINED_ROWS:
            groups.append([job])
            continue
        found = open_groups.get(job.served)
        if found is None or sum(each.batch.n for each in found) + job.batch.n > 4 * _JOINED_ROWS:
            found = open_groups[job.served] = []
            groups.append(found)
        found.append(job)
    return groups


def _logged(job: Job, latency_s: float) -> Answered:
    answer = job.answer
    if answer is None:
        raise ServeError("a job without an answer cannot be logged")
    return job.served.logged(job.batch, answer, id=job.id, time=job.time, latency_s=latency_s, context=job.context)


def _as_ours(error: Exception) -> HoldfastError:
    if isinstance(error, HoldfastError):
        return error
    _logger.error("the model failed", exc_info=error)
    return ServeError(f"the model failed: {type(error).__name__}: {error}")


def _call(call: Callable[..., Any] | None, function: Callable[..., None], *args: Any) -> None:
    if call is None:
        function(*args)
    else:
        call(function, *args)


def _guarded(work: Callable[[], Any]) -> None:
    try:
        work()
    except Exception:
        _logger.exception("work in a thread failed")
