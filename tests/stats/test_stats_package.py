"""The floor itself: what it exports, and that all metrics are called alike."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest

import holdfast.stats
from holdfast.stats import metrics

MODULES = ["calibration", "distances", "intervals", "metrics", "multiplicity", "sequences", "sketches", "tails"]


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_there_when_asked_for_and_export_names_that_exist(name):
    module = getattr(holdfast.stats, name)
    assert module is importlib.import_module(f"holdfast.stats.{name}")
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, each) for each in module.__all__)


def test_the_floor_exports_its_modules_and_nothing_else():
    assert holdfast.stats.__all__ == MODULES
    assert holdfast.stats.__getattr__("metrics") is metrics
    with pytest.raises(AttributeError, match="nothing"):
        holdfast.stats.nothing  # noqa: B018 - the look-up is what is tested


@pytest.mark.parametrize("name", metrics.__all__)
def test_every_metric_is_called_alike(name):
    parameters = inspect.signature(getattr(metrics, name)).parameters
    assert next(iter(parameters)) == "truth"
    keywords = {each for each, what in parameters.items() if what.kind is inspect.Parameter.KEYWORD_ONLY}
    assert {"confidence", "rng", "anytime"} <= keywords
    assert len(parameters) - len(keywords) == 2


@pytest.mark.parametrize("name", metrics.__all__)
def test_every_metric_names_its_source_or_the_metric_it_follows(name):
    text = inspect.getdoc(getattr(metrics, name)) or ""
    assert "References" in text or "one minus" in text


def test_the_same_inputs_give_the_same_value():
    rng = np.random.default_rng(0)
    truth, score = rng.integers(0, 2, 200), rng.random(200)
    assert metrics.ece(truth, score) == metrics.ece(truth, score)
    assert metrics.roc_auc(truth, score) == metrics.roc_auc(truth, score)
