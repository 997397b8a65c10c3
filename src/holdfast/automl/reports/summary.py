"""A search in rows and in plain text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from holdfast.automl.reports._plain import items, number, part, truth, whole, word, words
from holdfast.automl.reports._words import (
    MARKS,
    NOTHING,
    SENTENCE,
    WORST_FIRST,
    duration,
    give_or_take,
    measured,
    percent,
    shown,
    verdict,
    visible,
)

#: States of a row, in the order in which they stand where no loss tells them apart.
STATES = ("chosen", "done", "baseline", "cut", "pruned", "lost", "failed")
#: Letters of a name that is still one.
LONG = 40
#: Rows of the leaderboard in the text.
TOLD = 8


def leaderboard(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of everything that was tried, best first; what was not seen whole (cut, pruned, failed) stands behind.

    Parameters
    ----------
    report
        Plain data of a search, as `Trained.report` has them; every key may be missing.

    Returns
    -------
    list of dict
        ``rank`` (from 1; None where there is no loss to rank), ``name``, ``learner``, ``state`` (as the trial says;
        ``chosen`` for an ensemble that was chosen, ``baseline`` for the constant answer), ``loss`` and its standard
        ``error`` (None where not measured), ``rounds``, ``seconds`` and ``cpu_s``, ``size_bytes``, ``features``,
        ``weighting``, ``member`` (whether it is in the chosen model), ``resumed``, and ``why`` (it is not done).

    Examples
    --------
    >>> report = {"trials": [{"name": "a", "score": 0.5}, {"name": "b", "score": 0.4}], "baseline": {"loss": 0.6}}
    >>> [(each["rank"], each["name"], each["loss"]) for each in leaderboard(report)]
    [(1, 'b', 0.4), (2, 'a', 0.5), (3, 'constant', 0.6)]
    """
    chosen = part(report, "chosen")
    members = {word(each.get("name")) for each in items(chosen, "members")} or {word(chosen.get("name"))}
    rows = [_row(each, member=word(each.get("name")) in members) for each in items(report, "trials")]
    if len(members) > 1:
        rows.append(_row({**chosen, "name": called(chosen), "learner": "ensemble", "state": "chosen"}, member=True))
    baseline = part(report, "baseline")
    if number(baseline.get("loss")) is not None:
        plain = {"name": baseline.get("name") or "constant", "score": baseline.get("loss"), "state": "baseline"}
        rows.append(_row(plain, member=False))
    ordered = sorted(rows, key=_order)
    place = 0
    for row in ordered:
        if _whole(row) and row["loss"] is not None:
            place += 1
            row["rank"] = place
    return ordered


def called(chosen: Mapping[str, Any]) -> str:
    """Name of the chosen model; an ensemble whose name lists its members is called by their number."""
    said, members = word(chosen.get("name")), items(chosen, "members")
    return f"ensemble of {len(members)}" if len(members) > 1 and (not said or len(said) > LONG) else said


def _row(trial: Mapping[str, Any], *, member: bool) -> dict[str, Any]:
    error = trial.get("error")
    state = word(trial.get("state")) or "done"
    return {
        "rank": None,
        "name": word(trial.get("name")) or NOTHING,
        "learner": word(trial.get("learner")),
        "state": state,
        "loss": number(trial.get("score")),
        "error": number(error),
        "rounds": whole(trial.get("rounds")),
        "seconds": number(trial.get("seconds")),
        "cpu_s": number(trial.get("cpu_s")),
        "size_bytes": number(trial.get("size_bytes")),
        "features": word(trial.get("features")),
        "weighting": word(trial.get("weighting")),
        "member": member,
        "resumed": truth(trial.get("resumed")) or False,
        "why": error if isinstance(error, str) else word(trial.get("reason")),
    }


def _whole(row: Mapping[str, Any]) -> bool:
    return row["state"] in ("chosen", "done", "baseline")


def _order(row: Mapping[str, Any]) -> tuple[bool, float, int]:
    place = STATES.index(row["state"]) if row["state"] in STATES else len(STATES)
    loss = row["loss"]
    return (not _whole(row) or loss is None, loss if loss is not None and _whole(row) else math.inf, place)


def text(report: Mapping[str, Any]) -> str:
    """A search in a few lines for a terminal: the answer, promises, the best trials, leaks, time; no colour.

    Parameters
    ----------
    report
        As for `leaderboard`, with the ``promises`` that were judged where there are any.
    """
    lines = [*_answer(report), *_promises(report), *_leaders(report), *_leaks(report), *_budget(report)]
    lines += [f"- {visible(each, limit=SENTENCE)}" for each in words(report.get("notes"))]
    return "\n".join(lines)


def _answer(report: Mapping[str, Any]) -> list[str]:
    chosen = part(report, "chosen")
    if not chosen:
        return ["no model was chosen"]
    baseline = number(part(report, "baseline").get("loss"))
    against = f" (constant answer {shown(baseline)})" if baseline is not None else ""
    loss = give_or_take(chosen.get("score"), chosen.get("error"))
    lines = [f"{visible(called(chosen) or 'chosen')}: loss {loss}{against}"]
    members = items(chosen, "members")
    if len(members) > 1:
        parts = [f"{shown(each.get('weight'))} {visible(word(each.get('name')))}" for each in members]
        lines.append(f"  = {' + '.join(parts)}")
    if truth(report.get("feasible")) is False:
        near = "; ".join(nearest(report))
        lines.append(f"infeasible: {f'the nearest miss is {near}' if near else 'no candidate keeps every promise'}")
    lines += [f"  {each}" for each in impossible(report)]
    return lines


def nearest(report: Mapping[str, Any]) -> list[str]:
    """What the nearest miss misses, a text for each promise."""
    found = []
    for each in items(report, "nearest"):
        plain = f"{word(each.get('claim'))}: {shown(each.get('value'))} instead of {shown(each.get('bound'))}"
        found.append(visible(word(each.get("text")) or plain, limit=SENTENCE))
    return found


def impossible(report: Mapping[str, Any]) -> list[str]:
    """What no model can keep, and why, a sentence for each proof."""
    found = []
    for each in items(report, "impossible"):
        claims = " and ".join(words(each.get("claims")) or words(each.get("claim"))) or "a promise"
        instead = f"; what can be promised: {word(each.get('nearest'))}" if word(each.get("nearest")) else ""
        said = f"no model can keep {claims}: {word(each.get('why'))}{instead}"
        found.append(visible(said, limit=SENTENCE))
    return found


def _promises(report: Mapping[str, Any]) -> list[str]:
    promises = sorted(items(report, "promises"), key=lambda each: WORST_FIRST.index(verdict(each.get("verdict"))))
    claims = [visible(word(each.get("claim"))) for each in promises]
    width = max((len(each) for each in claims), default=0)
    lines = []
    for each, claim in zip(promises, claims, strict=True):
        state = verdict(each.get("verdict"))
        lines.append(f"{MARKS[state]} {state:<8}  {claim:<{width}}  {value_text(each)}".rstrip())
        if state != "held" and word(each.get("reason")):
            lines.append(f"    {visible(word(each.get('reason')), limit=SENTENCE)}")
    return lines


def value_text(promise: Mapping[str, Any]) -> str:
    """Measured value of a promise with its interval and n; nothing where it was not measured."""
    unit = word(promise.get("unit"))
    value, low, high = (number(promise.get(key)) for key in ("value", "low", "high"))
    if value is None:
        return ""
    interval = "" if low is None or high is None else f" [{measured(low, unit)}, {measured(high, unit)}]"
    n = whole(promise.get("n"))
    return f"{measured(value, unit)}{interval}{f' (n={shown(n)})' if n and n > 1 else ''}"


def _leaders(report: Mapping[str, Any]) -> list[str]:
    rows = leaderboard(report)
    names = [visible(each["name"], limit=40) for each in rows[:TOLD]]
    width = max((len(each) for each in names), default=0)
    lines = []
    for row, shown_name in zip(rows, names, strict=False):
        rank = f"{row['rank']}" if row["rank"] is not None else ""
        loss = give_or_take(row["loss"], row["error"])
        seconds = duration(row["seconds"]) if row["seconds"] is not None else ""
        state = "" if row["state"] == "done" else row["state"]
        lines.append(f"{rank:>3}  {shown_name:<{width}}  {loss:<18}  {seconds:<9}  {visible(state)}".rstrip())
    if len(rows) > TOLD:
        lines.append(f"     and {len(rows) - TOLD} more")
    return lines


def _leaks(report: Mapping[str, Any]) -> list[str]:
    return [
        f"! leak: {visible(word(each.get('column')))}: {visible(word(each.get('why')), limit=SENTENCE)}"
        for each in items(report, "leaks")
    ]


def _budget(report: Mapping[str, Any]) -> list[str]:
    budget = part(report, "budget")
    seconds = {name: number(budget.get(key)) for name, key in (("wall", "wall_s"), ("CPU", "cpu_s"))}
    given = number(budget.get("seconds"))
    clock = "CPU" if word(budget.get("clock")) == "cpu" else "wall"
    told = []
    for name, spent in seconds.items():
        of = (
            f" of {duration(given)} ({percent(spent / given)})" if name == clock and spent is not None and given else ""
        )
        told += [f"{duration(spent)}{of} {name}"] if spent is not None else []
    return [f"spent {', '.join(told)}"] if told else []
