"""Text made safe to show, and numbers as a person would write them."""

from __future__ import annotations

import unicodedata
from html import escape
from typing import Any

from holdfast.automl.reports._plain import number, word
from holdfast.core.units import show

#: Longest name that is shown whole, and longest sentence.
NAME, SENTENCE = 120, 1000

MARKS = {"held": "✓", "broken": "✗", "unproven": "?"}
WORST_FIRST = ("broken", "unproven", "held")
NOTHING = "–"

#: Joiners that spelling needs; no other character without a shape is let through.
_JOINERS = "\u200c\u200d"
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: str, *, limit: int = NAME) -> str:
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


def name(value: Any) -> str:
    """A name from the data as HTML: escaped, and apart from the direction of the text around it."""
    return f"<bdi>{escape(visible(word(value)))}</bdi>"


def sentence(value: Any) -> str:
    """A sentence as HTML."""
    return escape(visible(word(value), limit=SENTENCE))


def verdict(value: Any) -> str:
    """The verdict; what is none of the three is unproven."""
    return value if isinstance(value, str) and value in MARKS else "unproven"


def shown(value: Any) -> str:
    """A number in four digits, or in whole ones with thousands apart; nothing is a dash.

    Examples
    --------
    >>> shown(0.123456), shown(1e12), shown(None), shown(12345.6)
    ('0.1235', '1e+12', '–', '12\u202f346')
    """
    found = number(value)
    if found is None:
        return NOTHING
    if abs(found) < 1e4 or abs(found) >= 1e9:
        return f"{found:.4g}"
    return f"{found:,.0f}".replace(",", "\u202f")


def give_or_take(value: Any, error: Any) -> str:
    """A number with its standard error, both to the error's second digit.

    Examples
    --------
    >>> give_or_take(0.287134, 0.0042), give_or_take(0.287134, None), give_or_take(None, 1.0)
    ('0.2871 ± 0.0042', '0.2871', '–')
    """
    found, spread = number(value), number(error)
    if found is None or spread is None or not 0.0 < spread < 1e4 or abs(found) >= 1e6:
        return shown(value)
    digits = next((each for each in range(9) if spread * 10**each >= 9.5), 9)
    return f"{found:.{digits}f} ± {spread:.{digits}f}" if digits < 9 else f"{found:.4g} ± {spread:.2g}"


def measured(value: Any, unit: str) -> str:
    """A number in its unit: ``seconds``, ``bytes`` or another of the measures' units."""
    found = number(value)
    return NOTHING if found is None else show(found, unit)


def duration(value: Any) -> str:
    """Seconds as a person compares them: whole minutes only where there are many.

    Examples
    --------
    >>> duration(0.0123), duration(61.3), duration(3600.0), duration(None)
    ('12.3 ms', '61.3 s', '1 h', '–')
    """
    found = number(value)
    return f"{found:.3g} s" if found is not None and 1.0 <= found < 600.0 else measured(value, "seconds")


def short(text: str) -> str:
    """Text (HTML) that is not broken over lines."""
    return f'<span class="shown">{text}</span>'


def percent(share: Any) -> str:
    """A share in percent; a share that is not quite all or nothing is never rounded to it.

    Examples
    --------
    >>> percent(0.99999), percent(1.0), percent(0.00001), percent(0.125), percent(None)
    ('>99.9 %', '100 %', '<0.1 %', '12.5 %', '–')
    """
    found = number(share)
    if found is None:
        return NOTHING
    if 0.0 < found < 0.001:
        return "<0.1 %"
    if 0.999 < found < 1.0:
        return ">99.9 %"
    return f"{100.0 * found:.3g} %"


def counted(count: int, noun: str, *, plural: str = "") -> str:
    """How many of what.

    Examples
    --------
    >>> counted(1, "row"), counted(20000, "row")
    ('1 row', '20\u202f000 rows')
    """
    return f"{shown(count)} {noun if count == 1 else plural or noun + 's'}"
