"""The measures of explanations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.core import registry
from holdfast.core.errors import InvalidValue, NotMeasurable, ParityFailed
from holdfast.core.grammar import parse


def measured(name, model, **options):
    return registry.get("measure", name).measure(model, (), options, rng=np.random.default_rng(0))


def test_a_promise_on_stability_can_be_made() -> None:
    spec = registry.get("measure", "explanation_stability")
    spec.check(parse("explanation_stability >= 0.8 with 95%").at("package"))
    spec.check(parse("explanation_stability(k=3) >= 0.8").at("package"))


@pytest.mark.parametrize("learner", ["linear", "trees"])
def test_a_model_s_own_explanation_is_stable_and_repeatable(package, learner) -> None:
    model = package("binary", learner)
    first = measured("explanation_stability", model)
    assert first == measured("explanation_stability", model)
    assert 0.8 < first.low <= first.value <= first.high <= 1.0
    assert first.notes["chance"] == 0.5


def test_larger_steps_make_it_less_stable(package) -> None:
    model = package("binary", "trees")
    near = measured("explanation_stability", model, radius=0.001)
    far = measured("explanation_stability", model, radius=2.0)
    assert near.value > far.value


def test_whole_columns_stay_whole_and_missing_cells_missing(package) -> None:
    from holdfast.explain.measures._ask import perturbed

    model = package("binary", "trees")
    rows = model.sample.with_columns(noise=np.arange(60) % 7)
    model = replace(model, sample=rows)
    close = perturbed(model, rows, radius=1.0, rng=np.random.default_rng(0))
    assert (close["noise"] == close["noise"].round()).all()
    assert close["text"].equals(rows["text"])
    assert close["b"].is_null().equals(rows["b"].is_nan())
    assert not close["a"].equals(rows["a"])


@pytest.mark.parametrize("options", [{"k": 0.0}, {"k": 1.5}, {"radius": 0.0}])
def test_stability_out_of_range_is_refused(package, options) -> None:
    with pytest.raises(InvalidValue):
        measured("explanation_stability", package("binary", "linear"), **options)


@pytest.mark.parametrize("name", ["explanation_stability", "attribution_faithfulness", "attribution_additivity_error"])
def test_no_sample_rows_are_unproven(package, name) -> None:
    model = package("binary", "linear")
    with pytest.raises(NotMeasurable, match="no sample rows"):
        measured(name, replace(model, sample=model.sample.clear()))


def test_a_linear_model_s_explanation_is_faithful(package) -> None:
    found = measured("attribution_faithfulness", package("regression", "linear"))
    assert found.value > 0.9
    assert found == measured("attribution_faithfulness", package("regression", "linear"))


def test_several_classes_are_judged_by_the_class_answered(package) -> None:
    assert measured("attribution_faithfulness", package("multiclass", "trees")).value > 0.3


def test_a_model_that_answers_differently_each_time_is_not_explained(plain, tmp_path) -> None:
    rng = np.random.default_rng(0)
    model = plain(lambda rows: rng.normal(size=rows.height), tmp_path)
    with pytest.raises(ParityFailed, match="miss the margin"):
        measured("attribution_faithfulness", model)


def test_a_model_that_heeds_nothing_is_unproven(plain, tmp_path) -> None:
    model = plain(lambda rows: np.zeros(rows.height), tmp_path)
    with pytest.raises(NotMeasurable, match="no set of columns"):
        measured("attribution_faithfulness", model)


def test_a_model_of_one_column_has_nothing_to_tell_apart(plain, tmp_path) -> None:
    model = plain(lambda rows: rows["x0"].to_numpy(), tmp_path, width=1)
    with pytest.raises(NotMeasurable, match="one column"):
        measured("attribution_faithfulness", model)
    assert measured("explanation_stability", model).value == 1.0


def test_too_few_sets_are_refused(package) -> None:
    with pytest.raises(InvalidValue, match="subsets=2"):
        measured("attribution_faithfulness", package("binary", "linear"), subsets=2.0)


def test_a_sampled_explanation_says_that_it_is_one(plain, tmp_path) -> None:
    model = plain(lambda rows: (3 * rows["x0"] + rows["x1"]).to_numpy(), tmp_path)
    assert measured("explanation_stability", model).notes["estimated"] is True
    assert measured("attribution_faithfulness", model).value > 0.7
    with pytest.raises(NotMeasurable, match="no exact contributions"):
        measured("attribution_additivity_error", model)


def test_exact_contributions_add_up_to_the_last_digits(package) -> None:
    assert measured("attribution_additivity_error", package("binary", "trees")).value < 1e-12
