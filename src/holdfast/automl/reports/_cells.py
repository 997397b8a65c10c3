"""Small drawings for the cells of a table: a value with its interval and bound, an error bar, a bar."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from holdfast.automl.reports._scale import Scale, scale_of
from holdfast.automl.reports._words import visible
from holdfast.core.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.core.promises import Promise

WIDE, HIGH, EDGE = 180, 30, 6
ROOM = WIDE - 2 * EDGE


def claimed(claim: str) -> Promise | None:
    """The promise of a claim, or None where it cannot be read as one."""
    from holdfast.core.grammar import parse

    try:
        return parse(claim)
    except HoldfastError:
        # Whatever else was written there is shown as it is; it has no bound to draw.
        return None


def band(promise: Promise, verdict: str, value: float, *, low: float | None, high: float | None, told: str) -> str:
    """Drawing of a measured value, its interval, and the bound of its promise; empty where no scale holds them."""
    bound = promise.bound.base
    scale = _within(scale_of([each for each in (value, low, high, bound) if each is not None], room=0.15), promise)
    if scale is None:
        return ""
    parts = [
        f'<rect class="allowed" x="{start}" y="5" width="{round(end - start, 1)}" height="20"/>'
        for start, end in _allowed(promise.op, _at(scale, bound))
    ]
    parts.append(f'<line class="axis" x1="{EDGE}" y1="15" x2="{WIDE - EDGE}" y2="15"/>')
    parts.append(f'<line class="bound" x1="{_at(scale, bound)}" y1="3" x2="{_at(scale, bound)}" y2="27"/>')
    if low is not None and high is not None and low <= high:
        start = _at(scale, low)
        wide = max(2.0, round(_at(scale, high) - start, 1))
        parts.append(f'<rect class="interval {verdict}" x="{start}" y="11" width="{wide}" height="8" rx="2"/>')
    parts.append(f'<circle class="value {verdict}" cx="{_at(scale, value)}" cy="15" r="4.5"/>')
    return _svg("band", f"{told}; must be {promise.op} {promise.bound}", parts)


def _within(scale: Scale | None, promise: Promise) -> Scale | None:
    from holdfast.core import registry

    spec = registry.find("measure", promise.measure)
    if scale is None or spec is None:
        return scale
    bottom, top = spec.range
    # The range of the measure ends the line, unless the bound lies outside of it.
    low = scale.low if bottom is None else max(scale.low, min(bottom, promise.bound.base))
    high = scale.high if top is None else min(scale.high, max(top, promise.bound.base))
    return Scale(low, high) if high > low else scale


def _allowed(op: str, bound: float) -> list[tuple[float, float]]:
    start, end = float(EDGE), float(WIDE - EDGE)
    by_op = {">": [(bound, end)], "<": [(start, bound)], "!": [(start, end)]}
    return by_op.get(op[0], [])


def error_bar(value: float, error: float, *, scale: Scale, baseline: float | None = None) -> str:
    """Drawing of a loss, one standard error to both sides, and the constant answer's loss where it is on the scale."""
    start, end = _at(scale, value - error), _at(scale, value + error)
    parts = [f'<line class="axis" x1="{EDGE}" y1="8" x2="{WIDE - EDGE}" y2="8"/>']
    if baseline is not None and scale.low <= baseline <= scale.high:
        at = _at(scale, baseline)
        parts.append(f'<line class="baseline" x1="{at}" y1="1" x2="{at}" y2="15"/>')
    if end > start:
        parts.append(f'<line class="whisker" x1="{start}" y1="8" x2="{end}" y2="8"/>')
    parts.append(f'<circle class="dot" cx="{_at(scale, value)}" cy="8" r="3.5"/>')
    return _svg("cell", f"loss {value:.4g}, standard error {error:.2g}", parts, high=16)


def bar(value: float, low: float | None, high: float | None, *, scale: Scale) -> str:
    """Drawing of a number as a bar from 0, with its interval as a line."""
    zero, end = _at(scale, 0.0), _at(scale, value)
    start, wide = min(zero, end), round(abs(end - zero), 1)
    parts = [f'<rect class="bar" x="{start}" y="3" width="{wide}" height="10" rx="1.5"/>']
    if low is not None and high is not None and low < high:
        parts.append(f'<line class="whisker" x1="{_at(scale, low)}" y1="8" x2="{_at(scale, high)}" y2="8"/>')
    parts.append(f'<line class="axis" x1="{zero}" y1="1" x2="{zero}" y2="15"/>')
    interval = "" if low is None or high is None else f", from {low:.3g} to {high:.3g}"
    return _svg("cell", f"{value:.3g}{interval}", parts, high=16)


def spent(seconds: float, budget: float | None, *, most: float, told: str) -> str:
    """Bar of the seconds spent, with the budget as a bound; what is over it stands out."""
    scale = Scale(0.0, most)
    inside = seconds if budget is None else min(seconds, budget)
    parts = [
        f'<rect class="allowed" x="{EDGE}" y="5" width="{ROOM}" height="12"/>',
        f'<rect class="bar" x="{EDGE}" y="5" width="{round(_at(scale, inside) - EDGE, 1)}" height="12"/>',
    ]
    if budget is not None:
        at = _at(scale, budget)
        if seconds > budget:
            over = round(_at(scale, seconds) - at, 1)
            parts.append(f'<rect class="over" x="{at}" y="5" width="{over}" height="12"/>')
        parts.append(f'<line class="bound" x1="{at}" y1="1" x2="{at}" y2="21"/>')
    return _svg("spent", told, parts, high=22)


def _at(scale: Scale, value: float) -> float:
    return round(EDGE + scale.at(value) * ROOM, 1)


def _svg(kind: str, told: str, parts: list[str], *, high: int = HIGH) -> str:
    size = f'width="{WIDE}" height="{high}" viewBox="0 0 {WIDE} {high}"'
    title = escape(visible(told, limit=300))
    return f'<svg class="{kind}" role="img" {size}><title>{title}</title>{"".join(parts)}</svg>'


def finite_error(error: float | None) -> float:
    """Standard error to draw: 0 where there is none."""
    return error if error is not None and error > 0.0 and math.isfinite(error) else 0.0
