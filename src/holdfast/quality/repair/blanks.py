"""Blanks and characters: outer and inner blanks, invisible characters, wrong encodings."""

from __future__ import annotations

import re
import unicodedata

from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import Kind
from holdfast.quality.repair._table import Column, Edit

_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ODD_BLANK = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000\t]")
# The first bytes of UTF-8 sequences as they look when they are read as Windows-1252 or Latin-1.
_MOJIBAKE = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)


def _unmangled(text: str) -> str:
    """Text whose UTF-8 bytes were read as Windows-1252 (or Latin-1), read again; the same text if it was not so."""
    if not _MOJIBAKE.search(text):
        return text
    for encoding in ("cp1252", "latin-1"):
        try:
            fixed = text.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        return text if "\ufffd" in fixed else fixed
    return text


def repair_blanks(column: Column, kind: Kind) -> Found:
    """Trim outer blanks, drop invisible characters, undo wrong encodings, join values that differ by inner blanks.

    Inner blanks are only collapsed when the collapsed text is a more frequent value of the same column: two blanks in
    a sentence may be as its author wrote them. Prose is not trimmed.

    Returns
    -------
    Found
        Edits to other texts, or to an empty cell where nothing but blanks was there.
    """
    found = Found()
    counts = dict(zip(column.values, column.counts.tolist(), strict=True))
    for value in column.values:
        clean = _unmangled(value)
        rule, sure = ("encoding", 0.97) if clean != value else ("blanks", 0.99)
        if kind.name != "prose":
            clean = _ODD_BLANK.sub(" ", _INVISIBLE.sub("", clean)).strip()
        elif not clean.strip():
            clean = ""
        composed = unicodedata.normalize("NFC", clean)
        if composed != clean and composed in counts:
            clean = composed
        squeezed = re.sub(r"\s{2,}", " ", clean)
        if squeezed != clean and counts.get(squeezed, 0) > counts[value]:
            clean = squeezed
        if clean != value:
            reason = (
                "bytes of UTF-8 were read in another encoding"
                if rule == "encoding"
                else "needless blanks or invisible characters"
            )
            found.edits[value] = Edit(clean or None, rule, sure, reason)
    return found
