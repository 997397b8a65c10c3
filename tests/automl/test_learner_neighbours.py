"""The nearest neighbours: which they are, what they answer, and that the graph finds the same ones."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._answers import Calibration
from holdfast.automl._learners._neighbours_rows import Grid, chosen, nearest, relevance
from holdfast.automl._learners.base import Config, Setup
from holdfast.automl._learners.neighbours import MOST_BYTES, Neighbours, NeighboursFit
from holdfast.automl._objectives import AFT, Binary, Multiclass, Objective, Poisson, Quantile, Ranking, Squared
from holdfast.automl._session import run
from holdfast.automl._sheet import Sheet

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
laws = importlib.import_module("learner_laws")

OBJECTIVES = (Binary(), Multiclass(3), Squared(Calibration()))
NUMBER = Squared(Calibration())


def fit(train: Sheet, objective: Objective, **params: Any) -> NeighboursFit:
    return Neighbours().fit(Config("test", "neighbours", params), train, Setup(objective, seed=1), deadline=laws.far())


def plain(matrix: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None) -> Sheet:
    return Sheet(matrix.astype(np.float32), target, np.ones(len(target)) if weights is None else weights)


@pytest.mark.parametrize("params", [{}, {"weights": "uniform", "k": 7, "scaling": "correlation"}])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_they_keep_the_laws_of_learners(objective: Objective, params: Mapping[str, Any]) -> None:
    fitted = laws.check_learner(Neighbours(), objective, params=params)
    assert fitted.rounds is None
    assert fitted.explained() is None


@pytest.mark.parametrize("objective", [Binary(), NUMBER], ids=lambda each: each.name)
def test_rows_that_weigh_more_are_followed_more(objective: Objective) -> None:
    laws.check_weights(Neighbours(), objective)


@pytest.mark.parametrize("objective", [Poisson(), Quantile(0.5), Ranking(), AFT()], ids=lambda each: each.name)
def test_other_losses_are_refused(objective: Objective) -> None:
    laws.check_refuses(Neighbours(), objective)


def test_monotone_signs_and_too_many_features_are_refused() -> None:
    laws.check_refuses(Neighbours(), Binary(), monotone=(1, 0, 0, 0, 0, 0))
    assert Neighbours().refuses(Setup(Binary()), n=100, width=100_000) is not None
    assert Neighbours().refuses(Setup(Binary(), monotone=(0, 0)), n=100, width=2) is None


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"k": 0}, "k"),
        ({"most_rows": 0}, "most_rows"),
        ({"shrink": 0.0}, "shrink"),
        ({"shrink": float("nan")}, "shrink"),
        ({"weights": "gaussian"}, "gaussian"),
        ({"scaling": "auto"}, "auto"),
        ({"metric": "cosine"}, "metric"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_told(params: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fit(laws.sheet(Binary(), "linear"), Binary(), **params)


def test_the_shares_are_those_of_the_neighbours_and_the_prior() -> None:
    matrix = np.arange(10.0)[:, None]
    target = (np.arange(10) >= 6).astype(np.int64)
    fitted = fit(plain(matrix, target), Binary(), k=3, weights="uniform", scaling="none", shrink=0.5)
    # 5, 6 and 4 are nearest to 5.1: one hit of three; four of ten rows are hits.
    wanted = (1 + 0.5 * 0.4) / (3 + 0.5)
    np.testing.assert_allclose(Binary().answers(fitted.margin(np.array([[5.1]])))[0, 1], wanted, rtol=1e-5)


def test_a_number_is_the_mean_of_the_neighbours_and_of_all() -> None:
    matrix, target = np.arange(10.0)[:, None], np.arange(10.0)
    fitted = fit(plain(matrix, target), NUMBER, k=2, weights="uniform", scaling="none", shrink=1.0)
    np.testing.assert_allclose(fitted.margin(np.array([[8.6]]))[0, 0], (9.0 + 8.0 + 4.5) / 3.0, rtol=1e-5)


def test_the_weight_of_a_neighbour_falls_with_its_distance() -> None:
    matrix = np.linspace(0.0, 1.0, 50)[:, None]
    target = (matrix[:, 0] > 0.5).astype(np.int64)
    answers = [
        Binary().answers(fit(plain(matrix, target), Binary(), k=40, weights=each).margin(np.array([[0.7]])))[0, 1]
        for each in ("uniform", "distance")
    ]
    assert answers[1] > answers[0] + 0.02


def test_a_row_like_no_other_has_the_answer_of_all() -> None:
    rng = np.random.default_rng(0)
    matrix = np.append(rng.normal(size=(200, 1)) * 0.01, [[50.0]], axis=0)
    target = np.append(np.ones(200), 5.0)
    fitted = fit(plain(matrix, target), NUMBER, k=5)
    assert abs(fitted.margin(np.array([[25.0]]))[0, 0] - target.mean()) < 1e-3


def test_of_rows_equally_near_the_first_is_taken_here_and_in_the_graph() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.integers(0, 2, size=(300, 4)).astype(np.float32)
    target = rng.normal(size=300)
    fitted = fit(plain(matrix, target), NUMBER, k=5, weights="uniform", scaling="none", shrink=1e-6)
    same = np.flatnonzero((matrix == matrix[0]).all(axis=1))
    np.testing.assert_allclose(fitted.margin(matrix[:1])[0, 0], target[same[:5]].mean(), rtol=1e-4)
    asked = run(laws.model(fitted, 4), {"x": matrix})[0]
    np.testing.assert_allclose(asked, fitted.margin(matrix), atol=1e-6)


@given(seed=st.integers(0, 2**16), levels=st.integers(1, 40), k=st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_the_graph_finds_the_same_neighbours_however_many_ties_there_are(seed: int, levels: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-levels, levels + 1, size=(120, 7)).astype(np.float32) / 3.0
    target = rng.normal(size=120)
    fitted = fit(plain(matrix, target), NUMBER, k=k, weights="uniform", scaling="none")
    rows = np.concatenate([matrix, rng.normal(size=(50, 7)).astype(np.float32) * levels])
    written = laws.model(fitted, 7)
    wanted = fitted.margin(rows)
    np.testing.assert_allclose(run(written, {"x": rows})[0], wanted, atol=1e-5)
    alone = np.concatenate([run(written, {"x": rows[each : each + 1]})[0] for each in range(0, len(rows), 10)])
    np.testing.assert_allclose(alone, wanted[::10], atol=1e-5)


@given(seed=st.integers(0, 2**16), k=st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_nearest_is_the_start_of_a_full_sort(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(-3, 4, size=(20, 3)).astype(np.float32)
    placed = rng.integers(-3, 4, size=(6, 3)).astype(np.float32)
    distances, which = nearest(placed, points, (points**2).sum(axis=1), k=k)
    whole = ((placed[:, None] - points[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(which, np.argsort(whole, axis=1, kind="stable")[:, :k])
    np.testing.assert_array_equal(distances, np.sort(whole, axis=1)[:, :k])


@pytest.mark.parametrize("width", [1, 10, 400, 4000])
def test_scores_on_the_grid_are_exact_in_32_bits(width: int) -> None:
    rng = np.random.default_rng(width)
    grid = Grid.of(rng.normal(size=(50, width)).astype(np.float32), np.ones(width))
    points = grid.place(np.full((2, width), 1e9))
    assert np.abs(points).max() == grid.most >= 1
    wide = points.astype(np.float64)
    greatest = 2.0 * np.abs(wide @ wide.T).max() + (wide**2).sum(axis=1).max()
    assert greatest <= 2**24


def test_many_features_leave_room_for_fewer_rows() -> None:
    rng = np.random.default_rng(0)
    sheet = plain(rng.normal(size=(900, 2000)), rng.integers(0, 2, size=900))
    fitted = fit(sheet, Binary(), scaling="none")
    assert fitted.points.dtype == np.int8
    assert 500 <= len(fitted.points) < 900
    assert len(laws.model(fitted, 2000)) <= 1.1 * MOST_BYTES
    laws.check_size(fitted, width=2000)


def test_rows_are_capped_each_class_in_its_proportion() -> None:
    rng = np.random.default_rng(0)
    target = np.concatenate([np.zeros(800), np.ones(190), np.full(9, 2), [3]]).astype(np.int64)
    sheet = plain(rng.normal(size=(1000, 3)), rng.permutation(target))
    kept = chosen(sheet.target, classes=True, most=100, seed=0)
    counts = np.bincount(sheet.target[kept], minlength=4)
    assert 79 <= counts[0] <= 81
    assert 18 <= counts[1] <= 20
    assert counts[2] >= 1
    assert counts[3] == 1
    assert (np.diff(kept) > 0).all()
    assert len(fit(sheet, Multiclass(4), most_rows=100).points) <= 102


def test_numbers_are_capped_evenly_over_their_range() -> None:
    target = np.random.default_rng(0).normal(size=5000)
    kept = chosen(target, classes=False, most=500, seed=3)
    assert len(kept) == len(set(kept.tolist())) == 500
    np.testing.assert_allclose(
        np.quantile(target[kept], [0.1, 0.5, 0.9]), np.quantile(target, [0.1, 0.5, 0.9]), atol=0.02
    )
    assert not np.array_equal(kept, chosen(target, classes=False, most=500, seed=4))


@pytest.mark.parametrize("how", ["correlation", "information"])
@pytest.mark.parametrize("classes", [False, True])
def test_a_feature_that_says_nothing_counts_for_little(how: str, *, classes: bool) -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.normal(size=(2000, 2)), np.full(2000, 3.0)])
    target = (matrix[:, 0] > 0).astype(np.int64) if classes else matrix[:, 0] + rng.normal(size=2000)
    scale = relevance(matrix, target, np.ones(2000), how=how, classes=classes)
    assert scale[0] == 1.0
    assert scale[1] < 0.15
    assert scale[2] == 0.0


def test_where_no_feature_says_anything_all_count_alike() -> None:
    matrix = np.full((30, 3), 2.0)
    for how in ("correlation", "information"):
        told = relevance(matrix, np.arange(30.0), np.ones(30), how=how, classes=False)
        np.testing.assert_array_equal(told, np.ones(3))
    fitted = fit(plain(matrix, np.arange(30.0)), NUMBER)
    assert np.isfinite(fitted.margin(matrix)).all()


def test_one_row_is_its_own_answer() -> None:
    fitted = fit(plain(np.ones((1, 2)), np.array([2.5])), NUMBER)
    np.testing.assert_allclose(fitted.margin(np.zeros((3, 2))), 2.5, rtol=1e-6)


def test_no_rows_have_no_answers() -> None:
    fitted = fit(laws.sheet(Multiclass(3), "linear"), Multiclass(3))
    assert fitted.margin(np.zeros((0, 6), np.float32)).shape == (0, 3)


def test_real_credit_is_better_than_a_constant(real: Callable[[str], pl.DataFrame]) -> None:
    table = real("german_credit/german_credit.parquet").sample(1000, shuffle=True, seed=0)
    matrix = table.select(pl.selectors.numeric().exclude("bad")).to_numpy().astype(np.float64)
    checking = table["checking_status"].to_dummies().to_numpy()
    matrix = np.column_stack([(matrix - matrix.mean(axis=0)) / matrix.std(axis=0), checking])
    sheet = plain(matrix, table["bad"].cast(pl.Int64).to_numpy())
    train, held = sheet.take(np.arange(700)), sheet.take(np.arange(700, 1000))
    lost = Binary().losses(fit(train, Binary()).margin(held.matrix), held).mean()
    assert lost < Binary().losses(np.tile(Binary().start(train), (held.n, 1)), held).mean() - 0.02
