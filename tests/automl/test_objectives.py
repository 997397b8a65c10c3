"""Objectives of quantiles, counts, rankings and survival: losses, exact gradients, constant starts, ONNX nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._answers import Calibration
from holdfast.automl._graph import Graph
from holdfast.automl._objectives import (
    AFT,
    Poisson,
    Quantile,
    Ranking,
    aft_scale,
    event_flags,
    learnt,
    objective_of,
)
from holdfast.automl._sheet import Sheet
from holdfast.core.errors import DataError, InvalidValue, UnusableTarget
from holdfast.core.models import TASKS
from holdfast.stats import metrics

SEEDS = st.integers(0, 10_000)
SMOOTH = [Poisson(), AFT(0.7)]
CONVEX = [Quantile(0.9), Quantile(0.3), *SMOOTH]
EVERY = [*CONVEX, Ranking()]


def sheet_for(objective, seed, n=30):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=n).round(2)
    if objective.name == "poisson":
        target = rng.poisson(2.0, n).astype(float)
    if objective.name == "ranking":
        target = rng.integers(0, 4, n).astype(float)
    return Sheet(
        rng.normal(size=(n, 3)).astype(np.float32),
        target,
        rng.uniform(0.5, 2.0, n),
        group=rng.integers(0, 5, n),
        event=rng.random(n) < 0.6,
    )


def away_from_kinks(seed, n=30):
    # Targets have two decimals, these have a third: no margin meets a target.
    return (np.random.default_rng(seed + 1).normal(size=(n, 1)) * 2).round(2) + 0.005


def stepped(objective, margin, sheet, step):
    return objective.losses(margin + step, sheet)[:, None]


@pytest.mark.parametrize("objective", CONVEX, ids=lambda each: each.name)
@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_gradient_is_that_of_finite_differences(objective, seed):
    sheet, margin, step = sheet_for(objective, seed), away_from_kinks(seed), 1e-5
    expected = (stepped(objective, margin, sheet, step) - stepped(objective, margin, sheet, -step)) / (2 * step)
    assert objective.gradients(margin, sheet)[0] == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("objective", [*SMOOTH, Ranking()], ids=lambda each: each.name)
@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_curvature_is_never_below_that_of_finite_differences(objective, seed):
    sheet, margin, step = sheet_for(objective, seed), away_from_kinks(seed), 1e-5
    found = objective.gradients(margin, sheet)[1][:, 0]
    for row in range(0, sheet.n, 3):
        move = np.zeros_like(margin)
        move[row] = step
        slopes = [objective.gradients(margin + each, sheet)[0][row, 0] for each in (move, -move)]
        assert found[row] >= (slopes[0] - slopes[1]) / (2 * step) * (1 - 1e-6) - 1e-6


@pytest.mark.parametrize("objective", SMOOTH, ids=lambda each: each.name)
def test_the_curvature_at_the_truth_is_the_second_derivative(objective):
    sheet = replace(sheet_for(objective, 1), event=np.ones(30, dtype=bool), kept={})
    sheet.target[:] = np.abs(sheet.target) + 1.0
    margin = (np.log(sheet.target) if objective.name == "poisson" else sheet.target)[:, None]
    expected = 2.0 * sheet.target if objective.name == "poisson" else np.full(30, 0.5 / objective.sigma**2)
    assert objective.gradients(margin, sheet)[1][:, 0] == pytest.approx(expected)


@pytest.mark.parametrize("objective", SMOOTH, ids=lambda each: each.name)
@settings(max_examples=20)
@given(seed=SEEDS, far=st.floats(-12, 12))
def test_a_step_of_newton_never_raises_the_loss_however_far_the_truth_is(objective, seed, far):
    sheet = sheet_for(objective, seed)
    margin = away_from_kinks(seed) + far
    first, second = objective.gradients(margin, sheet)
    before, after = objective.losses(margin, sheet), objective.losses(margin - first / second, sheet)
    assert (after <= before * (1 + 1e-9) + 1e-9).all()


@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_gradient_of_a_ranking_is_that_of_its_surrogate(seed):
    objective, step = Ranking(), 1e-5
    sheet, margin = sheet_for(objective, seed), away_from_kinks(seed)
    first = objective.gradients(margin, sheet)[0]
    for row in range(sheet.n):
        move = np.zeros_like(margin)
        move[row] = step
        up, down = (objective.surrogate(margin + each, sheet) for each in (move, -move))
        assert first[row, 0] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("objective", CONVEX, ids=lambda each: each.name)
@settings(max_examples=20)
@given(seed=SEEDS, step=st.floats(-3, 3))
def test_no_other_constant_has_a_lower_loss_than_the_start(objective, seed, step):
    sheet = sheet_for(objective, seed)
    start = np.tile(objective.start(sheet), (sheet.n, 1))
    least = float(np.average(objective.losses(start, sheet), weights=sheet.weights))
    other = float(np.average(objective.losses(start + step, sheet), weights=sheet.weights))
    assert least <= other + 1e-9


@pytest.mark.parametrize("objective", EVERY, ids=lambda each: each.name)
@settings(max_examples=10)
@given(seed=SEEDS, size=st.sampled_from([0.0, 1.0, 50.0, 1e6]))
def test_losses_and_gradients_are_finite_however_far_a_margin_is_out(objective, seed, size):
    sheet = sheet_for(objective, seed)
    margin = size * away_from_kinks(seed)
    losses = objective.losses(margin, sheet)
    first, second = objective.gradients(margin, sheet)
    assert losses.shape == (sheet.n,)
    assert first.shape == second.shape == (sheet.n, 1)
    assert np.isfinite(losses).all()
    assert np.isfinite(first).all()
    assert (second >= 0.0).all()
    assert np.isfinite(objective.answers(margin)).all()


@pytest.mark.parametrize("objective", EVERY, ids=lambda each: each.name)
def test_the_nodes_answer_as_the_objective_does(objective):
    import onnxruntime as ort
    from onnx import TensorProto, helper

    graph = Graph()
    made = graph.add("Identity", objective.nodes(graph, "margin"), to="prediction")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in ("margin", made)]
    model = graph.model([ends[0]], [ends[1]], name="answer")
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    margin = np.array([[-1000.0], [-3.0], [0.0], [2.5], [1000.0]], dtype=np.float32)
    found = session.run(None, {"margin": margin})[0]
    assert found[:, 0] == pytest.approx(objective.answers(margin.astype(np.float64)), rel=2e-6)
    assert np.isfinite(found).all()


@settings(max_examples=40)
@given(seed=SEEDS, coarse=st.booleans())
def test_the_weighted_mean_of_a_ranking_is_one_minus_the_gain_over_queries(seed, coarse):
    sheet = sheet_for(Ranking(), seed, n=60)
    margin = away_from_kinks(seed, n=60)
    margin = margin.round(0) if coarse else margin
    found = np.average(Ranking().losses(margin, sheet), weights=sheet.weights)
    asked = metrics.ndcg(sheet.target, margin[:, 0], group=sheet.group, k=10)
    assert found == pytest.approx(1.0 - asked.value)


def test_queries_count_alike_whatever_their_size():
    sheet = Sheet(
        np.zeros((12, 1), dtype=np.float32),
        np.array([1.0, 0.0] + [1.0] + [0.0] * 9),
        np.ones(12),
        group=np.array([0, 0] + [1] * 10),
    )
    losses = Ranking().losses(-np.arange(12.0)[:, None] * np.array([[-1.0]] * 2 + [[1.0]] * 10), sheet)
    assert losses.mean() == pytest.approx((1 - 1 / np.log2(3)) / 2)
    assert losses[2:].max() == 0.0


def test_a_query_without_a_relevant_row_has_no_loss_and_no_gradient():
    sheet = Sheet(
        np.zeros((4, 1), dtype=np.float32), np.array([0.0, 0, 1, 0]), np.ones(4), group=np.array([0, 0, 1, 1])
    )
    margin = np.array([[1.0], [0.0], [0.0], [1.0]])
    assert (Ranking().losses(margin, sheet)[:2] == 0.0).all()
    assert (Ranking().gradients(margin, sheet)[0][:2] == 0.0).all()
    nothing = replace(sheet, target=np.zeros(4), kept={})
    assert (Ranking().losses(margin, nothing) == 0.0).all()


def test_rows_without_a_query_are_one_query():
    sheet = replace(sheet_for(Ranking(), 3), group=None)
    margin = away_from_kinks(3)
    found = np.average(Ranking().losses(margin, sheet), weights=sheet.weights)
    assert found == pytest.approx(1.0 - metrics.ndcg(sheet.target, margin[:, 0], k=10).value)


@settings(max_examples=30)
@given(seed=SEEDS, level=st.floats(0.05, 0.95))
def test_the_start_of_a_quantile_is_at_its_level(seed, level):
    sheet = sheet_for(Quantile(level), seed)
    start = Quantile(level).start(sheet)[0]
    below, up_to = (
        float(sheet.weights[each].sum() / sheet.weights.sum()) for each in (sheet.target < start, sheet.target <= start)
    )
    assert below <= level + 1e-9
    assert up_to >= level - 1e-9


def test_a_moved_quantile_covers_what_it_is_to_cover():
    rng = np.random.default_rng(0)
    objective = Quantile(0.9, Calibration(10.0, 100.0))
    sheet = Sheet(np.zeros((500, 1), dtype=np.float32), rng.normal(size=500), np.ones(500))
    margin = np.full((500, 1), -2.0)
    line = objective.covering(margin, sheet)
    covered = (objective.line.line(sheet.target) <= line.line(margin)[:, 0]).mean()
    assert covered == pytest.approx(0.9, abs=0.005)
    assert line.scale == objective.line.scale


def test_a_deviance_is_that_of_scikit_learn():
    from sklearn.metrics import mean_poisson_deviance

    sheet = sheet_for(Poisson(), 1)
    margin = away_from_kinks(1)
    expected = mean_poisson_deviance(sheet.target, np.exp(margin[:, 0]), sample_weight=sheet.weights)
    assert np.average(Poisson().losses(margin, sheet), weights=sheet.weights) == pytest.approx(expected)


@settings(max_examples=20)
@given(seed=SEEDS, sigma=st.floats(0.2, 3.0), unit=st.sampled_from([1.0, 86400.0]))
def test_the_scale_is_the_most_likely_one_in_any_unit_of_time(seed, sigma, unit):
    rng = np.random.default_rng(seed)
    logarithm, watched = 2.0 + sigma * rng.logistic(size=80), 2.0 + sigma * rng.logistic(size=80)
    time, event = np.exp(np.minimum(logarithm, watched)), logarithm <= watched
    weights = rng.uniform(0.5, 2.0, 80)
    found = aft_scale(unit * time, event, weights)
    sheet = Sheet(np.zeros((80, 1), dtype=np.float32), np.log(time), weights, event=event)

    def loss(scale):
        start = np.tile(AFT(scale).start(sheet), (80, 1))
        return float(weights @ AFT(scale).losses(start, sheet))

    assert loss(found) <= min(loss(found * 1.01), loss(found / 1.01))


def test_the_scale_of_many_watched_times_is_the_true_one():
    rng = np.random.default_rng(4)
    time = np.exp(1.0 + 0.6 * rng.logistic(size=4000))
    watched = rng.exponential(8.0, 4000)
    found = aft_scale(np.minimum(time, watched), time <= watched, np.ones(4000))
    assert found == pytest.approx(0.6, rel=0.06)


def test_rows_where_nothing_came_start_late_but_finite():
    sheet = replace(sheet_for(AFT(1.0), 0), event=np.zeros(30, dtype=bool))
    assert sheet.target.max() < AFT(1.0).start(sheet)[0] <= sheet.target.max() + 10.0


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_an_objective_that_learns_numbers(task):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 40).astype(float) if task in ("binary", "multiclass") else rng.poisson(3.0, 40) + 1.0
    objective = objective_of(
        task, classes=("a", "b", "c"), target=target, weights=np.ones(40), event=rng.random(40) < 0.5, settings={}
    )
    assert objective.task == task
    assert objective.outputs == (3 if task == "multiclass" else 1)
    assert np.isfinite(learnt(objective, target)).all()


@pytest.mark.parametrize("task", ["regression", "forecasting", "quantile"])
def test_numbers_are_standardised_and_the_line_brings_them_back(task):
    target, weights = np.array([10.0, 20.0, 60.0]), np.array([1.0, 1.0, 2.0])
    objective = objective_of(task, classes=(), target=target, weights=weights, settings={})
    made = learnt(objective, target)
    assert np.average(made, weights=weights) == pytest.approx(0.0)
    assert np.average(made**2, weights=weights) == pytest.approx(1.0)
    assert objective.answers(objective.line.line(made)[:, None]) == pytest.approx(target)


def test_a_level_comes_from_the_settings():
    asked = {"classes": (), "target": np.arange(5.0), "weights": np.ones(5)}
    assert objective_of("quantile", settings={}, **asked).options == {"level": 0.5}
    assert objective_of("quantile", settings={"quantile": 0.9}, **asked).options == {"level": 0.9}


@pytest.mark.parametrize(
    ("task", "target", "given", "error", "word"),
    [
        ("quantil", [1.0, 2.0], {}, InvalidValue, "did you mean 'quantile'"),
        ("quantile", [1.0, 2.0], {"settings": {"quantile": 1.0}}, InvalidValue, "above 0 and below 1"),
        ("quantile", [1.0, 2.0], {"settings": {"quantile": "high"}}, InvalidValue, "above 0 and below 1"),
        ("quantile", [1.0, 2.0], {"settings": {"quantile": True}}, InvalidValue, "above 0 and below 1"),
        ("regression", [1.0, 2.0], {"settings": {"quantile": 0.5}}, InvalidValue, "quantile of a regression"),
        ("quantile", [3.0, 3.0], {}, UnusableTarget, "constant: 3"),
        ("count", [1.0, -2.0], {}, UnusableTarget, "count of -2"),
        ("count", [2.0, 2.0], {}, UnusableTarget, "constant"),
        ("ranking", [1.0, -1.0], {}, UnusableTarget, "relevance of -1"),
        ("survival", [1.0, 2.0], {}, InvalidValue, "without an event column"),
        ("survival", [1.0, 0.0], {"event": [True, True]}, UnusableTarget, "time of 0"),
        ("survival", [1.0, 2.0], {"event": [False, False]}, UnusableTarget, "no event came"),
        ("survival", [2.0, 2.0], {"event": [True, True]}, UnusableTarget, "constant"),
    ],
)
def test_what_cannot_be_learnt_is_refused(task, target, given, error, word):
    event = np.array(given["event"]) if "event" in given else None
    with pytest.raises(error, match=word):
        objective_of(
            task,
            classes=(),
            target=np.array(target),
            weights=np.ones(len(target)),
            event=event,
            settings=given.get("settings", {}),
        )


def test_a_scale_must_be_positive_and_events_must_be_known():
    with pytest.raises(InvalidValue, match="sigma 0"):
        AFT(0.0)
    with pytest.raises(InvalidValue, match="without an event column"):
        AFT(1.0).losses(np.zeros((30, 1)), replace(sheet_for(AFT(1.0), 0), event=None))


@pytest.mark.parametrize(
    "cells", [[True, False], [1, 0], [1.0, 0.0], ["1", "0"], ["Yes", " no "], ["true", "FALSE"]], ids=str
)
def test_events_are_read_from_booleans_numbers_and_words(cells):
    assert event_flags(pl.Series("came", cells)).tolist() == [True, False]


@pytest.mark.parametrize("cells", [[1, None], [1, 2], [1.0, float("nan")], ["dead", "alive"], [True, None]], ids=str)
def test_what_is_neither_an_event_nor_none_is_refused(cells):
    with pytest.raises(DataError, match="column 'came', row"):
        event_flags(pl.Series("came", cells))
