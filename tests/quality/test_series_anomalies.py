from __future__ import annotations

import functools
import os
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue
from holdfast.quality.anomalies.series import KINDS, SeriesAnomalies, score_series

START = datetime(2026, 1, 5)  # noqa: DTZ001 - times of a table without a zone
HALF_HOUR = timedelta(minutes=30)


def mirror(*parts: str) -> Path:
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in HOLDFAST_MIRROR or ../shared/data")
    return path


def clock(rows: int, step: timedelta = HALF_HOUR) -> pl.Series:
    return pl.Series("time", [START + step * row for row in range(rows)])


def seasonal(rows: int, *, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """Half-hourly values with a day and noise."""
    place = 2 * np.pi * np.arange(rows) / 48
    return 20 + 6 * np.sin(place) + 3 * np.sin(2 * place + 1) + np.random.default_rng(seed).normal(0, noise, rows)


def scored(values: np.ndarray, **options: object) -> SeriesAnomalies:
    return score_series(clock(len(values)), pl.Series("value", values), **options)  # type: ignore[arg-type]  # test


def within(found: SeriesAnomalies, first: int, last: int) -> list[str]:
    return [str(kind) for kind in found.kind[first:last][found.flag[first:last]]]


def eventful(seed: int) -> np.ndarray:
    """Two weeks and more with everything in it: gaps, infinities, a flat line, a spike, a shift."""
    values = seasonal(900, seed=seed)
    values[300:308] = np.nan
    values[400] += 30
    values[500] = np.inf
    values[560:620] = values[560]
    values[700:] += 12
    return values


@functools.cache
def whole_of(seed: int) -> SeriesAnomalies:
    return scored(eventful(seed))


@settings(max_examples=12)
@given(st.integers(0, 899), st.integers(0, 1))
def test_a_prefix_is_scored_as_the_whole_is(length: int, seed: int) -> None:
    values, times = eventful(seed), clock(900)
    whole = whole_of(seed)
    part = score_series(times[:length], pl.Series(values[:length]))
    assert np.array_equal(part.score, whole.score[:length])
    assert np.array_equal(part.flag, whole.flag[:length])
    assert np.array_equal(part.kind, whole.kind[:length])


@pytest.mark.parametrize("length", [25, 120, 611])
def test_a_prefix_of_an_index_with_a_season_of_its_own_is_scored_as_the_whole_is(length: int) -> None:
    rng = np.random.default_rng(8)
    values = 5 * np.sin(2 * np.pi * np.arange(1000) / 37) + rng.standard_t(3, 1000)
    times = pl.Series(np.cumsum(rng.integers(1, 4, 1000)))
    whole, part = score_series(times, pl.Series(values)), score_series(times[:length], pl.Series(values[:length]))
    assert np.array_equal(part.score, whole.score[:length])
    assert np.array_equal(part.flag, whole.flag[:length])


@pytest.mark.parametrize(("factor", "shift"), [(1000.0, 0.0), (-0.37, 5.0), (1e-9, 1.0), (1.0, 1e5)])
def test_unit_and_origin_of_the_values_do_not_matter(factor: float, shift: float) -> None:
    values = seasonal(800)
    values[600] += 15
    one, other = scored(values), scored(factor * values + shift)
    assert np.allclose(one.score, other.score, atol=1e-4)
    assert np.array_equal(one.flag, other.flag)


def test_scores_lie_between_none_and_one_and_a_flag_is_a_half() -> None:
    found = scored(eventful(1))
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert (found.score[found.flag] >= 0.5).all()
    first = int(np.argmax(found.score >= 0.5))
    assert found.flag[first]
    assert set(found.kind[found.flag]) <= set(KINDS)
    assert set(found.kind[~found.flag]) == {""}


@pytest.mark.parametrize("seed", range(3))
def test_a_spike_is_found_at_its_row_and_told_once(seed: int) -> None:
    values = seasonal(1500, seed=seed)
    values[1200] += 14
    found = scored(values)
    assert found.flag[1200]
    assert within(found, 1201, 1300) == []
    assert found.flag[300:].sum() <= 3


@pytest.mark.parametrize("seed", range(3))
def test_a_level_that_shifts_is_found_within_hours(seed: int) -> None:
    values = seasonal(1500, seed=seed)
    values[1200:] += 6
    found = scored(values)
    assert found.flag[1200:1220].any()
    assert found.flag[300:1200].sum() <= 2
    assert found.flag[1200:].sum() <= 6


@pytest.mark.parametrize("seed", range(3))
def test_a_value_that_stands_still_is_found(seed: int) -> None:
    values = seasonal(1500, seed=seed)
    values[1200:1260] = values[1200]
    assert scored(values).flag[1200:1260].any()


def test_a_sensor_that_stands_still_is_called_flat() -> None:
    values = np.random.default_rng(0).normal(0, 1, 1000)
    values[800:850] = values[799]
    assert within(scored(values), 800, 850)[0] == "flat"


@pytest.mark.parametrize("seed", range(3))
def test_more_spread_than_before_is_found(seed: int) -> None:
    values = seasonal(1500, seed=seed)
    values[1200:1296] += np.random.default_rng(seed).normal(0, 4, 96)
    assert scored(values).flag[1200:1296].any()


def test_a_value_at_the_wrong_place_of_the_season_is_found_though_it_is_an_ordinary_one() -> None:
    values = seasonal(1500, noise=0.3)
    values[1200:1248] = np.roll(values[1200:1248], 24)
    assert "season" in within(scored(values), 1200, 1248)


def test_a_slow_drift_is_found_and_called_a_trend() -> None:
    values = np.random.default_rng(3).normal(0, 1, 3000)
    values[2000:] += np.minimum(np.arange(1000) / 100, 5)
    found = within(scored(values), 2000, 3000)
    assert "trend" in found


def test_missing_rows_are_a_gap() -> None:
    values, keep = seasonal(1500), np.ones(1500, dtype=bool)
    keep[1000:1100] = False
    found = score_series(clock(1500).filter(pl.Series(keep)), pl.Series(values[keep]))
    assert found.kind[1000] == "gap"


def test_missing_values_are_a_gap_while_they_last() -> None:
    values = seasonal(1500)
    values[1000:1100] = np.nan
    found = scored(values)
    assert "gap" in within(found, 1000, 1101)
    assert "100 values are missing" in found.notes


def test_what_keeps_happening_loses_weight() -> None:
    values = np.random.default_rng(5).normal(0, 1, 3000)
    spikes = np.arange(300, 3000, 90)
    values[spikes] += 9
    score = scored(values).score[spikes]
    assert score[0] > score[-10:].mean() + 0.1


NOISES = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "heavy": lambda rng, n: rng.standard_t(3, n),
    "skewed": lambda rng, n: rng.lognormal(0, 1, n),
    "counts": lambda rng, n: rng.poisson(5, n).astype(float),
    "wandering": lambda rng, n: np.cumsum(rng.normal(0, 1, n)),
}


@pytest.mark.parametrize("noise", sorted(NOISES))
@pytest.mark.parametrize("season", [0.0, 6.0])
def test_noise_alone_alarms_less_than_once_a_week(noise: str, season: float) -> None:
    rows, flags = 48 * 7 * 4, 0
    for seed in range(2):
        values = NOISES[noise](np.random.default_rng(seed), rows) + season * seasonal(rows, noise=0.0) / 6
        flags += int(scored(values).flag.sum())
    assert flags <= 2 * 4


def test_alarms_that_are_bearable_more_often_come_more_often() -> None:
    values = NOISES["heavy"](np.random.default_rng(1), 1500)
    few, many = scored(values, alarms_per_week=0.1), scored(values, alarms_per_week=20.0)
    assert few.flag.sum() < many.flag.sum()


@pytest.mark.parametrize("season", ["24 h", "1 d", "48 rows"])
def test_a_stated_season_is_used(season: str) -> None:
    found = scored(seasonal(600), season=season)
    assert any(note.startswith("season: 48 rows") for note in found.notes)


def test_no_season_is_looked_for_where_none_is_stated() -> None:
    assert not any(note.startswith("season") for note in scored(seasonal(600), season="none").notes)


def test_a_period_that_nobody_named_is_found() -> None:
    values = 5 * np.sin(2 * np.pi * np.arange(800) / 50) + np.random.default_rng(0).normal(0, 0.5, 800)
    found = score_series(pl.Series(range(800)), pl.Series(values))
    assert any(note.startswith("season: 50 rows") for note in found.notes)


@pytest.mark.parametrize("season", ["", "often", "0 h", "5 MB", "-1 d", "1"])
def test_a_season_that_is_no_length_is_refused(season: str) -> None:
    with pytest.raises(InvalidValue, match="season"):
        scored(seasonal(50), season=season)


def test_an_index_has_no_hours() -> None:
    with pytest.raises(InvalidValue, match="of an index"):
        score_series(pl.Series(range(50)), pl.Series(seasonal(50)), season="24 h")


@pytest.mark.parametrize("alarms", [0.0, -1.0, float("nan"), float("inf")])
def test_alarms_a_week_must_be_a_positive_number(alarms: float) -> None:
    with pytest.raises(InvalidValue, match="alarms_per_week"):
        scored(seasonal(50), alarms_per_week=alarms)


def test_as_many_times_as_values_are_needed() -> None:
    with pytest.raises(InvalidValue, match="3 times and 2 values"):
        score_series(pl.Series([1, 2, 3]), pl.Series([1, 2]))


@pytest.mark.parametrize("values", [["a", "b", "c"], [[1], [2], [3]], [START, START, START]])
def test_values_that_are_no_numbers_are_refused(values: list[object]) -> None:
    with pytest.raises(InvalidValue, match="does not hold numbers"):
        score_series(pl.Series([1, 2, 3]), pl.Series("v", values))


@pytest.mark.parametrize("rows", [0, 1, 2, 19, 23])
def test_a_tiny_series_is_told_to_be_one(rows: int) -> None:
    values = np.zeros(rows)
    values[rows // 2 :] = 1e9
    found = scored(values)
    assert not found.flag.any()
    assert (found.score < 0.5).all()
    assert any("too few" in note for note in found.notes)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(300),
        np.full(300, np.nan),
        np.arange(300.0),
        np.r_[np.full(150, np.nan), np.zeros(150)],
        np.tile([0.0, 1.0], 150),
        np.full(300, 5e-324) * np.arange(300),
    ],
)
def test_a_series_without_surprises_has_no_alarm(values: np.ndarray) -> None:
    found = scored(values)
    assert not found.flag.any()
    assert np.isfinite(found.score).all()


def test_the_largest_numbers_are_scored() -> None:
    found = scored(np.r_[np.full(300, 1.7e308), np.full(20, -1.7e308)])
    assert found.flag[300]


def test_the_first_move_of_a_constant_is_found() -> None:
    assert scored(np.r_[np.zeros(400), 1.0, np.zeros(99)]).flag[400]


def test_shuffled_rows_get_the_scores_of_their_times() -> None:
    values, times = eventful(2), clock(900)
    order = np.random.default_rng(0).permutation(900)
    sorted_, shuffled = score_series(times, pl.Series(values)), score_series(times[order], pl.Series(values[order]))
    assert np.array_equal(shuffled.score, sorted_.score[order])
    assert any("not in the order of time" in note for note in shuffled.notes)


def test_a_clock_set_back_keeps_the_order_of_the_table() -> None:
    times = pl.concat([clock(400), clock(500)[398:]])
    found = score_series(times, pl.Series(seasonal(502)))
    assert any("steps back" in note and "order of the table" in note for note in found.notes)


def test_equal_times_are_scored_in_the_order_of_the_rows() -> None:
    times = pl.Series([START] * 300)
    assert not score_series(times, pl.Series(seasonal(300))).flag.any()


def test_a_row_without_a_time_has_no_score() -> None:
    values = seasonal(300)
    times = clock(300).to_list()
    times[250] = None
    found = score_series(pl.Series(times), pl.Series(values))
    assert found.score[250] == 0.0
    assert any("no time that can be read" in note for note in found.notes)


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M", "%Y/%m/%d %H:%M"],
)
def test_times_in_text_are_scored_as_times_are(form: str) -> None:
    values = eventful(3)
    text = pl.Series([each.strftime(form) for each in clock(900).to_list()])
    assert np.array_equal(score_series(text, pl.Series(values)).score, scored(values).score)


@pytest.mark.parametrize("per_second", [1, 1_000, 1_000_000])
def test_instants_since_1970_are_scored_as_times_are(per_second: int) -> None:
    values = eventful(3)
    instants = clock(900).dt.epoch("s") * per_second
    assert np.array_equal(score_series(instants, pl.Series(values)).score, scored(values).score)


def test_dates_alone_are_times() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    values[300] = 12
    dates = pl.Series([START.date() + timedelta(days=day) for day in range(400)])
    assert score_series(dates, pl.Series(values)).flag[300]


def test_the_day_is_that_of_the_time_zone_though_the_clock_is_set() -> None:
    first = START.replace(month=3, day=1)
    last = START.replace(month=4, day=20)
    times = pl.datetime_range(first, last, "30m", time_zone="Europe/Berlin", eager=True)
    place = 2 * np.pi * (times.dt.hour().to_numpy() + times.dt.minute().to_numpy() / 60) / 24
    values = 10 * np.sin(place) + np.random.default_rng(0).normal(0, 0.5, len(times))
    after = np.asarray(times.dt.date() >= date(2026, 3, 29))
    assert score_series(times, pl.Series(values)).flag[after].sum() <= 2


@pytest.mark.parametrize("times", [["x", "y", "z"], [[1], [2], [3]], [True, False, True]])
def test_times_that_are_none_are_refused(times: list[object]) -> None:
    with pytest.raises(InvalidValue, match="time"):
        score_series(pl.Series("t", times), pl.Series([1.0, 2.0, 3.0]))


def test_numbers_in_text_are_values() -> None:
    values = seasonal(200)
    text = pl.Series([f" {each!r} " for each in values.tolist()])
    assert np.array_equal(score_series(clock(200), text).score, scored(values).score)


def test_the_failure_of_a_real_machine_is_found_before_its_label() -> None:
    rows = pl.read_parquet(mirror("nab", "machine_temperature_system_failure.parquet"))[:5000]
    found = score_series(rows["timestamp"], rows["value"])
    assert found.flag[3700:4200].any()
    assert found.flag[750:].sum() <= 6


def test_two_tables_one_below_the_other_are_scored_in_their_order() -> None:
    values = np.concatenate((eventful(0), eventful(1)))
    times = pl.concat([clock(900), clock(900).dt.offset_by("-60y")])
    found = score_series(times, pl.Series(values))
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert found.flag.any()
