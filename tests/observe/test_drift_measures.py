from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, NotMeasurable
from holdfast.core.subjects import Scored, Window
from holdfast.observe.measures.js import js
from holdfast.observe.measures.ks import ks
from holdfast.observe.measures.missing_rate_shift import missing_rate_shift
from holdfast.observe.measures.prediction_drift import prediction_drift
from holdfast.observe.measures.psi import psi
from holdfast.observe.measures.unseen_categories import unseen_categories
from holdfast.observe.measures.wasserstein import wasserstein

COLUMN_MEASURES: list[Any] = [psi, js, ks, wasserstein, missing_rate_shift, unseen_categories]


def window(before: list[Any], after: list[Any]) -> Window:
    return Window(pl.DataFrame({"x": before}), pl.DataFrame({"x": after}))


@pytest.mark.parametrize("compute", [psi, js, ks, wasserstein])
@pytest.mark.parametrize("column", ["x", "site"])
def test_what_moved_is_told_from_what_did_not(
    compute: Any, column: str, world: tuple[Window, np.ndarray], still: Window
) -> None:
    moved, same = compute(world[0], column), compute(still, column)
    assert moved.value > 2 * same.value
    assert moved.low <= moved.value <= moved.high
    assert moved.low > same.value
    assert moved.n == 6000


@pytest.mark.parametrize("compute", COLUMN_MEASURES)
def test_a_star_stands_for_the_column_that_moved_most(compute: Any, world: tuple[Window, np.ndarray]) -> None:
    each = {name: compute(world[0], name).value for name in ("x", "site")}
    worst = compute(world[0], "*")
    assert worst.value == max(each.values())
    assert each[worst.notes["column"]] == worst.value
    assert worst.method.endswith("Bonferroni over 2 columns")


@pytest.mark.parametrize("compute", COLUMN_MEASURES)
def test_the_same_generator_gives_the_same_evidence(compute: Any, world: tuple[Window, np.ndarray]) -> None:
    assert compute(world[0], "x") == compute(world[0], "x")


@pytest.mark.parametrize("compute", [psi, js, ks, wasserstein])
def test_more_confidence_makes_a_wider_interval_beyond_any_number_of_draws(
    compute: Any, world: tuple[Window, np.ndarray]
) -> None:
    ends = [compute(world[0], "x", confidence=sure) for sure in (0.9, 0.95, 0.999, 0.999999)]
    assert all(later.low <= sooner.low for sooner, later in itertools.pairwise(ends))
    assert all(later.high >= sooner.high for sooner, later in itertools.pairwise(ends))


def test_psi_is_the_formula_on_the_bins() -> None:
    # Two categories, 60/40 against 40/60: (0.6 - 0.4) ln(0.6 / 0.4) * 2, but for half a row added to each bin.
    found = psi(window(["a"] * 6000 + ["b"] * 4000, ["a"] * 4000 + ["b"] * 6000), "x")
    assert found.value == pytest.approx(2 * 0.2 * np.log(1.5), abs=1e-3)


def test_ks_of_categories_is_total_variation() -> None:
    found = ks(window(["a"] * 60 + ["b"] * 40, ["a"] * 40 + ["b"] * 30 + ["c"] * 30), "x")
    assert found.value == pytest.approx(0.3)
    assert found.method == "Bretagnolle-Huber-Carol"
    assert wasserstein(window(["a"] * 60 + ["b"] * 40, ["a"] * 40 + ["b"] * 60), "x").value == pytest.approx(0.2)


def test_wasserstein_is_in_standard_deviations_of_the_reference() -> None:
    before = np.random.default_rng(1).normal(10.0, 4.0, 4000)
    found = wasserstein(window(before.tolist(), (before + 2.0).tolist()), "x")
    assert found.value == pytest.approx(2.0 / before.std(), rel=1e-3)


def test_a_constant_column_that_kept_its_value_has_not_moved() -> None:
    assert wasserstein(window([7.0] * 50, [7.0] * 40), "x").value == 0.0
    with pytest.raises(NotMeasurable):
        wasserstein(window([7.0] * 50, [8.0] * 40), "x")


def test_more_that_is_missing_is_a_shift_of_its_own() -> None:
    found = missing_rate_shift(window([1.0, 2.0, None, 4.0] * 100, [1.0, float("nan"), None, 4.0] * 100), "x")
    assert found.value == pytest.approx(0.25)
    assert found.low > 0.15
    less = missing_rate_shift(window([None, None, 1.0, 2.0] * 100, [1.0] * 400), "x")
    assert less.value == pytest.approx(0.5)
    assert less.low <= 0.5 <= less.high


def test_categories_that_were_never_seen_are_counted() -> None:
    found = unseen_categories(window(["a", "b", None], ["a", "c", "d", None]), "x")
    assert found.value == pytest.approx(2 / 3)
    assert found.notes["unseen"] == 2
    assert unseen_categories(window([1.0], [2.0]), "x").value == 0.0


def test_prediction_drift_needs_no_labels(world: tuple[Window, np.ndarray]) -> None:
    moved = prediction_drift(world[0])
    assert moved.low > 0.05
    scored = world[0].reference_scored
    assert scored is not None
    same = prediction_drift(replace(world[0], current_score=scored.score))
    assert same.value < 0.01


def test_prediction_drift_of_several_classes_and_of_numbers() -> None:
    rng = np.random.default_rng(3)
    rows = pl.DataFrame({"x": np.zeros(900)})
    score = rng.dirichlet([5.0, 5.0, 5.0], 900)
    names = np.array(["a", "b", "c"], dtype=object)[score.argmax(axis=1)]
    many = Scored("multiclass", names, score, rows, decision=names, classes=("a", "b", "c"))
    tilted = rng.dirichlet([9.0, 5.0, 1.0], 900)
    assert prediction_drift(Window(rows, rows, many, tilted)).value > 0.2
    numbers = Scored("regression", np.zeros(900), rng.normal(size=900), rows)
    assert prediction_drift(Window(rows, rows, numbers, rng.normal(1.0, 1.0, 900))).value > 0.2


@pytest.mark.parametrize("compute", COLUMN_MEASURES)
def test_a_column_that_is_not_there_is_said_with_the_nearest(compute: Any, world: tuple[Window, np.ndarray]) -> None:
    with pytest.raises(ColumnNotFound, match=r"no column 'sitee' in the reference rows.*'site'"):
        compute(world[0], "sitee")
    with pytest.raises(ColumnNotFound, match="in the current rows"):
        compute(replace(world[0], current=world[0].current.drop("x")), "x")


@pytest.mark.parametrize("compute", COLUMN_MEASURES)
def test_an_empty_window_is_unproven(compute: Any, world: tuple[Window, np.ndarray]) -> None:
    with pytest.raises(NotMeasurable, match="no current rows"):
        compute(replace(world[0], current=world[0].current.clear()), "x")
    with pytest.raises(NotMeasurable):
        compute(Window(pl.DataFrame(), pl.DataFrame()), "*")


@pytest.mark.parametrize("compute", [psi, js, ks, wasserstein])
def test_columns_without_values_are_unproven(compute: Any) -> None:
    with pytest.raises(NotMeasurable):
        compute(Window(pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64}), pl.DataFrame({"x": [1.0]})), "x")


@pytest.mark.parametrize("compute", [ks, wasserstein, unseen_categories])
def test_a_window_without_values_is_unproven(compute: Any) -> None:
    gone = pl.DataFrame({"x": [None, None]}, schema={"x": pl.String})
    with pytest.raises(NotMeasurable):
        compute(Window(pl.DataFrame({"x": ["a", "b"]}), gone), "x")


def test_no_answers_are_unproven(still: Window) -> None:
    with pytest.raises(NotMeasurable, match="no answers"):
        prediction_drift(still)


def test_ten_thousand_categories_can_be_compared() -> None:
    names = [f"c{index}" for index in range(10_000)]
    found = psi(window(names * 2, names), "x")
    assert found.value < found.notes["null_95"] + 0.5
    assert unseen_categories(window(names, [*names, "new"]), "x").notes["unseen"] == 1


def test_no_false_alarm_where_nothing_moved() -> None:
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(40):
        found = psi(window(rng.normal(size=400).tolist(), rng.normal(size=150).tolist()), "x", rng=rng)
        alarms += bool(found.low is not None and found.low > 0.1)
    assert alarms == 0


def test_the_sites_of_heart_disease_differ_and_halves_of_one_do_not(heart: pl.DataFrame) -> None:
    numbers = ["age", "trestbps", "chol", "thalach", "oldpeak"]
    cleveland = heart.filter(pl.col("site") == "cleveland").select(numbers)
    swiss = heart.filter(pl.col("site") == "switzerland").select(numbers)
    shifted = psi(Window(cleveland, swiss), "*")
    assert shifted.notes["column"] == "chol"
    assert shifted.low > 0.25
    halves = psi(Window(cleveland[::2], cleveland[1::2]), "*")
    assert halves.low < 0.1


def test_an_instrument_that_reads_differently_is_found_in_breast_cancer_data() -> None:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    order = np.random.default_rng(3).permutation(len(data.data))
    rows = pl.DataFrame(data.data[order, :6], schema=[name.replace(" ", "_") for name in data.feature_names[:6]])
    reference, later = rows[:300], rows[300:]
    moved = psi(Window(reference, later.with_columns(pl.col("mean_texture") * 1.4)), "*")
    assert moved.notes["column"] == "mean_texture"
    assert moved.low > 0.2
    same = psi(Window(reference, later), "*")
    assert same.low < 0.1


def test_every_measure_of_windows_is_for_live_promises() -> None:
    mine = [each for each in registry.every("measure") if each.compute.__module__.startswith("holdfast.observe")]
    assert {each.name for each in mine if each.subject == "window"} == {
        "estimated_performance",
        "js",
        "ks",
        "missing_rate_shift",
        "prediction_drift",
        "psi",
        "unseen_categories",
        "wasserstein",
    }
    assert all("live" in each.stages for each in mine)
