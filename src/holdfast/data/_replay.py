"""The latency of a graph by itself: real rows asked one by one, and not what else the machine was doing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from holdfast.core.subjects import Traffic
from holdfast.stats.tensors import to_tensors

if TYPE_CHECKING:
    import polars as pl

    from holdfast.serve import LoadedModel

#: Requests; fewer where the graph is slow: a 99th percentile needs 368 for an upper end at 95 %.
ASKED, FEWEST = 1000, 400
#: How often each is asked, in passes over all of them.
PASSES = 3
#: Seconds that all of it may take, about.
_MOST_S = 1.0


def replay(model: LoadedModel, rows: pl.DataFrame) -> Traffic:
    """Latency of a graph: rows asked one by one, in process, on one thread; of three passes the quickest counts.

    What interrupts a process for milliseconds on a busy machine hits one pass in a hundred calls, and never the same
    call in all of them: what is left is the graph's own time. Production adds its own, which a live promise is about.

    Parameters
    ----------
    model
        The loaded graph.
    rows
        Rows to ask about, at least one; asked again from the first where they are fewer than the requests.
    """
    feeds = [to_tensors(rows[index : index + 1], model.schema) for index in range(min(rows.height, 100))]
    warm = _pass(model, feeds, ASKED // 10)
    once = max(float(np.median(warm)), 1e-9)
    asked, passes = min(ASKED, max(FEWEST, int(_MOST_S / PASSES / once))), PASSES
    if once * asked * passes > 2.0 * _MOST_S:
        passes = 1
    seconds = np.min([_pass(model, feeds, asked) for _ in range(passes)], axis=0)
    often = "three times, the quickest counts" if passes > 1 else "once"
    return Traffic(
        latency_s=seconds,
        seconds=float(seconds.sum()),
        notes={"where": f"held-out rows asked one by one, in process, on this machine; each {often}"},
    )


def _pass(model: LoadedModel, feeds: list[dict[str, np.ndarray]], asked: int) -> np.ndarray:
    seconds = np.empty(asked)
    for index in range(asked):
        begin = time.perf_counter()
        model.run(feeds[index % len(feeds)])
        seconds[index] = time.perf_counter() - begin
    return seconds
