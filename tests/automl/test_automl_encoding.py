"""The encoder's graph against the same arithmetic in NumPy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.automl import _encoding
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import to_tensors

SCHEMA = ModelSchema("regression", "y", (Column("a", "float32"), Column("t", "string"), Column("b", "float32")))
ROWS = pl.DataFrame({"a": [1.0, 2.0, None, 4.0], "t": ["u", "u", "v", None], "b": [5.0, 5.0, 5.0, 5.0]})


def encoded(kind: str, rows: pl.DataFrame, schema: ModelSchema = SCHEMA, fitted_on: pl.DataFrame = ROWS) -> np.ndarray:
    made = _encoding.fit(kind, schema, to_tensors(fitted_on, schema))
    return _encoding.encode(_encoding.graph(schema, made), to_tensors(rows, schema))


def test_trees_see_numbers_as_they_are_and_text_by_falling_frequency() -> None:
    found = encoded("tree", ROWS)
    np.testing.assert_array_equal(found, np.float32([[1, 5, 0], [2, 5, 0], [np.nan, 5, 2], [4, 5, 1]]))


def test_an_unseen_level_has_the_code_behind_the_rarest() -> None:
    found = encoded("tree", pl.DataFrame({"a": [np.inf], "t": ["new"], "b": [-np.inf]}))
    np.testing.assert_array_equal(found, np.float32([[np.inf, -np.inf, 3]]))


def test_linear_models_see_imputed_clipped_standardised_numbers() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(3.0, 2.0, size=5000)
    rows = pl.DataFrame({"a": values, "t": ["u"] * 5000, "b": values})
    made = encoded("linear", rows, fitted_on=rows)
    low, high = np.quantile(values, [0.001, 0.999])
    clipped = np.clip(values, low, high)
    np.testing.assert_allclose(made[:, 0], (clipped - clipped.mean()) / clipped.std(), atol=1e-5)
    odd = pl.DataFrame({"a": [None, np.inf, -np.inf, 1e30], "t": ["u"] * 4, "b": [0.0] * 4})
    found = encoded("linear", odd, fitted_on=rows)
    np.testing.assert_allclose(
        found[:, 0], (np.array([np.median(values), high, low, high]) - clipped.mean()) / clipped.std(), atol=1e-4
    )


def test_what_was_missing_in_training_has_an_indicator() -> None:
    made = _encoding.fit("linear", SCHEMA, to_tensors(ROWS, SCHEMA))
    assert made.names[:3] == ("a", "b", "a missing")
    assert made.columns[:3] == ("a", "b", "a")
    np.testing.assert_array_equal(encoded("linear", ROWS)[:, 2], [0, 0, 1, 0])


def test_levels_too_rare_share_the_last_indicator() -> None:
    rows = pl.DataFrame({"a": [0.0] * 11, "t": ["u"] * 5 + ["v"] * 5 + ["w"], "b": [0.0] * 11})
    found = encoded("linear", rows, fitted_on=rows)
    np.testing.assert_array_equal(found[[0, 5, 10], 2:], np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]]))


def test_a_constant_column_is_zero_to_a_linear_model() -> None:
    np.testing.assert_array_equal(encoded("linear", ROWS)[:, 1], np.zeros(4))


@pytest.mark.parametrize("kind", ["tree", "linear"])
def test_a_column_of_nothing_does_no_harm(kind) -> None:
    empty = pl.DataFrame({"a": [None, None], "t": [None, None], "b": [1.0, 2.0]}, schema_overrides={"t": pl.String})
    found = encoded(kind, ROWS, fitted_on=empty)
    assert found.shape[0] == 4
    assert kind == "tree" or np.isfinite(found).all()


@pytest.mark.parametrize("kind", ["tree", "linear"])
def test_a_single_column_and_no_rows_are_encoded(kind) -> None:
    for column in (Column("a", "float32"), Column("t", "string")):
        schema = ModelSchema("regression", "y", (column,))
        assert encoded(kind, ROWS.clear(), schema).shape[0] == 0
        assert encoded(kind, ROWS, schema).shape[0] == 4


def test_levels_are_ordered_by_frequency_then_text() -> None:
    values = np.array(["b", "c", "a", "c", "b", "d"], dtype=object)
    assert _encoding.levels_of(values, most=3) == ("b", "c", "a")
    assert _encoding.levels_of(values, most=9, least=2) == ("b", "c")
