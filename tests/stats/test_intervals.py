"""Intervals: known values, laws, coverage, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference
from sklearn.metrics import roc_auc_score

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import intervals
from holdfast.stats._bootstrap import simple_ends

TRIALS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
SCORES = st.lists(st.integers(0, 6), min_size=1, max_size=25)


@given(TRIALS, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_and_clopper_pearson_agree_with_scipy(trials, confidence):
    result = reference.binomtest(*trials)
    wilson = result.proportion_ci(confidence, method="wilson")
    exact = result.proportion_ci(confidence, method="exact")
    assert intervals.wilson(*trials, confidence=confidence) == pytest.approx((wilson.low, wilson.high), abs=1e-9)
    assert intervals.clopper_pearson(*trials, confidence=confidence) == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(TRIALS)
def test_wilson_holds_the_share_and_stays_within_zero_and_one(trials):
    low, high = intervals.wilson(*trials)
    assert 0.0 <= low <= trials[0] / trials[1] <= high <= 1.0


def test_newcombe_agrees_with_his_paper():
    assert intervals.newcombe_difference(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert intervals.newcombe_difference(10, 10, 0, 20) == pytest.approx((0.6791, 1.0), abs=5e-4)


@given(TRIALS, TRIALS)
def test_a_difference_taken_the_other_way_has_the_mirrored_interval(first, second):
    low, high = intervals.newcombe_difference(*first, *second)
    assert intervals.newcombe_difference(*second, *first) == pytest.approx((-high, -low), abs=1e-12)


def test_mean_t_agrees_with_scipy():
    values = np.random.default_rng(1).normal(3.0, 2.0, 17)
    expected = reference.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert intervals.mean_t(values, confidence=0.9) == pytest.approx((expected.low, expected.high))


def test_mover_with_full_correlation_adds_the_distances():
    each, low, high = np.array([0.5, 0.5]), np.array([0.4, 0.3]), np.array([0.6, 0.7])
    ends = intervals.mover(each, low, high, weights=np.ones(2), correlation=np.ones((2, 2)))
    assert ends == pytest.approx((0.7, 1.3))


@given(SCORES, SCORES)
def test_the_delong_area_is_that_of_scikit_learn_and_lies_in_its_interval(positive, negative):
    area, low, high = intervals.delong(positive, negative)
    truth = [1] * len(positive) + [0] * len(negative)
    assert area == pytest.approx(roc_auc_score(truth, positive + negative))
    assert 0.0 <= low <= area <= high <= 1.0


def test_the_delong_variance_is_that_of_the_structural_components_computed_pair_by_pair():
    rng = np.random.default_rng(2)
    positive, negative = rng.integers(3, 12, 40).astype(float), rng.integers(0, 9, 60).astype(float)
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    area = wins.mean()
    error = np.sqrt(wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 60)
    half = 1.959963984540054 * error / (area * (1 - area))
    middle = np.log(area / (1 - area))
    expected = 1 / (1 + np.exp(-(middle - half))), 1 / (1 + np.exp(-(middle + half)))
    assert intervals.delong(positive, negative)[1:] == pytest.approx(expected)


@pytest.mark.parametrize(("positive", "negative", "area"), [([3.0, 4.0], [1.0, 2.0], 1.0), ([1.0], [2.0, 3.0], 0.0)])
def test_a_perfect_or_hopeless_area_still_has_an_interval(positive, negative, area):
    found, low, high = intervals.delong(positive, negative)
    assert found == area
    assert high - low > 0.2


def test_more_perfectly_separated_rows_narrow_the_interval():
    few, many = (intervals.delong(np.ones(n), np.zeros(n))[1] for n in (5, 500))
    assert few < 0.9
    assert 0.98 < many < 1.0


def test_the_difference_of_two_areas_allows_for_their_correlation():
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.4
    first = truth + rng.normal(0, 1, 400)
    second = first + rng.normal(0, 0.1, 400)
    gap, low, high = intervals.delong_difference(truth, first, score_b=second)
    _, alone_low, alone_high = intervals.delong(first[truth], first[~truth])
    assert low < gap < high
    assert high - low < 0.3 * (alone_high - alone_low)


def test_the_delong_interval_covers_the_area_of_the_population():
    rng = np.random.default_rng(4)
    area = reference.norm.cdf(1.2 / np.sqrt(2))
    ends = [intervals.delong(rng.normal(1.2, 1, 40), rng.normal(0, 1, 60))[1:] for _ in range(400)]
    covered = np.mean([low <= area <= high for low, high in ends])
    assert 0.92 <= covered <= 0.98


@pytest.mark.parametrize("method", ["bca", "percentile", "basic"])
def test_the_bootstrap_of_a_mean_is_near_students_interval(method):
    values = np.random.default_rng(5).normal(10.0, 1.0, 200)
    found = intervals.bootstrap(np.mean, values, rng=np.random.default_rng(0), method=method)
    assert found == pytest.approx(intervals.mean_t(values), abs=0.05)


def test_the_vectorised_bootstrap_gives_what_the_plain_one_gives():
    values = np.random.default_rng(6).exponential(1.0, 300)
    plain = intervals.bootstrap(np.mean, values, rng=np.random.default_rng(0), resamples=2000)
    fast = intervals.bootstrap(
        lambda rows: rows.mean(axis=1), values, rng=np.random.default_rng(1), resamples=2000, vectorised=True
    )
    assert fast == pytest.approx(plain, abs=0.03)


def test_the_bootstrap_is_the_same_without_a_generator_each_time():
    values = np.random.default_rng(7).normal(0.0, 1.0, 50)
    assert intervals.bootstrap(np.median, values) == intervals.bootstrap(np.median, values)


def test_rows_of_one_cluster_are_drawn_together():
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(20), 30)
    values = np.repeat(rng.normal(0.0, 1.0, 20), 30) + rng.normal(0.0, 0.1, 600)
    alone = intervals.bootstrap(np.mean, values, rng=np.random.default_rng(0), resamples=300)
    together = intervals.bootstrap(np.mean, values, rng=np.random.default_rng(0), resamples=300, clusters=clusters)
    assert together[1] - together[0] > 3.0 * (alone[1] - alone[0])


def test_bca_leans_to_the_long_tail_where_the_percentile_ends_do_not():
    values = np.random.default_rng(9).lognormal(0.0, 1.0, 60)
    bca = intervals.bootstrap(np.mean, values, rng=np.random.default_rng(0), resamples=2000)
    plain = intervals.bootstrap(np.mean, values, rng=np.random.default_rng(0), resamples=2000, method="percentile")
    assert bca[1] > plain[1]


def test_a_bootstrap_from_counts_agrees_with_wilson():
    found = intervals.multinomial_bootstrap(lambda c: c[:, 0] / c.sum(axis=1), [300, 700], resamples=4000)
    assert found == pytest.approx(intervals.wilson(300, 1000), abs=0.004)


def test_ends_beyond_the_draws_are_those_of_a_normal_estimate():
    drawn = np.random.default_rng(10).normal(0.0, 1.0, 500)
    low, high = simple_ends(drawn, 0.0, confidence=0.9999, basic=False)
    assert (low, high) == pytest.approx((-3.89, 3.89), abs=0.6)


def test_a_sequence_of_looks_costs_width_and_the_cost_grows_slowly():
    once = intervals.critical(0.95)
    ever = [intervals.critical(0.95, n=n, anytime=True) for n in (100, 1000, 100_000)]
    assert once < ever[1] < ever[0]
    assert ever[2] < 4.5


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 95.0, float("nan")])
def test_a_confidence_that_is_no_share_is_refused(confidence):
    with pytest.raises(InvalidValue, match="confidence"):
        intervals.wilson(1, 2, confidence=confidence)


@pytest.mark.parametrize("asked", [None, 0])
def test_a_sequence_needs_observations(asked):
    with pytest.raises(InvalidValue, match="confidence sequence"):
        intervals.critical(0.95, n=asked, anytime=True)


def test_no_trials_are_not_measurable_and_too_many_successes_are_invalid():
    with pytest.raises(NotMeasurable):
        intervals.wilson(0, 0)
    with pytest.raises(InvalidValue):
        intervals.clopper_pearson(3, 2)
    with pytest.raises(NotMeasurable):
        intervals.newcombe_difference(1, 2, 0, 0)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_a_mean_without_two_finite_values_is_not_measurable(values):
    with pytest.raises(NotMeasurable):
        intervals.mean_t(values)


@pytest.mark.parametrize("values", [["a", "b"], [[1.0], [2.0]]])
def test_a_sample_that_is_no_row_of_numbers_is_invalid(values):
    with pytest.raises(InvalidValue):
        intervals.mean_t(values)


@pytest.mark.parametrize(("positive", "negative"), [([], [1.0]), ([1.0], []), ([float("nan")], [1.0])])
def test_an_area_without_both_classes_is_not_measurable(positive, negative):
    with pytest.raises(NotMeasurable):
        intervals.delong(positive, negative)


def test_scores_that_do_not_fit_the_truth_are_refused():
    with pytest.raises(InvalidValue):
        intervals.delong_difference([1, 0], [1.0, 2.0], score_b=[1.0])
    with pytest.raises(NotMeasurable):
        intervals.delong_difference([1, 1], [1.0, 2.0], score_b=[1.0, 2.0])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"method": "jackknife"}, InvalidValue),
        ({"resamples": 10}, InvalidValue),
        ({"clusters": [1, 2]}, InvalidValue),
        ({"clusters": [1, 1, 1], "method": "percentile"}, NotMeasurable),
    ],
)
def test_bootstrap_options_are_checked(options, error):
    with pytest.raises(error):
        intervals.bootstrap(np.mean, [1.0, 2.0, 3.0], **options)


def test_a_bootstrap_of_too_little_or_of_nothing_is_refused():
    with pytest.raises(InvalidValue):
        intervals.bootstrap(np.mean)
    with pytest.raises(InvalidValue):
        intervals.bootstrap(np.mean, [1.0, 2.0], [1.0])
    with pytest.raises(NotMeasurable):
        intervals.bootstrap(np.mean, [1.0])
    with pytest.raises(NotMeasurable, match="undefined on these rows"):
        intervals.bootstrap(lambda rows: float("nan"), [1.0, 2.0])
    with pytest.raises(NotMeasurable, match="resamples"):
        intervals.bootstrap(lambda rows: 1.0 if len(set(rows)) == 3 else float("nan"), [1.0, 2.0, 3.0])
    with pytest.raises(NotMeasurable):
        intervals.multinomial_bootstrap(lambda c: c[:, 0], [0, 0])
    with pytest.raises(NotMeasurable):
        intervals.multinomial_bootstrap(lambda c: c[:, 0] * float("nan"), [1, 2])


def test_a_statistic_that_never_changes_has_an_interval_of_one_point():
    assert intervals.bootstrap(np.mean, np.ones(10)) == (1.0, 1.0)


def test_clusters_in_blocks_are_left_out_by_the_jackknife():
    values = np.random.default_rng(11).normal(0.0, 1.0, 600)
    low, high = intervals.bootstrap(np.mean, values, resamples=200, clusters=np.repeat(np.arange(300), 2))
    assert low < values.mean() < high
