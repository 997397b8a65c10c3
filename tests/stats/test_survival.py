"""Concordance, Poisson deviance and the coverage of quantiles: reference values, intervals that cover, bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import metrics
from holdfast.stats._survival import comparable_pairs

ROWS = st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.integers(0, 5)), min_size=2, max_size=30)
COUNTS = st.lists(st.tuples(st.integers(0, 9), st.floats(0.01, 20)), min_size=2, max_size=30)


def later(one, other):
    """Whether the other is known to have lasted longer."""
    return one[1] and (one[0] < other[0] or (one[0] == other[0] and not other[1]))


@settings(max_examples=60)
@given(ROWS)
def test_pairs_are_those_that_are_counted_one_by_one(rows):
    ordered, comparable = np.zeros(len(rows)), np.zeros(len(rows))
    for one, other in itertools.permutations(range(len(rows)), 2):
        if later(rows[one], rows[other]):
            right = (np.sign(rows[other][2] - rows[one][2]) + 1) / 2
            ordered[[one, other]] += right
            comparable[[one, other]] += 1
    time, event, score = (np.array(each) for each in zip(*rows, strict=True))
    found = comparable_pairs(time.astype(float), event, score.astype(float))
    assert found.ordered.tolist() == ordered.tolist()
    assert found.comparable.tolist() == comparable.tolist()


@settings(max_examples=60)
@given(ROWS, st.booleans())
def test_the_concordance_is_the_share_of_pairs_in_order(rows, anytime):
    rows = [*rows, (7, True, 1), (8, False, 3)]
    pairs = [(one, other) for one, other in itertools.permutations(rows, 2) if later(one, other)]
    expected = np.mean([(np.sign(other[2] - one[2]) + 1) / 2 for one, other in pairs])
    time, event, score = zip(*rows, strict=True)
    found = metrics.concordance(time, score, event=event, anytime=anytime)
    assert found.value == pytest.approx(expected)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    assert found.notes["pairs"] == len(pairs)
    assert found.n == len(rows)


def test_two_times_make_it_the_area_under_the_roc_curve():
    rng = np.random.default_rng(0)
    late, score = rng.random(300) < 0.4, rng.normal(size=300).round(1)
    found = metrics.concordance(1.0 + late, score + late, event=~late)
    assert found.value == pytest.approx(metrics.roc_auc(late, score + late).value)


def test_the_order_turned_round_is_one_minus_it():
    rng = np.random.default_rng(1)
    time, event, score = rng.exponential(size=200), rng.random(200) < 0.6, rng.normal(size=200)
    found, other = (metrics.concordance(time, each, event=event) for each in (score, -score))
    assert found.value == pytest.approx(1.0 - other.value)
    assert found.low == pytest.approx(1.0 - other.high)


def test_intervals_cover_what_a_large_sample_shows():
    def sample(seed, n):
        rng = np.random.default_rng(seed)
        score = rng.normal(size=n)
        time, watched = np.exp(score + rng.logistic(size=n)), np.exp(rng.normal(1.0, 1.0, n))
        return metrics.concordance(np.minimum(time, watched), score, event=time <= watched)

    known = sample(0, 200_000).value
    found = [sample(1 + each, 80) for each in range(200)]
    assert 0.9 <= np.mean([each.low <= known <= each.high for each in found]) <= 0.99


def test_everything_in_order_still_has_an_interval():
    found = metrics.concordance(np.arange(1.0, 21.0), np.arange(20.0))
    assert found.value == found.high == 1.0
    assert 0.5 < found.low < 1.0


@pytest.mark.parametrize(
    ("event", "error", "word"),
    [
        ([0, 0, 0], NotMeasurable, "no two rows"),
        ([0, 0, 1], NotMeasurable, "no two rows"),
        ([1, 1, 2], InvalidValue, "neither true nor false"),
        ([1, float("nan"), 1], InvalidValue, "neither true nor false"),
        ([1, 1], InvalidValue, "events of shape"),
    ],
)
def test_what_cannot_be_compared_is_not_measured(event, error, word):
    with pytest.raises(error, match=word):
        metrics.concordance([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], event=event)


@pytest.mark.parametrize("metric", [metrics.concordance, metrics.poisson_deviance, metrics.quantile_coverage])
def test_bad_input_is_refused_everywhere(metric):
    with pytest.raises(NotMeasurable, match="empty"):
        metric([], [])
    with pytest.raises(NotMeasurable, match="NaN"):
        metric([1.0, float("nan")], [1.0, 2.0])
    with pytest.raises(InvalidValue, match="lengths"):
        metric([1.0, 2.0], [1.0])
    with pytest.raises(InvalidValue, match="no number"):
        metric(["a", "b"], [1.0, 2.0])


@given(COUNTS, st.booleans())
def test_the_deviance_is_that_of_scikit_learn(rows, anytime):
    from sklearn.metrics import mean_poisson_deviance

    truth, score = zip(*rows, strict=True)
    found = metrics.poisson_deviance(truth, score, anytime=anytime)
    assert found.value == pytest.approx(mean_poisson_deviance(truth, score), abs=1e-12)
    assert 0.0 <= found.low <= found.value <= found.high


def test_the_deviance_of_true_means_is_about_one():
    rng = np.random.default_rng(0)
    mean = rng.uniform(5.0, 50.0, 4000)
    found = metrics.poisson_deviance(rng.poisson(mean), mean)
    assert found.value == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    ("truth", "score", "error", "word"),
    [
        ([-1.0, 1.0], [1.0, 1.0], InvalidValue, "count -1"),
        ([1.0, 1.0], [1.0, -2.0], InvalidValue, "expected count -2"),
        ([1.0, 0.0], [0.0, 0.0], NotMeasurable, "0 was expected in 1 rows"),
        ([1.0], [1.0], NotMeasurable, "one row"),
    ],
)
def test_a_deviance_that_is_none_is_not_measured(truth, score, error, word):
    with pytest.raises(error, match=word):
        metrics.poisson_deviance(truth, score)


def test_nothing_expected_where_nothing_came_is_no_deviance():
    assert metrics.poisson_deviance([0.0, 0.0], [0.0, 0.0]).value == 0.0


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=30), st.booleans())
def test_the_coverage_of_a_quantile_counts_what_is_at_or_below(rows, anytime):
    truth, score = zip(*rows, strict=True)
    found = metrics.quantile_coverage(truth, score, anytime=anytime)
    assert found.value == pytest.approx(np.mean([one <= other for one, other in rows]))
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
