from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.subjects import Traffic
from holdfast.observe._quantiles import binomial_ranks, mixture_ranks, quantile
from holdfast.observe.measures.answers import error_rate, throughput
from holdfast.observe.measures.latency import p50_latency, p95_latency, p99_latency

LATENCIES: list[Any] = [p50_latency, p95_latency, p99_latency]


@pytest.mark.parametrize(("compute", "q"), [(p50_latency, 0.5), (p95_latency, 0.95), (p99_latency, 0.99)])
def test_a_latency_is_the_sample_quantile(compute: Any, q: float) -> None:
    taken = np.random.default_rng(0).permutation(np.arange(1.0, 1001.0)) / 1000
    found = compute(Traffic(taken, failed=3, notes={"where": "here"}))
    assert found.value == pytest.approx(q)
    assert found.low < q < found.high
    assert found.n == 1000
    assert found.notes["where"] == "here"
    assert found.notes["failed"] == 3


def test_the_ranks_are_the_binomials() -> None:
    # Median of 100: the order statistics 40 and 61 cover it with at least 95 % (a table of every textbook).
    assert binomial_ranks(100, 0.5, alpha=0.05) == (40, 61)


def test_too_few_requests_say_nothing_of_the_upper_end() -> None:
    few, enough = np.full(367, 0.01), np.full(369, 0.01)
    assert p99_latency(Traffic(few)).high == math.inf
    assert p99_latency(Traffic(enough)).high == 0.01


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_the_interval_covers_the_quantile_as_often_as_it_says(q: float) -> None:
    rng = np.random.default_rng(20261124)
    draws = rng.exponential(size=(2000, 200))
    true = -math.log1p(-q)
    found = [quantile(each, q) for each in draws]
    assert np.mean([each.low <= true <= each.high for each in found]) >= 0.945


def test_the_anytime_interval_covers_at_every_look() -> None:
    rng = np.random.default_rng(20261124)
    true, missed = math.log(2.0), 0
    for _ in range(200):
        taken = rng.exponential(size=600)
        found = [quantile(taken[:n], 0.5, anytime=True) for n in range(20, 601, 20)]
        missed += any(not each.low <= true <= each.high for each in found)
    assert missed / 200 <= 0.05


@given(st.integers(1, 2000), st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.sampled_from([0.2, 0.05, 1e-6]))
def test_the_ranks_are_in_order(n: int, q: float, alpha: float) -> None:
    wanted = math.ceil(q * n - 1e-9)
    for low, high in (binomial_ranks(n, q, alpha=alpha), mixture_ranks(n, q, alpha=alpha)):
        assert 0 <= low <= wanted
        assert wanted <= high <= n + 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.booleans())
def test_the_interval_holds_the_value(values: list[float], anytime: bool) -> None:
    found = quantile(np.array(values), 0.95, anytime=anytime)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("compute", [*LATENCIES, throughput])
def test_no_answered_request_is_unproven(compute: Any) -> None:
    with pytest.raises(NotMeasurable):
        compute(Traffic(np.empty(0), failed=5, seconds=1.0))


def test_bad_numbers_are_said() -> None:
    with pytest.raises(NotMeasurable, match="not finite"):
        quantile(np.array([0.1, math.nan]), 0.5)
    with pytest.raises(NotMeasurable, match="no observations"):
        quantile(np.empty(0), 0.5)
    with pytest.raises(InvalidValue, match="between 0 and 1"):
        quantile(np.array([0.1]), 1.0)


def test_errors_are_a_share_of_all_requests() -> None:
    found = error_rate(Traffic(np.full(99, 0.01), failed=1))
    assert found.value == pytest.approx(0.01)
    assert found.low < 0.01 < found.high
    assert found.n == 100
    always = error_rate(Traffic(np.full(99, 0.01), failed=1), anytime=True)
    assert always.high > found.high
    assert error_rate(Traffic(np.empty(0), failed=3)).value == 1.0
    with pytest.raises(NotMeasurable):
        error_rate(Traffic(np.empty(0)))


def test_throughput_has_garwoods_interval() -> None:
    # Garwood (1936) for a count of 100: 81.36 to 121.63.
    found = throughput(Traffic(np.full(100, 0.01), seconds=10.0))
    assert (found.value, found.low, found.high) == pytest.approx((10.0, 8.136, 12.163), abs=1e-3)
    with pytest.raises(NotMeasurable, match="in 0 s"):
        throughput(Traffic(np.full(100, 0.01)))
