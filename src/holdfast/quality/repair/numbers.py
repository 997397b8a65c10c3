"""Numbers written in several ways in one column: units, signs, separators, decimal commas."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from holdfast.quality.repair._found import Found
from holdfast.quality.repair._kinds import Kind, is_blank_word
from holdfast.quality.repair._near import mistyping
from holdfast.quality.repair._table import Column, Edit
from holdfast.quality.repair._units import is_currency, is_unit_like, unit_of

RULE = "number-format"
_PARTS = re.compile(
    r"(?P<head>[^\d\s.,+-][^\d.,+-]{0,4}?)?(?P<gap0>\s*)(?P<sign>[+-]?)"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:[ '\u2019]\d{3})+(?:[.,]\d+)?|\d+,\d+|"
    r"\d*\.\d+(?:[eE][+-]?\d{1,3})?|\d+\.?(?:[eE][+-]?\d{1,3})?)"
    r"(?P<gap>\s*)(?P<tail>(?:[^\d\s,.].{0,23})?)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Written:
    """A number as written: its plain text, what stands before and after it, how its thousands or decimals are told."""

    plain: str
    value: float
    head: str
    tail: str
    style: str


def read_number(text: str) -> Written | None:
    """Read a number with an affix (a unit, a currency, a percent sign); None if the text is not one.

    Examples
    --------
    >>> read_number("12.0 oz.")
    Written(plain='12.0', value=12.0, head='', tail=' oz.', style='plain')
    >>> read_number("1,234").style
    'thousands'
    """
    match = _PARTS.fullmatch(text)
    if match is None:
        return None
    number, style = match["number"], "plain"
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", number):
        number, style = number.replace(",", ""), "thousands"
    elif re.search(r"[ '\u2019]", number):
        number, style = re.sub(r"[ '\u2019]", "", number).replace(",", "."), "thousands"
    elif "," in number:
        number, style = number.replace(",", "."), "comma"
    plain = ("-" if match["sign"] == "-" else "") + number
    tail = match["gap"] + match["tail"] if match["tail"] else ""
    return Written(plain, float(plain), (match["head"] or "") + match["gap0"], tail, style)


def shortest(plain: str) -> str:
    """Shortest plain text of the same number: no trailing zeros after the point, no bare point.

    Examples
    --------
    >>> shortest("12.0"), shortest("0.050"), shortest("100")
    ('12', '0.05', '100')
    """
    if "." not in plain or "e" in plain.casefold():
        return plain
    short = plain.rstrip("0").rstrip(".")
    return "0" if short in ("", "-", "-0") else short


def without_noise(plain: str) -> str:
    """Undo floating-point noise such as 0.055999999999999994 when 9 digits say the same; else the text itself."""
    digits = plain.lstrip("+-0.").replace(".", "")
    if len(digits) < 13 or "e" in plain.casefold():
        return plain
    value = float(plain)
    short = f"{value:.9g}"
    near = abs(float(short) - value) <= 1e-12 * max(abs(value), 1e-300)
    return short if near and "e" not in short and len(short) < len(plain) - 3 else plain


def repair_numbers(column: Column, kind: Kind) -> Found:
    """Write the numbers of a column in one way.

    The way is the one that most cells have; where several units or spellings of a unit are mixed and none holds 60 %
    of the cells, it is the bare, shortest number. A column that is written in one way is left alone.

    Returns
    -------
    Found
        Edits; doubts where a bare number and one with a percent sign differ in scale.
    """
    read = {value: read_number(value) for value in column.values}
    known = {
        v: (w, int(c))
        for (v, w), c in zip(read.items(), column.counts.tolist(), strict=True)
        if w is not None and is_unit_like(w.tail) and (not w.head.strip() or is_currency(w.head))
    }
    total = sum(int(c) for v, c in zip(column.values, column.counts, strict=True) if not is_blank_word(v))
    held = sum(count for _, count in known.values())
    if kind.name in ("date", "time", "prose", "key") or not known or held < 0.85 * total or len(known) < 2:
        return Found()
    forms: Counter[tuple[str, str]] = Counter()
    for written, count in known.values():
        forms[written.head, written.tail] += count
    (head, tail), most = max(sorted(forms.items()), key=lambda each: each[1])
    if kind.name in ("code", "name") and (head, tail) != ("", "") and most >= 0.6 * held:
        return _one_affix(known, forms, (head, tail), held)
    if kind.name == "code" and len(forms) > 0.02 * held:
        return Found()
    if (head, tail) != ("", "") and most >= 0.6 * held:
        return _one_affix(known, forms, (head, tail), held)
    if len(forms) > max(12, 0.01 * held) or not _comparable(known, forms):
        return Found()
    return _bare(known, forms, held)


def _unit(form: tuple[str, str]) -> tuple[str, str, float] | None:
    return unit_of(form[1]) or unit_of(form[0])


def _comparable(known: dict[str, tuple[Written, int]], forms: Counter[tuple[str, str]]) -> bool:
    """Whether the numbers of all units are of one size, or the units are spellings of one: only then can they go."""
    units = {unit[1] for form in forms if (unit := _unit(form)) is not None}
    bare = [form for form in forms if form == ("", "") or _unit(form) is None]
    if len(units) == 1 and all(form == ("", "") for form in bare):
        return True
    if len(units) > 1:
        return False
    middle = np.median([abs(w.value) for w, _ in known.values()])
    for form in forms:
        own = [abs(w.value) for w, _ in known.values() if (w.head, w.tail) == form]
        if forms[form] >= 5 and not middle / 4 <= np.median(own) <= middle * 4:
            return False
    return True


def _converted(known: dict[str, tuple[Written, int]], forms: Counter[tuple[str, str]], best: tuple[str, str]) -> Found:
    """Numbers in another unit of the same dimension than most: calculated, and written with the unit that most have."""
    found = Found()
    home = _unit(best)
    if home is None:
        return found
    decimals = max((len(w.plain.partition(".")[2]) for w, _ in known.values() if (w.head, w.tail) == best), default=0)
    for value, (written, _) in known.items():
        unit = _unit((written.head, written.tail))
        factor = unit[2] / home[2] if unit is not None and unit[0] == home[0] and unit[1] != home[1] else float("nan")
        if not math.isnan(factor) and forms[written.head, written.tail] <= 0.3 * sum(forms.values()):
            plain = shortest(f"{written.value * factor:.{max(decimals, 2)}f}")
            found.edits[value] = Edit(
                f"{best[0]}{plain}{best[1]}", "unit", 0.85, f"most numbers of the column are in {home[1]}"
            )
    return found


def _one_affix(
    known: dict[str, tuple[Written, int]], forms: Counter[tuple[str, str]], best: tuple[str, str], held: int
) -> Found:
    """Give all numbers the affix that most have, where theirs is only another spelling of it (or none)."""
    found = _converted(known, forms, best)
    head, tail = best
    folded = re.sub(r"[\W_]", "", (head + tail).casefold())
    for value, (written, _) in known.items():
        own = (written.head, written.tail)
        if value in found.edits or own == best or forms[own] > 0.3 * held:
            continue
        bare = re.sub(r"[\W_]", "", (own[0] + own[1]).casefold())
        alike = len(own[0] + own[1]) == len(head + tail) >= 4
        wrong = alike and mistyping(own[0] + own[1], head + tail) >= 0.04 and forms[own] <= 0.02 * held
        if bare == folded or own == ("", "") or wrong:
            sure = 0.85 if bare == folded else 0.93 if wrong else 0.7
            found.edits[value] = Edit(
                f"{head}{written.plain}{tail}", RULE, sure, f"most numbers are written {head}N{tail}"
            )
    return found


def _bare(known: dict[str, tuple[Written, int]], forms: Counter[tuple[str, str]], held: int) -> Found:
    found = Found()
    plain_share = forms["", ""] / held
    bare = [(w, c) for w, c in known.values() if not w.head and not w.tail]
    whole = sum(c for w, c in bare if re.fullmatch(r"-?\d+", w.plain))
    pointed = sum(c for w, c in bare if re.fullmatch(r"-?\d+\.0+", w.plain))
    keeps_point = pointed > whole and plain_share >= 0.3
    drops_point = whole >= 0.6 * sum(c for _, c in bare) and pointed > 0 and plain_share >= 0.6
    thousands = sum(c for w, c in known.values() if w.style == "thousands")
    commas = sum(c for w, c in known.values() if w.style == "comma")
    points = sum(c for w, c in known.values() if w.style == "plain" and "." in w.plain)
    one_length = _one_length(known)
    full = [abs(w.value) for w, c in bare for _ in range(min(c, 50)) if len(w.plain.partition(".")[2]) == one_length]
    middle = float(np.quantile(full, 0.95)) if full else 0.0
    noisy = sum(c for w, c in known.values() if len(w.plain) > 15) / held
    scale = _scale([w.value for w, c in bare for _ in range(min(c, 3))])
    for value, (written, _) in known.items():
        plain, sure, why = written.plain, 0.9, ""
        affix = bool(written.head.strip() or written.tail.strip())
        if written.style == "thousands" and thousands > 0.5 * held and not affix:
            continue
        if (
            written.style == "thousands"
            and commas > 0
            and points == 0
            and re.fullmatch(r"\d{1,3},\d{3}", value.strip())
        ):
            found.doubts[value] = (RULE, 0.6, "the comma may tell thousands or decimals")
            continue
        if written.style == "comma" and commas > 0.5 * held:
            continue
        if affix:
            if _unit((written.head, written.tail)) is None and forms[written.head, written.tail] < 3:
                found.doubts[value] = (RULE, 0.6, "something that is no known unit stands after the number")
                continue
            why = "numbers are written with and without a unit, or with several: only the number is kept"
            if (
                "%" in written.tail
                and plain_share >= 0.3
                and scale
                and not _fits(written.value, scale)
                and _fits(written.value / 100, scale)
            ):
                found.doubts[value] = (RULE, 0.8, "a percentage on another scale than the bare numbers")
                continue
            plain = plain if keeps_point else shortest(plain)
        elif written.style != "plain":
            why = "another thousands or decimal separator than most"
        elif drops_point and re.fullmatch(r"-?\d+\.0+", plain):
            plain, sure, why = shortest(plain), 0.8, "a whole number among whole numbers"
        elif one_length and len(plain.partition(".")[2]) < one_length and abs(written.value) <= 2 * middle:
            digits = plain.partition(".")[2]
            plain = f"{plain.partition('.')[0]}.{digits.ljust(one_length, '0')}"
            sure, why = 0.78, f"numbers are written with {one_length} digits after the point"
        # Noise alone (44.211999999999996) is a right number written at length: no error, and nothing to suspect.
        if why and (noisy < 0.3 or affix):
            plain = without_noise(plain)
        if why and plain != value:
            found.edits[value] = Edit(plain, RULE, sure, why)
    return found


def _one_length(known: dict[str, tuple[Written, int]]) -> int:
    """Digits after the point that all numbers are meant to have: most have, and closing zeros are written; else 0."""
    lengths: Counter[int] = Counter()
    zeros: Counter[int] = Counter()
    for written, count in known.values():
        digits = written.plain.partition(".")[2]
        lengths[len(digits)] += count
        zeros[len(digits)] += count if digits.endswith("0") else 0
    length, most = max(sorted(lengths.items()), key=lambda each: each[1])
    fixed = length >= 1 and most >= 0.85 * sum(lengths.values()) and zeros[length] >= 0.04 * most
    return length if fixed and max(lengths) == length else 0


def _scale(values: list[float]) -> tuple[float, float] | None:
    if len(values) < 8:
        return None
    low, high = np.quantile(np.abs(values), [0.01, 0.99])
    return float(low), float(high)


def _fits(value: float, scale: tuple[float, float]) -> bool:
    return scale[0] * 0.5 <= abs(value) <= scale[1] * 2
