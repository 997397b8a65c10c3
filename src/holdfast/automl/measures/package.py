"""Measures of a package: its size, how far it is from the model it was made from, how quick it is, what it looks at."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.automl import _latency, _reads
from holdfast.automl._budget import Budget
from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable, one_of
from holdfast.core.evidence import Value
from holdfast.core.models import CLASSIFICATION
from holdfast.core.registry import measure
from holdfast.stats.tensors import as_float32, to_tensors

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema
    from holdfast.core.subjects import Model

#: Calls that a package is timed in: enough for the upper end of a 99th percentile at 99 %.
CALLS = 1000
#: Seconds that they may take.
MOST_S = 3.0
#: Values of a column that the answers are compared at.
POINTS = 11
#: Share of an answer that 32-bit numbers may be off by: no step against the direction.
RESOLUTION = 1e-6
DIRECTIONS = {"up": 1.0, "down": -1.0}

_ORDER_STATISTICS = "H. A. David, H. N. Nagaraja (2003), Order Statistics, section 7.1"


@measure(
    "model_size",
    unit="bytes",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source="IEC 80000-13:2008 (the byte)",
    cost=0.0,
)
def model_size(model: Model) -> Value:
    """Size of the file that answers, in bytes; exact.

    Raises
    ------
    NotMeasurable
        If the package has no such file.
    """
    if model.size_bytes <= 0:
        raise NotMeasurable("the package has no file that answers", where=str(model.folder.name), expected="model.onnx")
    return Value(float(model.size_bytes))


@measure(
    "parity",
    unit="target",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source="ISO/IEC 25010:2023 (functional correctness)",
    cost=0.0,
)
def parity(model: Model) -> Value:
    """Greatest difference of an answer from the original's: of a probability, or of a prediction in their spread.

    Exact on the rows it was measured on. The spread is the standard deviation of the original's predictions.

    Raises
    ------
    NotMeasurable
        If it was not measured when the package was made.
    """
    return _measured(model, "max_difference")


@measure(
    "label_flips",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("package",),
    subject="model",
    source="ISO/IEC 25010:2023 (functional correctness)",
    cost=0.0,
)
def label_flips(model: Model, *, confidence: float = 0.95) -> Value:
    """Share of the rows that the package answers with another class than the original; Clopper and Pearson's interval.

    Raises
    ------
    NotMeasurable
        If it was not measured when the package was made.
    """
    from holdfast.stats.intervals import clopper_pearson

    found = _measured(model, "label_flips")
    low, high = clopper_pearson(round(found.value * found.n), found.n, confidence=confidence)
    return Value(found.value, float(low), float(high), n=found.n, method="Clopper-Pearson")


@measure(
    "p50_row_latency",
    unit="seconds",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source=_ORDER_STATISTICS,
)
def p50_row_latency(model: Model, *, confidence: float = 0.95, now: datetime | None = None) -> Value:
    """Seconds within which half of the single rows are answered; see `p95_row_latency`."""
    return _row_latency(model, 0.5, confidence=confidence, now=now)


@measure(
    "p95_row_latency",
    unit="seconds",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source=_ORDER_STATISTICS,
)
def p95_row_latency(model: Model, *, confidence: float = 0.95, now: datetime | None = None) -> Value:
    """Seconds within which 95 % of single rows are answered: the graph alone, one thread, on the machine that measures.

    What is asked is the graph, with tensors; a request over the network takes this long and more. Wall time: what else
    runs on the machine counts, as it does in production. The notes hold the CPU time beside it.

    Parameters
    ----------
    model
        The package; its sample's rows are asked in turn, after some that are not counted.
    confidence
        Of the interval, in (0, 1).
    now
        Time of the look. Within one look a package is timed once, so that its quantiles are of the same calls.

    Returns
    -------
    Value
        Seconds, between two order statistics; n is the number of calls.

    Raises
    ------
    NotMeasurable
        If the package has no graph, or no sample rows.
    """
    return _row_latency(model, 0.95, confidence=confidence, now=now)


@measure(
    "p99_row_latency",
    unit="seconds",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source=_ORDER_STATISTICS,
)
def p99_row_latency(model: Model, *, confidence: float = 0.95, now: datetime | None = None) -> Value:
    """Seconds within which 99 % of single rows are answered; see `p95_row_latency`."""
    return _row_latency(model, 0.99, confidence=confidence, now=now)


def _row_latency(model: Model, quantile: float, *, confidence: float, now: datetime | None) -> Value:
    file = _graph_file(model)
    stamp = file.stat()
    asked = _Asked(model.sample, model.schema)
    found = _times(file, (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size), asked, now)
    made = found.latency(quantile, confidence=confidence)
    notes = {
        "cpu_s": made.cpu_s,
        "unloaded_s": made.unloaded_s,
        "where": "sample rows one by one, in process, one thread, on this machine",
    }
    return Value(made.value_s, made.low_s, made.high_s, n=made.n, method="order statistics, binomial", notes=notes)


class _Asked:
    """Rows that a package is timed with; the same where they hold the same."""

    def __init__(self, rows: pl.DataFrame, schema: ModelSchema) -> None:
        self.rows, self.schema = rows, schema
        self._key = (schema.names, rows.height, tuple(rows.columns), tuple(rows.hash_rows().to_list()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=4)
def _times(file: Path, stamp: tuple[int, int, int], asked: _Asked, now: datetime | None) -> _latency.Times:
    del stamp, now  # a file that changed is another one, and so is another look
    # A slow graph is asked less often: the interval is wider then.
    end = Budget(MOST_S).end()
    return _latency.timed(file, to_tensors(asked.rows, asked.schema), calls=CALLS, warm=CALLS // 10, deadline=end)


@measure(
    "feature_count",
    unit="count",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source="R. Tibshirani (1996), Regression shrinkage and selection via the lasso, JRSS B 58",
    cost=0.02,
)
def feature_count(model: Model) -> Value:
    """Number of columns that the answers can depend on; found from the graph, without asking it anything.

    A column that no branch of a tree looks at, and that no coefficient but 0 is laid on, is not counted. Where an
    operator of the graph is not known, all that it is given counts: never too few are counted.

    Returns
    -------
    Value
        Exact; the notes name the columns that are not read.

    Raises
    ------
    NotMeasurable
        If the package has no graph.
    """
    read = _reads.columns_read(_graph_file(model))
    unread = [each for each in model.schema.names if each not in read]
    return Value(float(len(read)), notes={"unread": unread})


@measure(
    "monotonicity_violations",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("package",),
    subject="model",
    source="J. Sill (1998), Monotonic networks, NIPS 10",
    cost=0.05,
)
def monotonicity_violations(
    model: Model,
    column: str,
    *,
    direction: str = "up",
    points: float = POINTS,
    confidence: float = 0.95,
) -> Value:
    """Share of steps along a column at which the answer moves the wrong way, all else of a real row being equal.

    Each sample row is asked about at a grid of the column's values, least to greatest: quantiles of the sample, and the
    ends of the range seen in training. The answer is the probability of the positive class, or the prediction.

    Parameters
    ----------
    model
        The package.
    column
        A column of numbers.
    direction
        ``up``: the answer must never fall as the column rises; ``down``: it must never rise.
    points
        Values of the grid, at most.
    confidence
        Of the interval, in (0, 1); it is of rows, whose own share of wrong steps is averaged.

    Returns
    -------
    Value
        In [0, 1]: 0 where the answer moves as it should everywhere. n is the number of rows. Differences that 32-bit
        numbers cannot tell are no steps.

    Raises
    ------
    ColumnNotFound
        If the model takes no such column.
    InvalidValue
        If there is no such direction, or fewer than two points.
    NotMeasurable
        If the column is text or has a single value, the task has several classes, or there are no sample rows.
    """
    if direction not in DIRECTIONS:
        raise InvalidValue(f"direction {direction!r}", where="monotonicity_violations", expected=one_of(DIRECTIONS))
    if points < 2 or points != int(points):
        raise InvalidValue(f"points={points:g}", where="monotonicity_violations", expected="a whole number from 2")
    grid = _grid(model, column, points=int(points))
    answers = np.column_stack([_answer(model, column, value) for value in grid])
    steps = np.diff(answers, axis=1) * DIRECTIONS[direction]
    size = np.maximum(np.abs(answers[:, 1:]), np.abs(answers[:, :-1]))
    # A probability is off by 32 bits of 1, a prediction by those of its own size.
    slack = RESOLUTION * (1.0 if model.schema.task in CLASSIFICATION else size)
    wrong = steps < -slack
    notes = {"rows_with_any": int(wrong.any(axis=1).sum()), "grid": [float(each) for each in grid]}
    return _mean_share(wrong.mean(axis=1), confidence=confidence, notes=notes)


def _grid(model: Model, column: str, *, points: int) -> np.ndarray:
    found = next((each for each in model.schema.columns if each.name == column), None)
    if found is None:
        raise ColumnNotFound(f"no column {column!r}", where="model", expected=one_of(model.schema.names, column))
    if found.dtype != "float32":
        raise NotMeasurable(f"{column!r} is text: it neither rises nor falls", expected="a column of numbers")
    if model.schema.task == "multiclass":
        raise NotMeasurable("several classes have no one direction", expected="a binary task, or a prediction")
    if model.sample.height == 0:
        raise NotMeasurable("no sample rows to ask about", where="package", expected="held-out rows")
    values = as_float32(model.sample.get_column(column)).astype(np.float64)
    ends = [each for each in (found.low, found.high) if each is not None]
    seen = np.concatenate([values[np.isfinite(values)], ends])
    grid = np.unique(np.quantile(seen, np.linspace(0.0, 1.0, points)).astype(np.float32)) if len(seen) else seen
    if len(grid) < 2:
        raise NotMeasurable(f"{column!r} has a single value", where="package", expected="values to move between")
    return grid


def _answer(model: Model, column: str, value: float) -> np.ndarray:
    moved = model.sample.with_columns(pl.lit(float(value), dtype=pl.Float32).alias(column))
    score = np.asarray(model.predict(moved), dtype=np.float64)
    if score.ndim == 1:
        return score
    positive = model.schema.positive
    return score[:, -1 if positive is None else model.schema.classes.index(positive)]


def _mean_share(each: np.ndarray, *, confidence: float, notes: dict[str, object]) -> Value:
    """Mean of one share per row, with its interval; a wide one where few rows, or rows that are alike, say little."""
    from holdfast.stats.intervals import clopper_pearson, mean_t

    n, mean = len(each), float(each.mean())
    if n < 30 or float(np.ptp(each)) == 0.0:
        # The mean is at least the share of rows with wrong steps only, and at most that of rows with any.
        low = clopper_pearson(int((each >= 1.0).sum()), n, confidence=confidence)[0]
        high = clopper_pearson(int((each > 0.0).sum()), n, confidence=confidence)[1]
        return Value(mean, min(float(low), mean), max(float(high), mean), n=n, method="Clopper-Pearson", notes=notes)
    low, high = mean_t(each, confidence=confidence)
    return Value(mean, max(0.0, float(low)), min(1.0, float(high)), n=n, method="Student t", notes=notes)


def _graph_file(model: Model) -> Path:
    """File of the graph that answers: the one that is loaded, else the folder's."""
    from holdfast.serve.models import LoadedModel

    owner = getattr(model.predict, "__self__", None)
    file = owner.path if isinstance(owner, LoadedModel) else model.folder / "model.onnx"
    if not file.is_file():
        raise NotMeasurable("the package has no graph", where=str(model.folder.name), expected="model.onnx")
    return Path(file)


def _measured(model: Model, name: str) -> Value:
    rows = int(model.parity.get("rows", 0))
    if name not in model.parity or rows < 1:
        raise NotMeasurable(f"{name} was not measured", where="package", expected="a packager that measures parity")
    return Value(float(model.parity[name]), n=rows)
