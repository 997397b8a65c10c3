"""What a column mostly is: number, date, time, code of one shape, category, key or free text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from holdfast.quality.repair._moments import read_moment
from holdfast.quality.repair._table import Column, Flags

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
# Texts that stand for "no value" wherever they are met: never a category of anything by themselves.
HARD_BLANKS = frozenset(
    [
        "n/a",
        "#n/a",
        "na/",
        "n.a.",
        "n.a",
        "<na>",
        "null",
        "(null)",
        "nan",
        "nat",
        "?",
        "??",
        "???",
        "-",
        "--",
        "---",
        "_",
        ".",
        "..",
        "...",
        "#null!",
        "#value!",
        "#ref!",
        "#div/0!",
        "undefined",
        "<null>",
        "[null]",
        "\\n",
    ]
)
# Texts that often stand for "no value", but can be an answer ("none", "unknown").
SOFT_BLANKS = frozenset(
    {
        "na", "none", "nil", "unknown", "unk", "missing", "not available", "not applicable", "not known",
        "no data", "not specified", "unspecified", "empty", "blank", "tbd", "tba", "xxx", "void",
    }
)  # fmt: skip


def shape_of(text: str) -> str:
    """Shape of a text: digits as 9, letters as a or A, all else as it is.

    Examples
    --------
    >>> shape_of("AB-12c")
    'AA-99a'
    """
    return "".join(
        "9" if each.isdigit() else ("A" if each.isupper() else "a") if each.isalpha() else each for each in text
    )


def is_blank_word(text: str) -> bool:
    """Whether a text is one that stands for "no value" in some tables."""
    folded = text.strip().casefold()
    return folded in HARD_BLANKS or folded in SOFT_BLANKS


def is_number(text: str) -> bool:
    """Whether a text is a plain number with a decimal point."""
    return NUMBER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column mostly is.

    Parameters
    ----------
    name
        ``empty``, ``constant``, ``number``, ``date``, ``time``, ``code``, ``category``, ``key``, ``name`` or ``prose``.
    share
        Share of the filled cells, words for "no value" left out, that are so; in [0, 1].
    distinct
        Number of distinct values over number of filled cells, in (0, 1].
    shape
        The shape that most values of a ``code`` have, else an empty text.
    """

    name: str
    share: float
    distinct: float
    shape: str = ""


def kind_of(column: Column) -> Kind:
    """Tell what a column mostly is, from its values and how often they occur."""
    pairs = [(v, int(c)) for v, c in zip(column.values, column.counts, strict=True) if not is_blank_word(v)]
    total = sum(count for _, count in pairs)
    if not total:
        return Kind("empty", 1.0, 1.0)
    distinct = len(pairs) / total
    if len(pairs) == 1:
        return Kind("constant", 1.0, distinct)
    numbers = sum(c for v, c in pairs if is_number(v)) / total
    if numbers >= 0.7:
        return Kind("number", numbers, distinct)
    moments = Counter[str]()
    for value, count in pairs:
        moment = read_moment(value)
        if moment is not None:
            moments[moment.kind] += count
    if moments and sum(moments.values()) / total >= 0.6:
        kind, _ = max(sorted(moments.items()), key=lambda each: each[1])
        return Kind(kind, sum(moments.values()) / total, distinct)
    return _text_kind(pairs, total, distinct)


def _text_kind(pairs: list[tuple[str, int]], total: int, distinct: float) -> Kind:
    shapes = Counter[str]()
    for value, count in pairs:
        if len(value) <= 40:
            shapes[shape_of(value)] += count
    shape, most = max(sorted(shapes.items()), key=lambda each: each[1], default=("", 0))
    if most / total >= 0.6 and "9" in shape:
        return Kind("code", most / total, distinct, shape)
    length = float(np.average([len(v) for v, _ in pairs], weights=[c for _, c in pairs]))
    if distinct > 0.5 and length > 40:
        return Kind("prose", 1.0, distinct)
    if distinct > 0.95:
        return Kind("key", 1.0, distinct)
    return Kind("name" if distinct > 0.2 else "category", 1.0, distinct)


def odd_values(column: Column, kind: Kind) -> Flags:
    """Values that do not fit what the column is, shape (distinct values,).

    A text among numbers; among codes of one length, or of digits and signs only, a text with a letter where a digit
    stands.
    """
    odd = np.zeros(len(column.values), dtype=bool)
    lettered = column.share(lambda text: any(each.isalpha() for each in text) and not is_blank_word(text))
    if kind.name == "number" and kind.share >= 0.85:
        odd = np.array([not is_number(v) and not is_blank_word(v) for v in column.values], dtype=bool)
    elif kind.name in ("code", "time", "date") and lettered <= 0.1:
        odd = np.array([any(e.isalpha() for e in v) and not is_blank_word(v) for v in column.values], dtype=bool)
    elif kind.name == "code" and kind.share >= 0.85:
        odd = np.array([_class_clash(v, kind.shape) for v in column.values], dtype=bool)
    return _without_second_form(column, odd)


def _without_second_form(column: Column, odd: Flags) -> Flags:
    """Odd values, without those of one shape that holds most of them: that is a second kind of code, not an error."""
    shapes = Counter[str]()
    for code in np.flatnonzero(odd).tolist():
        shapes[shape_of(column.values[code])] += int(column.counts[code])
    shape, most = max(sorted(shapes.items()), key=lambda each: each[1], default=("", 0))
    if len(shape) < 2 or most < 5 or most < 0.5 * sum(shapes.values()):
        return odd
    return np.array([o and shape_of(v) != shape for o, v in zip(odd, column.values, strict=True)], dtype=bool)


def _class_clash(text: str, shape: str) -> bool:
    """Whether a text has the length of a shape, but a letter or a sign where the shape has a digit, or the like."""
    own = shape_of(text)
    return len(own) == len(shape) and own.casefold() != shape.casefold()
