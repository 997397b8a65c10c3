from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable
from holdfast.quality._expressions import Certainty
from holdfast.quality.measures.correlation import correlation
from holdfast.quality.measures.frequency import frequency
from holdfast.quality.measures.mean import mean
from holdfast.quality.measures.quantile import quantile, ranks
from holdfast.quality.measures.standard_deviation import standard_deviation

MEASURES: list[tuple[Any, tuple[Any, ...]]] = [
    (mean, ("x",)),
    (standard_deviation, ("x",)),
    (quantile, ("x", 0.5)),
    (frequency, ("x", 1.0)),
    (correlation, ("x", "y")),
]


def drawn(size: int = 400, seed: int = 7) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, 3.0, size)
    return pl.DataFrame({"x": x, "y": x + rng.standard_normal(size) * 4})


def test_the_values_are_those_of_the_sample() -> None:
    rows = drawn()
    x = rows["x"].to_list()
    assert mean(rows, "x").value == pytest.approx(statistics.fmean(x))
    assert standard_deviation(rows, "x").value == pytest.approx(statistics.stdev(x))
    assert quantile(rows, "x", 0.3).value == pytest.approx(float(np.quantile(x, 0.3)))
    assert correlation(rows, "x", "y").value == pytest.approx(float(np.corrcoef(x, rows["y"].to_list())[0, 1]))
    assert frequency(pl.DataFrame({"x": ["a", "b", "a", None]}), "x", "a").value == pytest.approx(2 / 3)


@pytest.mark.parametrize(("compute", "args"), MEASURES)
def test_an_anytime_interval_is_wider(compute: Any, args: tuple[Any, ...]) -> None:
    once, always = compute(drawn(), *args), compute(drawn(), *args, anytime=True)
    assert always.low < once.low or once.low == 0.0
    assert always.high > once.high
    assert "sequence" in always.method


@pytest.mark.parametrize(("compute", "args"), MEASURES)
def test_missing_values_are_not_looked_at(compute: Any, args: tuple[Any, ...]) -> None:
    rows = drawn()
    holes = pl.DataFrame({"x": [None, float("nan"), 1.0], "y": [1.0, 2.0, None]})
    mixed = pl.concat([rows, holes.with_columns(pl.col("x").cast(pl.Float64))]).sample(fraction=1, shuffle=True, seed=1)
    known = pl.concat([rows, pl.DataFrame({"x": [1.0], "y": [None]}, schema=rows.schema)])
    found, expected = compute(mixed, *args), compute(known, *args)
    assert found.value == pytest.approx(expected.value)
    assert found.n == expected.n


@pytest.mark.parametrize(("compute", "args"), MEASURES)
@pytest.mark.parametrize("kind", [pl.Int8, pl.UInt32, pl.Float32, pl.Decimal(12, 2)])
def test_every_kind_of_number_will_do(compute: Any, args: tuple[Any, ...], kind: Any) -> None:
    rows = pl.DataFrame({"x": [1, 2, 3, 4, 5, 6, 7, 9], "y": [2, 1, 4, 3, 6, 5, 8, 7]})
    found, expected = compute(rows.cast(kind), *args), compute(rows, *args)
    assert found.value == pytest.approx(expected.value, rel=1e-6)
    assert found.low == pytest.approx(expected.low, rel=1e-6)


def coverage(compute: Any, truth: float, draw: Any, *, size: int, times: int = 300) -> float:
    rng = np.random.default_rng(11)
    hits = [compute(draw(rng, size)) for _ in range(times)]
    return sum(low <= truth <= high for low, high in hits) / times


def test_the_interval_of_a_deviation_holds_it_as_often_as_it_says_for_heavy_tails_too() -> None:
    from holdfast.quality.measures.standard_deviation import bonett

    def ends(x: np.ndarray) -> tuple[float, float]:
        spread = float(x.std(ddof=1))
        fourth = float((((x - x.mean()) / spread) ** 4).mean())
        return bonett(spread, fourth, n=len(x), sure=Certainty(0.9))[:2]

    assert coverage(ends, 1.0, lambda rng, n: rng.standard_normal(n), size=60) > 0.86
    assert coverage(ends, 1.0, lambda rng, n: rng.exponential(1.0, n), size=200) > 0.82
    assert coverage(ends, math.sqrt(1 / 12), lambda rng, n: rng.random(n), size=60) > 0.86


def test_the_interval_of_a_quantile_holds_it_as_often_as_it_says() -> None:
    def ends(x: np.ndarray) -> tuple[float, float]:
        low, high = ranks(len(x), 0.8, Certainty(0.9))
        ordered = np.sort(x)
        return float(ordered[low - 1]), float(ordered[high - 1])

    assert coverage(ends, 0.8, lambda rng, n: rng.random(n), size=80) > 0.87


@pytest.mark.parametrize(
    ("n", "level", "confidence", "expected"),
    [(8, 0.5, 0.95, (1, 8)), (100, 0.5, 0.95, (40, 61)), (20, 0.25, 0.9, (2, 9)), (5, 0.5, 0.95, (0, 6))],
)
def test_ranks_are_those_of_the_binomial_tables(
    n: int, level: float, confidence: float, expected: tuple[int, int]
) -> None:
    low, high = ranks(n, level, Certainty(confidence))
    terms = [math.comb(n, each) * level**each * (1 - level) ** (n - each) for each in range(n + 1)]
    assert sum(terms[max(low, 0) : high]) >= confidence
    assert (low, high) == expected


def test_too_few_values_for_an_interval_are_unproven() -> None:
    rows = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0], "y": [2.0, 1.0, 3.0, 5.0, 4.0]})
    with pytest.raises(NotMeasurable, match="5 values are too few"):
        quantile(rows, "x", 0.5)
    assert quantile(rows, "x", 0.5, confidence=0.9).value == 3.0
    for compute, least in ((mean, 2), (standard_deviation, 4)):
        with pytest.raises(NotMeasurable, match=f"at least {least}"):
            compute(rows.head(least - 1), "x")
    with pytest.raises(NotMeasurable, match="at least 4"):
        correlation(rows.head(3), "x", "y")


def test_a_constant_column_has_a_mean_a_quantile_and_no_spread() -> None:
    rows = pl.DataFrame({"x": [0.1] * 9, "y": list(range(9))})
    assert mean(rows, "x").value == pytest.approx(0.1)
    assert quantile(rows, "x", 0.5).value == 0.1
    stuck = standard_deviation(rows, "x")
    assert (stuck.value, stuck.low, stuck.method) == (0.0, None, "constant column")
    with pytest.raises(NotMeasurable, match="'x' is constant"):
        correlation(rows, "x", "y")
    assert frequency(rows, "x", 0.1).value == 1.0


def test_a_perfect_correlation_is_one() -> None:
    rows = pl.DataFrame({"x": [1, 2, 3, 4, 5], "y": [10, 20, 30, 40, 50]})
    assert correlation(rows, "x", "y").value == pytest.approx(1.0)
    assert correlation(rows, "x", "y").value <= 1.0


@pytest.mark.parametrize(("compute", "args"), [each for each in MEASURES if each[0] is not frequency])
def test_infinite_values_are_unproven_and_counted(compute: Any, args: tuple[Any, ...]) -> None:
    rows = pl.concat([drawn(20), pl.DataFrame({"x": [float("inf"), float("-inf")], "y": [1.0, 2.0]})])
    with pytest.raises(NotMeasurable, match="2 infinite values"):
        compute(rows, *args)


@pytest.mark.parametrize(("compute", "args"), MEASURES)
def test_bad_tables_are_unproven(compute: Any, args: tuple[Any, ...]) -> None:
    rows = drawn(20)
    with pytest.raises(NotMeasurable, match="without rows"):
        compute(rows.clear(), *args)
    with pytest.raises(ColumnNotFound, match="'x'"):
        compute(rows.drop("x"), *args)
    nothing = rows.with_columns(x=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(NotMeasurable, match="no value"):
        compute(nothing, *args)
    with pytest.raises(NotMeasurable, match="mixed types"):
        compute(pl.DataFrame({"x": pl.Series([1, "a"], dtype=pl.Object), "y": [1, 2]}), *args)
    for column in ([[1], [2]], [{"a": 1}, {"a": 2}]):
        with pytest.raises(NotMeasurable, match="column 'x' is"):
            compute(pl.DataFrame({"x": column, "y": [1, 2]}), *args)


@pytest.mark.parametrize(("compute", "args"), [each for each in MEASURES if each[0] is not frequency])
def test_texts_have_no_statistics(compute: Any, args: tuple[Any, ...]) -> None:
    with pytest.raises(NotMeasurable, match="is text"):
        compute(pl.DataFrame({"x": ["1", "2"], "y": [1, 2]}), *args)


def test_arguments_that_are_none_are_said() -> None:
    rows = drawn(20)
    for level in (0, 1, -0.5, 50):
        with pytest.raises(InvalidValue, match="between 0 and 1"):
            quantile(rows, "x", level)
    with pytest.raises(InvalidValue, match="Expected a number"):
        quantile(rows, "x", "median")
    with pytest.raises(InvalidValue, match="two columns"):
        correlation(rows, "x", "x")
    with pytest.raises(InvalidValue, match="Expected a number"):
        frequency(rows, "x", "often")
    with pytest.raises(InvalidValue, match="no worst column"):
        mean(rows, "*")


def test_large_numbers_are_no_trouble_until_they_leave_the_range() -> None:
    rows = pl.DataFrame({"x": [1e150, 2e150, 3e150, 5e150], "y": [1.7e308, 1.7e308, 1.0, 2.0]})
    assert standard_deviation(rows, "x").value == pytest.approx(statistics.stdev([1, 2, 3, 5]) * 1e150)
    with pytest.raises(NotMeasurable, match="too large"):
        mean(rows, "y")


def test_the_distributions_of_adult_are_as_published(adult_file: Path) -> None:
    rows = pl.read_parquet(adult_file)
    assert mean(rows, "age").value == pytest.approx(38.64, abs=0.01)
    assert frequency(rows, "income", ">50K").value == pytest.approx(11687 / 48842)
    assert quantile(rows, "hours_per_week", 0.5).value == 40.0
    assert frequency(pl.DataFrame({"m": [True, False, None]}), "m", "true").value == 0.5
