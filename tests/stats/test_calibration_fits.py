"""Calibration maps, and performance estimated without labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import calibration, metrics

KNOWN = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1), st.integers(1, 4)), min_size=1, max_size=60)
ONE_BY_ONE = {
    "accuracy": (calibration.estimated_accuracy, metrics.accuracy),
    "precision": (calibration.estimated_precision, metrics.precision),
    "recall": (calibration.estimated_recall, metrics.recall),
    "specificity": (calibration.estimated_specificity, metrics.specificity),
    "f1": (calibration.estimated_f1, metrics.f1),
    "roc_auc": (calibration.estimated_roc_auc, metrics.roc_auc),
}


def rows(seed, n, *, shift=0.0):
    """Scores that are too extreme, outcomes, and decisions."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(shift, 1.5, n)
    hit = rng.random(n) < 1 / (1 + np.exp(-logit))
    score = 1 / (1 + np.exp(-2.0 * logit))
    return score, hit, score > 0.5


@settings(max_examples=100)
@given(KNOWN)
def test_the_isotonic_map_is_that_of_scikit_learn(known):
    score, hit, weight = (np.asarray(each, dtype=float) for each in zip(*known, strict=True))
    made = calibration.fit_isotonic(score, hit, weight=weight)
    expected = IsotonicRegression(out_of_bounds="clip").fit(score, hit, sample_weight=weight)
    asked = np.linspace(-1, 10, 45)
    assert made.apply(asked) == pytest.approx(expected.predict(asked), abs=1e-9)


def test_the_logistic_fit_is_that_of_scikit_learn():
    score, hit, _ = rows(0, 500)
    logit = np.log(score / (1 - score))
    expected = LogisticRegression(C=1e10, tol=1e-10).fit(logit[:, None], hit)
    made = calibration.fit_logistic(logit, hit)
    assert made.slope == pytest.approx(expected.coef_[0, 0], rel=1e-4)
    assert made.intercept == pytest.approx(expected.intercept_[0], abs=1e-4)
    assert made.slope == pytest.approx(0.5, abs=4 * made.slope_error)
    assert made.n == 500


def test_platt_scaling_undoes_scores_that_are_too_extreme():
    score, hit, _ = rows(1, 4000)
    logit = np.log(score / (1 - score))
    made = calibration.fit_platt(logit, hit)
    assert made.scale == pytest.approx(0.5, abs=0.05)
    assert (
        metrics.ece(hit, made.apply(logit), positive=True).value < 0.02 < metrics.ece(hit, score, positive=True).value
    )


def test_platt_scaling_of_separated_classes_stays_finite():
    made = calibration.fit_platt([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1])
    assert 0.0 < made.scale < 10.0
    assert made.apply([-1000.0, 1000.0]).tolist() == pytest.approx([0.0, 1.0])


def test_an_extreme_start_is_reached_by_halved_steps():
    x = np.concatenate((np.full(50, -30.0), np.full(50, 30.0), [-31.0, 31.0]))
    hit = np.concatenate((np.zeros(50), np.ones(50), [1.0, 0.0]))
    made = calibration.fit_logistic(x, hit)
    assert 0.0 < made.slope < 1.0


@pytest.mark.parametrize("metric", sorted(ONE_BY_ONE))
def test_an_estimate_agrees_with_what_the_labels_show_later(metric):
    known, hit, _ = rows(2, 20_000)
    score, truth, decided = rows(3, 20_000, shift=0.6)
    made = calibration.estimated(metric, (known, hit), score=score, decision=decided)
    shown = ONE_BY_ONE[metric][1](truth, score if metric == "roc_auc" else decided, **_positive(metric))
    assert made.value == pytest.approx(shown.value, abs=0.01)
    assert made.notes["estimates"] == metric
    assert "did not move" in made.notes["assumes"]


@pytest.mark.parametrize("metric", sorted(ONE_BY_ONE))
def test_the_interval_of_an_estimate_covers_what_the_labels_show_later(metric):
    covered = []
    for seed in range(80):
        known, hit, _ = rows(1000 + seed, 1500)
        score, truth, decided = rows(2000 + seed, 400, shift=0.3)
        made = calibration.estimated(metric, (known, hit), score=score, decision=decided)
        shown = ONE_BY_ONE[metric][1](truth, score if metric == "roc_auc" else decided, **_positive(metric))
        covered.append(made.low <= shown.value <= made.high)
    assert np.mean(covered) >= 0.88


@pytest.mark.parametrize("metric", sorted(set(ONE_BY_ONE) - {"roc_auc"}))
def test_probabilities_at_hand_give_the_same_estimate_as_the_scores_they_come_from(metric):
    known, hit, _ = rows(4, 2000)
    score, _, decided = rows(5, 500)
    given_map = calibration.calibrated(known, hit, score=score)
    alone = ONE_BY_ONE[metric][0](given_map.probability, decided)
    whole = calibration.estimated(metric, (known, hit), score=score, decision=decided)
    assert alone.value == pytest.approx(whole.value)
    assert alone.high - alone.low <= whole.high - whole.low


@pytest.mark.parametrize("metric", ["error_rate", "false_positive_rate", "false_negative_rate"])
def test_estimated_rates_of_error_are_the_other_side_of_the_others(metric):
    known, hit, _ = rows(4, 2000)
    score, _, decided = rows(5, 500)
    other = {"error_rate": "accuracy", "false_positive_rate": "specificity", "false_negative_rate": "recall"}[metric]
    found, rest = (
        calibration.estimated(name, (known, hit), score=score, decision=decided).value for name in (metric, other)
    )
    assert found + rest == pytest.approx(1.0)


def test_the_expected_confusion_sums_to_one():
    made = calibration.estimated_confusion([0.9, 0.4, 0.3], [True, False, True])
    total = made.true_positive + made.false_positive + made.false_negative + made.true_negative
    assert total == pytest.approx(1.0)
    assert made.true_positive == pytest.approx(0.4)
    assert made.n == 3


def test_the_expected_area_is_that_over_all_pairs():
    rng = np.random.default_rng(6)
    chance, score = rng.random(40), rng.integers(0, 10, 40).astype(float)
    wins = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    weight = chance[:, None] * (1 - chance) * (1 - np.eye(40))
    made = calibration.estimated_roc_auc(chance, score)
    assert made.value == pytest.approx((wins * weight).sum() / weight.sum())


def test_the_slope_of_the_expected_area_is_its_derivative():
    from holdfast.stats._calibrated import expected_area

    rng = np.random.default_rng(7)
    chance, score = rng.random(12), rng.integers(0, 5, 12).astype(float)
    value, slope = expected_area(chance, score)
    for row in range(12):
        moved = chance.copy()
        moved[row] += 1e-6
        assert (expected_area(moved, score)[0] - value) / 1e-6 == pytest.approx(slope[row], abs=1e-4)


def test_certain_outcomes_leave_no_uncertainty():
    made = calibration.estimated_accuracy([1.0, 0.0], [True, False])
    assert (made.value, made.low, made.high) == (1.0, 1.0, 1.0)


def test_fewer_reference_rows_widen_the_interval():
    score, _, decided = rows(8, 5000)
    few, many = (
        calibration.estimated("accuracy", rows(9, n)[:2], score=score, decision=decided) for n in (200, 20_000)
    )
    assert few.notes["error of calibration"] > 3 * many.notes["error of calibration"]
    assert few.high - few.low > many.high - many.low
    ever = calibration.estimated("accuracy", rows(9, 200)[:2], score=score, decision=decided, anytime=True)
    assert ever.high - ever.low > few.high - few.low


def test_bad_calibration_data_are_refused():
    with pytest.raises(InvalidValue, match="length"):
        calibration.fit_isotonic([1.0, 2.0], [1])
    with pytest.raises(InvalidValue, match="weight"):
        calibration.fit_isotonic([1.0, 2.0], [1, 0], weight=[1.0, 0.0])
    with pytest.raises(NotMeasurable):
        calibration.fit_isotonic([], [])
    with pytest.raises(InvalidValue, match="knots"):
        calibration.Isotonic((), ())
    with pytest.raises(InvalidValue, match="fall"):
        calibration.Isotonic((1.0, 2.0), (0.5, 0.4))
    with pytest.raises(NotMeasurable, match="one of the two"):
        calibration.fit_platt([1.0, 2.0], [1, 1])
    with pytest.raises(NotMeasurable, match="same"):
        calibration.fit_logistic([1.0, 1.0], [0, 1])


def test_bad_data_to_estimate_from_are_refused():
    known, hit, _ = rows(10, 100)
    with pytest.raises(InvalidValue, match="accuracy"):
        calibration.estimated("accurate", (known, hit), score=known)
    with pytest.raises(InvalidValue, match="decision"):
        calibration.estimated("accuracy", (known, hit), score=known)
    with pytest.raises(NotMeasurable, match="reference rows"):
        calibration.estimated("accuracy", (known[:10], hit[:10]), score=known, decision=hit)
    with pytest.raises(NotMeasurable, match="one class"):
        calibration.estimated("accuracy", (known, np.ones(100)), score=known, decision=hit)
    with pytest.raises(InvalidValue, match="probabilities"):
        calibration.estimated_accuracy([1.5], [True])
    with pytest.raises(InvalidValue, match="booleans"):
        calibration.estimated_accuracy([0.5], [1])
    with pytest.raises(InvalidValue, match="length"):
        calibration.estimated_accuracy([0.5], [True, False])
    with pytest.raises(NotMeasurable, match="precision"):
        calibration.estimated_precision([0.5], [False])
    with pytest.raises(NotMeasurable, match="pair"):
        calibration.estimated_roc_auc([1.0, 1.0], [1.0, 2.0])


def _positive(metric):
    return {} if metric == "accuracy" else {"positive": True}
