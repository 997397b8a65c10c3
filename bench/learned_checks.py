"""Learned checks: how often they fire on a fresh half of the same table, and how often they find a planted fault.

Each data set is split at random into halves, again and again: checks are learned on one half and judged on the other,
clean first (any check that is not held is a false alarm), then with one fault planted at a time (a check that held on
the clean half and is not held now has found it). One JSON line for each data set, then one over all.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from holdfast.core.errors import HoldfastError
from holdfast.core.grammar import parse
from holdfast.quality import compile_checks
from holdfast.quality.profiling import profile

SEED = 20261124

#: Rows of a data set that are used at most, drawn anew for each split, so that the bench ends in minutes.
MOST = 20_000

#: Columns that each fault is planted in, one at a time, in each split.
COLUMNS = 4

#: Share of the rows that a fault of some rows is planted in.
PLANTED = 0.05

SETS = (
    ("adult", "adult/adult.parquet"),
    ("german", "german_credit/german_credit.parquet"),
    ("bank", "bank_marketing/bank_full.parquet"),
    ("heart", "heart_disease/heart_disease.parquet"),
    ("bike", "bike_sharing/hour.parquet"),
    ("beers", "beers_pair/clean.csv.gz"),
    ("hospital", "hospital_pair/clean.csv.gz"),
    ("diabetes130", "diabetes130/diabetes130.parquet"),
    ("credit_default", "credit_default/credit_default.parquet"),
)


def read(path: Path) -> pl.DataFrame:
    """Rows of a file of the mirror."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    return pl.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())), infer_schema_length=None)


def judged(rows: pl.DataFrame, promises: list[str]) -> set[str]:
    """Promises that are not held: broken, or not to be judged."""
    made = [parse(each) for each in promises]
    found = compile_checks(made).results(rows)
    return {
        one.text for one in made if isinstance(value := found[one.id], HoldfastError) or not one.within(value.value)
    }


Fault = Callable[[pl.DataFrame, str, np.random.Generator], "pl.DataFrame | None"]


def _some(rows: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    chosen = np.zeros(rows.height, dtype=bool)
    chosen[rng.choice(rows.height, max(1, int(rows.height * PLANTED)), replace=False)] = True
    return pl.Series(chosen)


def _amount(rows: pl.DataFrame, name: str) -> bool:
    kind = rows.schema[name]
    return kind.is_numeric() and rows[name].n_unique() > 2 and bool((rows[name].fill_null(0) != 0).mean() > 0.05)


def times_thousand(rows: pl.DataFrame, name: str, _: np.random.Generator) -> pl.DataFrame | None:
    """Multiply a whole column of amounts by a thousand."""
    return rows.with_columns(pl.col(name) * 1000) if _amount(rows, name) else None


def some_times_thousand(rows: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame | None:
    """Multiply one in twenty amounts by a thousand."""
    if not _amount(rows, name):
        return None
    # Of the rows that hold an amount: a thousand times nothing is no fault.
    able = np.flatnonzero((rows[name].fill_null(0).fill_nan(0) != 0).to_numpy())
    chosen = np.zeros(rows.height, dtype=bool)
    chosen[rng.permutation(able)[: int(rows.height * PLANTED)]] = True
    return rows.with_columns(pl.when(pl.Series(chosen)).then(pl.col(name) * 1000).otherwise(pl.col(name)).alias(name))


def new_category(rows: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame | None:
    """Put a category that was never seen into one in twenty rows."""
    if rows.schema[name] != pl.String or rows[name].n_unique() > 50:
        return None
    return rows.with_columns(pl.when(_some(rows, rng)).then(pl.lit("quite new")).otherwise(pl.col(name)).alias(name))


def missing(rows: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame | None:
    """Lose one in twenty values of a column that misses none."""
    if rows[name].null_count():
        return None
    return rows.with_columns(pl.when(_some(rows, rng)).then(None).otherwise(pl.col(name)).alias(name))


def swapped(rows: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame | None:
    """Swap a column with another of its type."""
    others = [each for each in rows.columns if each != name and rows.schema[each] == rows.schema[name]]
    if not others:
        return None
    other = others[int(rng.integers(len(others)))]
    return rows.with_columns(pl.col(other).alias(name), pl.col(name).alias(other))


def shifted(rows: pl.DataFrame, name: str, _: np.random.Generator) -> pl.DataFrame | None:
    """Move a column of amounts up by its standard deviation."""
    spread = rows[name].std() if _amount(rows, name) else None
    return rows.with_columns(pl.col(name) + spread) if isinstance(spread, float) and spread > 0 else None


def repeated_keys(rows: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame | None:
    """Give one in twenty rows the id of another."""
    if rows[name].null_count() or rows[name].n_unique() < rows.height or rows.schema[name].is_float():
        return None
    values = rows[name].gather(rng.permutation(rows.height))
    return rows.with_columns(pl.when(_some(rows, rng)).then(values).otherwise(pl.col(name)).alias(name))


def broken_dependency(rows: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame | None:
    """Put the value of another row into one in twenty cells of a column that another column decides."""
    many = rows[name].n_unique()
    if not 2 < many < rows.height / 4 or not any(_decides(rows, each, name) for each in rows.columns if each != name):
        return None
    values = rows[name].gather(rng.permutation(rows.height))
    return rows.with_columns(pl.when(_some(rows, rng)).then(values).otherwise(pl.col(name)).alias(name))


def _decides(rows: pl.DataFrame, a: str, b: str) -> bool:
    many = rows[a].n_unique()
    return many < rows.height / 4 and rows.select(pl.struct(a, b).n_unique()).item() == many


def changed_format(rows: pl.DataFrame, name: str, _: np.random.Generator) -> pl.DataFrame | None:
    """Write the texts of a column in the other case, with a blank after them."""
    if rows.schema[name] != pl.String:
        return None
    upper = pl.col(name).str.to_uppercase()
    return rows.with_columns(
        pl.when(upper == pl.col(name)).then(pl.col(name).str.to_lowercase()).otherwise(upper) + " "
    )


def other_case(rows: pl.DataFrame, name: str, _: np.random.Generator) -> pl.DataFrame | None:
    """Write the texts of a column in small letters."""
    lower = pl.col(name).str.to_lowercase()
    if rows.schema[name] != pl.String or not rows.select((lower != pl.col(name)).mean() > 0.5).item():
        return None
    return rows.with_columns(lower)


FAULTS: dict[str, Fault] = {
    "x1000": times_thousand,
    "x1000 in 5 %": some_times_thousand,
    "new category in 5 %": new_category,
    "missing in 5 %": missing,
    "columns swapped": swapped,
    "mean shifted by 1 sd": shifted,
    "ids repeated in 5 %": repeated_keys,
    "dependency broken in 5 %": broken_dependency,
    "format changed": changed_format,
    "small letters": other_case,
}


def planted(fresh: pl.DataFrame, rng: np.random.Generator) -> Iterator[tuple[str, pl.DataFrame]]:
    """Faulty copies of a table, a few of each kind of fault."""
    for kind, fault in FAULTS.items():
        made = 0
        for name in rng.permutation(fresh.columns):
            faulty = fault(fresh, str(name), rng)
            if faulty is not None:
                made += 1
                yield kind, faulty
            if made == COLUMNS:
                break


def measured(name: str, rows: pl.DataFrame, *, splits: int, false_alarms: float) -> dict[str, object]:
    """False alarms and detection of one data set."""
    rng = np.random.default_rng(SEED)
    checks = alarms = tables = 0
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    cpu: list[float] = []
    loud: defaultdict[str, int] = defaultdict(int)
    for split in range(splits):
        order = rng.permutation(rows.height)[:MOST]
        taught, fresh = rows[order[::2]], rows[order[1::2]]
        start = time.process_time()
        learned = profile(taught, false_alarms=false_alarms, seed=split)
        cpu.append(time.process_time() - start)
        promises = list(dict.fromkeys(each.promise for each in learned.proposed))
        fired = judged(fresh, promises)
        checks, alarms, tables = checks + len(promises), alarms + len(fired), tables + bool(fired)
        for each in fired:
            loud[each] += 1
        if split >= 2:
            continue
        held = [each for each in promises if parse(each).text not in fired]
        for kind, faulty in planted(fresh, rng):
            found[kind][0] += bool(judged(faulty, held))
            found[kind][1] += 1
    return {
        "data": name,
        "rows": min(MOST, rows.height) // 2,
        "splits": splits,
        "stated": false_alarms,
        "checks": round(checks / splits),
        "alarms": alarms,
        "tables_with_alarm": tables,
        "cpu_s_median": round(float(np.median(cpu)), 2),
        "fired": dict(list(loud.items())[:5]),
        "found": {kind: f"{hits}/{tried}" for kind, (hits, tried) in found.items()},
    }


def main() -> None:
    """Print one line for each data set, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HOLDFAST_MIRROR") or beside))
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--false-alarms", type=float, default=0.01)
    parser.add_argument("--only", default=None)
    given = parser.parse_args()
    lines = []
    for name, file in SETS:
        if given.only in (None, name):
            line = measured(name, read(given.data / file), splits=given.splits, false_alarms=given.false_alarms)
            print(json.dumps(line), flush=True)
            lines.append(line)
    print(json.dumps(_sums(lines)))


def _sums(lines: list[dict[str, object]]) -> dict[str, object]:
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for line in lines:
        each = line["found"]
        assert isinstance(each, dict)  # noqa: S101 - made above
        for kind, text in each.items():
            hits, tried = map(int, str(text).split("/"))
            found[kind][0] += hits
            found[kind][1] += tried
    trials = sum(int(str(line["splits"])) for line in lines)
    tables = sum(int(str(line["tables_with_alarm"])) for line in lines)
    return {
        "data": "all",
        "splits": trials,
        "false_alarm_rate": round(tables / max(1, trials), 4),
        "detection": {kind: round(hits / tried, 3) for kind, (hits, tried) in found.items()},
        "tried": {kind: tried for kind, (_, tried) in found.items()},
    }


if __name__ == "__main__":
    main()
