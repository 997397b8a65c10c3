"""Which columns a model uses, and which are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.automl._selection import Importance, importances, select, sparsest, steps
from holdfast.core.errors import InvalidValue

N = 600


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, np.ndarray]:
    """Three columns; the target is twice the first and the second."""
    matrix = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
    return matrix, 2.0 * matrix[:, 0] + matrix[:, 1]


def weigh(matrix, target, *, sources=("a", "b", "c"), predict=None, **given):
    folds = np.array_split(np.arange(len(matrix)), 5)
    model = predict or (lambda rows: (2.0 * rows[:, 0] + rows[:, 1]).reshape(-1, 1))
    defaults = {"held": folds, "predicts": [model] * len(folds), "weights": np.ones(len(matrix))}
    return importances(
        matrix,
        list(sources),
        losses=lambda margin, rows: (margin[:, 0] - target[rows]) ** 2,
        rng=np.random.default_rng(1),
        **{**defaults, **given},
    )


def test_the_rise_of_the_loss_is_twice_the_variance_that_a_column_brings(world) -> None:
    found = {each.column: each for each in weigh(*world)}
    assert found["a"].mean == pytest.approx(8.0, rel=0.15)
    assert found["b"].mean == pytest.approx(2.0, rel=0.15)
    assert found["a"].low < 8.0 < found["a"].high
    assert (found["c"].mean, found["c"].low, found["c"].high, found["c"].stability) == (0.0, 0.0, 0.0, 0.0)
    assert found["a"].stability == 1.0


def test_the_greatest_comes_first_and_the_matrix_is_as_it_was(world) -> None:
    matrix = world[0].copy()
    assert [each.column for each in weigh(matrix, world[1])] == ["a", "b", "c"]
    np.testing.assert_array_equal(matrix, world[0])


def test_features_of_one_column_are_dealt_out_together(world) -> None:
    (only, other) = weigh(*world, sources=("x", "x", "y"))
    assert (only.column, other.column) == ("x", "y")
    assert only.mean == pytest.approx(10.0, rel=0.15)


def test_a_feature_of_two_columns_is_with_each_of_them(world) -> None:
    found = {each.column: each.mean for each in weigh(*world, sources=("a", ("a", "b"), "c"))}
    assert found["a"] == pytest.approx(10.0, rel=0.15)
    assert found["b"] == pytest.approx(2.0, rel=0.15)


def test_rows_count_by_their_weight(world) -> None:
    matrix, target = world[0].copy(), world[1]
    matrix[::2] = 0.0
    heavy = np.where(np.arange(N) % 2, 1.0, 1e-9)
    wild = {each.column: each for each in weigh(matrix, target, weights=heavy)}
    assert wild["c"].mean == 0.0
    assert wild["a"].mean > 0.0


def test_the_same_seed_gives_the_same_importances(world) -> None:
    assert weigh(*world) == weigh(*world)


def test_few_rows_of_large_folds_are_looked_at(world) -> None:
    seen = []

    def model(rows):
        seen.append(len(rows))
        return rows[:, :1]

    weigh(*world, predict=model, most_rows=50)
    assert set(seen) == {50}


def test_time_that_is_over_ends_it_after_a_fold(world) -> None:
    found = weigh(*world, repeats=4, passed=lambda: True)
    assert found[0].rounds == 4
    assert found[0].low < found[0].mean < found[0].high


def test_what_helps_is_kept_with_a_reason_and_noise_is_not() -> None:
    noise = Importance("n", 0.001, -0.02, 0.02, 0.4, 15)
    found = select([Importance("a", 1.0, 0.5, 1.5, 1.0, 15), noise, Importance("u", 0.0, 0.0, 0.0, 0.0, 15)])
    assert found.kept == ("a",)
    assert found.dropped == ("n", "u")
    assert "in 100% of 15 rounds, by 1" in found.reasons["a"]
    assert "in 40% of 15 rounds only" in found.reasons["n"]
    assert found.reasons["u"] == "the model never looks at it"


def test_one_column_is_always_kept() -> None:
    harm = [Importance("a", -0.1, -0.2, 0.1, 0.2, 5), Importance("b", -0.3, -0.4, 0.1, 0.0, 5)]
    assert select(harm).kept == ("a",)
    assert sparsest(harm, 3).kept == ("a",)


def test_a_sparsity_promise_keeps_the_most_important_and_says_so() -> None:
    many = [Importance(f"x{each}", 10.0 - each, 0.0, 11.0, 1.0, 5) for each in range(6)]
    found = sparsest(many, 2)
    assert found.kept == ("x0", "x1")
    assert found.reasons["x2"] == "number 3 by importance; at most 2 columns were promised"
    assert set(found.reasons) == {each.column for each in many}


@given(st.integers(1, 3000), st.integers(1, 60))
def test_steps_fall_to_the_promise_and_no_further(count, most) -> None:
    made = steps(count, most)
    assert list(made) == sorted(set(made), reverse=True)
    assert all(most <= each < count for each in made)
    assert count <= most or made[-1] == most
    assert len(made) <= 22


def test_shapes_that_do_not_fit_are_refused(world) -> None:
    with pytest.raises(InvalidValue, match="2 sources"):
        weigh(*world, sources=("a", "b"))
    with pytest.raises(InvalidValue, match="5 folds, 0 models"):
        weigh(*world, predicts=[])
    with pytest.raises(InvalidValue, match="0 repeats"):
        weigh(*world, repeats=0)
    with pytest.raises(InvalidValue, match="0 importances"):
        select([])
    with pytest.raises(InvalidValue, match="least 2"):
        select([Importance("a", 1.0, 1.0, 1.0, 1.0, 1)], least=2)
    for call in (lambda: sparsest([Importance("a", 1.0, 1.0, 1.0, 1.0, 1)], 0), lambda: steps(3, 0)):
        with pytest.raises(InvalidValue, match="at most 0"):
            call()
