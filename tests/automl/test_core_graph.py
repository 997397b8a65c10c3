"""The graph in the making: names, constants, and the model that comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, checker, helper, numpy_helper

from holdfast.automl._graph import CONTRIB, Graph
from holdfast.automl._session import run

NUMBERS = arrays.arrays(
    st.sampled_from([np.float32, np.int64, np.bool_]), arrays.array_shapes(min_dims=0, max_dims=2, max_side=3)
)


def inputs(*names: str):
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in names]


@given(st.lists(NUMBERS, max_size=8))
def test_equal_constants_are_kept_once_and_others_apart(values) -> None:
    graph = Graph()
    names = [graph.constant(value) for value in values]
    kept = {each.name: numpy_helper.to_array(each) for each in graph.constants}
    same = {(str(value.dtype), value.shape, value.tobytes()) for value in values}
    assert len(kept) == len(graph.constants) == len(same) == len(set(names))
    for name, value in zip(names, values, strict=True):
        assert (kept[name].dtype, kept[name].shape) == (value.dtype, value.shape)
        assert kept[name].tobytes() == value.tobytes()


def test_zeros_of_either_sign_are_two_constants() -> None:
    graph = Graph()
    assert graph.number(0.0) != graph.number(-0.0)


def test_a_constant_with_a_name_is_not_shared_and_texts_are_never_taken_for_another() -> None:
    graph = Graph()
    plain, named = graph.number(2.0), graph.number(2.0, "hf_scale")
    assert (plain != named, named) == (True, "hf_scale")
    assert graph.number(2.0) == plain
    one, other = (graph.constant(np.array([text], dtype=object)) for text in ("a", "b"))
    assert [numpy_helper.to_array(each)[0] for each in graph.constants if each.name in (one, other)] == ["a", "b"]


def test_a_constant_that_is_a_view_is_the_view_and_not_what_lies_under_it() -> None:
    graph = Graph()
    value = np.arange(6, dtype=np.float32).reshape(2, 3).T
    graph.constant(value)
    np.testing.assert_array_equal(numpy_helper.to_array(graph.constants[0]), value)


@given(st.lists(st.sampled_from(["x", "sum", "sum_1", ""]), max_size=12))
def test_no_two_tensors_or_nodes_have_one_name(hints) -> None:
    graph = Graph()
    names = [graph.fresh(hint) for hint in hints]
    names += [graph.add("Neg", "x") for _ in hints] + [graph.cast("x") for _ in hints]
    names += [each for _ in hints for each in graph.several("Split", "x", outputs=2)]
    nodes = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)
    assert len(set(nodes)) == len(nodes)
    assert not {"x", "margin", "label"} & set(names)


def test_the_model_is_checked_and_runs() -> None:
    graph = Graph()
    joined = graph.concat(["a", "b"])
    graph.add("Mul", joined, graph.number(2.0), to="out")
    model = graph.model(inputs("a", "b"), [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 2])], name="m")
    assert [each.domain for each in model.opset_import] == ["", "ai.onnx.ml"]
    column = np.array([[1.0], [np.nan]], dtype=np.float32)
    found = run(model.SerializeToString(), {"a": column, "b": column + 1.0})[0]
    np.testing.assert_array_equal(found, [[2.0, 4.0], [np.nan, np.nan]])


def test_a_contributed_operator_is_declared_where_one_is_used() -> None:
    graph = Graph()
    graph.add("Gelu", "a", to="out", domain=CONTRIB)
    model = graph.model(inputs("a"), [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 1])], name="m")
    assert CONTRIB in [each.domain for each in model.opset_import]


def test_one_part_alone_is_handed_on_unless_it_is_to_be_named() -> None:
    graph = Graph()
    assert graph.concat(["a"]) == "a"
    assert not graph.nodes
    assert graph.concat(["a"], to="encoded") == "encoded"
    assert [node.op_type for node in graph.nodes] == ["Concat"]


def test_a_graph_that_reads_what_is_not_there_is_no_model() -> None:
    graph = Graph()
    graph.add("Neg", "nobody", to="out")
    with pytest.raises(checker.ValidationError, match="nobody"):
        graph.model(inputs("a"), [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 1])], name="m")


def test_a_constant_of_a_type_that_no_graph_has_is_refused() -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Graph().constant(np.array(["2020-01-01"], dtype="datetime64[D]"))
