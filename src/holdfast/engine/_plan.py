"""From a traced graph to tasks: sealed arguments, keys, and who waits for whom."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import canonical_json, digest_bytes
from holdfast.core.errors import InvalidValue
from holdfast.engine._code import code_digest
from holdfast.engine._values import Hole, Sealed, seal
from holdfast.engine.steps import Step, StepCall

if TYPE_CHECKING:
    from holdfast.engine.pipelines import Graph, Node

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(slots=True, eq=False)
class Task:
    """One call of a run.

    Parameters
    ----------
    label
        Name of the call.
    step
        The step.
    code
        Digest of its code.
    prefix
        What the key says of the step: name, code, version, libraries, Python.
    sealed
        Its arguments, with a hole for each result that it waits for.
    inputs
        Those it waits for, by the number of the hole.
    map
        Whether it is a map, which first becomes a call for each item and then gathers their results.
    """

    label: str
    step: Step[..., Any]
    code: str
    prefix: str
    sealed: Sealed
    inputs: tuple[Task, ...]
    map: bool = False
    key: str = ""
    output: str | None = None
    state: str = "waiting"
    attempts: int = 0
    seconds: float = 0.0
    redone: int = 0
    waits: int = 0
    users: int = 0
    dependents: list[Task] = field(default_factory=list)
    items: tuple[Task, ...] | None = None

    def find_key(self) -> str:
        """Key in the cache: code, version, libraries, Python, arguments and the digests of the inputs."""
        if not self.key:
            # Digests and one JSON text, joined: no two different calls give the same words.
            outputs = [str(each.output) for each in self.inputs]
            said = "\n".join((self.prefix, "map" if self.map else "call", self.sealed.digest, *outputs))
            self.key = digest_bytes(said.encode())
        return self.key


class Plan:
    """Tasks of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.codes: dict[int, tuple[str, str]] = {}
        self.tasks: list[Task] = []
        for node in graph.nodes:
            self.tasks.append(self._task(node))
        for task in self.tasks:
            connect(task, task.inputs)

    @property
    def digest(self) -> str:
        """Digest of the pipeline: its steps, their code, and how they hang together."""
        at = {id(task): index for index, task in enumerate(self.tasks)}
        calls = [
            [task.label, task.code, task.sealed.digest, [at[id(each)] for each in task.inputs]] for task in self.tasks
        ]
        return digest_bytes(canonical_json([self.graph.name, calls]))

    def code_of(self, step: Step[..., Any]) -> tuple[str, str]:
        """Digest of a step's code as it is when the run begins, and what keys say of the step."""
        found = self.codes.get(id(step))
        if found is None:
            code = code_digest(step.function)
            libraries = {name: library_version(name, step.name) for name in step.settings.libraries}
            said = [step.qualified_name, code, step.settings.version, libraries, _PYTHON]
            found = self.codes[id(step)] = (code, canonical_json(said).decode())
        return found

    def _task(self, node: Node) -> Task:
        inputs: list[Task] = []
        numbers: dict[int, int] = {}

        def hole(call: Hole) -> dict[str, Any]:
            # Only handles of this graph come here: `Graph.add` refused others.
            assert isinstance(call, StepCall)  # noqa: S101  # for the type checker
            number = numbers.get(call.node)
            if number is None:
                number = numbers[call.node] = len(inputs)
                inputs.append(self.tasks[call.node])
            return {"$": "in", "n": number, "p": list(call.path)}

        said = node.arguments if node.columns is None else {"columns": list(node.columns), "fixed": node.arguments}
        sealed = seal(said, where=f"step {node.label!r}", hole=hole)
        code, prefix = self.code_of(node.step)
        return Task(node.label, node.step, code, prefix, sealed, tuple(inputs), map=node.columns is not None)


def connect(task: Task, wanted: tuple[Task, ...]) -> None:
    """Count which of those that it wants a task waits for, and tell them so."""
    task.waits = sum(1 for each in wanted if each.output is None)
    for each in wanted:
        each.users += 1
        if each.output is None:
            each.dependents.append(task)


@cache
def library_version(name: str, step: str) -> str:
    """Version of an installed distribution.

    Raises
    ------
    InvalidValue
        If it is not installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError as error:
        raise InvalidValue(
            f"library {name!r} is not installed",
            where=f"step {step!r}",
            expected="the name of an installed distribution",
        ) from error
