"""Deciding: no action runs without a decision, and four eyes are two people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from holdfast.core.contract import Contract, DataSpec, PolicySpec
from holdfast.core.events import Action
from holdfast.core.evidence import State, Verdict
from holdfast.core.grammar import parse
from holdfast.keeper.decide import Approval, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROMISE = parse("accuracy >= 0.9").at("candidate")
CONTRACT = Contract("m", "binary", "y", DataSpec("rows.csv"), (PROMISE,), positive="1")
ACTION = Action("retrain", "subject", PROMISE.claim)


def made(policy: str, *approvals: Approval, author: str = "ann", ask_for: tuple[str, ...] = ()) -> object:
    return decide(
        ACTION,
        contract=replace(CONTRACT, policy=PolicySpec(approve=policy, ask_for=ask_for)),
        verdicts=[Verdict(PROMISE, State.BROKEN)],
        approvals={each.action: each for each in approvals},
        now=NOW,
        author=author,
    )


def test_the_automatic_policy_decides_and_records_what_it_saw() -> None:
    decision = made("auto")
    assert decision.allowed
    assert decision.decider == "policy:auto"
    assert decision.seen == ("candidate: accuracy >= 0.9: broken",)


def test_a_remedy_that_the_contract_asks_about_waits_even_under_auto() -> None:
    assert made("auto", ask_for=("retrain",)) is None


@pytest.mark.parametrize("policy", ["person", "four-eyes"])
def test_without_an_approval_a_person_is_awaited(policy: str) -> None:
    assert made(policy) is None


def test_a_persons_yes_is_a_decision_of_that_person() -> None:
    decision = made("person", Approval(ACTION.key, "ann", allowed=True))
    assert (decision.allowed, decision.decider) == (True, "ann")


def test_a_persons_no_is_a_decision_too() -> None:
    assert made("person", Approval(ACTION.key, "ann", allowed=False)).allowed is False


def test_under_four_eyes_the_authors_own_yes_does_not_count() -> None:
    assert made("four-eyes", Approval(ACTION.key, "ann", allowed=True)) is None
    assert made("four-eyes", Approval(ACTION.key, "bob", allowed=True)).decider == "bob"


def test_an_approval_of_another_action_does_not_count() -> None:
    assert made("person", Approval("another", "ann", allowed=True)) is None
