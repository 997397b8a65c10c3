"""Latency of a graph as it is served."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._budget import Deadline
from holdfast.automl._latency import (
    Times,
    estimate,
    least_calls,
    loaded,
    measure,
    ranks,
    throughput,
    timed,
)
from holdfast.automl._least import constant_graph, least_latency, least_size
from holdfast.core.errors import InvalidRequest, InvalidValue, ModelNotReady, NotMeasurable
from holdfast.core.models import Column, ModelSchema

SCHEMA = ModelSchema(
    "binary", "y", (Column("a", "float32"), Column("b", "float32"), Column("t", "string")), ("no", "yes"), "yes"
)
NUMBERS = ModelSchema("regression", "y", tuple(Column(f"c{each}", "float32") for each in range(6)))


def rows(n: int, schema: ModelSchema = SCHEMA) -> dict[str, np.ndarray]:
    kinds = {"float32": np.ones((n, 1), dtype=np.float32), "string": np.full((n, 1), "x", dtype=object)}
    return {each.name: kinds[each.dtype] for each in schema.columns}


def slow_graph(schema: ModelSchema) -> bytes:
    """The constant graph with a product of large matrices on the way."""
    from onnx import ModelProto, helper, numpy_helper

    model = ModelProto()
    model.ParseFromString(constant_graph(schema))
    wide = np.full((600, 600), 1e-4, dtype=np.float32)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 600), np.float32), "none"))
    model.graph.initializer.append(numpy_helper.from_array(wide, "wide"))
    last = "start"
    model.graph.node.append(helper.make_node("Add", [schema.columns[0].name, "none"], [last]))
    for each in range(8):
        model.graph.node.append(helper.make_node("MatMul", [last, "wide"], [f"step{each}"]))
        last = f"step{each}"
    model.graph.output.append(helper.make_empty_tensor_value_info(last))
    return model.SerializeToString()


def test_a_latency_lies_between_its_ends_and_says_how_it_was_measured() -> None:
    found = measure(constant_graph(SCHEMA), rows(5), calls=100, warm=5)
    assert 0.0 < found.fastest_s <= found.value_s
    assert found.low_s <= found.value_s <= found.high_s < math.inf
    assert 0.0 < found.unloaded_s <= found.high_s
    assert found.cpu_s > 0.0
    assert (found.n, found.rows_per_call, found.quantile, found.confidence) == (100, 1, 0.95, 0.95)


def test_so_many_calls_are_made_that_the_quantile_has_an_upper_end() -> None:
    found = measure(constant_graph(SCHEMA), rows(3), quantile=0.99, calls=10, warm=0)
    assert found.n == least_calls(0.99)
    assert math.isfinite(found.high_s)


def test_a_graph_that_does_more_takes_longer() -> None:
    quick = measure(constant_graph(NUMBERS), rows(4, NUMBERS), calls=72)
    slow = measure(slow_graph(NUMBERS), rows(4, NUMBERS), calls=72)
    assert slow.fastest_s > quick.fastest_s
    assert slow.cpu_s > quick.fastest_s


def test_bytes_a_file_and_a_loaded_graph_are_all_taken(tmp_path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(constant_graph(NUMBERS))
    once = loaded(file)
    assert loaded(once) is once
    assert [timed(each, rows(2, NUMBERS), calls=3, warm=1).wall_s.shape for each in (file, once)] == [(3,), (3,)]


def test_columns_that_the_graph_does_not_take_are_left_out() -> None:
    extra = {**rows(2, NUMBERS), "more": np.zeros((2, 1), np.float32)}
    assert timed(constant_graph(NUMBERS), extra, calls=2, warm=0).wall_s.min() > 0.0


def test_a_deadline_that_has_passed_still_gives_one_call_which_says_nothing_of_the_upper_end() -> None:
    over = Deadline(lambda: 1.0, 0.0)
    found = measure(constant_graph(SCHEMA), rows(3), deadline=over)
    assert found.n == 1
    assert found.high_s == math.inf
    assert found.low_s == 0.0


def test_the_throughput_of_many_rows_is_more_than_that_of_one_row() -> None:
    found = throughput(constant_graph(SCHEMA), rows(7), rows=2000, repeats=2)
    single = measure(constant_graph(SCHEMA), rows(7), calls=72, warm=5)
    assert found.rows == 2000
    assert found.rows_per_s == pytest.approx(2000 / found.wall_s)
    assert found.rows_per_s > 1.0 / single.value_s
    assert throughput(constant_graph(SCHEMA), rows(7), rows=50, deadline=Deadline(lambda: 1.0, 0.0)).cpu_s > 0.0


def test_the_least_latency_and_size_are_those_of_a_graph_that_answers() -> None:
    for schema in (SCHEMA, NUMBERS):
        answers = loaded(constant_graph(schema)).run(rows(3, schema))
        assert all(len(each) == 3 for each in answers.values())
        assert least_latency(schema, rows(3, schema), calls=20) > 0.0
        size = least_size(schema)
        assert 0 < size.proven < size.made == len(constant_graph(schema))


@pytest.mark.parametrize("wrong", [{"warm": -1}, {"quantile": 1.0}, {"quantile": 0.0}, {"confidence": 1.5}])
def test_numbers_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(InvalidValue):
        measure(constant_graph(NUMBERS), rows(1, NUMBERS), **{"calls": 2, "warm": 0, **wrong})


def test_no_calls_are_refused() -> None:
    with pytest.raises(InvalidValue):
        timed(constant_graph(NUMBERS), rows(1, NUMBERS), calls=0)


def test_no_rows_odd_rows_and_no_graph_are_refused() -> None:
    with pytest.raises(NotMeasurable):
        measure(constant_graph(SCHEMA), rows(0))
    with pytest.raises(NotMeasurable):
        throughput(constant_graph(SCHEMA), {})
    with pytest.raises(InvalidValue):
        measure(constant_graph(SCHEMA), {**rows(2), "a": np.ones((3, 1), np.float32)})
    with pytest.raises(InvalidValue):
        throughput(constant_graph(SCHEMA), rows(2), rows=0)
    with pytest.raises(InvalidRequest):
        measure(constant_graph(SCHEMA), {"a": np.ones((2, 1), np.float32)}, warm=0)
    with pytest.raises(ModelNotReady):
        measure(b"no graph", rows(2))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    q=st.sampled_from([0.1, 0.5, 0.9, 0.95, 0.99]),
    confidence=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_the_ends_hold_the_quantile_with_at_least_the_confidence_whatever_the_distribution(n, q, confidence) -> None:
    low, high = ranks(n, q, confidence=confidence)
    chance = [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]
    # With K calls up to the quantile, the ends hold it where low <= K < high.
    assert sum(chance[low:high]) >= confidence - 1e-9
    assert 0 <= low < high <= n + 1
    assert (high <= n) == (n >= least_calls(q, confidence=confidence))


@given(
    values=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=50),
    q=st.sampled_from([0.5, 0.95, 0.99]),
)
def test_a_quantile_of_calls_is_one_of_them_and_surer_intervals_are_wider(values, q) -> None:
    times = Times(np.array(values), np.array(values))
    sure, unsure = times.latency(q, confidence=0.99), times.latency(q, confidence=0.8)
    assert sure.value_s in values
    assert sure.value_s == unsure.value_s
    assert sure.low_s <= unsure.low_s <= sure.value_s <= unsure.high_s <= sure.high_s


@given(
    members=st.lists(st.floats(0, 1), min_size=1, max_size=4),
    overhead=st.floats(0, 0.5),
)
def test_an_ensemble_takes_no_more_than_its_members_one_by_one_and_no_less_than_the_slowest(members, overhead) -> None:
    assert estimate(members) == pytest.approx(sum(members))
    found = estimate([each + overhead for each in members], overhead_s=overhead)
    assert found == pytest.approx(overhead + sum(members))
    assert found >= max(members) - 1e-12


@pytest.mark.parametrize(("members", "overhead"), [([], 0.0), ([-1.0], 0.0), ([1.0], -0.1)])
def test_an_ensemble_of_nothing_or_of_negative_times_is_refused(members, overhead) -> None:
    with pytest.raises(InvalidValue):
        estimate(members, overhead_s=overhead)
