"""The problem: a request made ready to be learnt from, or one clear error that says why it cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.automl._encoding import levels_of
from holdfast.automl._folds import Fold, expanding, grouped, quantile_codes, stratified
from holdfast.automl._objectives.choose import objective_of
from holdfast.automl._promises import monotone_signs
from holdfast.automl._sheet import Sheet
from holdfast.core.errors import ColumnNotFound, DataError, EmptyTable, InvalidValue, UnusableTarget, one_of
from holdfast.core.models import CLASSIFICATION, TASKS, Column, ModelSchema
from holdfast.stats.tensors import as_float32, as_text, to_tensors

if TYPE_CHECKING:
    from holdfast.automl._objectives import Objective
    from holdfast.core.ports import TrainRequest

#: Levels that a schema names at most; a rarer one is answered as an unseen one.
SCHEMA_LEVELS = 1000
#: Share of different rows below which twins are kept together.
MOST_TWINS = 0.9
SETTINGS = (
    "bag",
    "calibrate",
    "distil",
    "event",
    "executor",
    "features",
    "folds",
    "group",
    "leaks",
    "learners",
    "max_trials",
    "members",
    "monotone",
    "most_bytes",
    "most_latency_s",
    "quantile",
    "repeats",
    "rounds",
    "search",
    "threads",
    "threshold",
    "time",
    "vectors",
    "workers",
)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is learnt from.

    Parameters
    ----------
    rows
        Shape (n, columns): the rows with a usable target.
    schema
        What the model will take and give.
    tensors
        The rows as tensors of the schema.
    objective
        What is minimised.
    target
        Shape (n,): class codes (int64, in the order of the schema's classes), or numbers in the objective's own unit
        (float64).
    truth
        Shape (n,): class names (object) or the target's own numbers (float64).
    weights
        Shape (n,) float64 with mean 1.
    folds
        Folds to score configurations with; more than one repeat stands one behind the other.
    split
        How the folds were made: stratified, group or time.
    repeats
        How many times every row is held out.
    group
        Shape (n,) int64: query of each row (rows of one query stand together); None but for a ranking.
    event
        Shape (n,) bool: whether the event came; None but for survival.
    dates
        Number columns that are dates or times.
    monotone
        -1 or 1 by column.
    notes
        Sentences for a person.
    """

    rows: pl.DataFrame
    schema: ModelSchema
    tensors: Mapping[str, np.ndarray]
    objective: Objective
    target: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    folds: tuple[Fold, ...]
    split: str
    repeats: int
    group: np.ndarray | None
    event: np.ndarray | None
    dates: tuple[str, ...]
    monotone: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def task(self) -> str:
        """The task."""
        return self.schema.task

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.rows.height

    @property
    def classifies(self) -> bool:
        """Whether the answers are probabilities of classes."""
        return self.task in CLASSIFICATION

    @property
    def outputs(self) -> int:
        """Width of the margin: the number of classes when there are more than two, else 1."""
        return self.objective.outputs

    def sheet(self, matrix: np.ndarray, *, weights: np.ndarray | None = None) -> Sheet:
        """Return the sheet of all rows for an encoded matrix."""
        used = self.weights if weights is None else weights
        return Sheet(matrix, self.target, used, group=self.group, event=self.event)

    def losses(self, margin: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Loss of some rows, by index, for their margin."""
        nothing = np.zeros((len(rows), 0), dtype=np.float32)
        part = Sheet(
            nothing,
            self.target[rows],
            self.weights[rows],
            group=None if self.group is None else self.group[rows],
            event=None if self.event is None else self.event[rows],
        )
        return self.objective.losses(margin, part)

    def part(self, chosen: np.ndarray, folds: tuple[Fold, ...]) -> Problem:
        """Return the problem of some rows (sorted indices), with folds of its own."""
        return replace(
            self,
            rows=self.rows[pl.Series(chosen)],
            tensors={name: each[chosen] for name, each in self.tensors.items()},
            target=self.target[chosen],
            truth=self.truth[chosen],
            weights=self.weights[chosen] / self.weights[chosen].mean(),
            folds=folds,
            repeats=1,
            group=None if self.group is None else self.group[chosen],
            event=None if self.event is None else self.event[chosen],
        )


def problem_of(request: TrainRequest) -> Problem:
    """Problem of a request.

    Raises
    ------
    EmptyTable
        If there are no rows, or no features.
    ColumnNotFound
        If target, a feature, or a column that a setting names is not there.
    UnusableTarget
        If the target is missing everywhere, constant, not numeric where it must be, or has no second class.
    InvalidValue
        If a setting, the weights or the task is out of range.
    """
    check(request)
    notes: list[str] = []
    rows, weights = _usable_rows(request)
    if rows.height < request.rows.height:
        notes.append(f"{request.rows.height - rows.height} rows without a target were left out")
    group = _queries(request, rows)
    if group is not None:
        order = np.argsort(group, kind="stable")
        rows, weights, group = rows[pl.Series(order)], weights[order], group[order]
    weights = weights / weights.mean()
    classes: tuple[str, ...] = ()
    positive, codes = None, None
    if request.task in CLASSIFICATION:
        truth = as_text(rows.get_column(request.target))
        classes, positive = _classes(request, truth)
        codes = np.searchsorted(np.array(sorted(classes)), truth.astype(str))
        codes = np.array([classes.index(each) for each in sorted(classes)])[codes]
    else:
        truth = as_float32(rows.get_column(request.target)).astype(np.float64)
        _not_constant(request, truth)
    event = _event(request, rows)
    # A ranking without queries is one long list: it is learnt pointwise, and said.
    task = "regression" if request.task == "ranking" and group is None else request.task
    objective = objective_of(
        task,
        classes=classes,
        target=truth if codes is None else codes,
        weights=weights,
        event=event,
        settings=request.settings,
    )
    if task != request.task:
        notes.append("without a group column, ranking is learnt pointwise: the prediction is the expected relevance")
    if request.task == "forecasting":
        notes.append("learnt as a regression on the columns given; lags of the target are made before, where they are")
    schema = ModelSchema(
        request.task,
        request.target,
        tuple(_column(rows.get_column(name)) for name in request.features),
        classes,
        positive,
    )
    target = codes if codes is not None else _in_unit(objective, truth)
    folds, split, repeats = _folds(request, rows, target if event is None else event.astype(int))
    return Problem(
        rows=rows,
        schema=schema,
        tensors=to_tensors(rows, schema),
        objective=objective,
        target=target,
        truth=truth,
        weights=weights,
        folds=folds,
        split=split,
        repeats=repeats,
        group=group,
        event=event,
        dates=tuple(name for name in request.features if rows.schema[name] in (pl.Date, pl.Datetime)),
        monotone=_monotone(request, schema),
        notes=tuple(notes),
    )


def _usable_rows(request: TrainRequest) -> tuple[pl.DataFrame, np.ndarray]:
    known = _known(request)
    weights = np.ones(request.rows.height) if request.weights is None else np.asarray(request.weights, dtype=np.float64)
    return request.rows.filter(pl.Series(known)), weights[known]


def _in_unit(objective: Objective, truth: np.ndarray) -> np.ndarray:
    """Target in the unit that the objective learns in: standardised, the logarithm of a time, or as it is."""
    if objective.name == "aft":
        return np.asarray(np.log(truth))
    if objective.name in ("squared", "quantile"):
        return np.asarray((truth - objective.line.offset) / objective.line.scale)
    return truth


def _queries(request: TrainRequest, rows: pl.DataFrame) -> np.ndarray | None:
    name = request.settings.get("group")
    if request.task != "ranking" or name is None:
        return None
    if name not in rows.columns:
        raise ColumnNotFound(f"no column {name!r}", where="settings.group", expected=one_of(rows.columns, name))
    codes = np.unique(as_text(rows.get_column(name)).astype(str), return_inverse=True)[1]
    return np.asarray(codes, dtype=np.int64).ravel()


def _event(request: TrainRequest, rows: pl.DataFrame) -> np.ndarray | None:
    if request.task != "survival":
        return None
    name = request.settings.get("event")
    if name is None:
        raise InvalidValue(
            "a survival task without an event column", where="settings.event", expected="a column of 0 and 1"
        )
    if name not in rows.columns:
        raise ColumnNotFound(f"no column {name!r}", where="settings.event", expected=one_of(rows.columns, name))
    values = as_float32(rows.get_column(name))
    if not np.isin(values, (0.0, 1.0)).all():
        raise DataError(
            "an event that is neither 0 nor 1", where=f"column {name!r}", expected="1 where it came, else 0"
        )
    return np.asarray(values.astype(bool))


def check(request: TrainRequest) -> None:
    """Check what can be checked before the rows are looked at; raises as `problem_of` does."""
    if request.task not in TASKS:
        raise InvalidValue(f"task {request.task!r}", expected=one_of(TASKS, request.task))
    for name in request.settings:
        if name not in SETTINGS:
            raise InvalidValue(f"setting {name!r} of the trainer automl", expected=one_of(SETTINGS, name))
    if not request.features:
        raise EmptyTable("no feature column to learn from", where="features", expected="at least one column")
    for name in (request.target, *request.features):
        if name not in request.rows.columns:
            raise ColumnNotFound(
                f"no column {name!r}", where="training rows", expected=one_of(request.rows.columns, name)
            )
    if request.target in request.features:
        raise InvalidValue(f"the target {request.target!r} is also a feature", expected="features without the target")
    if request.rows.height == 0:
        raise EmptyTable("no rows to train on", where="training rows", expected="labelled rows")
    if request.weights is not None:
        given = np.asarray(request.weights)
        if given.shape != (request.rows.height,):
            raise InvalidValue(
                f"weights of shape {given.shape}", expected=f"one for each of the {request.rows.height} rows"
            )
        if not (np.isfinite(given).all() and (given > 0).all()):
            raise InvalidValue("a weight that is not a positive number", expected="positive, finite weights")


def _known(request: TrainRequest) -> np.ndarray:
    target = request.rows.get_column(request.target)
    if request.task in CLASSIFICATION:
        known: np.ndarray = as_text(target) != ""
        known = known.astype(bool)
    else:
        try:
            known = np.isfinite(as_float32(target))
        except DataError as error:
            raise UnusableTarget(
                f"the target of a {request.task} task: {error.message}", where=error.where, expected="numbers"
            ) from error
    if not known.any():
        raise UnusableTarget("every target is missing", where=f"column {request.target!r}", expected="labelled rows")
    return known


def _classes(request: TrainRequest, truth: np.ndarray) -> tuple[tuple[str, ...], str | None]:
    found, counts = np.unique(truth.astype(str), return_counts=True)
    names = [str(each) for each in found]
    where = f"column {request.target!r}"
    if len(names) < 2:
        raise UnusableTarget(f"the target is constant: {names[0]!r}", where=where, expected="at least two classes")
    if (counts > 1).sum() < 2:
        rare = names[int(np.argmin(counts))]
        raise UnusableTarget(
            f"class {rare!r} has a single row", where=where, expected="two classes of at least two rows"
        )
    if request.task == "multiclass":
        return tuple(names), None
    if len(names) > 2:
        raise UnusableTarget(f"{len(names)} classes in a binary task", where=where, expected="two, or task multiclass")
    positive = request.positive if request.positive is not None else names[1]
    if positive not in names:
        raise UnusableTarget(
            f"no row of the positive class {positive!r}", where=where, expected=one_of(names, positive)
        )
    return (next(name for name in names if name != positive), positive), positive


def _not_constant(request: TrainRequest, truth: np.ndarray) -> None:
    if len(truth) < 2 or not truth.std() > 1e-12 * max(1.0, abs(float(truth.mean()))):
        raise UnusableTarget(
            f"the target is constant: {truth[0]:.6g}",
            where=f"column {request.target!r}",
            expected="at least two values",
        )


def _column(values: pl.Series) -> Column:
    kind = values.dtype
    if kind.is_nested() or kind == pl.Binary:
        raise DataError(f"a column of type {kind}", where=f"column {values.name!r}", expected="numbers, text or times")
    if kind in (pl.String, pl.Categorical, pl.Enum, pl.Object):
        most = levels_of(as_text(values), most=SCHEMA_LEVELS)
        return Column(values.name, "string", levels=tuple(sorted(each for each in most if each)))
    numbers = as_float32(values)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return Column(values.name, "float32")
    return Column(values.name, "float32", low=float(finite.min()), high=float(finite.max()))


def _monotone(request: TrainRequest, schema: ModelSchema) -> dict[str, int]:
    asked = {**monotone_signs(request.promises, schema), **dict(request.settings.get("monotone") or {})}
    if asked and request.task == "multiclass":
        raise InvalidValue("monotone constraints in a multiclass task", expected="a binary task or a regression")
    for name, sign in asked.items():
        if name not in schema.names:
            raise ColumnNotFound(f"no feature {name!r}", where="settings.monotone", expected=one_of(schema.names, name))
        if sign not in (1, -1) or isinstance(sign, bool):
            raise InvalidValue(f"monotone {sign!r} of {name!r}", where="settings.monotone", expected="1 or -1")
        if schema.columns[schema.names.index(name)].dtype != "float32":
            raise InvalidValue(f"{name!r} is text", where="settings.monotone", expected="a column of numbers")
    return asked


def _folds(request: TrainRequest, rows: pl.DataFrame, target: np.ndarray) -> tuple[tuple[Fold, ...], str, int]:
    rng = np.random.default_rng(request.seed)
    n = rows.height
    count = whole(request.settings, "folds", 5 if n <= min(50_000, 5000 * request.budget_s) else 3, least=2)
    time, group = request.settings.get("time"), request.settings.get("group")
    for name, column in (("time", time), ("group", group)):
        if column is not None and column not in rows.columns:
            raise ColumnNotFound(
                f"no column {column!r}", where=f"settings.{name}", expected=one_of(rows.columns, column)
            )
    if time is not None:
        made = expanding(as_float32(rows.get_column(time)).astype(np.float64), count)
        return _usable(made, request, target), "time", 1
    if group is not None:
        made = grouped(as_text(rows.get_column(group)).astype(str), count, rng=rng)
        return _usable(made, request, target), "group", 1
    twins = rows.select(request.features).hash_rows(seed=0).to_numpy()
    if len(np.unique(twins)) < MOST_TWINS * n:
        # Rows that are alike in every feature stay together, or a fold would be tested on what it was taught.
        made = grouped(twins, count, rng=rng)
        return _usable(made, request, target), "stratified", 1
    codes = target if target.dtype.kind == "i" else quantile_codes(target)
    size = n * (len(np.unique(target)) if request.task == "multiclass" else 1)
    repeats = whole(request.settings, "repeats", 3 if size <= 500 else 2 if size <= 2000 else 1, least=1)
    made = [fold for _ in range(repeats) for fold in stratified(codes, min(count, n), rng=rng)]
    return _usable(made, request, target), "stratified", repeats


def whole(settings: Mapping[str, Any], name: str, default: int, *, least: int) -> int:
    """Read a setting that must be a whole number of at least `least`.

    Raises
    ------
    InvalidValue
        If it is not.
    """
    value = settings.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidValue(
            f"{name} {value!r}", where=f"settings.{name}", expected=f"a whole number of at least {least}"
        )
    return value


def _usable(folds: list[Fold], request: TrainRequest, target: np.ndarray) -> tuple[Fold, ...]:
    # A fold whose training rows are of one class, or all alike, teaches nothing.
    kept = tuple(fold for fold in folds if len(np.unique(target[fold.train])) > 1)
    if not kept:
        raise UnusableTarget(
            "no fold has two different targets to train on",
            where=f"column {request.target!r}",
            expected="more rows, or another time or group column",
        )
    return kept
