"""What a run gives back: its records, and results that are loaded when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.errors import Cancelled, HoldfastError, StepFailed
from holdfast.engine._values import pick
from holdfast.engine.steps import StepCall

STATES = ("done", "cached", "failed", "skipped", "cancelled")


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a run.

    Parameters
    ----------
    name
        Name of the call; ``#2`` marks a second one, ``[0]`` an item of a map.
    key
        Key in the cache; empty for a step that was never reached.
    state
        ``done`` (it ran), ``cached`` (its result was there), ``failed``, ``skipped`` (something before it failed),
        ``cancelled`` (the run was ended before it ran).
    seconds
        Time of its last attempt.
    attempts
        How often it was tried in this run.
    inputs
        Digests of the results that it was given.
    output
        Digest of its result; None when it has none.
    error
        What went wrong, in one line.
    """

    name: str
    key: str
    state: str
    seconds: float = 0.0
    attempts: int = 0
    inputs: tuple[str, ...] = ()
    output: str | None = None
    error: str | None = None


class Result:
    """A step's result by its digest; the value is loaded, and verified, when it is asked for."""

    __slots__ = ("_load", "digest")

    def __init__(self, digest: str, load: Callable[[], Any]) -> None:
        self.digest = digest
        self._load = load

    @property
    def value(self) -> Any:
        """The value: a fresh copy each time."""
        return self._load()

    def __repr__(self) -> str:
        """Digest, shortened."""
        return f"Result({self.digest[:12]})"


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a pipeline.

    Parameters
    ----------
    id
        Its id, a digest.
    name
        Name that it was run under.
    state
        ``done``, ``failed`` or ``cancelled``.
    steps
        A record for each step, in the order in which they ended.
    results
        Results by the name of the call, of the steps that have one.
    error
        The first error, or None.
    returned
        What the pipeline returned, with handles in it; `value` has the values.
    """

    id: str
    name: str
    state: str
    steps: tuple[StepRecord, ...]
    results: Mapping[str, Result] = field(repr=False)
    error: HoldfastError | None = None
    returned: Any = field(default=None, repr=False)

    @property
    def value(self) -> Any:
        """What the pipeline returned, with the values of its steps.

        Raises
        ------
        StepFailed
            If a step failed: `error`, with the step's own error as its cause.
        StepTimeout
            If a step took too long.
        Uncacheable
            If a step returned what cannot pass between steps.
        Cancelled
            If the run was cancelled.
        """
        if self.error is not None:
            raise self.error
        if self.state != "done":
            raise Cancelled(f"run {self.id[:12]} was cancelled", where=f"pipeline {self.name!r}")
        return self._filled(self.returned)

    def step(self, name: str) -> StepRecord:
        """Record of the call of that name.

        Raises
        ------
        StepFailed
            If the run has none.
        """
        from holdfast.core.errors import one_of

        for record in self.steps:
            if record.name == name:
                return record
        names = [record.name for record in self.steps]
        raise StepFailed(f"run {self.id[:12]} has no step {name!r}", expected=one_of(names, name))

    def _filled(self, tree: Any) -> Any:
        if isinstance(tree, StepCall):
            return pick(self.results[tree.graph.nodes[tree.node].label].value, tree.path)
        if isinstance(tree, dict):
            return {key: self._filled(each) for key, each in tree.items()}
        if type(tree) in (list, tuple):
            return type(tree)(self._filled(each) for each in tree)
        return tree
