from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.subjects import Scored
from holdfast.responsible._gaps import Bounded, narrowest, widest
from holdfast.responsible.measures.demographic_parity_difference import demographic_parity_difference
from holdfast.responsible.measures.demographic_parity_ratio import demographic_parity_ratio
from holdfast.responsible.measures.equal_opportunity_difference import equal_opportunity_difference
from holdfast.responsible.measures.equalized_odds_difference import equalized_odds_difference
from holdfast.responsible.measures.equalized_odds_ratio import equalized_odds_ratio
from holdfast.responsible.measures.group_auc_gap import group_auc_gap
from holdfast.responsible.measures.predictive_parity_difference import predictive_parity_difference
from holdfast.responsible.measures.smallest_group_n import smallest_group_n
from holdfast.stats.intervals import newcombe_difference

Make = Callable[..., Scored]

# Group f: 100 rows, 40 of them positive; m: 200 rows, 100 positive. By hand:
# selection 0.35 and 0.55; true positive rate 30/40 and 90/100; false positive rate 5/60 and 20/100;
# precision 30/35 and 90/110.
TWO = {"f": (30, 10, 5, 55), "m": (90, 10, 20, 80)}

MEASURES: list[Any] = [
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equalized_odds_difference,
    equalized_odds_ratio,
    predictive_parity_difference,
]


@pytest.mark.parametrize(
    ("compute", "value"),
    [
        (demographic_parity_difference, 0.55 - 0.35),
        (demographic_parity_ratio, 0.35 / 0.55),
        (equal_opportunity_difference, 0.90 - 0.75),
        (equalized_odds_difference, max(0.90 - 0.75, 0.20 - 5 / 60)),
        (equalized_odds_ratio, min(0.75 / 0.90, (5 / 60) / 0.20)),
        (predictive_parity_difference, 30 / 35 - 90 / 110),
    ],
)
def test_the_value_is_that_of_fairlearns_formula(answered: Make, compute: Any, value: float) -> None:
    found = compute(answered(TWO), "sex")
    assert found.value == pytest.approx(value)
    assert found.low <= found.value <= found.high


def test_the_interval_of_two_groups_is_newcombes(answered: Make) -> None:
    found = demographic_parity_difference(answered(TWO), "sex", confidence=0.9)
    low, high = newcombe_difference(110, 200, 35, 100, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.method == "Newcombe"
    assert found.n == 300


def test_a_gap_whose_sign_is_not_known_may_be_nothing(answered: Make) -> None:
    found = demographic_parity_difference(answered({"f": (20, 30, 0, 50), "m": (21, 29, 0, 50)}), "sex")
    assert found.low == 0.0
    assert found.high > 0.1


def test_several_groups_share_the_error_out(answered: Make) -> None:
    three = {**TWO, "x": (20, 30, 20, 30)}
    found = demographic_parity_difference(answered(three), "sex")
    pair = newcombe_difference(110, 200, 35, 100, confidence=1 - 0.05 / 3)
    assert found.value == pytest.approx(0.20)
    assert found.method == "Newcombe, Bonferroni over 3 comparisons"
    assert found.high >= pair[1] - 1e-12


def test_a_small_group_is_left_out_and_said(answered: Make) -> None:
    found = demographic_parity_difference(answered({**TWO, "x": (0, 0, 0, 5)}), "sex")
    assert found.value == pytest.approx(0.20)
    assert found.notes["selection rate: left out"] == {"groups": 1, "largest": {"x": 5}}
    with_all = demographic_parity_difference(answered({**TWO, "x": (0, 0, 0, 5)}), "sex", min_group=1)
    assert with_all.value == pytest.approx(0.55)


def test_a_missing_value_makes_a_group_of_its_own(answered: Make) -> None:
    scored = answered(TWO)
    rows = scored.rows.with_columns(sex=pl.when(pl.col("sex") == "m").then(None).otherwise(pl.col("sex")))
    found = demographic_parity_difference(replace(scored, rows=rows), "sex")
    assert set(found.notes["selection rate"]) == {"f", "(missing)"}
    assert found.value == pytest.approx(0.20)


def test_several_columns_make_their_crossings(answered: Make) -> None:
    scored = answered({"f": (30, 10, 5, 55), "m": (90, 10, 20, 80)})
    age = ["old" if index % 2 else "young" for index in range(scored.n)]
    crossed = replace(scored, rows=scored.rows.with_columns(age=pl.Series(age)))
    found = smallest_group_n(crossed, "sex", "age")
    assert found.value == 50
    assert set(found.notes["smallest"]) == {"f & old", "f & young", "m & old", "m & young"}
    assert demographic_parity_difference(crossed, "sex", "age").value >= 0.20


def test_an_anytime_interval_is_wider(answered: Make) -> None:
    once = demographic_parity_difference(answered(TWO), "sex")
    always = demographic_parity_difference(answered(TWO), "sex", anytime=True)
    assert always.low < once.low
    assert always.high > once.high
    assert "sequence" in always.method


@pytest.mark.parametrize("compute", MEASURES)
def test_one_group_has_no_gap(answered: Make, compute: Any) -> None:
    with pytest.raises(NotMeasurable, match="at least two groups"):
        compute(answered(TWO), "all")


@pytest.mark.parametrize("compute", [*MEASURES, group_auc_gap, smallest_group_n])
def test_bad_columns_are_said(answered: Make, compute: Any) -> None:
    with pytest.raises(ColumnNotFound, match=r"no column 'sexx'.*did you mean 'sex'"):
        compute(answered(TWO), "sexx")
    with pytest.raises(InvalidValue, match="each once"):
        compute(answered(TWO), "sex", "sex")


@pytest.mark.parametrize("compute", [*MEASURES, group_auc_gap, smallest_group_n])
def test_no_rows_are_unproven(answered: Make, compute: Any) -> None:
    with pytest.raises(NotMeasurable):
        compute(answered(TWO).take(np.zeros(300, dtype=bool)), "sex")


@pytest.mark.parametrize("compute", MEASURES)
def test_a_task_without_decisions_is_unproven(answered: Make, compute: Any) -> None:
    scored = answered(TWO)
    numbers = Scored("regression", np.zeros(scored.n), np.zeros(scored.n), scored.rows)
    with pytest.raises(NotMeasurable, match="no decisions"):
        compute(numbers, "sex")


def test_a_threshold_for_groups_below_one_is_no_threshold(answered: Make) -> None:
    with pytest.raises(InvalidValue, match="min_group"):
        demographic_parity_difference(answered(TWO), "sex", min_group=0)


def test_a_ratio_of_nothing_is_unproven_and_of_something_to_nothing_is_zero(answered: Make) -> None:
    with pytest.raises(NotMeasurable, match="0 in every group"):
        demographic_parity_ratio(answered({"f": (0, 50, 0, 50), "m": (0, 50, 0, 50)}), "sex")
    found = demographic_parity_ratio(answered({"f": (0, 50, 0, 50), "m": (50, 0, 0, 50)}), "sex")
    assert found.value == 0.0
    assert found.low == 0.0
    assert 0.0 < found.high < 0.2
    three = demographic_parity_ratio(answered({"f": (0, 50, 0, 50), "g": (0, 50, 0, 50), "m": (50, 0, 0, 50)}), "sex")
    assert three.value == 0.0


def test_ranking_within_groups_is_compared(answered: Make) -> None:
    found = group_auc_gap(answered(TWO), "sex")
    # AUC of one binary cut is (sensitivity + specificity) / 2: f (0.75 + 55/60) / 2, m (0.9 + 0.8) / 2.
    assert found.value == pytest.approx(0.85 - (0.75 + 55 / 60) / 2)
    assert set(found.notes["roc_auc"]) == {"f", "m"}
    with pytest.raises(NotMeasurable, match="binary"):
        group_auc_gap(Scored("regression", np.zeros(3), np.zeros(3), pl.DataFrame({"sex": ["f", "m", "m"]})), "sex")


def test_the_smallest_group_is_counted(answered: Make) -> None:
    assert smallest_group_n(answered(TWO), "sex") == Value(
        100.0, n=300, notes={"groups": 2, "smallest": {"f": 100, "m": 200}}
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(50, 60)), min_size=2, max_size=6))
def test_the_interval_always_holds_the_value(counts: list[tuple[int, int]]) -> None:
    share = np.array([hits / n for hits, n in counts])
    low, high = np.maximum(0, share - 0.1), np.minimum(1, share + 0.1)
    names = tuple(str(place) for place in range(len(counts)))
    value, least, most = widest(Bounded(names, share, low, high))
    assert value == pytest.approx(share.max() - share.min())
    assert 0.0 <= least <= value + 1e-12
    assert value - 1e-12 <= most <= 1.0


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6))
def test_the_interval_of_a_ratio_holds_the_value(hits: list[int]) -> None:
    share = np.array(hits) / 60
    names = tuple(str(place) for place in range(len(hits)))
    value, least, most = narrowest(Bounded(names, share, share * 0.8, np.minimum(1, share * 1.2)))
    assert value == pytest.approx(share.min() / share.max())
    assert 0.0 <= least <= value <= most <= 1.0


def test_the_interval_covers_the_true_gap_as_often_as_it_says() -> None:
    rng = np.random.default_rng(20261124)
    truth, sizes, hits = np.array([0.3, 0.25, 0.4]), np.array([120, 80, 200]), 0
    for _ in range(400):
        drawn = rng.binomial(sizes, truth)
        scored = Scored(
            "binary",
            np.array(["no"] * 400, dtype=object),
            np.full((400, 2), 0.5),
            pl.DataFrame({"g": np.repeat(["a", "b", "c"], sizes)}),
            decision=np.where(
                np.concatenate([np.arange(n) < k for n, k in zip(sizes, drawn, strict=True)]), "yes", "no"
            ).astype(object),
            classes=("no", "yes"),
        )
        found = demographic_parity_difference(scored, "g")
        hits += found.low <= 0.15 <= found.high
    assert hits / 400 >= 0.94


def test_adult_is_measured_by_every_registered_measure(adult: Scored) -> None:
    for spec in [each for each in registry.every("measure") if each.compute.__module__.startswith("holdfast.resp")]:
        one = spec.measure(adult, ("sex",), rng=np.random.default_rng(0))
        two = spec.measure(adult, ("sex", "race"), rng=np.random.default_rng(0))
        assert one.n <= adult.n
        assert one == spec.measure(adult, ("sex",), rng=np.random.default_rng(0))
        # More groups can only make the largest gap larger, the smallest ratio and the smallest group smaller.
        assert two.value >= one.value if spec.better == "lower" else two.value <= one.value


def test_adult_has_the_gap_that_a_group_by_finds(adult: Scored) -> None:
    chosen = adult.rows.with_columns(chosen=pl.Series(adult.decision == ">50K"))
    shares = chosen.group_by("sex").agg(pl.col("chosen").mean())["chosen"]
    found = demographic_parity_difference(adult, "sex")
    assert found.value == pytest.approx(shares.max() - shares.min())  # type: ignore[operator]
    assert found.high - found.low < 0.03


def test_many_small_groups_are_counted_and_the_largest_named(adult: Scored) -> None:
    found = demographic_parity_difference(adult, "native_country")
    left = found.notes["selection rate: left out"]
    assert left["groups"] > 5
    assert max(left["largest"].values()) < 30
