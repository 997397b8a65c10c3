"""Drift of 30 columns of a million rows against a reference that is cut into bins already, beside bare Polars.

Both sides compute the population stability index, the Kolmogorov-Smirnov distance and the Wasserstein distance of each
numeric column, and the index of each category; Holdfast adds an interval and a null quantile to each. They are
interleaved in one process, and the figures are medians of CPU time of the process (all threads). Prints one JSON line
per figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from holdfast.stats import distances

NUMBERS, CATEGORIES = 24, 6
FINE, COARSE = 250, 10


def frame(rows: int, *, seed: int, shift: float) -> pl.DataFrame:
    """Rows from a seeded generator: normal, log-normal and integer columns, and categories; some are missing."""
    rng = np.random.default_rng(seed)
    columns: dict[str, pl.Series] = {}
    for index in range(NUMBERS):
        kind = index % 3
        if kind == 0:
            values = rng.normal(shift, 1.0, rows)
        elif kind == 1:
            values = rng.lognormal(shift, 0.5, rows)
        else:
            values = rng.poisson(20.0 + 5.0 * shift, rows).astype(np.float64)
        column = pl.Series(f"n{index}", values)
        if index % 4 == 0:
            column = column.set(pl.Series(rng.random(rows) < 0.01), None)
        columns[column.name] = column
    levels = np.asarray([f"level {each}" for each in range(40)])
    for index in range(CATEGORIES):
        chosen = np.minimum(rng.geometric(0.12 + 0.02 * shift, rows) - 1, 39)
        columns[f"c{index}"] = pl.Series(f"c{index}", levels[chosen])
    return pl.DataFrame(columns)


class BarePolars:
    """The same arithmetic by one Polars query over all numeric columns, and one group-by per category."""

    def __init__(self, reference: pl.DataFrame) -> None:
        self.edges: dict[str, np.ndarray] = {}
        self.before: dict[str, pl.DataFrame] = {}
        for name in reference.columns[:NUMBERS]:
            values = reference[name].drop_nulls()
            shares = np.arange(1, FINE) / FINE
            self.edges[name] = np.unique([values.quantile(float(share), "lower") for share in shares])
            self.before[name] = self._binned(reference.lazy(), name).collect()
        self.shares = {name: self._categories(reference.lazy(), name).collect() for name in reference.columns[NUMBERS:]}

    def _binned(self, rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
        edges = pl.Series(self.edges[name])
        place = pl.lit(edges).search_sorted(pl.col(name)).alias("bin")
        return (
            rows.select(pl.col(name)).drop_nulls().select(place, pl.col(name).alias("x"))
            .group_by("bin").agg(pl.len().alias("rows"), pl.col("x").sum().alias("sum"), pl.col("x").min().alias("low"),
                                 pl.col("x").max().alias("high"))
            .sort("bin")
        )  # fmt: skip

    @staticmethod
    def _categories(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
        return rows.group_by(name).agg(pl.len().alias("rows")).sort(name)

    def distances(self, current: pl.DataFrame) -> dict[str, tuple[float, ...]]:
        """Distances by column: index, and for numbers the two others."""
        lazy = current.lazy()
        queries = [self._binned(lazy, name) for name in self.edges] + [self._categories(lazy, n) for n in self.shares]
        collected = pl.collect_all(queries)
        found: dict[str, tuple[float, ...]] = {}
        for name, after in zip([*self.edges, *self.shares], collected, strict=True):
            if name in self.edges:
                found[name] = self._numeric(name, self.before[name], after)
            else:
                both = self.shares[name].join(after, on=name, how="full", suffix="_after").fill_null(0)
                found[name] = (stability(both["rows"].to_numpy(), both["rows_after"].to_numpy()),)
        return found

    def _numeric(self, name: str, before: pl.DataFrame, after: pl.DataFrame) -> tuple[float, ...]:
        size = len(self.edges[name]) + 1
        first, second = np.zeros(size), np.zeros(size)
        first[before["bin"].to_numpy()], second[after["bin"].to_numpy()] = before["rows"], after["rows"]
        sums, other = np.zeros(size), np.zeros(size)
        sums[before["bin"].to_numpy()], other[after["bin"].to_numpy()] = before["sum"], after["sum"]
        low = min(before["low"].min(), after["low"].min())
        high = max(before["high"].max(), after["high"].max())
        ends = np.concatenate(([low], self.edges[name], [high]))
        p, q = np.cumsum(first) / first.sum(), np.cumsum(second) / second.sum()
        coarse = np.linspace(0, size, COARSE + 1).astype(int)[:-1]
        psi = stability(np.add.reduceat(first, coarse), np.add.reduceat(second, coarse))
        return psi, float(np.abs(p - q).max()), float(np.abs(area(first, sums, ends) - area(second, other, ends)).sum())


def stability(before: np.ndarray, after: np.ndarray) -> float:
    p, q = (before + 0.5) / (before.sum() + 0.5 * len(before)), (after + 0.5) / (after.sum() + 0.5 * len(after))
    return float(((q - p) * np.log(q / p)).sum())


def area(rows: np.ndarray, sums: np.ndarray, ends: np.ndarray) -> np.ndarray:
    n = rows.sum()
    below = np.concatenate(([0.0], np.cumsum(rows)[:-1])) / n
    return below * np.diff(ends) + (rows * ends[1:] - sums) / n


def interleaved(sides: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Median CPU seconds of each side; one warm-up round is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, work in sides.items():
            start = time.process_time()
            work()
            if turn:
                spent[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    before, after = frame(asked.rows, seed=1, shift=0.0), frame(asked.rows, seed=2, shift=0.1)
    bare = BarePolars(before)
    made = distances.references(before)
    measures = ("psi", "ks", "wasserstein")
    ours, theirs = distances.drift(made, after, measures=measures), bare.distances(after)
    worst = max(abs(ours[name]["psi"].value - theirs[name][0]) for name in theirs)
    spent = interleaved(
        {
            "holdfast": lambda: distances.drift(made, after, measures=measures),
            "polars": lambda: bare.distances(after),
            "from rows": lambda: distances.drift(distances.references(before), after, measures=measures),
        },
        rounds=asked.rounds,
    )
    shape = f"{asked.rows} x {NUMBERS + CATEGORIES}"
    for figure, name in (("drift, reference cut before", "holdfast"), ("drift, both sides from rows", "from rows")):
        line = {
            "figure": f"{figure}, {shape}",
            "value": round(spent[name], 4),
            "unit": "CPU s",
            "baseline": round(spent["polars"], 4),
            "ratio": round(spent[name] / spent["polars"], 3),
            "largest difference of psi": round(worst, 6),
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
