"""Promises as constraints on held-out answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.automl._promises import Constraints, distance_of, monotone_signs, slices
from holdfast.core.errors import ColumnNotFound, InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.core.models import Column, ModelSchema
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


def test_a_known_size_takes_the_place_of_the_guess_from_leaves(ask, toy) -> None:
    made = constraints(ask, toy, "model_size <= 10 kB")
    assert made.judge(scored(), leaves=1000, size_bytes=9_000).kept
    broken = made.judge(scored(), size_bytes=20_000)
    assert broken.violation == pytest.approx(1.0)
    assert broken.broken == ("model_size <= 10 kB: 20 kB",)


@pytest.mark.parametrize("name", ["p95_row_latency", "p95_latency"])
def test_a_promise_on_time_bounds_the_time_of_the_graph_alone(ask, toy, name) -> None:
    made = constraints(ask, toy, f"{name} <= 1 ms")
    assert made.quantiles == (0.95,)
    assert made.judge(scored(), latency_s=0.9e-3).kept
    assert made.judge(scored(), latency_s={0.95: 3e-3}).violation == pytest.approx(2.0)
    assert made.judge(scored(), latency_s={0.95: 3.1e-3}).broken == (f"{name} <= 1 ms: 3.1 ms",)


def test_a_time_that_is_not_known_decides_nothing(ask, toy) -> None:
    made = constraints(ask, toy, "p99_row_latency <= 1 ms")
    assert made.any
    assert made.judge(scored()).kept
    assert made.judge(scored(), latency_s={0.95: 1.0}).kept
    assert made.judge(scored(), latency_s=float("inf")).kept


def test_the_number_of_columns_is_a_constraint(ask, toy) -> None:
    made = constraints(ask, toy, "feature_count <= 2")
    assert made.judge(scored(), columns=2).kept
    assert made.judge(scored(), columns=3).broken == ("feature_count <= 2: 3",)
    assert not constraints(ask, toy, "feature_count <= 0").judge(scored(), columns=1).kept


def test_gaps_are_the_worst_values_by_claim(ask, toy) -> None:
    made = constraints(ask, toy, "recall >= 0.1 by sex", "brier <= 0.9", "feature_count <= 9")
    found = made.gaps(scored(), columns=4)
    each = [part for _, part in slices(scored(), ("sex",))]
    recalls = [float(np.mean(part.decision[part.truth == "yes"] == "yes")) for part in each]
    assert found["recall >= 0.1 by sex"] == pytest.approx(min(recalls))
    assert found["feature_count <= 9"] == 4.0
    assert set(found) == {"recall >= 0.1 by sex", "brier <= 0.9", "feature_count <= 9"}


def test_fewer_rows_at_the_gate_widen_the_interval_that_a_promise_is_held_to(ask, toy) -> None:
    request = ask(toy, promises=(parse("recall >= 0.73 with 95%").at("candidate"),))
    distances = [Constraints.of(request, gate_rows=rows).judge(scored()).violation for rows in (None, 400, 100, 40)]
    assert distances[0] == distances[1] == 0.0
    assert 0.0 < distances[2] < distances[3]


def test_a_careful_search_holds_a_promise_to_the_end_of_its_interval(ask, toy) -> None:
    request = ask(toy, promises=(parse("recall >= 0.75").at("candidate"),))
    assert Constraints.of(request).judge(scored()).kept
    careful = Constraints.of(request, careful=0.99)
    assert not careful.judge(scored()).kept
    assert careful.judge(scored()).broken[0].startswith("recall >= 0.75: 0.8")


@pytest.mark.parametrize("wrong", [{"gate_rows": 0}, {"careful": 1.0}, {"careful": 0.0}])
def test_no_gate_rows_and_no_confidence_are_refused(ask, toy, wrong) -> None:
    with pytest.raises(InvalidValue):
        Constraints.of(ask(toy), **wrong)


SCHEMA = ModelSchema("regression", "y", (Column("age", "float32"), Column("pay", "float32"), Column("sex", "string")))


def signs(*texts: str) -> dict[str, int]:
    return monotone_signs([parse(text) for text in texts], SCHEMA)


def test_promises_of_monotonicity_become_signs() -> None:
    assert signs("monotonicity_violations(age) <= 0", "roc_auc >= 0.5") == {"age": 1}
    assert signs(
        "monotonicity_violations(age, direction=down) <= 0.01", "monotonicity_violations(pay, direction=up) < 0.5"
    ) == {"age": -1, "pay": 1}


def test_every_column_stands_for_the_columns_of_numbers() -> None:
    assert signs("monotonicity_violations(*, direction=down) <= 0") == {"age": -1, "pay": -1}


def test_a_bound_that_forbids_nothing_gives_no_sign() -> None:
    assert signs("monotonicity_violations(age) <= 1", "monotonicity_violations(age) >= 0.1") == {}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("monotonicity_violations(agee) <= 0", ColumnNotFound),
        ("monotonicity_violations(sex) <= 0", InvalidValue),
        ("monotonicity_violations(age, direction=sideways) <= 0", InvalidValue),
    ],
)
def test_a_sign_for_no_column_text_or_no_direction_is_refused(text, error) -> None:
    with pytest.raises(error):
        signs(text)


def test_a_column_that_is_to_rise_and_to_fall_is_refused() -> None:
    with pytest.raises(InvalidValue, match="rise and to fall"):
        signs("monotonicity_violations(age) <= 0", "monotonicity_violations(age, direction=down) <= 0")
