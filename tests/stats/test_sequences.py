"""Confidence sequences: the same in one call as in many, valid at all times, and through JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import intervals, sequences
from holdfast.stats._betting import GRID

SEQUENCES = (sequences.BettingSequence, sequences.EmpiricalBernsteinSequence)
VALUES = st.lists(st.floats(0.0, 1.0), max_size=300)


def _mean_test():
    return sequences.MeanTest(0.5)


@pytest.mark.parametrize("kind", [*SEQUENCES, _mean_test])
@settings(max_examples=30)
@given(values=VALUES, cuts=st.lists(st.integers(0, 300), max_size=5))
def test_one_update_with_many_values_gives_the_same_as_many_updates(kind, values, cuts):
    whole, parts = kind(), kind()
    whole.update(values)
    for part in np.split(np.asarray(values, dtype=float), sorted(min(cut, len(values)) for cut in cuts)):
        parts.update(part)
    assert _numbers(parts.state()) == pytest.approx(_numbers(whole.state()), abs=1e-9)


@pytest.mark.parametrize("kind", SEQUENCES)
def test_one_number_at_a_time_gives_the_same_as_an_array(kind):
    values = np.random.default_rng(0).random(200)
    whole, single = kind(), kind()
    whole.update(values)
    for value in values:
        single.update(value)
    assert single.interval == pytest.approx(whole.interval, abs=1e-12)
    assert single.n == 200


@pytest.mark.parametrize("kind", SEQUENCES)
def test_a_state_through_json_goes_on_where_it_was_taken(kind):
    rng = np.random.default_rng(1)
    first, second = rng.beta(2, 5, 500) * 4 - 1, rng.beta(2, 5, 700) * 4 - 1
    straight, resumed = kind(-1.0, 3.0, confidence=0.9), kind(-1.0, 3.0, confidence=0.9)
    straight.update(np.concatenate((first, second)))
    resumed.update(first)
    resumed = kind.from_state(json.loads(json.dumps(resumed.state())))
    resumed.update(second)
    assert resumed.state() == straight.state()
    assert resumed.confidence == straight.confidence == pytest.approx(0.9)
    assert resumed.mean == pytest.approx(np.concatenate((first, second)).mean())


@pytest.mark.parametrize("kind", SEQUENCES)
def test_the_interval_only_ever_shrinks_and_holds_the_mean_of_a_steady_stream(kind):
    sequence, before = kind(), (0.0, 1.0)
    for part in np.split(np.random.default_rng(2).random(1000), 20):
        sequence.update(part)
        low, high = sequence.interval
        assert before[0] <= low <= sequence.mean <= high <= before[1]
        before = low, high


@pytest.mark.parametrize("kind", SEQUENCES)
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_over_all_looks_the_mean_is_missed_less_often_than_alpha(kind, share):
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(150):
        sequence = kind(confidence=0.9)
        sequence.update((rng.random(600) < share).astype(float))
        low, high = sequence.interval
        missed += not low <= share <= high
    assert missed <= 0.1 * 150


def test_a_fixed_sample_interval_looked_at_again_and_again_misses_far_more_often():
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(100):
        hits = np.cumsum(rng.random(600) < 0.5)
        looks = np.arange(20, 600, 10)
        ends = [intervals.wilson(hits[n - 1], n, confidence=0.9) for n in looks]
        missed += any(not low <= 0.5 <= high for low, high in ends)
    assert missed > 25


def test_betting_is_tighter_than_empirical_bernstein_where_observations_are_few():
    values = (np.random.default_rng(5).random(100) < 0.9).astype(float)
    bet, plain = sequences.BettingSequence(), sequences.EmpiricalBernsteinSequence()
    bet.update(values)
    plain.update(values)
    assert np.ptp(bet.interval) < 0.95 * np.ptp(plain.interval)
    assert sequences.betting_interval(values) == bet.interval


def test_the_grid_is_refined_and_memory_stays_constant():
    sequence = sequences.BettingSequence()
    sequence.update((np.random.default_rng(6).random(50_000) < 0.5).astype(float))
    assert len(sequence.state()["grid"]) <= GRID
    assert np.ptp(sequence.interval) < 0.03
    assert np.diff(sequence.state()["grid"]).min() < 1 / GRID / 4


@pytest.mark.parametrize("kind", SEQUENCES)
def test_a_mean_that_moved_contradicts_the_sequence(kind):
    sequence = kind()
    sequence.update(np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 600))
    assert not sequence.contradicted
    sequence.update(np.tile([1.0, 1.0, 1.0, 1.0, 0.0], 3000))
    low, high = sequence.interval
    assert sequence.contradicted
    assert 0.0 <= low <= high <= 1.0
    sequence.update([0.5])
    assert sequence.n == 18_001


@pytest.mark.parametrize("kind", SEQUENCES)
def test_nothing_seen_is_nothing_known(kind):
    sequence = kind(2.0, 4.0)
    sequence.update([])
    assert sequence.interval == (2.0, 4.0)
    assert sequence.mean == 3.0
    assert not sequence.contradicted


@pytest.mark.parametrize("values", [np.zeros(2000), np.ones(2000)])
def test_a_stream_of_one_end_is_pinned_to_it(values):
    low, high = sequences.betting_interval(values)
    assert low <= values[0] <= high
    assert high - low < 0.02


def test_a_test_of_a_true_bound_rejects_less_often_than_alpha():
    rng = np.random.default_rng(7)
    rejected = 0
    for _ in range(300):
        test = sequences.MeanTest(0.2)
        test.update((rng.random(500) < 0.2).astype(float))
        rejected += test.rejects(alpha=0.1)
    assert rejected <= 30


@pytest.mark.parametrize(("alternative", "share"), [("greater", 0.3), ("less", 0.1)])
def test_a_test_finds_a_mean_on_the_wrong_side(alternative, share):
    test = sequences.MeanTest(0.2, alternative=alternative)
    test.update((np.random.default_rng(8).random(2000) < share).astype(float))
    assert test.rejects(alpha=0.001)
    assert test.e_value > 1000
    assert test.log_e == pytest.approx(np.log(test.e_value))
    assert test.n == 2000


def test_the_capital_of_a_test_may_not_be_expected_to_grow_under_the_hypothesis():
    rng = np.random.default_rng(9)
    capital = []
    for _ in range(2000):
        test = sequences.MeanTest(0.5)
        test.update(rng.random(5))
        capital.append(test.e_value)
    assert np.mean(capital) < 1.05


def test_a_test_goes_through_json():
    values = np.random.default_rng(10).random(100) * 10
    test = sequences.MeanTest(4.0, low=0.0, high=10.0, alternative="less")
    test.update(values[:40])
    test.update([])
    resumed = sequences.MeanTest.from_state(json.loads(json.dumps(test.state())))
    test.update(values[40:])
    resumed.update(values[40:])
    assert resumed.state() == test.state()
    assert resumed.p_value == test.p_value


@pytest.mark.parametrize("kind", SEQUENCES)
@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_bounds_that_are_no_bounds_are_refused(kind, low, high):
    with pytest.raises(InvalidValue, match="bounds"):
        kind(low, high)


@pytest.mark.parametrize("kind", [*SEQUENCES, _mean_test])
@pytest.mark.parametrize(
    ("values", "error"),
    [([1.5], InvalidValue), ([-0.1], InvalidValue), ([float("nan")], NotMeasurable), ([[0.1]], InvalidValue)],
)
def test_values_that_do_not_belong_are_refused_and_nothing_is_taken_in(kind, values, error):
    sequence = kind()
    with pytest.raises(error):
        sequence.update(values)
    assert sequence.n == 0


@pytest.mark.parametrize("kind", [*SEQUENCES, sequences.MeanTest])
@pytest.mark.parametrize("state", [None, {}, {"kind": "other"}])
def test_a_state_of_something_else_is_refused(kind, state):
    with pytest.raises(InvalidValue, match="state"):
        kind.from_state(state)


def test_a_state_with_a_hole_is_refused():
    state = sequences.BettingSequence().state()
    with pytest.raises(InvalidValue, match="without up"):
        sequences.BettingSequence.from_state({key: value for key, value in state.items() if key != "up"})
    with pytest.raises(InvalidValue, match="do not fit"):
        sequences.BettingSequence.from_state(state | {"up": [0.0]})


def test_a_test_needs_a_bound_inside_and_a_known_side():
    with pytest.raises(InvalidValue, match="bound"):
        sequences.MeanTest(1.0)
    with pytest.raises(InvalidValue, match="alternative"):
        sequences.MeanTest(0.5, alternative="both")


def _numbers(state):
    return [float(each) for value in state.values() if not isinstance(value, str) for each in np.ravel(value)]
