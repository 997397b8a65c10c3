"""Scales: from numbers to places in a drawing, and the ticks between."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.automl.reports._words import shown
from holdfast.core.units import show

#: How many times the least the greatest is where a scale is laid on logarithms.
WIDE = 20.0


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` (place 0) to `high` (place 1)."""

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Place of a number, in [0, 1]; what lies outside is at the edge."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(max(value, low)), math.log10(low), math.log10(high)
        return (min(max(value, low), high) - low) / (high - low)

    def ticks(self, *, most: int = 5) -> list[float]:
        """Round numbers on the scale, rising; one more than `most` at most."""
        return _decades(self.low, self.high, most) if self.log else _steps(self.low, self.high, most)


def scale_of(values: Iterable[float], *, log: bool = False, zero: bool = False, room: float = 0.06) -> Scale | None:
    """Scale that holds the numbers, with some room at its ends; None where there is nothing to lay a scale on.

    Parameters
    ----------
    values
        Finite numbers.
    log
        Whether logarithms are taken where all are above 0 and the greatest is `WIDE` times the least.
    zero
        Whether 0 is held too, and is an end without room; not where logarithms are taken.
    room
        Share of the span that is left free at each end.
    """
    given = list(values)
    if not given:
        return None
    low, high = min(given), max(given)
    if log and low > 0.0 and high / low >= WIDE:
        stretch = (high / low) ** room
        made = Scale(low / stretch, high * stretch, log=True)
        return made if made.low > 0.0 and math.isfinite(made.high) else None
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high)):
        span = 0.2 * abs(high) or 1.0
        low, high = (low, high) if zero else (low - span / 2.0, high + span / 2.0)
    floor = low if zero and low == 0.0 else low - room * span
    made = Scale(floor, high + room * span)
    return made if math.isfinite(made.high - made.low) and made.high > made.low else None


def labels(ticks: list[float], unit: str) -> list[str]:
    """Text of each tick, as short as tells them apart; the unit is seconds, bytes, share, rows, or another."""
    if unit in ("seconds", "bytes"):
        return [show(each, unit) for each in ticks]
    if unit == "share":
        return [f"{100.0 * each:.3g} %" for each in ticks]
    if unit == "rows":
        return [shown(each) for each in ticks]
    if len(ticks) > 1 and not _near(ticks):
        return [f"{each:.3g}" for each in ticks]
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.0
    digits = min(6, max(0, -math.floor(math.log10(step) + 1e-9))) if step > 0.0 else 3
    if max((abs(each) for each in ticks), default=0.0) >= 1e5 or digits == 6:
        return [f"{each:.4g}" for each in ticks]
    return [f"{each:.{_needed(step, digits)}f}" for each in ticks]


def _needed(step: float, digits: int) -> int:
    # A step of 0.25 needs one digit more than its size says.
    return digits if step == 0.0 or math.isclose(round(step, digits), step, rel_tol=1e-6) else digits + 1


def _near(ticks: list[float]) -> bool:
    first, last = ticks[1] - ticks[0], ticks[-1] - ticks[-2]
    return math.isclose(first, last, rel_tol=1e-6)


def _steps(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / max(1, most)
    unit = 10.0 ** math.floor(math.log10(rough)) if rough > 0.0 else 0.0
    if not unit:
        return []
    step = next((unit * each for each in (1.0, 2.0, 2.5, 5.0) if unit * each >= rough * (1.0 - 1e-9)), 10.0 * unit)
    first = math.ceil(low / step - 1e-9)
    # `most` steps have one tick more than they are.
    return [each * step for each in range(first, first + most + 1) if low <= each * step <= high]


def _decades(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for marks in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        found = [mark * 10.0**power for power in range(first, last + 1) for mark in marks]
        found = [each for each in found if low <= each <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]
