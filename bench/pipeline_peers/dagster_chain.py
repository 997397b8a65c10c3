"""A chain of no-op ops in Dagster, in process; run in Dagster's own environment. Prints the seconds of each run."""

from __future__ import annotations

import json
import logging
import sys
import time

from dagster import DagsterInstance, job, op

LENGTH = int(sys.argv[1])
REPEATS = int(sys.argv[2])


@op
def start() -> int:
    return 0


@op
def inc(x: int) -> int:
    return x + 1


@job
def chain():
    value = start()
    for index in range(LENGTH - 1):
        value = inc.alias(f"inc_{index}")(value)


logging.disable(logging.CRITICAL)
seconds = []
with DagsterInstance.local_temp() as instance:
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = chain.execute_in_process(instance=instance)
        seconds.append(time.perf_counter() - began)
        if not result.success:
            sys.exit("the run failed")
print(json.dumps(seconds))
