"""Lines for a person: every word follows from the values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from holdfast.core.events import Action, Cost, Decision, Plan
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.grammar import parse
from holdfast.keeper.act import Outcome
from holdfast.keeper.loop import Tick
from holdfast.tell import outcome_lines, plan_lines, promise_lines, value_text

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROMISE = parse("recall >= 0.8 by sex").at("candidate")
EVIDENCE = Evidence(
    "s", "recall", "candidate", NOW, value=0.75, low=0.7, high=0.8, n=40, slice=(("sex", "f"),), status="estimated"
)
ACTION = Action(
    "retrain",
    "s",
    PROMISE.claim,
    precondition="labels came",
    undo="roll back",
    reason="it broke",
    cost=Cost(seconds=60, risk=0.1),
)


def tick(
    *actions: Action, decision: Decision | None = None, state: State = State.BROKEN, notes: tuple[str, ...] = ()
) -> Tick:
    decisions = {each.key: decision for each in actions} if decision is not None else {}
    return Tick((Verdict(PROMISE, state),), Plan(actions, notes), decisions)


def decided(by: str, *, allowed: bool = True) -> Decision:
    return Decision(ACTION.key, allowed, by, "auto", (), NOW)


def test_an_action_says_what_why_at_which_cost_and_how_to_undo_it() -> None:
    lines = plan_lines(tick(ACTION, notes=("rollback not now: none",)))
    assert lines[0] == f"1. retrain  [{ACTION.key[:12]}, waits for approval]"
    assert lines[1:] == [
        "   for      recall >= 0.8 by sex",
        "   because  it broke",
        "   needs    labels came",
        "   costs    about 1 min, risk 0.1",
        "   undo     roll back",
        "   - rollback not now: none",
    ]


def test_an_action_without_promise_precondition_and_undo_has_no_empty_lines() -> None:
    lines = plan_lines(tick(Action("train", "s", "", reason="no champion yet")))
    assert [each.split()[0] for each in lines] == ["1.", "because", "costs"]


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (decided("policy:auto"), "allowed by the policy"),
        (decided("bob"), "allowed by bob"),
        (decided("bob", allowed=False), "refused by bob"),
    ],
)
def test_an_action_says_who_decided(decision: Decision, words: str) -> None:
    assert words in plan_lines(tick(ACTION, decision=decision))[0]


@pytest.mark.parametrize(
    ("state", "words"), [(State.HELD, "nothing to do"), (State.UNPROVEN, "no remedy can be planned now")]
)
def test_an_empty_plan_says_whether_that_is_good(state: State, words: str) -> None:
    assert plan_lines(tick(state=state, notes=("why",))) == [words, "   - why"]


def test_outcomes_say_what_came_of_each_action() -> None:
    seen = tick(ACTION)
    assert outcome_lines(seen) == ["nothing was to be done"]
    seen.outcomes.append(Outcome(ACTION, "restored", text="model m is champion"))
    assert outcome_lines(seen) == ["retrain: restored: model m is champion"]


def test_a_promise_that_is_not_held_is_followed_by_its_reason() -> None:
    held = Verdict(parse("f1 >= 0.5").at("candidate"), State.HELD, deciding=None)
    broken = Verdict(PROMISE, State.BROKEN, deciding=EVIDENCE, reason="breaks the bound")
    assert promise_lines([held, broken]) == [
        "✓ f1 >= 0.5",
        "✗ recall >= 0.8 by sex  0.75 [0.7, 0.8], n=40 (sex=f), estimated",
        "    breaks the bound",
    ]
    assert promise_lines([]) == []


def test_a_value_without_interval_or_value_is_told_as_it_is() -> None:
    exact = Evidence("s", "recall", "candidate", NOW, value=0.75, n=40)
    failed = Evidence("s", "recall", "candidate", NOW, status="failed", reason="no rows")
    plain = parse("recall >= 0.8").at("candidate")
    assert value_text(Verdict(plain, State.BROKEN, deciding=exact)) == "0.75, n=40"
    assert value_text(Verdict(plain, State.UNPROVEN, deciding=failed)) == ""
    assert value_text(Verdict(plain, State.UNPROVEN)) == ""
