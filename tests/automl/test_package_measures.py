"""Measures of a package: how quick it is, what it reads, which way it moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._graph import Graph
from holdfast.automl._least import constant_graph
from holdfast.automl._reads import columns_read
from holdfast.automl._session import run
from holdfast.automl._trees import ensemble_node
from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable
from holdfast.core.grammar import parse
from holdfast.core.models import Column, ModelSchema
from holdfast.core.subjects import Model
from holdfast.testing import check_measure
from holdfast.testing.model import tiny_model

NAMES = (
    "p50_row_latency",
    "p95_row_latency",
    "p99_row_latency",
    "feature_count",
    "monotonicity_violations",
    "model_size",
    "parity",
    "label_flips",
)


def measured(name: str, model: Any, *args: str, **options: Any):
    given_now = {"now": options.pop("now", None), "confidence": options.pop("confidence", 0.95)}
    return registry.get("measure", name).measure(model, args, options, rng=np.random.default_rng(0), **given_now)


@pytest.fixture
def model(tmp_path) -> Model:
    return tiny_model(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_of_a_package_keeps_the_rules_of_the_port(name) -> None:
    check_measure(name)
    assert registry.get("measure", name).subject == "model"


# --- time


def test_quantiles_of_one_look_are_of_the_same_calls_and_rise(model) -> None:
    found = [measured(f"{name}_row_latency", model) for name in ("p50", "p95", "p99")]
    assert found[0].value <= found[1].value <= found[2].value
    assert {each.n for each in found} == {1000}
    assert all(each.low <= each.value <= each.high < float("inf") for each in found)
    assert found[0].notes["cpu_s"] > 0.0


def test_another_look_times_the_package_again(model) -> None:
    first, second = (measured("p95_row_latency", model, now=datetime(2027, 1, day, tzinfo=UTC)) for day in (1, 2))
    assert (first.value, first.notes) != (second.value, second.notes)


def test_the_file_that_answers_is_timed_not_the_model_it_was_made_from(model, tmp_path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert measured("p50_row_latency", replace(model, folder=elsewhere)).n == 1000
    with pytest.raises(NotMeasurable):
        measured("p50_row_latency", replace(model, folder=elsewhere, predict=lambda rows: np.zeros((rows.height, 2))))


def test_promises_on_the_new_measures_can_be_made() -> None:
    for text in (
        "p95_row_latency <= 1 ms",
        "p99_row_latency <= 2 ms with 95%",
        "feature_count <= 5",
        "monotonicity_violations(age, direction=up) <= 0",
    ):
        promise = parse(text).at("package")
        registry.get("measure", promise.measure).check(promise)
        assert promise.claim == text


# --- what is read

ABC = ("a", "b", "c")


def graph_of(build, *, text: bool = False) -> bytes:
    """A graph over a, b and c (c is text where asked) that predicts what `build` adds."""
    from onnx import TensorProto, helper

    graph = Graph()
    last = build(graph)
    graph.add("Squeeze", last, graph.whole(1), to="prediction")
    kinds = [TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.STRING if text else TensorProto.FLOAT]
    inputs = [helper.make_tensor_value_info(name, kind, ["n", 1]) for name, kind in zip(ABC, kinds, strict=True)]
    output = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n"])
    return graph.model(inputs, [output], name="test").SerializeToString()


def weights(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float32).reshape(-1, 1)


def leaf(value: float) -> dict[str, Any]:
    return {"leaf_value": value}


def split(feature: int, left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {
        "split_feature": feature,
        "decision_type": "<=",
        "threshold": 0.5,
        "missing_type": "NaN",
        "default_left": True,
        "left_child": left,
        "right_child": right,
    }


def trees(graph: Graph, inside: str, *roots: dict[str, Any]) -> str:
    made = graph.fresh("trees")
    dump = {"tree_info": [{"tree_structure": root} for root in roots]}
    graph.nodes.append(ensemble_node(dump, outputs=1, inside=inside, outside=made))
    return made


def test_a_coefficient_of_zero_reads_nothing() -> None:
    def build(graph: Graph) -> str:
        return graph.add("MatMul", graph.concat(list(ABC)), graph.constant(weights(1.0, 0.0, -2.0)))

    assert columns_read(graph_of(build)) == ("a", "c")


def test_a_place_that_no_branch_looks_at_is_not_read() -> None:
    def build(graph: Graph) -> str:
        return trees(graph, graph.concat(list(ABC)), split(2, leaf(1.0), split(1, leaf(0.0), leaf(3.0))), leaf(2.0))

    assert columns_read(graph_of(build)) == ("b", "c")


def test_encoded_places_are_followed_through_gaps_indicators_and_choices() -> None:
    def build(graph: Graph) -> str:
        joined = graph.concat(["a", "b"])
        missing = graph.add("IsNaN", joined)
        filled = graph.add("Where", missing, graph.constant(np.ones((1, 2), np.float32)), joined)
        second = graph.add("Gather", filled, graph.whole(1), axis=1)
        hot = graph.add("Mul", "c", graph.constant(np.ones((1, 3), np.float32)))
        return graph.add("MatMul", graph.concat([filled, second, hot]), graph.constant(weights(1, 0, 0, 0, 0, 0)))

    assert columns_read(graph_of(build)) == ("a",)


def test_pieces_of_a_matrix_are_followed() -> None:
    def build(graph: Graph) -> str:
        joined = graph.concat(list(ABC))
        first, rest = graph.several("Split", joined, graph.whole(1, 2), outputs=2, axis=1)
        last = graph.add("Slice", rest, graph.whole(1), graph.whole(2), graph.whole(1))
        chosen = graph.add("ArrayFeatureExtractor", joined, graph.whole(2), domain="ai.onnx.ml")
        del first
        return graph.add("Add", last, chosen)

    assert columns_read(graph_of(build)) == ("c",)


def test_features_whose_number_no_node_says_do_not_hide_the_columns_beside_them() -> None:
    def build(graph: Graph) -> str:
        words = graph.add(
            "TfIdfVectorizer",
            "c",
            max_gram_length=1,
            max_skip_count=0,
            min_gram_length=1,
            mode="TF",
            ngram_counts=[0],
            ngram_indexes=[0, 1],
            pool_strings=["red", "blue"],
        )
        return graph.add("MatMul", graph.concat(["a", words, "b"]), graph.constant(weights(0.0, 1.0, 1.0, 2.0)))

    assert columns_read(graph_of(build, text=True)) == ("b", "c")


def joined(graph: Graph) -> str:
    return graph.concat(list(ABC))


def gemm(graph: Graph) -> str:
    return graph.add("Gemm", joined(graph), graph.constant(weights(0.0, 1.0, 0.0).T), graph.number(1.0), transB=1)


def regressor(graph: Graph) -> str:
    return graph.add("LinearRegressor", joined(graph), domain="ai.onnx.ml", coefficients=[0.0, 2.0, 0.0])


def even_pieces(graph: Graph) -> str:
    return graph.several("Split", joined(graph), outputs=3, axis=1)[1]


def backwards(graph: Graph) -> str:
    turned = graph.add("Slice", joined(graph), graph.whole(-2), graph.whole(-4), graph.whole(1), graph.whole(-1))
    return graph.add("Gather", turned, graph.whole(0), axis=1)


def constant_node(graph: Graph) -> str:
    from onnx import numpy_helper

    scale = graph.add("Constant", value=numpy_helper.from_array(np.array([[2.0]], np.float32)))
    return graph.add("Mul", "b", scale)


def classifier(graph: Graph) -> str:
    said = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [1, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "class_treeids": [0, 0],
        "class_nodeids": [1, 2],
        "class_ids": [0, 0],
        "class_weights": [0.1, 0.9],
        "classlabels_int64s": [0, 1],
    }
    _, scores = graph.several("TreeEnsembleClassifier", joined(graph), outputs=2, domain="ai.onnx.ml", **said)
    return graph.add("Gather", scores, graph.whole(1), axis=1)


@pytest.mark.parametrize("build", [gemm, regressor, even_pieces, backwards, constant_node, classifier])
def test_ways_to_read_one_column_of_three(build) -> None:
    assert columns_read(graph_of(build)) == ("b",)


def made_matrix(graph: Graph) -> str:
    return graph.add("MatMul", joined(graph), graph.add("Identity", graph.constant(weights(0.0, 1.0, 0.0))))


def turned(graph: Graph) -> str:
    matrix = graph.add("Reshape", joined(graph), graph.whole(-1, 3))
    return graph.add("MatMul", matrix, graph.constant(weights(0.0, 1.0, 0.0)))


def added_rows(graph: Graph) -> str:
    row = graph.add("ReduceMean", joined(graph), axes=[0])
    return graph.add("MatMul", graph.add("Add", joined(graph), row), graph.constant(weights(0.0, 1.0, 0.0)))


def one_of_many(graph: Graph) -> str:
    along = graph.add("ReduceMax", joined(graph), axes=[1], keepdims=1)
    return graph.add("Gather", along, graph.whole(0), axis=1)


@pytest.mark.parametrize("build", [made_matrix, turned, added_rows, one_of_many])
def test_where_the_way_is_not_known_too_many_are_counted_and_never_too_few(build) -> None:
    assert columns_read(graph_of(build)) == ABC


def test_a_width_that_no_run_can_tell_only_costs_sharpness() -> None:
    def build(graph: Graph) -> str:
        # The standard has no such operator: the graph cannot run, but says what it looks at.
        strange = graph.add("Nowhere", "c", domain="com.example")
        return graph.add("MatMul", graph.concat(["a", strange, "b"]), graph.constant(weights(0.0, 1.0, 0.0)))

    assert columns_read(unchecked(build)) == ABC


def unchecked(build) -> bytes:
    from onnx import TensorProto, helper

    graph = Graph()
    last = build(graph)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in ABC]
    output = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", 1])
    made = helper.make_graph(graph.nodes, "test", inputs, [output], graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def test_what_only_gives_its_shape_is_not_read() -> None:
    schema = ModelSchema("regression", "y", (Column("a", "float32"), Column("t", "string")))
    assert columns_read(constant_graph(schema)) == ()


def test_an_operator_that_is_not_known_reads_all_that_it_is_given() -> None:
    def build(graph: Graph) -> str:
        mixed = graph.add("CumSum", graph.concat(["a", "b"]), graph.whole(1))
        return graph.add("MatMul", mixed, graph.constant(weights(1.0, 0.0)))

    assert columns_read(graph_of(build)) == ("a", "b")


def test_graphs_within_a_graph_read_what_they_look_at() -> None:
    from onnx import TensorProto, helper

    def build(graph: Graph) -> str:
        inner = [
            helper.make_graph(
                [helper.make_node("Identity", [name], [f"{name}_out"])],
                name,
                [],
                [helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, ["n", 1])],
            )
            for name in ("a", "b")
        ]
        yes = graph.constant(np.array(True))
        return graph.add("If", yes, then_branch=inner[0], else_branch=inner[1])

    assert columns_read(graph_of(build)) == ("a", "b")


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_column_that_is_not_read_never_changes_an_answer(data) -> None:
    numbers = st.sampled_from([0.0, 0.0, 1.0, -2.0])
    first = weights(*data.draw(st.lists(numbers, min_size=6, max_size=6)))
    features = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))

    def build(graph: Graph) -> str:
        scaled = graph.add("Mul", graph.concat(list(ABC)), graph.constant(np.array([[1, 2, 3]], np.float32)))
        both = graph.concat([graph.add("Tanh", scaled), "b", "a", "c"])
        linear = graph.add("MatMul", both, graph.constant(first))
        return graph.add("Add", linear, trees(graph, both, *(split(each, leaf(0), leaf(1)) for each in features)))

    model = graph_of(build)
    read = columns_read(model)
    rng = np.random.default_rng(0)
    rows = {name: rng.normal(size=(50, 1)).astype(np.float32) for name in ABC}
    moved = {name: each if name in read else rng.normal(size=(50, 1)).astype(np.float32) for name, each in rows.items()}
    np.testing.assert_array_equal(run(model, rows)[0], run(model, moved)[0])
    used = {*np.flatnonzero(first[:, 0]).tolist(), *features}
    assert set(read) == {"abcbac"[each] for each in used}


def test_the_number_of_columns_is_exact_and_names_what_is_not_read(model) -> None:
    found = measured("feature_count", model)
    assert found.value == 3.0
    assert found.low is None
    assert found.notes == {"unread": []}


@pytest.mark.parametrize("bytes_of", [b"", b"no graph at all"])
def test_what_is_no_graph_cannot_be_counted(bytes_of, tmp_path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(bytes_of)
    for each in (bytes_of, file, tmp_path / "nowhere.onnx"):
        with pytest.raises(NotMeasurable):
            columns_read(each)


# --- which way it moves


def test_a_rising_answer_never_breaks_up_and_always_breaks_down(model) -> None:
    up, down = (measured("monotonicity_violations", model, "age", direction=each) for each in ("up", "down"))
    assert up.value == 0.0
    assert up.notes["rows_with_any"] == 0
    assert 0.0 < up.high < 0.1
    assert down.value > 0.5
    assert down.low <= down.value <= down.high


def test_a_wave_breaks_both_ways_in_part(tmp_path) -> None:
    made = tiny_model(tmp_path, task="regression")
    wave = replace(made, predict=lambda rows: np.sin(rows["age"].to_numpy() / 5.0))
    found = [measured("monotonicity_violations", wave, "age", direction=each).value for each in ("up", "down")]
    assert sum(found) == pytest.approx(1.0)
    assert min(found) > 0.2


def test_rows_that_move_differently_are_averaged(tmp_path) -> None:
    made = tiny_model(tmp_path, task="regression")
    wave = replace(made, predict=lambda rows: np.sin(rows["age"].to_numpy() * rows["weight"].to_numpy() / 400.0))
    found = measured("monotonicity_violations", wave, "age")
    assert 0.0 < found.low < found.value < found.high < 1.0
    assert found.method == "Student t"


def test_noise_of_32_bits_is_no_step(model, tmp_path) -> None:
    rng = np.random.default_rng(0)
    quiet = replace(model, predict=lambda rows: np.tile([0.3, 0.7], (rows.height, 1)) + 1e-8 * rng.normal(size=2))
    assert measured("monotonicity_violations", quiet, "age").value == 0.0


def test_missing_values_of_the_column_do_not_matter(model) -> None:
    gaps = replace(model, sample=model.sample.with_columns(pl.lit(None, dtype=pl.Float64).alias("age")))
    assert measured("monotonicity_violations", gaps, "age").value == 0.0


@pytest.mark.parametrize(
    ("args", "options", "error"),
    [
        (("nowhere",), {}, ColumnNotFound),
        (("sex",), {}, NotMeasurable),
        (("age",), {"direction": "sideways"}, InvalidValue),
        (("age",), {"points": 1.0}, InvalidValue),
        (("age",), {"points": 2.5}, InvalidValue),
        ((), {}, InvalidValue),
    ],
)
def test_no_column_text_no_direction_and_no_grid_are_refused(model, args, options, error) -> None:
    with pytest.raises(error):
        measured("monotonicity_violations", model, *args, **options)


def test_a_column_of_one_value_has_no_direction(tmp_path) -> None:
    made = tiny_model(tmp_path)
    columns = (replace(made.schema.columns[0], low=None, high=None), *made.schema.columns[1:])
    same = replace(
        made,
        schema=replace(made.schema, columns=columns),
        sample=made.sample.with_columns(pl.lit(3.0).alias("age")),
    )
    with pytest.raises(NotMeasurable, match="single value"):
        measured("monotonicity_violations", same, "age")


def test_few_rows_say_little(model) -> None:
    found = measured("monotonicity_violations", replace(model, sample=model.sample.head(5)), "age", direction="down")
    assert found.low < 0.5 < found.value <= found.high == 1.0


def test_several_classes_and_no_rows_have_no_direction(model, tmp_path) -> None:
    folder = tmp_path / "several"
    folder.mkdir()
    with pytest.raises(NotMeasurable):
        measured("monotonicity_violations", tiny_model(folder, task="multiclass"), "age")
    with pytest.raises(NotMeasurable):
        measured("monotonicity_violations", replace(model, sample=model.sample.clear()), "age")
