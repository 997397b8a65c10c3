"""A checks file as text: YAML whose lines a person can read, accept and strike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

#: Scalars that need no quotes in a YAML list.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.()<>=+\-*/ ,%\"]*\Z")

#: Width that the lines of the header are folded at.
WIDTH = 110


def scalar(text: str) -> str:
    """Write text as a YAML scalar: plain where that is safe, else quoted.

    Examples
    --------
    >>> scalar("row_count >= 5 rows"), scalar("it's: so")
    ('row_count >= 5 rows', "'it''s: so'")
    """
    if (
        _PLAIN.match(text)
        and text == text.strip()
        and text.lower() not in ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
    ):
        return text
    if all(_safe(each) for each in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(each) for each in text) + '"'


def _safe(character: str) -> bool:
    # What str.isprintable lets through is printable in YAML as well, but for a byte order mark (not printable here).
    return character.isprintable()


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if _safe(character):
        return character
    return f"\\U{ord(character):08X}"


def comment(text: str) -> str:
    """Text on one line, so that it may follow ``#``."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def header(lines: Iterable[str]) -> list[str]:
    """Comment lines of a header, folded."""
    import textwrap

    found: list[str] = []
    for line in lines:
        wrapped = textwrap.wrap(comment(line), WIDTH, break_long_words=False, break_on_hyphens=False)
        found += [f"# {each}" for each in wrapped] or ["#"]
    return found


def line(promise: str, support: str, *, doubt: str | None) -> str:
    """Line of one finding: a promise with its support; a comment where it is doubtful, or no promise."""
    if not promise:
        return f"    # {comment(support)}"
    if doubt is not None:
        return f"    # - {scalar(promise)}  # {comment(doubt)} ({comment(support)})"
    return f"    - {scalar(promise)}  # {comment(support)}"


def mapping(name: str, values: Mapping[str, str], *, indent: str) -> list[str]:
    """Lines of a mapping of texts to texts; none where it is empty."""
    if not values:
        return []
    return [f"{indent}{name}:", *(f"{indent}  {scalar(key)}: {scalar(each)}" for key, each in sorted(values.items()))]
