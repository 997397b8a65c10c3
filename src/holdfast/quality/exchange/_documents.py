"""Suites from outside, read within limits: JSON or YAML, no tags, no aliases, no deep nesting, no large files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.core.errors import MalformedContract, NotFound

MAX_BYTES = 1_000_000
MAX_DEPTH = 32

#: YAML reads 1:30:00 as a number to the base 60, in quadratic time.
MAX_NUMBER = 1_000
_NUMBER = re.compile(r"[-+0-9._:]+")


def read_document(path: Path) -> dict[str, Any]:
    """The mapping in a JSON or YAML file.

    Parameters
    ----------
    path
        The file, UTF-8, at most a megabyte.

    Returns
    -------
    dict
        Plain data: mappings with text keys, lists, texts, numbers, booleans, None. A date of YAML becomes its ISO
        8601 text.

    Raises
    ------
    NotFound
        If there is no such file.
    MalformedContract
        If it is too large, nested too deep, no JSON or YAML, or no mapping; if a field stands twice in one mapping,
        or YAML holds a tag (such as ``!!python/object``) or an alias.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("no such file", where=str(path), expected="a suite of checks") from None
    except OSError as error:
        raise MalformedContract(f"cannot be read: {error.strerror}", where=str(path), expected="a file") from None
    name = path.name
    if len(data) > MAX_BYTES:
        raise MalformedContract("a suite of more than a megabyte", where=name, expected=f"at most {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise MalformedContract(
            f"byte 0x{data[error.start]:02x} is not UTF-8", where=f"{name}:{line}", expected="a file saved as UTF-8"
        ) from None
    content = _json(text, name) if text.lstrip().startswith(("{", "[")) else _yaml(text, name)
    if not isinstance(content, Mapping):
        raise MalformedContract("not a mapping", where=f"{name}:1", expected="the fields of a suite of checks")
    found: dict[str, Any] = _plain(content, name)
    return found


def _json(text: str, name: str) -> Any:
    _check_brackets(text, name)
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, name))
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("{"):
            place = f"{name}:{error.lineno}:{error.colno}"
            raise MalformedContract(f"not JSON: {error.msg}", where=place, expected="JSON or YAML") from None
    except (ValueError, RecursionError) as error:
        raise MalformedContract(f"not JSON: {str(error).splitlines()[0]}", where=name) from None
    return _yaml(text, name)


def _check_brackets(text: str, name: str) -> None:
    """Refuse brackets without end before a parser walks down them."""
    depth = 0
    inside = escaped = False
    for each in text:
        if inside:
            inside = escaped or each != '"'
            escaped = not escaped and each == "\\"
        elif each == '"':
            inside = True
        elif each in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedContract("nested too deep", where=name, expected=f"{MAX_DEPTH} levels")
        elif each in "}]":
            depth -= 1


def _once(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise MalformedContract(f"field {key!r} stands twice", where=name, expected="each field once")
        made[key] = value
    return made


def _yaml(text: str, name: str) -> Any:
    import yaml

    try:
        _check_events(text, name)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_keys(node, name)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise MalformedContract(f"not YAML: {error.problem or error.context}", where=place) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedContract(f"not YAML: {str(error).splitlines()[0]}", where=name) from None


def _check_events(text: str, name: str) -> None:
    import yaml

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
            raise MalformedContract("nested too deep", where=place, expected=f"{MAX_DEPTH} levels")


def _check_keys(node: Any, name: str) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[tuple[str, str]] = set()
        for key, value in node.value:
            place = f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise MalformedContract("a field whose name is no text", where=place, expected="a name")
            if (key.tag, key.value) in seen:
                raise MalformedContract(f"field {key.value!r} stands twice", where=place, expected="each field once")
            seen.add((key.tag, key.value))
            _check_keys(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check_keys(each, name)


def _plain(value: Any, name: str) -> Any:
    """Plain data with text keys; dates become their text."""
    from datetime import date, datetime

    if isinstance(value, Mapping):
        return {_key(key): _plain(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each, name) for each in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise MalformedContract(f"a value of the kind {type(value).__name__}", where=name, expected="text or a number")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        # YAML 1.1 reads `on:` and `yes:` as true.
        return "true" if key else "false"
    return str(key)
