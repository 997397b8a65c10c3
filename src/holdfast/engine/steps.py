"""Steps: functions that the engine runs, caches, retries and isolates; and the handles that stand for their results."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, cast, overload

from holdfast.core.errors import InvalidValue, one_of
from holdfast.engine._values import Hole

if TYPE_CHECKING:
    from holdfast.engine.pipelines import Graph

P = ParamSpec("P")
R = TypeVar("R")

#: The graph that calls of steps are written into; None outside a pipeline, where a step is an ordinary function.
tracing: ContextVar[Graph | None] = ContextVar("holdfast_tracing", default=None)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an own process may use at most.

    Parameters
    ----------
    cpu_s
        Seconds of CPU time (``RLIMIT_CPU``); beyond it the process is ended by SIGXCPU.
    memory_mb
        Megabytes (10^6 bytes) of address space (``RLIMIT_AS``); beyond it memory is refused, which Python raises as
        MemoryError. Address space is more than memory in use: NumPy or Polars alone reserve hundreds of megabytes.
    """

    cpu_s: float | None = None
    memory_mb: float | None = None

    def __post_init__(self) -> None:
        """Check that a limit is positive."""
        for name, limit in (("cpu_s", self.cpu_s), ("memory_mb", self.memory_mb)):
            if limit is not None and not limit > 0:
                raise InvalidValue(f"{name}={limit}", expected="a positive number, or None for no limit")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a step is run; the arguments of `step`."""

    retries: int = 0
    backoff_s: float = 0.5
    timeout_s: float | None = None
    cache: bool = True
    version: str | None = None
    libraries: tuple[str, ...] = ()
    isolated: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Check the ranges."""
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise InvalidValue(f"retries={self.retries!r}", expected="a whole number from 0")
        if not 0 <= self.backoff_s < float("inf"):
            raise InvalidValue(f"backoff_s={self.backoff_s}", expected="seconds from 0")
        if self.timeout_s is not None and not 0 < self.timeout_s < float("inf"):
            raise InvalidValue(f"timeout_s={self.timeout_s}", expected="a positive number of seconds, or None")
        if isinstance(self.libraries, str):
            raise InvalidValue(f"libraries={self.libraries!r}", expected=f"a tuple, such as ({self.libraries!r},)")

    @property
    def own_process(self) -> bool:
        """Whether each call needs a process that can be ended: it is isolated, or has a time or resource limit."""
        return self.isolated or self.timeout_s is not None or self.limits != Limits()


class StepCall(Hole):
    """Handle of the result that a step will have; also of a part of it, as in ``call[0]`` or ``call["train"]``.

    Handles are arguments of other steps, also within lists and mappings, and what a pipeline returns. They have no
    value while the pipeline is traced, so a cycle cannot be written down.
    """

    __slots__ = ("graph", "node", "path")

    def __init__(self, graph: Graph, node: int, path: tuple[Any, ...] = ()) -> None:
        self.graph = graph
        self.node = node
        self.path = path

    def __getitem__(self, key: int | str) -> StepCall:
        if not isinstance(key, (int, str)):
            raise InvalidValue(f"part {key!r} of the result of {self!r}", expected="an index or a key")
        return StepCall(self.graph, self.node, (*self.path, key))

    def __repr__(self) -> str:
        """Name of the step and the path into its result."""
        return f"<result of {self.graph.nodes[self.node].label}{''.join(f'[{key!r}]' for key in self.path)}>"

    def _refused(self, what: str) -> InvalidValue:
        return InvalidValue(
            f"{self!r} {what} while the pipeline is traced",
            expected="the value looked at inside a step (call[0] for a part of it, step.map(call) for each item)",
        )

    def __iter__(self) -> NoReturn:
        raise self._refused("cannot be iterated")

    def __bool__(self) -> bool:
        raise self._refused("is neither true nor false")

    def __len__(self) -> int:
        raise self._refused("has no length")

    def __contains__(self, _: object) -> NoReturn:
        raise self._refused("cannot be searched")


class Step(Generic[P, R]):
    """A function that the engine can run. Called outside a pipeline it is the function that it was made from."""

    def __init__(self, function: Callable[P, R], settings: Settings) -> None:
        check_function(function, "step")
        self.function = function
        self.settings = settings
        update_wrapper(self, function)

    @property
    def __holdfast_function__(self) -> Callable[P, R]:
        """The function itself, for the digest of the code."""
        return self.function

    @property
    def name(self) -> str:
        """Name of the function, as it is shown."""
        return self.function.__name__

    @property
    def qualified_name(self) -> str:
        """Module and qualified name, as it is found again in another process."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @cached_property
    def signature(self) -> inspect.Signature:
        """Signature of the function."""
        return inspect.signature(self.function)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments by name, with the defaults filled in.

        Raises
        ------
        InvalidValue
            If an argument is missing, is one too many, or has a wrong name; suggests the nearest.
        """
        return bind(f"step {self.name!r}", self.signature, args, kwargs)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function; inside a pipeline, note the call and give the handle of its result."""
        graph = tracing.get()
        if graph is None:
            return self.function(*args, **kwargs)
        # A handle stands for the result while the pipeline is traced; for the type checker it is the result.
        return cast("R", graph.add(self, self.bind(args, kwargs)))

    def map(self, *columns: Iterable[Any], **fixed: Any) -> list[R]:
        """Call the step once per item (per row of items, for several columns); `fixed` arguments stay the same.

        Parameters
        ----------
        columns
            Lists of one length, or, inside a pipeline, one handle of a step whose result is a list: the calls are then
            made when that list is there.
        fixed
            Arguments by name that every call gets.

        Returns
        -------
        list
            The results in order; inside a pipeline their handles (one handle, of the whole list, for a handle).

        Raises
        ------
        InvalidValue
            If there is no column, or they differ in length.
        """
        for name in fixed:
            if name not in self.signature.parameters:
                bind(f"step {self.name!r}", self.signature, (), {name: None})
        graph = tracing.get()
        if graph is not None and any(isinstance(each, StepCall) for each in columns):
            return cast("list[R]", graph.add_map(self, columns, fixed))
        rows = self.rows([list(each) for each in columns])
        call = cast("Callable[..., R]", self)
        return [call(*row, **fixed) for row in rows]

    def rows(self, columns: list[list[Any]]) -> list[tuple[Any, ...]]:
        """Rows of items that a map calls the step with.

        Raises
        ------
        InvalidValue
            If there is no column, or they differ in length.
        """
        if not columns:
            raise InvalidValue(f"step {self.name!r} is mapped over nothing", expected="at least one list")
        if len({len(each) for each in columns}) > 1:
            lengths = ", ".join(str(len(each)) for each in columns)
            raise InvalidValue(f"step {self.name!r} is mapped over lists of {lengths} items", expected="one length")
        return list(zip(*columns, strict=True))

    def __get__(self, instance: object, owner: type | None = None) -> Step[P, R]:
        if instance is not None:
            raise InvalidValue(f"step {self.name!r} is called on an instance", expected="a function, not a method")
        return self

    def __repr__(self) -> str:
        """Name of the step."""
        return f"<step {self.qualified_name}>"


def check_function(function: object, what: str) -> None:
    """Check that a decorator was put on an ordinary function."""
    if not inspect.isfunction(function):
        raise InvalidValue(f"@{what} on a {type(function).__name__}", expected="a function (def)")
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        raise InvalidValue(
            f"@{what} on {function.__qualname__!r}", expected="a function that returns, not async, not yield"
        )


def bind(what: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name for a signature, with defaults; errors say the step and the nearest name."""
    endless = any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values())
    for name in kwargs:
        if name not in signature.parameters and not endless:
            raise InvalidValue(f"{what} has no argument {name!r}", expected=one_of(signature.parameters, name))
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidValue(f"{what}: {error}", expected=f"the arguments {signature}") from error
    bound.apply_defaults()
    return dict(bound.arguments)


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...


@overload
def step(
    *,
    retries: int = ...,
    backoff_s: float = ...,
    timeout_s: float | None = ...,
    cache: bool = ...,
    version: str | None = ...,
    libraries: tuple[str, ...] = ...,
    isolated: bool = ...,
    cpu_s: float | None = ...,
    memory_mb: float | None = ...,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...


def step(
    function: Callable[P, R] | None = None,
    /,
    *,
    retries: int = 0,
    backoff_s: float = 0.5,
    timeout_s: float | None = None,
    cache: bool = True,
    version: str | None = None,
    libraries: tuple[str, ...] = (),
    isolated: bool = False,
    cpu_s: float | None = None,
    memory_mb: float | None = None,
) -> Step[P, R] | Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function a step of pipelines; it stays callable as usual.

    Parameters
    ----------
    retries
        How often it is tried again after an error.
    backoff_s
        Seconds before the first retry; doubled for each further one, times a number drawn from [0.5, 1.5).
    timeout_s
        Seconds of wall time for one attempt, the import of its module in a new process included. A thread cannot be
        ended, so such a step runs in a process of its own.
    cache
        Whether a result may stand in for a later call with the same key. False for steps that act on the world, or
        whose answer depends on more than their arguments (time, a database).
    version
        Part of the key: change it when something that the digest of the code does not see has changed.
    libraries
        Names of installed distributions whose versions are part of the key, such as ``("lightgbm",)``.
    isolated
        Run each attempt in a new process, in its own process group, that is gone afterwards.
    cpu_s, memory_mb
        Limits of that process (see `Limits`); either one isolates the step.

    Raises
    ------
    InvalidValue
        If it is put on something else than a function, or a setting is out of range.

    Examples
    --------
    >>> @step(retries=2, version="1")
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(21)
    42
    """
    settings = Settings(
        retries=retries,
        backoff_s=backoff_s,
        timeout_s=timeout_s,
        cache=cache,
        version=version,
        libraries=libraries,
        isolated=isolated or cpu_s is not None or memory_mb is not None,
        limits=Limits(cpu_s, memory_mb),
    )

    def make(made: Callable[P, R]) -> Step[P, R]:
        return Step(made, settings)

    return make if function is None else make(function)
