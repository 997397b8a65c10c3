"""Event, Cost, Action, Plan, Decision: digests that chain, keys that make an action one action."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.core.digests import is_digest
from holdfast.core.errors import InvalidValue
from holdfast.core.events import GENESIS, Action, Cost, Decision, Event, Plan

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVENT = Event(1, "plan.made", {"id": "a"}, NOW, "keeper")
ACTION = Action("retrain", "a" * 64, "recall >= 0.8", {"rows": 10}, cause="b" * 64, cost=Cost(60, 0.5, 0.1))


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 2},
        {"type": "plan.lost"},
        {"payload": {"id": "b"}},
        {"time": datetime(2026, 1, 3, tzinfo=UTC)},
        {"actor": "somebody"},
        {"model": "tumour"},
        {"key": "k"},
        {"previous": "1" * 64},
    ],
)
def test_the_digest_of_an_event_covers_every_field(changes: dict[str, Any]) -> None:
    assert replace(EVENT, **changes).digest() != EVENT.digest()


def test_the_digest_of_an_event_does_not_cover_itself() -> None:
    assert replace(EVENT, hash=EVENT.digest()).digest() == EVENT.digest()
    assert is_digest(EVENT.digest())
    assert EVENT.previous == GENESIS


@pytest.mark.parametrize(
    "given",
    [
        {"seconds": -1.0},
        {"usd": -0.01},
        {"risk": 1.1},
        {"risk": -0.1},
        {"seconds": math.nan},
        {"usd": math.nan},
        {"risk": math.nan},
    ],
)
def test_a_cost_is_no_negative_number(given: dict[str, float]) -> None:
    with pytest.raises(InvalidValue, match="risk from 0 to 1"):
        Cost(**given)


def test_cheap_and_safe_comes_before_dear_and_risky() -> None:
    assert Cost(seconds=10).weight < Cost(seconds=10, risk=0.5).weight < Cost(seconds=7200).weight
    assert Cost(usd=1).weight == 60.0


@pytest.mark.parametrize(
    "changes", [{"remedy": "x"}, {"subject": "x"}, {"promise": "x"}, {"params": {}}, {"cause": "x"}]
)
def test_what_an_action_would_do_makes_its_key(changes: dict[str, Any]) -> None:
    assert replace(ACTION, **changes).key != ACTION.key


def test_how_an_action_is_told_does_not_make_its_key() -> None:
    told = replace(ACTION, reason="why", undo="how", precondition="when", cost=Cost())
    assert told.key == ACTION.key


def test_the_same_actions_in_another_order_are_another_plan() -> None:
    other = replace(ACTION, remedy="rollback")
    assert Plan((ACTION, other)).id == Plan((ACTION, other)).id
    assert Plan((ACTION, other)).id != Plan((other, ACTION)).id
    assert Plan(notes=("x",)).id != Plan().id


def test_an_action_without_a_canonical_form_has_no_key() -> None:
    with pytest.raises(InvalidValue, match="no canonical JSON form"):
        replace(ACTION, params={"rows": object()}).key  # noqa: B018 - reading the key is what is tested


def test_a_decision_says_who_and_what_was_seen() -> None:
    decision = Decision(ACTION.key, True, "ada", "person", ("held",), NOW)
    assert decision.reason == ""
