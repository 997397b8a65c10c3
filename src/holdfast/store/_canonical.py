"""Canonical JSON on the hot path: the bytes of `holdfast.core.digests.canonical_json`, several times faster."""

from __future__ import annotations

import functools
import json
from typing import Any

import orjson

from holdfast.core.digests import canonical_json
from holdfast.core.errors import InvalidValue

_dumps = orjson.dumps


def canonical_text(value: Any) -> str:
    """Canonical JSON of a value as text; byte for byte what `canonical_json` gives.

    Parameters
    ----------
    value
        Plain data or a noun.

    Raises
    ------
    InvalidValue
        If the value has no canonical form, or holds text that is not Unicode.

    Examples
    --------
    >>> canonical_text({"b": 1.0, "a": [None, 0.5]})
    '{"a":[null,0.5],"b":1}'
    """
    return canonical(value)[1]


def canonical(value: Any) -> tuple[Any, str]:
    """The plain data that a value's canonical text is read back as, and that text.

    What orjson writes otherwise than the canonical form (floats with an exponent, integers beyond 64 bits, nouns,
    enums, subclasses) goes through `canonical_json` itself.

    Raises
    ------
    InvalidValue
        As `canonical_text`.
    """
    try:
        made = _plain(value)
        return made, _dumps(made, None, orjson.OPT_SORT_KEYS).decode()
    except (TypeError, RecursionError):  # what orjson does not write, or not canonically
        pass
    try:
        text = canonical_json(value).decode()
    except (UnicodeEncodeError, RecursionError, ValueError) as error:
        raise InvalidValue(f"a value has no canonical JSON form: {error}", expected="plain data") from error
    return json.loads(text), text


_AS_IS = {str, int, bool, type(None)}


def _plain(value: Any) -> Any:
    """The value copied, or a TypeError where orjson would not write it canonically."""
    kind = type(value)
    if kind is dict:
        made = {}
        for key, each in value.items():
            if type(key) is not str:
                raise TypeError
            made[key] = each if type(each) in _AS_IS else _plain(each)
        return made
    if kind is list or kind is tuple:
        return [each if type(each) in _AS_IS else _plain(each) for each in value]
    if kind is float:
        if value.is_integer() and -1e15 < value < 1e15:
            return int(value)
        if 1e-4 < value < 1e15 or -1e15 < value < -1e-4:
            return value
        raise TypeError  # an exponent, which the two writers spell differently, or no number
    if kind in _AS_IS:
        return value
    raise TypeError


def chained_text(  # noqa: PLR0917 - the fields of an event, on the hot path
    seq: int, type: str, time: str, actor: str, model: str | None, key: str | None, previous: str, payload: str
) -> bytes:
    """Canonical JSON of what an event's hash covers.

    Parameters
    ----------
    seq, type, time, actor, model, key, previous
        As the event has them; the time as text.
    payload
        Canonical text of the payload, which is spliced in.
    """
    # The time and the hash are plain ASCII by their making.
    return (
        f'{{"actor":{quoted(actor)},"key":{"null" if key is None else _dumps(key).decode()},"model":{quoted(model)},'
        f'"payload":{payload},"previous":"{previous}","seq":{seq},"time":"{time}","type":{quoted(type)}}}'
    ).encode()


@functools.lru_cache(maxsize=512)
def quoted(value: str | None) -> str:
    """JSON text of a text that comes again and again: a type, a model, an actor."""
    return _dumps(value).decode()
