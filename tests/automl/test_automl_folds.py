"""Folds: every row held out once, strata alike, groups whole, no look into the future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.automl import _cores
from holdfast.automl._folds import expanding, grouped, quantile_codes, stratified


@given(st.lists(st.integers(0, 3), min_size=4, max_size=60), st.integers(2, 5), st.integers(0, 99))
def test_every_row_is_held_out_at_most_once_and_never_trained_on_then(codes, count, seed) -> None:
    made = stratified(np.array(codes), count, rng=np.random.default_rng(seed))
    held = np.concatenate([fold.held for fold in made] or [np.array([], int)])
    assert len(np.unique(held)) == len(held)
    single = [code for code in set(codes) if codes.count(code) == 1]
    assert len(held) == len(codes) - len(single)
    for fold in made:
        assert not set(fold.train) & set(fold.held)
        assert len(fold.train) + len(fold.held) == len(codes)


def test_strata_have_the_same_share_in_every_fold() -> None:
    codes = np.repeat([0, 1], [80, 20])
    made = stratified(codes, 5, rng=np.random.default_rng(0))
    assert [int(codes[fold.held].sum()) for fold in made] == [4] * 5


def test_groups_stay_whole_and_folds_are_even() -> None:
    groups = np.repeat(np.arange(30), 4)
    made = grouped(groups, 3, rng=np.random.default_rng(0))
    assert [len(fold.held) for fold in made] == [40, 40, 40]
    for fold in made:
        assert not set(groups[fold.train]) & set(groups[fold.held])


def test_time_is_only_looked_at_backwards() -> None:
    moments = np.random.default_rng(0).integers(0, 40, size=200).astype(float)
    made = expanding(moments, 4)
    assert len(made) == 4
    for fold in made:
        assert moments[fold.train].max() < moments[fold.held].min()


def test_one_moment_gives_no_fold() -> None:
    assert expanding(np.zeros(10), 3) == []


def test_quantile_codes_are_even() -> None:
    codes = quantile_codes(np.random.default_rng(0).normal(size=100), bins=10)
    assert np.bincount(codes).tolist() == [10] * 10


@pytest.mark.parametrize(
    ("text", "load", "cores"),
    [
        ("max 100000", 0.0, 4),
        ("200000 100000", 0.0, 2),
        ("50000 100000", 0.0, 1),
        ("max 100000", 2.5, 1),
        ("junk", 9.0, 1),
    ],
)
def test_cores_are_those_that_are_free(monkeypatch, tmp_path, text, load, cores) -> None:
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(_cores, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(_cores, "_affinity", lambda: 4)
    monkeypatch.setattr(_cores.os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert _cores.free_cores() == cores
