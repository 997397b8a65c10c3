"""Planning: the same state gives the same plan; the cheapest remedy whose precondition holds, rollback last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from holdfast.core.contract import Contract, DataSpec, PolicySpec
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.grammar import parse
from holdfast.core.ports import Refusal, RemedyContext
from holdfast.keeper.plan import Attempt, Situation, plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIVE = parse("accuracy >= 0.9 over 1 d").at("live")
DATA = parse("unique(case) >= 1").at("data")
CONTRACT = Contract("m", "binary", "y", DataSpec("rows.csv"), (DATA, LIVE), positive="1")


class Fixed:
    """A remedy that always proposes the same."""

    def __init__(self, name: str, cost: Cost, refusal: str | None = None) -> None:
        self.name = name
        self.cost = cost
        self.refusal = refusal

    def propose(self, context: RemedyContext) -> Action | Refusal:
        if self.refusal:
            return Refusal(self.refusal)
        return Action(self.name, "subject", context.verdict.promise.claim, cost=self.cost, reason="because")

    def carry_out(self, action: Action, bench: object) -> str | None:
        return None


CHEAP, DEAR = Fixed("cheap", Cost(seconds=1)), Fixed("dear", Cost(seconds=900))
ROLLBACK = Fixed("rollback", Cost())


def broken(promise: object = LIVE, value: float = 0.5) -> Verdict:
    found = Evidence("s", "accuracy", "live", NOW, value=value, n=10)
    return Verdict(promise, State.BROKEN, evidence=(found.id,), deciding=found)


def situation(*verdicts: Verdict, **more: object) -> Situation:
    return Situation(
        **{"contract": CONTRACT, "verdicts": verdicts, "now": NOW, "dataset": "d", "champion": "c", **more}
    )


def remedies(*given: Fixed) -> dict[str, Fixed]:
    return {each.name: each for each in given}


def names(found: object) -> list[str]:
    return [each.remedy for each in found.actions]


def test_nothing_is_planned_where_every_promise_is_held() -> None:
    held = Verdict(LIVE, State.HELD)
    assert plan(situation(held), remedies(CHEAP)).actions == ()


def test_an_unproven_promise_is_no_reason_to_act() -> None:
    assert plan(situation(Verdict(LIVE, State.UNPROVEN)), remedies(CHEAP)).actions == ()


def test_the_first_model_is_trained_when_there_is_no_champion() -> None:
    assert names(plan(situation(Verdict(LIVE, State.UNPROVEN), champion=None), remedies(CHEAP))) == ["train"]


def test_broken_data_come_before_any_training() -> None:
    found = plan(situation(broken(DATA), broken(), champion=None), remedies(CHEAP))
    assert names(found) == ["cheap"]
    assert found.actions[0].promise == DATA.claim


def test_the_cheapest_remedy_is_taken_and_the_other_is_named() -> None:
    found = plan(situation(broken()), remedies(DEAR, CHEAP))
    assert names(found) == ["cheap"]
    assert any("dear would do too" in note for note in found.notes)


def test_what_the_promise_asks_for_comes_before_what_is_cheaper() -> None:
    asked = broken(parse("accuracy >= 0.9 over 1 d else dear").at("live"))
    assert names(plan(situation(asked), remedies(CHEAP, DEAR))) == ["dear"]


def test_rollback_is_always_last_even_where_it_is_free_and_asked_for() -> None:
    asked = broken(parse("accuracy >= 0.9 over 1 d else rollback").at("live"))
    assert names(plan(situation(asked), remedies(ROLLBACK, DEAR))) == ["dear"]


def test_a_refusal_is_noted_with_its_reason() -> None:
    found = plan(situation(broken()), remedies(Fixed("cheap", Cost(), refusal="no fresh rows")))
    assert found.actions == ()
    assert any("cheap not now: no fresh rows" in note for note in found.notes)
    assert any("a person is needed" in note for note in found.notes)


def test_a_remedy_that_failed_is_followed_by_the_next_one() -> None:
    failed = Attempt("cheap", LIVE.claim, NOW - timedelta(days=9), restored=False)
    assert names(plan(situation(broken(), attempts=(failed,)), remedies(CHEAP, DEAR))) == ["dear"]


def test_a_remedy_is_not_tried_again_before_its_back_off_is_over() -> None:
    failed = Attempt("cheap", LIVE.claim, NOW - timedelta(seconds=30), restored=False)
    waiting = plan(situation(broken(), attempts=(failed,)), remedies(CHEAP))
    assert waiting.actions == ()
    later = plan(replace(situation(broken(), attempts=(failed,)), now=NOW + timedelta(hours=1)), remedies(CHEAP))
    assert names(later) == ["cheap"]


def test_a_remedy_is_given_up_after_the_attempts_of_the_policy() -> None:
    contract = replace(CONTRACT, policy=PolicySpec(attempts=2, backoff_s=0))
    failed = tuple(Attempt("cheap", LIVE.claim, NOW - timedelta(days=k), restored=False) for k in (9, 8))
    assert plan(situation(broken(), contract=contract, attempts=failed), remedies(CHEAP)).actions == ()


def test_failures_before_the_promise_was_last_restored_do_not_count() -> None:
    earlier = tuple(Attempt("cheap", LIVE.claim, NOW - timedelta(days=k), restored=False) for k in (9, 8, 7))
    restored = Attempt("dear", LIVE.claim, NOW - timedelta(days=6), restored=True)
    assert names(plan(situation(broken(), attempts=(*earlier, restored)), remedies(CHEAP))) == ["cheap"]


def test_the_same_state_gives_the_same_plan_byte_for_byte() -> None:
    state = situation(broken(), broken(DATA))
    assert plan(state, remedies(CHEAP, DEAR)) == plan(state, remedies(DEAR, CHEAP))
    assert plan(state, remedies(CHEAP, DEAR)).id == plan(state, remedies(DEAR, CHEAP)).id


def test_new_evidence_makes_it_a_new_action_and_the_same_evidence_the_same_one() -> None:
    first, again, other = (plan(situation(broken(value=v)), remedies(CHEAP)).actions[0].key for v in (0.5, 0.5, 0.4))
    assert first == again
    assert first != other


def test_two_promises_cured_by_the_same_deed_need_it_once() -> None:
    second = broken(parse("recall >= 0.9 over 1 d").at("live"))
    assert names(plan(situation(broken(), second), remedies(CHEAP))) == ["cheap"]


def test_a_promise_that_held_in_between_gives_a_remedy_its_attempts_back() -> None:
    contract = replace(CONTRACT, policy=PolicySpec(attempts=2, backoff_s=60))
    failed = tuple(Attempt("cheap", LIVE.claim, NOW - timedelta(days=k), restored=False) for k in (9, 8))
    state = situation(broken(), contract=contract, attempts=failed)
    assert plan(state, remedies(CHEAP)).actions == ()
    held = {LIVE.id: NOW - timedelta(days=7)}
    assert names(plan(replace(state, held=held), remedies(CHEAP))) == ["cheap"]


def test_a_promise_that_held_for_a_moment_does_not_cut_the_back_off_short() -> None:
    failed = Attempt("cheap", LIVE.claim, NOW - timedelta(seconds=30), restored=False)
    held = {LIVE.id: NOW - timedelta(seconds=10)}
    found = plan(situation(broken(), attempts=(failed,), held=held), remedies(CHEAP))
    assert found.actions == ()
    assert any("again after" in note for note in found.notes)


def test_what_is_broken_again_in_the_same_way_is_another_action() -> None:
    first = plan(situation(broken()), remedies(CHEAP)).actions[0]
    done = Attempt("cheap", LIVE.claim, NOW - timedelta(days=1), restored=True, cause=first.cause)
    again = plan(situation(broken(), attempts=(done,)), remedies(CHEAP)).actions[0]
    assert again.key != first.key


def test_a_training_that_failed_waits_and_is_given_up_in_the_end() -> None:
    cause = f"{CONTRACT.id}:d:"
    late = Attempt("train", "", NOW - timedelta(seconds=30), restored=False, cause=cause)
    state = situation(champion=None, attempts=(late,))
    assert any("train not now: tried 1 times" in note for note in plan(state, {}).notes)
    old = replace(late, time=NOW - timedelta(days=1))
    again = plan(replace(state, attempts=(old,)), {})
    assert names(again) == ["train"]
    assert again.actions[0].key != plan(replace(state, attempts=()), {}).actions[0].key
    spent = plan(replace(state, attempts=(old, old, old)), {})
    assert "3 tries did not restore" in spent.notes[0]


def test_another_contract_or_dataset_is_trained_on_at_once() -> None:
    late = Attempt("train", "", NOW, restored=False, cause=f"{CONTRACT.id}:d:")
    assert names(plan(situation(champion=None, dataset="e", attempts=(late,)), {})) == ["train"]
    other = replace(CONTRACT, min_labels=7)
    assert names(plan(situation(champion=None, contract=other, attempts=(late,)), {})) == ["train"]


def test_a_candidate_that_failed_is_mended_where_a_remedy_can() -> None:
    gate = parse("recall >= 0.9").at("candidate")
    found = plan(situation(broken(gate), champion=None, contender="c"), remedies(CHEAP))
    assert names(found) == ["cheap"]


def test_a_candidate_that_proved_too_little_is_left_to_a_person() -> None:
    gate = parse("recall >= 0.9 with 95%").at("candidate")
    state = situation(Verdict(gate, State.UNPROVEN), Verdict(LIVE, State.UNPROVEN), champion=None, contender="c")
    found = plan(state, remedies(CHEAP))
    assert found.actions == ()
    assert found.notes == ("recall >= 0.9 with 95%: the last candidate did not prove it; a person is needed",)


def test_a_verdict_without_evidence_has_a_cause_all_the_same() -> None:
    bare = Verdict(LIVE, State.BROKEN)
    assert plan(situation(bare), remedies(CHEAP)).actions[0].cause == ":"


def test_an_interrupted_try_costs_no_attempt_and_no_back_off_but_is_another_action() -> None:
    contract = replace(CONTRACT, policy=PolicySpec(attempts=1))
    stopped = Attempt("cheap", LIVE.claim, NOW, restored=False, interrupted=True)
    state = situation(broken(), contract=contract)
    first = plan(state, remedies(CHEAP)).actions[0]
    again = plan(replace(state, attempts=(stopped,)), remedies(CHEAP)).actions[0]
    assert first.key != again.key


def test_an_interrupted_training_is_begun_again_at_once() -> None:
    stopped = Attempt("train", "", NOW, restored=False, cause=f"{CONTRACT.id}:d:", interrupted=True)
    first = plan(situation(champion=None), {}).actions[0]
    again = plan(situation(champion=None, attempts=(stopped,)), {}).actions[0]
    assert again.remedy == "train"
    assert first.key != again.key
