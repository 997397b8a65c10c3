"""Prediction bounds: they hold at the stated chance, and are written as a person would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.quality.profiling import _bounds

ROUNDS = 400


def misses(low: np.ndarray, found: np.ndarray) -> float:
    return float((found < low).mean())


@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_a_share_falls_below_its_bound_as_rarely_as_stated(rate: float) -> None:
    rng = np.random.default_rng(1)
    n, m = 400, _bounds.smallest(400)
    learned = rng.binomial(n, rate, ROUNDS)
    bounds = np.array([_bounds.share_floor(int(each), n, 0.02) for each in learned])
    assert misses(bounds, 1 - rng.binomial(m, rate, ROUNDS) / m) <= 0.045


def test_a_bound_of_what_never_failed_leaves_room_for_rare_exceptions_only() -> None:
    assert 0.98 <= _bounds.share_floor(0, 1000, 1e-4) < 1.0
    assert _bounds.share_floor(0, 100_000, 1e-4) > 0.9998


@given(st.integers(1, 5000), st.floats(1e-7, 0.2))
def test_a_share_keeps_its_own_bound(n: int, alpha: float) -> None:
    failing = n // 3
    assert _bounds.share_floor(failing, n, alpha) <= 1 - failing / n + 1e-9
    assert 0.0 <= _bounds.share_floor(0, n, alpha) <= 1.0


def test_a_smaller_chance_of_alarms_gives_a_wider_bound() -> None:
    assert _bounds.share_floor(5, 500, 1e-6) < _bounds.share_floor(5, 500, 1e-2)


@pytest.mark.parametrize("draw", ["exponential", "normal"])
def test_a_fresh_median_lies_between_its_bounds_as_often_as_stated(draw: str) -> None:
    rng = np.random.default_rng(2)
    n, m = 200, _bounds.smallest(200)
    learned = np.sort(getattr(rng, draw)(size=(ROUNDS, n)), axis=1)
    ends = np.array([_bounds.quantile_bounds(each, 0.5, 0.02) for each in learned])
    fresh = np.median(getattr(rng, draw)(size=(ROUNDS, m)), axis=1)
    assert misses(ends[:, 0], fresh) <= 0.045
    assert misses(-ends[:, 1], -fresh) <= 0.045


@pytest.mark.parametrize("draw", ["exponential", "normal", "uniform"])
def test_a_fresh_mean_lies_between_its_bounds_about_as_often_as_stated(draw: str) -> None:
    rng = np.random.default_rng(3)
    n, m = 400, _bounds.smallest(400)
    learned = np.sort(getattr(rng, draw)(size=(ROUNDS, n)), axis=1)
    found = [_bounds.mean_bounds(each, 0.02) or (-np.inf, np.inf) for each in learned]
    ends = np.array(found)
    fresh = getattr(rng, draw)(size=(ROUNDS, m)).mean(axis=1)
    assert misses(ends[:, 0], fresh) <= 0.045
    assert misses(-ends[:, 1], -fresh) <= 0.045
    assert np.isfinite(ends).mean() > 0.7


def test_a_mean_that_one_value_can_move_has_no_bounds() -> None:
    values = np.sort(np.append(np.random.default_rng(4).normal(size=200), 1000.0))
    assert _bounds.mean_bounds(values, 1e-3) is None


def test_a_constant_column_has_no_bounds_of_its_mean() -> None:
    assert _bounds.mean_bounds(np.ones(200), 1e-3) is None


def test_a_fresh_correlation_comes_no_nearer_to_nothing_than_its_bound() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=1000)
    b = a + rng.normal(size=1000) / 2
    r, end = _bounds.correlation_floor(a, b, 1e-3)
    assert 0.85 < r < 0.93
    assert 0.7 < end < r
    assert _bounds.correlation_floor(a, -b, 1e-3)[1] == pytest.approx(-end)


def test_a_correlation_with_a_constant_or_of_a_few_rows_has_no_bound() -> None:
    assert _bounds.correlation_floor(np.ones(100), np.arange(100.0), 0.01) == (0.0, 0.0)
    assert _bounds.correlation_floor(np.arange(5.0), np.arange(5.0), 0.01) == (0.0, 0.0)


def test_a_mean_that_moves_along_the_rows_is_seen_and_one_that_does_not_is_not() -> None:
    rng = np.random.default_rng(6)
    still = rng.normal(size=2000)
    assert _bounds.moving(still) == (0.0, 20)
    assert _bounds.moving(still + np.arange(2000) / 500)[0] > 0.5
    assert _bounds.moving(still[:50]) == (0.0, 0)


def test_shares_and_ends_are_rounded_outward_to_few_digits() -> None:
    assert [_bounds.written_floor(each) for each in (1.0, 0.98, 0.9813, 0.99987, 0.412)] == [
        1.0,
        0.98,
        0.98,
        0.99985,
        0.4,
    ]
    assert _bounds.outward(16.2, 104.7) == (16, 105)
    assert _bounds.outward(0.2387, 0.2391) == (0.2387, 0.2391)
    assert _bounds.outward(3.0, 3.0) == (3, 3)


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12))
def test_rounding_outward_never_cuts_anything_off(low: float, width: float) -> None:
    ends = _bounds.outward(low, low + width)
    assert ends[0] <= low
    assert ends[1] >= low + width


@given(st.floats(0, 1))
def test_a_written_share_is_never_above_the_share(share: float) -> None:
    assert _bounds.written_floor(share) <= share + 1e-9
