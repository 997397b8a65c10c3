"""Row rules: a parsed text against the columns of a table, as a condition of the algebra.

Missing values follow Kleene's three-valued logic: what is compared or computed with a missing value is unknown;
``unknown and false`` is false, ``unknown or true`` is true, everything else with unknown is unknown. A row of which the
rule is unknown is not looked at. Only ``is missing`` asks for what is missing, and is never unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from holdfast.core.errors import InvalidValue, NotMeasurable, one_of
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Schema, is_text, kind_of, spoken, value_of_column
from holdfast.quality._rule_text import Part, parse_rule
from holdfast.quality._walks import walk

#: Functions of rules: what each takes and gives.
FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "length": ("text", "number"),
    "lower": ("text", "text"),
    "upper": ("text", "text"),
    "trim": ("text", "text"),
    "abs": ("number", "number"),
    "floor": ("number", "number"),
    "year": ("time", "number"),
    "month": ("time", "number"),
    "day": ("time", "number"),
    "weekday": ("time", "number"),
    "hour": ("time", "number"),
    "minute": ("time", "number"),
}

_WORDS = {"text": "text", "number": "a number", "boolean": "true or false", "time": "a day or time"}


@dataclass(frozen=True, slots=True)
class _Typed:
    """A node of the algebra and what it is of: text, number, boolean or time."""

    node: Any
    kind: str
    constant: bool = False
    days: bool = False


def condition(text: str, schema: Schema) -> a.Condition:
    """Condition that a rule stands for.

    Parameters
    ----------
    text
        The rule.
    schema
        Column types by name.

    Raises
    ------
    InvalidValue
        If the text does not follow the grammar, or is no rule.
    ColumnNotFound
        If it names a column that is not there.
    NotMeasurable
        If it compares or computes what does not fit.
    """
    found = _Reader(schema).read(parse_rule(text))
    fixed = not any(isinstance(each, a.Column) for each in walk(found.node))
    if found.kind != "boolean" or fixed:
        said = "of no column" if fixed else _WORDS[found.kind]
        raise InvalidValue(f"the rule {text!r} is {said}", where="holds", expected="a comparison of columns")
    node: a.Condition = found.node
    return node


class _Reader:
    """Parts as nodes, over one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def read(self, part: Part) -> _Typed:
        return _READ[part.kind](self, part)

    def boolean(self, part: Part) -> Any:
        found = self.read(part)
        if found.kind != "boolean":
            raise _misfit(part, f"{_WORDS[found.kind]} where true or false must stand", "a comparison")
        return a.Always(answer=found.node.value) if found.constant else found.node

    def column(self, part: Part) -> _Typed:
        kind = kind_of(self.schema, part.word, f"holds, column {part.place}")
        plain = value_of_column(part.word, kind)
        if is_text(kind):
            return _Typed(plain if kind == pl.String else a.Call("text", (plain,)), "text")
        if kind.is_numeric():
            return _Typed(plain if not kind.is_decimal() else a.Call("number", (plain,)), "number")
        if kind == pl.Boolean:
            return _Typed(plain, "boolean")
        if isinstance(kind, pl.Datetime) or kind == pl.Date:
            zoned = isinstance(kind, pl.Datetime) and kind.time_zone is not None
            return _Typed(a.Call("utc", (plain,)) if zoned else plain, "time", days=kind == pl.Date)
        raise _misfit(part, f"column {part.word!r} is {spoken(kind)}", "text, numbers, true and false, days or times")

    def literal(self, part: Part) -> _Typed:
        value = part.value
        kind = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        return _Typed(a.Literal(value), kind, constant=True)

    def call(self, part: Part) -> _Typed:
        if part.word not in FUNCTIONS:
            raise InvalidValue(
                f"no function {part.word!r}", where=f"holds, column {part.place}", expected=one_of(FUNCTIONS, part.word)
            )
        takes, gives = FUNCTIONS[part.word]
        inner = self.read(part.inner[0])
        if inner.kind != takes or (inner.days and part.word in ("hour", "minute")):
            said = "a day without a time" if inner.days else _WORDS[inner.kind]
            raise _misfit(part, f"{part.word}() of {said}", _WORDS[takes])
        return _Typed(a.Call(part.word, (inner.node,)), gives)

    def negated(self, part: Part) -> _Typed:
        return _Typed(a.Negated(self.boolean(part.inner[0])), "boolean")

    def both(self, part: Part) -> _Typed:
        return _Typed(a.Every(tuple(self.boolean(each) for each in part.inner)), "boolean")

    def either(self, part: Part) -> _Typed:
        return _Typed(a.Some(tuple(self.boolean(each) for each in part.inner)), "boolean")

    def implies(self, part: Part) -> _Typed:
        given, then = (self.boolean(each) for each in part.inner)
        return _Typed(a.Some((a.Negated(given), then)), "boolean")

    def missing(self, part: Part) -> _Typed:
        found = self.read(part.inner[0])
        return _Typed(a.IsMissing(found.node), "boolean")

    def compare(self, part: Part) -> _Typed:
        left, right = (self.read(each) for each in part.inner)
        if "time" in (left.kind, right.kind):
            pair = tuple(_micros(each, place) for each, place in zip((left, right), part.inner, strict=True))
            return _Typed(a.Compare(part.word, pair[0], pair[1]), "boolean")
        if left.kind != right.kind:
            raise _misfit(part, f"{_WORDS[left.kind]} is compared with {_WORDS[right.kind]}", "the same on both sides")
        if left.kind == "boolean" and part.word not in ("==", "!="):
            raise _misfit(part, f"{part.word} between true and false", "== or !=")
        return _Typed(a.Compare(part.word, left.node, right.node), "boolean")

    def among(self, part: Part) -> _Typed:
        value, *others = (self.read(each) for each in part.inner)
        if value.kind == "time":
            micros = tuple(_micros(each, place).value for each, place in zip(others, part.inner[1:], strict=True))
            return _Typed(a.Among(a.Call("micros", (value.node,)), micros), "boolean")
        for each, place in zip(others, part.inner[1:], strict=True):
            if each.kind != value.kind:
                raise _misfit(place, f"{_WORDS[each.kind]} among {_WORDS[value.kind]}", _WORDS[value.kind])
        node = a.Call("number", (value.node,)) if value.kind == "number" else value.node
        return _Typed(a.Among(node, tuple(each.node.value for each in others)), "boolean")

    def arithmetic(self, part: Part) -> _Typed:
        left, right = (self.read(each) for each in part.inner)
        for each, place in ((left, part.inner[0]), (right, part.inner[1])):
            if each.kind != "number":
                raise _misfit(place, f"{part.word} with {_WORDS[each.kind]}", "a number")
        if part.word == "-" and left.constant and right.constant:
            return _Typed(a.Literal(left.node.value - right.node.value), "number", constant=True)
        return _Typed(a.Arithmetic(part.word, left.node, right.node), "number")


def _micros(found: _Typed, part: Part) -> Any:
    if found.kind == "time":
        return a.Call("micros", (found.node,))
    if found.kind != "text" or not found.constant:
        raise _misfit(part, f"a day or time is compared with {_WORDS[found.kind]}", "a time such as '2026-01-31'")
    try:
        moment = datetime.fromisoformat(found.node.value)
    except ValueError:
        raise _misfit(part, f"{found.node.value!r} is no day or time", "ISO 8601, such as '2026-01-31'") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return a.Literal((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _misfit(part: Part, said: str, expected: str) -> NotMeasurable:
    return NotMeasurable(said, where=f"holds, column {part.place}", expected=expected)


_READ: Mapping[str, Callable[[_Reader, Part], _Typed]] = {
    "column": _Reader.column,
    "literal": _Reader.literal,
    "call": _Reader.call,
    "not": _Reader.negated,
    "and": _Reader.both,
    "or": _Reader.either,
    "implies": _Reader.implies,
    "missing": _Reader.missing,
    "compare": _Reader.compare,
    "among": _Reader.among,
    "arithmetic": _Reader.arithmetic,
}
