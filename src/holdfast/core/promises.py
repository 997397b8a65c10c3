"""The promise: one measurable claim, one line of text, and the YAML mapping that says the same."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from holdfast.core.digests import digest_of
from holdfast.core.errors import InvalidValue, PromiseSyntaxError, UnknownField, one_of
from holdfast.core.units import Quantity, number_text

OPERATORS = ("<=", ">=", "<", ">", "==", "!=")
STAGES = ("data", "candidate", "package", "live")
KEYWORDS = ("by", "on", "over", "with", "else")

#: What a promise of stage candidate may be measured `on`: rows held out (the default; from the file `data.test` where
#: there is one), and the rows that the model learnt from.
DATASETS = ("holdout", "test", "train")

#: The argument that stands for every feature column.
EVERY_COLUMN = "*"

Argument = str | float

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")


@dataclass(frozen=True, slots=True)
class Promise:
    """A claim that a measure, on a subject, stays within a bound.

    Parameters
    ----------
    measure
        Registered name of the measure.
    op
        One of ``<= >= < > == !=``.
    bound
        The number the measure is held against, with its unit.
    args
        The measure's arguments, in order; ``"*"`` stands for every feature column.
    options
        The measure's arguments by name, sorted by name.
    by
        Columns whose values, and every crossing of them, must each keep the promise.
    on
        Name of the dataset to measure on; None for the one that the stage has.
    over
        Window of a live promise: a time, or a number of rows.
    confidence
        In (0, 1): the whole interval of that confidence must lie within the bound. None: the value must.
    remedies
        Names of remedies to try first, in order.
    stage
        ``data``, ``candidate``, ``package`` or ``live``; None until a contract says.

    Raises
    ------
    InvalidValue
        If the measure or an option is no name, or the operator, an argument, the confidence, the window or the stage
        is out of range.
    """

    measure: str
    op: str
    bound: Quantity
    args: tuple[Argument, ...] = ()
    options: tuple[tuple[str, Argument], ...] = ()
    by: tuple[str, ...] = ()
    on: str | None = None
    over: Quantity | None = None
    confidence: float | None = None
    remedies: tuple[str, ...] = ()
    stage: str | None = None

    def __post_init__(self) -> None:
        """Check the invariants; options are kept sorted by name."""
        for name in (self.measure, *(name for name, _ in self.options)):
            if not is_name(name):
                raise InvalidValue(f"{name!r} is no name of a measure or an option", expected="a name such as roc_auc")
        for number in (*self.args, *(given for _, given in self.options)):
            if not isinstance(number, str) and not math.isfinite(number):
                raise InvalidValue(f"argument {number} of {self.measure}", expected="a finite number, or a name")
        object.__setattr__(self, "options", tuple(sorted(self.options)))
        if self.op not in OPERATORS:
            raise InvalidValue(f"operator {self.op!r}", expected=one_of(OPERATORS))
        if self.stage is not None and self.stage not in STAGES:
            raise InvalidValue(f"stage {self.stage!r}", expected=one_of(STAGES, self.stage))
        if self.confidence is not None and not 0.0 < self.confidence < 1.0:
            raise InvalidValue(f"confidence {self.confidence:.6g} must lie between 0 % and 100 %", expected="with 95%")
        if self.over is not None and (self.over.dimension not in ("time", "rows") or self.over.number <= 0):
            raise InvalidValue(f"window {self.over}", expected="a positive time or number of rows, such as 1 d")
        if len(set(self.by)) != len(self.by):
            raise InvalidValue(f"a column stands twice in 'by {', '.join(self.by)}'", expected="each column once")

    @property
    def text(self) -> str:
        """The promise in its canonical form: parsing it gives this promise again (its stage aside)."""
        parts = [f"{self._call()} {self.op} {self.bound}"]
        if self.by:
            parts.append("by " + ", ".join(_word(each) for each in self.by))
        if self.on is not None:
            parts.append("on " + _word(self.on))
        if self.over is not None:
            parts.append(f"over {self.over}")
        if self.confidence is not None:
            parts.append(f"with {_percent(self.confidence)}")
        if self.remedies:
            parts.append("else " + ", ".join(_word(each) for each in self.remedies))
        return " ".join(parts)

    @property
    def claim(self) -> str:
        """What is claimed, without the remedies: two promises with one claim are the same promise."""
        return replace(self, remedies=()).text

    @property
    def id(self) -> str:
        """Digest of claim and stage."""
        return digest_of({"claim": self.claim, "stage": self.stage})

    def _call(self) -> str:
        given = [_argument(each) for each in self.args]
        given += [f"{name}={_argument(each)}" for name, each in self.options]
        return f"{self.measure}({', '.join(given)})" if given else self.measure

    def within(self, number: float) -> bool:
        """Whether a number, in base units, keeps the bound."""
        bound = self.bound.base
        return {
            "<=": number <= bound,
            ">=": number >= bound,
            "<": number < bound,
            ">": number > bound,
            "==": number == bound,
            "!=": number != bound,
        }[self.op]

    def at(self, stage: str) -> Promise:
        """Copy of the promise, judged at `stage`."""
        return replace(self, stage=stage)

    def mapping(self) -> dict[str, Any]:
        """Plain YAML data that says the same; `from_mapping` reads it back."""
        data: dict[str, Any] = {"measure": self.measure, "op": self.op, "bound": str(self.bound)}
        if self.args:
            data["args"] = list(self.args)
        if self.options:
            data["options"] = dict(self.options)
        if self.by:
            data["by"] = list(self.by)
        if self.on is not None:
            data["on"] = self.on
        if self.over is not None:
            data["over"] = str(self.over)
        if self.confidence is not None:
            data["confidence"] = _percent(self.confidence)
        if self.remedies:
            data["else"] = list(self.remedies)
        return data


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a measure or of an option: a letter first, and no blank in it.

    Examples
    --------
    >>> is_name("roc_auc"), is_name("p 99")
    (True, False)
    """
    return _BARE.match(text) is not None


def _percent(share: float) -> str:
    # In decimal, so that reading it back gives the same share to the last bit.
    percent = Decimal(repr(float(share))) * 100
    return f"{percent.normalize() if percent < Decimal('1e-6') else f'{percent:f}'.rstrip('0').rstrip('.')}%"


def _word(name: str) -> str:
    if is_name(name) and name not in KEYWORDS:
        return name
    return json.dumps(name, ensure_ascii=False)


def _argument(value: Argument) -> str:
    if isinstance(value, str):
        return value if value == EVERY_COLUMN else _word(value)
    return number_text(float(value))


_FIELDS = ("measure", "op", "bound", "args", "options", "by", "on", "over", "confidence", "else")


def from_mapping(data: Mapping[str, Any], *, where: str | None = None) -> Promise:
    """Promise from its YAML mapping.

    Parameters
    ----------
    data
        Keys `measure`, `op`, `bound` and, where needed, `args`, `options`, `by`, `on`, `over`, `confidence`, `else`.
    where
        Place to name in errors, such as ``holdfast.yaml:12``.

    Raises
    ------
    UnknownField
        If there is another key.
    PromiseSyntaxError
        If a value does not follow the grammar.
    """
    from holdfast.core.grammar import parse

    for key in data:
        if key not in _FIELDS:
            raise UnknownField(f"unknown field {key!r} in a promise", where=where, expected=one_of(_FIELDS, str(key)))
    missing = [key for key in ("measure", "op", "bound") if data.get(key) is None]
    if missing:
        raise PromiseSyntaxError(f"a promise without {missing[0]!r}", where=where, expected="measure, op and bound")
    # One parser: the mapping is written as a line, and the line is parsed.
    return parse(_line(data, where), where=where)


def _line(data: Mapping[str, Any], where: str | None) -> str:
    args = [_given(each, "args", where) for each in _listed(data.get("args"))]
    options = data.get("options") or {}
    if not isinstance(options, Mapping):
        raise PromiseSyntaxError(f"options {options!r}", where=where, expected="a mapping of names to values")
    args += [f"{name}={_given(each, 'options', where)}" for name, each in options.items()]
    bound = data["bound"]
    parts = [
        f"{data['measure']}({', '.join(args)})" if args else str(data["measure"]),
        str(data["op"]),
        bound if isinstance(bound, str) else _given(bound, "bound", where),
    ]
    # In the grammar's order.
    for key, word, write in (
        ("by", "by", _names),
        ("on", "on", _names),
        ("over", "over", str),
        ("confidence", "with", str),
        ("else", "else", _names),
    ):
        if data.get(key) is not None and data[key] != []:
            parts.append(f"{word} {write(data[key])}")
    return " ".join(parts)


def _given(value: Any, field: str, where: str | None) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise PromiseSyntaxError(f"{field} holds {value!r}", where=where, expected="a name or a number")
    try:
        return _argument(value)
    except OverflowError:
        raise PromiseSyntaxError(f"{field} holds a number too large", where=where, expected="a finite number") from None


def _names(value: Any) -> str:
    return ", ".join(_word(str(each)) for each in _listed(value))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
