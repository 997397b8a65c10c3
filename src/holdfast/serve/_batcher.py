"""The batcher: answers what one turn of the event loop brought, with one run of the model and one commit of the log.

A lone request never waits for others: it is answered in the same turn. A request that would keep the loop busy (many
rows, or a slow model) is answered in a thread, and so is a commit to a slow disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from holdfast.core.errors import HoldfastError, ServeError, StoreUnavailable
from holdfast.serve._loading import AnyServed
from holdfast.serve._log import PredictionLog
from holdfast.serve._metrics import Metrics, Tally
from holdfast.serve._reply import Answering, Reply, error_reply
from holdfast.serve._served import Answer, Logged, Served, Wanted
from holdfast.serve._shadow import ShadowRunner

#: A run of the model, or a commit, that is expected to take longer than this leaves the event loop.
_LONG_S = 0.004
_JOINED_ROWS = 256
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
    tally: Tally
    answering: Answering


@dataclass(slots=True, eq=False)
class Run:
    """Jobs that one run of a model answers, and its answer."""

    served: AnyServed
    jobs: list[Job]
    batch: Any = None
    answer: Answer | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(job.batch.n for job in self.jobs)

    def logged(self, now: float) -> Any:
        """Make the predictions as they are logged."""
        jobs = self.jobs
        contexts = [job.context for job in jobs] if any(job.context for job in jobs) else None
        requests = Logged(
            ids=[job.id for job in jobs],
            sizes=[job.batch.n for job in jobs],
            times=[job.time for job in jobs],
            latencies=[now - job.started for job in jobs],
            contexts=contexts,
        )
        return self.served.logged(requests, self.batch, self.answer)  # type: ignore[arg-type]  # called after `ask`

    def ask(self) -> None:
        """Ask the model."""
        batches = [job.batch for job in self.jobs]
        self.batch = batches[0] if len(batches) == 1 else self.served.join(batches)
        self.answer = self.served.answer(self.batch)


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
        self.shadows = ShadowRunner(log, metrics)
        self._queue: list[Job] = []
        self._scheduled = False
        self._row_s: dict[AnyServed, float] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="holdfast-answer")

    def submit(self, job: Job) -> None:
        """Take a job; its `answering` is called when it is answered and durable."""
        self.in_flight += 1
        self._queue.append(job)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def forget(self, served: set[AnyServed]) -> None:
        """Forget what was measured of versions that no longer answer."""
        self._row_s = {each: seconds for each, seconds in self._row_s.items() if each in served}

    def _turn(self) -> None:
        self._scheduled = False
        jobs, self._queue = self._queue, []
        done: list[Run] = []
        for run in _runs(jobs):
            rows = run.rows
            if rows > 4 * _JOINED_ROWS or self._row_s.get(run.served, 0.0) * rows > _LONG_S:
                self._elsewhere(run)
            else:
                done += self._ask(run, _now)
        if done:
            self._commit(done)

    def _elsewhere(self, run: Run) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            done = self._ask(run, loop.call_soon_threadsafe)
            error = self._append(done)
            loop.call_soon_threadsafe(self._finish, done, error)

        self._threads.submit(_guarded, work)

    def _ask(self, run: Run, call: Callable[..., Any]) -> list[Run]:
        """Ask the model; jobs that could not be answered are told so (through `call`) and left out."""
        began = time.perf_counter()
        try:
            run.ask()
        except Exception as error:  # whatever a model raises reaches its client as an answer
            if len(run.jobs) > 1:
                # One request's values may be what the model refuses: each is asked for itself.
                return [done for job in run.jobs for done in self._ask(Run(run.served, [job]), call)]
            call(self._fail, run.jobs[0], _as_ours(error))
            return []
        spent = (time.perf_counter() - began) / run.rows
        self._row_s[run.served] = 0.8 * self._row_s.get(run.served, spent) + 0.2 * spent
        return [run]

    def _commit(self, runs: list[Run]) -> None:
        if self.log is None or self.log.writer.commit_s <= _LONG_S:
            self._finish(runs, self._append(runs))
            return
        loop = asyncio.get_running_loop()

        def work() -> None:
            error = self._append(runs)
            loop.call_soon_threadsafe(self._finish, runs, error)

        self._threads.submit(_guarded, work)

    def _append(self, runs: Sequence[Run]) -> HoldfastError | None:
        """Make the answers durable; returns the error when that failed, and then nothing may be acknowledged."""
        if self.log is None or not runs:
            return None
        now = time.perf_counter()
        try:
            self.log.append([run.logged(now) for run in runs])
        except StoreUnavailable as error:
            self.metrics.add("holdfast_log_errors_total")
            return error
        except Exception as error:  # a bug here must not leave clients without an answer
            _logger.exception("the prediction log failed")
            return ServeError(f"the prediction log failed: {error}")
        return None

    def _finish(self, runs: list[Run], error: HoldfastError | None) -> None:
        for run in runs:
            start = 0
            for job in run.jobs:
                stop = start + job.batch.n
                if error is not None or run.answer is None:
                    self._fail(job, error or ServeError("the model gave no answer"))
                else:
                    self._acknowledge(job, run.answer, start, stop)
                start = stop

    def _acknowledge(self, job: Job, answer: Answer, start: int, stop: int) -> None:
        served = job.served
        try:
            if not job.infer and isinstance(served, Served):
                reply = served.predict_reply(answer, start, stop, id=job.id)
            else:
                reply = served.infer_reply(answer, start, stop, id=job.id, wanted=job.wanted)
        except Exception as error:  # an output that has no JSON form must not leave other clients waiting
            self._fail(job, _as_ours(error))
            return
        tally = job.tally
        tally.rows += stop - start
        tally.observe(time.perf_counter() - job.started)
        self._reply(job, reply)
        if job.shadow is not None:
            self.shadows.take(job.shadow, job.batch, job.id, job.time, job.context)

    def _fail(self, job: Job, error: HoldfastError) -> None:
        self._reply(job, error_reply(error))

    def _reply(self, job: Job, reply: Reply) -> None:
        self.in_flight -= 1
        job.tally.count(reply.status)
        job.answering(reply)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=True)
        self.shadows.close()


def _runs(jobs: list[Job]) -> list[Run]:
    """Group jobs that one run answers: same version, few rows each, of a model whose rows may be joined."""
    if len(jobs) == 1:
        return [Run(jobs[0].served, jobs)]
    runs: list[Run] = []
    open_runs: dict[AnyServed, tuple[Run, int]] = {}
    for job in jobs:
        n = job.batch.n
        if not job.served.joins or n > _JOINED_ROWS:
            runs.append(Run(job.served, [job]))
            continue
        run, rows = open_runs.get(job.served, (None, 0))
        if run is None or rows + n > 4 * _JOINED_ROWS:
            run, rows = Run(job.served, []), 0
            runs.append(run)
        run.jobs.append(job)
        open_runs[job.served] = run, rows + n
    return runs


def _as_ours(error: Exception) -> HoldfastError:
    if isinstance(error, HoldfastError):
        return error
    _logger.error("the model failed", exc_info=error)
    return ServeError(f"the model failed: {type(error).__name__}: {error}")


def _now(function: Callable[..., None], *args: Any) -> None:
    function(*args)


def _guarded(work: Callable[[], Any]) -> None:
    try:
        work()
    except Exception:
        _logger.exception("work in a thread failed")
