"""The Pareto set, the choice in it, and the sentences about it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.automl._pareto import MOST_SENTENCES, Point, choose, explain, frontier, table
from holdfast.automl._promises import Found
from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse

FAST, GOOD, FAIR = (
    "p95_row_latency <= 1 ms",
    "roc_auc >= 0.8",
    "demographic_parity_difference(sex) <= 0.1",
)


def point(name, loss, *, size=1e5, latency=1e-4, auc=0.9, gap=0.05, broken=None) -> Point:
    broken = broken or {}
    return Point(
        name,
        loss,
        0.001,
        size,
        latency,
        gaps={FAST: latency, GOOD: auc, FAIR: gap},
        better={FAST: 1, GOOD: -1, FAIR: 1},
        violation=float(len(broken)),
        broken=broken,
        units={FAST: "seconds", GOOD: "share", FAIR: "share"},
    )


def close(one: str, other: str) -> float:
    return 0.0003


SEVERAL = [
    point("cat, deep", 0.276, size=4e6, latency=3.1e-3, auc=0.929, broken={FAST: "3.1 ms"}),
    point("boosted", 0.280, size=4e5, latency=3e-4, auc=0.927),
    point("boosted twice", 0.2801, size=8e5, latency=4e-4, auc=0.9268, gap=0.049),
    point("small", 0.2821, size=5e4, latency=6e-5, auc=0.926, gap=0.02),
    point("unfair", 0.279, size=4e5, latency=3e-4, auc=0.928, gap=0.19, broken={FAIR: "0.19"}),
    point("behind", 0.300, size=9e5, latency=9e-4, auc=0.91),
]


def test_the_least_loss_that_keeps_every_promise_is_chosen_and_of_a_tie_the_cheapest() -> None:
    found = choose(SEVERAL, paired=close)
    assert found.point.name == "boosted"
    assert found.ties == ("boosted twice",)
    cheaper = [point("a", 0.2801, size=1e3, latency=1e-5), point("b", 0.2800)]
    taken = choose(cheaper, paired=close)
    assert taken.point.name == "a"
    assert "within noise" in taken.reason
    assert choose(cheaper, paired=close, tie=0.0).point.name == "b"


def test_without_paired_errors_they_are_added_up() -> None:
    apart = [point("a", 0.2815, size=1e3), point("b", 0.2800)]
    assert choose(apart).point.name == "b"
    assert choose([point("a", 0.2813, size=1e3), point("b", 0.2800)]).point.name == "a"


def test_where_none_keeps_every_promise_the_nearest_is_chosen() -> None:
    far, near = point("far", 0.1, broken={FAST: "9 ms", FAIR: "0.5"}), point("near", 0.5, broken={FAST: "2 ms"})
    found = choose([far, near])
    assert found.point.name == "near"
    assert "nearest to keeping" in found.reason


def test_what_is_better_is_told_with_the_promise_that_it_breaks() -> None:
    told = explain(SEVERAL, "boosted", paired=close)
    assert told[0] == (
        "'cat, deep' has 0.004 less log loss (+0.002 roc_auc) but answers in 3.1 ms (p95), "
        "over your promise p95_row_latency <= 1 ms"
    )
    assert "'unfair' has 0.001 less log loss (+0.001 roc_auc) but has demographic_parity_difference 0.19" in told[1]


def test_what_is_cheaper_is_told_with_what_it_would_cost_in_the_promised_unit() -> None:
    told = "\n".join(explain(SEVERAL, "boosted", paired=close))
    assert "a size of 50 kB instead of 400 kB would cost +0.0021 log loss (-0.001 roc_auc) ('small')" in told
    assert "a latency of 60 us (p95) instead of 300 us would cost" in told
    assert "demographic_parity_difference(sex) 0.02 instead of 0.05 would cost" in told
    assert "behind" not in told


def test_a_tie_is_called_one() -> None:
    told = explain(SEVERAL, "boosted", paired=close)
    assert "'boosted twice' is a tie (0.0001 +- 0.0003 log loss)" in told[-1]
    broken = [SEVERAL[1], point("also", 0.2799, latency=2e-4, broken={FAIR: "0.2"})]
    assert "but breaks demographic_parity_difference(sex) <= 0.1" in explain(broken, "boosted", paired=close)[0]


def test_better_and_within_the_promises_is_told_with_its_costs() -> None:
    told = explain(SEVERAL[1:4], "small", paired=close)
    assert told[0].startswith("'boosted' has 0.0021 less log loss (+0.001 roc_auc); it keeps every promise and costs")
    assert "8x the size and 5x the latency" in told[0]


def test_size_and_columns_have_words_of_their_own() -> None:
    words = {"model_size <= 1 MB": "4 MB", "feature_count <= 3": "9"}
    found = explain([point("fat", 0.1, size=4e6, broken=words), point("thin", 0.5)], "thin")
    assert "has a size of 4 MB, over your promise model_size <= 1 MB" in found[0]
    assert "reads 9 columns, over your promise feature_count <= 3" in found[0]


def test_the_table_is_plain_data_with_a_reason_for_every_point() -> None:
    rows = table(SEVERAL, choose(SEVERAL, paired=close), paired=close)
    assert json.loads(json.dumps(rows)) == rows
    assert [each["name"] for each in rows if each["chosen"]] == ["boosted"]
    assert [each["name"] for each in rows if each["dominated"]] == ["behind"]
    assert all(each["why"] for each in rows)
    assert set(rows[0]) >= {"name", "loss", "error", "size_bytes", "latency_s", "gaps", "violation", "keeps"}


def test_a_point_is_made_of_what_was_found() -> None:
    promise = parse("recall >= 0.9 by sex")
    found = [
        Found(promise, Value(0.8), "share", where="sex=f", distance=0.1),
        Found(parse("brier <= 0.2"), Value(0.1), "number"),
    ]
    made = Point.of("x", found, loss=0.3, size_bytes=10.0)
    assert made.gaps == {"recall >= 0.9 by sex": 0.8, "brier <= 0.2": 0.1}
    assert made.better == {"recall >= 0.9 by sex": -1, "brier <= 0.2": 1}
    assert made.broken == {"recall >= 0.9 by sex": "0.8 at sex=f"}
    assert not made.keeps


@pytest.mark.parametrize(
    "points",
    [[], [point("a", 0.1), point("a", 0.2)], [point("a", float("nan"))]],
    ids=["none", "one name twice", "no loss"],
)
def test_no_points_twins_and_losses_that_are_none_are_refused(points) -> None:
    with pytest.raises(InvalidValue):
        choose(points)


def test_a_choice_that_is_no_point_is_refused() -> None:
    with pytest.raises(InvalidValue, match="boosted"):
        explain(SEVERAL, "bosted")


values = st.sampled_from([0.1, 0.2, 0.3, 0.4])
known = st.one_of(st.none(), values)


@st.composite
def clouds(draw) -> list[Point]:
    n = draw(st.integers(1, 12))
    made = []
    for index in range(n):
        broken = {FAIR: "x"} if draw(st.booleans()) else {}
        gap = draw(values)
        made.append(
            Point(
                f"p{index}",
                draw(values),
                0.05,
                draw(known),
                draw(known),
                gaps={FAIR: gap} if draw(st.booleans()) else {},
                better={FAIR: 1},
                violation=gap if broken else 0.0,
                broken=broken,
            )
        )
    return made


def axes(each: Point) -> np.ndarray:
    numbers = (each.loss, each.size_bytes, each.latency_s, each.gaps.get(FAIR))
    return np.array([np.inf if number is None else number for number in numbers])


@given(points=clouds())
def test_the_set_is_what_no_other_point_dominates(points) -> None:
    edge = frontier(points)
    assert any(edge)
    for each, kept in zip(points, edge, strict=True):
        beaten = [other for other in points if (axes(other) <= axes(each)).all() and (axes(other) < axes(each)).any()]
        assert kept == (not beaten)
        # What is dominated is dominated by something in the set.
        assert kept or any(edge[points.index(other)] for other in beaten)


@given(points=clouds(), tie=st.sampled_from([0.0, 1.0, 2.0]))
def test_a_choice_keeps_what_any_point_keeps_and_costs_no_more_than_the_best_within_noise(points, tie) -> None:
    found = choose(points, tie=tie)
    least = min(each.violation for each in points)
    assert found.point.violation == least
    best = min(each.loss for each in points if each.violation == least)
    assert found.point.loss - best <= tie * np.hypot(0.05, 0.05) + 1e-12
    assert len(explain(points, found.point.name, tie=tie)) <= MOST_SENTENCES
    assert len(table(points, found, tie=tie)) == len(points)
