"""Value, Evidence, Verdict: invariants, and ids that do not know the time."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Evidence, State, Value, Verdict
from holdfast.core.promises import Promise
from holdfast.core.units import Quantity

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MEASURED = Evidence(subject="a" * 64, measure="recall", stage="candidate", time=NOW, value=0.9, n=10)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"value": math.nan}, "is not finite"),
        ({"value": math.inf}, "is not finite"),
        ({"value": 1.0, "low": 0.5}, "needs both ends"),
        ({"value": 1.0, "high": 1.5}, "needs both ends"),
        ({"value": 1.0, "low": 1.1, "high": 1.5}, r"low=1.1, value=1.0, high=1.5"),
        ({"value": 1.0, "low": 0.5, "high": 0.9}, "low <= value <= high"),
        ({"value": 1.0, "low": math.nan, "high": 2.0}, "low <= value <= high"),
        ({"value": 1.0, "n": 0}, "got n=0"),
    ],
)
def test_a_value_that_says_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        Value(**given)


def test_a_value_may_lie_outside_its_interval_by_rounding_only() -> None:
    assert Value(1.0, low=1.0 + 1e-12, high=2.0).value == 1.0
    with pytest.raises(InvalidValue):
        Value(1.0, low=1.0 + 1e-6, high=2.0)


def test_a_value_shows_number_interval_and_n() -> None:
    assert repr(Value(0.5, low=0.25, high=0.75, n=4)) == "Value(value=0.5, low=0.25, high=0.75, n=4)"
    assert repr(Value(12.0)) == "Value(value=12, n=1)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "measure"}, "did you mean 'measured'"),
        ({"value": None}, "has a value unless it failed"),
        ({"status": "failed", "reason": "no rows"}, "has a value unless it failed"),
        ({"status": "failed", "value": None}, "without a reason"),
    ],
)
def test_evidence_is_a_measurement_or_a_failure_with_its_reason(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        replace(MEASURED, **changes)


def test_two_runs_on_the_same_inputs_are_one_evidence() -> None:
    later = replace(MEASURED, time=datetime(2027, 1, 1, tzinfo=UTC))
    assert later.id == MEASURED.id


@pytest.mark.parametrize(
    "changes", [{"value": 0.8}, {"n": 11}, {"inputs": ("b" * 64,)}, {"code": "2"}, {"slice": (("sex", "F"),)}]
)
def test_anything_but_the_time_makes_another_evidence(changes: dict[str, Any]) -> None:
    assert replace(MEASURED, **changes).id != MEASURED.id


def test_a_failed_measurement_is_evidence_too() -> None:
    failed = replace(MEASURED, status="failed", value=None, n=0, reason="no rows")
    assert failed.id != MEASURED.id


def test_evidence_says_what_it_is_about_in_words() -> None:
    sliced = replace(MEASURED, args=("age", 0.5), slice=(("sex", "Female"),))
    assert sliced.subject_text == "age, 0.5, sex=Female"


def test_the_case_of_a_promise_is_what_its_wildcard_and_its_slices_stand_for() -> None:
    every = Promise("psi", "<=", Quantity(0.2), args=("*", 10.0), by=("sex",))
    found = replace(MEASURED, args=("age", 10.0), slice=(("sex", "Female"),))
    assert found.case_of(every) == "age, sex=Female"
    assert MEASURED.case_of(Promise("recall", ">=", Quantity(0.8))) == ""
    assert replace(MEASURED, args=("age",)).case_of(Promise("f", ">=", Quantity(0.8), args=("age",))) == ""


def test_evidence_is_never_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        MEASURED.value = 1.0  # type: ignore[misc] # the refusal is what is tested


def test_there_are_three_verdicts() -> None:
    verdict = Verdict(Promise("recall", ">=", Quantity(0.8)), State.UNPROVEN)
    assert [str(state) for state in State] == ["held", "broken", "unproven"]
    assert verdict.deciding is None
