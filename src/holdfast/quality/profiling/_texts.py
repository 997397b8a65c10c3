"""Checks of columns of text that are no categories: lengths, and the pattern that nearly all of them share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from holdfast.quality.profiling._drafts import Candidate, Column, counted, share, shown
from holdfast.quality.profiling._numbers import range_of
from holdfast.quality.profiling._spelling import spelling

#: Longest text that is looked at for a pattern, and how many texts are.
LONGEST, LOOKED = 80, 20_000

#: Most forms that one pattern may join, and the least share of the texts that they cover.
FORMS, COVERED = 4, 0.98

#: Most pieces of a form: a text of more is prose, not a code.
PIECES = 12

#: Classes of characters, from narrow to wide: for each, its regular expression and the classes it takes in.
_NARROW = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}
_WIDE = {"9": "[0-9]", "w": "[A-Za-z]"}
_WIDEST = {"x": "[A-Za-z0-9]"}

Form = tuple[str, ...]


def texts(column: Column) -> Iterator[Candidate]:
    """Length and pattern of a column of text."""
    yield _length(column)
    found = _pattern(column) or spelling(column)
    if found is not None:
        yield found


def _length(column: Column) -> Candidate:
    lengths = column.values.str.len_chars().to_numpy().astype(np.float64)
    low, high = range_of(np.sort(lengths), whole=True)
    half = column.half
    surprises = max(_outside(lengths, half), _outside(lengths, ~half))
    support = f"{int(lengths.min())} to {int(lengths.max())} characters in {column.n} texts"
    return share(
        "length",
        "has_length",
        [column.name],
        [low, high],
        failing=surprises / 2,
        n=column.n,
        support=support,
        doubt=column.scarce,
    )


def _outside(lengths: np.ndarray, half: np.ndarray) -> int:
    learned, fresh = lengths[half], lengths[~half]
    if not len(learned) or not len(fresh):
        return 0
    low, high = range_of(np.sort(learned), whole=True)
    return int(((fresh < low) | (fresh > high)).sum())


def _pattern(column: Column) -> Candidate | None:
    step = max(1, column.n // LOOKED)
    values, half = column.values.gather_every(step), column.half[::step]
    for classes in (_NARROW, _WIDE, _WIDEST):
        found = _generalised(values, classes)
        if found is not None:
            break
    else:
        return None
    pattern, forms = found
    fits = _matching(column.values, pattern)
    failing = column.n - int(fits.sum())
    if failing / column.n > 1 - COVERED:
        return None
    surprises = max(_unlike(values, half, classes), _unlike(values, ~half, classes)) * step
    few = f"one form, such as {shown(forms[0])}" if len(forms) == 1 else f"{len(forms)} forms: {_examples(forms)}"
    said = f"{counted(column.n - failing, column.n)} texts have {few}"
    doubt = column.scarce
    if max(failing, surprises / 2) / column.n > 1 - COVERED:
        doubt = "one half holds forms that the other does not"
    return share(
        "pattern",
        "matches",
        [column.name],
        [pattern],
        failing=max(failing, surprises / 2),
        n=column.n,
        support=said,
        doubt=doubt,
    )


def _examples(forms: Sequence[str]) -> str:
    return ", ".join(shown(each) for each in forms)


def _matching(values: pl.Series, pattern: str) -> np.ndarray:
    found: np.ndarray = values.str.contains(f"^(?:{pattern})$").fill_null(value=False).to_numpy()
    return found


def _unlike(values: pl.Series, half: np.ndarray, classes: dict[str, str]) -> int:
    """How many texts of one half do not have the pattern that the other half taught."""
    found = _generalised(values.filter(pl.Series(half)), classes)
    fresh = values.filter(pl.Series(~half))
    return fresh.len() - (int(_matching(fresh, found[0]).sum()) if found is not None else 0)


def _generalised(values: pl.Series, classes: dict[str, str]) -> tuple[str, list[str]] | None:
    """Pattern of the few forms that nearly all the texts have, and what the forms look like; None where there is none.

    A form is the order of the classes of its characters, punctuation as itself, lengths aside: ``AB-123`` and ``CD-7``
    are ``A-9``. Lengths come back as they were seen.
    """
    if not values.len() or int(values.str.len_chars().max() or 0) > LONGEST:  # type: ignore[arg-type]  # of lengths
        return None
    shapes = _shapes(values, classes)
    counts: Counter[Form] = Counter()
    runs: dict[Form, list[tuple[int, int]]] = {}
    for shape, n in shapes.iter_rows():
        pieces = _pieces(shape, classes)
        form = tuple(kind for kind, _ in pieces)
        counts[form] += n
        seen = runs.setdefault(form, [(length, length) for _, length in pieces])
        runs[form] = [
            (min(low, length), max(high, length)) for (low, high), (_, length) in zip(seen, pieces, strict=True)
        ]
    kept = [form for form, n in counts.most_common(FORMS) if n / values.len() >= 1 - COVERED]
    covered = sum(counts[form] for form in kept) / values.len()
    if covered < COVERED or any(len(form) > PIECES or not form for form in kept):
        return None
    if len(classes) == 1 and all(form == ("x",) for form in kept):
        return None
    kept = sorted(kept)
    return "|".join(_written(form, runs[form], classes) for form in kept), [_picture(form, runs[form]) for form in kept]


def _shapes(values: pl.Series, classes: dict[str, str]) -> pl.DataFrame:
    made = pl.col("text")
    # Each class is told by a character that no text holds as itself any more (private use area).
    for place, pattern in enumerate(classes.values()):
        made = made.str.replace_all(pattern, chr(0xE000 + place))
    return values.alias("text").to_frame().group_by(made.alias("shape")).len().sort("shape")


def _pieces(shape: str, classes: dict[str, str]) -> list[tuple[str, int]]:
    names = list(classes)
    found: list[tuple[str, int]] = []
    for each in re.finditer(r"(.)\1*", shape, flags=re.DOTALL):
        place = ord(each[1]) - 0xE000
        found.append((names[place] if 0 <= place < len(names) else f"={each[1]}", len(each[0])))
    return found


def _written(form: Form, runs: Sequence[tuple[int, int]], classes: dict[str, str]) -> str:
    parts = []
    for kind, (low, high) in zip(form, runs, strict=True):
        one = classes[kind] if kind in classes else _literal(kind[1:])
        if low == high:
            parts.append(one if low == 1 else one + f"{{{low}}}")
        else:
            parts.append(f"{one}+")
    return "".join(parts)


def _literal(character: str) -> str:
    if character.isalnum() or character in " _-/:,@'\"<>=!%;~`":
        return character
    # A class of one needs no backslash, which would have to be written twice in a promise.
    plain = character.isprintable() and character not in "[]\\^&"
    return f"[{character}]" if plain else f"\\x{{{ord(character):x}}}"


def _picture(form: Form, runs: Sequence[tuple[int, int]]) -> str:
    """What a form looks like: ``AA-999`` (``+`` where the length varies)."""
    parts = []
    for kind, (low, high) in zip(form, runs, strict=True):
        one = kind[1:] if kind.startswith("=") else kind
        parts.append(one * low if low == high and low <= 12 else f"{one}+")
    return "".join(parts)
