"""Series: what is derived from the past of the target is right, the same in training and serving, and never too new."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._series import SeriesPlan, derive, history, propose
from holdfast.automl._series_spans import STATISTICS, statistics
from holdfast.core.errors import ColumnNotFound, DataError, InvalidValue

START = datetime.fromisoformat("2024-01-01T00:00:00")
HOUR = 3_600_000_000
SEEDS = st.integers(0, 10_000)


def made_up(seed, *, series=2, steps=40, gaps=0.2, missing=0.1, irregular=False) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for each in range(series):
        kept = np.flatnonzero(rng.random(steps) >= gaps)
        minutes = np.sort(rng.choice(10_000, len(kept), replace=False)) if irregular else kept * 60
        value = np.where(rng.random(len(kept)) < missing, np.nan, rng.normal(100, 30, len(kept)))
        times = [START + timedelta(minutes=int(minute)) for minute in minutes]
        parts.append(pl.DataFrame({"shop": f"s{each}", "when": times, "sold": pl.Series(value).fill_nan(None)}))
    table = pl.concat(parts)
    return table.sample(fraction=1.0, shuffle=True, seed=seed).with_columns(pl.lit(1.0).alias("price"))


def plan_for(seed, **given) -> SeriesPlan:
    rng = np.random.default_rng(seed + 1)
    horizon = int(rng.integers(1, 6))
    lags = tuple(sorted({horizon, horizon + int(rng.integers(0, 9))}))
    windows = tuple(sorted({int(each) for each in rng.integers(2, 12, 2)}))
    clock = {"clock": "time", "step": HOUR}
    return SeriesPlan("when", "sold", horizon, "shop", lags, windows, **{**clock, **given})


CLOCKS = [{}, {"clock": "rows", "step": 1}, {"steps": {"s1": 0}}, {"steps": {"s1": 2 * HOUR}}]


@pytest.mark.parametrize("clock", CLOCKS, ids=["time", "rows", "mixed", "two steps"])
@settings(max_examples=25)
@given(seed=SEEDS, cut=st.integers(0, 40), all_of_it=st.booleans())
def test_a_later_part_with_its_history_is_derived_bit_for_bit_as_in_the_whole(clock, seed, cut, all_of_it):
    table, plan = made_up(seed, irregular=clock.get("clock") == "rows"), plan_for(seed, **clock)
    moment = START + timedelta(hours=cut)
    early, late = table.filter(pl.col("when") < moment), table.filter(pl.col("when") >= moment)
    kept = early if all_of_it else history(early, plan)
    expected = derive(table, plan).filter(pl.col("when") >= moment)
    assert derive(late, plan, history=kept).equals(expected)


@pytest.mark.parametrize("clock", CLOCKS, ids=["time", "rows", "mixed", "two steps"])
@settings(max_examples=25)
@given(seed=SEEDS)
def test_no_value_depends_on_a_target_less_than_a_horizon_before(clock, seed):
    table, plan = made_up(seed, irregular=clock.get("clock") == "rows"), plan_for(seed, **clock)
    found = derive(table, plan)
    row = int(np.random.default_rng(seed).integers(table.height))
    shop, moment = table["shop"][row], table["when"][row]
    mine = table.filter(pl.col("shop") == shop).sort("when")["when"].to_list()
    step = timedelta(microseconds=plan.steps.get(shop, plan.step))
    by_rows = plan.clock == "rows" or plan.steps.get(shop) == 0
    edge = mine.index(moment) - plan.horizon
    before = (mine[edge] if edge >= 0 else START - timedelta(days=1)) if by_rows else moment - plan.horizon * step
    changed = table.with_columns(
        pl.when((pl.col("when") > before) | (pl.col("shop") != shop)).then(-1e6).otherwise("sold").alias("sold")
    )
    assert derive(changed, plan).select(plan.names)[row].equals(found.select(plan.names)[row])
    unknown = table.with_columns(pl.when(pl.col("when") > before).then(None).otherwise("sold").alias("sold"))
    assert derive(unknown, plan).select(plan.names)[row].equals(found.select(plan.names)[row])


def told(values: list[float]) -> dict[str, float]:
    none = math.nan
    return {
        "mean": float(np.mean(values)) if values else none,
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else none,
        "min": min(values, default=none),
        "max": max(values, default=none),
    }


@settings(max_examples=12)
@given(seed=SEEDS)
def test_lags_and_windows_are_those_of_their_definitions(seed):
    table, plan = made_up(seed), plan_for(seed)
    found = derive(table, plan)
    known = {(shop, when): sold for shop, when, sold, _ in table.iter_rows() if sold is not None}
    for row in found.iter_rows(named=True):
        back = lambda steps, row=row: known.get((row["shop"], row["when"] - timedelta(hours=steps)))  # noqa: E731 - short
        for lag in plan.lags:
            assert row[f"sold_lag_{lag}"] == back(lag)
        for window in plan.windows:
            inside = [back(each) for each in range(plan.horizon, plan.horizon + window)]
            expected = told([each for each in inside if each is not None])
            for kind, value in expected.items():
                got = row[f"sold_{kind}_{window}"]
                assert (got is None) == math.isnan(value)
                assert got is None or got == pytest.approx(value, rel=1e-12, abs=1e-9)


@settings(max_examples=50)
@given(seed=SEEDS)
def test_statistics_of_a_stretch_are_those_of_its_values(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(1e6, 1.0, 60)
    start = rng.integers(0, 61, 20)
    stop = np.minimum(60, start + rng.integers(0, 40, 20))
    found = statistics(values, start, stop)
    for each in range(20):
        expected = told(values[start[each] : stop[each]].tolist())
        for kind in STATISTICS:
            assert found[kind][each] == pytest.approx(expected[kind], rel=1e-9, nan_ok=True)


def test_a_constant_stretch_has_no_spread_at_all():
    found = statistics(np.full(50, 0.1), np.zeros(1, dtype=int), np.array([47]))
    assert (found["mean"][0], found["std"][0]) == (0.1, 0.0)


def test_rows_keep_their_order_and_their_columns():
    table = made_up(3)
    found = derive(table, plan_for(3))
    assert found.select(table.columns).equals(table)
    assert found.columns == [*table.columns, *plan_for(3).names]
    assert set(found.select(plan_for(3).names).dtypes) == {pl.Float64}


def test_a_gap_is_no_row_and_what_is_not_known_is_missing():
    table = pl.DataFrame({"day": [date(2024, 1, each) for each in (1, 2, 3, 5)], "y": [1.0, 2.0, None, 5.0]})
    plan = SeriesPlan("day", "y", 1, None, (1, 2), (2,), clock="time", step=24 * HOUR)
    found = derive(table, plan)
    assert found["y_lag_1"].to_list() == [None, 1.0, 2.0, None]
    assert found["y_lag_2"].to_list() == [None, None, 1.0, None]
    assert found["y_max_2"].to_list() == [None, 1.0, 2.0, None]
    by_rows = derive(table, replace(plan, clock="rows", step=1))
    assert by_rows["y_lag_2"].to_list() == [None, None, 1.0, 2.0]


def test_a_whole_horizon_is_forecast_at_once_from_history_alone():
    table = made_up(5, series=1, gaps=0.0, missing=0.0).drop("price")
    plan = SeriesPlan("when", "sold", 6, "shop", (6, 24), (3,), clock="time", step=HOUR)
    future = pl.DataFrame({"shop": ["s0"] * 6, "when": [START + timedelta(hours=40 + each) for each in range(6)]})
    found = derive(future, plan, history=history(table, plan))
    assert found.select(plan.names).null_count().sum_horizontal()[0] == 0
    assert found["sold_lag_6"].to_list() == table.sort("when")["sold"].to_list()[-6:]


def test_a_target_among_the_rows_counts_before_one_of_history():
    plan = SeriesPlan("day", "y", 1, None, (1,), clock="number", step=1)
    past = pl.DataFrame({"day": [1, 2], "y": [10.0, 20.0]})
    rows = pl.DataFrame({"day": [1, 2, 3], "y": [11.0, None, None]})
    assert derive(rows, plan, history=past)["y_lag_1"].to_list() == [None, 11.0, 20.0]


@pytest.mark.parametrize(
    "times",
    [
        [f"2024-01-{each:02}" for each in range(1, 9)],
        [f"2024-01-{each:02}T00:00:00" for each in range(1, 9)],
        [f"2024-01-{each:02}T02:00:00+02:00" for each in range(1, 9)],
        [datetime(2024, 1, each, tzinfo=UTC) for each in range(1, 9)],
        [START + timedelta(days=each) for each in range(8)],
        pl.Series([START + timedelta(days=each) for each in range(8)], dtype=pl.Datetime("ns")),
    ],
    ids=["days as text", "times as text", "zones as text", "zones", "times", "nanoseconds"],
)
def test_times_of_every_kind_are_one_time(times):
    days = pl.DataFrame({"day": [date(2024, 1, each) for each in range(1, 9)], "y": np.arange(8.0)})
    plan = SeriesPlan("day", "y", 2, None, (2,), clock="time", step=24 * HOUR)
    other = pl.DataFrame({"day": times})
    assert derive(other, plan, history=days)["y_lag_2"].to_list() == [None, None, *np.arange(6.0)]


def test_a_plan_comes_back_from_plain_data_and_says_what_it_is():
    plan = plan_for(0, steps={"s1": 0})
    assert SeriesPlan.from_plain(json.loads(json.dumps(plan.plain()))) == plan
    assert "a step is 1 h" in plan.sentence
    assert "1 of them go by their rows" in plan.sentence
    assert "times come irregularly" in replace(plan, clock="rows", step=1).sentence


def seasonal(times, season, *, rng=None) -> pl.DataFrame:
    rng = rng or np.random.default_rng(0)
    place = np.arange(len(times))
    value = 50 + 10 * np.sin(2 * np.pi * place / season) + 0.02 * place + rng.normal(0, 2, len(times))
    return pl.DataFrame({"when": times, "y": value})


@pytest.mark.parametrize(
    ("times", "season", "clock", "step"),
    [
        ([START + timedelta(hours=each) for each in range(600)], 24, "time", HOUR),
        ([START.date() + timedelta(days=each) for each in range(200)], 7, "time", 24 * HOUR),
        ([date(2000 + each // 12, each % 12 + 1, 1) for each in range(240)], 12, "months", 1),
        ([date(2000 + each // 12, each % 12 + 1, 28) for each in range(240)], 12, "months", 1),
        (list(range(0, 900, 3)), 10, "number", 3),
    ],
    ids=["hours", "days", "months", "months again", "numbers"],
)
def test_the_season_is_found_and_looked_back_at(times, season, clock, step):
    plan = propose(seasonal(times, season), time="when", target="y", horizon=2)
    assert (plan.clock, plan.step) == (clock, step)
    assert {2, season, 2 * season} <= set(plan.lags)
    assert plan.windows == (season,)
    assert len(plan.lags) <= 12


def test_month_ends_are_a_month_apart():
    ends = [date(2000 + each // 12, each % 12 + 1, 1) - timedelta(days=1) for each in range(1, 100)]
    assert propose(seasonal(ends, 12), time="when", target="y").clock == "months"


def test_irregular_times_go_by_rows_and_the_plan_says_so():
    rng = np.random.default_rng(0)
    times = [START + timedelta(seconds=int(each)) for each in np.cumsum(rng.integers(1, 5000, 200))]
    plan = propose(seasonal(times, 9), time="when", target="y", horizon=1)
    assert plan.clock == "rows"
    assert 9 in plan.lags
    assert "irregularly" in plan.sentence


def test_each_series_has_its_own_step():
    hours = seasonal([START + timedelta(hours=each) for each in range(300)], 24).with_columns(shop=pl.lit("hourly"))
    days = seasonal([START + timedelta(days=each) for each in range(60)], 7).with_columns(shop=pl.lit("daily"))
    odd = seasonal([START + timedelta(minutes=each**2) for each in range(60)], 7).with_columns(shop=pl.lit("odd"))
    plan = propose(pl.concat([hours, days, odd]), time="when", target="y", id="shop", horizon=3)
    assert (plan.clock, plan.step) == ("time", HOUR)
    assert plan.steps == {"daily": 24 * HOUR, "odd": 0}
    found = derive(days, plan)
    assert found["y_lag_3"].to_list() == [None] * 3 + days["y"].to_list()[:-3]
    assert derive(odd, plan)["y_lag_3"].to_list() == [None] * 3 + odd["y"].to_list()[:-3]


def test_a_time_that_cannot_be_read_is_named_by_its_row():
    plan = SeriesPlan("day", "y", 1, None, (1,), clock="time", step=24 * HOUR)
    with pytest.raises(DataError, match="'tomorrow' is no time") as told:
        derive(pl.DataFrame({"day": ["2024-01-01", "tomorrow"]}), plan)
    assert "row 1" in str(told.value)


def test_a_plan_without_lags_derives_nothing():
    table = made_up(0)
    assert derive(table, SeriesPlan("when", "sold", 1, "shop", clock="time", step=HOUR)).equals(table)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_few_rows_are_no_error(rows):
    table = pl.DataFrame(
        {"when": [START + timedelta(hours=each) for each in range(rows)], "y": np.arange(float(rows))},
        schema={"when": pl.Datetime("us"), "y": pl.Float64},
    )
    plan = propose(table, time="when", target="y", horizon=2)
    assert derive(table, plan).height == rows
    assert history(table, plan).height <= rows


def test_a_constant_and_an_unknown_target_are_no_error():
    table = seasonal([START + timedelta(hours=each) for each in range(100)], 24)
    for value in (3.0, None):
        flat = table.with_columns(pl.lit(value, dtype=pl.Float64).alias("y"))
        plan = propose(flat, time="when", target="y", horizon=1)
        assert 1 in plan.lags
        assert derive(flat, plan)["y_lag_1"].to_list() == [None] + [value] * 99


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        (lambda each: each.drop("when"), ColumnNotFound, "no column 'when'"),
        (lambda each: each.drop("shop"), ColumnNotFound, "no column 'shop'"),
        (lambda each: pl.concat([each, each[:1]]), DataError, "2 rows share a time"),
        (lambda each: each.with_columns(pl.lit(None, dtype=pl.Datetime("us")).alias("when")), DataError, "is no time"),
        (lambda each: each.with_columns(pl.lit("soon").alias("when")), DataError, "times of type String"),
        (lambda each: each.with_columns(pl.lit("01/02/2024").alias("when")), DataError, "times of type String"),
        (lambda each: each.with_columns(pl.lit(1.5).alias("when")), DataError, "where times were learnt"),
        (lambda each: each.with_columns(pl.lit(value=True).alias("when")), DataError, "times of type Boolean"),
        (lambda each: each.with_columns(pl.lit("many").alias("sold")), DataError, "is no number"),
        (lambda each: each.with_columns(pl.lit(1.0).alias("sold_lag_1")), InvalidValue, "there already"),
    ],
)
def test_rows_that_no_plan_fits_are_refused(change, error, word):
    plan = SeriesPlan("when", "sold", 1, "shop", (1,), clock="time", step=HOUR)
    with pytest.raises(error, match=word):
        derive(change(made_up(0)), plan)


def test_times_are_no_numbers_and_numbers_are_whole():
    plan = SeriesPlan("when", "y", 1, None, (1,), clock="number")
    with pytest.raises(DataError, match="where numbers were learnt"):
        derive(pl.DataFrame({"when": [START]}), plan)
    with pytest.raises(DataError, match=r"1\.5 is no time"):
        derive(pl.DataFrame({"when": [1.0, 1.5]}), plan)


def test_training_needs_the_target():
    with pytest.raises(ColumnNotFound, match="no column 'sold'"):
        propose(made_up(0).drop("sold"), time="when", target="sold", id="shop")
    with pytest.raises(ColumnNotFound, match="no column 'sold'"):
        history(made_up(0).drop("sold"), plan_for(0))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"horizon": 0}, "horizon 0"),
        ({"horizon": 3, "lags": (2, 5)}, "lag 2 with horizon 3"),
        ({"horizon": 1, "windows": (1,)}, "window 1"),
        ({"horizon": 1, "statistics": ("median",)}, "statistic 'median'"),
        ({"horizon": 1, "clock": "moon"}, "clock 'moon'"),
        ({"horizon": 1, "step": 0}, "step 0"),
    ],
)
def test_a_plan_that_looks_ahead_or_nowhere_is_refused(given, word):
    with pytest.raises(InvalidValue, match=word):
        SeriesPlan("when", "y", **given)


def test_lags_beat_no_lags_and_last_week_on_real_hours(real):
    import lightgbm as lgb

    table = real("bike_sharing/hour.parquet").with_columns(
        (pl.col("dteday").cast(pl.Datetime("us")) + pl.duration(hours=pl.col("hr"))).alias("when")
    )
    known = ["hr", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]
    edge = int(0.8 * table.height)
    plan = propose(table[:edge], time="when", target="cnt", horizon=24)
    assert {24, 168} <= set(plan.lags)
    later = derive(table[edge:], plan, history=history(table[:edge], plan))
    whole = derive(table, plan)
    assert later.equals(whole[edge:])
    truth = table["cnt"].cast(float).to_numpy()

    def error(columns):
        matrix = whole.select(columns).cast(pl.Float64).to_numpy()
        data = lgb.Dataset(matrix[:edge], truth[:edge])
        model = lgb.train({"verbosity": -1, "num_threads": 1, "deterministic": True}, data, 40)
        return float(np.sqrt(np.mean((model.predict(matrix[edge:]) - truth[edge:]) ** 2)))

    week = later["cnt_lag_168"].fill_null(strategy="forward").to_numpy()
    naive = float(np.sqrt(np.mean((week - truth[edge:]) ** 2)))
    assert error([*known, *plan.names]) < 0.8 * min(error(known), naive)
