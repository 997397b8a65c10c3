"""Sections on the search: what was tried, what it costs, how it learnt, what was spent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.automl.reports import charts
from holdfast.automl.reports._cells import claimed, error_bar, finite_error, spent
from holdfast.automl.reports._html import WRITTEN, figure, folded, long_table, note, section, table
from holdfast.automl.reports._plain import items, number, numbers, part, truth, whole, word
from holdfast.automl.reports._scale import Scale, scale_of
from holdfast.automl.reports._words import (
    MARKS,
    NOTHING,
    duration,
    give_or_take,
    measured,
    name,
    percent,
    sentence,
    short,
    shown,
)
from holdfast.automl.reports.summary import leaderboard

Report = Mapping[str, Any]

#: Costs of a candidate: key, unit, what it is, and how the measures are called that promise something about it.
COSTS = (
    ("latency_s", "seconds", "time of one answer", "latency"),
    ("size_bytes", "bytes", "size of the graph", "model_size"),
)
KEEPS = {True: "held", False: "broken", None: "unproven"}
PLAIN = {"held": "keeps every promise", "broken": "breaks one", "unproven": "not judged"}


def board(report: Report) -> str:
    """Leaderboard, best first."""
    rows = leaderboard(report)
    if not rows:
        return section("Leaderboard", [note("No trial is in the report.")], anchor="leaderboard")
    baseline = number(part(report, "baseline").get("loss"))
    scale = _loss_scale(rows)
    several = any(each["state"] == "chosen" for each in rows)
    cells = [_leader(each, scale=scale, baseline=baseline, several=several) for each in rows[:WRITTEN]]
    headings = ("name", "state", "loss", "", "time", "size", "features")
    told = "Best first; bars are one standard error to both sides"
    if baseline is not None:
        told += ", the dashed line is the constant answer"
    body = [long_table(told, headings, cells, kind="board", of=len(rows))]
    return section("Leaderboard: what was tried, and how good was it?", body, anchor="leaderboard")


def _loss_scale(rows: Sequence[Mapping[str, Any]]) -> Scale | None:
    seen = [each for each in rows if each["loss"] is not None and each["state"] != "baseline"]
    ends = [each["loss"] + sign * finite_error(each["error"]) for each in seen for sign in (-1.0, 1.0)]
    best = sorted(each["loss"] for each in seen)
    # A trial that went astray would squeeze all others into one point: it is drawn at the edge.
    far = best[0] + 6.0 * max(best[len(best) // 2] - best[0], 1e-9 * abs(best[0])) if best else 0.0
    return scale_of([min(each, far) for each in ends]) if len(best) > 1 else scale_of(ends)


def _leader(row: Mapping[str, Any], *, scale: Scale | None, baseline: float | None, several: bool) -> tuple[str, ...]:
    loss = row["loss"]
    drawn = (
        ""
        if loss is None or scale is None
        else error_bar(loss, finite_error(row["error"]), scale=scale, baseline=baseline)
    )
    rank = f'<span class="n">{row["rank"]}.</span> ' if row["rank"] is not None else ""
    # Most names begin with the learner's: it is said once.
    known = not row["learner"] or row["name"].startswith(row["learner"])
    learner = "" if known else f'<span class="places">{name(row["learner"])}</span>'
    tried = " ".join(each for each in (row["features"], row["weighting"]) if each)
    return (
        f"{rank}{name(row['name'])}{learner}",
        _state(row, several=several),
        short(give_or_take(loss, row["error"])) if loss is not None else NOTHING,
        drawn,
        short(duration(row["seconds"])),
        short(measured(row["size_bytes"], "bytes")),
        name(tried) if tried else NOTHING,
    )


def _state(row: Mapping[str, Any], *, several: bool) -> str:
    mark = "◆ " if row["member"] else "✗ " if row["state"] in ("failed", "lost") else ""
    member = "member" if several else "chosen"
    state = member if row["state"] == "done" and row["member"] else row["state"]
    again = '<span class="places">from an earlier run</span>' if row["resumed"] else ""
    why = f'<span class="places">{sentence(row["why"])}</span>' if row["why"] else ""
    kind = ' class="member"' if row["member"] else ""
    return f"<span{kind}>{mark}{name(state)}</span>{again}{why}"


def pareto(report: Report) -> str:
    """What a lower loss costs: charts against latency and size with the promised bounds; a word on each candidate."""
    found = items(report, "pareto")
    if not found:
        return ""
    drawn = "\n".join(_frontiers(report, found))
    body = [f'<div class="figures">{drawn}</div>' if drawn else "", _legend() if drawn else "", _candidates(found)]
    return section("What would a lower loss cost?", body, anchor="pareto")


def _frontiers(report: Report, found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for key, unit, axis, measure in COSTS:
        points = [point for each in found if (point := _point(each, key)) is not None]
        # Numbers in the chart are those of the table, so a chart that lacks candidates is not numbered wrongly.
        if len(points) == len(found) > 1:
            bound = _bound(report, measure)
            drawing = charts.frontier(points, unit=unit, axis=axis, bound=bound)
            promised = f"; promised: at most {measured(bound, unit)}" if bound is not None else ""
            yield figure(drawing, f"Loss against the {axis}{promised}")


def _point(candidate: Mapping[str, Any], key: str) -> charts.Point | None:
    cost, loss = number(candidate.get(key)), number(candidate.get("loss"))
    if cost is None or loss is None:
        return None
    state = KEEPS[truth(candidate.get("keeps"))]
    error = finite_error(number(candidate.get("error")))
    chosen, behind = (truth(candidate.get(key)) or False for key in ("chosen", "dominated"))
    return charts.Point(word(candidate.get("name")), cost, loss, error, state, chosen=chosen, behind=behind)


def _bound(report: Report, measure: str) -> float | None:
    found = []
    for each in items(report, "promises"):
        promise = claimed(word(each.get("claim")))
        if promise is not None and promise.measure.endswith(measure) and promise.op[0] == "<":
            found.append(promise.bound.base)
    return min(found, default=None)


def _legend() -> str:
    marks = [f"{charts.glyph(state)} {words}" for state, words in PLAIN.items()]
    marks.append(f"{charts.glyph('held', chosen=True)} chosen")
    return f'<p class="note legend">{"".join(f"<span>{each}</span>" for each in marks)}</p>'


def _candidates(found: Sequence[Mapping[str, Any]]) -> str:
    headings = ("candidate", "promises", "loss", "time of one answer", "size", "why")
    rows = []
    for place, each in enumerate(found[:WRITTEN], start=1):
        state = KEEPS[truth(each.get("keeps"))]
        picked = "◆ " if truth(each.get("chosen")) else ""
        row = (
            f'<span class="n">{place}.</span> {picked}{name(each.get("name"))}',
            f'<span class="{state}">{MARKS[state]} {PLAIN[state]}</span>{_gaps(each)}',
            short(give_or_take(each.get("loss"), each.get("error"))),
            short(measured(each.get("latency_s"), "seconds")),
            short(measured(each.get("size_bytes"), "bytes")),
            sentence(each.get("why")) or NOTHING,
        )
        rows.append(row)
    told = "What no other beats in everything stands first; ◆ was chosen"
    return long_table(told, headings, rows, kind="wide", of=len(found))


def _gaps(candidate: Mapping[str, Any]) -> str:
    found = list(part(candidate, "gaps").items())[:20]
    return "".join(f'<span class="places">{name(claim)}: {_found(claim, value)}</span>' for claim, value in found)


def _found(claim: Any, value: Any) -> str:
    from holdfast.core import registry

    promise, found = claimed(word(claim)), number(value)
    spec = registry.find("measure", promise.measure) if promise is not None else None
    return shown(found) if spec is None or found is None else measured(found, spec.unit)


def curves(report: Report) -> str:
    """How loss falls with rows, and with rounds."""
    baseline = number(part(report, "baseline").get("loss"))
    made = [_learning(report, baseline), _training(report, baseline)]
    drawn = "\n".join(each for each in made if each)
    return section(
        "Would more rows or more rounds help?",
        [f'<div class="figures">{drawn}</div>'] if drawn else [],
        anchor="curves",
    )


def _learning(report: Report, baseline: float | None) -> str:
    points = []
    for each in items(report, "learning_curve"):
        rows, loss = number(each.get("rows")), number(each.get("loss"))
        if rows is not None and loss is not None and rows > 0.0:
            points.append((rows, loss, finite_error(number(each.get("error")))))
    points = sorted(points)[:WRITTEN]
    rows_told = [(shown(rows), give_or_take(loss, error)) for rows, loss, error in points]
    details = folded("the numbers", table("Loss by training rows", ("rows", "loss"), rows_told))
    return figure(charts.curve(points, baseline=baseline), f"<b>Rows.</b> {_more_rows(points)}", details)


def _more_rows(points: Sequence[tuple[float, float, float]]) -> str:
    if len(points) < 2:
        return ""
    (_, before, error_before), (rows, loss, error) = points[-2:]
    gain, spread = before - loss, math.hypot(error, error_before)
    if gain > spread:
        return f"Still falling at {shown(rows)} rows: more would probably help."
    return f"No clear fall up to {shown(rows)} rows: the last step is within its standard error."


def _training(report: Report, baseline: float | None) -> str:
    losses = {id(each): numbers(each.get("curve")) for each in items(report, "trials")}
    trials = [each for each in items(report, "trials") if len(losses[id(each)]) > 1]
    best = sorted(trials, key=lambda each: _or_last(number(each.get("score"))))[: charts.LINES]
    drawing = charts.lines([(word(each.get("name")), losses[id(each)]) for each in best], baseline=baseline)
    keys = "".join(
        f"<li>{charts.sample(place)} {name(each.get('name'))}</li>" for place, each in enumerate(best, start=1)
    )
    rows = [_rounds(each, losses[id(each)]) for each in best]
    details = folded(
        "the numbers", table("Losses over the rounds", ("trial", "rounds", "first", "least", "last"), rows)
    )
    return figure(
        drawing,
        f'<b>Rounds.</b> Held-out loss of the best boosters; dots are the least<ul class="keys">{keys}</ul>',
        details,
    )


def _rounds(trial: Mapping[str, Any], losses: Sequence[float]) -> tuple[str, ...]:
    made = whole(trial.get("rounds"))
    return name(trial.get("name")), shown(made), shown(losses[0]), shown(min(losses)), shown(losses[-1])


def _or_last(loss: float | None) -> float:
    return float("inf") if loss is None else loss


def budget(report: Report) -> str:
    """What was spent, against what was given."""
    found = part(report, "budget")
    given = number(found.get("seconds"))
    clock = "CPU" if word(found.get("clock")) == "cpu" else "wall"
    used = [(label, number(found.get(key))) for label, key in (("wall", "wall_s"), ("CPU", "cpu_s"))]
    used = [(label, seconds) for label, seconds in used if seconds is not None and seconds >= 0.0]
    most = max([seconds for _, seconds in used if seconds is not None] + [given or 0.0], default=0.0)
    if not used or most <= 0.0:
        return ""
    bars = []
    for label, seconds in used:
        limit = given if label == clock and given is not None and given > 0.0 else None
        told = f"{label} clock: {_of(seconds, limit)}"
        bars.append(f"<li><span>{told}</span>{spent(seconds or 0.0, limit, most=most * 1.02, told=told)}</li>")
    return section("What was spent?", [f'<ul class="spendings">{"".join(bars)}</ul>'], anchor="budget")


def _of(seconds: float | None, limit: float | None) -> str:
    if seconds is None or limit is None:
        return duration(seconds)
    over = f", {percent(seconds / limit - 1.0)} over" if seconds > limit else f", {percent(seconds / limit)}"
    return f"{duration(seconds)} of {duration(limit)}{over}"
