"""Executors: where steps run. Each takes the same jobs and gives the same results, byte for byte."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from holdfast.core.errors import HoldfastError, InvalidValue, one_of
from holdfast.engine import _processes
from holdfast.engine._jobs import STALE, Failure, Job, Outcome, Request, attempt
from holdfast.engine._threads import Threads
from holdfast.engine.steps import Limits, Settings

EXECUTORS = ("local", "processes", "ray")

Stop = Callable[[], bool]
"""Says whether a job should be given up."""


class Executor(Protocol):
    """Something that carries jobs out."""

    @property
    def name(self) -> str:
        """Name in records."""
        ...

    @property
    def slots(self) -> int:
        """How many jobs it takes at a time."""
        ...

    def run_here(self, job: Job, stop: Stop) -> Outcome | None:
        """Carry a job out in the calling thread, while nothing else could run; None when it does not do that."""
        ...

    def submit(self, job: Job, stop: Stop) -> Future[Outcome]:
        """Start a job."""
        ...

    def close(self) -> None:
        """Give everything back that it holds."""
        ...


def make_executor(name: str, workers: int) -> Executor:
    """Executor of that name.

    Raises
    ------
    InvalidValue
        If there is none of that name, or `workers` is below 1.
    MissingExtra
        If it needs an extra that is not installed.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InvalidValue(f"workers={workers!r}", expected="a whole number from 1")
    if name == "local":
        return LocalExecutor(workers)
    if name == "processes":
        return ProcessExecutor(workers)
    if name == "ray":
        from holdfast.engine.on_ray import RayExecutor

        return RayExecutor(workers=workers)
    raise InvalidValue(f"executor {name!r}", expected=one_of(EXECUTORS, name))


class LocalExecutor:
    """Steps run in threads of this process, or in the calling one while nothing else could run.

    A step that is isolated, or has a time or resource limit, runs in a process of its own: a thread cannot be ended.
    """

    name = "local"

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self._threads = Threads(workers)

    def run_here(self, job: Job, stop: Stop) -> Outcome | None:
        """Carry a job out in the calling thread."""
        return self._run(job, stop)

    def submit(self, job: Job, stop: Stop) -> Future[Outcome]:
        """Start a job in a thread."""
        return self._threads.submit(self._run, job, stop)

    def _run(self, job: Job, stop: Stop) -> Outcome:
        settings = job.step.settings
        if not settings.own_process:
            return attempt(job.step.function, job.step.signature, job)
        try:
            request = Request.of(job)
        except HoldfastError as error:
            return Outcome(None, Failure.of(error, retry=False), 0.0)
        return _processes.run_isolated(request, settings, stop)

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.close()


class ProcessExecutor:
    """Steps run in a pool of processes that are kept for the next job; isolated ones in a process of their own.

    A process that ends in a job (a signal, ``os._exit``, no memory) fails that attempt and is replaced.
    """

    name = "processes"

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self._threads = Threads(workers)
        self._idle: queue.LifoQueue[_processes.Worker] = queue.LifoQueue()

    def run_here(self, job: Job, stop: Stop) -> Outcome | None:
        """Carry a job out, and wait for it in the calling thread."""
        return self._run(job, stop)

    def submit(self, job: Job, stop: Stop) -> Future[Outcome]:
        """Start a job in a process."""
        return self._threads.submit(self._run, job, stop)

    def _run(self, job: Job, stop: Stop) -> Outcome:
        settings = job.step.settings
        try:
            request = Request.of(job)
        except HoldfastError as error:
            return Outcome(None, Failure.of(error, retry=False), 0.0)
        if settings.isolated:
            return _processes.run_isolated(request, settings, stop)
        outcome = self._in_worker(self._take(), request, settings, stop)
        if _stale(outcome):
            # A process that was kept may hold an older state of the module than this one; a new one does not.
            outcome = self._in_worker(_processes.Worker(Limits()), request, settings, stop)
        return outcome

    def _in_worker(self, worker: _processes.Worker, request: Request, settings: Settings, stop: Stop) -> Outcome:
        usable = False
        try:
            outcome, usable = _processes.run_in(worker, request, settings.timeout_s, stop)
        finally:
            if usable and not _stale(outcome):
                self._idle.put(worker)
            else:
                worker.kill()
                worker.close()
        return outcome

    def _take(self) -> _processes.Worker:
        while True:
            try:
                worker = self._idle.get_nowait()
            except queue.Empty:
                return _processes.Worker(Limits())
            if worker.fresh:
                return worker
            worker.close()

    def close(self) -> None:
        """Wait for the threads, and let the processes end."""
        self._threads.close()
        while not self._idle.empty():
            self._idle.get_nowait().close()


def _stale(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.kind == STALE
