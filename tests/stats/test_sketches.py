"""Sketches: one pass, merge laws, stated errors, and JSON."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, InvalidValue
from holdfast.stats import sketches
from holdfast.stats._distinct import hash_numbers, hash_text

NUMBERS = st.lists(
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(float("nan")), st.just(float("inf"))), max_size=60
)
WORDS = st.lists(st.one_of(st.none(), st.sampled_from("abcdefghij")), max_size=60)
SAMPLE = np.random.default_rng(0).lognormal(0.0, 1.0, 60_000)


def facts(sketch):
    return (sketch.kind, sketch.n, sketch.missing, sketch.nan, sketch.minus_infinite, sketch.plus_infinite,
            sketch.low, sketch.high, sketch.distinct, sketch.top())  # fmt: skip


def numbers(values):
    return sketches.ColumnSketch.of(pl.Series(values, dtype=pl.Float64), k=8)


def words(values):
    return sketches.ColumnSketch.of(pl.Series(values, dtype=pl.String), capacity=12)


@settings(max_examples=60)
@given(NUMBERS, NUMBERS, NUMBERS)
def test_merging_numbers_is_associative_and_commutative(a, b, c):
    first, second, third = numbers(a), numbers(b), numbers(c)
    left, right = first.merge(second).merge(third), first.merge(second.merge(third))
    other = third.merge(first).merge(second)
    assert facts(left) == facts(right) == facts(other) == facts(numbers(a + b + c))
    assert left.mean == pytest.approx(right.mean, abs=1e-6)
    assert left.deviation == pytest.approx(other.deviation, abs=1e-4)
    assert left.weighted()[1].sum() == right.weighted()[1].sum() == other.weighted()[1].sum()


@settings(max_examples=60)
@given(WORDS, WORDS, WORDS)
def test_merging_categories_is_exact_up_to_the_capacity(a, b, c):
    first, second, third = words(a), words(b), words(c)
    left, right = first.merge(second).merge(third), third.merge(second.merge(first))
    assert facts(left) == facts(right) == facts(words(a + b + c))
    assert left.exact


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), max_size=200), st.lists(st.integers(0, 30), max_size=200), st.integers(1, 8))
def test_counts_beyond_the_capacity_are_too_low_by_no_more_than_their_stated_error(a, b, capacity):
    first, second = sketches.Counts(capacity), sketches.Counts(capacity)
    first.update([(str(each), 1) for each in a])
    second.update([(str(each), 1) for each in b])
    for made in (first.merge(second), second.merge(first)):
        everything = a + b
        assert made.n == len(everything)
        assert made.error <= len(everything) / (capacity + 1)
        for name in map(str, range(31)):
            true = sum(str(each) == name for each in everything)
            assert made.held.get(name, 0) <= true <= made.held.get(name, 0) + made.error


def test_nothing_is_lost_up_to_k_values():
    values = np.random.default_rng(1).normal(0.0, 1.0, 1000)
    sketch = sketches.ColumnSketch.of(values)
    held, weights = sketch.weighted()
    assert sketch.exact
    assert sketch.rank_error == 0.0
    assert np.array_equal(held, np.sort(values))
    assert set(weights.tolist()) == {1}
    expected = np.quantile(values, [0.0, 0.25, 1.0], method="inverted_cdf")
    assert np.array_equal(sketch.quantiles([0.0, 0.25, 1.0]), expected)


@pytest.mark.parametrize("parts", [1, 7, 300])
def test_ranks_are_within_the_stated_error_however_the_stream_is_cut(parts):
    sketch = sketches.Kll(256, seed=3)
    for part in np.array_split(SAMPLE, parts):
        sketch.update(part)
    asked = np.quantile(SAMPLE, np.arange(1, 100) / 100)
    gap = np.abs(sketch.below(asked) - np.arange(1, 100) / 100).max()
    assert gap <= 1.5 * sketch.error < 0.05
    assert sketch.error < 2.0 * 2.3 / 256
    assert sum(len(each) for each in sketch._levels) < 4 * 256


def test_merged_ranks_are_within_the_stated_error():
    parts = [sketches.Kll(256, seed=index) for index in range(40)]
    for sketch, part in zip(parts, np.array_split(SAMPLE, 40), strict=True):
        sketch.update(part)
    made = parts[0]
    for each in parts[1:]:
        made = made.merge(each)
    asked = np.quantile(SAMPLE, np.arange(1, 100) / 100)
    assert made.n == len(SAMPLE)
    assert np.abs(made.below(asked) - np.arange(1, 100) / 100).max() <= 1.5 * made.error < 0.05


def test_errors_of_ranks_have_no_direction():
    asked = np.quantile(SAMPLE, [0.1, 0.5, 0.9])
    gaps = []
    for seed in range(60):
        sketch = sketches.Kll(32, seed=seed)
        for part in np.array_split(SAMPLE[:20_000], 4):
            sketch.update(part)
        gaps.append(sketch.below(asked) - (SAMPLE[:20_000, None] <= asked).mean(axis=0))
    assert np.abs(np.mean(gaps, axis=0)).max() < 3.0 * np.std(gaps, axis=0).max() / np.sqrt(60)


def test_the_same_seed_gives_the_same_sketch_and_another_seed_another():
    one, same, other = (sketches.ColumnSketch.of(SAMPLE, seed=seed) for seed in (1, 1, 2))
    assert one.to_dict() == same.to_dict() != other.to_dict()


@pytest.mark.parametrize(
    "values", [SAMPLE, ["a", None, "b"], [None], [1.0, float("inf"), float("-inf"), float("nan")], [True, False]]
)
def test_a_sketch_goes_through_json(values):
    sketch = sketches.ColumnSketch.of(values)
    read = sketches.ColumnSketch.from_dict(json.loads(json.dumps(sketch.to_dict())))
    assert read.to_dict() == sketch.to_dict()
    assert facts(read) == facts(sketch)


@pytest.mark.parametrize("count", [10, 1000, 100_000])
def test_distinct_values_are_counted_within_a_few_per_cent(count):
    values = np.random.default_rng(4).permutation(np.repeat(np.arange(count), 2))
    assert sketches.ColumnSketch.of(values).distinct == pytest.approx(count, rel=0.06)
    names = sketches.ColumnSketch.of(pl.Series([f"name {each}" for each in range(count)]), capacity=5)
    assert names.distinct == pytest.approx(count, rel=0.06)


def test_hashes_differ_and_do_not_depend_on_the_batch():
    text = pl.Series(["", "a", "b", "ab", "ba", "é", "a\x00"])
    together = hash_text(text)
    alone = [hash_text(pl.Series([each]))[0] for each in text]
    assert together.tolist() == alone
    assert len(set(alone)) == 7
    assert hash_numbers(np.array([0.0])) == hash_numbers(np.array([-0.0]))


def test_every_kind_of_column_is_sketched():
    day = datetime(2026, 1, 1)  # noqa: DTZ001 - a column of local times
    frame = pl.DataFrame(
        {
            "int": [1, 2, 3],
            "bool": [True, False, None],
            "text": ["a", "b", "a"],
            "time": [day, day + timedelta(days=1), None],
            "category": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
            "nothing": [None, None, None],
            "list": [[1], [2], [3]],
        }
    )
    sketch = sketches.TableSketch.of(frame)
    assert sketch.columns == ("int", "bool", "text", "time", "category", "nothing")
    kinds = [sketch[name].kind for name in sketch.columns]
    assert kinds == ["number", "category", "category", "number", "category", "empty"]
    assert sketch["bool"].top() == [("false", 1), ("true", 1)]
    assert sketch["time"].missing == 1


class ArrowOnly:
    def __init__(self, frame):
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return self._frame.__arrow_c_stream__(requested_schema)


def test_a_table_is_read_from_frames_lazy_frames_arrow_streams_and_batches_alike():
    frame = pl.DataFrame({"x": SAMPLE[:5000], "s": [str(each % 7) for each in range(5000)]})
    expected = sketches.TableSketch.of(frame)
    for source in (frame.lazy(), ArrowOnly(frame), [frame[:1000], frame[1000:]], iter([frame.lazy()])):
        made = sketches.TableSketch.of(source)
        assert made.rows == 5000
        assert [facts(made[name]) for name in ("x", "s")] == [facts(expected[name]) for name in ("x", "s")]


def test_an_arrow_batch_is_read():
    from arro3.core import RecordBatchReader

    batch = next(iter(RecordBatchReader.from_stream(pl.DataFrame({"x": [1.0, 2.0]}))))
    assert sketches.TableSketch.of(batch)["x"].mean == 1.5


def test_tables_merge_and_go_through_json():
    first, second = (sketches.TableSketch.of(pl.DataFrame({"x": each})) for each in ([1.0, 2.0], [3.0]))
    merged = sketches.TableSketch().merge(first.merge(second)).merge(sketches.TableSketch())
    assert merged.rows == 3
    assert merged["x"].mean == 2.0
    read = sketches.TableSketch.from_dict(json.loads(json.dumps(merged.to_dict())))
    assert read.to_dict() == merged.to_dict()


def test_a_column_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(ColumnNotFound, match="age"):
        sketches.TableSketch.of(pl.DataFrame({"age": [1]}))["agee"]


@pytest.mark.parametrize("source", [3, "file.csv", {"x": [1]}, None])
def test_what_gives_no_batches_is_refused(source):
    with pytest.raises(InvalidValue, match="Arrow"):
        sketches.TableSketch.of(source)


def test_batches_and_tables_of_other_columns_are_refused():
    with pytest.raises(InvalidValue, match="columns"):
        sketches.TableSketch.of([pl.DataFrame({"x": [1]}), pl.DataFrame({"y": [1]})])
    with pytest.raises(InvalidValue, match="columns"):
        sketches.TableSketch.of(pl.DataFrame({"x": [1]})).merge(sketches.TableSketch.of(pl.DataFrame({"y": [1]})))


def test_kinds_do_not_mix():
    sketch = sketches.ColumnSketch.of([1.0])
    with pytest.raises(InvalidValue, match="kind"):
        sketch.update(["a"])
    assert sketch.n == 1
    with pytest.raises(InvalidValue, match="kind"):
        sketch.merge(sketches.ColumnSketch.of(["a"]))


@pytest.mark.parametrize("values", [[[1.0]], [1.0, "a"], [{"a": 1}], pl.Series([b"x"])])
def test_values_that_are_no_column_are_refused(values):
    with pytest.raises(InvalidValue):
        sketches.ColumnSketch.of(values)


def test_sketches_of_other_sizes_do_not_merge_and_sizes_are_checked():
    with pytest.raises(InvalidValue, match="k = 8"):
        sketches.Kll(8).merge(sketches.Kll(16))
    with pytest.raises(InvalidValue, match="capacity"):
        sketches.Counts(1).merge(sketches.Counts(2))
    with pytest.raises(InvalidValue, match="k = 1"):
        sketches.Kll(1)
    with pytest.raises(InvalidValue, match="capacity"):
        sketches.Counts(0)
    with pytest.raises(InvalidValue, match="quantiles"):
        sketches.Kll().quantiles([0.5])
    with pytest.raises(InvalidValue, match="quantiles"):
        sketches.ColumnSketch.of([1.0]).quantiles([1.5])


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (sketches.Kll, {}),
        (sketches.Kll, {"k": 8, "seed": 0, "n": 5, "turns": 0, "variance": 0.0, "levels": [[1.0]]}),
        (sketches.Counts, {"capacity": 3}),
        (sketches.Counts, {"capacity": 3, "n": 1, "error": 0, "held": {"a": 2}}),
        (sketches.Moments, {"n": 1}),
        (sketches.Distinct, {}),
        (sketches.Distinct, {"registers": "not base64!"}),
        (sketches.Distinct, {"registers": "eJwDAAAAAAE="}),
        (sketches.ColumnSketch, {"kind": "number"}),
        (sketches.ColumnSketch, sketches.ColumnSketch.of([1.0]).to_dict() | {"kind": "list"}),
        (sketches.TableSketch, {"rows": 1}),
    ],
)
def test_data_of_no_sketch_are_refused(kind, broken):
    with pytest.raises(InvalidValue):
        kind.from_dict(broken)


def test_a_hash_of_zeros_saturates_its_register():
    distinct = sketches.Distinct()
    distinct.update(np.zeros(1, dtype=np.uint64))
    assert distinct.estimate >= 1


def test_the_stated_errors_of_a_column_are_those_of_its_parts():
    pruned = sketches.ColumnSketch.of(pl.Series([str(each % 9) for each in range(90)]), capacity=4)
    assert pruned.count_error == 10
    assert pruned.others == 90
    assert not pruned.exact
    assert 0.0 < sketches.ColumnSketch.of(SAMPLE).rank_error < 0.005


def test_an_empty_sketch_says_nothing():
    sketch = sketches.ColumnSketch.of([])
    assert (sketch.kind, sketch.n, sketch.distinct, sketch.mean, sketch.low) == ("empty", 0, 0, 0.0, None)
    assert sketches.Kll().below([1.0]).tolist() == [0.0]
    assert sketches.ColumnSketch.of([float("nan")]).kind == "empty"
