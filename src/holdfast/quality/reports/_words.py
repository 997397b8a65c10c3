"""Text from a table made safe to show: what a terminal or a reader would act on is written out instead."""

from __future__ import annotations

import math
import unicodedata

#: Longest name or sentence that is shown whole.
LIMIT = 300

MARKS = {"held": "✓", "broken": "✗", "unproven": "?"}

#: Joiners that spelling needs; no other character without a shape is let through.
_JOINERS = "\u200c\u200d"
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: str, *, limit: int = LIMIT) -> str:
    r"""Text on one line, with control, direction and other unseen characters written out, and cut at `limit`.

    Examples
    --------
    >>> visible("a\x1b[31mb\n\u202ec")
    'a\\x1b[31mb\\n\\u202ec'
    """
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(_written(each) for each in cut)


def _written(character: str) -> str:
    # The last two of each plane are no characters at all; XML has no way to write them.
    unseen = unicodedata.category(character) in _UNSEEN or ord(character) & 0xFFFE == 0xFFFE
    if unseen and character not in _JOINERS:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character


def finite(number: float | None) -> float | None:
    """The number, or None where there is none that JSON can write."""
    return number if number is not None and math.isfinite(number) else None


def shown(number: float) -> str:
    """A number in four digits, or in whole ones.

    Examples
    --------
    >>> shown(0.123456), shown(189778.4), shown(1e12)
    ('0.1235', '189778', '1e+12')
    """
    return f"{number:.0f}" if 1e4 <= abs(number) < 1e9 else f"{number:.4g}"


def percent(share: float | None) -> str:
    """A share in percent; a share that is not quite all or nothing is never rounded to it.

    Examples
    --------
    >>> percent(0.99999), percent(1.0), percent(0.00001), percent(0.125)
    ('>99.9 %', '100 %', '<0.1 %', '12.5 %')
    """
    if share is None:
        return "-"
    if 0.0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1.0:
        return ">99.9 %"
    return f"{100.0 * share:.3g} %"


def rows_text(count: int) -> str:
    """How many rows, in words.

    Examples
    --------
    >>> rows_text(1), rows_text(2)
    ('1 row', '2 rows')
    """
    return f"{count} row{'' if count == 1 else 's'}"
