"""Corrections for many promises: known values and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.stats import multiplicity

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)
CORRECTIONS = (
    multiplicity.bonferroni,
    multiplicity.holm,
    multiplicity.benjamini_hochberg,
    multiplicity.benjamini_yekutieli,
)


@given(P_VALUES)
def test_false_discovery_corrections_agree_with_scipy(p_values):
    assert multiplicity.benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values))
    assert multiplicity.benjamini_yekutieli(p_values) == pytest.approx(false_discovery_control(p_values, method="by"))


@given(P_VALUES)
def test_holm_lies_between_the_p_values_and_bonferroni(p_values):
    adjusted = multiplicity.holm(p_values)
    assert np.all(np.asarray(p_values) <= adjusted + 1e-15)
    assert np.all(adjusted <= multiplicity.bonferroni(p_values) + 1e-15)


@given(P_VALUES, st.randoms(use_true_random=False))
def test_the_order_of_the_p_values_does_not_matter(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    shuffled = multiplicity.holm([p_values[place] for place in order])
    assert shuffled == pytest.approx(multiplicity.holm(p_values)[order])


def test_the_joint_confidence_of_many_intervals_is_shared_out():
    assert multiplicity.bonferroni_confidence(0.95, cases=10) == pytest.approx(0.995)


def test_e_values_reject_the_largest_that_pass_together():
    assert multiplicity.e_benjamini_hochberg([30.0, 30.0, 1.0], rate=0.1).tolist() == [True, True, False]
    assert multiplicity.e_benjamini_hochberg([1.0, 2.0]).tolist() == [False, False]


@pytest.mark.parametrize("correct", CORRECTIONS)
def test_nothing_to_correct_is_not_measurable(correct):
    with pytest.raises(NotMeasurable):
        correct([])


@pytest.mark.parametrize("correct", CORRECTIONS)
@pytest.mark.parametrize("p_values", [[1.2], [-0.1], [float("nan")], [[0.1]], ["a"]])
def test_what_is_no_p_value_is_refused(correct, p_values):
    with pytest.raises(InvalidValue):
        correct(p_values)


def test_cases_and_e_values_are_checked():
    with pytest.raises(InvalidValue):
        multiplicity.bonferroni_confidence(0.95, cases=0)
    with pytest.raises(NotMeasurable):
        multiplicity.e_benjamini_hochberg([])
    with pytest.raises(InvalidValue):
        multiplicity.e_benjamini_hochberg([-1.0])
    with pytest.raises(InvalidValue):
        multiplicity.e_benjamini_hochberg([1.0], rate=0.0)
