"""Digests: every id in Holdfast is the SHA-256 of canonical JSON (or of bytes)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from holdfast.core.errors import InvalidValue


def plain(value: Any) -> Any:
    """Plain JSON data (dict, list, str, int, float, bool, None) for a noun or a value.

    Dataclasses become mappings by field name, enums their value, times ISO 8601 in UTC, sets sorted lists.
    NaN and the infinities have no JSON form and become the strings ``"nan"``, ``"inf"``, ``"-inf"``.

    Raises
    ------
    InvalidValue
        For a value without a canonical form (an object, a naive time, a mapping whose keys are not strings).

    Examples
    --------
    >>> plain({"a": (1, 2.0, float("nan"))})
    {'a': [1, 2, 'nan']}
    """
    if value is None or isinstance(value, (bool, str)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _plain_float(float(value))
    return _plain_compound(value)


def _plain_float(value: float) -> Any:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    # As in RFC 8785: a float without a fraction is written as the integer, so 1.0 and 1 have one digest.
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _plain_compound(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): plain(each) for key, each in value.items()}
    if isinstance(value, Set):
        return sorted((plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [plain(each) for each in value]
    raise InvalidValue(f"a {type(value).__name__} has no canonical JSON form", expected="plain data or a Holdfast noun")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidValue(f"mapping key {key!r} is a {type(key).__name__}", expected="a string")
    return key


def canonical_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no blanks, UTF-8; the same value always gives the same bytes.

    Raises
    ------
    InvalidValue
        For a value without a canonical form, as `plain` says, or text that UTF-8 cannot write.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidValue("a text holds half of a surrogate pair", expected="text that UTF-8 can write") from error


def digest_bytes(data: bytes | bytearray | memoryview) -> str:
    """SHA-256 of bytes, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value, as 64 lower-case hexadecimal digits.

    Examples
    --------
    >>> digest_of({"a": 1}) == digest_of({"a": 1})
    True
    """
    return digest_bytes(canonical_json(value))


def is_digest(text: object) -> bool:
    """Whether `text` is a full digest: 64 lower-case hexadecimal digits."""
    return isinstance(text, str) and len(text) == 64 and all(char in "0123456789abcdef" for char in text)


def iso(moment: datetime) -> str:
    """ISO 8601 text in UTC with microseconds and ``Z``, so that text order is time order.

    Raises
    ------
    InvalidValue
        If the time has no zone.

    Examples
    --------
    >>> iso(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000000Z'
    """
    if moment.tzinfo is None:
        raise InvalidValue(f"time {moment.isoformat()} has no zone", expected="a UTC-aware datetime")
    # Not strftime: its %Y does not pad years before 1000 everywhere.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_iso(text: str) -> datetime:
    """UTC-aware time for ISO 8601 text; text without a zone is taken as UTC.

    Raises
    ------
    InvalidValue
        If the text is no ISO 8601 time.

    Examples
    --------
    >>> parse_iso("2026-01-02T03:04:05Z").isoformat()
    '2026-01-02T03:04:05+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidValue(f"{text!r} is no time", expected="ISO 8601, such as 2026-01-02T03:04:05Z") from error
