"""Odd rows: out of range, wrong together, rare; and tables in order raise no alarm."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, EmptyTable, InvalidValue, NotMeasurable
from holdfast.quality.anomalies._rows_levels import pair_p, rare_level_p
from holdfast.quality.anomalies._rows_pairs import robust_distances
from holdfast.quality.anomalies._rows_tails import combined, tail_p, two_sided_p
from holdfast.quality.anomalies.rows import score_rows


def auc(truth: Any, score: Any) -> float:
    order = np.argsort(np.argsort(score, kind="stable"), kind="stable") + 1.0
    hits = truth.sum()
    return float((order[truth].sum() - hits * (hits + 1) / 2) / (hits * (len(truth) - hits)))


def planted(n: int, seed: int) -> tuple[pl.DataFrame, Any, Any]:
    """Six numbers, one skewed and two that go together; some rows out of range, in others the pair is wrong."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(n, 6))
    data[:, 1] = 0.9 * data[:, 0] + 0.44 * data[:, 1]
    data[:, 3] = np.exp(data[:, 3])
    out, pair = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    chosen = rng.choice(n, n // 50, replace=False)
    out[chosen[: n // 100]], pair[chosen[n // 100 :]] = True, True
    data[out, 2] = rng.choice([-1.0, 1.0], out.sum()) * rng.uniform(5.0, 8.0, out.sum())
    data[pair, 0] = rng.choice([-1.0, 1.0], pair.sum()) * rng.uniform(1.2, 2.0, pair.sum())
    data[pair, 1] = -data[pair, 0]
    return pl.DataFrame(data, schema=[f"c{each}" for each in range(6)]), out, pair


def test_both_planted_kinds_are_found_where_an_isolation_forest_misses_the_wrong_pair() -> None:
    from sklearn.ensemble import IsolationForest

    table, out, pair = planted(1500, 0)
    score = score_rows(table).score
    forest = -IsolationForest(random_state=0).fit(table.to_numpy()).score_samples(table.to_numpy())
    assert auc(out[~pair], score[~pair]) > 0.97
    assert auc(pair[~out], score[~out]) > 0.97
    assert auc(pair[~out], forest[~out]) < 0.95


def test_flags_hold_few_rows_that_are_in_order_and_the_blame_is_right() -> None:
    table, out, pair = planted(2000, 1)
    found = score_rows(table)
    flagged = np.flatnonzero(found.flag)
    assert len(flagged) >= 20
    assert (out | pair)[flagged].mean() >= 0.9
    assert {found.blamed[row][0].column for row in flagged.tolist() if out[row]} == {"c2"}
    assert {found.blamed[row][0].column for row in flagged.tolist() if pair[row]} <= {"c0", "c1"}
    assert sorted(found.blamed) == flagged.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_a_table_in_order_raises_hardly_any_alarm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = pl.DataFrame(
        {
            "normal": rng.normal(size=1500),
            "skewed": rng.lognormal(size=1500),
            "count": rng.poisson(2.0, 1500),
            "mostly nothing": np.where(rng.random(1500) < 0.9, 0.0, rng.lognormal(3.0, 1.0, 1500)),
            "kind": rng.choice(["a", "b", "c"], 1500, p=[0.6, 0.39, 0.01]),
        }
    )
    assert score_rows(table, seed=seed).flag.sum() <= 2


def test_a_combination_of_common_levels_that_is_rare_is_found() -> None:
    city = np.repeat(["Rome", "Paris"], 500)
    land = np.where(city == "Rome", "Italy", "France")
    land[700] = "Italy"
    found = score_rows(pl.DataFrame({"city": city, "land": land, "x": np.arange(1000.0) % 97}))
    assert found.ranking()[0] == 700
    assert {each.column for each in found.blamed.get(700, ())} in ({"city", "land"}, set())


def test_a_rare_level_is_surprising_but_not_where_all_are_rare() -> None:
    p, rows = rare_level_p(np.array([0.0] * 998 + [1.0, np.nan]))
    assert p[998] == pytest.approx(1 / 999)
    assert p[999] == 1.0
    assert rows[998] == 1
    assert (rare_level_p(np.arange(50.0))[0] == 1.0).all()


def test_a_combination_needs_levels_and_rows() -> None:
    assert pair_p(np.arange(500.0), np.arange(500.0) % 2) is None
    assert pair_p(np.zeros(20), np.ones(20)) is None
    assert pair_p(np.full(500, np.nan), np.zeros(500)) is None


def test_equal_constant_and_missing_columns_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    twin = x.copy()
    twin[17] = -x[17] + 1.0
    table = pl.DataFrame(
        {"x": x, "twin": twin, "same": 1.0, "nothing": pl.Series([None] * 400, dtype=pl.Float64), "many": [[1]] * 400}
    )
    found = score_rows(table)
    assert found.ranking()[0] == 17
    assert found.used == ("x", "twin")
    assert [note.split()[0] for note in found.notes] == ["same", "nothing", "many"]


def test_infinities_and_huge_numbers_are_taken() -> None:
    values = np.random.default_rng(0).normal(size=200)
    values[[3, 4, 5]] = np.inf, -np.inf, 1e300
    found = score_rows(pl.DataFrame({"x": values, "y": np.arange(200.0) % 31}))
    assert np.isfinite(found.score).all()
    assert found.ranking()[0] == 5


def test_more_columns_than_rows_are_taken() -> None:
    data = np.random.default_rng(0).normal(size=(25, 60))
    found = score_rows(pl.DataFrame(data, schema=[f"c{each}" for each in range(60)]))
    assert found.flag.sum() == 0
    assert np.isfinite(found.p_value).all()


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_few_rows_are_taken(n: int) -> None:
    table = pl.DataFrame({"x": np.arange(n) * 1.5, "kind": [str(each % 2) for each in range(n)]})
    if n == 1:
        with pytest.raises(NotMeasurable, match="two different"):
            score_rows(table)
        return
    assert score_rows(table).flag.sum() == 0


def test_truth_and_times_take_part() -> None:
    when = [date(2020, 1, 1) + timedelta(days=each % 40) for each in range(300)]
    when[7] = date(1920, 1, 1)
    found = score_rows(pl.DataFrame({"when": when, "open": [each != 9 for each in range(300)]}))
    assert found.used == ("when", "open")
    assert set(found.ranking()[:2].tolist()) == {7, 9}


def test_the_same_seed_gives_the_same_scores() -> None:
    table, _, _ = planted(300, 2)
    assert score_rows(table, seed=1).score.tolist() == score_rows(table, seed=1).score.tolist()


def test_only_the_columns_asked_for_are_looked_at() -> None:
    table, out, _ = planted(400, 3)
    found = score_rows(table, columns=["c2"])
    assert found.used == ("c2",)
    assert set(found.ranking()[: out.sum()].tolist()) == set(np.flatnonzero(out).tolist())


def test_bad_arguments_are_refused() -> None:
    table = pl.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(ColumnNotFound, match="'y'"):
        score_rows(table, columns=["y"])
    with pytest.raises(EmptyTable):
        score_rows(table.clear())
    with pytest.raises(InvalidValue, match="false_alarms"):
        score_rows(table, false_alarms=0.0)
    with pytest.raises(NotMeasurable, match="no column says anything"):
        score_rows(pl.DataFrame({"x": [1, 1]}))
    with pytest.raises(NotMeasurable):
        score_rows(pl.DataFrame({"x": []}, schema={"x": pl.Float64}).vstack(pl.DataFrame({"x": [float("nan")]})))


@pytest.mark.parametrize("draw", ["normal", "standard_exponential", "standard_cauchy"])
def test_tails_are_carried_on_without_promising_too_much(draw: str) -> None:
    values = getattr(np.random.default_rng(0), draw)(size=20_000)
    p = two_sided_p(values)
    assert (p < 1e-3).mean() < 0.01
    assert p[np.argmax(np.abs(values))] < 0.01


def test_a_column_that_is_one_value_in_most_rows_is_that_and_a_rest() -> None:
    few = np.zeros(1000)
    few[:4] = 3.0, 4.0, 5.0, 900.0
    assert two_sided_p(few)[:4].tolist() == [0.004] * 4
    assert two_sided_p(few)[10] == 1.0
    assert (two_sided_p(np.array([1.0, 2.0, np.nan])) == 1.0).all()
    assert (tail_p(np.array([1.0, np.nan])) == 1.0).all()


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_a_combined_probability_is_one_and_no_smaller_than_corrected_for_the_number(p_values: list[float]) -> None:
    found = float(combined(np.array(p_values)[:, None])[0])
    assert 0.0 < found <= 1.0
    assert found >= 0.3 * max(min(p_values), 1e-16)


def test_a_single_column_has_no_distance() -> None:
    found = robust_distances(np.arange(50.0)[:, None], [])
    assert (found.distance_p == 1.0).all()
    assert (robust_distances(np.zeros((50, 0)), []).distance_p == 1.0).all()
