"""Laws of the profile: determinism, order of the rows, false alarms at the stated rate, planted faults found."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.grammar import parse
from holdfast.quality.profiling import Profile, profile
from holdfast.quality.profiling._trials import fired


def mirror(*parts: str) -> Path:
    """File of the mirror of real data, or a skip that says why."""
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in HOLDFAST_MIRROR or ../shared/data")
    return path


def drawn(seed: int, n: int = 400) -> pl.DataFrame:
    """Rows of one and the same source: amounts, categories, codes, a rare fault, a key, a dependency."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 6, n)
    return pl.DataFrame(
        {
            "id": rng.permutation(10_000)[:n],
            "amount": rng.lognormal(3, 0.7, n),
            "level": rng.normal(20, 4, n),
            "group": group,
            "region": [f"R{each % 3}" for each in group],
            "colour": rng.choice(["red", "green", "blue", "rare"], n, p=[0.5, 0.3, 0.197, 0.003]),
            "note": pl.Series([f"N-{each:04d}" for each in rng.integers(0, 9999, n)]),
            "age": pl.Series(np.where(rng.random(n) < 0.03, np.nan, rng.integers(18, 90, n))).fill_nan(None),
        }
    )


def broken(found: Profile, fresh: pl.DataFrame) -> list[str]:
    return [each.text for each in fired(fresh, [parse(one.promise) for one in found.proposed])]


def test_the_same_rows_give_the_same_profile() -> None:
    assert profile(drawn(1)) == profile(drawn(1))


@pytest.mark.parametrize("seed", [3, 4])
def test_the_order_of_the_rows_changes_nothing_that_is_not_bound_to_it(seed: int) -> None:
    table = drawn(2)
    shuffled = table.sample(fraction=1, shuffle=True, seed=seed)
    bound = {"order", "step"}
    told = [each for each in profile(table).findings if each.kind not in bound and each.doubt is None]
    again = [each for each in profile(shuffled).findings if each.kind not in bound and each.doubt is None]
    assert [each.promise for each in again] == [each.promise for each in told]


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.integers(1, 150))
def test_nothing_fires_on_the_table_that_it_was_learned_from(seed: int, n: int) -> None:
    table = drawn(seed, n)
    assert broken(profile(table), table) == []


def test_fresh_rows_of_the_same_source_alarm_no_more_often_than_stated() -> None:
    # At one in ten, of 20 tables two alarm; seven would be beyond chance (binomial, 0.2 %).
    learned = [profile(drawn(seed), false_alarms=0.1) for seed in range(4)]
    fresh = [drawn(500 + seed, n) for seed, n in enumerate((100, 200, 400, 1000, 4000))]
    assert sum(bool(broken(found, table)) for found in learned for table in fresh) <= 6


FAULTS = {
    "a thousandfold": pl.col("amount") * 1000,
    "a new category": pl.when(pl.int_range(pl.len()) % 20 == 0).then(pl.lit("odd")).otherwise("colour").alias("colour"),
    "values lost": pl.when(pl.int_range(pl.len()) % 20 != 0).then("level").alias("level"),
    "a mean moved": pl.col("level") + 4,
    "ids repeated": pl.when(pl.int_range(pl.len()) % 20 == 0).then(pl.col("id").shift(1)).otherwise("id").alias("id"),
    "a dependency broken": pl.when(pl.int_range(pl.len()) % 20 == 0)
    .then(pl.lit("R0"))
    .otherwise("region")
    .alias("region"),
    "a format changed": pl.col("note").str.replace("-", "/"),
    "a type changed": pl.col("age").cast(pl.String) + " years",
    "a range left": pl.when(pl.int_range(pl.len()) % 20 == 0).then(-pl.col("age")).otherwise("age").alias("age"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_planted_fault_is_found(fault: str) -> None:
    assert broken(profile(drawn(7, 1000)), drawn(8, 1000).with_columns(FAULTS[fault])) != []


def test_swapped_columns_are_found() -> None:
    fresh = drawn(8).with_columns(pl.col("region").alias("colour"), pl.col("colour").alias("region"))
    assert broken(profile(drawn(7)), fresh) != []


@pytest.mark.parametrize(
    "file",
    [
        ("adult", "adult.parquet"),
        ("german_credit", "german_credit.parquet"),
        ("heart_disease", "heart_disease.parquet"),
    ],
)
def test_checks_of_one_half_of_real_rows_do_not_fire_on_the_other(file: tuple[str, str]) -> None:
    rows = pl.read_parquet(mirror(*file)).sample(fraction=1, shuffle=True, seed=5).head(4000)
    half = rows.height // 2
    assert broken(profile(rows.head(half)), rows.tail(half)) == []


def test_the_profile_of_real_people_finds_what_is_known_of_them() -> None:
    rows = pl.read_parquet(mirror("adult", "adult.parquet")).sample(5000, seed=1)
    found = {each.promise.rpartition(" ")[0] for each in profile(rows).proposed}
    assert {"determines(education, education_num) >=", "determines(education_num, education) >="} <= found
    assert "allowed(sex, Female, Male) >=" in found
