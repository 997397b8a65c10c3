"""Weights and thresholds against gaps between groups."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.automl._budget import Deadline
from holdfast.automl._fair import COARSE, cuts_of, group_codes, reweighing, sensitive_columns, thresholds
from holdfast.automl._promises import Constraints, Judged
from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable
from holdfast.core.grammar import parse
from holdfast.core.subjects import Scored

# --- columns and groups


def test_the_columns_that_promises_compare_or_slice_by_are_sensitive() -> None:
    promises = [
        parse(text)
        for text in (
            "demographic_parity_difference(sex, race) <= 0.1",
            "recall >= 0.8 by region, sex",
            "roc_auc >= 0.9",
            "completeness(age) >= 0.9",
            "monotonicity_violations(age) <= 0",
            "group_auc_gap(*) <= 0.1",
            "no_such_measure(x) <= 1",
        )
    ]
    assert sensitive_columns(promises) == ("race", "region", "sex")


def test_groups_are_crossings_and_a_missing_value_is_one_of_its_own() -> None:
    rows = pl.DataFrame({"sex": ["f", "m", "f", None, "f"], "old": [1.0, 1.0, float("nan"), None, 1.0]})
    assert group_codes(rows, ["sex"]).tolist() == [1, 2, 1, 0, 1]
    crossed = group_codes(rows, ["sex", "old"])
    assert crossed[0] == crossed[4]
    assert len(set(crossed.tolist())) == 4


@pytest.mark.parametrize(
    ("columns", "error"), [([], InvalidValue), (["sex", "sex"], InvalidValue), (["sexx"], ColumnNotFound)]
)
def test_groups_by_nothing_twice_or_nowhere_are_refused(columns, error) -> None:
    with pytest.raises(error):
        group_codes(pl.DataFrame({"sex": ["f"]}), columns)


# --- weights

pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0.1, 5.0)), min_size=1, max_size=40)


@given(drawn=pairs)
def test_weighted_so_group_and_class_are_independent_where_every_pair_occurs(drawn) -> None:
    # Every pair once, so that none is missing.
    drawn = drawn + [(kind, who, 1.0) for kind in range(3) for who in range(3)]
    kind, who = (np.array([each[place] for each in drawn]) for place in (0, 1))
    before = np.array([each[2] for each in drawn])
    made = reweighing(kind, who, weights=before)
    assert (made > 0).all()
    assert made.mean() == pytest.approx(1.0)
    shares = np.bincount(kind, weights=before) / before.sum()
    for group in range(3):
        inside = who == group
        found = np.bincount(kind[inside], weights=made[inside], minlength=3) / made[inside].sum()
        np.testing.assert_allclose(found, shares, rtol=1e-9)
        assert made[inside].sum() / made.sum() == pytest.approx(before[inside].sum() / before.sum())


@given(drawn=pairs)
def test_weights_do_not_depend_on_the_names_of_groups_or_the_order_of_rows(drawn) -> None:
    kind, who = (np.array([each[place] for each in drawn]) for place in (0, 1))
    made = reweighing(kind, who)
    np.testing.assert_array_equal(made, reweighing(kind * 7 - 3, who * 5 + 1))
    np.testing.assert_allclose(made[::-1], reweighing(kind[::-1], who[::-1]), rtol=1e-12)


def test_what_is_independent_already_keeps_its_weights() -> None:
    kind, who = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    np.testing.assert_allclose(reweighing(kind, who), 1.0)
    np.testing.assert_allclose(
        reweighing(kind, np.zeros(4, dtype=int), weights=np.array([1.0, 2, 3, 4])) * 2.5, [1, 2, 3, 4]
    )


@pytest.mark.parametrize(
    ("kind", "who", "weights", "error"),
    [
        ([], [], None, NotMeasurable),
        ([0, 1], [0], None, InvalidValue),
        ([0, 1], [0, 1], [1.0], InvalidValue),
        ([0, 1], [0, 1], [1.0, 0.0], InvalidValue),
        ([0, 1], [0, 1], [1.0, np.nan], InvalidValue),
    ],
)
def test_no_rows_odd_lengths_and_weights_that_are_none_are_refused(kind, who, weights, error) -> None:
    with pytest.raises(error):
        reweighing(np.array(kind), np.array(who), weights=None if weights is None else np.array(weights))


# --- thresholds


def kept_between(low: float, high: float):
    """A judge whose promises are kept from `low` to `high`, farther the farther away."""
    return lambda threshold: Judged(max(0.0, low - threshold, threshold - high))


def drawn(n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    positive = rng.beta(2, 3, size=n)
    return positive, rng.random(n) < positive


def test_one_half_is_kept_where_it_keeps_the_promises() -> None:
    found = thresholds(*drawn(), judge=kept_between(0.3, 0.6))
    assert (found.best.threshold, found.judged, found.complete) == (0.5, 1, True)
    assert found.best.kept


def test_the_threshold_nearest_to_one_half_that_keeps_the_promises_is_found_to_the_last_row() -> None:
    positive, truth = drawn()
    found = thresholds(positive, truth, judge=kept_between(0.61, 0.9), most=1000)
    cuts = cuts_of(positive)
    assert found.complete
    assert found.best.threshold == cuts[cuts >= 0.61].min()
    few = thresholds(positive, truth, judge=kept_between(0.61, 0.9), most=COARSE + 12)
    assert few.best.threshold == found.best.threshold
    assert few.judged <= COARSE + 12


def test_below_one_half_is_searched_as_well() -> None:
    positive, truth = drawn()
    cuts = cuts_of(positive)
    found = thresholds(positive, truth, judge=kept_between(0.1, 0.237))
    assert found.best.threshold == cuts[cuts <= 0.237].max()


def test_where_no_threshold_keeps_the_promises_the_least_violation_is_taken() -> None:
    positive, truth = drawn(60)
    found = thresholds(positive, truth, judge=lambda threshold: Judged(0.1 + abs(threshold - 0.7)))
    assert not found.best.kept
    assert found.complete
    assert found.judged == len(cuts_of(positive))
    assert abs(found.best.threshold - 0.7) == pytest.approx(np.abs(cuts_of(positive) - 0.7).min())


def test_the_trade_is_between_violation_and_accuracy() -> None:
    positive, truth = drawn()
    found = thresholds(positive, truth, judge=kept_between(0.61, 0.9))
    violations = [each.violation for each in found.trade]
    accuracies = [each.accuracy for each in found.trade]
    assert violations == sorted(set(violations), reverse=True)
    assert accuracies == sorted(set(accuracies), reverse=True)
    for each in found.trade:
        assert each.accuracy == pytest.approx(np.mean((positive >= each.threshold) == truth))


def test_rows_may_weigh_differently() -> None:
    positive, truth = np.array([0.2, 0.8]), np.array([True, True])
    found = thresholds(positive, truth, judge=kept_between(0.4, 0.6), weights=np.array([3.0, 1.0]))
    assert found.best.accuracy == 0.25


def test_a_deadline_that_has_passed_still_judges_one_half() -> None:
    over = Deadline(lambda: 1.0, 0.0)
    found = thresholds(*drawn(), judge=kept_between(0.8, 0.9), deadline=over)
    assert (found.judged, found.complete, found.best.threshold) == (1, False, 0.5)


@given(
    values=st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=20),
)
def test_cuts_decide_differently_each_and_every_decision_within_reach_is_among_them(values) -> None:
    positive = np.array(values)
    cuts = cuts_of(positive)
    assert (cuts > 0).all()
    assert (cuts < 1).all()
    assert 0.5 in cuts
    np.testing.assert_array_equal(cuts, cuts.astype(np.float32))
    decided = [tuple((positive >= each).tolist()) for each in cuts]
    assert len(set(decided)) == len(decided)
    tried = np.linspace(0.01, 0.99, 50).astype(np.float32)
    apart = [each for each in tried if np.abs(positive - each).min() > 1e-3]
    assert {tuple((positive >= each).tolist()) for each in apart} <= set(decided)


@pytest.mark.parametrize(
    ("positive", "truth", "most", "error"),
    [
        ([], [], 5, NotMeasurable),
        ([0.1, np.nan], [True, False], 5, NotMeasurable),
        ([0.1, 0.2], [True], 5, InvalidValue),
        ([0.1, 0.2], [True, False], 0, InvalidValue),
    ],
)
def test_no_probabilities_odd_lengths_and_nothing_to_judge_are_refused(positive, truth, most, error) -> None:
    with pytest.raises(error):
        thresholds(np.array(positive), np.array(truth), judge=kept_between(0, 1), most=most)


# --- on real people


def test_weights_close_the_gap_on_adult_and_cost_less_accuracy_than_a_threshold(real) -> None:
    import lightgbm as lgb

    rows = real("adult/adult.parquet").drop("split").head(6000)
    text = (pl.col(pl.String).cast(pl.Categorical).to_physical(), pl.col(pl.Int64))
    matrix = rows.drop("income").select(*text).to_numpy().astype(np.float32)
    target = (rows["income"] == ">50K").to_numpy().astype(int)
    group, classes = group_codes(rows, ["sex"]), np.array(["<=50K", ">50K"], dtype=object)
    promise = parse("demographic_parity_difference(sex) <= 0.10")
    spec = registry.get("measure", promise.measure)
    constraints = Constraints(((promise, spec),), None, (), 0)
    learnt, held = slice(0, 4000), slice(4000, 6000)

    def scored(positive: np.ndarray, threshold: float) -> Scored:
        decision = classes[(positive >= threshold).astype(int)]
        score = np.column_stack([1 - positive, positive])
        return Scored(
            "binary", classes[target[held]], score, rows[held].select("sex"), decision, tuple(classes), ">50K"
        )

    def best(weights: np.ndarray | None):
        data = lgb.Dataset(matrix[learnt], target[learnt], weight=weights)
        params = {"objective": "binary", "num_threads": 1, "verbosity": -1, "seed": 0}
        positive = lgb.train(params, data, 30).predict(matrix[held])
        return thresholds(
            positive,
            target[held] == 1,
            judge=lambda threshold: constraints.judge(scored(positive, threshold)),
        ).best

    plain, fair = best(None), best(reweighing(target[learnt], group[learnt]))
    assert plain.kept
    assert fair.kept
    assert abs(fair.threshold - 0.5) < abs(plain.threshold - 0.5)
    assert fair.accuracy > plain.accuracy
