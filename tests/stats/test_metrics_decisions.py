"""Metrics of decisions: scikit-learn's values, intervals that cover, and what is not measurable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import metrics

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60)
TWO = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)
BOTH = [metrics.accuracy, metrics.error_rate, metrics.precision, metrics.recall, metrics.f1, metrics.mcc,
        metrics.balanced_accuracy, metrics.specificity, metrics.false_positive_rate,
        metrics.false_negative_rate]  # fmt: skip
TRUTH = ["a", "a", "a", "b", "b", "c"]
DECISION = ["a", "a", "b", "b", "a", "c"]


@given(ROWS, st.booleans())
def test_accuracy_and_error_rate_are_those_of_scikit_learn_and_sum_to_one(rows, anytime):
    truth, decision = zip(*rows, strict=True)
    right, wrong = (each(truth, decision, anytime=anytime) for each in (metrics.accuracy, metrics.error_rate))
    assert right.value == pytest.approx(sk.accuracy_score(truth, decision))
    assert right.value + wrong.value == pytest.approx(1.0)
    assert 0.0 <= right.low <= right.value <= right.high <= 1.0


@settings(max_examples=60)
@given(ROWS, st.sampled_from(["macro", "weighted", "micro"]), st.booleans())
def test_f1_of_all_classes_is_that_of_scikit_learn(rows, average, anytime):
    truth, decision = zip(*rows, strict=True)
    made = metrics.f1(truth, decision, average=average, anytime=anytime)
    assert made.value == pytest.approx(sk.f1_score(truth, decision, average=average, zero_division=0.0))
    assert 0.0 <= made.low <= made.value <= made.high <= 1.0


@settings(max_examples=60)
@given(ROWS, st.sampled_from(["macro", "weighted", "micro"]), st.booleans())
def test_precision_of_all_classes_is_that_of_scikit_learn(rows, average, anytime):
    truth, decision = zip(*rows, strict=True)
    made = metrics.precision(truth, decision, average=average, anytime=anytime)
    assert made.value == pytest.approx(sk.precision_score(truth, decision, average=average, zero_division=0.0))
    assert 0.0 <= made.low <= made.value <= made.high <= 1.0


@settings(max_examples=60)
@given(ROWS, st.sampled_from(["macro", "weighted", "micro"]), st.booleans())
def test_recall_of_all_classes_is_that_of_scikit_learn_over_the_classes_that_have_rows(rows, average, anytime):
    truth, decision = zip(*rows, strict=True)
    made = metrics.recall(truth, decision, average=average, anytime=anytime)
    expected = sk.recall_score(truth, decision, average=average, labels=sorted(set(truth)), zero_division=0.0)
    expected = sk.accuracy_score(truth, decision) if average == "micro" else expected
    assert made.value == pytest.approx(expected)


@given(TWO)
def test_metrics_of_two_classes_are_ratios_of_the_confusion_matrix(rows):
    truth, decision = (np.asarray(each) for each in zip(*rows, (0, 0), (1, 1), strict=True))
    negative, false, missed, hit = sk.confusion_matrix(truth, decision, labels=[0, 1]).ravel()
    assert metrics.specificity(truth, decision).value == pytest.approx(negative / (negative + false))
    assert metrics.false_positive_rate(truth, decision).value == pytest.approx(false / (negative + false))
    assert metrics.false_negative_rate(truth, decision).value == pytest.approx(missed / (missed + hit))
    assert metrics.recall(truth, decision, positive=1).value == pytest.approx(hit / (missed + hit))
    assert metrics.precision(truth, decision, positive=1).value == pytest.approx(hit / (false + hit))
    assert metrics.f1(truth, decision, positive=1).value == pytest.approx(sk.f1_score(truth, decision))
    assert metrics.selection_rate(None, decision).value == pytest.approx((false + hit) / len(truth))


@settings(max_examples=60)
@given(ROWS, st.booleans())
def test_mcc_and_balanced_accuracy_are_those_of_scikit_learn(rows, anytime):
    truth, decision = zip(*rows, ("a", "a"), ("b", "b"), strict=True)
    made = metrics.mcc(truth, decision, anytime=anytime)
    assert made.value == pytest.approx(sk.matthews_corrcoef(truth, decision), abs=1e-9)
    assert -1.0 <= made.low <= made.value <= made.high <= 1.0
    balanced = metrics.balanced_accuracy(truth, decision, anytime=anytime)
    expected = sk.recall_score(truth, decision, average="macro", labels=sorted(set(truth)), zero_division=0.0)
    assert balanced.value == pytest.approx(expected)


def test_labels_may_be_text_numbers_or_booleans_in_any_array():
    assert metrics.accuracy(np.array(["x", "y"], dtype=object), np.array(["x", "x"])).value == 0.5
    assert metrics.accuracy([True, False], [1, 0]).value == 1.0
    assert metrics.f1(np.array([1.0, 0.0, 1.0]), np.array([1, 0, 0])).value == pytest.approx(2 / 3)


def test_n_is_the_rows_that_a_share_stands_on():
    assert metrics.recall(TRUTH, DECISION, positive="a").n == 3
    assert metrics.precision(TRUTH, DECISION, positive="b").n == 2
    assert metrics.f1(TRUTH, DECISION, positive="a").n == 4
    assert metrics.balanced_accuracy(TRUTH, DECISION).n == 6


def test_a_class_that_is_never_decided_counts_as_zero_precision_and_is_noted():
    made = metrics.precision(["a", "b", "b"], ["a", "a", "a"])
    assert made.value == pytest.approx(1 / 6)
    assert made.notes["no rows"] == ["b"]


def test_the_method_says_whether_the_interval_may_be_looked_at_again_and_again():
    assert metrics.accuracy(TRUTH, DECISION).method == "Wilson"
    assert metrics.accuracy(TRUTH, DECISION, anytime=True).method == "betting confidence sequence"
    assert "confidence sequence" in metrics.mcc(TRUTH, DECISION, anytime=True).method
    assert "confidence sequence" in metrics.f1(TRUTH, DECISION, anytime=True).method
    assert "Jaccard" in metrics.f1(TRUTH, DECISION, positive="a", anytime=True).method
    assert "union" in metrics.balanced_accuracy(TRUTH, DECISION, anytime=True).method


@pytest.mark.parametrize("metric", [metrics.f1, metrics.mcc, metrics.balanced_accuracy, metrics.precision])
def test_a_perfect_score_of_few_rows_is_not_certain(metric):
    made = metric(["a", "b"] * 10, ["a", "b"] * 10)
    assert made.value == made.high == 1.0
    assert 0.5 < made.low < 0.95


def test_all_wrong_of_two_classes_is_a_correlation_of_minus_one_but_not_certain():
    made = metrics.mcc([0, 1] * 10, [1, 0] * 10)
    assert made.value == made.low == -1.0
    assert -0.9 < made.high < -0.5


@pytest.mark.parametrize(
    ("metric", "options", "expected"),
    [
        (metrics.f1, {"average": "macro"}, 0.0),
        (metrics.f1, {"positive": 2}, 0.0),
        (metrics.mcc, {}, 0.0),
        (metrics.balanced_accuracy, {}, 0.0),
        (metrics.precision, {"average": "weighted"}, 0.0),
    ],
)
def test_intervals_cover_what_a_large_sample_shows(metric, options, expected):
    truth, decision = _draw(np.random.default_rng(0), 200_000)
    known = metric(truth, decision, **options).value
    rng = np.random.default_rng(1)
    made = [metric(*_draw(rng, 150), **options) for _ in range(200)]
    covered = np.mean([each.low <= known <= each.high for each in made])
    assert 0.91 <= covered <= 1.0
    assert expected <= np.mean([each.high - each.low for each in made]) < 0.4


@pytest.mark.parametrize("metric", BOTH)
def test_no_rows_are_not_measurable(metric):
    with pytest.raises(NotMeasurable):
        metric([], [])


@pytest.mark.parametrize("metric", BOTH)
def test_a_missing_label_is_not_measurable(metric):
    with pytest.raises(NotMeasurable, match="missing"):
        metric(np.array(["a", None], dtype=object), ["a", "b"])
    with pytest.raises(NotMeasurable, match="missing"):
        metric([1.0, 0.0], [1.0, float("nan")])


@pytest.mark.parametrize("metric", BOTH)
def test_arrays_that_do_not_fit_are_invalid(metric):
    with pytest.raises(InvalidValue, match="length"):
        metric([1, 0], [1])
    with pytest.raises(InvalidValue, match="one type"):
        metric(["1", "0"], [1, 0])
    with pytest.raises(InvalidValue, match="shape"):
        metric([[1], [0]], [1, 0])


@pytest.mark.parametrize("metric", [metrics.precision, metrics.recall, metrics.f1])
def test_a_positive_class_that_is_nowhere_is_not_measurable(metric):
    with pytest.raises(NotMeasurable):
        metric(["a", "b"], ["a", "b"], positive="c")


@pytest.mark.parametrize("metric", [metrics.precision, metrics.recall, metrics.f1])
def test_an_unknown_average_is_refused_with_the_nearest_name(metric):
    with pytest.raises(InvalidValue, match="macro"):
        metric(["a", "b"], ["a", "b"], average="macros")


@pytest.mark.parametrize("metric", [metrics.balanced_accuracy, metrics.mcc])
def test_one_class_alone_is_not_measurable(metric):
    with pytest.raises(NotMeasurable):
        metric(["a", "a"], ["a", "a"])


def test_rates_of_a_side_without_rows_are_not_measurable():
    with pytest.raises(NotMeasurable, match="negative"):
        metrics.specificity([1, 1], [1, 0])
    with pytest.raises(NotMeasurable, match="positive"):
        metrics.false_negative_rate([0, 0], [1, 0])


def test_a_positive_class_must_be_named_where_the_labels_do_not_say():
    with pytest.raises(InvalidValue, match="positive"):
        metrics.specificity(["yes", "no"], ["yes", "no"])


def _draw(rng, n):
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    return truth, np.where(rng.random(n) < 0.75, truth, rng.integers(0, 3, n))
