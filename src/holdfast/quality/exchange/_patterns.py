"""Regular expressions of other tools (Python's dialect) in the one that `matches` speaks (Rust's, linear in time)."""

from __future__ import annotations

import re
import warnings

from holdfast.quality.exchange._suite import Unmapped

MAX_PATTERN = 5_000

_FLAGS = re.compile(r"\(\?([a-zA-Z]+)(-[a-zA-Z]+)?[:)]")
_SET = re.compile(r"\[\^?\]?")
_BRACE = re.compile(r"\{,[0-9]+\}")


def searched(pattern: object, *, posix: bool = False) -> str:
    """Pattern that a whole text matches where Python's `re.search` finds `pattern` in it.

    `posix` says that ``[[:alpha:]]`` is a class of characters, as in databases; in Python it is not.

    Examples
    --------
    >>> searched("^[a-z]+$"), searched("[0-9]")
    ('[a-z]+', '(?s:.*)(?:[0-9])(?s:.*)')
    """
    return _around(_translated(pattern, posix=posix), before=True)


def matched(pattern: object) -> str:
    """Pattern that a whole text matches where Python's `re.match` finds `pattern` at its start."""
    return _around(_translated(pattern), before=False)


def full(pattern: object) -> str:
    """Pattern that a whole text matches where Python's `re.fullmatch` does."""
    return _confirmed(_unanchored(_translated(pattern))[0])


def containing(text: object) -> str:
    """Pattern of the texts that contain `text`."""
    return _confirmed(f"(?s:.*){quoted(text)}(?s:.*)")


def starting(text: object) -> str:
    """Pattern of the texts that start with `text`."""
    return _confirmed(f"{quoted(text)}(?s:.*)")


def ending(text: object) -> str:
    """Pattern of the texts that end with `text`."""
    return _confirmed(f"(?s:.*){quoted(text)}")


def like(pattern: object) -> str:
    r"""Pattern of the texts that SQL's ``LIKE pattern`` takes: ``%`` is any text, ``_`` any one character.

    Examples
    --------
    >>> like("a%_c.d")
    'a(?s:.*)(?s:.)c\\.d'
    """
    if not isinstance(pattern, str):
        raise Unmapped(f"pattern {pattern!r} is no text")
    if len(pattern) > MAX_PATTERN:
        raise Unmapped(f"a pattern of {len(pattern)} characters")
    if "\\" in pattern:
        raise Unmapped("an escape in LIKE is read differently by each database")
    parts = {"%": "(?s:.*)", "_": "(?s:.)"}
    return _confirmed("".join(parts.get(each) or re.escape(each) for each in pattern))


def quoted(text: object) -> str:
    """Pattern of this text itself."""
    if not isinstance(text, str) or len(text) > MAX_PATTERN:
        raise Unmapped(f"{type(text).__name__} where a short text is expected")
    return re.sub(r"([\\.+*?()|\[\]{}^$#&\-~])", r"\\\1", text)


def _around(pattern: str, *, before: bool) -> str:
    """The pattern with whatever may stand around it; an anchor at an end needs nothing there."""
    inner, starts, ends = _unanchored(pattern)
    head = "(?s:.*)" if before and not starts else ""
    tail = "" if ends else "(?s:.*)"
    return _confirmed(f"{head}(?:{inner}){tail}" if head or tail else inner)


def _unanchored(pattern: str) -> tuple[str, bool, bool]:
    """The pattern without the anchors of the whole (where no alternative stands beside them), and which there were."""
    starts = pattern.startswith("^") and "|" not in pattern
    ends = pattern.endswith("$") and not pattern.endswith("\\$") and "|" not in pattern
    return pattern[1 if starts else 0 : len(pattern) - 1 if ends else None], starts, ends


def _translated(pattern: object, *, posix: bool = False) -> str:
    if not isinstance(pattern, str):
        raise Unmapped(f"pattern {pattern!r} is no text")
    if len(pattern) > MAX_PATTERN:
        raise Unmapped(f"a pattern of {len(pattern)} characters")
    for flags in _FLAGS.finditer(pattern):
        if set(flags.group(1) + (flags.group(2) or "")) - set("imsxu-"):
            raise Unmapped(f"pattern {pattern!r}: the flag {flags.group(0)} has no counterpart in Rust's dialect")
    if "[[:" in pattern and posix:
        return pattern
    _check_python(pattern)
    made: list[str] = []
    index, in_set = 0, False
    while index < len(pattern):
        inside = in_set
        taken, in_set = _token(pattern, index, in_set=inside)
        if inside and taken == "-" and made[-1] == "-":
            raise Unmapped(f"pattern {pattern!r}: '--' in a set is read differently in Rust's dialect")
        made.append(_rust(taken, inside=inside))
        index += len(taken)
    return "".join(made)


def _check_python(pattern: str) -> None:
    with warnings.catch_warnings():
        # `[[a]` is a set with a bracket in it; Python warns that it may once be another thing.
        warnings.simplefilter("ignore")
        try:
            re.compile(pattern)
        except re.error as error:
            raise Unmapped(f"pattern {pattern!r} is no regular expression: {error}") from None
        except (OverflowError, RecursionError):
            raise Unmapped("a pattern too large to read") from None


def _token(pattern: str, index: int, *, in_set: bool) -> tuple[str, bool]:
    """The next token of a Python pattern, and whether the pattern is inside of a set ``[...]`` after it."""
    each = pattern[index]
    if each == "\\":
        return pattern[index : index + 2], in_set
    if in_set:
        return each, each != "]"
    if each == "[":
        # A bracket just behind the opening one is a member of the set.
        opening = _SET.match(pattern, index)
        return (opening.group(0) if opening else each), True
    brace = _BRACE.match(pattern, index)
    return (brace.group(0) if brace else each), False


_ESCAPES = {r"\Z": r"\z", r"\<": "<", r"\>": ">"}


def _rust(token: str, *, inside: bool) -> str:
    if token in _ESCAPES:
        return _ESCAPES[token]
    if token.startswith("{,"):
        return "{0" + token[1:]
    if token in ("[]", "[^]"):
        return token.replace("]", r"\]")
    # Inside of a set, Rust gives these a meaning (nested sets, intersections) that Python does not.
    return f"\\{token}" if inside and token in ("[", "&", "~") else token


def _confirmed(pattern: str) -> str:
    import polars as pl

    try:
        pl.select(pl.lit("").str.contains(f"^(?:{pattern})$"))
    except pl.exceptions.ComputeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip().startswith("error:")]
        why = lines[0].removeprefix("error:").strip() if lines else "Rust's dialect does not read it"
        raise Unmapped(f"pattern {pattern!r}: {why}") from None
    return pattern
