"""Units of measures and bounds, and quantities that carry them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from math import isfinite

from holdfast.core.errors import InvalidValue, UnitMismatch, one_of


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its symbol, what it measures, and how many base units one of it is."""

    symbol: str
    dimension: str
    factor: float


_UNITS = (
    Unit("", "number", 1.0),
    Unit("%", "number", 0.01),
    Unit("us", "time", 1e-6),
    Unit("ms", "time", 1e-3),
    Unit("s", "time", 1.0),
    Unit("min", "time", 60.0),
    Unit("m", "time", 60.0),
    Unit("h", "time", 3600.0),
    Unit("d", "time", 86400.0),
    Unit("B", "size", 1.0),
    Unit("kB", "size", 1e3),
    Unit("MB", "size", 1e6),
    Unit("GB", "size", 1e9),
    Unit("KiB", "size", 1024.0),
    Unit("MiB", "size", 1024.0**2),
    Unit("GiB", "size", 1024.0**3),
    Unit("USD", "money", 1.0),
    Unit("EUR", "money-eur", 1.0),
    Unit("rows", "rows", 1.0),
    Unit("Wh", "energy", 1.0),
    Unit("kWh", "energy", 1e3),
    Unit("g", "mass", 1.0),
    Unit("kg", "mass", 1e3),
)
UNITS = {unit.symbol: unit for unit in _UNITS}

#: What a measure may declare as its unit, and the dimension that its bounds then have.
MEASURE_UNITS = {
    "share": "number",
    "number": "number",
    "count": "number",
    "nats": "number",
    "bits": "number",
    "target": "number",
    "seconds": "time",
    "bytes": "size",
    "USD": "money",
    "rows": "rows",
    "Wh": "energy",
    "g": "mass",
}


def unit(symbol: str) -> Unit:
    """Look a unit up by its symbol.

    Raises
    ------
    UnitMismatch
        If there is no such unit.

    Examples
    --------
    >>> unit("ms").factor
    0.001
    """
    found = UNITS.get(symbol)
    if found is None:
        raise UnitMismatch(f"no unit {symbol!r}", expected=one_of((each for each in UNITS if each), symbol))
    return found


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit, such as ``20 ms``."""

    number: float
    symbol: str = ""

    def __post_init__(self) -> None:
        """Check that the unit exists and that the number is one."""
        unit(self.symbol)
        if not isfinite(self.number):
            raise InvalidValue(f"a quantity cannot be {self.number}", expected="a finite number")

    @property
    def base(self) -> float:
        """The number in base units: seconds, bytes, or itself."""
        return self.number * unit(self.symbol).factor

    @property
    def dimension(self) -> str:
        """What the quantity measures: ``number``, ``time``, ``size``, ``money``, ..."""
        return unit(self.symbol).dimension

    def __str__(self) -> str:
        """Shortest text that reads back as the same quantity."""
        return f"{number_text(self.number)} {self.symbol}".rstrip()


def number_text(number: float) -> str:
    """Shortest decimal text that reads back as the same float, without a trailing ``.0``.

    Examples
    --------
    >>> number_text(0.90), number_text(3.0), number_text(1e-05)
    ('0.9', '3', '1e-05')
    """
    if isfinite(number) and number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return repr(float(number))


_DURATION = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]+)\s*$")


def quantity(text: str, *, dimension: str) -> Quantity:
    """Quantity from text such as ``"10 min"``, of the dimension asked for.

    Raises
    ------
    UnitMismatch
        If the text is no number with a unit of that dimension.
    InvalidValue
        If the number is too large to be one.

    Examples
    --------
    >>> quantity("10 min", dimension="time").base
    600.0
    """
    match = _DURATION.match(text)
    symbols = [each.symbol for each in _UNITS if each.dimension == dimension]
    if match is None:
        raise UnitMismatch(f"{text!r} is no quantity", expected=f"a number and one of {', '.join(symbols)}")
    found = Quantity(float(match.group(1)), match.group(2))
    if found.dimension != dimension:
        raise UnitMismatch(f"{text!r} is of dimension {found.dimension}", expected=f"one of {', '.join(symbols)}")
    return found


def show(base: float, measure_unit: str) -> str:
    """Text for a value in base units, in the unit a person would choose.

    Examples
    --------
    >>> show(0.0123, "seconds"), show(2_500_000, "bytes"), show(0.91234, "share")
    ('12.3 ms', '2.5 MB', '0.9123')
    """
    if measure_unit == "seconds":
        return _scaled(base, (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)))
    if measure_unit == "bytes":
        return _scaled(base, (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)))
    if measure_unit == "USD":
        return f"{base:.4g} USD"
    return f"{base:.4g}" if abs(base) < 1e4 else f"{base:,.0f}"


def _scaled(base: float, scale: tuple[tuple[str, float], ...]) -> str:
    if math.isinf(base):
        return "∞" if base > 0 else "-∞"
    for symbol, factor in scale:
        if abs(base) >= factor:
            return f"{_three_digits(base / factor)} {symbol}"
    return f"{_three_digits(base / scale[-1][1])} {scale[-1][0]}"


def _three_digits(number: float) -> str:
    # 999.96 rounds to 1000, which `.3g` alone would write as 1e+03.
    return f"{float(f'{number:.3g}'):g}"
