"""Units of measure as they are written after numbers: which spell the same unit, and what one is in another."""

from __future__ import annotations

import re

# Per dimension: unit, its size in the first unit of the line, spellings without blanks, points and case.
_LINES: dict[str, tuple[tuple[str, float, str], ...]] = {
    "mass": (
        ("g", 1.0, "g gr gram grams gramme grammes"),
        ("kg", 1000.0, "kg kgs kilo kilos kilogram kilograms"),
        ("mg", 0.001, "mg milligram milligrams"),
        ("lb", 453.59237, "lb lbs pound pounds"),
        ("oz", 28.349523125, "oz ozs ounce ounces floz fluidounce fluidounces"),
    ),
    "length": (
        ("m", 1.0, "m metre metres meter meters"),
        ("cm", 0.01, "cm centimetre centimetres centimeter centimeters"),
        ("mm", 0.001, "mm millimetre millimetres millimeter millimeters"),
        ("km", 1000.0, "km kms kilometre kilometres kilometer kilometers"),
        ("in", 0.0254, 'in inch inches "'),
        ("ft", 0.3048, "ft foot feet '"),
        ("mi", 1609.344, "mi mile miles"),
    ),
    "volume": (
        ("l", 1.0, "l lt ltr litre litres liter liters"),
        ("ml", 0.001, "ml millilitre millilitres milliliter milliliters"),
        ("cl", 0.01, "cl centilitre centilitres centiliter centiliters"),
        ("gal", 3.785411784, "gal gallon gallons"),
    ),
    "time": (
        ("min", 60.0, "min mins minute minutes"),
        ("h", 3600.0, "h hr hrs hour hours"),
        ("s", 1.0, "s sec secs second seconds"),
    ),
    "share": (("%", 1.0, "% percent pct"),),
    "money": (
        ("$", 1.0, "$ usd us$ dollar dollars"),
        ("€", float("nan"), "€ eur euro euros"),
        ("£", float("nan"), "£ gbp"),
        ("¥", float("nan"), "¥ jpy yen"),
        ("₹", float("nan"), "₹ rs inr"),
    ),
}
_KNOWN = {
    spelling: (dimension, unit, size)
    for dimension, units in _LINES.items()
    for unit, size, spellings in units
    for spelling in spellings.split()
}
# Marks that multiply or bound a number: dropping them would change what is said.
_MEANING = frozenset(
    ["k", "m", "b", "t", "mm", "mio", "mln", "bn", "million", "billion", "thousand", "th", "st", "nd", "rd", "e", "x"]
)
_PLAIN_TAIL = re.compile(
    r"[^\W\d_%°'\"$€£¥₹][^\d<>=~±+\[\](){}]{0,22}|[%°'\"$€£¥₹]{1,2}[^\d<>=~±+\[\](){}]{0,16}|\((?:[^\d()]{1,12})\)"
)


def unit_of(affix: str) -> tuple[str, str, float] | None:
    """Dimension, unit and size of the unit that an affix begins with; None when it is not a known one.

    Examples
    --------
    >>> unit_of(" ounce"), unit_of(" oz. Silo Can")
    (('mass', 'oz', 28.349523125), ('mass', 'oz', 28.349523125))
    >>> unit_of(" patients") is None
    True
    """
    text = affix.strip().casefold()
    whole = re.sub(r"[\s.]", "", text)
    first = re.sub(r"\.", "", re.split(r"\s+", text)[0]) if text else ""
    return _KNOWN.get(whole) or _KNOWN.get(first)


def is_unit_like(affix: str) -> bool:
    """Whether what stands beside a number can be a unit: no digits, comparisons, ranges or multiplier."""
    text = affix.strip()
    if not text:
        return True
    if re.fullmatch(r"/\s?(?:5|10|20|100)|out of (?:5|10|20|100)", text.casefold()):
        return True
    bare = text.casefold().rstrip(".")
    if bare in _MEANING and unit_of(text) is None:
        return False
    return _PLAIN_TAIL.fullmatch(text) is not None


def is_currency(affix: str) -> bool:
    """Whether what stands before a number is a currency's sign or code."""
    found = unit_of(affix)
    return found is not None and found[0] == "money"
