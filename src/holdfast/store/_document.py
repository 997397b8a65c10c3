"""A YAML document from outside: read within limits, with the place of each of its values for errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import yaml

from holdfast.core.errors import ContractError, InvalidValue, MalformedContract, UnknownField, one_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_BYTES = 1_000_000
MAX_DEPTH = 32

#: YAML reads 1:30:00 as a number to the base 60, in quadratic time.
MAX_NUMBER = 1_000
_NUMBER = re.compile(r"[-+0-9._:]+")

Place = tuple[str | int, ...]
Fields = Callable[[Place], list[str]]


class Document:
    """A YAML document with the place of each of its values."""

    def __init__(self, name: str, content: Any, places: dict[Place, tuple[int, int]]) -> None:
        self.name = name
        self.content = content
        self.places = places

    @classmethod
    def of(cls, data: bytes, name: str) -> Document:
        text = _text(data, name)
        try:
            _check_events(text, name)
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            content = yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
            raise MalformedContract(f"not YAML: {error.problem or error.context}", where=place) from None
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
            raise MalformedContract(f"not YAML: {str(error).splitlines()[0]}", where=name) from None
        if not isinstance(node, yaml.MappingNode):
            raise MalformedContract(
                "not a mapping", where=f"{name}:1:1", expected="fields such as model: and promises:"
            )
        return cls(name, content, dict(_places(node, (), name)))

    def where(self, path: Place) -> str:
        """File, line, column and field of a value (or of the nearest one around it)."""
        line, column = next(
            (self.places[path[:k]] for k in range(len(path), -1, -1) if path[:k] in self.places), (1, 1)
        )
        return f"{self.name}:{line}:{column}: {_field(path)}" if path else f"{self.name}:{line}:{column}"

    def line(self, path: Place) -> int:
        """Line of a value, from 1."""
        return self.places.get(path, (1, 1))[0]

    def error(self, problems: list[ErrorDetails], fields: Fields) -> ContractError:
        """The first problem, as an error of ours; `fields` gives the names that could stand at a place."""
        problem = _telling(problems)
        path = tuple(each for each in problem["loc"] if (*(), each) and not _is_branch(each))
        kind, context = problem["type"], problem.get("ctx", {})
        if kind == "extra_forbidden":
            word = str(path[-1])
            return UnknownField(f"unknown field {word!r}", where=self.where(path), expected=one_of(fields(path), word))
        if kind == "missing":
            return InvalidValue(
                f"field {path[-1]!r} is missing", where=self.where(path[:-1]), expected=f"{path[-1]}: ..."
            )
        came = problem.get("input")
        if kind == "literal_error":
            valid = re.findall(r"'([^']+)'", str(context.get("expected", ""))) or [str(context.get("expected"))]
            right = f"{came}, without quotes" if str(came) in valid else one_of(valid, str(came))
            return InvalidValue(f"{came!r}", where=self.where(path), expected=right)
        if kind in ("model_type", "model_attributes_type", "dict_type", "list_type"):
            right = "a list" if kind == "list_type" else "a mapping, or a list"
            return InvalidValue(_short(problem.get("input")), where=self.where(path), expected=right)
        wanted = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        return InvalidValue(f"{_short(came)}", where=self.where(path), expected=wanted)


def _check_events(text: str, name: str) -> None:
    """Refuse what makes a small file a long piece of work: aliases, which unfold, brackets and numbers without end."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = event.start_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        if isinstance(event, yaml.AliasEvent):
            raise MalformedContract("a YAML alias (*name)", where=place, expected="the value written out")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_NUMBER and _NUMBER.fullmatch(event.value):
            raise MalformedContract(f"a number of {len(event.value)} characters", where=place, expected="a shorter one")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise MalformedContract("not a contract: nested too deep", where=place, expected=f"{MAX_DEPTH} levels")


def _text(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise MalformedContract(f"{len(data)} bytes", where=name, expected=f"at most {MAX_BYTES}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise MalformedContract(
            f"byte 0x{data[error.start]:02x} is not UTF-8", where=f"{name}:{line}", expected="a file saved as UTF-8"
        ) from None


def _places(node: yaml.Node, path: Place, name: str) -> Iterator[tuple[Place, tuple[int, int]]]:
    yield path, (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                place = f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
                raise MalformedContract(f"field {key.value!r} stands twice", where=place, expected="each field once")
            seen.add(key.value)
            yield from _places(value, (*path, key.value), name)
            # An error about a field points at its name, not at its value.
            yield (*path, key.value), (key.start_mark.line + 1, key.start_mark.column + 1)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _places(value, (*path, index), name)


def _field(path: Place) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).lstrip(".")


def _is_branch(part: str | int) -> bool:
    # pydantic puts the branch of a union into the location: `_Staged`, `list[...]`, `str`.
    return isinstance(part, str) and (
        part in ("_Staged", "_Data", "_PromiseMapping", "str") or part.startswith(("list[", "dict[", "float", "int"))
    )


def _telling(problems: list[ErrorDetails]) -> ErrorDetails:
    # Of a union's branches, the one that went deepest is what the writer meant.
    return max(problems, key=lambda each: (each["type"] == "extra_forbidden", len(each["loc"])))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
