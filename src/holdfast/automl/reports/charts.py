"""Charts (SVG) of a search: loss against a cost, loss against rows, loss over rounds; each told in words as well.

A chart is drawn in its own units and scales with the page; colours and strokes are the style sheet's, by class. Numbers
outside of a chart's scale are drawn at its edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from holdfast.automl.reports._scale import Scale, labels, scale_of
from holdfast.automl.reports._words import visible

WIDE, HIGH = 360, 230
TOP, RIGHT, BOTTOM = 26, 14, 40
#: Width of a letter of a tick's label, about.
LETTER = 6.3
#: Points that are numbered in a chart, at most: more would lie on each other.
NUMBERED = 14
#: Most lines of one chart, which is how many looks of a line the style sheet has.
LINES = 5


@dataclass(frozen=True, slots=True)
class Point:
    """A candidate: what it is called, its cost and loss, the loss's standard error, and how it stands.

    `state` is ``held`` (keeps the promises), ``broken``, or ``unproven``; one that another beats in everything is
    `behind`.
    """

    name: str
    x: float
    y: float
    error: float = 0.0
    state: str = "unproven"
    chosen: bool = False
    behind: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    x: Scale
    y: Scale
    left: float

    def across(self, value: float) -> float:
        return round(self.left + self.x.at(value) * (WIDE - RIGHT - self.left), 1)

    def up(self, value: float) -> float:
        return round(HIGH - BOTTOM - self.y.at(value) * (HIGH - BOTTOM - TOP), 1)


def frontier(points: Sequence[Point], *, unit: str, axis: str, bound: float | None = None) -> str:
    """Chart of loss (up) against a cost (across), with the bound that was promised; empty where nothing can be drawn.

    Parameters
    ----------
    points
        Candidates; the first `NUMBERED` are numbered from 1.
    unit
        Of the cost: ``seconds`` or ``bytes``.
    axis
        What the cost is, in words.
    bound
        Greatest cost that keeps the promises; None where there is no such promise.
    """
    costs = [*(each.x for each in points), *([] if bound is None else [bound])]
    frame = _frame(
        scale_of(costs, log=True, zero=True),
        scale_of([end for each in points for end in (each.y - each.error, each.y + each.error)]),
    )
    if frame is None or not points:
        return ""
    parts = [] if bound is None else _bound(frame, bound)
    parts += [*_axes(frame, unit=unit, axis=axis), _front(frame, points)]
    parts += [_whisker(frame, each) for each in points if each.error > 0.0]
    parts += [_mark(frame, each) for each in sorted(points, key=lambda each: each.chosen)]
    parts += _numbered(frame, points)
    kept = sum(each.state == "held" for each in points)
    told = f"Loss against {axis}: {len(points)} candidates, {kept} known to keep every promise"
    return _svg(told, parts)


def curve(points: Sequence[tuple[float, float, float]], *, baseline: float | None = None) -> str:
    """Chart of loss (up) against training rows (across): (rows, loss, standard error) each, with a band of one error.

    Empty where there are fewer than two.
    """
    given = sorted(points)
    frame = _frame(
        scale_of([x for x, _, _ in given], log=True),
        scale_of([end for _, y, error in given for end in (y - error, y + error)]),
    )
    if frame is None or len(given) < 2:
        return ""
    band = [(x, y + error) for x, y, error in given] + [(x, y - error) for x, y, error in reversed(given)]
    parts = [
        *_axes(frame, unit="rows", axis="training rows"),
        *_baseline(frame, baseline),
        f'<polygon class="area" points="{_path(frame, band)}"/>',
        f'<polyline class="line line-1" points="{_path(frame, [(x, y) for x, y, _ in given])}"/>',
        *(f'<circle class="dot" cx="{frame.across(x)}" cy="{frame.up(y)}" r="3"/>' for x, y, _ in given),
    ]
    return _svg(f"Loss with {given[0][0]:,.0f} to {given[-1][0]:,.0f} training rows", parts)


def lines(series: Sequence[tuple[str, Sequence[float]]], *, baseline: float | None = None) -> str:
    """Chart of held-out loss (up) over the share of the rounds made (across), a line for each (name, losses).

    At most `LINES` lines of at least two losses; empty where there is none.
    """
    given = [(name, losses) for name, losses in series if len(losses) > 1][:LINES]
    frame = _frame(Scale(0.0, 1.0), scale_of([each for _, losses in given for each in losses]))
    if frame is None or not given:
        return ""
    parts = [*_axes(frame, unit="share", axis="share of the rounds made"), *_baseline(frame, baseline)]
    for place, (_, losses) in enumerate(given, start=1):
        path = _path(frame, [(at / (len(losses) - 1), loss) for at, loss in enumerate(losses)])
        parts.append(f'<polyline class="line line-{place}" points="{path}"/>')
        least = losses.index(min(losses))
        at, up = frame.across(least / (len(losses) - 1)), frame.up(losses[least])
        parts.append(f'<circle class="least line-{place}" cx="{at}" cy="{up}" r="3"/>')
    told = ", ".join(f"{visible(name, limit=60)} {losses[0]:.4g} to {min(losses):.4g}" for name, losses in given)
    return _svg(f"Held-out loss over the rounds, from the first to the least: {told}", parts)


def sample(place: int) -> str:
    """A short piece of the line of that place (from 1), for the words beside a chart."""
    return (
        '<svg class="sample" aria-hidden="true" width="34" height="10" viewBox="0 0 34 10">'
        f'<polyline class="line line-{place}" points="1,5 33,5"/></svg>'
    )


def glyph(state: str, *, chosen: bool = False) -> str:
    """The mark of a candidate, for the words beside a chart."""
    drawn = _shape(Point("", 0.0, 0.0, 0.0, state, chosen), 9.0, 9.0)
    return f'<svg class="sample" aria-hidden="true" width="18" height="18" viewBox="0 0 18 18">{drawn}</svg>'


def _frame(x: Scale | None, y: Scale | None) -> _Frame | None:
    if x is None or y is None:
        return None
    longest = max((len(each) for each in labels(y.ticks(), "number")), default=1)
    return _Frame(x, y, min(90.0, 12.0 + LETTER * longest))


def _axes(frame: _Frame, *, unit: str, axis: str) -> list[str]:
    floor = HIGH - BOTTOM
    parts = ['<text class="heading" x="2" y="12">loss (lower is better)</text>']
    ticks = frame.y.ticks()
    for tick, text in zip(ticks, labels(ticks, "number"), strict=True):
        up = frame.up(tick)
        parts.append(f'<line class="grid" x1="{frame.left}" y1="{up}" x2="{WIDE - RIGHT}" y2="{up}"/>')
        parts.append(f'<text x="{frame.left - 5}" y="{up + 4}" text-anchor="end">{text}</text>')
    ticks = frame.x.ticks(most=4)
    for tick, text in zip(ticks, labels(ticks, unit), strict=True):
        across = frame.across(tick)
        half = LETTER * len(text) / 2.0
        middle = min(max(across, half + 1.0), WIDE - half - 1.0)
        parts.append(f'<line class="axis" x1="{across}" y1="{floor}" x2="{across}" y2="{floor + 4}"/>')
        parts.append(f'<text x="{round(middle, 1)}" y="{floor + 16}" text-anchor="middle">{text}</text>')
    parts.append(f'<line class="axis" x1="{frame.left}" y1="{floor}" x2="{WIDE - RIGHT}" y2="{floor}"/>')
    parts.append(f'<text class="heading" x="{WIDE - RIGHT}" y="{HIGH - 6}" text-anchor="end">{escape(axis)}</text>')
    return parts


def _bound(frame: _Frame, bound: float) -> list[str]:
    at = frame.across(bound)
    high = HIGH - BOTTOM - TOP
    return [
        f'<rect class="allowed" x="{frame.left}" y="{TOP}" width="{round(at - frame.left, 1)}" height="{high}"/>',
        f'<line class="bound" x1="{at}" y1="{TOP - 4}" x2="{at}" y2="{HIGH - BOTTOM}"/>',
        f'<text class="heading" x="{min(at, WIDE - 30.0)}" y="{TOP - 8}" text-anchor="middle">promised</text>',
    ]


def _baseline(frame: _Frame, baseline: float | None) -> list[str]:
    if baseline is None or not frame.y.low <= baseline <= frame.y.high:
        return []
    up = frame.up(baseline)
    return [
        f'<line class="baseline" x1="{frame.left}" y1="{up}" x2="{WIDE - RIGHT}" y2="{up}"/>',
        f'<text class="heading" x="{WIDE - RIGHT}" y="{max(up - 4.0, TOP)}" text-anchor="end">constant answer</text>',
    ]


def _front(frame: _Frame, points: Iterable[Point]) -> str:
    best: list[tuple[float, float]] = []
    for each in sorted(points, key=lambda each: (each.x, each.y)):
        if not best or each.y < best[-1][1]:
            # A step: until the next candidate is paid for, the loss stays as it is.
            best += [(each.x, best[-1][1])] if best else []
            best.append((each.x, each.y))
    return f'<polyline class="front" points="{_path(frame, best)}"/>'


def _whisker(frame: _Frame, point: Point) -> str:
    x, low, high = frame.across(point.x), frame.up(point.y - point.error), frame.up(point.y + point.error)
    return f'<line class="whisker" x1="{x}" y1="{high}" x2="{x}" y2="{low}"/>'


def _mark(frame: _Frame, point: Point) -> str:
    told = escape(f"{visible(point.name, limit=60)}{' (chosen)' if point.chosen else ''}: loss {point.y:.4g}")
    looks = ' class="behind"' if point.behind else ""
    return f"<g{looks}><title>{told}</title>{_shape(point, frame.across(point.x), frame.up(point.y))}</g>"


def _shape(point: Point, x: float, y: float) -> str:
    ring = f'<circle class="ring" cx="{x}" cy="{y}" r="7.5"/>' if point.chosen else ""
    if point.state == "held":
        return f'{ring}<circle class="mark held" cx="{x}" cy="{y}" r="4"/>'
    if point.state == "broken":
        near, far, top, low = (round(each, 1) for each in (x - 3.5, x + 3.5, y - 3.5, y + 3.5))
        return f'{ring}<path class="cross" d="M{near} {top}L{far} {low}M{near} {low}L{far} {top}"/>'
    return f'{ring}<circle class="mark open" cx="{x}" cy="{y}" r="3.5"/>'


def _numbered(frame: _Frame, points: Sequence[Point]) -> list[str]:
    parts: list[str] = []
    taken = [(frame.across(each.x), frame.up(each.y)) for each in points]
    for count, each in enumerate(points[:NUMBERED], start=1):
        if each.behind:
            continue
        x, y = frame.across(each.x), frame.up(each.y)
        reach = 12.0 if each.chosen else 9.0
        places = [(x + reach, y - 4.0), (x - reach, y - 4.0), (x + reach, y + 12.0), (x - reach, y + 12.0)]
        free = [at for at in places if _clear(at, taken, own=(x, y)) and frame.left < at[0] < WIDE - 8.0]
        if free:
            taken.append((free[0][0], free[0][1] - 4.0))
            parts.append(
                f'<text x="{round(free[0][0], 1)}" y="{round(free[0][1], 1)}" text-anchor="middle">{count}</text>'
            )
    return parts


def _clear(at: tuple[float, float], taken: Iterable[tuple[float, float]], *, own: tuple[float, float]) -> bool:
    return all(each == own or abs(each[0] - at[0]) >= 11.0 or abs(each[1] - (at[1] - 4.0)) >= 10.0 for each in taken)


def _path(frame: _Frame, places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{frame.across(x)},{frame.up(y)}" for x, y in places)


def _svg(told: str, parts: Iterable[str]) -> str:
    size = f'width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}"'
    return f'<svg class="chart" role="img" {size}><title>{escape(told)}</title>{"".join(parts)}</svg>'
