"""A value, its interval and its bound as a small drawing (SVG), with the same in words for those who cannot see it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from holdfast.core.errors import HoldfastError
from holdfast.core.promises import Promise
from holdfast.quality.reports._words import finite, visible
from holdfast.quality.reports.results import CheckResult

WIDE, HIGH, EDGE = 180, 30, 6


@dataclass(frozen=True, slots=True)
class _Line:
    """A stretch of the number line, drawn from `EDGE` to ``WIDE - EDGE``."""

    start: float
    end: float

    def at(self, number: float) -> float:
        share = (min(max(number, self.start), self.end) - self.start) / (self.end - self.start)
        return round(EDGE + share * (WIDE - 2 * EDGE), 1)


def band(result: CheckResult) -> str:
    """SVG of a result; empty where there is no value, or the claim has no bound that can be read."""
    from holdfast.core.grammar import parse

    value = finite(result.value)
    if value is None:
        return ""
    try:
        promise = parse(result.check)
    except HoldfastError:
        # A claim in another notation (another tool's check): the value is told in words only.
        return ""
    low, high = finite(result.low), finite(result.high)
    line = _line([each for each in (value, low, high, promise.bound.base) if each is not None], promise.measure)
    return _drawn(result, promise, line, (value, low, high)) if line is not None else ""


def _line(numbers: list[float], measure: str) -> _Line | None:
    from holdfast.core import registry

    least, greatest = min(numbers), max(numbers)
    room = 0.15 * (greatest - least) or 0.1 * abs(greatest) or 1.0
    spec = registry.find("measure", measure)
    bottom, top = spec.range if spec is not None else (None, None)
    # The range of the measure ends the line, unless a number lies outside of it.
    start = least - room if bottom is None else max(least - room, min(least, bottom))
    end = greatest + room if top is None else min(greatest + room, max(greatest, top))
    if not (math.isfinite(start) and math.isfinite(end)) or end <= start:
        return None
    return _Line(start, end)


def _drawn(
    result: CheckResult, promise: Promise, line: _Line, numbers: tuple[float, float | None, float | None]
) -> str:
    value, low, high = numbers
    bound = line.at(promise.bound.base)
    middle = HIGH / 2
    parts = [f'<line class="axis" x1="{EDGE}" y1="{middle}" x2="{WIDE - EDGE}" y2="{middle}"/>']
    for start, end in _allowed(promise.op, bound):
        parts.insert(0, f'<rect class="allowed" x="{start}" y="5" width="{round(end - start, 1)}" height="20"/>')
    parts.append(f'<line class="bound" x1="{bound}" y1="3" x2="{bound}" y2="27"/>')
    if low is not None and high is not None:
        start, wide = line.at(low), max(2.0, round(line.at(high) - line.at(low), 1))
        parts.append(f'<rect class="interval {result.verdict}" x="{start}" y="11" width="{wide}" height="8" rx="2"/>')
    parts.append(f'<circle class="value {result.verdict}" cx="{line.at(value)}" cy="{middle}" r="4.5"/>')
    told = escape(f"{visible(result.shown)}; must be {promise.op} {promise.bound}")
    size = f'width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}"'
    return f'<svg class="band" role="img" {size}><title>{told}</title>{"".join(parts)}</svg>'


def _allowed(op: str, bound: float) -> list[tuple[float, float]]:
    whole, above, below = (float(EDGE), WIDE - float(EDGE)), (bound, WIDE - float(EDGE)), (float(EDGE), bound)
    by_op = {">=": [above], ">": [above], "<=": [below], "<": [below], "==": [], "!=": [whole]}
    return by_op[op]
