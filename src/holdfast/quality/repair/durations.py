"""Spans of time written in hours and minutes among spans in minutes, or the other way round."""

from __future__ import annotations

import re
from collections import Counter

from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import Kind, is_blank_word
from holdfast.quality.repair._table import Column, Edit

RULE = "unit"
_SPAN = re.compile(
    r"(?:(?P<h>\d{1,3})(?P<gap1>\s*)(?P<hword>h|hr|hrs|hour|hours)\b\.?(?P<between>\s*(?:and\s+)?))?"
    r"(?:(?P<m>\d{1,4})(?P<gap2>\s*)(?P<mword>m|min|mins|minute|minutes|')\.?)?",
    re.IGNORECASE,
)


def _read(text: str) -> tuple[int, str] | None:
    """Minutes of a span and the form it is written in; None if it is none."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or (match["h"] is None and match["m"] is None):
        return None
    minutes = 60 * int(match["h"] or 0) + int(match["m"] or 0)
    hours = f"{{h}}{match['gap1']}{match['hword']}" if match["h"] else ""
    rest = f"{{m}}{match['gap2']}{match['mword']}" if match["m"] else ""
    return minutes, f"{hours}{match['between'] or ''}{rest}" if hours and rest else hours + rest


def repair_durations(column: Column, kind: Kind) -> Found:
    """Write spans of time as most are: "1 h 30 min" among "95 min" becomes "90 min".

    Only whole minutes (or only "hours and minutes") are a form to write in.

    Returns
    -------
    Found
        Edits.
    """
    found = Found()
    if kind.name in ("number", "date", "time", "prose", "constant"):
        return found
    read = {value: span for value in column.values if (span := _read(value)) is not None}
    counts = dict(zip(column.values, column.counts.tolist(), strict=True))
    held = sum(counts[value] for value in read)
    total = sum(count for value, count in counts.items() if not is_blank_word(value))
    if not read or held < 0.8 * total:
        return found
    forms: Counter[str] = Counter()
    for value, (_, form) in read.items():
        forms[form] += counts[value]
    best, most = max(sorted(forms.items()), key=lambda each: each[1])
    if most < 0.5 * held or "{m}" not in best:
        return found
    for value, (minutes, form) in read.items():
        if form == best or ("{h}" in best and (form == best.partition("}")[0] or minutes < 60 or minutes % 60 == 0)):
            continue
        after = best.format(h=minutes // 60, m=minutes % 60) if "{h}" in best else best.format(m=minutes)
        if after != value:
            found.edits[value] = Edit(after, RULE, 0.9, f"most spans are written like {best.format(h=1, m=5)}")
    return found
