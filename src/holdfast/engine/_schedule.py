"""The scheduler: one loop in the calling thread that decides what runs next."""

from __future__ import annotations

import heapq
import itertools
import queue
import random
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from holdfast.core.errors import Cancelled, DigestMismatch, HoldfastError, InvalidValue
from holdfast.core.ports import Progress
from holdfast.engine._cache import Cache, Entry
from holdfast.engine._jobs import Failure, Job, Outcome
from holdfast.engine._plan import Plan, Task, connect
from holdfast.engine._record import Recorder
from holdfast.engine._stop import Stop
from holdfast.engine._values import Sealed, pick, seal, unseal
from holdfast.engine.executors import Executor
from holdfast.engine.runs import StepRecord
from holdfast.engine.steps import Settings, bind

_TICK_S = 0.1
_MOST_REDONE = 3


def backoff_s(settings: Settings, *, attempt: int, rng: random.Random) -> float:
    """Seconds to wait after a failed attempt (1, 2, ...): exponential, with jitter from [0.5, 1.5).

    Examples
    --------
    >>> 2.0 <= backoff_s(Settings(retries=3, backoff_s=1.0), attempt=3, rng=random.Random(0)) < 6.0
    True
    """
    return settings.backoff_s * 2.0 ** min(attempt - 1, 30) * (0.5 + rng.random())


class Scheduler:
    """Runs the tasks of one run.

    Parameters
    ----------
    plan
        The tasks.
    run
        Id of the run; seeds the jitter.
    executor, cache, recorder
        Where steps run, where results lie, what writes the events.
    folder
        Where files among the arguments are written.
    stop
        Says whether the run was cancelled.
    progress
        Told the share of steps that ended, and which.
    """

    def __init__(
        self,
        plan: Plan,
        run: str,
        *,
        executor: Executor,
        cache: Cache,
        recorder: Recorder,
        folder: Path,
        stop: Stop,
        progress: Progress | None,
    ) -> None:
        self.plan = plan
        self.run_id = run
        self.executor = executor
        self.cache = cache
        self.recorder = recorder
        self.folder = folder
        self.stop = stop
        self.progress = progress
        self.rng = random.Random(int(run[:16], 16))  # jitter, no secret
        self.tasks = list(plan.tasks)
        self.ready: deque[Task] = deque(task for task in self.tasks if not task.waits)
        self.later: list[tuple[float, int, Task]] = []
        self.order = itertools.count()
        self.running: dict[Future[Outcome], Task] = {}
        self.ended: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()
        self.leaders: dict[str, list[Task]] = {}
        self.payloads: dict[str, bytes] = {}
        self.records: list[StepRecord] = []
        self.entries: dict[str, str] = {}
        self.error: HoldfastError | None = None
        self.cancelled = False

    def run(self) -> str:
        """Run everything that can run; the state of the run."""
        try:
            while not self._over():
                self._step()
        except BaseException:
            self._abandon()
            raise
        self._close_records()
        return "failed" if self.error is not None else "cancelled" if self.cancelled else "done"

    def _over(self) -> bool:
        if self.cancelled or self.stop():
            self.cancelled = True
            return not self.running
        return not (self.ready or self.later or self.running)

    def _step(self) -> None:
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            self.ready.append(heapq.heappop(self.later)[2])
        if self.ready and not self.cancelled and len(self.running) < self.executor.slots:
            self._start(self.ready.popleft())
        elif self.running or self.later:
            self._wait(now)

    def _wait(self, now: float) -> None:
        wait = _TICK_S if not self.later else min(_TICK_S, max(self.later[0][0] - now, 0.0))
        if not self.running:
            # Only a back-off is waited for; a cancel is seen at the next tick.
            time.sleep(wait)
            return
        try:
            future = self.ended.get(timeout=wait)
        except queue.Empty:
            return
        self._take(self.running.pop(future), future.result())

    def _abandon(self) -> None:
        self.cancelled = True
        self.stop.ask()
        while self.running:
            future = self.ended.get()
            self.running.pop(future)
        self._close_records()

    # One task -------------------------------------------------------------------------------------------------

    def _start(self, task: Task) -> None:
        if task.items is not None:
            self._gather(task)
            return
        key = task.find_key()
        leader = self.leaders.get(key)
        if leader is not None and leader[0] is not task and task.step.settings.cache:
            # The same call is under way: wait for its result.
            leader.append(task)
            return
        found = None if task.attempts else self._lookup(task)
        if found is not None:
            self._found(task, found)
            return
        inputs = self._load_all(task, task.inputs)
        if inputs is None:
            task.key = ""
            return
        if task.map:
            self._spread(task, inputs)
            return
        self.leaders.setdefault(key, [task])
        self._execute(task, inputs)

    def _execute(self, task: Task, inputs: tuple[bytes, ...]) -> None:
        self.recorder.begin()
        task.attempts += 1
        job = Job(task.label, task.step, task.code, task.sealed.data, inputs, self.folder)
        alone = not (self.ready or self.later or self.running)
        outcome = self.executor.run_here(job, self.stop) if alone else None
        if outcome is not None:
            self._take(task, outcome)
            return
        future = self.executor.submit(job, self.stop)
        self.running[future] = task
        future.add_done_callback(self.ended.put)

    def _lookup(self, task: Task) -> Entry | None:
        return self.cache.find(self._entry(task))

    def _entry(self, task: Task) -> str:
        # What may not be cached is kept for its own run, which may be resumed.
        if task.step.settings.cache:
            return task.key
        return f"{self.run_id}:{task.label}:{task.key}"

    def _load_all(self, task: Task, wanted: tuple[Task, ...]) -> tuple[bytes, ...] | None:
        """Sealed results; None when one of them was lost and has to be made again before `task` can go on."""
        found: list[bytes] = []
        lost: list[Task] = []
        for each in wanted:
            try:
                found.append(self._payload(each))
            except DigestMismatch:
                lost.append(each)
        for each in lost:
            self._redo(each)
        if lost:
            connect(task, wanted)
            return None
        return tuple(found)

    def _payload(self, task: Task) -> bytes:
        digest = task.output or ""
        data = self.payloads.get(digest)
        return data if data is not None else self.cache.load(digest)

    def _redo(self, task: Task) -> None:
        if task.output is None:
            return
        if task.redone >= _MOST_REDONE:
            raise DigestMismatch(
                f"the result of step {task.label!r} was lost {_MOST_REDONE} times",
                expected="a cache that keeps what it is given",
            )
        self.cache.forget(self._entry(task), task.output)
        task.redone += 1
        task.output, task.state, task.attempts, task.items = None, "waiting", 0, None
        self.records = [each for each in self.records if each.name != task.label]
        task.dependents.clear()
        connect(task, task.inputs)
        if not task.waits:
            self.ready.append(task)

    # Maps -----------------------------------------------------------------------------------------------------

    def _spread(self, task: Task, inputs: tuple[bytes, ...]) -> None:
        """Turn a map into a call for each item."""
        try:
            items = self._items(task, inputs)
        except HoldfastError as error:
            self._fail(task, error)
            return
        task.items = tuple(items)
        connect(task, task.items)
        self.tasks.extend(items)
        self.ready.extend(items or (task,))

    def _items(self, task: Task, inputs: tuple[bytes, ...]) -> list[Task]:
        values = [unseal(data, folder=self.folder) for data in inputs]

        def fill(tree: Mapping[str, Any]) -> Any:
            return pick(values[tree["n"]], tree["p"])

        said = unseal(task.sealed.data, folder=self.folder, hole=fill)
        for column in said["columns"]:
            if not isinstance(column, (list, tuple)):
                raise InvalidValue(
                    f"a map over a {type(column).__name__}", where=f"step {task.label!r}", expected="a list"
                )
        rows = task.step.rows([list(column) for column in said["columns"]])  # of the same package
        name = task.label.removesuffix(".map")
        made: list[Task] = []
        for index, row in enumerate(rows):
            arguments = bind(f"step {task.step.name!r}", task.step.signature, row, said["fixed"])
            sealed = seal(arguments, where=f"step {task.label!r}")
            made.append(Task(f"{name}[{index}]", task.step, task.code, task.prefix, sealed, ()))
        return made

    def _gather(self, task: Task) -> None:
        """Make one list of the results of a map's calls."""
        found = self._load_all(task, task.items or ())
        if found is None:
            return
        values = [unseal(data, folder=self.folder) for data in found]
        self._keep(task, seal(values, where=f"step {task.label!r}"))

    # What came of it ------------------------------------------------------------------------------------------

    def _take(self, task: Task, outcome: Outcome) -> None:
        task.seconds = outcome.seconds
        if outcome.result is not None:
            self._keep(task, outcome.result)
            return
        failure = outcome.failure or Failure("StepFailed", "no result and no reason")
        if failure.kind == Cancelled.__name__ and self.stop():
            self.cancelled = True
            task.state = "cancelled"
            return
        if failure.retry and task.attempts <= task.step.settings.retries:
            wait = backoff_s(task.step.settings, attempt=task.attempts, rng=self.rng)
            heapq.heappush(self.later, (time.monotonic() + wait, next(self.order), task))
            return
        self._fail(task, failure.error(f"step {task.label!r}", task.attempts))

    def _keep(self, task: Task, result: Sealed) -> None:
        entry = self._entry(task)
        self.cache.put(entry, result, run=self.run_id)
        if task.dependents:
            self.payloads[result.digest] = result.data
        self._end(task, "done", result.digest)
        self.recorder.step(self.records[-1], entry=entry)
        self._release(task)

    def _found(self, task: Task, entry: Entry) -> None:
        self._end(task, "cached", entry.digest)
        if not entry.recorded:
            self.recorder.step(self.records[-1], entry=self._entry(task))

    def _release(self, task: Task) -> None:
        for each in self.leaders.pop(task.key, ()):
            if each is not task:
                self.ready.appendleft(each)

    def _end(self, task: Task, state: str, output: str) -> None:
        task.output, task.state = output, state
        self.records.append(self._record(task))
        self.entries[task.label] = self._entry(task)
        for dependent in task.dependents:
            dependent.waits -= 1
            if dependent.waits == 0:
                self.ready.append(dependent)
        for each in task.items or task.inputs:
            each.users -= 1
            if each.users <= 0:
                self.payloads.pop(each.output or "", None)
        self._tell(task)

    def _fail(self, task: Task, error: HoldfastError) -> None:
        self.error = self.error or error
        for each in self.leaders.pop(task.key, [task]):
            each.state = "failed"
            each.attempts = task.attempts
            self.records.append(self._record(each, error=str(error)))
            self.recorder.step(self.records[-1], entry=None)
            self._tell(each)

    def _record(self, task: Task, *, error: str | None = None) -> StepRecord:
        inputs = tuple(str(each.output) for each in (task.items or task.inputs) if each.output is not None)
        return StepRecord(task.label, task.key, task.state, task.seconds, task.attempts, inputs, task.output, error)

    def _tell(self, task: Task) -> None:
        if self.progress is not None:
            self.progress(min(len(self.records) / len(self.tasks), 1.0), f"{task.label}: {task.state}")

    def _close_records(self) -> None:
        told = {record.name for record in self.records}
        state = "cancelled" if self.cancelled else "skipped"
        for task in self.tasks:
            if task.label not in told:
                task.state = state
                self.records.append(self._record(task))
