"""Nouns and plain data: what the journal, a file or the network holds, as the nouns of `holdfast.core`, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.core.digests import plain
from holdfast.core.errors import HoldfastError, InvalidValue, UnknownField, one_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

Noun = TypeVar("Noun")


def encode(noun: Any) -> dict[str, Any]:
    """Plain data of a noun: a mapping by field name that `decode` reads back.

    Raises
    ------
    InvalidValue
        If it is no dataclass, or a field has no canonical JSON form.

    Examples
    --------
    >>> from holdfast.core.units import Quantity
    >>> encode(Quantity(20.0, "ms"))
    {'number': 20, 'symbol': 'ms'}
    """
    if isinstance(noun, type) or not dataclasses.is_dataclass(noun):
        raise InvalidValue(f"{noun!r} is no noun", expected="an instance of a dataclass")
    made: dict[str, Any] = plain(noun)
    return made


def decode(cls: type[Noun], data: Any, *, where: str | None = None) -> Noun:
    """Noun from plain data, with its invariants checked.

    Parameters
    ----------
    cls
        Class of the noun.
    data
        Plain data, as `encode` or JSON gives it.
    where
        Place to name in errors, such as ``event 17``.

    Raises
    ------
    UnknownField
        If there is a field that the noun does not have.
    InvalidValue
        If a field is missing, of the wrong type, or outside its range.

    Examples
    --------
    >>> from holdfast.core.units import Quantity
    >>> decode(Quantity, {"number": 20, "symbol": "ms"})
    Quantity(number=20.0, symbol='ms')
    """
    from pydantic import ValidationError

    if not isinstance(data, Mapping):
        raise InvalidValue(f"{data!r} is no {cls.__name__}", where=where, expected="a mapping of its fields")
    fields = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]  # any dataclass; mypy has no bound for it
    for name in data:
        if name not in fields:
            raise UnknownField(f"{cls.__name__} has no field {name!r}", where=where, expected=one_of(fields, str(name)))
    kind: Any = cls
    try:
        made: Noun = _adapter(kind).validate_python(dict(data))
    except ValidationError as error:
        raise _invalid(cls, error, where) from error
    except HoldfastError as error:  # a noun's own check
        error.where = error.where or where
        raise
    return made


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


def _invalid(cls: type[Any], error: ValidationError, where: str | None) -> InvalidValue:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(each) for each in first["loc"])
    shown = repr(first["input"])
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return InvalidValue(f"field {place} of {cls.__name__} is {shown}: {first['msg']}", where=where)
