"""Dates and times of day as people write them: read, told apart by format, and written again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LONG_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = (
    r"(?P<mon>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)[a-z]{0,6}day|mon|tues?|wed|thu|thurs?|fri|sat|sun)\.?,?"
_CLOCK = re.compile(
    r"(?<![\d:.,/-])(?P<h>[01]?\d|2[0-4]):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d)(?P<f>\.\d{1,9})?)?"
    r"(?P<gap>\s*)(?P<half>noon|midnight|[ap]\.\s?m\.|[ap]m\b|[ap](?=[A-Z\s]|$))?",
    re.IGNORECASE,
)
_DATES = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("ymd", r"(?<!\d)(?P<y>(?:1[5-9]|20)\d\d)(?P<sep>[-/.])(?P<a>\d{1,2})(?P=sep)(?P<b>\d{1,2})(?!\d)"),
        ("abY", r"(?<!\d)(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<y>(?:1[5-9]|20)\d\d)(?!\d)"),
        ("aby", r"(?<!\d)(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<y>\d\d)(?!\d)"),
        ("dMy", rf"(?<!\d)(?P<a>\d{{1,2}})(?P<sep>[-/. ]?){_MONTH}(?P<sep2>[-/., ]{{1,2}})(?P<y>\d{{4}}|\d\d)(?!\d)"),
        ("Mdy", rf"(?<![a-z]){_MONTH}(?P<sep>\s?)(?P<a>\d{{1,2}})(?:st|nd|rd|th)?(?P<sep2>,?\s)(?P<y>\d{{4}})(?!\d)"),
        ("Md", rf"(?<![a-z]){_MONTH}(?P<sep>\s?)(?P<a>\d{{1,2}})(?!\d)"),
    )
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, a time of day, or both, as read from a text.

    Parameters
    ----------
    kind
        ``date`` or ``time`` (``date`` when both are there and nothing tells otherwise).
    form
        The format, in the words of `write_moment`; equal forms are the same way of writing.
    parts
        Numbers as written: (year, a, b) with a and b in the order of the text; None where not written.
    clock
        (hour, minute, second text) in 24 hours, or None.
    rest
        What else is in the text.
    """

    kind: str
    form: str
    parts: tuple[int | None, int, int] | None
    clock: tuple[int, int, str] | None
    rest: str


def _hour(match: re.Match[str]) -> int | None:
    hour, half = int(match["h"]), (match["half"] or "").lower().replace(" ", "")
    if not half:
        return hour if hour < 24 else None
    if hour > 12 or (hour == 0 and half[0] in "ap"):
        return None
    if half in ("noon", "midnight"):
        return (12 if half == "noon" else 0) if hour == 12 else None
    return hour % 12 + (12 if half[0] == "p" else 0)


def _clock_form(match: re.Match[str]) -> str:
    half = match["half"] or ""
    padded = "H" if len(match["h"]) == 2 else "h"
    seconds = (":s" if match["s"] else "") + (".f" if match["f"] else "")
    return f"{padded}:m{seconds}{match['gap'] if half else ''}{half.replace('p', 'a').replace('P', 'A')}"


def read_moment(text: str) -> Moment | None:
    """Read a text as a date and/or a time of day; None when it is not one.

    Examples
    --------
    >>> read_moment("2011-12-02").form
    'ymd|-|2|2'
    >>> read_moment("7:05 p.m.").clock
    (19, 5, '')
    >>> read_moment("12345") is None
    True
    """
    if not 4 <= len(text) <= 48 or not any(each.isdigit() for each in text):
        return None
    return _read_moment(text)


@lru_cache(maxsize=1 << 16)
def _read_moment(text: str) -> Moment | None:
    rest, clock, clock_form = text, None, ""
    found = _CLOCK.search(text)
    if found is not None:
        hour = _hour(found)
        if hour is None:
            return None
        clock = (hour, int(found["m"]), (found["s"] or "") + (found["f"] or ""))
        clock_form = _clock_form(found)
        rest = f"{text[: found.start()]} {text[found.end() :]}"
    day, day_form, rest = _read_day(rest)
    if clock is None and (day is None or day[0] is None):
        return None
    rest = re.sub(rf"^\W*(?:{_WEEKDAY})(?=\W|$)", " ", rest, flags=re.IGNORECASE) if day or clock else rest
    rest = re.sub(r"^[\sTZ,]+|[\sTZ,]+$", "", rest)
    if re.search(r"\d{3}|[a-z]{14}", rest) or len(rest) > 24:
        return None
    both = f"{day_form} {clock_form}".strip()
    return Moment("date" if day else "time", both, day, clock, rest)


def _read_day(text: str) -> tuple[tuple[int | None, int, int] | None, str, str]:
    for name, pattern in _DATES:
        match = pattern.search(text)
        if match is None:
            continue
        rest = f"{text[: match.start()]} {text[match.end() :]}"
        groups = match.groupdict()
        year = int(groups["y"]) if groups.get("y") else None
        if groups.get("mon"):
            month = MONTHS.index(groups["mon"][:3].lower()) + 1
            day = int(groups["a"])
            if not 1 <= day <= 31:
                return None, "", text
            style = "long" if len(groups["mon"]) > 4 else "short"
            case = "U" if groups["mon"].isupper() else "l" if groups["mon"].islower() else "T"
            widths = f"{len(groups['a'])}|{len(groups.get('y') or '')}"
            form = f"{name}|{groups['sep']}|{groups.get('sep2') or ''}|{style}{case}|{widths}"
            return (year, month, day), form, rest
        first, second = int(groups["a"]), int(groups["b"])
        if not (1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12):
            return None, "", text
        return (year, first, second), f"{name}|{groups['sep']}|{len(groups['a'])}|{len(groups['b'])}", rest
    return None, "", text


def full_year(year: int) -> int:
    """Year with its century; two digits are read as POSIX does: 69 to 99 are 1969 to 1999."""
    return year if year >= 100 else year + (1900 if year >= 69 else 2000)


def calendar_day(moment: Moment, day_first: bool | None) -> date | None:
    """Day of a moment; None if it has none, is not in the calendar, or its order is not known (`day_first` None)."""
    if moment.parts is None or moment.parts[0] is None:
        return None
    year, first, second = moment.parts
    name = moment.form.split("|", 1)[0]
    if name in ("dMy", "Mdy", "ymd"):
        month, day = first, second
    elif first > 12:
        day, month = first, second
    elif second > 12:
        month, day = first, second
    elif first == second:
        month = day = first
    elif day_first is None:
        return None
    else:
        day, month = (first, second) if day_first else (second, first)
    try:
        return date(full_year(int(year or 0)), month, day)
    except ValueError:
        return None


def write_clock(clock: tuple[int, int, str], form: str) -> str:
    """Write a time of day in a format such as ``h:m a.m.``, ``H:m:s`` or ``h:mam``.

    Examples
    --------
    >>> write_clock((19, 5, ""), "h:m a.m.")
    '7:05 p.m.'
    """
    hour, minute, second = clock
    match = re.fullmatch(r"([Hh]):m(:s)?(\.f)?(.*)", form, re.DOTALL)
    if match is None:
        return f"{hour}:{minute:02d}"
    half = match[4]
    shown = hour if not half else (hour % 12 or 12)
    first = f"{shown:02d}" if match[1] == "H" else str(shown)
    seconds = f":{second[:2] or '00'}" if match[2] else ""
    if half and hour >= 12:
        half = half.replace("a", "p", 1).replace("A", "P", 1)
    return f"{first}:{minute:02d}{seconds}{half}"


def write_day(day: date, form: str, day_first: bool) -> str:
    """Write a day in the format of another moment's `form`.

    Examples
    --------
    >>> write_day(date(2011, 12, 2), "abY|/|2|2", False)
    '12/02/2011'
    """
    name, *bits = form.split("|")
    if name in ("dMy", "Mdy"):
        sep, sep2, style, wide, long_year = bits
        month = (LONG_MONTHS if style.startswith("long") else MONTHS)[day.month - 1]
        month = {"U": month.upper(), "l": month, "T": month.title()}[style[-1]]
        number = f"{day.day:02d}" if wide == "2" else str(day.day)
        year = str(day.year) if long_year == "4" else f"{day.year % 100:02d}"
        return f"{number}{sep}{month}{sep2}{year}" if name == "dMy" else f"{month}{sep}{number}{sep2}{year}"
    sep, wide_a, wide_b = bits
    pad_month = pad_day = wide_a == "2" and wide_b == "2"
    month, number = (
        (f"{day.month:02d}" if pad_month else str(day.month)),
        (f"{day.day:02d}" if pad_day else str(day.day)),
    )
    if name == "ymd":
        return f"{day.year}{sep}{month}{sep}{number}"
    first, second = (number, month) if day_first else (month, number)
    return f"{first}{sep}{second}{sep}{day.year if name == 'abY' else f'{day.year % 100:02d}'}"
