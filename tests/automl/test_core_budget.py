"""The budget: two clocks, what workers took, and the deadlines within it."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.automl._budget import Budget, Deadline
from holdfast.core.errors import InvalidValue

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")


@pytest.fixture
def wall(monkeypatch):
    clock = parts.Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture
def cpu(monkeypatch):
    clock = parts.Clock()
    monkeypatch.setattr(time, "process_time", clock)
    return clock


def test_a_wall_budget_is_spent_by_the_clock_on_the_wall_alone(wall, cpu) -> None:
    budget = Budget(10.0)
    wall.now, cpu.now = 103.0, 150.0
    budget.charge(7.0)
    assert (budget.spent_s, budget.left_s) == (3.0, 7.0)
    assert budget.cpu_s == 57.0


def test_a_cpu_budget_is_spent_by_this_process_and_what_it_is_charged_with(wall, cpu) -> None:
    budget = Budget(10.0, clock="cpu")
    wall.now, cpu.now = 900.0, 102.0
    budget.charge(4.0)
    budget.charge(1.0)
    assert (budget.spent_s, budget.left_s, budget.wall_s) == (7.0, 3.0, 800.0)


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_what_was_spent_before_is_spent(wall, cpu, clock) -> None:
    budget = Budget(10.0, clock=clock, spent_s=4.0)
    assert budget.spent_s == 4.0
    wall.now, cpu.now = 101.0, 101.0
    assert budget.left_s == 5.0
    assert {"wall": budget.wall_s, "cpu": budget.cpu_s}[clock] == 5.0


def test_a_budget_may_be_overspent_and_says_by_how_much(wall) -> None:
    budget = Budget(1.0)
    wall.now += 3.0
    assert budget.left_s == -2.0
    assert budget.end().passed


@given(
    seconds=st.floats(0.1, 1e6), reserve_s=st.floats(0.0, 1e6), within=st.floats(-10.0, 1e6), moved=st.floats(0.0, 1e6)
)
def test_a_deadline_within_another_is_never_later(seconds, reserve_s, within, moved) -> None:
    clock = parts.Clock()
    end = Deadline(clock, clock.now + seconds).earlier(reserve_s)
    inner = end.within(within)
    assert inner.at <= end.at
    assert inner.left <= max(within, 0.0) + 1e-6 or within < 0.0
    clock.now += moved
    assert inner.passed == (inner.left <= 0.0)
    assert not end.passed or inner.passed


def test_the_end_leaves_what_is_reserved_and_follows_what_is_charged(cpu) -> None:
    budget = Budget(10.0, clock="cpu")
    end = budget.end(reserve_s=4.0)
    assert end.left == pytest.approx(6.0)
    budget.charge(5.9)
    assert not end.passed
    cpu.now += 0.2
    assert end.passed


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_seconds_that_are_no_budget_are_refused(seconds) -> None:
    with pytest.raises(InvalidValue, match="budget of"):
        Budget(seconds)


def test_a_clock_that_is_none_is_refused_with_the_nearest_word() -> None:
    with pytest.raises(InvalidValue, match="clock 'cpus'") as error:
        Budget(1.0, clock="cpus")
    assert "'cpu'" in str(error.value)
