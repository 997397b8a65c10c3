"""Digest of a step's code: what must be the same for a cached result to count.

The rule. Compiled code counts, not text: comments, blank lines and formatting do not matter, a docstring does. Into
the digest go the function's byte code, constants, names and defaults, and whatever its names refer to:

- a function or class *of the same module*, or one held in a closure: its own code, and so on;
- another step of the same module: likewise;
- plain data (numbers, text, bytes, lists, mappings, sets, nouns, arrays, frames), as a global, a default or in a
  closure: its value, when the run begins;
- a compiled regular expression: its pattern and flags; a path: its text, not what the file holds;
- a module, function or class of *another* module: its name. When it changes, say so: a new `version=` on the step, or
  `libraries=("lightgbm",)`, whose versions go into the key;
- any other object (a logger, a lock, an open store): the name of its type.

Byte code differs between minor versions of Python, which the key holds as well.
"""

from __future__ import annotations

import dis
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import CodeType, FunctionType, ModuleType
from typing import Any

from holdfast.core.errors import HoldfastError
from holdfast.engine._values import seal

_MAX_DEPTH = 200


def code_digest(function: Callable[..., Any]) -> str:
    """SHA-256 of a function's code and of what it refers to, by the rule above."""
    reader = _Reader(getattr(function, "__module__", ""))
    reader.add("step", function, 0)
    return reader.digest.hexdigest()


class _Reader:
    def __init__(self, module: str) -> None:
        self.module = module
        self.digest = hashlib.sha256()
        self.seen: set[int] = set()

    def say(self, *words: object) -> None:
        self.digest.update("\x1f".join(str(word) for word in words).encode("utf-8", "backslashreplace") + b"\x1e")

    def add(self, name: str, value: Any, depth: int, *, held: bool = False) -> None:
        """Add what a name refers to; `held` marks what a closure holds, which is read whatever its module."""
        value = getattr(value, "__holdfast_function__", value)
        if isinstance(value, FunctionType):
            self._function(name, value, depth, held=held)
        elif isinstance(value, type):
            self._class(name, value, depth, held=held)
        elif isinstance(value, ModuleType):
            self.say(name, "module", value.__name__)
        elif isinstance(value, re.Pattern):
            self.say(name, "pattern", repr(value.pattern), value.flags)
        elif isinstance(value, (staticmethod, classmethod)):
            self.add(name, value.__func__, depth, held=held)
        elif isinstance(value, property):
            for part in (value.fget, value.fset, value.fdel):
                self.add(name, part, depth, held=held)
        else:
            self._data(name, value)

    def _data(self, name: str, value: Any) -> None:
        if isinstance(value, PurePath):
            self.say(name, "path", value)
            return
        try:
            self.say(name, "data", seal(value).digest)
        except HoldfastError:
            self.say(name, "object", type(value).__module__, type(value).__qualname__)

    def _enter(self, name: str, value: Any, depth: int, *, held: bool) -> bool:
        own = held or depth == 0 or value.__module__ == self.module
        self.say(name, type(value).__name__, value.__module__, value.__qualname__)
        if not own or depth > _MAX_DEPTH or id(value) in self.seen:
            return False
        self.seen.add(id(value))
        return True

    def _class(self, name: str, value: type, depth: int, *, held: bool) -> None:
        if not self._enter(name, value, depth, held=held):
            return
        for base in value.__bases__:
            self.add("base", base, depth + 1)
        for key, each in sorted(vars(value).items()):
            if key not in (
                "__dict__",
                "__weakref__",
                "__module__",
                "__doc__",
                "__firstlineno__",
                "__static_attributes__",
            ):
                self.add(key, each, depth + 1, held=held)

    def _function(self, name: str, value: FunctionType, depth: int, *, held: bool) -> None:
        if not self._enter(name, value, depth, held=held):
            return
        self._code(value.__code__)
        for index, default in enumerate(value.__defaults__ or ()):
            self.add(f"default {index}", default, depth + 1)
        for key, default in sorted((value.__kwdefaults__ or {}).items()):
            self.add(f"default {key}", default, depth + 1)
        for free, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                held_value = cell.cell_contents
            except ValueError:
                continue
            self.add(f"free {free}", held_value, depth + 1, held=True)
        for used in sorted(set(_globals_of(value.__code__))):
            if used in value.__globals__:
                self.add(f"global {used}", value.__globals__[used], depth + 1)

    def _code(self, code: CodeType) -> None:
        self.say("code", code.co_name, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        self.digest.update(code.co_code)
        self.say(*code.co_names, "|", *code.co_varnames, "|", *code.co_freevars, "|", *code.co_cellvars)
        for constant in code.co_consts:
            self._constant(constant)

    def _constant(self, constant: object) -> None:
        if isinstance(constant, CodeType):
            self._code(constant)
        elif isinstance(constant, tuple):
            self.say("tuple", len(constant))
            for each in constant:
                self._constant(each)
        elif isinstance(constant, frozenset):
            # Its own order changes from process to process.
            self.say("frozenset", *sorted(repr(each) for each in constant))
        else:
            self.say(type(constant).__name__, repr(constant))


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)
