"""LightGBM as a learner: every objective, the soft one of a student among them, and what its library would print."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._learners import lightgbm as module
from holdfast.automl._learners.base import PATIENCE, Setup
from holdfast.automl._learners.lightgbm import LightGBM
from holdfast.automl._objectives import AFT, Binary, Multiclass, Poisson, Quantile, Ranking, Squared
from holdfast.automl._objectives.soft import Soft
from holdfast.automl._sheet import Sheet

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
laws = importlib.import_module("learner_laws")

OBJECTIVES = [Binary(), Multiclass(3), Squared(Binary().line), Quantile(0.8), Poisson(), Ranking(), AFT(0.5)]
ONE_NUMBER = [Binary(), Squared(Binary().line), Quantile(0.3), Poisson()]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_the_laws_of_a_learner_hold(objective, capfd) -> None:
    laws.check_learner(LightGBM(), objective, rounds=15)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=10, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "num_leaves": st.integers(2, 40),
            "min_data_in_leaf": st.sampled_from([1, 5, 60]),
            "feature_fraction": st.sampled_from([0.2, 1.0]),
            "bagging_fraction": st.sampled_from([0.5, 1.0]),
            "lambda_l1": st.sampled_from([0.0, 1.0]),
            "lambda_l2": st.sampled_from([0.0, 10.0]),
            "max_depth": st.sampled_from([-1, 2]),
            "extra_trees": st.booleans(),
        }
    ),
    st.sampled_from(OBJECTIVES),
)
def test_graph_and_curve_are_those_of_the_booster_whatever_the_parameters(params, objective) -> None:
    made = laws.case(LightGBM(), objective, params=params)
    fitted = made.fit(held=made.held, rounds=6)
    laws.check_graph(made, fitted)
    for rounds, loss in enumerate(fitted.curve, start=1):
        losses = objective.losses(fitted.margin(made.held.matrix, rounds=rounds), made.held)
        assert loss == pytest.approx(np.average(losses, weights=made.held.weights), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("objective", [*ONE_NUMBER, AFT(0.5)], ids=lambda each: each.name)
def test_weights_of_rows_are_used(objective) -> None:
    laws.check_weights(LightGBM(), objective)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_a_fit_takes_weights_and_target_that_the_sheet_has_now(objective) -> None:
    made = laws.case(LightGBM(), objective)
    made.train.weights[::3] *= 20.0
    made.fit(held=made.held, rounds=3)
    made.train.weights[:] = 1.0
    made.train.target[:] = made.train.target[::-1].copy()
    made.held.weights[:] = 1.0
    made.train.kept.pop("ranking", None)
    made.held.kept.pop("ranking", None)
    again = made.fit(held=made.held, rounds=3)
    made.train.kept.clear()
    made.held.kept.clear()
    fresh = made.fit(held=made.held, rounds=3)
    np.testing.assert_array_equal(again.margin(made.held.matrix), fresh.margin(made.held.matrix))
    np.testing.assert_array_equal(again.curve, fresh.curve)


def test_the_folds_of_a_sheet_are_learnt_from_as_sheets_of_their_own() -> None:
    made = laws.case(LightGBM(), Binary())
    rows = np.arange(made.train.n)
    train, held = made.train.take(rows[rows % 3 > 0]), made.train.take(rows[rows % 3 == 0])
    shared = made.fit(train=train, held=held, rounds=5)
    assert "lightgbm" in made.train.kept
    heavier = Sheet(made.train.matrix, made.train.target, made.train.weights * np.where(rows % 2, 5.0, 1.0))
    other = made.fit(train=heavier.take(rows[rows % 3 > 0]), held=held, rounds=5)
    assert np.abs(other.curve - shared.curve).max() > 0.0
    again = made.fit(train=train, held=held, rounds=5)
    np.testing.assert_array_equal(again.curve, shared.curve)


def test_rows_in_another_order_than_their_parent_are_learnt_from_in_theirs() -> None:
    made = laws.case(LightGBM(), Squared(Binary().line))
    rows = np.random.default_rng(0).permutation(made.train.n)
    fitted = made.fit(train=made.train.take(rows), rounds=5)
    np.testing.assert_allclose(fitted.margin(made.train.matrix), made.fit(rounds=5).margin(made.train.matrix))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("objective", ONE_NUMBER, ids=lambda each: each.name)
def test_monotone_signs_are_kept(objective, sign, capfd) -> None:
    laws.check_monotone(LightGBM(), objective, sign)
    laws.check_monotone(LightGBM(), objective, sign, params={"extra_trees": True, "feature_fraction": 0.5})
    assert capfd.readouterr() == ("", "")


def test_monotone_signs_of_several_classes_are_refused() -> None:
    laws.check_refuses(LightGBM(), Multiclass(3), monotone=(1, 0, 0, 0, 0, 0))


def test_a_fit_ends_where_the_held_out_loss_no_longer_falls() -> None:
    made = laws.case(LightGBM(), Binary(), params={"learning_rate": 0.5})
    fitted = made.fit(held=made.held)
    best = int(np.argmin(fitted.curve))
    assert fitted.rounds == len(fitted.curve) == best + 1 + PATIENCE


def test_a_round_without_a_split_is_no_round_and_the_next_may_find_one() -> None:
    made = laws.case(LightGBM(), Squared(Binary().line), params={"feature_fraction": 0.17, "num_leaves": 4})
    made.train.matrix[:, 1:] = 0.0
    fitted = made.fit(held=made.held, rounds=20)
    assert 1 < fitted.rounds == len(fitted.curve)
    flat = made.fit(train=made.train.with_target(np.zeros(made.train.n)), held=made.held, rounds=20)
    assert flat.rounds == len(flat.curve) == 1


def test_relevance_is_the_gain_itself_whole_or_not() -> None:
    made = laws.case(LightGBM(), Ranking())
    gains, grade = module._grades(made.train)
    np.testing.assert_array_equal(gains[grade], made.train.target)
    broken = made.fit(train=made.train.with_target(made.train.target * 0.3), rounds=5)
    np.testing.assert_allclose(broken.margin(made.held.matrix), made.fit(rounds=5).margin(made.held.matrix), atol=1e-6)
    uneven = made.train.with_target(made.train.target**2.5)
    assert np.abs(made.fit(train=uneven, rounds=5).margin(made.held.matrix) - broken.margin(made.held.matrix)).max() > 0


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5000))
def test_many_different_gains_are_rounded_to_some_in_their_order(count) -> None:
    target = np.random.default_rng(0).gamma(1.0, size=count)
    gains, grade = module._grades(Sheet(np.zeros((count, 0), np.float32), target, np.ones(count)))
    assert len(gains) <= 1000
    assert (np.diff(grade[np.argsort(target)]) >= 0).all()
    assert np.abs(gains[grade] - target).mean() <= 0.01


def test_a_query_that_the_library_cannot_rank_is_ranked_by_gradients(monkeypatch, capfd) -> None:
    monkeypatch.setattr(module, "_MOST_IN_QUERY", 11)
    made = laws.case(LightGBM(), Ranking())
    fitted = made.fit(held=made.held, rounds=15)
    laws.check_curve(made, fitted)
    laws.check_learns(made, fitted)
    laws.check_graph(made, fitted)
    assert capfd.readouterr() == ("", "")


def test_a_ranking_without_groups_is_told() -> None:
    made = laws.case(LightGBM(), Ranking())
    made.train.group = None
    with pytest.raises(ValueError, match="group of each row"):
        made.fit(rounds=1)


@pytest.mark.parametrize("base", [each for each in OBJECTIVES if each.name != "ranking"], ids=lambda each: each.name)
def test_a_student_learns_what_its_teacher_answers(base, capfd) -> None:
    made = laws.case(LightGBM(), base)
    teacher = made.fit(rounds=30)
    seen = np.concatenate([teacher.margin(each.matrix) for each in (made.train, made.held)])
    made.objective = soft = Soft(base, seen)
    made.setup = Setup(soft, seed=3)
    made.train = made.train.with_target(np.arange(made.train.n, dtype=np.float64))
    made.held = made.held.with_target(made.train.n + np.arange(made.held.n, dtype=np.float64))
    fitted = made.fit(held=made.held, rounds=20)
    for law in (laws.check_margin, laws.check_graph, laws.check_rounds, laws.check_curve, laws.check_learns):
        law(made, fitted)
    laws.check_same(made, fitted, 20)
    apart = np.abs(fitted.margin(made.held.matrix) - seen[made.train.n :])
    assert apart.mean() < 0.5 * np.abs(seen[made.train.n :] - soft.start(made.train)).mean()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("objective", [Binary(), Multiclass(3), AFT(0.5)], ids=lambda each: each.name)
def test_the_text_that_explains_a_booster_is_all_of_its_margin(objective) -> None:
    import lightgbm as lgb

    made = laws.case(LightGBM(), objective)
    fitted = made.fit(rounds=8)
    told = fitted.explained(rounds=5)
    booster = lgb.Booster(model_str=told.files["booster.txt"].decode())
    shares = booster.predict(made.held.matrix, pred_contrib=True).reshape(made.held.n, objective.outputs, -1)
    np.testing.assert_allclose(shares.sum(axis=2), fitted.margin(made.held.matrix, rounds=5), atol=1e-9)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"num_leaves": 1}, "num_leaves 1"),
        ({"num_leaves": 8.5}, "whole number"),
        ({"bagging_fraction": 0.0}, "bagging_fraction 0"),
        ({"feature_fraction": float("nan")}, "feature_fraction nan"),
        ({"lambda_l2": -1.0}, "lambda_l2 -1"),
        ({"learning_rate": "fast"}, "learning_rate 'fast'"),
        ({"max_depth": True}, "max_depth True"),
        ({"eta": 0.1}, "no parameter 'eta'"),
    ],
)
def test_parameters_without_sense_are_told_and_nothing_is_printed(params, match, capfd) -> None:
    made = laws.case(LightGBM(), Binary())
    with pytest.raises(ValueError, match=match):
        made.fit(params=params, rounds=1)
    assert capfd.readouterr() == ("", "")


def test_what_the_library_refuses_is_an_error_that_a_search_expects() -> None:
    made = laws.case(LightGBM(), Poisson())
    with pytest.raises(ValueError, match="LightGBM: "):
        made.fit(train=made.train.with_target(made.train.target - 1.0))


def test_counts_that_are_all_zero_and_a_single_row_give_a_model() -> None:
    made = laws.case(LightGBM(), Poisson())
    none = made.fit(train=made.train.with_target(np.zeros(made.train.n)), held=made.held, rounds=3)
    assert made.objective.answers(none.margin(made.held.matrix)).max() < 1e-6
    alone = made.fit(train=made.train.take(np.array([0])), rounds=2)
    assert np.isfinite(alone.margin(made.held.matrix)).all()
    laws.check_graph(made, alone)


def test_some_of_many_rows_are_taken_once_the_deadline_has_passed() -> None:
    many = laws.sheet(Binary(), n=12_000)
    made = laws.case(LightGBM(), Binary())
    assert made.fit(train=many, deadline=laws.past()).rounds == 1
    assert many.kept == {}
    folds = many.take(np.arange(6000))
    made.fit(train=folds, rounds=1)
    assert set(many.kept) == set(folds.kept) == {"lightgbm"}
    assert module._begun(many.take(np.arange(7000)), laws.past()).n == 7000
