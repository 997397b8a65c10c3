"""Tensors of the Open Inference Protocol v2: JSON (flat or nested) and the binary extension, to arrays and back."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidRequest, one_of

#: The protocol's datatypes and the arrays that hold them (text is held as objects).
ARRAYS: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
FLOATS = frozenset({"FP16", "FP32", "FP64"})
_KINDS = {bool: "true or false", str: "text", dict: "an object", type(None): "null", int: "a number", float: "a number"}
_DEEPEST = 16
_LENGTH = struct.Struct("<I")


def place(tensor: Mapping[str, Any]) -> str:
    """Where an error about a tensor is."""
    return f"inputs[{tensor.get('name')!r}]"


def checked(tensor: object, index: int) -> dict[str, Any]:
    """A tensor's JSON, after a look at its fields.

    Raises
    ------
    InvalidRequest
        If it is no object, or name, datatype or shape are missing or of the wrong type.
    """
    if not isinstance(tensor, dict):
        raise InvalidRequest(f"{_kind(tensor)} for a tensor", where=f"inputs[{index}]", expected="an object")
    name = tensor.get("name")
    if not isinstance(name, str):
        raise InvalidRequest("a tensor without a name", where=f"inputs[{index}]", expected="the name of an input")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in ARRAYS:
        word = datatype if isinstance(datatype, str) else None
        raise InvalidRequest(f"datatype {datatype!r}", where=place(tensor), expected=one_of(ARRAYS, word))
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 1 << 31 for size in shape):
        raise InvalidRequest(f"shape {shape!r}", where=place(tensor), expected="a list of sizes, such as [1, 1]")
    return tensor


def values_of(tensor: Mapping[str, Any], binary: memoryview | None, *, limit: int) -> list[Any] | np.ndarray:
    """Values of a tensor, flat in row-major order: a list from JSON, an array from binary data.

    Raises
    ------
    InvalidRequest
        If there are not as many as its shape says, or more than `limit`.
    """
    count = 1
    for size in tensor["shape"]:
        count *= size
    if count > limit:
        raise InvalidRequest(f"{count} values", where=place(tensor), expected=f"at most {limit}")
    if binary is not None:
        return _from_binary(tensor, binary, count)
    data = tensor.get("data")
    if not isinstance(data, list):
        raise InvalidRequest(f"{_kind(data)} for data", where=place(tensor), expected="a list of values")
    flat = data if not data or not isinstance(data[0], list) else list(_flat(data, place(tensor), 0))
    if len(flat) != count:
        shape = tensor["shape"]
        raise InvalidRequest(f"{len(flat)} values for shape {shape}", where=place(tensor), expected=f"{count} values")
    return flat


def _flat(data: list[Any], where: str, depth: int) -> Iterator[Any]:
    if depth >= _DEEPEST:
        raise InvalidRequest(f"data nested deeper than {_DEEPEST}", where=where, expected="a flat list, row by row")
    for each in data:
        if isinstance(each, list):
            yield from _flat(each, where, depth + 1)
        else:
            yield each


def _from_binary(tensor: Mapping[str, Any], binary: memoryview, count: int) -> list[Any] | np.ndarray:
    if tensor["datatype"] == "BYTES":
        return _texts(binary, count, place(tensor))
    kind = np.dtype(ARRAYS[tensor["datatype"]])
    if len(binary) != count * kind.itemsize:
        expected = f"{count * kind.itemsize} ({count} values of {kind.itemsize})"
        raise InvalidRequest(f"{len(binary)} bytes of binary data", where=place(tensor), expected=expected)
    return np.frombuffer(binary, kind)


def _texts(binary: memoryview, count: int, where: str) -> list[str]:
    texts, at = [], 0
    while at < len(binary):
        if at + 4 > len(binary):
            raise InvalidRequest("a cut length in binary text", where=where, expected="4 bytes of length before each")
        (length,) = _LENGTH.unpack_from(binary, at)
        at += 4
        if at + length > len(binary):
            raise InvalidRequest(f"binary text of {length} bytes is cut", where=where, expected="as many bytes")
        try:
            texts.append(bytes(binary[at : at + length]).decode())
        except UnicodeDecodeError as error:
            raise InvalidRequest("binary text is not UTF-8", where=where, expected="UTF-8") from error
        at += length
    if len(texts) != count:
        raise InvalidRequest(f"{len(texts)} binary texts", where=where, expected=str(count))
    return texts


def as_numbers(values: Sequence[Any] | np.ndarray, datatype: str, *, where: str) -> np.ndarray:
    """Values as 64-bit floats, shape (n,); null is NaN (a missing value).

    Raises
    ------
    InvalidRequest
        If a value is no number of that datatype.
    """
    if isinstance(values, np.ndarray):
        return values.astype(np.float64)
    kinds = set(map(type, values))
    allowed = {bool} if datatype == "BOOL" else {int, float} if datatype in FLOATS else {int}
    allowed = allowed | {type(None)}
    if not kinds <= allowed:
        index = next(index for index, each in enumerate(values) if type(each) not in allowed)
        wanted = "true or false" if datatype == "BOOL" else "a number" if datatype in FLOATS else "a whole number"
        raise InvalidRequest(
            f"{_show(values[index])} in a {datatype} tensor",
            where=f"{where}.data[{index}]",
            expected=f"{wanted}, or null",
        )
    made = np.array(values, dtype=np.float64)
    if datatype not in FLOATS and datatype != "BOOL" and len(made):
        limits = np.iinfo(ARRAYS[datatype])
        beyond = np.flatnonzero((made < limits.min) | (made > limits.max))
        if len(beyond):
            index = int(beyond[0])
            raise InvalidRequest(
                f"{values[index]} in a {datatype} tensor",
                where=f"{where}.data[{index}]",
                expected=f"a number from {limits.min} to {limits.max}",
            )
    return made


def as_float32(numbers: np.ndarray, *, where: str) -> np.ndarray:
    """Numbers as 32-bit floats.

    Raises
    ------
    InvalidRequest
        If a number has no 32-bit form: it is infinite, or would become so.
    """
    with np.errstate(over="ignore"):
        made = numbers.astype(np.float32)
    if np.isinf(made).any():
        index = int(np.flatnonzero(np.isinf(made))[0])
        raise InvalidRequest(
            f"{numbers[index]} at {index}", where=where, expected="a number within ±3.4e38, or null for a missing one"
        )
    return made


def as_texts(values: Sequence[Any] | np.ndarray, datatype: str, *, where: str) -> list[str]:
    """Values as text; null is the empty string (a missing value).

    Raises
    ------
    InvalidRequest
        If the datatype is not BYTES, or a value is no text.
    """
    if datatype != "BYTES":
        raise InvalidRequest(f"datatype {datatype} for a text column", where=where, expected="BYTES")
    texts = []
    for index, each in enumerate(values):
        if each is None:
            texts.append("")
        elif type(each) is str:
            texts.append(each)
        else:
            raise InvalidRequest(f"{_show(each)} in a BYTES tensor", where=f"{where}.data[{index}]", expected="text")
    return texts


def as_array(values: Sequence[Any] | np.ndarray, datatype: str, shape: Sequence[int], *, where: str) -> np.ndarray:
    """Values as an array of exactly that datatype, for a graph whose inputs are taken as they are.

    Raises
    ------
    InvalidRequest
        If a value is not of that datatype.
    """
    if datatype == "BYTES":
        return np.array(as_texts(values, datatype, where=where), dtype=object).reshape(shape)
    if isinstance(values, np.ndarray):
        return values.reshape(shape)
    if datatype in ("INT64", "UINT64"):
        return _wide(values, datatype, where).reshape(shape)
    numbers = as_numbers(values, datatype, where=where)
    if np.isnan(numbers).any() and datatype not in FLOATS:
        raise InvalidRequest(f"null in a {datatype} tensor", where=where, expected="a value")
    if datatype == "FP32":
        return as_float32(numbers, where=where).reshape(shape)
    return numbers.astype(ARRAYS[datatype]).reshape(shape)


def _wide(values: Sequence[Any], datatype: str, where: str) -> np.ndarray:
    """64-bit integers do not pass through a float: it has 53 bits."""
    try:
        if set(map(type, values)) <= {int}:
            return np.array(values, dtype=ARRAYS[datatype])
    except OverflowError:
        pass
    raise InvalidRequest(f"not all values are {datatype}", where=where, expected="whole numbers in its range")


def to_json(array: np.ndarray, datatype: str) -> list[Any]:
    """Values for JSON, flat; what JSON has no number for (NaN, the infinities) is null."""
    flat = array.reshape(-1)
    if datatype in FLOATS and not np.isfinite(flat).all():
        return [each if each - each == 0 else None for each in flat.tolist()]
    if datatype == "BYTES":
        return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in flat]
    return flat.tolist()


def to_binary(array: np.ndarray, datatype: str) -> bytes:
    """Values as the binary extension writes them: little-endian, row by row; texts each with their length before."""
    if datatype != "BYTES":
        return np.ascontiguousarray(array, dtype=np.dtype(ARRAYS[datatype]).newbyteorder("<")).tobytes()
    parts = []
    for each in array.reshape(-1):
        text = each if isinstance(each, bytes) else str(each).encode("utf-8", "replace")
        parts += [_LENGTH.pack(len(text)), text]
    return b"".join(parts)


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a list" if isinstance(value, list) else "nothing")


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
