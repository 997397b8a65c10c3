"""Measures of answers and packages, through the registry as the keeper calls them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.models import Column, ModelSchema
from holdfast.core.subjects import Model, Scored

DECIDED = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "mcc")
PROBABLE = ("roc_auc", "average_precision", "log_loss", "brier", "expected_calibration_error", "calibration_slope")
NUMBERS = ("mae", "rmse", "r2", "mape", "smape", "wape")
GROUPED = ("ndcg", "mean_average_precision", "mrr", "mase", "rmsse")


def measured(name, subject, *, anytime=False, **options):
    spec = registry.get("measure", name)
    return spec.measure(subject, (), options, rng=np.random.default_rng(0), anytime=anytime)


@pytest.fixture
def binary() -> Scored:
    rng = np.random.default_rng(0)
    positive = rng.uniform(0.05, 0.95, size=300)
    truth = np.where(rng.random(300) < positive, "yes", "no").astype(object)
    decision = np.where(positive > 0.5, "yes", "no").astype(object)
    rows = pl.DataFrame({"a": positive})
    return Scored("binary", truth, np.column_stack([1 - positive, positive]), rows, decision, ("no", "yes"), "yes")


@pytest.fixture
def several() -> Scored:
    rng = np.random.default_rng(1)
    score = rng.dirichlet([1, 1, 1], size=300)
    names = np.array(["a", "b", "c"], dtype=object)
    truth = names[(rng.random(300)[:, None] > score.cumsum(1)).sum(1)]
    return Scored("multiclass", truth, score, pl.DataFrame({"x": score[:, 0]}), names[score.argmax(1)], ("a", "b", "c"))


@pytest.fixture
def numbers() -> Scored:
    rng = np.random.default_rng(2)
    truth = rng.uniform(1, 9, size=300)
    rows = pl.DataFrame({"x": truth})
    return Scored("regression", truth, truth + rng.normal(size=300), rows, group=np.repeat(np.arange(10), 30))


@pytest.mark.parametrize("name", DECIDED + PROBABLE)
@pytest.mark.parametrize("anytime", [False, True])
def test_measures_of_classes_have_an_interval_around_the_value(binary, name, anytime) -> None:
    found = measured(name, binary, anytime=anytime)
    assert found.low <= found.value <= found.high
    assert found.n >= 1


@pytest.mark.parametrize(
    "name", [each for each in DECIDED + PROBABLE if each not in ("specificity", "calibration_slope")]
)
def test_measures_of_classes_take_several_classes(several, name) -> None:
    assert measured(name, several).low is not None


@pytest.mark.parametrize("name", NUMBERS)
def test_measures_of_numbers_have_an_interval_around_the_value(numbers, name) -> None:
    found = measured(name, numbers)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("name", GROUPED)
def test_measures_of_groups_heed_the_group(numbers, name) -> None:
    ranked = Scored(
        "ranking",
        (numbers.truth > 5).astype(float) + 1.0 * (name in ("mase", "rmsse")) * numbers.truth,
        numbers.score,
        numbers.rows,
        group=numbers.group,
    )
    assert measured(name, ranked).value >= 0.0


def test_the_positive_class_is_the_one_named(binary) -> None:
    other = Scored("binary", binary.truth, binary.score, binary.rows, binary.decision, ("no", "yes"), "no")
    assert measured("recall", other).value == measured("specificity", binary).value
    assert measured("roc_auc", other).value == pytest.approx(measured("roc_auc", binary).value)


@pytest.mark.parametrize("name", DECIDED + PROBABLE)
def test_a_task_that_does_not_classify_is_unproven(numbers, name) -> None:
    with pytest.raises(NotMeasurable, match="regression"):
        measured(name, numbers)


@pytest.mark.parametrize("name", NUMBERS + GROUPED)
def test_a_task_that_classifies_has_no_numbers(binary, name) -> None:
    with pytest.raises(NotMeasurable, match="binary"):
        measured(name, binary)


@pytest.mark.parametrize("name", DECIDED + PROBABLE)
def test_no_rows_are_unproven(binary, name) -> None:
    with pytest.raises(NotMeasurable):
        measured(name, binary.take(np.zeros(300, dtype=bool)))


def test_decisions_are_needed_where_they_are_judged(binary) -> None:
    blind = Scored("binary", binary.truth, binary.score, binary.rows, None, ("no", "yes"), "yes")
    with pytest.raises(NotMeasurable, match="without decisions"):
        measured("recall", blind)


@pytest.mark.parametrize(
    ("name", "options"), [("expected_calibration_error", {"bins": 2.5}), ("expected_calibration_error", {"bins": 0.0})]
)
def test_counts_are_whole_numbers(binary, name, options) -> None:
    with pytest.raises(InvalidValue, match="bins"):
        measured(name, binary, **options)


def package(**given) -> Model:
    schema = ModelSchema("regression", "y", (Column("x", "float32"),))
    return Model(Path("p"), schema, lambda rows: np.zeros(rows.height), pl.DataFrame({"x": [1.0]}), **given)


def test_size_and_parity_are_those_of_the_package() -> None:
    made = package(size_bytes=1234, parity={"max_difference": 1e-7, "label_flips": 0.0, "rows": 100.0})
    assert measured("model_size", made).value == 1234
    assert measured("parity", made).value == 1e-7
    flips = measured("label_flips", made)
    assert (flips.value, flips.low, flips.n) == (0.0, 0.0, 100)
    assert 0.02 < flips.high < 0.05


@pytest.mark.parametrize("name", ["model_size", "parity", "label_flips"])
def test_what_was_not_measured_is_unproven(name) -> None:
    with pytest.raises(NotMeasurable):
        measured(name, package(size_bytes=0))
