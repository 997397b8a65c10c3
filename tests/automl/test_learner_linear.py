"""The linear learner: every objective, against what is known of its optimum."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._answers import Calibration
from holdfast.automl._budget import Deadline
from holdfast.automl._learners import _linear_rows
from holdfast.automl._learners._linear_rows import Rows
from holdfast.automl._learners.base import Config, Setup
from holdfast.automl._learners.linear import Linear, LinearFit
from holdfast.automl._objectives import AFT, Binary, Multiclass, Objective, Poisson, Quantile, Ranking, Squared
from holdfast.automl._sheet import Sheet

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
laws = importlib.import_module("learner_laws")

OBJECTIVES = (
    Binary(),
    Multiclass(3),
    Squared(Calibration()),
    Quantile(0.2),
    Poisson(),
    Ranking(),
    AFT(0.5),
)


def fit(train: Sheet, objective: Objective, *, deadline: Deadline | None = None, **given: Any) -> LinearFit:
    monotone = given.pop("monotone", None)
    setup = Setup(objective, monotone=monotone)
    return Linear().fit(Config("test", "linear", given), train, setup, deadline=deadline or laws.far())


def plain(matrix: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None) -> Sheet:
    return Sheet(matrix.astype(np.float32), target, np.ones(len(target)) if weights is None else weights)


def mean_loss(fitted: LinearFit, objective: Objective, sheet: Sheet) -> float:
    return float(np.average(objective.losses(fitted.margin(sheet.matrix), sheet), weights=sheet.weights))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_it_keeps_the_laws_of_learners(objective: Objective) -> None:
    fitted = laws.check_learner(Linear(), objective)
    assert fitted.rounds is None


@pytest.mark.parametrize("objective", OBJECTIVES[:3], ids=lambda each: each.name)
def test_it_keeps_the_laws_with_an_absolute_penalty(objective: Objective) -> None:
    fitted = laws.check_learner(Linear(), objective, params={"strength": 0.05, "mix": 0.7})
    assert isinstance(fitted, LinearFit)
    assert (np.abs(fitted.coefficients) == 0.0).any()


@pytest.mark.parametrize("objective", [Binary(), Squared(Calibration()), AFT(0.5)], ids=lambda each: each.name)
def test_rows_that_weigh_more_are_followed_more(objective: Objective) -> None:
    laws.check_weights(Linear(), objective)


def test_a_weight_of_two_is_a_row_that_stands_twice() -> None:
    sheet = laws.sheet(Binary(), "linear")
    weights = np.where(np.arange(sheet.n) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(sheet.n), weights.astype(int))
    one = fit(plain(sheet.matrix, sheet.target, weights), Binary())
    other = fit(plain(sheet.matrix[twice], sheet.target[twice]), Binary())
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_classes_have_the_optimum_of_scikit_learn(strength: float, classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    objective = Binary() if classes == 2 else Multiclass(3)
    sheet = laws.sheet(objective, "linear")
    known = LogisticRegression(C=1.0 / (strength * sheet.n), tol=1e-8, max_iter=1000)
    known.fit(sheet.matrix.astype(float), sheet.target, sample_weight=sheet.weights / sheet.weights.mean())
    wanted = known.decision_function(sheet.matrix.astype(float)).reshape(sheet.n, -1)
    found = fit(sheet, objective, strength=strength).margin(sheet.matrix)
    np.testing.assert_allclose(objective.answers(found), objective.answers(wanted), atol=2e-3)


@pytest.mark.parametrize("strength", [1e-6, 1e-2, 1.0])
def test_numbers_have_the_closed_form_of_ridge(strength: float) -> None:
    sheet = laws.sheet(Squared(Calibration()), "linear")
    share = sheet.weights / sheet.weights.sum()
    matrix = sheet.matrix.astype(float) - share @ sheet.matrix
    gram = (matrix * share[:, None]).T @ matrix + strength * np.eye(sheet.width)
    wanted = np.linalg.solve(gram, (matrix * share[:, None]).T @ (sheet.target - share @ sheet.target))
    found = fit(sheet, Squared(Calibration()), strength=strength)
    np.testing.assert_allclose(found.coefficients[0], wanted, rtol=1e-4, atol=1e-6)


def test_numbers_have_the_elastic_net_of_scikit_learn() -> None:
    from sklearn.linear_model import ElasticNet

    sheet = laws.sheet(Squared(Calibration()), "linear")
    known = ElasticNet(alpha=0.1, l1_ratio=0.6, tol=1e-8, max_iter=10_000)
    known.fit(sheet.matrix.astype(float), sheet.target, sample_weight=sheet.weights)
    found = fit(sheet, Squared(Calibration()), strength=0.1, mix=0.6)
    np.testing.assert_allclose(found.coefficients[0], known.coef_, atol=1e-3)
    np.testing.assert_array_equal(found.coefficients[0] == 0.0, known.coef_ == 0.0)


def test_counts_have_the_optimum_of_scikit_learn() -> None:
    from sklearn.linear_model import PoissonRegressor

    sheet = laws.sheet(Poisson(), "linear")
    known = PoissonRegressor(alpha=0.01, tol=1e-8, max_iter=1000)
    known.fit(sheet.matrix.astype(float), sheet.target, sample_weight=sheet.weights)
    found = fit(sheet, Poisson(), strength=0.01)
    np.testing.assert_allclose(found.coefficients[0], known.coef_, atol=1e-3)
    np.testing.assert_allclose(found.intercept, known.intercept_, atol=1e-3)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_a_quantile_is_as_good_as_that_of_linear_programming(level: float) -> None:
    from sklearn.linear_model import QuantileRegressor

    objective = Quantile(level)
    sheet = laws.sheet(objective, "linear")
    known = QuantileRegressor(quantile=level, alpha=0.0).fit(sheet.matrix, sheet.target, sample_weight=sheet.weights)
    error = sheet.target - known.predict(sheet.matrix)
    least = np.average(np.maximum(level * error, (level - 1.0) * error), weights=sheet.weights)
    found = fit(sheet, objective, strength=0.0)
    assert mean_loss(found, objective, sheet) <= 1.01 * least
    below = np.average(sheet.target <= found.margin(sheet.matrix)[:, 0], weights=sheet.weights)
    assert abs(below - level) <= 0.02


def test_a_ranking_orders_the_rows_of_a_query() -> None:
    objective = Ranking()
    train, held = (laws.sheet(objective, "linear", n=n, seed=seed) for n, seed in ((480, 0), (240, 1)))
    assert mean_loss(fit(train, objective), objective, held) < 0.2


def test_an_empty_feature_and_two_that_are_one_do_no_harm() -> None:
    sheet = laws.sheet(Binary(), "linear")
    wide = np.column_stack([sheet.matrix, sheet.matrix[:, 0], np.zeros(sheet.n), np.full(sheet.n, 7.0)])
    found = fit(plain(wide, sheet.target, sheet.weights), Binary(), strength=0.0)
    assert np.isfinite(found.coefficients).all()
    without = fit(sheet, Binary(), strength=0.0)
    np.testing.assert_allclose(found.margin(wide), without.margin(sheet.matrix), atol=1e-3)


def test_classes_that_a_line_parts_have_finite_coefficients() -> None:
    matrix = np.linspace(-1.0, 1.0, 40)[:, None]
    found = fit(plain(matrix, (matrix[:, 0] > 0).astype(np.int64)), Binary(), strength=0.0)
    assert np.isfinite(found.margin(matrix)).all()
    assert (Binary().answers(found.margin(matrix)).argmax(axis=1) == (matrix[:, 0] > 0)).all()


def test_one_class_alone_is_answered() -> None:
    found = fit(plain(np.eye(5), np.ones(5, dtype=np.int64)), Binary())
    assert (Binary().answers(found.margin(np.eye(5)))[:, 1] > 0.99).all()


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    "objective", [Binary(), Squared(Calibration()), Quantile(0.7), Poisson()], ids=lambda each: each.name
)
def test_a_promised_sign_is_kept(objective: Objective, sign: int) -> None:
    laws.check_monotone(Linear(), objective, sign)


@pytest.mark.parametrize("mix", [0.0, 0.5])
def test_a_sign_against_the_rows_leaves_the_feature_out(mix: float) -> None:
    sheet = laws.sheet(Binary(), "linear")
    found = fit(sheet, Binary(), mix=mix, monotone=(-1, 0, 0, 0, 0, 0))
    assert found.coefficients[0, 0] == 0.0
    assert found.coefficients[0, 1] > 0.1


def test_signs_for_several_classes_are_refused() -> None:
    laws.check_refuses(Linear(), Multiclass(3), monotone=(1, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"strength": -1.0}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"mix": 1.5}, "mix"),
        ({"alpha": 1.0}, "alpha"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_told(params: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fit(laws.sheet(Binary(), "linear"), Binary(), **params)


def test_a_late_fit_is_the_constant_and_a_cut_one_is_on_the_way() -> None:
    sheet = laws.sheet(Multiclass(3), "linear")
    objective = Multiclass(3)
    late = fit(sheet, objective, deadline=laws.past())
    np.testing.assert_allclose(late.margin(sheet.matrix), np.tile(objective.start(sheet), (sheet.n, 1)), atol=1e-6)
    cut = fit(sheet, objective, deadline=Deadline(laws.Ticks(), 8.0))
    assert mean_loss(fit(sheet, objective), objective, sheet) < mean_loss(cut, objective, sheet)
    assert mean_loss(cut, objective, sheet) < mean_loss(late, objective, sheet)


def test_contributions_add_up_to_the_margin() -> None:
    sheet = laws.sheet(Multiclass(3), "linear")
    found = fit(sheet, Multiclass(3))
    told = found.explained()
    assert told is not None
    assert told.plain["kind"] == "linear"
    coefficients, means = np.array(told.plain["coefficients"]), np.array(told.plain["means"])
    np.testing.assert_allclose(means, np.average(sheet.matrix, axis=0, weights=sheet.weights), atol=1e-6)
    parts = (sheet.matrix - means)[:, :, None] * coefficients.T[None]
    base = np.array(told.plain["intercept"]) + coefficients @ means
    np.testing.assert_allclose(parts.sum(axis=1) + base, found.margin(sheet.matrix), atol=1e-6)


def words(n: int = 400, width: int = 700) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    found = (rng.random((n, width)) < 2.0 / np.arange(2, width + 2)).astype(np.float32)
    signal = found @ rng.normal(size=width)
    return found, (signal > np.median(signal)).astype(np.int64)


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("mix", [0.0, 0.5])
def test_words_are_kept_thin_and_answered_as_the_full_matrix(
    standard: bool, mix: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix, target = words()
    matrix = (matrix - matrix.mean(axis=0)) / 0.3 if standard else matrix
    assert Rows.of(matrix).thin
    thin = fit(plain(matrix, target), Binary(), mix=mix, strength=0.01)
    monkeypatch.setattr(_linear_rows, "LEAST_THIN", 10**12)
    assert not Rows.of(matrix).thin
    full = fit(plain(matrix, target), Binary(), mix=mix, strength=0.01)
    answers = [Binary().answers(each.margin(matrix)) for each in (thin, full)]
    np.testing.assert_allclose(*answers, atol=2e-3)


def test_a_large_matrix_is_not_copied_to_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = laws.sheet(Multiclass(3), "linear")
    wide = fit(sheet, Multiclass(3))
    monkeypatch.setattr(_linear_rows, "MOST_WIDE", 10)
    assert Rows.of(sheet.matrix).matrix is sheet.matrix
    narrow = fit(sheet, Multiclass(3))
    answers = [Multiclass(3).answers(each.margin(sheet.matrix)) for each in (wide, narrow)]
    np.testing.assert_allclose(*answers, atol=1e-3)


@given(seed=st.integers(0, 2**16), thin=st.booleans())
@settings(max_examples=25, deadline=None)
def test_rows_multiply_as_the_matrix_does(seed: int, thin: bool) -> None:
    rng = np.random.default_rng(seed)
    matrix = (np.where(rng.random((9, 4)) < 0.2, rng.normal(size=(9, 4)), 0.0) - 0.25).astype(np.float32)
    rows = Rows.of(matrix)
    if thin:
        differs = matrix != np.float32(-0.25)
        rows = Rows(_linear_rows._sparse(matrix, differs, np.full(4, -0.25)), np.full(4, -0.25))
    coefficients, slopes = rng.normal(size=(2, 4)), rng.normal(size=(9, 2))
    np.testing.assert_allclose(rows.times(coefficients), matrix.astype(float) @ coefficients.T, atol=1e-6)
    np.testing.assert_allclose(rows.pulled(slopes), slopes.T @ matrix.astype(float), atol=1e-6)


def test_more_strength_never_makes_coefficients_larger() -> None:
    sheet = laws.sheet(Binary(), "linear")
    sizes = [float((fit(sheet, Binary(), strength=each).coefficients ** 2).sum()) for each in (1e-4, 1e-2, 1e-1, 1.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_real_counts_of_hired_bicycles_are_better_than_a_constant(real: Callable[[str], pl.DataFrame]) -> None:
    table = real("bike_sharing/hour.parquet").sample(2000, seed=0)
    matrix = table.select("temp", "hum", "windspeed", "weathersit", "yr").to_numpy().astype(np.float64)
    matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    sheet = plain(matrix, table["cnt"].to_numpy().astype(np.float64))
    train, held = sheet.take(np.arange(1400)), sheet.take(np.arange(1400, 2000))
    constant = Poisson().losses(np.tile(Poisson().start(train), (held.n, 1)), held).mean()
    assert mean_loss(fit(train, Poisson()), Poisson(), held) < 0.8 * constant


def test_a_fit_of_many_rows_ends_soon_after_its_deadline() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(20_000, 60)).astype(np.float32)
    sheet = plain(matrix, rng.integers(0, 8, size=20_000))
    began = time.monotonic()
    fit(sheet, Multiclass(8), strength=1e-6, deadline=Deadline(time.monotonic, began))
    late = time.monotonic() - began
    whole_begun = time.monotonic()
    fit(sheet, Multiclass(8), strength=1e-6)
    assert late < time.monotonic() - whole_begun
