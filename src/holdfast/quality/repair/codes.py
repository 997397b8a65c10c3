"""Codes of one shape: the same characters in another punctuation, lost leading zeros, ranges mangled into dates."""

from __future__ import annotations

import re

from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import Kind, is_blank_word, is_number, shape_of
from holdfast.quality.repair._moments import MONTHS
from holdfast.quality.repair._table import Column, Edit

RULE = "code-shape"
_SEPARATORS = frozenset(" -()./_:,#")
_MANGLED = re.compile(r"(?:(?P<n>\d{1,2})-(?P<m>[A-Za-z]{3})|(?P<m2>[A-Za-z]{3})-(?P<n2>\d{2,4}))")


def _into(shape: str, text: str) -> str | None:
    """The letters and digits of `text` in the punctuation of `shape`; None if they do not fit it one by one."""
    kept = [each for each in text if each.isalnum()]
    wanted = [each for each in shape if each in "9aA"]
    if [shape_of(each) for each in kept] != wanted:
        return None
    if any(not each.isalnum() and each not in _SEPARATORS for each in shape + text):
        return None
    supply = iter(kept)
    return "".join(next(supply) if each in "9aA" else each for each in shape)


def repair_codes(column: Column, kind: Kind) -> Found:
    """Bring codes into the shape that most have, when their letters and digits fit it one by one.

    Also gives back leading zeros (only where other codes of the column begin with 0), and undoes what spreadsheets do
    to ranges: "7-Jan" among values such as "12-19" was "1-7".

    Returns
    -------
    Found
        Edits.
    """
    found = Found()
    ranges = column.share(lambda text: re.fullmatch(r"\d+-\d+", text) is not None)
    if ranges >= 0.4:
        _unmangle(column, found)
    shape = kind.shape if kind.name == "code" and kind.share >= 0.7 else _digits_shape(column)
    if not shape:
        return found
    zeros = column.share(lambda text: shape_of(text) == shape and text.startswith("0"))
    for value in column.values:
        if value in found.edits or shape_of(value) == shape or is_blank_word(value):
            continue
        pointed = is_number(value) and not value.isdigit()
        after = None if pointed else _into(shape, value)
        if after is None and zeros > 0.001 and set(shape) == {"9"} and re.fullmatch(r"\d+", value):
            lost = len(shape) - len(value)
            after = value.rjust(len(shape), "0") if 1 <= lost <= 2 else None
        if after is None and set(shape) == {"9"} and re.fullmatch(r"\d+\.0", value):
            after = value[:-2] if len(value) - 2 == len(shape) else None
        if after is not None and after != value:
            found.edits[value] = Edit(after, RULE, 0.88, f"most values have the shape {shape}")
    return found


def _digits_shape(column: Column) -> str:
    """Shape of a column of numbers of one length: 5 digits or more for 80 % of the cells, 4 (years) for 90 %."""
    lengths: dict[int, int] = {}
    for value, count in zip(column.values, column.counts.tolist(), strict=True):
        if re.fullmatch(r"\d+", value):
            lengths[len(value)] = lengths.get(len(value), 0) + int(count)
    if not lengths:
        return ""
    length, most = max(sorted(lengths.items()), key=lambda each: each[1])
    least = 0.8 if length >= 5 else 0.9
    return "9" * length if length >= 4 and most >= least * column.filled else ""


def _unmangle(column: Column, found: Found) -> None:
    for value in column.values:
        match = _MANGLED.fullmatch(value)
        month = (match["m"] or match["m2"]).lower() if match else ""
        if match is None or month not in MONTHS:
            continue
        number = MONTHS.index(month) + 1
        after = f"{number}-{match['n']}" if match["n"] else f"{number}-{match['n2']}"
        found.edits[value] = Edit(after, RULE, 0.75, "a range that a spreadsheet turned into a date")
