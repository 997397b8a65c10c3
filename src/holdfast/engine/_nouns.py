"""Which classes may be made from a sealed value: the dataclasses and enums of `holdfast.core`, and nothing else."""

from __future__ import annotations

import dataclasses
from enum import Enum
from functools import cache
from typing import Any

from holdfast.core.errors import DigestMismatch


@cache
def _known() -> tuple[dict[str, type], dict[str, type[Enum]]]:
    from holdfast.core import contract, events, evidence, models, ports, promises, subjects, units, views

    nouns: dict[str, type] = {}
    enums: dict[str, type[Enum]] = {}
    for module in (contract, events, evidence, models, ports, promises, subjects, units, views):
        for name, made in vars(module).items():
            if not isinstance(made, type) or made.__module__ != module.__name__:
                continue
            if dataclasses.is_dataclass(made):
                nouns[f"{module.__name__.rpartition('.')[2]}.{name}"] = made
            elif issubclass(made, Enum):
                enums[f"{module.__name__.rpartition('.')[2]}.{name}"] = made
    return nouns, enums


def _name(made: type) -> str | None:
    module = made.__module__
    return f"{module.rpartition('.')[2]}.{made.__qualname__}" if module.startswith("holdfast.core.") else None


def fields_of(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Name and fields of a noun; None for anything that is none."""
    name = _name(type(value))
    if name is None or name not in _known()[0]:
        return None
    return name, {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}


def enum_name(value: Enum) -> str | None:
    """Name of an enum of the nouns; None for any other."""
    name = _name(type(value))
    return name if name is not None and name in _known()[1] else None


def make(name: str, fields: dict[str, Any]) -> Any:
    """Noun of that name; its own checks run."""
    made = _known()[0].get(name)
    if made is None:
        raise DigestMismatch(f"a sealed value holds an unknown noun {name!r}")
    return made(**fields)


def make_enum(name: str, value: Any) -> Enum:
    """Member of the enum of that name."""
    made = _known()[1].get(name)
    if made is None:
        raise DigestMismatch(f"a sealed value holds an unknown enum {name!r}")
    return made(value)
