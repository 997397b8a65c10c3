"""Promises as constraints on held-out answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.automl._promises import Constraints, distance_of, slices
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.core.subjects import Scored


def scored(n: int = 400) -> Scored:
    rng = np.random.default_rng(0)
    positive = rng.random(n)
    truth = np.where(rng.random(n) < positive, "yes", "no").astype(object)
    sex = np.where(np.arange(n) % 2, "f", "m")
    rows = pl.DataFrame({"sex": sex, "rare": ["a"] * (n - 5) + ["b"] * 5})
    decision = np.where(positive >= 0.5, "yes", "no").astype(object)
    score = np.column_stack([1 - positive, positive])
    return Scored("binary", truth, score, rows, decision, ("no", "yes"), "yes")


def constraints(ask, toy, *texts: str) -> Constraints:
    return Constraints.of(ask(toy, promises=tuple(parse(text).at("candidate") for text in texts)))


def test_kept_promises_have_no_distance_and_broken_ones_do(ask, toy) -> None:
    kept = constraints(ask, toy, "roc_auc >= 0.6").judge(scored())
    broken = constraints(ask, toy, "roc_auc >= 0.6", "roc_auc >= 0.99").judge(scored())
    assert kept.kept
    assert broken.violation > 0.1
    assert "roc_auc >= 0.99" in broken.broken[0]


def test_slices_and_their_crossings_are_judged(ask, toy) -> None:
    found = constraints(ask, toy, "recall >= 0.99 by sex").judge(scored())
    assert "at sex=" in found.broken[0]
    names = [name for name, _ in slices(scored(), ("sex", "rare"))]
    assert names == ["sex=f", "sex=m", "rare=a", "sex=f, rare=a", "sex=m, rare=a"]


def test_a_confidence_asks_for_the_whole_interval() -> None:
    value = Value(0.8, 0.7, 0.9, n=10)
    assert distance_of(parse("recall >= 0.75"), value) == 0.0
    assert distance_of(parse("recall >= 0.75 with 95%"), value) == pytest.approx(0.05 / 0.75)
    assert distance_of(parse("brier <= 0.85 with 95%"), value) == pytest.approx(0.05 / 0.85)


def test_a_gap_between_groups_is_a_constraint(ask, toy) -> None:
    found = constraints(ask, toy, "demographic_parity_difference(sex) <= 0.0001").judge(scored())
    assert not found.kept


def test_what_cannot_be_measured_here_decides_nothing(ask, toy) -> None:
    made = constraints(
        ask, toy, "recall >= 0.5 by nowhere", "mae <= 1", "completeness(a) >= 0.5", "p99_latency <= 20 ms"
    )
    assert made.judge(scored()).kept


def test_the_size_is_estimated_from_leaves(ask, toy) -> None:
    made = constraints(ask, toy, "model_size <= 10 kB")
    assert made.judge(scored(), leaves=10).kept
    assert not made.judge(scored(), leaves=1000).kept


def test_many_rows_are_judged_on_a_sample_of_them(ask, toy) -> None:
    assert constraints(ask, toy, "roc_auc >= 0.6").judge(scored(25_000)).kept
