"""Distances: reference values, bins that are kept, what chance gives, and what is not measurable."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference
from scipy.spatial.distance import jensenshannon

from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable
from holdfast.stats import distances
from holdfast.stats.sketches import ColumnSketch

ALL = [distances.psi, distances.jensen_shannon, distances.ks, distances.wasserstein]
SHARES = [distances.psi, distances.jensen_shannon]
ORDERED = [distances.ks, distances.wasserstein]
SAMPLE = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=60)
RNG = np.random.default_rng(0)
BEFORE = RNG.normal(0.0, 1.0, 20_000)
SAME = RNG.normal(0.0, 1.0, 15_000)
SHIFTED = RNG.normal(0.3, 1.1, 15_000)


@settings(max_examples=80)
@given(SAMPLE, SAMPLE)
def test_distances_of_samples_are_exact(first, second):
    grid = np.arange(-20, 21)
    below, other = (np.mean(np.asarray(each)[:, None] <= grid, axis=0) for each in (first, second))
    assert distances.ks(first, second).value == pytest.approx(np.abs(below - other).max())
    assert distances.wasserstein(first, second).value == pytest.approx(reference.wasserstein_distance(first, second))


def test_the_order_distance_is_that_of_scipy():
    expected = reference.ks_2samp(BEFORE, SHIFTED, method="asymp").statistic
    assert distances.ks(BEFORE, SHIFTED).value == pytest.approx(expected)


@settings(max_examples=80)
@given(SAMPLE, SAMPLE)
def test_every_distance_has_an_interval_around_it_and_is_no_less_than_zero(first, second):
    for distance in ALL:
        made = distance(first, second)
        assert 0.0 <= made.low <= made.value <= made.high
        assert made.n == len(second)
        assert made.notes["null_95"] >= 0.0


@settings(max_examples=60)
@given(SAMPLE)
def test_a_sample_has_no_distance_from_itself(values):
    for distance in ALL:
        assert distance(values, values).value == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=60)
@given(SAMPLE, SAMPLE)
def test_a_binned_reference_gives_the_exact_values_where_values_are_few(first, second):
    made = distances.Reference.of(first)
    exact = distances.wasserstein(first, second).value
    assert distances.ks(made, second).value <= distances.ks(first, second).value + 1e-12
    assert distances.wasserstein(made, second).value <= exact + 1e-9
    values = sorted(set(first) | set(second))
    whole = distances.Reference.of(values)
    counted = distances.Reference("number", whole.edges, (), whole.count(first), deviation=1.0, approximate=False)
    assert distances.ks(counted, second).value == pytest.approx(distances.ks(first, second).value)
    assert distances.wasserstein(counted, second).value == pytest.approx(exact)


def test_the_index_is_the_symmetric_entropy_of_decile_shares():
    made = distances.psi(BEFORE, SHIFTED)
    edges = np.quantile(BEFORE, np.arange(1, 10) / 10, method="inverted_cdf")
    assert made.notes["bins"]["edges"] == pytest.approx(edges.tolist())
    p = np.bincount(np.searchsorted(edges, BEFORE), minlength=10) / len(BEFORE)
    q = np.bincount(np.searchsorted(edges, SHIFTED), minlength=10) / len(SHIFTED)
    assert made.value == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=0.002)


def test_bins_that_few_rows_leave_empty_say_little_and_empty_bins_nothing():
    many = [f"c{each}" for each in range(40) for _ in range(3)] + ["common"] * 100_000
    assert distances.psi(many, ["common"] * 50).value < 0.02
    assert distances.psi(np.arange(100_000.0), np.arange(0.0, 100_000.0, 11_111.0)).value < 0.7
    assert distances.psi(["a"] * 1000, ["b"] * 100).value > 5.0


def test_the_jensen_shannon_distance_is_that_of_scipy_in_bits():
    first, second = ["a"] * 60 + ["b"] * 40, ["a"] * 20 + ["b"] * 50 + ["c"] * 30
    expected = jensenshannon([0.6, 0.4, 0.0], [0.2, 0.5, 0.3], base=2)
    assert distances.jensen_shannon(first, second).value == pytest.approx(expected)


@pytest.mark.parametrize("bins", [2, 5, 10, 20])
def test_the_bins_asked_for_are_the_bins_that_are_kept(bins):
    assert len(distances.psi(BEFORE, SAME, bins=bins).notes["bins"]["edges"]) == bins - 1


def test_a_binned_reference_is_near_the_exact_distance():
    made = distances.Reference.of(BEFORE)
    for current in (SAME, SHIFTED):
        assert distances.ks(made, current).value == pytest.approx(distances.ks(BEFORE, current).value, abs=1 / 250)
        exact = distances.wasserstein(BEFORE, current).value
        assert distances.wasserstein(made, current).value == pytest.approx(exact, abs=0.01 * exact + 1e-3)
        assert distances.psi(made, current).value == distances.psi(BEFORE, current).value


@pytest.mark.parametrize("distance", ALL)
def test_two_sketches_give_nearly_what_the_rows_give(distance):
    first, second = (ColumnSketch.of(each, seed=seed) for seed, each in enumerate((BEFORE, SHIFTED)))
    assert distance(first, second).value == pytest.approx(distance(BEFORE, SHIFTED).value, rel=0.05)
    assert distances.Reference.of(first).approximate


@pytest.mark.parametrize("distance", ALL)
def test_what_chance_gives_is_seldom_passed_where_nothing_changed_and_always_where_something_did(distance):
    rng = np.random.default_rng(1)
    passed = []
    for _ in range(100):
        made = distance(rng.normal(0, 1, 900), rng.normal(0, 1, 700))
        passed.append(made.value > made.notes["null_95"])
    assert np.mean(passed) <= 0.12
    made = distance(rng.normal(0, 1, 900), rng.normal(0.5, 1, 700))
    assert made.value > made.notes["null_95"]
    assert made.low > 0.0


@pytest.mark.parametrize("distance", ALL)
def test_the_interval_covers_the_distance_of_the_populations(distance):
    rng = np.random.default_rng(2)
    known = distance(rng.normal(0, 1, 300_000), rng.normal(0.4, 1, 300_000)).value
    covered = []
    for _ in range(80):
        made = distance(rng.normal(0, 1, 1500), rng.normal(0.4, 1, 1000))
        covered.append(made.low <= known <= made.high)
    assert np.mean(covered) >= 0.9


def test_the_null_of_the_index_has_the_mean_and_deviation_of_chi_squared():
    rng = np.random.default_rng(3)
    made = [distances.psi(rng.random(2000), rng.random(1000)) for _ in range(300)]
    values = np.asarray([each.value for each in made])
    notes = made[0].notes
    assert notes["null_mean"] == pytest.approx(9 * (1 / 2000 + 1 / 1000))
    assert values.mean() == pytest.approx(notes["null_mean"], rel=0.15)
    assert values.std() == pytest.approx(notes["null_sd"], rel=0.25)


@pytest.mark.parametrize("distance", SHARES)
def test_unseen_categories_and_missing_values_have_bins_of_their_own(distance):
    first = pl.Series(["a"] * 50 + ["b"] * 50)
    unseen = distance(first, ["a"] * 50 + ["b"] * 40 + ["c"] * 10)
    missing = distance(first, ["a"] * 50 + ["b"] * 40 + [None] * 10)
    assert unseen.value > distance(first, ["a"] * 50 + ["b"] * 40).value
    assert unseen.notes["bins"]["unseen"] == ["c"]
    assert missing.notes["bins"]["missing"] == [0, 10]
    assert missing.value > 0.0


def test_missing_numbers_count_in_the_shares_and_are_left_out_of_the_order():
    first, second = np.arange(100.0), np.append(np.arange(100.0), [np.nan] * 50)
    assert distances.psi(first, second).value > 0.5
    assert distances.ks(first, second).value == 0.0
    assert distances.ks(first, second).notes["missing"] == {"reference": 0, "current": 50}
    nothing = distances.psi(first, [None] * 10)
    assert nothing.value > 1.0


def test_infinities_fall_into_the_end_bins_and_out_of_the_transport():
    first, second = np.arange(100.0), np.append(np.arange(100.0), [np.inf, -np.inf])
    made = distances.Reference.of(first)
    assert distances.wasserstein(first, second).value == pytest.approx(0.0)
    assert distances.wasserstein(made, second).value == pytest.approx(0.0, abs=1e-12)
    assert distances.wasserstein(made, ColumnSketch.of(second)).value == pytest.approx(0.0, abs=1e-12)
    assert distances.ks(first, second).value > 0.0
    assert distances.ks(made, second).value == pytest.approx(distances.ks(made, ColumnSketch.of(second)).value)


def test_times_booleans_and_categories_are_read():
    days = pl.Series([date(2026, 1, 1) + timedelta(days=each) for each in range(100)])
    assert distances.ks(days, days + timedelta(days=50)).value == pytest.approx(0.5)
    assert distances.wasserstein(days, days + timedelta(days=50)).value == pytest.approx(50.0)
    flags = pl.Series([True] * 30 + [False] * 70)
    assert distances.psi(flags, ~flags).value > 0.5
    kinds = pl.Series(["x", "y"] * 20, dtype=pl.Categorical)
    assert distances.psi(kinds, ["x", "y"] * 20).value == pytest.approx(0.0)


def test_scaled_transport_is_in_deviations_of_the_reference():
    assert distances.wasserstein(BEFORE * 7, BEFORE * 7 + 7, scaled=True).value == pytest.approx(1.0, abs=0.02)


def test_a_constant_reference_sees_what_is_not_it():
    made = distances.Reference.of([5.0] * 50)
    assert made.counted.counts.tolist() == [0, 50, 0]
    assert distances.psi(made, [5.0] * 20).value == pytest.approx(0.0, abs=1e-9)
    assert distances.psi(made, [5.0] * 25 + [6.0] * 25).value > 1.0
    assert distances.psi(made, [4.0] * 50).value > 3.0
    assert distances.ks(made, [4.0] * 50).value == 1.0
    assert distances.ks([5.0] * 50, [5.0] * 25 + [6.0] * 25).value == 0.5
    assert distances.wasserstein([5.0] * 50, [5.0] * 25 + [7.0] * 25).value == 1.0


@pytest.mark.parametrize("values", [BEFORE, ["a", "b", None], np.array([1.0, np.nan, np.inf])])
def test_a_reference_goes_through_json(values):
    made = distances.Reference.of(values)
    read = distances.Reference.from_dict(json.loads(json.dumps(made.to_dict())))
    assert read.to_dict() == made.to_dict()
    assert distances.psi(read, values).value == pytest.approx(0.0)


@pytest.mark.parametrize("change", [{"counts": [1]}, {"edges": ["x"]}, {"levels": 3}, {"infinite": None}])
def test_data_of_no_reference_are_refused(change):
    data = distances.Reference.of(BEFORE).to_dict()
    with pytest.raises(InvalidValue):
        distances.Reference.from_dict(data | change)
    with pytest.raises(InvalidValue):
        distances.Reference.from_dict({})


def test_more_categories_than_bins_share_the_last():
    names = [f"c{each}" for each in range(300) for _ in range(2)]
    made = distances.Reference.of(names)
    assert len(made.levels) == 200
    assert made.counted.counts[-1] == 200
    assert distances.psi(made, names).value == pytest.approx(0.0)
    sketched = ColumnSketch.of(names)
    assert distances.psi(sketched, sketched).value == pytest.approx(0.0)
    assert np.array_equal(distances.Reference.of(sketched).counted.counts, made.counted.counts)


def test_sketches_of_few_values_and_of_too_many_categories_keep_their_counts():
    few = ColumnSketch.of([1.0, 2.0, 2.0, 3.0] * 10)
    assert distances.Reference.of(few).counted.counts.tolist() == [0, 10, 20, 10, 0]
    pruned = ColumnSketch.of([f"c{each % 7}" for each in range(700)], capacity=3)
    assert distances.Reference.of(pruned).count(pruned).n == 700


def test_a_frame_is_measured_column_by_column():
    first = pl.DataFrame({"x": BEFORE[:5000], "s": ["a", "b"] * 2500, "n": [None] * 5000, "l": [[1]] * 5000})
    second = pl.DataFrame({"x": SHIFTED[:4000], "s": ["a", "a"] * 2000})
    made = distances.references(first)
    assert sorted(made) == ["s", "x"]
    found = distances.drift(made, second)
    assert sorted(found["x"]) == sorted(distances.MEASURES)
    assert sorted(found["s"]) == ["jensen_shannon", "psi"]
    assert found["x"]["psi"].value == distances.psi(first["x"], second["x"]).value
    assert found["x"]["ks"].value == pytest.approx(distances.ks(first["x"], second["x"]).value, abs=1 / 250)
    only = distances.drift(made, second, measures=["psi"], bins=5)
    assert list(only["x"]) == ["psi"]


def test_a_column_without_values_has_no_order_to_measure():
    first = pl.DataFrame({"x": [1.0, 2.0, 3.0]})
    found = distances.drift(distances.references(first), pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64}))
    assert sorted(found["x"]) == ["jensen_shannon", "psi"]


def test_the_same_seed_gives_the_same_interval():
    one, same = (distances.psi(BEFORE, SHIFTED, rng=np.random.default_rng(5)) for _ in range(2))
    assert (one.low, one.high) == (same.low, same.high)
    assert distances.psi(BEFORE, SHIFTED, confidence=0.999).high > one.high


@pytest.mark.parametrize("distance", ALL)
def test_no_rows_are_not_measurable(distance):
    with pytest.raises(NotMeasurable):
        distance([], [1.0])
    with pytest.raises(NotMeasurable):
        distance([1.0], [])
    with pytest.raises(NotMeasurable):
        distance([None, None], [1.0])
    with pytest.raises(NotMeasurable):
        distance(ColumnSketch.of([None]), [1.0])


@pytest.mark.parametrize("distance", ORDERED)
def test_values_without_order_or_without_a_finite_one_are_not_measurable(distance):
    with pytest.raises(NotMeasurable, match="categories"):
        distance(["a", "b"], ["a", "b"])
    with pytest.raises(NotMeasurable):
        distance([1.0, 2.0], [float("nan")])
    with pytest.raises(NotMeasurable):
        distances.wasserstein([1.0, 2.0], [float("inf")])
    with pytest.raises(NotMeasurable):
        distances.wasserstein(distances.Reference.of([float("inf"), 1.0]), [float("inf")])


@pytest.mark.parametrize("distance", ALL)
def test_text_beside_numbers_is_refused(distance):
    with pytest.raises(InvalidValue):
        distance([1.0, 2.0], ["a", "b"])
    with pytest.raises(InvalidValue):
        distance(ColumnSketch.of([1.0]), ColumnSketch.of(["a"]))


@pytest.mark.parametrize("distance", SHARES)
def test_numbers_beside_categories_and_one_bin_are_refused(distance):
    with pytest.raises(InvalidValue):
        distance(["a", "b"], [1.0, 2.0])
    with pytest.raises(InvalidValue, match="bins"):
        distance([1.0, 2.0], [1.0, 2.0], bins=1)


@pytest.mark.parametrize("values", [np.ones((2, 2)), [[1.0]], [1.0, "a"], [{"a": 1}]])
def test_values_that_are_no_column_are_refused(values):
    with pytest.raises(InvalidValue):
        distances.psi(values, [1.0])


def test_references_of_any_spelling_of_numbers_are_read():
    assert distances.Reference.of([1, 2.5, None]).counted.missing == 1
    assert distances.Reference.of([float("inf")] * 3).counted.present == 3
    with pytest.raises(NotMeasurable):
        distances.Reference.of([float("nan")])


def test_a_frame_with_only_infinities_has_no_transport():
    made = distances.references(pl.DataFrame({"x": [1.0, 2.0]}))
    found = distances.drift(made, pl.DataFrame({"x": [float("inf")]}), measures=["ks", "wasserstein"])
    assert list(found["x"]) == ["ks"]


def test_options_and_columns_are_checked():
    made = distances.references(pl.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(InvalidValue, match="bins"):
        distances.Reference.of([1.0], bins=1)
    with pytest.raises(NotMeasurable, match="constant"):
        distances.wasserstein([1.0, 1.0], [2.0], scaled=True)
    with pytest.raises(ColumnNotFound, match="x"):
        distances.drift(made, pl.DataFrame({"y": [1.0]}))
    with pytest.raises(ColumnNotFound):
        distances.references(pl.DataFrame({"x": [1.0]}), ["z"])
    with pytest.raises(NotMeasurable, match="rows"):
        distances.drift(made, pl.DataFrame({"x": []}, schema={"x": pl.Float64}))
    with pytest.raises(InvalidValue, match="psi"):
        distances.drift(made, pl.DataFrame({"x": [1.0]}), measures=["psy"])
