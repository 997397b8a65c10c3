"""Ensembles: what the selection promises of its weights, its members and its loss."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._answers import Calibration
from holdfast.automl._ensemble import LEAST_WEIGHT, calibrated, ensemble_of, greedy, pool, single, stacked

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")
PROBLEMS = {
    task: parts.problem(parts.table(80, task=task), task=task) for task in ("binary", "multiclass", "regression")
}

NOISES = st.lists(st.sampled_from([0.05, 0.5, 1.0, 3.0, 20.0]), min_size=1, max_size=6)
MANY = settings(max_examples=25, deadline=None)


def trials(task: str, noises: list[float], *, seed: int = 0, gaps: int = 0) -> list:
    problem = PROBLEMS[task]
    made = []
    for index, margin in enumerate(parts.margins(problem, noises, seed=seed)):
        margin[:gaps] = np.nan
        line = Calibration(0.5 + 0.25 * index, 0.1 * index) if problem.outputs == 1 else Calibration()
        made.append(parts.trial(problem, margin, f"trial {index}", calibration=line, size_bytes=100 - index))
    return [replace(each, score=single(problem, each).score) for each in made]


@MANY
@given(
    st.sampled_from(list(PROBLEMS)), NOISES, st.integers(1, 4), st.integers(0, 20), st.integers(0, 30), st.booleans()
)
def test_a_greedy_ensemble_is_small_its_weights_sum_to_one_and_it_is_no_worse_than_its_best(
    task, noises, members, seed, gaps, calibrate
) -> None:
    problem, found = PROBLEMS[task], trials(task, noises, seed=seed, gaps=gaps)
    made = greedy(problem, found, members=members, calibrate=calibrate)
    assert 1 <= len(made.trials) <= members
    assert len({each.config.name for each in made.trials}) == len(made.trials)
    assert sum(made.weights) == pytest.approx(1.0)
    assert min(made.weights) >= LEAST_WEIGHT
    assert made.score <= min(single(problem, each).score for each in found) + 1e-9
    assert made.how == ("greedy" if len(made.trials) > 1 else "single")
    assert np.isnan(made.margin[:gaps]).all()
    assert np.isfinite(made.margin[gaps:]).all()
    assert np.isnan(made.rows[:gaps]).all()


def test_repeats_do_not_make_the_best_single_better_than_the_ensemble() -> None:
    problem = PROBLEMS["binary"]
    one, other = trials("binary", [0.5, 2.0])
    # A score is the mean loss over repeats: the trial that seems worse may have the better mean margin.
    made = greedy(problem, [replace(one, score=0.9), replace(other, score=0.1)], members=1)
    assert made.trials[0].config == one.config


@MANY
@given(st.sampled_from(list(PROBLEMS)), NOISES.filter(lambda each: len(each) > 1), st.integers(0, 20), st.booleans())
def test_stacked_weights_are_not_negative_and_light_members_are_not_shipped(task, noises, seed, calibrate) -> None:
    problem, found = PROBLEMS[task], trials(task, noises, seed=seed)
    made = stacked(problem, found, calibrate=calibrate)
    assert made is None or len(made.trials) > 1
    if made is not None:
        assert min(made.weights) >= LEAST_WEIGHT * sum(made.weights) > 0.0
        assert max(made.weights) <= 1.5
        assert made.how == "stacked"


def test_what_is_noise_has_no_weight_and_is_left_out() -> None:
    problem = PROBLEMS["binary"]
    good, alike, noise = trials("binary", [0.4, 0.6, 30.0], seed=1)
    made = stacked(problem, [good, alike, noise])
    assert [each.config.name for each in made.trials] == ["trial 0", "trial 1"]
    two = stacked(problem, [good, alike])
    np.testing.assert_allclose(made.weights, two.weights, rtol=1e-9)
    assert stacked(problem, [good, noise]) is None


@pytest.mark.parametrize("task", list(PROBLEMS))
def test_equal_trials_make_a_single(task) -> None:
    problem = PROBLEMS[task]
    (first,) = trials(task, [1.0])
    same = [replace(first, config=replace(first.config, name=f"copy {index}")) for index in range(5)]
    made = greedy(problem, same, members=4)
    assert (made.trials, made.weights, made.how) == ((same[0],), (1.0,), "single")
    smaller = replace(same[3], size_bytes=1)
    assert greedy(problem, [*same, smaller], members=4).trials == (smaller,)


@MANY
@given(st.sampled_from(list(PROBLEMS)), NOISES.filter(lambda each: len(each) > 1), st.integers(0, 20))
def test_the_terms_are_the_margin(task, noises, seed) -> None:
    problem, found = PROBLEMS[task], trials(task, noises, seed=seed)
    for made in (greedy(problem, found, members=3), stacked(problem, found), single(problem, found[0])):
        if made is not None:
            total = sum(
                scale * trial.margin + offset for trial, (scale, offset) in zip(made.trials, made.terms, strict=True)
            )
            np.testing.assert_allclose(made.calibration.line(total), made.margin, rtol=1e-12, atol=1e-12)
            index = np.arange(problem.n)
            np.testing.assert_allclose(made.rows, problem.losses(made.margin, index))
            assert made.score == pytest.approx(np.average(made.rows, weights=problem.weights))


def test_two_that_err_apart_are_better_together_than_either_alone() -> None:
    problem, found = PROBLEMS["regression"], trials("regression", [0.6, 0.6, 0.6])
    found = [replace(each, calibration=Calibration()) for each in found]
    made = greedy(problem, found, members=3)
    assert len(made.trials) == 3
    assert made.score < 0.7 * min(single(problem, each).score for each in found)
    assert made.name.count("trial") == 3
    assert made.size_bytes == sum(each.size_bytes for each in found)


def test_trials_that_did_not_end_are_not_chosen_from() -> None:
    problem = PROBLEMS["binary"]
    (good,) = trials("binary", [1.0])
    pruned = replace(good, state="pruned", score=None, margin=None, rows=None, raw=None)
    assert pool([pruned, good]) == [good]
    assert greedy(problem, [pruned, good], members=4).trials == (good,)
    assert greedy(problem, [pruned], members=4) is None
    assert greedy(problem, [], members=4) is None
    assert stacked(problem, [good]) is None


def test_a_loss_below_zero_is_stacked_as_any_other() -> None:
    # Narrow times: the loss of a survival holds the logarithm of a scale, and falls below 0.
    rows = parts.table(80, task="regression").with_columns(came=(pl.int_range(80) % 10 > 0).cast(pl.Int64))
    problem = parts.problem(
        rows.with_columns(y=1.0 + 1e-4 * rows["y"]),
        task="survival",
        features=("a", "b"),
        settings={"event": "came"},
    )
    rng = np.random.default_rng(0)
    spread = problem.target.std()
    found = [
        parts.trial(problem, problem.target.reshape(-1, 1) + 0.5 * spread * rng.normal(size=(80, 1)), f"trial {each}")
        for each in range(2)
    ]
    assert found[0].score < 0.0
    made = stacked(problem, found)
    assert made.score < 0.0
    assert abs(made.weights[0] - made.weights[1]) < 0.2


def test_rows_that_only_some_trials_held_out_are_not_judged_by() -> None:
    problem = PROBLEMS["binary"]
    one, other = trials("binary", [0.5, 0.6])
    other.margin[:40] = np.nan
    made = greedy(problem, [one, other], members=2, calibrate=False)
    whole = ensemble_of(problem, made.trials, made.weights, how=made.how, calibrate=False)
    np.testing.assert_array_equal(made.margin, whole.margin)
    apart = trials("binary", [0.5, 0.6])
    apart[0].margin[:40], apart[1].margin[40:] = np.nan, np.nan
    assert len(greedy(problem, apart, members=2).trials) == 1
    assert stacked(problem, apart) is None


def test_a_calibrated_margin_is_the_trial_s_own_line() -> None:
    (found,) = trials("binary", [1.0])
    line = replace(found, calibration=Calibration(2.0, -1.0))
    np.testing.assert_array_equal(calibrated(line), 2.0 * found.margin - 1.0)
