from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.subjects import Scored, Window
from holdfast.observe.measures.estimated_performance import ASSUMES, ESTIMATES, estimated_performance
from holdfast.stats import metrics


def realised(world: tuple[Window, np.ndarray], name: str) -> float:
    window, coming = world
    truth = np.where(coming, "yes", "no").astype(object)
    given = window.current_score if name in ("roc_auc", "brier", "log_loss") else window.current_decision
    options = {} if name in ("accuracy", "balanced_accuracy") else {"positive": "yes"}
    if name in ("roc_auc", "brier", "log_loss"):
        options["classes"] = ("no", "yes")
    return float(getattr(metrics, name)(truth, given, **options).value)


@pytest.mark.parametrize("name", ESTIMATES)
def test_the_estimate_is_near_what_the_labels_will_say(world: tuple[Window, np.ndarray], name: str) -> None:
    found = estimated_performance(world[0], name)
    assert found.value == pytest.approx(realised(world, name), abs=0.02)
    assert found.low <= found.value <= found.high
    assert found.low <= realised(world, name) <= found.high
    assert found.notes["assumes"] == ASSUMES == "holds if P(y|x) did not move"
    assert found.n == 6000


@pytest.mark.parametrize("name", ESTIMATES)
def test_it_stands_in_for_the_measure_of_that_name(name: str) -> None:
    spec = registry.estimator_of(name)
    assert spec is not None
    assert spec.name == "estimated_performance"
    assert spec.anytime


@pytest.mark.parametrize("name", ESTIMATES)
def test_it_is_the_same_again_and_wider_when_looked_at_often(world: tuple[Window, np.ndarray], name: str) -> None:
    once = estimated_performance(world[0], name)
    assert once == estimated_performance(world[0], name)
    always = estimated_performance(world[0], name, anytime=True)
    assert always.low <= once.low
    assert always.high >= once.high
    assert "sequence" in always.method


def test_a_change_of_what_the_features_mean_is_not_seen(world: tuple[Window, np.ndarray]) -> None:
    window, _ = world
    x = window.current["x"].to_numpy()
    flipped = np.random.default_rng(2).random(len(x)) >= 1.0 / (1.0 + np.exp(-1.5 * x))
    estimate = estimated_performance(window, "accuracy")
    truth = np.where(flipped, "yes", "no").astype(object)
    assert estimate.low > metrics.accuracy(truth, window.current_decision).value


def test_decisions_are_taken_from_the_scores_where_none_were_logged(world: tuple[Window, np.ndarray]) -> None:
    bare = replace(world[0], current_decision=None)
    assert estimated_performance(bare, "recall") == estimated_performance(world[0], "recall")


def test_several_classes_have_an_estimated_accuracy() -> None:
    rng = np.random.default_rng(7)
    rows = pl.DataFrame({"x": np.zeros(3000)})
    names = np.array(["a", "b", "c"], dtype=object)
    score, later = rng.dirichlet([1.0] * 3, 3000), rng.dirichlet([0.5] * 3, 3000)
    drawn = np.array([rng.choice(3, p=each) for each in score])
    coming = np.array([rng.choice(3, p=each) for each in later])
    known = Scored(
        "multiclass", names[drawn], score, rows, decision=names[score.argmax(axis=1)], classes=("a", "b", "c")
    )
    window = Window(rows, rows, known, later)
    found = estimated_performance(window, "accuracy")
    assert found.low <= (later.argmax(axis=1) == coming).mean() <= found.high
    with pytest.raises(NotMeasurable, match="accuracy of several"):
        estimated_performance(window, "roc_auc")


def test_what_cannot_be_estimated_is_said(world: tuple[Window, np.ndarray]) -> None:
    window, _ = world
    with pytest.raises(InvalidValue, match="did you mean 'accuracy'"):
        estimated_performance(window, "accuracyy")
    with pytest.raises(InvalidValue, match="with arguments"):
        estimated_performance(window, "accuracy", "x")
    with pytest.raises(NotMeasurable, match="no answers"):
        estimated_performance(Window(window.reference, window.current), "accuracy")
    numbers = Scored("regression", np.zeros(9), np.zeros(9), pl.DataFrame({"x": np.zeros(9)}))
    with pytest.raises(NotMeasurable, match="regression"):
        estimated_performance(replace(window, reference_scored=numbers, current_score=np.zeros(9)), "accuracy")


@pytest.mark.parametrize("name", ESTIMATES)
def test_a_reference_of_one_class_is_unproven(world: tuple[Window, np.ndarray], name: str) -> None:
    scored = world[0].reference_scored
    assert scored is not None
    only = replace(scored, truth=np.full(scored.n, "no", dtype=object))
    with pytest.raises(NotMeasurable, match="one class"):
        estimated_performance(replace(world[0], reference_scored=only), name)
