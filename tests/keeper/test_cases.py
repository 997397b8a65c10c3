"""Cases: every slice and every crossing, and nothing left out silently."""

from __future__ import annotations

import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound
from holdfast.core.grammar import parse
from holdfast.keeper.cases import argument_sets, slice_mask, slices

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
