"""Held-out rows: how many, which, and what stays together."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.data._held import LEAST, held_mask, share_of


@given(st.integers(0, 100_000))
def test_a_fifth_is_held_out_or_enough_to_judge_on_and_never_more_than_a_third(rows: int) -> None:
    share = share_of(rows, None)
    assert 0.2 <= share <= 1 / 3
    assert share * rows >= min(LEAST, rows / 3) - 1e-6


@given(st.integers(10, 300), st.floats(0.05, 0.6), st.integers(0, 5))
def test_each_class_gives_its_share(rows: int, share: float, seed: int) -> None:
    table = pl.DataFrame({"x": range(rows), "y": [each % 3 for each in range(rows)]})
    held = held_mask(table, share=share, seed=seed, classes="y")
    for each in range(3):
        mine = held[np.arange(rows) % 3 == each]
        assert mine.sum() == pytest.approx(share * len(mine), abs=1.5)
        assert not mine.all()


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(0, 5))
def test_rows_that_are_alike_stay_together(values: list[int], seed: int) -> None:
    held = held_mask(pl.DataFrame({"x": values}), share=0.3, seed=seed)
    sides = {value: {bool(side) for at, side in zip(values, held, strict=True) if at == value} for value in values}
    assert all(len(each) == 1 for each in sides.values())


def test_groups_are_not_torn_apart_and_missing_ones_stand_for_themselves() -> None:
    groups = [each // 7 for each in range(700)]
    table = pl.DataFrame({"x": range(720), "g": [*groups, *([None] * 20)]})
    held = held_mask(table, share=0.2, seed=1, group="g")
    by_group = table.with_columns(pl.Series("held", held)).drop_nulls("g").group_by("g").agg(pl.col("held").n_unique())
    assert by_group["held"].unique().to_list() == [1]
    assert held.sum() == pytest.approx(144, abs=8)
    assert 0 < held[700:].sum() < 20


def test_by_time_the_latest_are_held_out_and_a_moment_is_not_torn_apart() -> None:
    days = [date(2024, 1, 1) + timedelta(days=each // 10) for each in range(300)]
    table = pl.DataFrame({"day": [None, *reversed(days)]})
    held = held_mask(table, share=0.25, seed=0, time="day")
    kept, late = table.filter(pl.Series(~held)), table.filter(pl.Series(held))
    assert kept["day"].max() < late["day"].min()
    assert not held[0]
    assert late.height == pytest.approx(75, abs=5)


def test_by_time_and_group_the_groups_that_ended_last_are_held_out() -> None:
    table = pl.DataFrame({"t": range(100), "g": [each // 10 for each in range(100)]})
    held = held_mask(table, share=0.2, seed=0, time="t", group="g")
    assert table.filter(pl.Series(held))["g"].unique().sort().to_list() == [8, 9]


def test_a_group_larger_than_what_is_wanted_does_not_stop_the_others() -> None:
    groups = [0] * 500 + [1 + each // 5 for each in range(500)]
    for seed in range(5):
        held = held_mask(pl.DataFrame({"x": range(1000), "g": groups}), share=0.2, seed=seed, group="g")
        assert held.sum() == pytest.approx(200, abs=5)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_tables_are_never_held_out_whole(rows: int) -> None:
    assert held_mask(pl.DataFrame({"x": range(rows)}), share=0.5, seed=0).sum() == rows // 2


def test_the_same_seed_holds_out_the_same_rows() -> None:
    table = pl.DataFrame({"x": range(200), "row": range(200)})
    first, again, other = (held_mask(table, share=0.2, seed=each) for each in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
