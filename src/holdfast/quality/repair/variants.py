"""Spellings of one value that differ in case, blanks or punctuation only: to the one that most cells have."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import Kind
from holdfast.quality.repair._table import Column, Edit

RULE = "spelling-variant"


def folded(text: str) -> str:
    """Text without case, accents, punctuation and blanks.

    Examples
    --------
    >>> folded("St.  Louis"), folded("ST LOUIS")
    ('stlouis', 'stlouis')
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[\W_]", "", "".join(each for each in plain if not unicodedata.combining(each)))


def _style(text: str) -> str:
    letters = [each for each in text if each.isalpha()]
    if len(letters) < 2:
        return ""
    if all(each.islower() for each in letters):
        return "lower"
    if all(each.isupper() for each in letters):
        return "upper"
    return "title" if text == text.title() else "mixed"


def repair_variants(column: Column, kind: Kind) -> Found:
    """Join spellings of one value, and give a column that is written in one case that case throughout.

    Two spellings are joined when one is at least four times as frequent as the other; signs that carry meaning between
    digits or before them (12.5 and 125, -1 and 1) keep values apart.

    Returns
    -------
    Found
        Edits.
    """
    found = Found()
    if kind.name in ("number", "date", "time", "constant", "empty", "prose"):
        return found
    groups: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for value, count in zip(column.values, column.counts.tolist(), strict=True):
        key = re.sub(r"(?<=\d)[\W_]+(?=\d)|^[\W_]+(?=\d)", lambda match: f"\0{match[0]}\0", value)
        groups[
            "".join(part if part.startswith("\0") else folded(part) for part in re.split("(\0[^\0]*\0)", key))
        ].append((int(count), value))
    for key, members in groups.items():
        if len(members) < 2 or not key.strip("\0"):
            continue
        (most, best), *others = sorted(members, key=lambda each: (-each[0], each[1]))
        for count, value in others:
            only_case = value.casefold() == best.casefold()
            if most >= (3 if only_case else 4) * count and most >= 3 and len(folded(value)) > 1:
                # A spelling met more than once may be another thing's own name.
                ratio = (most - (count if count > 1 else 0)) / (most + count)
                found.edits[value] = Edit(
                    best, RULE, 0.93 * ratio, f"{best!r} is the usual spelling ({most} to {count})"
                )
    if kind.name in ("category", "name", "code"):
        _one_case(column, found)
    return found


def _one_case(column: Column, found: Found) -> None:
    styles: defaultdict[str, int] = defaultdict(int)
    for value, count in zip(column.values, column.counts.tolist(), strict=True):
        styles[_style(value)] += int(count)
    total = sum(count for style, count in styles.items() if style)
    for style, change in (("lower", str.lower), ("upper", str.upper)):
        if total < 20 or styles[style] < 0.97 * total:
            continue
        for value, count in zip(column.values, column.counts.tolist(), strict=True):
            after = change(value)
            if (
                value not in found.edits
                and _style(value) not in ("", style)
                and count <= max(2, 0.001 * total)
                and len(value) > 3
                and after != value
            ):
                found.edits[value] = Edit(after, RULE, 0.8, f"the column is written in {style} case")
