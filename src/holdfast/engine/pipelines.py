"""Pipelines: functions that are traced into a graph of step calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from holdfast.core.errors import InvalidValue
from holdfast.engine.steps import Step, StepCall, bind, check_function, tracing

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class Node:
    """One call in a graph.

    Parameters
    ----------
    id
        Its place in the graph; a call only refers to calls before it.
    label
        Name of the step, with ``#2``, ``#3`` for a second and third call.
    step
        The step.
    arguments
        By name; handles stand for results.
    columns
        For a map: what it goes over. None for a plain call.
    """

    id: int
    label: str
    step: Step[..., Any]
    arguments: dict[str, Any]
    columns: tuple[Any, ...] | None = None


@dataclass(slots=True)
class Graph:
    """Step calls in the order in which they were written, and what the pipeline returns."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    returned: Any = None
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, step: Step[..., Any], arguments: dict[str, Any]) -> StepCall:
        """Note a call; its handle."""
        return self._append(step, step.name, arguments, None)

    def add_map(self, step: Step[..., Any], columns: Iterable[Any], fixed: dict[str, Any]) -> StepCall:
        """Note calls that are made when the lists they go over are there; the handle of the list of their results."""
        return self._append(step, f"{step.name}.map", dict(fixed), tuple(columns))

    def _append(
        self, step: Step[..., Any], name: str, arguments: dict[str, Any], columns: tuple[Any, ...] | None
    ) -> StepCall:
        count = self._counts[name] = self._counts.get(name, 0) + 1
        node = Node(len(self.nodes), name if count == 1 else f"{name}#{count}", step, arguments, columns)
        for call in calls_in((arguments, columns)):
            if call.graph is not self:
                raise InvalidValue(
                    f"{call!r} is passed to {node.label!r} of another pipeline", expected="a handle of this one"
                )
        self.nodes.append(node)
        return StepCall(self, node.id)


def calls_in(value: Any) -> Iterable[StepCall]:
    """List the handles in a value, also in lists, tuples and mappings."""
    if isinstance(value, StepCall):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from calls_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from calls_in(each)


class Pipeline(Generic[P, R]):
    """A function that calls steps. `Engine.run` traces it; called as usual it runs the steps as functions."""

    def __init__(self, function: Callable[P, R]) -> None:
        check_function(function, "pipeline")
        self.function = function
        update_wrapper(self, function)

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.function.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function: inside another pipeline its calls join that one's graph."""
        return self.function(*args, **kwargs)

    def bind(self, params: dict[str, Any]) -> dict[str, Any]:
        """Parameters by name, with defaults.

        Raises
        ------
        InvalidValue
            If one is missing or has a wrong name; suggests the nearest.
        """
        return bind(f"pipeline {self.name!r}", inspect.signature(self.function), (), params)

    def trace(self, params: dict[str, Any]) -> Graph:
        """Graph of the step calls that the function makes with these parameters; no step runs."""
        graph = Graph(self.name)
        call = inspect.BoundArguments(inspect.signature(self.function), self.bind(params))
        token = tracing.set(graph)
        try:
            graph.returned = self.function(*call.args, **call.kwargs)
        finally:
            tracing.reset(token)
        return graph

    def __repr__(self) -> str:
        """Name of the pipeline."""
        return f"<pipeline {self.function.__module__}:{self.function.__qualname__}>"


def pipeline(function: Callable[P, R], /) -> Pipeline[P, R]:
    """Make a function a pipeline: the steps that it calls become a graph, and `Engine.run` runs it.

    Raises
    ------
    InvalidValue
        If it is put on something else than a function.

    Examples
    --------
    >>> from holdfast.engine import step
    >>> @step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @pipeline
    ... def twice(x: int) -> int:
    ...     return double(double(x))
    >>> [node.label for node in twice.trace({"x": 1}).nodes]
    ['double', 'double#2']
    """
    return Pipeline(function)


def single(step: Step[..., Any]) -> Pipeline[..., Any]:
    """Pipeline of one step, with the step's own parameters."""
    made: Pipeline[..., Any] = Pipeline.__new__(Pipeline)
    made.function = step
    update_wrapper(made, step.function)
    return made
