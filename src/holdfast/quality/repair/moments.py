"""Dates and times of day written in several ways in one column: to the way that most cells have."""

from __future__ import annotations

from collections import Counter

from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import Kind
from holdfast.quality.repair._moments import Moment, calendar_day, read_moment, write_clock, write_day
from holdfast.quality.repair._table import Column, Edit

RULE = "date-format"

Read = dict[str, tuple[Moment, int]]


def _family(moment: Moment) -> str:
    """Format of a moment without the widths of its numbers: 1/2/2010 and 11/12/2010 are one way of writing."""
    day, _, clock = moment.form.partition(" ") if moment.parts else ("", "", moment.form)
    bits = day.split("|")
    return f"{'|'.join(bits[:2])}{'|' + bits[3] if len(bits) > 4 else ''} {clock.replace('H', 'h')}"


def _order(read: Read, names: tuple[str, ...]) -> bool | None:
    """Whether the day is written first; None when nothing tells, or both orders are met."""
    first = sum(c for m, c in read.values() if m.parts and m.form.startswith(names) and m.parts[1] > 12)
    second = sum(c for m, c in read.values() if m.parts and m.form.startswith(names) and m.parts[2] > 12)
    if first + second == 0 or min(first, second) > 0.05 * (first + second):
        return None
    return first > second


def repair_moments(column: Column, kind: Kind) -> Found:
    """Write the dates or times of a column in the format that most have.

    A day such as 03/04/2010 is only rewritten when other cells of the same format tell whether the day or the month
    comes first; else it is told as a doubt.

    Returns
    -------
    Found
        Edits and doubts.
    """
    if kind.name not in ("date", "time"):
        return Found()
    read: Read = {}
    for value, count in zip(column.values, column.counts.tolist(), strict=True):
        moment = read_moment(value)
        if moment is not None:
            read[value] = (moment, int(count))
    families: Counter[str] = Counter()
    for moment, count in read.values():
        if not moment.rest and moment.kind == kind.name:
            families[_family(moment)] += count
    if not families:
        return Found()
    best, most = max(sorted(families.items()), key=lambda each: each[1])
    if most < 0.5 * sum(count for _, count in read.values()):
        return Found()
    return _times(read, best) if kind.name == "time" else _dates(read, best)


def _target(read: Read, best: str) -> str:
    """The form to write in: the most common one of the family among those that show their padding."""
    forms: Counter[str] = Counter()
    for moment, count in read.values():
        if not moment.rest and _family(moment) == best:
            padded = moment.clock is not None and moment.clock[0] % 12 < 10 and moment.clock[0] != 0
            forms[moment.form] += count if padded or moment.parts else 0
    return max(sorted(forms.items()), key=lambda each: each[1])[0]


def _times(read: Read, best: str) -> Found:
    found = Found()
    target = _target(read, best)
    halves = "a" in target.split("m", 1)[1].casefold() if "m" in target else False
    for value, (moment, _) in read.items():
        if moment.clock is None or (_family(moment) == best and not moment.rest):
            continue
        bare = moment.form.split(" ")[-1] in ("h:m", "H:m") and 1 <= moment.clock[0] <= 12
        after = write_clock(moment.clock, target)
        if halves and bare:
            found.doubts[value] = (RULE, 0.8, "a time without a.m. or p.m. among times that have it")
        elif after != value:
            sure = 0.9 if not moment.rest else 0.8
            found.edits[value] = Edit(
                after, RULE, sure, f"most times are written like {write_clock((9, 5, ''), target)}"
            )
    return found


def _dates(read: Read, best: str) -> Found:
    found = Found()
    forms: Counter[str] = Counter()
    for moment, count in read.values():
        if not moment.rest and _family(moment) == best and moment.parts:
            forms[moment.form] += count
    target, _, clock = max(sorted(forms.items()), key=lambda each: each[1])[0].partition(" ")
    if target.startswith(("abY", "aby")) and any("|1" in form.split(" ")[0] for form in forms):
        target = "|".join([*target.split("|")[:2], "1", "1"])
    home = _order(read, (target.split("|")[0],))
    for value, (moment, _) in read.items():
        if (_family(moment) == best and not moment.rest) or moment.parts is None:
            continue
        name = moment.form.split("|")[0]
        order = _order(
            {v: m for v, m in read.items() if m[0].form.split("|")[:2] == moment.form.split("|")[:2]}, (name,)
        )
        if order is None and name in ("abY", "aby") and home is not None:
            order = home if moment.form.split("|")[1] == target.split("|")[1] else None
        day = calendar_day(moment, order)
        if day is None or (home is None and target.startswith(("abY", "aby")) and day.day != day.month):
            found.doubts[value] = (
                RULE,
                0.6,
                "a date in another format than most; its day and month cannot be told apart",
            )
            continue
        after = write_day(day, target, bool(home))
        if clock and moment.clock is not None:
            after = f"{after} {write_clock(moment.clock, clock)}"
        elif clock or (moment.clock is not None and moment.clock != (0, 0, "00") and moment.clock[:2] != (0, 0)):
            found.doubts[value] = (RULE, 0.6, "a date with a time among dates without, or the other way round")
            continue
        if after != value:
            found.edits[value] = Edit(
                after, RULE, 0.88, f"most dates are written like {write_day(day, target, bool(home))}"
            )
    return found
