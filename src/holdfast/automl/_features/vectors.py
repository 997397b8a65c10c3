"""Word vectors from a local file: the text format of word2vec and GloVe, or safetensors beside a list of words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotFound, UnreadableData

#: Greatest header of a safetensors file, as the format has it.
_MOST_HEADER = 100_000_000
_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "F64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}


def read(path: Path, wanted: frozenset[str], *, vocabulary: Path | None = None) -> dict[str, np.ndarray]:
    """Vectors of the words that are wanted, those that the file has; nothing else of it is kept.

    Parameters
    ----------
    path
        ``*.safetensors`` with one matrix (words, d), or text: a word and d numbers a line, where a first line of two
        whole numbers (word2vec's) is passed over.
    wanted
        Words, in lower case.
    vocabulary
        For safetensors: text file with the word of each row, one a line.

    Returns
    -------
    dict of str to numpy.ndarray
        Shape (d,) float32 each. Where the file has a word twice, the first counts.

    Raises
    ------
    NotFound
        If there is no such file.
    UnreadableData
        If the file is not what it should be; names the line.
    InvalidValue
        If safetensors come without a vocabulary.
    """
    for each in (path, vocabulary):
        if each is not None and not each.is_file():
            raise NotFound(f"no file {each}", where="word vectors", expected="a local file of word vectors")
    if path.suffix == ".safetensors":
        if vocabulary is None:
            raise InvalidValue("safetensors without a vocabulary", where="word vectors", expected="vocabulary: a file")
        return _from_matrix(path, vocabulary, wanted)
    return _from_text(path, wanted)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip("\r\n ")
    except UnicodeDecodeError as error:
        raise UnreadableData(f"not text: {error.reason}", where=str(path), expected="UTF-8") from error


def _from_text(path: Path, wanted: frozenset[str]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    width = 0
    for number, line in _lines(path):
        word, _, rest = line.partition(" ")
        if number == 1 and word.isdigit() and rest.isdigit():
            continue
        if word not in wanted or word in found:
            continue
        found[word] = _numbers(rest, where=f"{path}:{number}")
        width = width or len(found[word])
        if len(found[word]) != width:
            raise UnreadableData(f"{len(found[word])} numbers", where=f"{path}:{number}", expected=f"{width}")
    return found


def _numbers(text: str, *, where: str) -> np.ndarray:
    try:
        made = np.array(text.split(), dtype=np.float32)
    except ValueError as error:
        raise UnreadableData(f"{text[:40]!r} is no vector", where=where, expected="a word and its numbers") from error
    if not len(made) or not np.isfinite(made).all():
        raise UnreadableData(f"{text[:40]!r} is no vector", where=where, expected="a word and its finite numbers")
    return made


def _from_matrix(path: Path, vocabulary: Path, wanted: frozenset[str]) -> dict[str, np.ndarray]:
    matrix, bfloat = _matrix(path)
    words = [line for _, line in _lines(vocabulary)]
    if len(words) != len(matrix):
        raise UnreadableData(f"{len(words)} words", where=str(vocabulary), expected=f"{len(matrix)}, a row each")
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        if word in wanted:
            rows.setdefault(word, row)
    made = np.asarray(matrix[list(rows.values())])
    # bfloat16 is the upper half of a float32.
    wide = (made.astype(np.uint32) << 16).view(np.float32) if bfloat else made.astype(np.float32)
    if not np.isfinite(wide).all():
        raise UnreadableData("a vector that is not finite", where=str(path), expected="finite numbers")
    return dict(zip(rows, wide, strict=True))


def _matrix(path: Path) -> tuple[np.ndarray, bool]:
    """Matrix of a safetensors file, mapped and not read, and whether its numbers are bfloat16."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(_MOST_HEADER, size - 8):
            raise UnreadableData("no header", where=str(path), expected="a safetensors file")
        text = file.read(length)
    try:
        header: Any = json.loads(text)
        (only,) = (value for name, value in header.items() if name != "__metadata__")
        kind, (rows, width), (start, end) = only["dtype"], only["shape"], only["data_offsets"]
        cells, dtype = int(rows) * int(width), _DTYPES[kind]
        sound = rows > 0 and width > 0 and start >= 0 and end - start == cells * dtype.itemsize
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableData(
            "no matrix of numbers", where=str(path), expected=f"one matrix (words, d) of {', '.join(_DTYPES)}"
        ) from error
    sound = sound and 8 + length + end <= size
    if not sound:
        raise UnreadableData("shape and offsets do not fit", where=str(path), expected="a whole safetensors file")
    made = np.memmap(path, dtype=dtype, mode="r", offset=8 + length + start, shape=(rows, width))
    return made, kind == "BF16"
