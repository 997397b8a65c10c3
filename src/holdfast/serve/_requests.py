"""Bodies of infer and predict requests, read; and the bodies of their answers, written."""

from __future__ import annotations

import os
from typing import Any

import orjson

from holdfast.core.errors import InvalidRequest, one_of
from holdfast.serve._loading import AnyServed
from holdfast.serve._served import Wanted

_LONGEST_ID = 128
_POOL = 1 << 12


class Ids:
    """Ids for requests that came without one: 24 hexadecimal digits from the system's randomness, drawn in bulk.

    The first eight say which model answered, so that a label finds it without a look-up.
    """

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0
        self._pid = 0

    def new(self, tag: str) -> str:
        """Fresh id."""
        at = self._at
        if at >= len(self._pool) or self._pid != os.getpid():
            self._pool, at, self._pid = os.urandom(_POOL).hex(), 0, os.getpid()
        self._at = at + 16
        return tag + self._pool[at : at + 16]


def parse(body: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Body as a JSON object.

    Raises
    ------
    InvalidRequest
        If it is none. NaN and Infinity are no JSON: a missing value is null.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        expected = "a JSON object (NaN and Infinity are no JSON: a missing value is null)"
        raise InvalidRequest(f"the body is no JSON: {error}", where="body", expected=expected) from error
    if type(found) is not dict:
        raise InvalidRequest(f"the body is a {type(found).__name__}", where="body", expected="a JSON object")
    return found


def request_id(found: dict[str, Any]) -> str | None:
    """The id that a request brings, or None.

    Raises
    ------
    InvalidRequest
        If it is no text, or longer than 128 characters.
    """
    given = found.get("id")
    if given is None or given == "":
        return None
    if type(given) is not str:
        raise InvalidRequest(f"id {given!r:.40}", where="id", expected="text")
    if len(given) > _LONGEST_ID:
        raise InvalidRequest(f"an id of {len(given)} characters", where="id", expected=f"at most {_LONGEST_ID}")
    return given


def split_binary(body: bytes, header_length: bytes | None) -> tuple[dict[str, Any], list[memoryview | None] | None]:
    """JSON and binary tensors of an infer request with the binary extension.

    Parameters
    ----------
    body
        Whole body.
    header_length
        Value of ``Inference-Header-Content-Length``, or None.

    Raises
    ------
    InvalidRequest
        If lengths and sizes do not add up.
    """
    if header_length is None:
        return parse(body), None
    where = "Inference-Header-Content-Length"
    length = int(header_length) if header_length.isdigit() and len(header_length) < 12 else -1
    if not 0 < length <= len(body):
        shown = header_length.decode("latin-1")[:40]
        raise InvalidRequest(f"length {shown!r}", where=where, expected=f"a number from 1 to {len(body)}")
    view = memoryview(body)
    parts: list[memoryview | None] = []
    found = parse(view[:length])
    inputs = found.get("inputs")
    at = length
    for index, tensor in enumerate(inputs if isinstance(inputs, list) else []):
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        if size is None:
            parts.append(None)
            continue
        if type(size) is not int or size < 0 or at + size > len(body):
            raise InvalidRequest(
                f"binary_data_size {size!r}", where=f"inputs[{index}]", expected=f"at most {len(body) - at} bytes left"
            )
        parts.append(view[at : at + size])
        at += size
    if at != len(body):
        raise InvalidRequest(f"{len(body) - at} bytes behind the last tensor", where="body", expected="none")
    return found, parts


def wanted_outputs(found: dict[str, Any], served: AnyServed) -> Wanted | None:
    """Outputs that an infer request asks for.

    Raises
    ------
    InvalidRequest
        If it asks for one that the model does not have, or parameters are no object.
    """
    asked, parameters = found.get("outputs"), found.get("parameters")
    if asked is None and parameters is None:
        return None
    if parameters is not None and not isinstance(parameters, dict):
        raise InvalidRequest(f"parameters {parameters!r:.40}", where="parameters", expected="an object")
    binary = bool((parameters or {}).get("binary_data_output", False))
    names = [each.name for each in served.outputs]
    if not asked and asked != []:
        if asked is not None:
            raise InvalidRequest(f"outputs {asked!r:.40}", where="outputs", expected="a list")
        return Wanted([(index, binary) for index in range(len(names))])
    if not isinstance(asked, list):
        raise InvalidRequest(f"outputs {asked!r:.40}", where="outputs", expected="a list")
    chosen = []
    for index, each in enumerate(asked):
        name = each.get("name") if isinstance(each, dict) else None
        if name not in names:
            expected = one_of(names, name if isinstance(name, str) else None)
            raise InvalidRequest(f"no output {name!r}", where=f"outputs[{index}]", expected=expected)
        own = each.get("parameters")
        if own is not None and not isinstance(own, dict):
            raise InvalidRequest(f"parameters {own!r:.40}", where=f"outputs[{index}]", expected="an object")
        chosen.append((names.index(name), bool((own or {}).get("binary_data", binary))))
    return Wanted(chosen or [(index, binary) for index in range(len(names))])


def context_of(found: dict[str, Any], n: int) -> bytes:
    """What came beside the rows and is logged with them, as JSON text; empty for nothing.

    Raises
    ------
    InvalidRequest
        If it is not one object for each row.
    """
    context = found.get("context")
    if context is None:
        return b""
    if not isinstance(context, list) or len(context) != n or not all(isinstance(each, dict) for each in context):
        raise InvalidRequest("context does not fit the rows", where="context", expected=f"a list of {n} objects")
    return orjson.dumps(context)
