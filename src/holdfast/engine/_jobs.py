"""A job: one attempt of one step, as bytes that any process can carry out; and what comes of it."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.core import errors
from holdfast.core.errors import HoldfastError, StepFailed, StepTimeout, Uncacheable
from holdfast.engine._values import Sealed, pick, seal, unseal
from holdfast.engine.steps import Step


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of one step.

    Parameters
    ----------
    label
        Name of the call, for errors.
    step
        The step, for executors in this process.
    code
        Digest of the step's code as this process has it.
    arguments
        Sealed mapping of the arguments by name, with holes for results of other steps.
    inputs
        Sealed results, by the number of their hole.
    folder
        Where files among the arguments are written.
    """

    label: str
    step: Step[..., Any]
    code: str
    arguments: bytes
    inputs: tuple[bytes, ...]
    folder: Path

    @property
    def where(self) -> str:
        """The step, for errors."""
        return f"step {self.label!r}"


#: Kinds of failure that are no exception of a step.
ENDED = "ProcessEnded"
STALE = "StaleCode"


class StaleCode(StepFailed):
    """The code of a step in this process is not what the caller has."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as plain data.

    Parameters
    ----------
    kind
        Name of the exception's class.
    message
        What it said.
    detail
        Arguments of a `HoldfastError` (message, where, expected), so that it reaches the caller whole.
    trace
        Traceback, as text.
    retry
        Whether trying again could help.
    timeout
        Whether it ran out of time.
    """

    kind: str
    message: str
    detail: Mapping[str, str | None] = field(default_factory=dict)
    trace: str = ""
    retry: bool = True
    timeout: bool = False

    @classmethod
    def of(cls, error: BaseException, *, retry: bool = True) -> Failure:
        """Failure for an exception; no `retry` where trying again cannot help."""
        detail: dict[str, str | None] = {}
        if isinstance(error, HoldfastError):
            detail = {"message": error.message, "where": error.where, "expected": error.expected}
        text = "".join(traceback.format_exception(error))
        return cls(type(error).__name__, str(error), detail, text, retry=retry and not isinstance(error, Uncacheable))

    def error(self, where: str, attempts: int) -> HoldfastError:
        """Error for the caller; its cause is the original, where it was one of Holdfast's."""
        tries = f" (tried {attempts} times)" if attempts > 1 else ""
        if self.timeout:
            return StepTimeout(f"{self.message}{tries}", where=where, expected="an answer within timeout_s")
        original = self._original()
        if isinstance(original, Uncacheable):
            return original
        # That a process ended is no exception with a name; its message says it all.
        said = ": ".join(each for each in (self.kind if self.kind != ENDED else "", self.message) if each)
        made = StepFailed(f"{said}{tries}", where=where, expected="a step that returns (the traceback is in the notes)")
        made.__cause__ = original
        if self.trace:
            made.add_note(self.trace)
        return made

    def _original(self) -> HoldfastError | None:
        kind = getattr(errors, self.kind, None)
        if not self.detail or not (isinstance(kind, type) and issubclass(kind, HoldfastError)):
            return None
        return kind(str(self.detail["message"]), where=self.detail["where"], expected=self.detail["expected"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: a result or a failure, and the seconds that it took."""

    result: Sealed | None
    failure: Failure | None
    seconds: float


def call(function: Callable[..., Any], signature: inspect.Signature, job: Job | Request) -> Sealed:
    """Open the arguments, call the function, seal what it returns."""
    opened: dict[int, Any] = {}

    def fill(tree: Mapping[str, Any]) -> Any:
        number = tree["n"]
        # Two handles of one result are one object for the step, as they would be in plain Python.
        if number not in opened:
            opened[number] = unseal(job.inputs[number], folder=job.folder)
        return pick(opened[number], tree["p"])

    arguments = unseal(job.arguments, folder=job.folder, hole=fill)
    bound = inspect.BoundArguments(signature, arguments)
    return seal(function(*bound.args, **bound.kwargs), where=job.where)


def attempt(function: Callable[..., Any], signature: inspect.Signature, job: Job | Request) -> Outcome:
    """Carry out a job in this process.

    Raises
    ------
    KeyboardInterrupt
        If somebody asked for the end.
    """
    began = time.perf_counter()
    try:
        result = call(function, signature, job)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a step raises, SystemExit included, is its failure
        return Outcome(None, Failure.of(error), time.perf_counter() - began)
    return Outcome(result, None, time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Request:
    """A job as it stands in another process, where the step is found by module and qualified name."""

    label: str
    module: str
    qualname: str
    code: str
    arguments: bytes
    inputs: Sequence[bytes]
    folder: Path

    @property
    def where(self) -> str:
        """The step, for errors."""
        return f"step {self.label!r}"

    @classmethod
    def of(cls, job: Job) -> Request:
        """Request for a job.

        Raises
        ------
        StepFailed
            If the step's function cannot be found from another process.
        """
        function = job.step.function
        why = unreachable(function)
        if why is not None:
            raise StepFailed(
                f"{job.step.qualified_name} cannot run in another process: {why}",
                where=job.where,
                expected="a function at the top of an importable module",
            )
        return cls(
            job.label, function.__module__, function.__qualname__, job.code, job.arguments, job.inputs, job.folder
        )


@cache
def _first_digest(function: Callable[..., Any]) -> str:
    # Of the first look in this process: what a step itself keeps in its module does not make it another step.
    from holdfast.engine._code import code_digest

    return code_digest(function)


def unreachable(function: Callable[..., Any]) -> str | None:
    """Why another process cannot import a function; None when it can be tried."""
    if function.__module__ == "__main__":
        return "it stands in the script that was started (__main__)"
    if "<" in function.__qualname__:
        return "it is defined inside another function"
    return None


def find(request: Request) -> Step[..., Any]:
    """Import the step that a request names.

    Raises
    ------
    StepFailed
        If there is none, or its code is not what the caller has.
    """
    import importlib

    name = f"{request.module}:{request.qualname}"
    try:
        found: Any = importlib.import_module(request.module)
        for part in request.qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise StepFailed(
            f"{name} cannot be imported in another process: {error}",
            where=request.where,
            expected="a function at the top of an importable module",
        ) from error
    if not isinstance(found, Step):
        raise StepFailed(f"{name} is a {type(found).__name__}", where=request.where, expected="a function under @step")
    if _first_digest(found.function) != request.code:
        raise StaleCode(
            f"the code of {name}, or a value that it uses, is another in the new process",
            where=request.where,
            expected="module-level values that no one changes, and a restart after the file was edited",
        )
    return found
