"""Calls: a step handed straight to an executor."""

from __future__ import annotations

import threading

import numpy as np
import polars as pl
import pytest
from engine_sample import always, as_array, dies, fails, inc, noted, until_killed, up_to

from holdfast.core.errors import EngineError, StepFailed, Uncacheable
from holdfast.engine import step
from holdfast.engine._jobs import Outcome
from holdfast.engine.calls import hand_in, opened
from holdfast.engine.executors import make_executor


def never() -> bool:
    return False


@pytest.fixture(params=["local", "processes"])
def executor(request):
    made = make_executor(request.param, 2)
    yield made
    made.close()


def test_a_step_gets_its_arguments_and_gives_its_value(executor, tmp_path) -> None:
    futures = [hand_in(executor, inc, {"x": x, "by": 2}, folder=tmp_path, stop=never) for x in range(4)]
    assert [opened(each.result(30), where="inc", folder=tmp_path) for each in futures] == [2, 3, 4, 5]


def test_frames_go_and_arrays_come_bit_for_bit(executor, tmp_path) -> None:
    rows = pl.DataFrame({"x": [0, 1, 2], "y": ["a", "b", None]})
    future = hand_in(executor, as_array, {"rows": rows, "seed": 3}, folder=tmp_path, stop=never)
    found = opened(future.result(30), where="as_array", folder=tmp_path)
    assert found.tobytes() == np.asarray(as_array.function(rows, 3)).tobytes()


def test_a_call_is_made_every_time(executor, tmp_path, notes) -> None:
    for _ in range(2):
        future = hand_in(executor, always, {"x": 1, "notes": notes}, folder=tmp_path, stop=never)
        assert opened(future.result(30), where="always", folder=tmp_path) == 2
    assert noted(notes) == ["always1", "always1"]


def test_what_a_step_raises_is_told_where_it_is_opened(executor, tmp_path) -> None:
    future = hand_in(executor, fails, {"x": 7}, folder=tmp_path, stop=never)
    with pytest.raises(StepFailed, match="ValueError: no 7") as error:
        opened(future.result(30), where="trial 'seven'", folder=tmp_path)
    assert "trial 'seven'" in str(error.value)


def test_a_process_that_is_killed_fails_its_call_and_the_next_one_is_made(tmp_path) -> None:
    executor = make_executor("processes", 1)
    try:
        future = hand_in(executor, dies, {"how": "kill"}, folder=tmp_path, stop=never)
        with pytest.raises(StepFailed, match="SIGKILL"):
            opened(future.result(30), where="dies", folder=tmp_path)
        future = hand_in(executor, up_to, {"n": 2}, folder=tmp_path, stop=never)
        assert opened(future.result(30), where="up_to", folder=tmp_path) == [0, 1]
    finally:
        executor.close()


def test_a_call_that_is_given_up_ends(tmp_path, notes) -> None:
    executor = make_executor("processes", 1)
    stopped = threading.Event()
    try:
        future = hand_in(executor, until_killed, {"notes": notes}, folder=tmp_path, stop=stopped.is_set)
        stopped.set()
        with pytest.raises(EngineError):
            opened(future.result(30), where="until_killed", folder=tmp_path)
    finally:
        executor.close()


def test_arguments_that_no_process_could_read_are_refused_before_anything_runs(executor, tmp_path) -> None:
    with pytest.raises(Uncacheable, match="object"):
        hand_in(executor, inc, {"x": object()}, folder=tmp_path, stop=never)


def test_a_step_that_no_process_could_import_fails(tmp_path) -> None:
    @step
    def inner() -> int:
        return 1

    executor = make_executor("processes", 1)
    try:
        future = hand_in(executor, inner, {}, folder=tmp_path, stop=never)
        with pytest.raises(EngineError, match="inside another function"):
            opened(future.result(30), where="inner", folder=tmp_path)
    finally:
        executor.close()


def test_an_outcome_of_nothing_is_no_outcome(tmp_path) -> None:
    with pytest.raises(ValueError, match="without result and failure"):
        opened(Outcome(None, None, 0.0), where="nothing", folder=tmp_path)
