"""Judging: a verdict is a pure, three-valued function of a promise and its evidence."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import registry
from holdfast.core.evidence import Evidence, State
from holdfast.core.grammar import parse
from holdfast.keeper.judge import evidence_confidence, judge, longest_age, small_text

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECALL = registry.get("measure", "recall")


def evidence(value: float | None, low: float | None = None, high: float | None = None, **more: object) -> Evidence:
    status = {"status": "failed", "reason": "no rows"} if value is None else {}
    return Evidence("s" * 64, "recall", "candidate", NOW, value=value, low=low, high=high, n=100, **{**status, **more})


def state(text: str, *pieces: Evidence, stage: str = "candidate", **more: object) -> State:
    return judge(parse(text).at(stage), pieces, spec=RECALL, now=NOW, **more).state


def test_no_evidence_is_unproven_not_held() -> None:
    assert state("recall >= 0.8") is State.UNPROVEN


def test_a_failed_measurement_is_unproven_not_held() -> None:
    assert state("recall >= 0.8", evidence(None)) is State.UNPROVEN


def test_stale_evidence_is_unproven() -> None:
    old = Evidence("s", "recall", "live", NOW - timedelta(days=2), value=0.9)
    assert state("recall >= 0.8", old, stage="live", max_age=timedelta(days=1)) is State.UNPROVEN


@pytest.mark.parametrize(
    ("text", "low", "value", "high", "expected"),
    [
        ("recall >= 0.8 with 95%", 0.81, 0.9, 0.95, State.HELD),
        ("recall >= 0.8 with 95%", 0.75, 0.9, 0.95, State.UNPROVEN),
        ("recall >= 0.8 with 95%", 0.6, 0.7, 0.79, State.BROKEN),
        ("recall >= 0.8", 0.75, 0.81, 0.95, State.HELD),
        ("recall >= 0.8", 0.75, 0.79, 0.95, State.BROKEN),
        ("recall <= 0.2 with 95%", 0.1, 0.15, 0.19, State.HELD),
        ("recall == 0.5 with 95%", 0.4, 0.5, 0.6, State.UNPROVEN),
        ("recall == 0.5 with 95%", 0.5, 0.5, 0.5, State.HELD),
        ("recall == 0.5 with 95%", 0.6, 0.7, 0.8, State.BROKEN),
        ("recall != 0.5 with 95%", 0.6, 0.7, 0.8, State.HELD),
        ("recall != 0.5 with 95%", 0.4, 0.45, 0.6, State.UNPROVEN),
    ],
)
def test_the_whole_interval_decides_where_a_confidence_is_promised(
    text: str, low: float, value: float, high: float, expected: State
) -> None:
    assert state(text, evidence(value, low, high)) is expected


def test_a_live_value_beyond_the_bound_is_unproven_until_its_interval_is_beyond_it_too() -> None:
    assert state("recall >= 0.8", evidence(0.7, 0.6, 0.85), stage="live") is State.UNPROVEN
    assert state("recall >= 0.8", evidence(0.7, 0.6, 0.79), stage="live") is State.BROKEN


def test_one_broken_slice_breaks_the_promise_and_is_the_deciding_one() -> None:
    good, bad = evidence(0.9, slice=(("sex", "a"),)), evidence(0.7, slice=(("sex", "b"),))
    verdict = judge(parse("recall >= 0.8 by sex").at("candidate"), [good, bad], spec=RECALL, now=NOW)
    assert verdict.state is State.BROKEN
    assert verdict.deciding == bad
    assert "sex=b" in verdict.reason
    assert "1 of 2 cases" in verdict.reason


def test_one_unmeasured_slice_makes_the_promise_unproven() -> None:
    assert state("recall >= 0.8 by sex", evidence(0.9), evidence(None)) is State.UNPROVEN


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0, 1))
def test_the_order_of_the_evidence_does_not_matter(values: list[float], bound: float) -> None:
    pieces = [evidence(each) for each in values]
    promise = parse(f"recall >= {bound:.6f}").at("candidate")
    verdicts = {
        judge(promise, order, spec=RECALL, now=NOW).state
        for order in itertools.islice(itertools.permutations(pieces), 6)
    }
    assert len(verdicts) == 1


@given(st.floats(0.5, 0.999), st.integers(1, 50), st.integers(1, 500))
def test_the_error_over_all_cases_and_looks_stays_within_what_is_promised(
    confidence: float, cases: int, looks: int
) -> None:
    promise = parse("recall >= 0.8").at("live")
    promise = type(promise)(**{**{f: getattr(promise, f) for f in promise.__slots__}, "confidence": confidence})
    spent = sum(cases * (1 - evidence_confidence(promise, cases=cases, look=look)) for look in range(1, looks + 1))
    assert spent <= (1 - confidence) * (1 + 1e-6)


def test_looks_at_a_promise_that_is_not_live_spend_nothing() -> None:
    promise = parse("recall >= 0.8 with 95%").at("candidate")
    assert evidence_confidence(promise, cases=1, look=100) == pytest.approx(0.95)
    assert evidence_confidence(promise, cases=5, look=1) == pytest.approx(0.99)


def test_a_promise_without_confidence_is_not_widened_by_its_cases() -> None:
    assert evidence_confidence(parse("recall >= 0.8").at("candidate"), cases=9, look=1) == pytest.approx(0.95)


def test_the_age_of_live_evidence_is_that_of_its_last_observation() -> None:
    old = NOW - timedelta(days=2)
    seen = Evidence("s", "recall", "live", NOW, value=0.9, window=(old - timedelta(days=1), old))
    verdict = judge(parse("recall >= 0.8").at("live"), [seen], spec=RECALL, now=NOW, max_age=timedelta(days=1))
    assert verdict.state is State.UNPROVEN
    assert "stale: the last observation is of 2025-12-30 00:00:00 UTC" in verdict.reason


@pytest.mark.parametrize(
    ("text", "stage", "age"),
    [
        ("recall >= 0.8", "candidate", None),
        ("recall >= 0.8", "live", timedelta(days=1)),
        ("recall >= 0.8 over 100 rows", "live", timedelta(days=1)),
        ("recall >= 0.8 over 1 h", "live", timedelta(hours=1)),
    ],
)
def test_live_evidence_is_stale_after_its_window_or_a_day(text: str, stage: str, age: timedelta | None) -> None:
    assert longest_age(parse(text).at(stage)) == age


def test_many_small_slices_are_counted_beyond_the_first_few() -> None:
    words = small_text([f"race={k} (n=3)" for k in range(8)])
    assert words.endswith("race=4 (n=3) and 3 more")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [("recall < 0.8", 0.7, State.HELD), ("recall > 0.8", 0.7, State.BROKEN), ("recall != 0.5", 0.5, State.BROKEN)],
)
def test_every_operator_says_how_bad_a_value_is(text: str, value: float, expected: State) -> None:
    assert state(text, evidence(value)) is expected
