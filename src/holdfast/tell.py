"""Lines for a person: plans, outcomes and verdicts in words. What the command line and the demo print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.core.evidence import Verdict
from holdfast.core.units import show

if TYPE_CHECKING:
    from holdfast.core.events import Decision
    from holdfast.keeper.loop import Tick

MARKS = {"held": "✓", "broken": "✗", "unproven": "?"}


def plan_lines(seen: Tick) -> list[str]:
    """The plan: what, why, at which cost, how to undo it; then what was set aside."""
    if not seen.plan.actions:
        return ["nothing to do" if seen.state.value == "held" else "no remedy can be planned now", *_notes(seen)]
    lines = []
    for number, action in enumerate(seen.plan.actions, start=1):
        word = _decided(seen.decisions.get(action.key))
        lines.append(f"{number}. {action.remedy}  [{action.key[:12]}, {word}]")
        if action.promise:
            lines.append(f"   for      {action.promise}")
        lines.append(f"   because  {action.reason}")
        if action.precondition:
            lines.append(f"   needs    {action.precondition}")
        lines.append(f"   costs    about {show(action.cost.seconds, 'seconds')}, risk {action.cost.risk:g}")
        if action.undo:
            lines.append(f"   undo     {action.undo}")
    return lines + _notes(seen)


def _decided(decision: Decision | None) -> str:
    if decision is None:
        return "waits for approval"
    who = "the policy" if decision.decider.startswith("policy:") else decision.decider
    return f"{'allowed' if decision.allowed else 'refused'} by {who}"


def _notes(seen: Tick) -> list[str]:
    return [f"   - {note}" for note in seen.plan.notes]


def outcome_lines(seen: Tick) -> list[str]:
    """What was done, and what came of it."""
    return [f"{each.action.remedy}: {each.state}: {each.text}" for each in seen.outcomes] or ["nothing was to be done"]


def promise_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each promise: mark, claim, value with interval and n; under one that is not held, the reason."""
    width = max((len(each.promise.claim) for each in verdicts), default=0)
    lines = []
    for each in verdicts:
        lines.append(f"{MARKS[each.state.value]} {each.promise.claim:<{width}}  {value_text(each)}".rstrip())
        if each.state.value != "held":
            lines.append(f"    {each.reason}")
    return lines


def interval_text(measure: str, value: float, low: float | None, high: float | None) -> str:
    """Value of a measure and its interval, if it has one, in the unit a person would choose."""
    from holdfast.core import registry

    spec = registry.get("measure", measure)
    ends = f" [{spec.show(low)}, {spec.show(high)}]" if low is not None and high is not None else ""
    return f"{spec.show(value)}{ends}"


def value_text(verdict: Verdict) -> str:
    """Value with interval, n and case of the deciding evidence; how it was had, when it was not measured."""
    found = verdict.deciding
    if found is None or found.value is None:
        return ""
    text = f"{interval_text(found.measure, found.value, found.low, found.high)}, n={found.n}"
    case = found.case_of(verdict.promise)
    if case:
        text += f" ({case})"
    return text + (f", {found.status}" if found.status != "measured" else "")
