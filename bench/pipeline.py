"""Pipelines: what a step costs beside the work in it, in bare Python starts, here and in Dagster and Metaflow.

One JSON line per figure: ``{"figure", "value", "unit", "baseline", "ratio"}``. `value` is the median of seconds per
step divided by the median of the bare starts (``python -c pass``) measured just before and after each repetition;
`ratio` is that of `value` to `baseline`, the bound that we hold ourselves to (for a peer: our own figure of that kind).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pipeline_peers.environments import Unavailable, python_of
from pipeline_peers.metaflow_chain import flow_source

HERE = Path(__file__).resolve().parent / "pipeline_peers"
LENGTH = 50
PEER_LENGTH = 10
REPEATS = 3
RUN_S = 80
PEER_S = 50
BOUNDS = {"isolated": 2.0, "local": 0.05, "cached": 0.02}


def bare(times: int = 5) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True, timeout=RUN_S)
        found.append(time.perf_counter() - began)
    return found


def interleaved(measure: Callable[[int], list[float]], repeats: int) -> list[float]:
    """Bare starts per step of each kind that `measure` gives, from its seconds per step; medians of the repetitions."""
    found: list[list[float]] = []
    began = time.monotonic()
    for index in range(repeats):
        if found and time.monotonic() - began > PEER_S:
            break
        before = bare()
        seconds = measure(index)
        unit = statistics.median(before + bare())
        found.append([each / unit for each in seconds])
    return [statistics.median(column) for column in zip(*found, strict=True)]


def tell(figure: str, value: float, baseline: float | None, **more: object) -> None:
    ratio = None if baseline is None else round(value / baseline, 3)
    line = {"figure": figure, "value": round(value, 4), "unit": "bare Python starts per step", "baseline": baseline}
    print(json.dumps({**line, "ratio": ratio, **more}), flush=True)


def own(kind: str, folder: Path) -> list[float]:
    def measure(index: int) -> list[float]:
        words = [sys.executable, str(HERE / "own_chain.py"), kind, str(folder / kind), str(1000 * index), str(LENGTH)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=RUN_S, check=True)
        return [each / LENGTH for each in json.loads(done.stdout)]

    return interleaved(measure, REPEATS)


def dagster(python: Path, folder: Path) -> list[float]:
    def measure(_: int) -> list[float]:
        words = [str(python), str(HERE / "dagster_chain.py"), str(LENGTH), "1"]
        env = {**os.environ, "DAGSTER_HOME": str(folder), "DAGSTER_DISABLE_TELEMETRY": "yes"}
        done = subprocess.run(words, capture_output=True, text=True, timeout=RUN_S, env=env, check=True)
        return [each / LENGTH for each in json.loads(done.stdout.splitlines()[-1])]

    return interleaved(measure, 2)


def metaflow(python: Path, folder: Path) -> list[float]:
    flow = folder / "flow.py"
    flow.write_text(flow_source(PEER_LENGTH))
    env = {
        **os.environ,
        "USERNAME": "bench",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_HOME": str(folder),
    }

    def timed(*words: str) -> float:
        began = time.perf_counter()
        subprocess.run(
            [str(python), str(flow), "--quiet", *words],
            capture_output=True,
            timeout=RUN_S,
            env=env,
            cwd=folder,
            check=True,
        )
        return time.perf_counter() - began

    def measure(_: int) -> list[float]:
        return [timed("run") / PEER_LENGTH, timed("resume", "end") / PEER_LENGTH]

    return interleaved(measure, 2)


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        isolated, _ = own("isolated", folder)
        tell("pipeline: isolated step, own process each, cold", isolated, BOUNDS["isolated"])
        local, cached = own("local", folder)
        tell("pipeline: step in process", local, BOUNDS["local"])
        tell("pipeline: cached step", cached, BOUNDS["cached"])
        pooled, _ = own("processes", folder)
        tell("pipeline: step in a pool of processes", pooled, BOUNDS["isolated"])
        peers(folder, isolated=isolated, local=local, cached=cached)


def peers(folder: Path, *, isolated: float, local: float, cached: float) -> None:
    for peer in ("dagster", "metaflow"):
        place = folder / peer
        place.mkdir()
        try:
            python = python_of(peer)
            found = dagster(python, place) if peer == "dagster" else metaflow(python, place)
        except (Unavailable, subprocess.SubprocessError) as error:
            print(json.dumps({"figure": f"pipeline: {peer}", "skipped": str(error)[:300]}), flush=True)
            continue
        if peer == "dagster":
            tell("pipeline: dagster step in process", found[0], round(local, 4))
        else:
            tell("pipeline: metaflow step, a process each", found[0], round(isolated, 4))
            tell("pipeline: metaflow resumed step", found[1], round(cached, 4))


if __name__ == "__main__":
    main()
