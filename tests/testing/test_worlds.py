"""Simulated worlds: drift, dirt and late labels, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, InvalidValue
from holdfast.testing import LateLabels, dirty, drifted, tiny_rows

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_drifted_column_is_shifted_and_the_others_are_not() -> None:
    rows = tiny_rows(20)
    moved = drifted(rows, "visits", 2.5)
    assert moved["visits"].to_list() == [each + 2.5 for each in rows["visits"].to_list()]
    assert moved.drop("visits").equals(rows.drop("visits"))
    assert rows.equals(tiny_rows(20))


def test_missing_cells_stay_missing_under_drift() -> None:
    rows = pl.DataFrame({"age": [None, 1.0]})
    assert drifted(rows, "age", 1.0)["age"].to_list() == [None, 2.0]


@pytest.mark.parametrize(
    ("column", "shift", "kind", "message"),
    [
        ("agee", 1.0, ColumnNotFound, "did you mean 'age'"),
        ("sex", 1.0, InvalidValue, "column 'sex' is of type String"),
        ("age", float("nan"), InvalidValue, "a shift of nan"),
    ],
)
def test_what_cannot_drift_is_refused(column: str, shift: float, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        drifted(tiny_rows(3), column, shift)


def test_dirt_is_the_same_for_the_same_generator_and_leaves_the_rows_alone() -> None:
    rows = tiny_rows(50)
    one, other = (dirty(rows, 0.2, np.random.default_rng(3)) for _ in range(2))
    assert one.equals(other)
    assert one.schema == rows.schema
    assert rows.equals(tiny_rows(50))


def test_about_the_asked_share_of_the_cells_is_spoilt() -> None:
    rows = tiny_rows(2000)
    spoilt = dirty(rows, 0.1, np.random.default_rng(0))
    shares = [
        (spoilt[name].ne_missing(rows[name])).mean() for name in ("id", "weight", "sex", "smoker", "seen", "visits")
    ]
    assert shares == pytest.approx([0.1] * 6, abs=0.03)


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows_can_be_dirty_too(n: int) -> None:
    assert dirty(tiny_rows(n), 1.0, np.random.default_rng(0)).height == n


def test_no_dirt_changes_nothing() -> None:
    assert dirty(tiny_rows(20), 0.0, np.random.default_rng(0)).equals(tiny_rows(20))


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(InvalidValue, match="a share from 0 to 1"):
        dirty(tiny_rows(3), rate, np.random.default_rng(0))


def test_labels_come_after_their_delay_and_once() -> None:
    late = LateLabels(30 * DAY)
    late.predicted(["a", "b"], [1, 0], at=START)
    assert late.due(START + 29 * DAY) == []
    assert late.due(START + 30 * DAY) == [("a", 1), ("b", 0)]
    assert late.due(START + 60 * DAY) == []
    assert late.waiting == 0


@settings(deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=8),
    looks=st.lists(st.integers(0, 40), max_size=6).map(sorted),
    seed=st.integers(0, 99),
)
def test_every_label_comes_once_whenever_one_looks(names: list[str], looks: list[int], seed: int) -> None:
    late = LateLabels(10 * DAY, jitter=20 * DAY, rng=np.random.default_rng(seed))
    late.predicted(names, names, at=START)
    come = [pair for day in [*looks, 31] for pair in late.due(START + day * DAY)]
    assert sorted(come) == sorted((name, name) for name in names)


def test_lost_labels_never_come() -> None:
    late = LateLabels(DAY, lost=1.0)
    late.predicted(["a"], ["yes"], at=START)
    assert late.waiting == 0


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"delay": -DAY}, "no negative time"),
        ({"delay": DAY, "jitter": -DAY}, "no negative time"),
        ({"delay": DAY, "lost": 1.5}, "a share from 0 to 1"),
    ],
)
def test_a_world_out_of_range_is_refused(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        LateLabels(**given_)


def test_a_label_too_few_is_refused() -> None:
    with pytest.raises(InvalidValue, match="1 labels for 2 predictions"):
        LateLabels(DAY).predicted(["a", "b"], ["yes"], at=START)
