"""Cases: every slice and every crossing, and nothing left out silently."""

from __future__ import annotations

import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound
from holdfast.core.grammar import parse
from holdfast.keeper.cases import argument_sets, slice_mask, slice_words, slices

ROWS = pl.DataFrame({"sex": ["f"] * 60 + ["m"] * 60, "race": (["a"] * 40 + ["b"] * 20) * 2})


def test_a_promise_without_slices_speaks_of_all_rows() -> None:
    assert slices(ROWS, []) == ([()], [])


def test_every_slice_and_every_crossing_is_a_case_and_small_ones_are_named() -> None:
    found, small = slices(ROWS, ["sex", "race"])
    assert (("sex", "f"),) in found
    assert (("race", "b"),) in found
    assert (("sex", "f"), ("race", "a")) in found
    assert small == ["sex=f and race=b (n=20)", "sex=m and race=b (n=20)"]


def test_missing_values_are_a_slice_of_their_own() -> None:
    rows = pl.DataFrame({"sex": ["f"] * 40 + [None] * 40})
    found, _ = slices(rows, ["sex"])
    assert (("sex", "(missing)"),) in found
    assert slice_mask(rows, (("sex", "(missing)"),)).sum() == 40


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(ColumnNotFound, match="sexx"):
        slices(ROWS, ["sexx"])


def test_a_star_stands_for_every_feature_column() -> None:
    assert argument_sets(parse("psi(*) <= 0.2"), ["a", "b"]) == [("a",), ("b",)]
    assert argument_sets(parse("psi(c) <= 0.2"), ["a", "b"]) == [("c",)]


def test_a_whole_number_has_one_name_whatever_its_type() -> None:
    whole = slice_words(pl.DataFrame({"x": [0, 1, None]}), "x").to_list()
    logged = slice_words(pl.DataFrame({"x": [0.0, 1.0, float("nan")]}), "x").to_list()
    assert whole == logged == ["0", "1", "(missing)"]
    odd = slice_words(pl.DataFrame({"x": [0.5, float("inf"), 1e300]}), "x").to_list()
    assert odd == ["0.5", "inf", "1e+300"]


def test_crossings_of_many_categories_cost_only_what_occurs() -> None:
    rows = pl.DataFrame({"a": [f"a{k}" for k in range(5000)], "b": [f"b{k}" for k in range(5000)]})
    found, small = slices(rows, ["a", "b"])
    assert (found, len(small)) == ([], 15_000)


def test_a_slice_of_no_rows_is_an_empty_mask() -> None:
    assert slice_mask(ROWS.clear(), (("sex", "f"),)).to_list() == []
