"""Spelling: the characters that texts of no fixed form begin, go on and end with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from holdfast.quality.profiling._drafts import Candidate, Column, counted, share

#: Texts needed, texts looked at, and the longest that is.
ENOUGH, LOOKED, LONGEST = 50, 20_000, 1000

#: Least share of the texts that keep to the spelling.
COVERED = 0.98

#: Classes of characters, from narrow to wide; the first that covers nearly all is taken.
_CLASSES = (
    "[0-9]",
    "[A-Z]",
    "[a-z]",
    "[A-Za-z]",
    "[A-Za-z0-9]",
    r"\p{Lu}",
    r"\p{Ll}",
    r"\p{L}",
    r"[\p{L}\p{N}]",
    r"\S",
)

#: A text without blanks at its ends that holds a large and a small letter.
BOTH_CASES = r"(?:\S.*)?\p{Lu}.*\p{Ll}(?:.*\S)?|(?:\S.*)?\p{Ll}.*\p{Lu}(?:.*\S)?"

#: Punctuation that is told by itself, at most, and the texts that it stands in, at least.
MARKS, SEEN = 12, 3


def spelling(column: Column) -> Candidate | None:
    """Check of the characters that texts begin with, go on with and end with; None where anything goes."""
    step = max(1, column.n // LOOKED)
    values, half = column.values.gather_every(step), column.half[::step]
    if values.len() < ENOUGH or int(values.str.len_chars().max() or 0) > LONGEST:  # type: ignore[arg-type]  # of lengths
        return None
    pattern = _pattern(values)
    if _covers(values, BOTH_CASES) and (pattern is None or not pattern.startswith(("[A-Z]", "[a-z]"))):
        # Where texts begin in many ways, that they hold large and small letters says more than what they begin with.
        pattern = BOTH_CASES
    if pattern is None:
        return None
    failing = column.n - _matching(column.values, pattern)
    surprises = max(_unlike(values, half, pattern), _unlike(values, ~half, pattern)) * step
    worst = max(failing, surprises / 2)
    if worst / column.n > 1 - COVERED:
        return None
    what = "hold large and small letters" if pattern == BOTH_CASES else "begin, go on and end with these characters"
    support = f"{counted(column.n - failing, column.n)} texts {what}"
    return share(
        "pattern",
        "matches",
        [column.name],
        [pattern],
        failing=worst,
        n=column.n,
        support=support,
        doubt=column.scarce,
    )


def _matching(values: pl.Series, pattern: str) -> int:
    return int(values.str.contains(f"^(?:{pattern})$").sum())


def _covers(values: pl.Series, pattern: str) -> bool:
    return _matching(values, pattern) >= (1 - (1 - COVERED) / 2) * values.len()


def _unlike(values: pl.Series, half: np.ndarray, pattern: str) -> int:
    """Texts of one half that break the pattern; where it was learned from characters, that of the other half."""
    found = pattern if pattern == BOTH_CASES else _pattern(values.filter(pl.Series(half)))
    fresh = values.filter(pl.Series(~half))
    return fresh.len() - (_matching(fresh, found) if found is not None else 0)


def _pattern(values: pl.Series) -> str | None:
    """Pattern of the texts: first character, those between, last; None where ends are blank or lines break."""
    first = _narrowest(values.str.slice(0, 1), _CLASSES)
    last = _narrowest(values.str.slice(-1), _CLASSES)
    between = _between(values)
    if first is None or last is None or between is None:
        return None
    return f"{first}(?:{between}*{last})?"


def _narrowest(ends: pl.Series, classes: Sequence[str]) -> str | None:
    for each in classes:
        if ends.len() and int(ends.str.contains(f"^{each}$").sum()) >= (1 - (1 - COVERED) / 4) * ends.len():
            return each
    return None


def _between(values: pl.Series) -> str | None:
    """Class of all the characters that are usual in the texts."""
    counts = values.str.split("").list.unique().explode().drop_nulls().value_counts()
    usual = {str(each) for each, n in counts.iter_rows() if n >= SEEN and each}
    if any(not each.isprintable() for each in usual):
        return None
    letters = [each for each in usual if each.isalpha()]
    marks = sorted(each for each in usual if not each.isalnum())
    if len(marks) > MARKS:
        return None
    plain = all(each.isascii() for each in letters)
    parts = (
        [r"\p{L}"]
        if not plain
        else [
            name for name, holds in (("A-Z", str.isupper), ("a-z", str.islower)) if any(holds(each) for each in letters)
        ]
    )
    parts += ["0-9"] if any(each.isdigit() for each in usual) else []
    # A hyphen stands last, where it means itself.
    parts += [f"\\x{{{ord(each):x}}}" if each in "[]\\^" else each for each in marks if each != "-"]
    parts += ["-"] if "-" in marks else []
    return f"[{''.join(parts)}]" if parts else None
