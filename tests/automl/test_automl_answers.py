"""Links, losses, calibration, and the choice."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.automl._answers import Calibration, answers, better, losses, mean_and_error, platt
from holdfast.automl._portfolio import DEFAULTS, from_point, portfolio, to_point, warm

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


@pytest.mark.parametrize("learners", [("lightgbm",), ("linear", "lightgbm")])
@pytest.mark.parametrize("n", [100, 100_000])
def test_the_portfolio_begins_with_the_defaults_and_has_points_in_the_space(n, learners) -> None:
    made = portfolio(n=n, learners=learners)
    assert len({config.name for config in made}) == len(made)
    assert {config.name for config in made[: len(learners)]} <= set(DEFAULTS)
    assert {config.learner for config in made} == set(learners)
    points = [to_point(config, learners) for config in made if not config.params.get("mix")]
    assert all(from_point(point, index=1, features="plain").learner == point["learner"] for point in points)


@pytest.mark.parametrize(
    "plain", [{}, {"learner": "lightgbm"}, {"learner": "linear", "params": 3}, {"learner": "x", "params": {}}]
)
def test_what_is_no_configuration_is_no_warm_start(plain) -> None:
    assert warm(plain, ("linear", "lightgbm")) == []
    assert warm({"learner": "linear", "params": {}}, ("lightgbm",)) == []


def test_a_warm_start_begins_with_every_member_of_the_last_model() -> None:
    members = [
        {"learner": "lightgbm", "params": {"num_leaves": 7, "odd": [1]}, "rounds": 30},
        {"learner": "linear", "params": {"strength": 0.1}},
    ]
    made = warm({"members": members}, ("linear", "lightgbm"))
    assert [config.learner for config in made] == ["lightgbm", "linear"]
    assert dict(made[0].params) == {"num_leaves": 7}
