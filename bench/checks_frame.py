"""The seeded frame of the bench of checks, and the twenty checks: as promises, and by hand in Polars and in SQL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

ROWS = 1_000_000
SEED = 20261124

PROMISES = (
    "completeness(n0) >= 0.99",
    "completeness(n1) >= 0.99",
    "completeness(c0) >= 0.99",
    "completeness(t0) >= 0.99",
    "in_range(n2, -8, 8) >= 0.999",
    "in_range(n3, -8, 8) >= 0.999",
    "in_range(n4, low=-8) >= 0.999",
    "in_range(i0, 0, 1000) >= 0.999",
    "in_range(i1, high=1000) >= 0.999",
    "allowed(c0, a, b, c, d) >= 0.999",
    "allowed(c1, a, b, c, d) >= 0.999",
    "allowed(i2, 0, 1, 2, 3) >= 0.999",
    "unique(id) >= 1",
    "unique(i0) >= 0",
    'matches(t0, "[A-Z]{2}[0-9]{4}") >= 0.999',
    'matches(t1, "[A-Z]{2}[0-9]{4}") >= 0.999',
    "no_infinities(n5) >= 1",
    "typed(n6, integer) >= 0",
    "distinct_count(c2) <= 10",
    "row_count >= 1000 rows",
)

#: The same kinds of checks over the ten columns of the large table.
LARGE_ROWS = 10_000_000
LARGE_PROMISES = (
    "completeness(n0) >= 0.99",
    "completeness(n1) >= 0.99",
    "completeness(c0) >= 0.99",
    "completeness(t0) >= 0.99",
    "in_range(n0, -8, 8) >= 0.999",
    "in_range(n1, -8, 8) >= 0.999",
    "in_range(n2, low=-8) >= 0.999",
    "in_range(i0, 0, 1000) >= 0.999",
    "in_range(i1, high=1000) >= 0.999",
    "allowed(c0, a, b, c, d) >= 0.999",
    "allowed(c1, a, b, c, d) >= 0.999",
    "allowed(i1, 0, 1, 2, 3) >= 0.999",
    "unique(id) >= 1",
    "unique(i0) >= 0",
    'matches(t0, "[A-Z]{2}[0-9]{4}") >= 0.999',
    "no_infinities(n3) >= 1",
    "typed(n3, integer) >= 0",
    "determines(i0, c0) >= 0",
    "distinct_count(c1) <= 10",
    "row_count >= 1000 rows",
)


def frame() -> pl.DataFrame:
    """18 float, 5 integer, 4 category, 2 text columns and an id, with a few faults in each kind."""
    rng = np.random.default_rng(SEED)
    columns: dict[str, pl.Series] = {"id": pl.Series(rng.permutation(ROWS))}
    for index in range(18):
        values = rng.standard_normal(ROWS)
        values[rng.integers(0, ROWS, 50)] = 100.0
        columns[f"n{index}"] = pl.Series(values)
    for index in range(5):
        columns[f"i{index}"] = pl.Series(rng.integers(0, 4 if index == 2 else 1000, ROWS))
    for index in range(4):
        codes = rng.integers(0, 4, ROWS)
        columns[f"c{index}"] = pl.Series(np.array(["a", "b", "c", "d"])[codes])
    for index in range(2):
        columns[f"t{index}"] = pl.Series(_codes(rng, ROWS))
    return _with_holes(pl.DataFrame(columns), rng)


def _codes(rng: np.random.Generator, size: int) -> np.ndarray:
    letters = np.array([f"{chr(65 + each % 26)}{chr(65 + each // 26)}" for each in range(676)])
    pair, number = letters[rng.integers(0, 676, size)], rng.integers(1000, 10_000, size)
    return np.char.add(pair, number.astype(str))


def _with_holes(made: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    holes = pl.Series(rng.random(made.height) < 0.001)
    return made.with_columns(
        pl.when(holes).then(None).otherwise(pl.col(name)).alias(name) for name in ("n0", "c0", "t0")
    )


def write_large(folder: Path, *, parts: int = 20) -> None:
    """Ten million rows of ten columns in Parquet files, each of several row groups; never all in memory."""
    rng, size = np.random.default_rng(SEED), LARGE_ROWS // parts
    for part in range(parts):
        columns: dict[str, pl.Series] = {"id": pl.Series(np.arange(part * size, (part + 1) * size))}
        for index in range(4):
            values = rng.standard_normal(size)
            values[rng.integers(0, size, 5)] = 100.0
            columns[f"n{index}"] = pl.Series(values)
        columns |= {"i0": pl.Series(rng.integers(0, 1000, size)), "i1": pl.Series(rng.integers(0, 4, size))}
        for index in range(2):
            columns[f"c{index}"] = pl.Series(np.array(["a", "b", "c", "d"])[rng.integers(0, 4, size)])
        columns["t0"] = pl.Series(_codes(rng, size))
        _with_holes(pl.DataFrame(columns), rng).write_parquet(folder / f"{part:03d}.parquet", row_group_size=100_000)


def by_polars(rows: pl.DataFrame) -> tuple[int, ...]:
    """Count by hand what the promises ask, in one select: how many rows fail, of how many values."""
    col = pl.col
    pattern = r"^(?:[A-Z]{2}[0-9]{4})$"
    wanted = [
        col("n0").null_count() + col("n0").is_nan().sum(),
        col("n1").null_count() + col("n1").is_nan().sum(),
        col("c0").null_count(),
        col("t0").null_count(),
        (~col("n2").is_between(-8, 8)).sum(),
        (~col("n3").is_between(-8, 8)).sum(),
        (col("n4") < -8).sum(),
        (~col("i0").is_between(0, 1000)).sum(),
        (col("i1") > 1000).sum(),
        (~col("c0").is_in(["a", "b", "c", "d"])).sum(),
        (~col("c1").is_in(["a", "b", "c", "d"])).sum(),
        (~col("i2").is_in([0, 1, 2, 3])).sum(),
        pl.len() - col("id").n_unique(),
        pl.len() - col("i0").n_unique(),
        (~col("t0").str.contains(pattern)).sum(),
        (~col("t1").str.contains(pattern)).sum(),
        col("n5").is_infinite().sum(),
        (col("n6") != col("n6").floor()).sum(),
        col("c2").n_unique(),
        pl.len(),
    ]
    found = rows.lazy().select(each.alias(str(place)) for place, each in enumerate(wanted)).collect()
    return tuple(int(each) for each in found.row(0))


#: The same by hand in one query of DuckDB, over `t`.
QUERY = """
SELECT count(*) - count(n0) + count(*) FILTER (WHERE isnan(n0)),
       count(*) - count(n1) + count(*) FILTER (WHERE isnan(n1)),
       count(*) - count(c0),
       count(*) - count(t0),
       count(*) FILTER (WHERE NOT n2 BETWEEN -8 AND 8),
       count(*) FILTER (WHERE NOT n3 BETWEEN -8 AND 8),
       count(*) FILTER (WHERE n4 < -8),
       count(*) FILTER (WHERE NOT i0 BETWEEN 0 AND 1000),
       count(*) FILTER (WHERE i1 > 1000),
       count(*) FILTER (WHERE c0 NOT IN ('a', 'b', 'c', 'd')),
       count(*) FILTER (WHERE c1 NOT IN ('a', 'b', 'c', 'd')),
       count(*) FILTER (WHERE i2 NOT IN (0, 1, 2, 3)),
       count(*) - count(DISTINCT id),
       count(*) - count(DISTINCT i0),
       count(*) FILTER (WHERE NOT regexp_matches(t0, '^(?:[A-Z]{2}[0-9]{4})$')),
       count(*) FILTER (WHERE NOT regexp_matches(t1, '^(?:[A-Z]{2}[0-9]{4})$')),
       count(*) FILTER (WHERE isinf(n5)),
       count(*) FILTER (WHERE n6 <> floor(n6)),
       count(DISTINCT c2),
       count(*)
FROM t
"""
