"""Twenty checks of a seeded frame of 1M rows x 30 columns: the compiled plan beside bare Polars doing the same.

Both sides run in turn, in one process; the figure is the median CPU time of each, and the ratio bare / ours.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from holdfast.core.grammar import parse
from holdfast.quality import compile_checks

ROWS = 1_000_000
ROUNDS = 7
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
    letters = np.array([f"{chr(65 + each % 26)}{chr(65 + each // 26)}" for each in range(676)])
    for index in range(2):
        pair, number = letters[rng.integers(0, 676, ROWS)], rng.integers(1000, 10_000, ROWS)
        columns[f"t{index}"] = pl.Series(np.char.add(pair, number.astype(str)))
    made = pl.DataFrame(columns)
    holes = pl.Series(rng.random(ROWS) < 0.001)
    return made.with_columns(
        pl.when(holes).then(None).otherwise(pl.col(name)).alias(name) for name in ("n0", "c0", "t0")
    )


def bare(rows: pl.DataFrame) -> tuple[int, ...]:
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


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the process (all its threads) that the work takes."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> int:
    rows = frame()
    plan = compile_checks(parse(text) for text in PROMISES)
    ours = [_counted(value.notes, value.value) for value in plan.measure(rows).values()]
    if ours != list(bare(rows)):
        print(f"the two sides do not agree: {ours} and {list(bare(rows))}", file=sys.stderr)
        return 1
    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS):
        taken["bare"].append(seconds(lambda: bare(rows)))
        taken["ours"].append(seconds(lambda: plan.measure(rows)))
    value, baseline = statistics.median(taken["ours"]), statistics.median(taken["bare"])
    print(
        json.dumps(
            {
                "figure": "checks: 20 checks of 1M x 30, compiled plan beside bare Polars",
                "value": round(value, 4),
                "unit": "CPU s",
                "baseline": round(baseline, 4),
                "ratio": round(baseline / value, 3),
            }
        )
    )
    return 0


def _counted(notes: dict[str, object], value: float) -> int:
    failing = notes.get("rows_failing", value)
    return int(failing) if isinstance(failing, (int, float)) else 0


if __name__ == "__main__":
    sys.exit(main())
