"""Words that stand for "no value": to an empty cell where it is clear that they do."""

from __future__ import annotations

from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import HARD_BLANKS, SOFT_BLANKS, Kind
from holdfast.quality.repair._moments import read_moment
from holdfast.quality.repair._table import Column, Edit

RULE = "missing-word"
_SURE_KINDS = ("number", "date", "time", "code")


def repair_placeholders(column: Column, kind: Kind) -> Found:
    """Make words that stand for "no value" empty cells.

    In a column of numbers, dates, times or codes such a word cannot be a value. In a column of words it can: there it
    goes only when the column shows two ways of saying "nothing" (empty cells, or several such words) or it is rare; a
    lone, frequent word is this table's own convention and is only held back. Soft words ("none", "unknown") in a
    column of words are never touched.

    Returns
    -------
    Found
        Edits to an empty cell.
    """
    found = Found()
    words = {value: value.strip().casefold() for value in column.values}
    hard = [value for value, word in words.items() if word in HARD_BLANKS]
    for value, count in zip(column.values, column.counts.tolist(), strict=True):
        word = words[value]
        if word not in HARD_BLANKS and word not in SOFT_BLANKS and not _says_nothing(value, kind):
            continue
        lone = word in SOFT_BLANKS and kind.name == "code" and count > 0.02 * len(column.codes)
        if kind.name in _SURE_KINDS and not lone:
            found.edits[value] = Edit(None, RULE, 0.95, f"{value!r} is no {kind.name}: it stands for no value")
        elif word in HARD_BLANKS and kind.name not in ("constant", "empty"):
            rare = count <= 0.01 * len(column.codes)
            two_ways = column.empty > 0 or len(hard) > 1
            sure = 0.8 if rare or two_ways else 0.55
            found.edits[value] = Edit(None, RULE, sure, f"{value!r} stands for no value")
    return found


def _says_nothing(value: str, kind: Kind) -> bool:
    """Whether a text in a column of times or dates is words that say that there is none."""
    if kind.name not in ("time", "date") or read_moment(value) is not None:
        return False
    folded = value.casefold()
    return any(word in folded for word in ("not available", "unavailable", "not applicable", "unknown", "pending"))
