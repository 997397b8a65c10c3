"""One run of our own chain in a fresh process; prints its seconds: the first isolated step pays for the nursery."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import own_steps

from holdfast.engine import Engine
from holdfast.store import open_store

KIND, FOLDER, START, LENGTH = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
PIPELINES = {"isolated": own_steps.chain_isolated, "local": own_steps.chain, "processes": own_steps.chain}

store = open_store(FOLDER)
seconds = []
with Engine(store, "processes" if KIND == "processes" else "local", workers=1) as engine:
    # Twice the same start: the second run is cached as a whole.
    for _ in range(2):
        began = time.perf_counter()
        run = engine.run(PIPELINES[KIND], {"x": START, "n": LENGTH})
        seconds.append(time.perf_counter() - began)
        if run.state != "done" or run.value != START + LENGTH:
            sys.exit(f"the run ended {run.state}: {run.error}")
store.close()
print(json.dumps(seconds))
