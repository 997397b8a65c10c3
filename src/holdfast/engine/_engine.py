"""The engine: runs pipelines, from the cache where it can."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import digest_of, is_digest, iso
from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound
from holdfast.core.ports import Progress
from holdfast.engine._cache import Cache
from holdfast.engine._plan import Plan
from holdfast.engine._record import Recorder
from holdfast.engine._schedule import Scheduler
from holdfast.engine._stop import Stop
from holdfast.engine._values import seal, unseal
from holdfast.engine.executors import Executor, make_executor
from holdfast.engine.pipelines import Graph, Pipeline, single
from holdfast.engine.runs import Result, Run, StepRecord
from holdfast.engine.steps import Step

if TYPE_CHECKING:
    import numpy as np

    from holdfast.store import Store


class Engine:
    """Runs pipelines: in order of what they need, side by side where they can, and never twice what is in the cache.

    Parameters
    ----------
    store
        Journals the runs; the cache lies in its folder, under ``cache/steps``.
    executor
        ``local`` (threads of this process), ``processes`` (a pool of processes), ``ray`` (tasks of a Ray cluster;
        needs the extra ``ray``), or an `Executor` of your own. The same pipeline has the same keys and digests on all.
    workers
        Steps at a time.
    rng
        Draws the ids of runs that have no `key`; without one they are drawn by the operating system.

    Raises
    ------
    InvalidValue
        If there is no such executor, or `workers` is below 1.
    MissingExtra
        If the executor needs an extra that is not installed.

    Notes
    -----
    Every value between two steps goes through its sealed bytes, in one process too: a step cannot change what another
    one is given, and what runs locally runs in another process.
    """

    def __init__(
        self,
        store: Store,
        executor: str | Executor = "local",
        *,
        workers: int = 2,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.store = store
        self.executor = make_executor(executor, workers) if isinstance(executor, str) else executor
        self.rng = rng
        self.folder = Path(store.root) / "cache" / "steps"
        self.cache = Cache(self.folder)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give processes and files back. The engine takes them again when it is used."""
        self.executor.close()
        self.cache.close()

    def run(
        self,
        pipeline: Pipeline[..., Any] | Step[..., Any],
        params: Mapping[str, Any] | None = None,
        *,
        model: str | None = None,
        name: str | None = None,
        key: str | None = None,
        resume: str | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """Run a pipeline.

        Parameters
        ----------
        pipeline
            A function under `pipeline`, or a single step.
        params
            Its parameters by name; values that can pass between steps.
        model
            Name of the model that the run concerns, for the journal.
        name
            Name of the run; that of the pipeline where none is given.
        key
            Makes the run idempotent: a second run under the same name and key goes on where the first one ended, and
            does nothing when that one was done.
        resume
            Id of an earlier run of the same name and parameters to go on with, after a kill, a failure or a cancel.
            Steps whose results are there are skipped, also those that may not be cached.
        progress
            Told the share of steps that ended, and which.

        Returns
        -------
        Run
            Also when a step failed or the run was cancelled: see `state`. `value` then raises the error.

        Raises
        ------
        InvalidValue
            If `pipeline` is none, a parameter has a wrong name, or a step's argument has.
        Uncacheable
            If a parameter, or a constant argument of a step, cannot pass between steps.
        NotFound
            If there is no run to resume.
        StoreUnavailable
            If journal or cache cannot be written; what is in the cache is kept.
        KeyboardInterrupt
            If somebody interrupts; the run is journalled as cancelled first.
        """
        made = _pipeline_of(pipeline)
        graph = made.trace(dict(params or {}))
        called = name or made.name
        bound = seal(made.bind(dict(params or {})), where=f"pipeline {made.name!r}").digest
        run = self._run_id(called, bound, key=key, resume=resume)
        return self._go(graph, run, name=called, params=bound, model=model, key=key, progress=progress)

    def cancel(self, run: str) -> bool:
        """Ask a run to stop, from any thread or process with the same store.

        Steps in processes are ended; those in threads are waited for, and no further one begins. What is done stays
        in the cache, and the run can be resumed.

        Parameters
        ----------
        run
            Id of the run.

        Returns
        -------
        bool
            Whether it was still running, as far as the journal knows.

        Raises
        ------
        InvalidValue
            If `run` is no id.
        NotFound
            If the journal has no such run.
        """
        _check_id(run)
        if self.store.journal.by_key(f"run:{run}:started") is None:
            raise NotFound(f"no run {run}", expected="the id of a run that has begun")
        state = (self.store.state.get("run", run) or {}).get("state")
        if state in ("done", "failed", "cancelled"):
            return False
        flag = self._flag(run)
        flag.parent.mkdir(parents=True, exist_ok=True)
        flag.touch()
        return True

    def clear_cache(self) -> None:
        """Drop every cached result."""
        self.cache.clear()

    # ----------------------------------------------------------------------------------------------------------

    def _run_id(self, name: str, params: str, *, key: str | None, resume: str | None) -> str:
        if key is not None and resume is not None:
            raise InvalidValue("a key and a run to resume", expected="one of them")
        if key is not None:
            run = digest_of({"name": name, "key": key})
        elif resume is None:
            drawn = secrets.token_hex(16) if self.rng is None else self.rng.bytes(16).hex()
            return digest_of({"name": name, "params": params, "time": iso(self.store.clock()), "drawn": drawn})
        else:
            _check_id(resume)
            run = resume
        self._check_earlier(run, name, params, must=resume is not None)
        return run

    def _check_earlier(self, run: str, name: str, params: str, *, must: bool) -> None:
        started = self.store.journal.by_key(f"run:{run}:started")
        if started is None:
            if must:
                raise NotFound(f"no run {run}", expected="the id of a run that has begun")
            return
        for what, now in (("name", name), ("params", params)):
            if started.payload.get(what) != now:
                raise InvalidValue(
                    f"run {run[:12]} had another {what}: {started.payload.get(what)!r}, now {now!r}",
                    expected="the same pipeline with the same parameters",
                )

    def _flag(self, run: str) -> Path:
        return self.folder / "cancel" / run

    def _go(
        self,
        graph: Graph,
        run: str,
        *,
        name: str,
        params: str,
        model: str | None,
        key: str | None,
        progress: Progress | None,
        mend: bool = True,
    ) -> Run:
        began = time.perf_counter()
        plan = Plan(graph)
        recorder = Recorder(self.store, self.cache, run=run, model=model, executor=self.executor.name)
        opening = {"id": run, "name": name, "pipeline": plan.digest, "params": params, "model": model}
        resumed = self.store.journal.by_key(f"run:{run}:started") is not None
        recorder.open({**opening, "executor": self.executor.name, "key": key, "resumed": resumed})
        stop = Stop(self._flag(run))
        stop.clear()
        scheduler = Scheduler(
            plan,
            run,
            executor=self.executor,
            cache=self.cache,
            recorder=recorder,
            folder=self.folder / "opened",
            stop=stop,
            progress=progress,
        )
        state = "failed"
        try:
            state = scheduler.run()
        except KeyboardInterrupt:
            state = "cancelled"
            raise
        finally:
            stop.clear()
            recorder.close(state=state, seconds=time.perf_counter() - began, steps=scheduler.records)

        def again() -> Run:
            return self._go(graph, run, name=name, params=params, model=model, key=key, progress=progress, mend=False)

        results = {
            record.name: Result(record.output, self._loader(record, scheduler.entries[record.name], again, mend=mend))
            for record in scheduler.records
            if record.output is not None
        }
        steps = tuple(scheduler.records)
        return Run(run, name, state, steps, results, error=scheduler.error, returned=graph.returned)

    def _loader(self, record: StepRecord, entry: str, again: Any, *, mend: bool) -> Any:
        digest = record.output or ""

        def load() -> Any:
            try:
                return unseal(self.cache.load(digest), folder=self.folder / "opened")
            except DigestMismatch:
                if not mend:
                    raise
            # Lost or changed since: forget it, and make it again.
            self.cache.forget(entry, digest)
            return again().results[record.name].value

        return load


def _pipeline_of(pipeline: object) -> Pipeline[..., Any]:
    if isinstance(pipeline, Pipeline):
        return pipeline
    if isinstance(pipeline, Step):
        return single(pipeline)
    raise InvalidValue(f"a {type(pipeline).__name__} cannot be run", expected="a function under @pipeline or @step")


def _check_id(run: object) -> None:
    if not is_digest(run):
        raise InvalidValue(f"{run!r} is no id of a run", expected="64 hexadecimal digits")
