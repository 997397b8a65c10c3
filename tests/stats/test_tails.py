from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue
from holdfast.stats.tails import fit_tails


def test_a_normal_sample_gets_its_scale_and_light_tails() -> None:
    tails = fit_tails(np.random.default_rng(1).normal(10.0, 2.0, 20_000))
    assert tails.middle == pytest.approx(10.0, abs=0.1)
    assert tails.low[0] == pytest.approx(2.0, rel=0.05)
    assert tails.high[0] == pytest.approx(2.0, rel=0.05)
    assert min(tails.low[1], tails.high[1]) > 15


def test_a_heavy_sample_gets_few_degrees_of_freedom() -> None:
    tails = fit_tails(np.random.default_rng(2).standard_t(3, 20_000))
    assert tails.high[1] == 5.0


def test_the_sides_are_told_apart() -> None:
    tails = fit_tails(np.random.default_rng(3).exponential(1.0, 20_000))
    low, high = tails.surprise(np.array([tails.middle - 4.0, tails.middle + 4.0]))
    assert low > high


@pytest.mark.parametrize("level", [1.5, 2.0, 2.5])
def test_surprise_is_about_minus_the_logarithm_of_the_chance(level: float) -> None:
    rng = np.random.default_rng(4)
    tails = fit_tails(rng.normal(0.0, 1.0, 20_000))
    share = float((tails.surprise(rng.normal(0.0, 1.0, 200_000)) >= level).mean())
    assert share == pytest.approx(10**-level, rel=0.5)


def test_fewer_independent_values_make_a_value_less_surprising() -> None:
    sample = np.random.default_rng(5).normal(0.0, 1.0, 1000)
    few, many = fit_tails(sample, size=12), fit_tails(sample)
    assert few.surprise(np.array([9.0]))[0] < many.surprise(np.array([9.0]))[0]


def test_what_was_reached_already_is_not_more_surprising_than_its_frequency_allows() -> None:
    sample = np.concatenate((np.random.default_rng(6).normal(0.0, 1.0, 990), np.full(10, 50.0)))
    tails = fit_tails(sample)
    assert tails.surprise(np.array([50.0]))[0] <= 1.5 * np.log10(1002 / 11)
    assert tails.surprise(np.array([51.0]))[0] > 5


def test_the_first_move_of_what_never_moved_counts_by_how_long_it_stood_still() -> None:
    short, long = fit_tails(np.zeros(20)), fit_tails(np.zeros(2000))
    assert short.surprise(np.array([1.0]))[0] < long.surprise(np.array([1.0]))[0]
    assert long.surprise(np.array([0.0]))[0] == 0.0


def test_nan_is_no_surprise_and_no_part_of_the_sample() -> None:
    tails = fit_tails(np.array([1.0, 2.0, np.nan, 3.0, np.inf]))
    assert tails.middle == 2.0
    assert tails.surprise(np.array([np.nan]))[0] == 0.0


@pytest.mark.parametrize("sample", [np.array([]), np.array([np.nan, np.inf])])
def test_no_finite_value_has_no_tails(sample: np.ndarray) -> None:
    with pytest.raises(InvalidValue, match="no tails"):
        fit_tails(sample)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.lists(st.floats(-1e6, 1e6), max_size=5))
def test_surprise_is_a_finite_number_that_is_not_negative(sample: list[float], values: list[float]) -> None:
    found = fit_tails(np.array(sample)).surprise(np.array(values))
    assert ((found >= 0.0) & (found <= 300.0)).all()
