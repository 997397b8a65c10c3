"""Metrics of numbers, rankings and forecasts: reference values, intervals that cover, and what is not measurable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import metrics
from holdfast.stats.metrics.forecasting import long_run_variance

NUMBER = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
PAIRS = st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=40)
RANKED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=2, max_size=12)
NUMBERS = [metrics.mae, metrics.rmse, metrics.r2, metrics.mape, metrics.smape, metrics.pinball]
RANKINGS = [metrics.ndcg, metrics.mean_average_precision, metrics.mrr]
FORECASTS = [metrics.mase, metrics.rmsse, metrics.wape, metrics.bias]


@given(PAIRS, st.booleans())
def test_errors_are_those_of_scikit_learn(rows, anytime):
    truth, score = zip(*rows, strict=True)
    for metric, expected in (
        (metrics.mae, sk.mean_absolute_error(truth, score)),
        (metrics.rmse, sk.root_mean_squared_error(truth, score)),
        (metrics.pinball, sk.mean_pinball_loss(truth, score)),
    ):
        made = metric(truth, score, anytime=anytime)
        assert made.value == pytest.approx(expected)
        assert 0.0 <= made.low <= made.value <= made.high


@given(PAIRS, st.floats(0.05, 0.95))
def test_pinball_loss_of_any_quantile_is_that_of_scikit_learn(rows, quantile):
    truth, score = zip(*rows, strict=True)
    made = metrics.pinball(truth, score, quantile=quantile)
    assert made.value == pytest.approx(sk.mean_pinball_loss(truth, score, alpha=quantile))
    assert made.notes["quantile"] == quantile


@given(PAIRS, st.booleans())
def test_r2_is_that_of_scikit_learn(rows, anytime):
    truth, score = zip(*rows, (0.0, 1.0), (500.0, 400.0), strict=True)
    made = metrics.r2(truth, score, anytime=anytime)
    assert made.value == pytest.approx(sk.r2_score(truth, score))
    assert made.low <= made.value <= made.high <= 1.0


@given(PAIRS)
def test_relative_errors_are_those_of_their_definitions(rows):
    truth, score = (np.asarray(each) for each in zip(*rows, strict=True))
    shifted = np.where(truth == 0.0, 1.0, truth)
    made = metrics.mape(shifted, score)
    assert made.value == pytest.approx(sk.mean_absolute_percentage_error(shifted, score))
    size = np.abs(truth) + np.abs(score)
    expected = np.mean(np.where(size > 0, 2 * np.abs(truth - score) / np.where(size > 0, size, 1.0), 0.0))
    found = metrics.smape(truth, score)
    assert found.value == pytest.approx(expected)
    assert 0.0 <= found.low <= found.value <= found.high <= 2.0


def test_exact_predictions_explain_everything():
    assert metrics.r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).value == 1.0


def test_intervals_of_numbers_cover_what_a_large_sample_shows():
    for metric, known in ((metrics.mae, np.sqrt(2 / np.pi)), (metrics.rmse, 1.0), (metrics.r2, 0.8)):
        made = [metric(*_noisy(seed, 150)) for seed in range(200)]
        assert 0.9 <= np.mean([each.low <= known <= each.high for each in made]) <= 0.99


def test_coverage_counts_the_rows_within_and_says_how_wide():
    made = metrics.coverage([1.0, 2.0, 3.0, 9.0], [[0.0, 2.0]] * 3 + [[9.0, 9.0]])
    assert made.value == 0.75
    assert made.notes["mean width"] == 1.5
    assert metrics.coverage([1.0] * 50, [[0.0, 2.0]] * 50, anytime=True).low > 0.8


@settings(max_examples=60)
@given(RANKED, st.one_of(st.none(), st.integers(1, 8)))
def test_ndcg_of_a_query_is_that_of_scikit_learn_with_ties_shared(rows, k):
    truth, score = zip(*rows, (1, 2), strict=True)
    made = metrics.ndcg(truth, score, k=k)
    assert made.value == pytest.approx(sk.ndcg_score([truth], [score], k=k))
    assert 0.0 <= made.low <= made.value <= made.high <= 1.0


@settings(max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_average_precision_of_a_query_without_ties_is_that_of_scikit_learn(flags, random):
    score = random.sample(range(100), len(flags) + 1)
    truth = [*flags, True]
    assert metrics.mean_average_precision(truth, score).value == pytest.approx(sk.average_precision_score(truth, score))


@settings(max_examples=40)
@given(st.lists(RANKED, min_size=2, max_size=6), st.integers(1, 6), st.randoms(use_true_random=False))
def test_rankings_are_the_means_over_queries_whatever_the_order_of_the_rows(queries, k, random):
    rows = [(query, *row) for query, each in enumerate(queries) for row in (*each, (1, 2))]
    random.shuffle(rows)
    group, truth, score = zip(*rows, strict=True)
    for metric in (*RANKINGS, metrics.precision_at_k):
        alone = [metric(*zip(*each, (1, 2), strict=True), k=k).value for each in queries]
        made = metric(truth, score, group=group, k=k)
        assert made.value == pytest.approx(np.mean(alone))
        assert made.n == len(queries)


def test_reciprocal_rank_and_precision_at_k_by_hand():
    truth, score, group = [0, 1, 0, 0, 0, 1], [3, 2, 1, 3, 2, 1], list("aaabbb")
    assert metrics.mrr(truth, score, group=group).value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert metrics.mrr(truth, score, group=group, k=2).value == pytest.approx(1 / 4)
    assert metrics.precision_at_k(truth, score, group=group, k=2).value == pytest.approx(1 / 4)


def test_ties_are_taken_against_the_model_or_shared():
    assert metrics.mrr([1, 0], [1.0, 1.0]).value == 0.5
    assert metrics.mean_average_precision([1, 0], [1.0, 1.0]).value == 0.5
    assert metrics.precision_at_k([1, 0], [1.0, 1.0], k=1).value == 0.5


def test_queries_without_a_relevant_row_are_left_out_and_counted():
    made = metrics.ndcg([1, 0, 0, 0], [2, 1, 2, 1], group=[1, 1, 2, 2])
    assert made.value == 1.0
    assert made.notes["queries left out"] == 1
    assert metrics.precision_at_k([1, 0, 0, 0], [2, 1, 2, 1], group=[1, 1, 2, 2], k=1).value == 0.5


def test_many_queries_have_students_interval_and_a_betting_one_where_asked():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(60), 5)
    truth, score = rng.integers(0, 3, 300), rng.random(300)
    plain, ever = (metrics.ndcg(truth, score, group=group, anytime=each) for each in (False, True))
    assert plain.method == "Student t"
    assert "betting" in ever.method
    assert ever.high - ever.low > plain.high - plain.low


def test_scaled_errors_are_those_of_their_definitions_by_series():
    rng = np.random.default_rng(1)
    history, truth, score = rng.random(60), rng.random(24), rng.random(24)
    past, group = np.repeat(list("ab"), 30), np.repeat(list("ab"), 12)
    scales = [np.abs(each[4:] - each[:-4]).mean() for each in (history[:30], history[30:])]
    squares = [((each[4:] - each[:-4]) ** 2).mean() for each in (history[:30], history[30:])]
    error = score - truth
    options = {"group": group, "history": history, "history_group": past, "season": 4}
    expected = np.mean([np.abs(error[:12]).mean() / scales[0], np.abs(error[12:]).mean() / scales[1]])
    assert metrics.mase(truth, score, **options).value == pytest.approx(expected)
    roots = [np.sqrt((error[:12] ** 2).mean() / squares[0]), np.sqrt((error[12:] ** 2).mean() / squares[1])]
    assert metrics.rmsse(truth, score, **options).value == pytest.approx(np.mean(roots))


@pytest.mark.parametrize("metric", FORECASTS)
@pytest.mark.parametrize("series", [1, 3, 12])
@pytest.mark.parametrize("anytime", [False, True])
def test_forecasts_have_an_interval_around_the_value(metric, series, anytime):
    rng = np.random.default_rng(2)
    truth = rng.normal(10.0, 2.0, 240)
    group = np.repeat(np.arange(series), 240 // series)
    made = metric(truth, truth + rng.normal(0.5, 1.0, 240), group=group, anytime=anytime)
    assert made.low < made.value < made.high
    assert made.n == 240


def test_dependence_in_time_widens_the_interval():
    rng = np.random.default_rng(3)
    shocks = rng.normal(0.0, 1.0, 400)
    slow = np.zeros(400)
    for step in range(1, 400):
        slow[step] = 0.8 * slow[step - 1] + shocks[step]
    truth = np.full(400, 50.0)
    steady, wandering = (metrics.bias(truth, truth + each / each.std()) for each in (shocks, slow))
    assert wandering.high - wandering.low > 1.7 * (steady.high - steady.low)
    assert long_run_variance(np.asarray([1.0])) == 0.0


def test_one_history_without_names_scales_one_series():
    made = metrics.mase([3.0, 5.0, 4.0], [3.0, 4.0, 5.0], history=[1.0, 2.0, 4.0, 3.0])
    assert made.value == 0.5
    assert made.notes["scaled by"] == "the history"


def test_a_series_shorter_than_a_season_is_left_out():
    made = metrics.mase([1.0, 2.0, 4.0, 9.0], [1.0, 3.0, 4.0, 9.0], group=[1, 1, 1, 2])
    assert made.notes["series left out"] == 1


def test_a_series_that_cannot_be_scaled_is_left_out_and_counted():
    made = metrics.mase([1.0, 2.0, 5.0, 5.0], [1.0, 1.0, 4.0, 4.0], group=[1, 1, 2, 2])
    assert made.notes["series left out"] == 1
    assert made.notes["scaled by"] == "the judged rows"
    assert made.value == pytest.approx(0.5)
    exact = metrics.rmsse([1.0, 2.0, 4.0], [1.0, 2.0, 4.0])
    assert exact.value == exact.high == 0.0


@pytest.mark.parametrize("metric", [*NUMBERS, *RANKINGS, *FORECASTS])
def test_no_rows_and_numbers_that_are_none_are_refused(metric):
    with pytest.raises(NotMeasurable, match="empty"):
        metric([], [])
    with pytest.raises(NotMeasurable, match="NaN"):
        metric([1.0, float("nan")], [1.0, 2.0])
    with pytest.raises(NotMeasurable, match="NaN"):
        metric([1.0, 2.0], [1.0, float("inf")])
    with pytest.raises(InvalidValue, match="length"):
        metric([1.0, 2.0], [1.0])
    with pytest.raises(InvalidValue, match="number"):
        metric(["a", "b"], [1.0, 2.0])


@pytest.mark.parametrize("metric", [metrics.mae, metrics.rmse, metrics.r2, metrics.mape, metrics.pinball, *FORECASTS])
def test_one_row_gives_no_interval(metric):
    with pytest.raises(NotMeasurable):
        metric([1.0], [2.0])


def test_what_is_not_defined_is_not_measurable():
    with pytest.raises(NotMeasurable, match="constant"):
        metrics.r2([1.0, 1.0], [1.0, 2.0])
    with pytest.raises(NotMeasurable, match="zero"):
        metrics.mape([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(NotMeasurable, match="zero"):
        metrics.wape([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(NotMeasurable, match="relevant"):
        metrics.ndcg([0, 0], [1, 2])
    with pytest.raises(NotMeasurable, match="naive error"):
        metrics.mase([1.0, 1.0], [1.0, 2.0])


def test_options_out_of_their_range_are_invalid():
    with pytest.raises(InvalidValue, match="quantile"):
        metrics.pinball([1.0, 2.0], [1.0, 2.0], quantile=1.0)
    with pytest.raises(InvalidValue, match="k = 0"):
        metrics.ndcg([1, 0], [1, 2], k=0)
    with pytest.raises(InvalidValue, match="relevance"):
        metrics.ndcg([-1, 0], [1, 2])
    with pytest.raises(InvalidValue, match="group"):
        metrics.ndcg([1, 0], [1, 2], group=[1])
    with pytest.raises(InvalidValue, match="season"):
        metrics.mase([1.0, 2.0], [1.0, 2.0], season=0)
    with pytest.raises(InvalidValue, match="one side"):
        metrics.mase([1.0, 2.0], [1.0, 2.0], history=[1.0, 2.0], group=[1, 1])
    with pytest.raises(InvalidValue, match="history_group"):
        metrics.mase([1.0, 2.0], [1.0, 2.0], history=[1.0, 2.0], group=[1, 1], history_group=[1])
    with pytest.raises(InvalidValue, match="shape"):
        metrics.coverage([1.0], [[0.0, 1.0, 2.0]])
    with pytest.raises(InvalidValue, match="above"):
        metrics.coverage([1.0], [[1.0, 0.0]])
    with pytest.raises(NotMeasurable):
        metrics.coverage([1.0], [[float("nan"), 0.0]])


def _noisy(seed, n):
    rng = np.random.default_rng(seed)
    signal = rng.normal(0.0, 2.0, n)
    return signal + rng.normal(0.0, 1.0, n), signal
