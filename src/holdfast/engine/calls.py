"""Calls: a step handed straight to an executor, without a pipeline, a cache or a record.

For whoever decides what to run next from what came back, as a search does; what comes of it is theirs to record.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from holdfast.engine._code import code_digest
from holdfast.engine._jobs import Job, Outcome
from holdfast.engine._values import seal, unseal
from holdfast.engine.executors import Executor, Stop
from holdfast.engine.steps import Step


def hand_in(
    executor: Executor, chosen: Step[..., Any], arguments: Mapping[str, Any], *, folder: Path, stop: Stop
) -> Future[Outcome]:
    """Hand a step to an executor.

    Parameters
    ----------
    executor
        Where it runs.
    chosen
        A step at the top of an importable module.
    arguments
        By name: plain data, arrays, frames, bytes.
    folder
        Where files among the arguments are written.
    stop
        Says whether it should be given up.
    """
    sealed = seal(dict(arguments), where=f"step {chosen.name!r}")
    job = Job(chosen.name, chosen, code_digest(chosen.function), sealed.data, (), folder)
    return executor.submit(job, stop)


def opened(outcome: Outcome, *, where: str, folder: Path) -> Any:
    """Open what came of a call.

    Raises
    ------
    StepFailed
        If the step raised an error, or its process ended; `StepTimeout` if it ran out of time.
    """
    if outcome.result is None:
        if outcome.failure is None:
            raise ValueError("an outcome without result and failure")
        raise outcome.failure.error(where, 1)
    return unseal(outcome.result.data, folder=folder)
