"""The twenty checks in Pandera on Polars: reads the path of the frame, then times one validation a line.

Runs in an environment of its own; nothing of ours is imported.
"""

import json
import sys
import time

import pandera.polars as pa
import polars as pl

COL = pl.col


def held(condition):
    return pa.Check(lambda data: data.lazyframe.select(condition(COL(data.key))))


SCHEMA = pa.DataFrameSchema(
    {
        "n0": pa.Column(pl.Float64, nullable=False),
        "n1": pa.Column(pl.Float64, nullable=False),
        "c0": pa.Column(pl.String, pa.Check.isin(["a", "b", "c", "d"]), nullable=False),
        "t0": pa.Column(pl.String, pa.Check.str_matches("^(?:[A-Z]{2}[0-9]{4})$"), nullable=False),
        "n2": pa.Column(pl.Float64, pa.Check.in_range(-8, 8)),
        "n3": pa.Column(pl.Float64, pa.Check.in_range(-8, 8)),
        "n4": pa.Column(pl.Float64, pa.Check.ge(-8)),
        "i0": pa.Column(
            pl.Int64, [pa.Check.in_range(0, 1000), held(lambda value: value.n_unique() >= 0)], nullable=True
        ),
        "i1": pa.Column(pl.Int64, pa.Check.le(1000)),
        "c1": pa.Column(pl.String, pa.Check.isin(["a", "b", "c", "d"])),
        "i2": pa.Column(pl.Int64, pa.Check.isin([0, 1, 2, 3])),
        "id": pa.Column(pl.Int64, unique=True),
        "t1": pa.Column(pl.String, pa.Check.str_matches("^(?:[A-Z]{2}[0-9]{4})$")),
        "n5": pa.Column(pl.Float64, held(lambda value: ~value.is_infinite())),
        "n6": pa.Column(pl.Float64, held(lambda value: (value == value.floor()).mean() >= 0)),
        "c2": pa.Column(pl.String, held(lambda value: value.n_unique() <= 10)),
    },
    checks=pa.Check(lambda data: data.lazyframe.select(pl.len() >= 1000)),
)


def failing(rows):
    try:
        SCHEMA.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as error:
        return sorted({str(each["column"]) for each in error.failure_cases.to_dicts()})
    return []


def main():
    rows = pl.read_parquet(sys.argv[1])
    print(json.dumps({"failing": failing(rows)}), flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        failing(rows)
        print(json.dumps({"seconds": time.process_time() - began}), flush=True)


main()
