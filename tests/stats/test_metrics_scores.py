"""Metrics of scores and probabilities: scikit-learn's values, intervals that cover, and what is not measurable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import metrics

SCORED = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=50)
SCORES = [metrics.roc_auc, metrics.average_precision, metrics.log_loss, metrics.brier, metrics.ece,
          metrics.calibration_slope]  # fmt: skip
ORDERS = [metrics.roc_auc, metrics.average_precision]
CLASSES = ("x", "y", "z")


def rows_of_two(seed, n, *, distort=1.0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(0.0, 1.5, n)
    truth = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    return truth, 1 / (1 + np.exp(-distort * logit))


def rows_of_three(seed, n):
    rng = np.random.default_rng(seed)
    score = rng.dirichlet([0.6, 0.6, 0.6], n)
    truth = np.asarray(CLASSES)[[rng.choice(3, p=each) for each in score]]
    return truth, score


@settings(max_examples=60)
@given(SCORED, st.booleans())
def test_orders_of_two_classes_are_those_of_scikit_learn(rows, anytime):
    truth, score = zip(*rows, (0, 3), (1, 4), strict=True)
    area = metrics.roc_auc(truth, score, anytime=anytime)
    assert area.value == pytest.approx(sk.roc_auc_score(truth, score))
    precise = metrics.average_precision(truth, score, anytime=anytime)
    assert precise.value == pytest.approx(sk.average_precision_score(truth, score))
    assert 0.0 <= area.low <= area.value <= area.high <= 1.0
    assert 0.0 <= precise.low <= precise.value <= precise.high <= 1.0


def test_orders_of_three_classes_are_the_means_of_one_against_the_rest():
    truth, score = rows_of_three(0, 120)
    expected = sk.roc_auc_score(truth, score, multi_class="ovr", average="macro", labels=CLASSES)
    made = metrics.roc_auc(truth, score, classes=CLASSES)
    assert made.value == pytest.approx(expected)
    assert set(made.notes["by class"]) == set(CLASSES)
    precise = metrics.average_precision(truth, score, classes=CLASSES)
    onehot = np.asarray(truth)[:, None] == np.asarray(CLASSES)
    assert precise.value == pytest.approx(sk.average_precision_score(onehot, score, average="macro"))


def test_a_class_without_rows_is_left_out_of_the_mean_and_noted():
    truth, score = rows_of_three(1, 60)
    kept = truth != "z"
    made = metrics.roc_auc(truth[kept], score[kept], classes=CLASSES)
    assert made.notes["no rows"] == ["z"]
    assert set(made.notes["by class"]) == {"x", "y"}


def test_the_positive_column_of_two_is_found_by_the_class_names():
    truth, p = rows_of_two(2, 80)
    names = np.where(truth == 1, "no", "yes")
    both = np.column_stack((p, 1 - p))
    expected = sk.roc_auc_score(truth, p)
    assert metrics.roc_auc(names, both, positive="no", classes=("no", "yes")).value == pytest.approx(expected)
    assert metrics.roc_auc(names, both, classes=("no", "yes")).value == pytest.approx(expected)
    assert metrics.roc_auc(truth, np.column_stack((1 - p, p))).value == pytest.approx(expected)
    assert metrics.roc_auc(names, both[:, 0], positive="no").value == pytest.approx(expected)
    assert metrics.log_loss(names, both, classes=("no", "yes")).value == pytest.approx(sk.log_loss(truth, p))


@settings(max_examples=60)
@given(SCORED, st.booleans())
def test_losses_of_two_classes_are_those_of_scikit_learn(rows, anytime):
    truth, tenths = zip(*rows, (0, 3), (1, 4), strict=True)
    p = np.asarray(tenths) / 8.0
    loss = metrics.log_loss(truth, p, anytime=anytime)
    assert loss.value == pytest.approx(sk.log_loss(truth, p))
    squares = metrics.brier(truth, p, anytime=anytime)
    assert squares.value == pytest.approx(sk.brier_score_loss(truth, p))
    assert 0.0 <= loss.low <= loss.value <= loss.high
    assert 0.0 <= squares.low <= squares.value <= squares.high <= 1.0


def test_losses_of_three_classes_are_those_of_scikit_learn():
    truth, score = rows_of_three(3, 90)
    assert metrics.log_loss(truth, score, classes=CLASSES).value == pytest.approx(sk.log_loss(truth, score))
    halved = sk.brier_score_loss(truth, score, labels=CLASSES, scale_by_half=True)
    assert metrics.brier(truth, score, classes=CLASSES).value == pytest.approx(halved)


def test_a_probability_of_zero_for_what_happened_is_clipped_and_counted():
    made = metrics.log_loss([1, 0, 1], [0.0, 0.5, 0.9])
    assert made.notes["clipped"] == 1
    assert 12.0 < made.value < 13.0


@pytest.mark.parametrize("metric", ORDERS)
def test_intervals_of_an_order_cover_what_a_large_sample_shows(metric):
    known = metric(*rows_of_two(4, 200_000)).value
    made = [metric(*rows_of_two(seed, 150)) for seed in range(200)]
    covered = np.mean([each.low <= known <= each.high for each in made])
    assert 0.91 <= covered <= 0.99


@pytest.mark.parametrize("metric", ORDERS)
def test_intervals_of_a_mean_over_classes_cover_what_a_large_sample_shows(metric):
    known = metric(*rows_of_three(5, 20_000), classes=CLASSES).value
    made = [metric(*rows_of_three(seed, 120), classes=CLASSES) for seed in range(150)]
    covered = np.mean([each.low <= known <= each.high for each in made])
    assert 0.9 <= covered <= 1.0


@pytest.mark.parametrize("metric", ORDERS)
def test_an_order_without_a_fault_is_not_certain(metric):
    made = metric([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    assert made.value == made.high == 1.0
    assert made.low < 0.8
    ever = metric([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], anytime=True)
    assert ever.low <= made.low


def test_calibrated_probabilities_have_an_error_near_zero_once_chance_is_taken_off():
    values = [metrics.ece(*rows_of_two(seed, 500)) for seed in range(60)]
    plain = [metrics.ece(*rows_of_two(seed, 500), debias=False).value for seed in range(60)]
    assert np.mean([each.value for each in values]) < 0.02
    assert np.mean(plain) > 0.045
    assert np.mean([each.low <= 0.005 for each in values]) > 0.9


def test_the_interval_of_a_calibration_error_covers_it():
    known = metrics.ece(*rows_of_two(6, 400_000, distort=2.0), bins=50).value
    made = [metrics.ece(*rows_of_two(seed, 400, distort=2.0)) for seed in range(120)]
    assert np.mean([each.value for each in made]) == pytest.approx(known, abs=0.012)
    assert np.mean([each.low <= known <= each.high for each in made]) >= 0.88


def test_a_calibration_error_says_its_bins():
    made = metrics.ece(*rows_of_two(7, 300), bins=10)
    assert len(made.notes["bins"]) == 9
    assert sum(made.notes["rows"]) == 300
    assert max(made.notes["rows"]) - min(made.notes["rows"]) <= 1


def test_the_calibration_error_of_three_classes_judges_the_largest_probability():
    truth, score = rows_of_three(8, 500)
    assert metrics.ece(truth, score, classes=CLASSES).value < 0.05
    sure = np.eye(3)[score.argmax(axis=1)]
    wrong = np.mean(truth != np.asarray(CLASSES)[score.argmax(axis=1)])
    assert metrics.ece(truth, sure, classes=CLASSES).value == pytest.approx(wrong, abs=1e-9)


def test_one_score_for_all_rows_makes_one_bin():
    made = metrics.ece([1, 0] * 10, [0.7] * 20, bins=1, debias=False)
    assert made.value == pytest.approx(0.2)
    assert made.notes["bins"] == []
    assert metrics.ece([1, 0] * 10, [0.7] * 20, anytime=True).high >= made.value


def test_the_calibration_slope_is_one_for_right_and_a_half_for_twice_too_extreme_probabilities():
    assert metrics.calibration_slope(*rows_of_two(9, 5000)).value == pytest.approx(1.0, abs=0.1)
    made = metrics.calibration_slope(*rows_of_two(9, 5000, distort=2.0), anytime=True)
    assert made.value == pytest.approx(0.5, abs=0.05)
    assert made.low < 0.5 < made.high
    assert abs(made.notes["intercept"]) < 0.2


@pytest.mark.parametrize("metric", SCORES)
def test_no_rows_are_not_measurable(metric):
    with pytest.raises(NotMeasurable):
        metric([], [])


@pytest.mark.parametrize("metric", SCORES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_not_measurable(metric, bad):
    with pytest.raises(NotMeasurable, match="NaN or infinite"):
        metric([1, 0], [bad, 0.5])
    with pytest.raises(NotMeasurable):
        metric(["x", "y"], [[bad, 0.5], [0.2, 0.3]], classes=("x", "y"))


@pytest.mark.parametrize("metric", [*ORDERS, metrics.log_loss, metrics.brier, metrics.ece])
def test_a_score_of_many_classes_that_is_not_finite_is_not_measurable(metric):
    with pytest.raises(NotMeasurable, match="NaN or infinite"):
        metric(["x", "y"], [[float("nan"), 0.5, 0.1], [0.2, 0.3, 0.5]], classes=CLASSES)


@pytest.mark.parametrize("metric", SCORES)
def test_scores_of_the_wrong_shape_or_type_are_invalid(metric):
    with pytest.raises(InvalidValue, match="shape"):
        metric([1, 0], [0.5])
    with pytest.raises(InvalidValue, match="number"):
        metric([1, 0], ["high", "low"])
    with pytest.raises(InvalidValue):
        metric(["x", "y"], [[0.5, 0.5]] * 2, positive="q", classes=("x", "y"))


@pytest.mark.parametrize("metric", [*ORDERS, metrics.log_loss, metrics.brier, metrics.ece])
def test_classes_and_columns_must_agree(metric):
    with pytest.raises(InvalidValue, match="one column per class"):
        metric(["x", "y"], [[0.5, 0.5]] * 2, classes=CLASSES)
    with pytest.raises(InvalidValue, match="label 'w'"):
        metric(["x", "w"], [[0.5, 0.3, 0.2]] * 2, classes=CLASSES)
    with pytest.raises(InvalidValue, match="twice"):
        metric(["x", "y"], [[0.5, 0.3, 0.2]] * 2, classes=("x", "y", "y"))


@pytest.mark.parametrize("metric", ORDERS)
def test_one_class_alone_is_not_measurable(metric):
    with pytest.raises(NotMeasurable, match="class"):
        metric([1, 1, 1], [0.1, 0.2, 0.3])
    with pytest.raises(NotMeasurable, match="class"):
        metric([0, 0, 0], [0.1, 0.2, 0.3])
    with pytest.raises(NotMeasurable, match="class"):
        metric(["x", "x"], [[0.5, 0.3, 0.2]] * 2, classes=CLASSES)


@pytest.mark.parametrize("metric", [metrics.log_loss, metrics.brier, metrics.ece])
def test_what_is_no_probability_is_invalid(metric):
    with pytest.raises(InvalidValue, match="probabilities"):
        metric([1, 0] * 5, [1.5, 0.5] * 5)
    with pytest.raises(InvalidValue, match="sum"):
        metric(["x", "y"] * 5, [[0.5, 0.3, 0.1]] * 10, classes=CLASSES)


def test_calibration_needs_rows_bins_and_an_overlap():
    with pytest.raises(NotMeasurable, match="rows"):
        metrics.ece([1, 0], [0.5, 0.4])
    with pytest.raises(InvalidValue, match="bins"):
        metrics.ece([1, 0] * 5, [0.5, 0.4] * 5, bins=0)
    with pytest.raises(NotMeasurable, match="separate"):
        metrics.calibration_slope([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])
    with pytest.raises(NotMeasurable, match="same"):
        metrics.calibration_slope([1, 0], [0.5, 0.5])


def test_one_row_has_a_loss_but_no_interval():
    with pytest.raises(NotMeasurable, match="interval"):
        metrics.log_loss([1], [0.5])
