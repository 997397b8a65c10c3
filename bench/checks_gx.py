"""The twenty checks in Great Expectations on pandas: reads the path of the frame, then times one validation a line.

Two have no expectation of their own and stand in the nearest form: infinities as a range, whole numbers as a range.
Runs in an environment of its own; nothing of ours is imported.
"""

import json
import os
import sys
import time

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import great_expectations.expectations as e
import pandas as pd  # noqa: TID253  # a script of the peer's own environment

PATTERN = "^(?:[A-Z]{2}[0-9]{4})$"
EXPECTATIONS = [
    *(e.ExpectColumnValuesToNotBeNull(column=name, mostly=0.99) for name in ("n0", "n1", "c0", "t0")),
    *(
        e.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high, mostly=0.999)
        for name, low, high in (("n2", -8, 8), ("n3", -8, 8), ("n4", -8, None), ("i0", 0, 1000), ("i1", None, 1000))
    ),
    *(e.ExpectColumnValuesToBeInSet(column=name, value_set=list("abcd"), mostly=0.999) for name in ("c0", "c1")),
    e.ExpectColumnValuesToBeInSet(column="i2", value_set=[0, 1, 2, 3], mostly=0.999),
    e.ExpectColumnValuesToBeUnique(column="id"),
    e.ExpectColumnValuesToBeUnique(column="i0", mostly=0.0),
    *(e.ExpectColumnValuesToMatchRegex(column=name, regex=PATTERN, mostly=0.999) for name in ("t0", "t1")),
    e.ExpectColumnValuesToBeBetween(column="n5", min_value=-1e308, max_value=1e308),
    e.ExpectColumnValuesToBeBetween(column="n6", min_value=-1e15, max_value=1e15, mostly=0.0),
    e.ExpectColumnUniqueValueCountToBeBetween(column="c2", max_value=10),
    e.ExpectTableRowCountToBeBetween(min_value=1000),
]


def main():
    rows = pd.read_parquet(sys.argv[1])
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": rows})
    suite = gx.ExpectationSuite(name="twenty", expectations=EXPECTATIONS)
    found = batch.validate(suite)
    failed = [each.expectation_config.kwargs.get("column", "") for each in found.results if not each.success]
    print(json.dumps({"checks": len(found.results), "failing": failed}), flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        batch.validate(suite)
        print(json.dumps({"seconds": time.process_time() - began}), flush=True)


main()
