"""Links, losses, calibration, and the choice."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.automl._answers import Calibration, answers, better, losses, mean_and_error, platt
from holdfast.automl._choice import ranked
from holdfast.automl._learners import Config, fit_linear
from holdfast.automl._portfolio import from_point, portfolio, to_point, warm
from holdfast.automl._trial import Trial

ONES = np.ones(400)


def test_probabilities_sum_to_one_however_large_the_margin() -> None:
    two = answers(np.array([[-800.0], [0.0], [800.0]]), "binary", Calibration())
    np.testing.assert_allclose(two, [[1, 0], [0.5, 0.5], [0, 1]])
    many = answers(np.array([[900.0, 0.0, -900.0]]), "multiclass", Calibration())
    np.testing.assert_allclose(many, [[1, 0, 0]])


def test_losses_are_those_of_the_textbook() -> None:
    margin, target = np.array([[0.3], [-1.0]]), np.array([1, 1])
    probabilities = answers(margin, "binary", Calibration())[:, 1]
    np.testing.assert_allclose(losses(margin, target, "binary"), -np.log(probabilities))
    np.testing.assert_allclose(losses(np.array([[0.0, np.log(3.0)]]), np.array([1]), "multiclass"), [-np.log(0.75)])
    np.testing.assert_allclose(losses(np.array([[2.0]]), np.array([5.0]), "regression"), [9.0])


def test_an_overconfident_margin_is_calibrated_and_a_good_one_left_alone() -> None:
    rng = np.random.default_rng(0)
    margin = rng.normal(size=(400, 1)) * 2
    target = (rng.random(400) < 1 / (1 + np.exp(-margin[:, 0]))).astype(int)
    assert platt(margin, target, ONES, "binary").none
    found = platt(4.0 * margin + 3.0, target, ONES, "binary")
    assert found.scale == pytest.approx(0.25, rel=0.3)
    assert found.offset == pytest.approx(-0.75, rel=0.4)


def test_several_classes_have_one_temperature() -> None:
    rng = np.random.default_rng(0)
    margin = rng.normal(size=(400, 3))
    raised = np.exp(margin)
    target = (rng.random(400)[:, None] > (raised / raised.sum(1, keepdims=True)).cumsum(1)).sum(1)
    found = platt(5.0 * margin, target, ONES, "multiclass")
    assert found.scale == pytest.approx(0.2, rel=0.4)
    assert found.offset == 0.0


def test_a_gain_within_noise_is_none() -> None:
    noise = np.random.default_rng(0).normal(size=400)
    assert better(noise + 1.0, ONES)
    assert not better(noise - noise.mean(), ONES)
    assert mean_and_error(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == (2.0, pytest.approx(np.sqrt(0.5)))


def trial(name: str, rows: np.ndarray) -> Trial:
    return Trial(Config(name, "linear"), "done", float(rows.mean()), 0.0, rows=rows, margin=rows.reshape(-1, 1))


def test_the_default_is_kept_when_the_gain_is_noise() -> None:
    rows = np.random.default_rng(0).normal(1.0, 0.1, size=400)
    noise = np.random.default_rng(1).normal(0.0, 0.5, size=400)
    default, near, far = (
        trial("linear default", rows),
        trial("a", rows + noise - noise.mean() - 0.001),
        trial("b", rows - 0.5),
    )
    order, reason = ranked([default, near], ONES)
    assert order[0] is default
    assert "within noise" in reason
    order, reason = ranked([default, near, far], ONES)
    assert order[0] is far
    assert "one standard error" in reason


def test_nothing_finished_is_nothing_to_choose_from() -> None:
    assert ranked([Trial(Config("a", "linear"), "cut")], ONES)[0] == []


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("n", [100, 100_000])
def test_the_portfolio_begins_with_the_defaults_and_has_points_in_the_space(n, linear) -> None:
    made = portfolio(n=n, linear=linear)
    assert len({config.name for config in made}) == len(made)
    assert made[int(linear)].name == "lightgbm default"
    assert all(config.learner == "lightgbm" for config in made) is not linear
    points = [to_point(config, linear=linear) for config in made if not config.params.get("mix")]
    assert all(from_point(point, index=1).learner == point.get("learner", "lightgbm") for point in points)


@pytest.mark.parametrize(
    "plain", [{}, {"learner": "lightgbm"}, {"learner": "linear", "params": 3}, {"learner": "x", "params": {}}]
)
def test_what_is_no_configuration_is_no_warm_start(plain) -> None:
    assert warm(plain, linear=True) is None
    assert warm({"learner": "linear", "params": {}}, linear=False) is None


def test_a_warm_start_keeps_only_known_parameters_of_the_right_type() -> None:
    made = warm({"learner": "lightgbm", "params": {"num_leaves": 7.0, "objective": "x", "lambda_l2": "y"}}, linear=True)
    assert made.params["num_leaves"] == 7
    assert "objective" not in made.params
    assert made.params["lambda_l2"] == 0.0


@pytest.mark.parametrize("mix", [0.0, 0.5])
def test_linear_fits_find_the_slope(mix) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(400, 2)).astype(np.float32)
    target = 3.0 * matrix[:, 0] + 1.0
    config = Config("x", "linear", {"strength": 1e-4, "mix": mix})
    made = fit_linear(config, matrix, target, ONES, task="regression", outputs=1, seed=0)
    np.testing.assert_allclose(made.coefficients, [[3.0, 0.0]], atol=0.01)
    np.testing.assert_allclose(made.intercept, [1.0], atol=0.01)


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 2]])
def test_a_class_without_rows_has_a_low_margin(present) -> None:
    rng = np.random.default_rng(0)
    target = rng.choice(present, size=400)
    matrix = (target[:, None] == np.arange(3)).astype(np.float32) + 0.1 * rng.normal(size=(400, 3)).astype(np.float32)
    config = Config("x", "linear", {"strength": 1e-3})
    made = fit_linear(config, matrix, target, ONES, task="multiclass", outputs=3, seed=0)
    assert (made.margin(matrix).argmax(axis=1) == target).all()
