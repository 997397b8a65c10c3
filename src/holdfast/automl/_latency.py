"""Latency: how long an exported graph takes to answer, asked as it is served: row by row, on one thread.

Wall time is what a promise is about, and what it is judged on; CPU time stands beside it, because on a busy machine the
two part, and only the first is the machine's fault.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.serve.models import LoadedModel

#: Calls, and calls before them that are not counted.
CALLS, WARM = 300, 30
#: Blocks that the calls are cut into: the quickest one is what the machine does when it is let alone.
BLOCKS = 6
#: Calls between two looks at the deadline, which costs about as much as a small graph does.
GLANCE = 16
#: Rows of a table whose throughput is taken.
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that one call takes: a quantile of calls, and the interval of its order statistics.

    Parameters
    ----------
    value_s, low_s, high_s
        Wall seconds; the upper end is infinite where the calls are too few for one (`least_calls`).
    n
        Calls that it stands on.
    rows_per_call
        Rows of each call.
    quantile, confidence
        Which quantile, and how sure the interval is.
    cpu_s
        The same quantile of the CPU seconds of the thread that called.
    unloaded_s
        The least of the quantiles of `BLOCKS` short blocks of calls: an optimistic number, what the machine does when
        nothing else runs. No promise is judged on it.
    fastest_s
        Wall seconds of the fastest call.
    """

    value_s: float
    low_s: float
    high_s: float
    n: int
    rows_per_call: int = 1
    quantile: float = 0.95
    confidence: float = 0.95
    cpu_s: float = 0.0
    unloaded_s: float = 0.0
    fastest_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Wall and CPU seconds of each call, shape (n,) float64 each."""

    wall_s: np.ndarray
    cpu_s: np.ndarray

    def latency(self, quantile: float, *, confidence: float = 0.95) -> Latency:
        """Quantile of the wall time with its interval.

        The number of calls that do not take longer than the true quantile is binomial, whatever the distribution: that
        gives the ranks of the ends (H. A. David, H. N. Nagaraja 2003, "Order Statistics", section 7.1).

        Raises
        ------
        InvalidValue
            If quantile or confidence are not in (0, 1).
        """
        n = len(self.wall_s)
        low, high = ranks(n, quantile, confidence=confidence)
        ordered = np.sort(self.wall_s)
        value = _quantile(self.wall_s, quantile)
        blocks = np.array_split(self.wall_s, min(BLOCKS, n))
        return Latency(
            value_s=value,
            low_s=float(ordered[low - 1]) if low >= 1 else 0.0,
            high_s=float(ordered[high - 1]) if high <= n else math.inf,
            n=n,
            quantile=quantile,
            confidence=confidence,
            cpu_s=_quantile(self.cpu_s, quantile),
            unloaded_s=min(_quantile(each, quantile) for each in blocks),
            fastest_s=float(ordered[0]),
        )


@dataclass(frozen=True, slots=True)
class Throughput:
    """Rows that one thread answers in a second, in calls of many rows; the quickest of some calls."""

    rows_per_s: float
    wall_s: float
    cpu_s: float
    rows: int


def ranks(n: int, quantile: float, *, confidence: float) -> tuple[int, int]:
    """Ranks (from 1) of the order statistics that hold the quantile between them; 0 and n + 1 where there is no end.

    Raises
    ------
    InvalidValue
        If n is below 1, or quantile or confidence are not in (0, 1).

    Examples
    --------
    >>> ranks(100, 0.5, confidence=0.95)
    (40, 61)
    """
    from scipy.special import bdtr

    if n < 1 or not 0.0 < quantile < 1.0 or not 0.0 < confidence < 1.0:
        raise InvalidValue(
            f"quantile {quantile} of {n} calls with confidence {confidence}",
            expected="at least one call, and both between 0 and 1",
        )
    tail = (1.0 - confidence) / 2.0
    # P(at most k calls are below the quantile): the low end misses when fewer than `low` are, the high end when `high`
    # or more are.
    below = bdtr(np.arange(n + 1), n, quantile)
    low = int(np.searchsorted(below, tail, side="right"))
    high = int(np.searchsorted(below, 1.0 - tail, side="left")) + 1
    return low, high


def least_calls(quantile: float, *, confidence: float = 0.95) -> int:
    """Fewest calls whose slowest one is an upper end for the quantile.

    Examples
    --------
    >>> least_calls(0.95), least_calls(0.99)
    (72, 368)
    """
    return math.ceil(math.log((1.0 - confidence) / 2.0) / math.log(quantile))


def measure(
    model: bytes | Path | LoadedModel,
    tensors: Mapping[str, np.ndarray],
    *,
    quantile: float = 0.95,
    confidence: float = 0.95,
    calls: int = CALLS,
    warm: int = WARM,
    deadline: Deadline | None = None,
) -> Latency:
    """Latency of a graph for one row, as the server's session runs it: one thread, the rows taken in turn.

    Parameters
    ----------
    model
        The exported graph: its bytes, its file, or loaded.
    tensors
        Real rows: column -> (n, 1), as `holdfast.stats.tensors.to_tensors` makes them.
    quantile
        Which quantile of the calls, in (0, 1).
    confidence
        Of its interval.
    calls
        Calls that count; more where the quantile needs more for an upper end.
    warm
        Calls before them.
    deadline
        Ends it early; at least one call is made.

    Raises
    ------
    InvalidValue
        If a number is out of range.
    NotMeasurable
        If there are no rows.
    ModelNotReady
        If it is no graph.
    InvalidRequest
        If the graph does not take the rows.
    """
    least = least_calls(quantile, confidence=confidence) if 0.0 < quantile < 1.0 and 0.0 < confidence < 1.0 else 1
    found = timed(model, tensors, calls=max(calls, least), warm=warm, deadline=deadline)
    return found.latency(quantile, confidence=confidence)


def timed(
    model: bytes | Path | LoadedModel,
    tensors: Mapping[str, np.ndarray],
    *,
    calls: int = CALLS,
    warm: int = WARM,
    deadline: Deadline | None = None,
) -> Times:
    """Time of each of many calls with one row; see `measure`.

    Raises
    ------
    InvalidValue
        If `calls` is below 1 or `warm` below 0, or the tensors are of different lengths.
    NotMeasurable
        If there are no rows.
    """
    if calls < 1 or warm < 0:
        raise InvalidValue(f"{calls} calls after {warm}", expected="at least 1 call, after 0 or more")
    asked = loaded(model)
    rows = _rows(_taken(asked, tensors), most=calls)
    for index in range(warm):
        asked.run(rows[index % len(rows)])
        if deadline is not None and index % GLANCE == 0 and deadline.passed:
            break
    wall, cpu, made = np.empty(calls), np.empty(calls), 0
    for index in range(calls):
        feeds = rows[index % len(rows)]
        before = time.thread_time()
        begin = time.perf_counter()
        asked.run(feeds)
        end = time.perf_counter()
        cpu[index] = time.thread_time() - before
        wall[index] = end - begin
        made = index + 1
        if deadline is not None and index % GLANCE == 0 and deadline.passed:
            break
    return Times(wall[:made], cpu[:made])


def throughput(
    model: bytes | Path | LoadedModel,
    tensors: Mapping[str, np.ndarray],
    *,
    rows: int = MANY,
    repeats: int = 3,
    deadline: Deadline | None = None,
) -> Throughput:
    """Throughput of a graph in calls of many rows, one thread; the quickest of `repeats` calls, after one to warm up.

    The rows are repeated where there are fewer than `rows`.

    Raises
    ------
    InvalidValue
        If `rows` or `repeats` are below 1.
    NotMeasurable
        If there are no rows.
    """
    if rows < 1 or repeats < 1:
        raise InvalidValue(f"{repeats} calls of {rows} rows", expected="at least 1 of each")
    asked = loaded(model)
    taken = np.arange(rows) % _height(tensors)
    feeds = {name: np.ascontiguousarray(each[taken]) for name, each in _taken(asked, tensors).items()}
    asked.run(feeds)
    best: tuple[float, float] | None = None
    for _ in range(repeats):
        before = time.thread_time()
        begin = time.perf_counter()
        asked.run(feeds)
        took = time.perf_counter() - begin, time.thread_time() - before
        best = took if best is None else min(best, took)
        if deadline is not None and deadline.passed:
            break
    wall, cpu = best or (math.inf, math.inf)
    return Throughput(rows / wall, wall, cpu, rows)


def estimate(members: Sequence[float], *, overhead_s: float = 0.0) -> float:
    """Seconds that an ensemble would take for one row, before it is exported.

    Each member's own graph takes in every column and gives an answer out; the ensemble does so once. What that alone
    costs (the latency of a constant graph with these columns) is counted once.

    Parameters
    ----------
    members
        Measured seconds of each member's own graph, the upper ends where a promise is to be kept.
    overhead_s
        Measured seconds of the constant graph; 0 gives the sum, which is never too low.

    Raises
    ------
    InvalidValue
        If there is no member, or a time is below 0.

    Examples
    --------
    >>> round(estimate([30e-6, 50e-6], overhead_s=20e-6) * 1e6)
    60
    """
    if not members or min(members) < 0.0 or overhead_s < 0.0:
        raise InvalidValue(f"members of {list(members)} s and {overhead_s} s", expected="seconds of 0 or more")
    return overhead_s + sum(max(0.0, each - overhead_s) for each in members)


def loaded(model: bytes | Path | LoadedModel) -> LoadedModel:
    """Load a graph as the server does; one that is loaded is handed back.

    Raises
    ------
    ModelNotReady
        If it is no graph.
    """
    from holdfast.serve.models import LoadedModel

    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, bytes):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.onnx"
            file.write_bytes(model)
            return LoadedModel(file, None)
    return LoadedModel(Path(model), None)


def _taken(asked: LoadedModel, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {each.name: tensors[each.name] for each in asked.inputs if each.name in tensors}


def _quantile(values: np.ndarray, quantile: float) -> float:
    return float(np.quantile(values, quantile, method="inverted_cdf"))


def _height(tensors: Mapping[str, np.ndarray]) -> int:
    lengths = {len(each) for each in tensors.values()}
    if len(lengths) > 1:
        raise InvalidValue(f"tensors of {sorted(lengths)} rows", expected="one length")
    if not lengths or lengths == {0}:
        raise NotMeasurable("no rows to ask a graph about", where="latency", expected="at least one row")
    return lengths.pop()


def _rows(tensors: Mapping[str, np.ndarray], *, most: int) -> list[dict[str, np.ndarray]]:
    # Spread over the table: rows beside each other may be alike.
    height = _height(tensors)
    places = np.unique(np.linspace(0, height - 1, min(height, most)).astype(np.int64))
    return [{name: each[place : place + 1] for name, each in tensors.items()} for place in places]
