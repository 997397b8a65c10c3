"""Regular expressions of Rust's syntax, told to other engines; what they may read otherwise is refused."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from holdfast.core.errors import NotMeasurable

#: White space of Unicode, which is what Rust's \s is.
SPACES = (
    (0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
    (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<escape>\\(?:[pP]\{[A-Za-z]{1,2}\}|[pP][A-Z]|.))
      | (?P<class>\[(?:\^)?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\\[&~-]|-(?!-)|&(?!&)|~(?!~))+\])
      | (?P<any>\(\?s:\.\*?\))
      | (?P<group>\(\?:|\((?!\?))
      | (?P<flag>\(\?i\))
      | (?P<many>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??)
      | (?P<other>[\^$.|)]|[^\\\[\](){}*+?^$.|])""",
    re.VERBOSE | re.DOTALL,
)
#: Not < and >: Rust reads \< and \> as the ends of a word.
_LITERAL = set(r"\.+*?()|[]{}^$#&-~/ ,:;=!@%'\"`_")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}


@dataclass(frozen=True, slots=True)
class Syntax:
    r"""How an engine writes what Rust writes.

    Parameters
    ----------
    label
        Name of the engine, for errors.
    code
        Code point -> how it is written, in a class and outside.
    properties
        Whether the engine knows ``\p{..}`` and reads ``(?i)`` as Rust does.
    begin, end
        Anchors of the whole text.
    """

    label: str
    code: Callable[[int], str]
    properties: bool
    begin: str
    end: str


RE2 = Syntax("DuckDB", lambda point: rf"\x{{{point:x}}}", properties=True, begin=r"\A", end=r"\z")
POSTGRES = Syntax(
    "PostgreSQL",
    lambda point: rf"\u{point:04x}" if point < 0x10000 else rf"\U{point:08x}",
    properties=False,
    begin=r"\A",
    end=r"\Z",
)


def translated(pattern: str, syntax: Syntax) -> str:
    r"""Pattern that matches the same texts in another engine.

    Raises
    ------
    NotMeasurable
        If a part of it has no sure counterpart there.

    Examples
    --------
    >>> translated("^[a-z]+.$", RE2)
    '\\A[a-z]+[^\\x{a}]\\z'
    """
    found: list[str] = []
    place = 0
    while place < len(pattern):
        token = _TOKEN.match(pattern, place)
        if token is None:
            raise _refused(pattern[place : place + 3], syntax)
        found.append(_token(token, syntax, first=not found))
        place = token.end()
    return "".join(found)


def _token(token: re.Match[str], syntax: Syntax, *, first: bool) -> str:
    text = token.group()
    if token.lastgroup == "escape":
        return _escape(text, syntax, inside=False)
    if token.lastgroup == "class":
        return _class(text, syntax)
    if token.lastgroup == "any":
        line = syntax.code(0x0A)
        return f"(?:[^{line}]|{line}){'*' * text.endswith('*)')}"
    if token.lastgroup == "flag":
        if syntax.properties and first:
            return text
        raise _refused(text, syntax)
    if token.lastgroup == "other":
        line = syntax.code(0x0A)
        return {"^": syntax.begin, "$": syntax.end, ".": f"[^{line}]"}.get(text) or _character(text, syntax)
    return text


def _character(text: str, syntax: Syntax) -> str:
    return text if text in "|)" or (text.isascii() and text.isalnum()) else syntax.code(ord(text))


def _escape(text: str, syntax: Syntax, *, inside: bool) -> str:
    letter = text[1]
    if letter in _CONTROLS:
        return syntax.code(ord(_CONTROLS[letter]))
    if letter in _LITERAL:
        return syntax.code(ord(letter))
    if letter in "pP" and syntax.properties and len(text) > 2:
        return text
    if letter.lower() in "dsw" and not (inside and letter.isupper()):
        body = _perl(letter.lower(), syntax)
        return body if inside else f"[{'^' if letter.isupper() else ''}{body}]"
    raise _refused(text, syntax)


def _perl(letter: str, syntax: Syntax) -> str:
    if letter == "s":
        return _ranges(SPACES, syntax)
    if letter == "d":
        return r"\p{Nd}" if syntax.properties else _ranges(_digits(), syntax)
    raise _refused(r"\w", syntax)


def _ranges(pairs: tuple[tuple[int, int], ...], syntax: Syntax) -> str:
    return "".join(
        syntax.code(low) if low == high else f"{syntax.code(low)}-{syntax.code(high)}" for low, high in pairs
    )


@cache
def _digits() -> tuple[tuple[int, int], ...]:
    """Decimal digits of Unicode: each script has ten in a row."""
    zeros = [point for point in range(sys.maxunicode) if unicodedata.decimal(chr(point), -1) == 0]
    return tuple((zero, zero + 9) for zero in zeros)


def _class(text: str, syntax: Syntax) -> str:
    body = text[1:-1]
    negated = body.startswith("^")
    body = body[negated:]
    found = ["[^" if negated else "["]
    for part in re.finditer(r"\\[pP]\{[A-Za-z]{1,2}\}|\\.|\[:\^?[a-z]+:\]|.", body, re.DOTALL):
        piece = part.group()
        if piece.startswith("[:"):
            found.append(_posix(piece, syntax))
        elif piece.startswith("\\"):
            found.append(_escape(piece, syntax, inside=True))
        elif piece == "-":
            # First or last it is itself; between two it makes a range of them.
            alone = part.start() == 0 or part.end() == len(body)
            found.append(syntax.code(ord("-")) if alone else "-")
        else:
            found.append(_character(piece, syntax) if piece not in "|)" else syntax.code(ord(piece)))
    return "".join([*found, "]"])


_POSIX = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "0-9a-zA-Z",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9a-fA-F",
}


def _posix(piece: str, syntax: Syntax) -> str:
    # In Rust these are ASCII, whatever the locale.
    word = piece[2:-2]
    if word not in _POSIX:
        raise _refused(piece, syntax)
    return _POSIX[word]


def _refused(part: str, syntax: Syntax) -> NotMeasurable:
    return NotMeasurable(
        f"{part!r} in a pattern may mean something else in {syntax.label}",
        expected=r"classes such as [A-Za-z0-9_], \d, \s, or the engine polars",
    )
