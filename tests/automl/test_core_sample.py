"""Samples of large tables: who is in them."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl import _sample
from holdfast.automl._sample import OF_A_CLASS, sampled

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")
N, WANTED = 4000, 2000


@pytest.fixture(autouse=True)
def small():
    before = _sample.LARGE, _sample.SEARCHED
    _sample.LARGE, _sample.SEARCHED = N, WANTED
    yield
    _sample.LARGE, _sample.SEARCHED = before


def asked(target, *, task: str = "binary", seed: int = 0, **given):
    columns = {"row": np.arange(len(target)), "y": target, **given.pop("columns", {})}
    made = parts.request(pl.DataFrame(columns, strict=False), Path("nowhere"), task=task, seed=seed, **given)
    return made


def test_fewer_rows_than_many_are_searched_whole() -> None:
    assert sampled(asked(np.arange(N - 1) % 2)) is None


@settings(max_examples=20)
@given(st.lists(st.integers(1, 3000), min_size=2, max_size=6), st.integers(0, 5))
def test_classes_keep_their_shares_and_rare_ones_their_rows(counts, seed) -> None:
    target = np.repeat(np.arange(len(counts)), counts)
    target = np.concatenate([target, np.zeros(max(0, N - len(target)), dtype=int)])
    made = sampled(asked(target, task="multiclass", seed=seed))
    found = np.bincount(made.rows["y"].to_numpy(), minlength=len(counts))
    for before, after in zip(np.bincount(target), found, strict=True):
        assert after == min(before, max(round(before * WANTED / len(target)), OF_A_CLASS))


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(N) % 400 == 0, "rare", "usual"),
        np.where(np.arange(N) % 400 == 0, True, False),
        np.where(np.arange(N) % 400 == 0, 1.5, np.nan),
        pl.Series(np.where(np.arange(N) % 400 == 0, "rare", "usual")).cast(pl.Categorical),
        [None if each % 400 == 0 else "usual" for each in range(N)],
    ],
    ids=["text", "flag", "number", "category", "missing"],
)
def test_a_rare_class_of_any_type_is_kept_whole(values) -> None:
    made = sampled(asked(values))
    kept = set(made.rows["row"].to_list())
    assert set(range(0, N, 400)) <= kept
    assert len(kept) == made.rows.height
    assert abs(made.rows.height - WANTED) <= OF_A_CLASS


def test_rare_events_of_a_survival_are_kept() -> None:
    event = (np.arange(N) % 500 == 0).astype(int)
    made = sampled(asked(np.arange(N) + 1.0, task="survival", columns={"e": event}, settings={"event": "e"}))
    assert made.rows["e"].sum() == event.sum()
    assert made.rows.height < N


def test_numbers_are_drawn_without_return_in_their_order() -> None:
    made = sampled(asked(np.arange(N) * 1.5, task="regression"))
    rows = made.rows["row"].to_numpy()
    assert len(rows) == WANTED
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize("kind", [pl.Int64, pl.String, pl.Categorical])
def test_queries_are_drawn_whole(kind) -> None:
    query = pl.Series(np.repeat(np.arange(N // 8), 8).astype(str)).cast(pl.String).cast(kind)
    made = sampled(asked(np.arange(N) % 4, task="ranking", columns={"q": query}, settings={"group": "q"}))
    sizes = made.rows["q"].value_counts()["count"]
    assert (sizes == 8).all()
    assert made.rows.height == WANTED


def test_weights_are_those_of_the_rows_that_were_drawn() -> None:
    made = sampled(asked(np.arange(N) % 2, weights=np.arange(N) + 0.5))
    np.testing.assert_array_equal(made.weights, made.rows["row"].to_numpy() + 0.5)


def test_the_same_seed_draws_the_same_rows_and_another_one_others() -> None:
    drawn = [sampled(asked(np.arange(N) % 2, seed=seed)).rows["row"].to_list() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_target_that_is_not_there_is_left_to_the_problem_to_tell() -> None:
    assert sampled(replace(asked(np.arange(N) % 2), target="z")) is None
