"""Feasibility: what no model can keep, said before the search, with its proof; and what no trial reached, as evidence.

A proof is about the rows that the promises are judged on, and about every model: rows with equal features get equal
answers. Evidence is about the models that were tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.automl._ceiling import (
    SLACK,
    Decisions,
    classes_best,
    counts_of,
    equal_rows,
    numbers_best,
    ranking_best,
)
from holdfast.automl._least import least_latency, least_size
from holdfast.automl._misses import OutOfReach, nearest, out_of_reach
from holdfast.automl._promises import LATENCIES, SIZE, SLICE_ROWS, SPARSITY
from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, one_of
from holdfast.core.models import CLASSIFICATION
from holdfast.core.units import show
from holdfast.stats.tensors import as_float32, as_text, to_tensors

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema
    from holdfast.core.ports import MeasureSpec
    from holdfast.core.promises import Promise

__all__ = ["Impossible", "OutOfReach", "impossible", "nearest", "out_of_reach"]

#: Names of the rows that a search's promises are judged on.
_HELD = (None, "holdout", "test")
#: Tasks whose truth and prediction are one number each.
_NUMBERS = ("regression", "forecasting", "count", "quantile")
#: Slack of probabilities: those of a row sum to 1 only as far as 32 bits go.
_LOOSE = {"log_loss": 1e-5, "brier": 1e-5}


#: Share of the least graph's fastest call that a bound must be below: a busy machine, or a slower one, proves nothing.
_QUICKER = 0.5


@dataclass(frozen=True, slots=True)
class Impossible:
    """Promises that no model keeps together.

    Parameters
    ----------
    claims
        The claims, one or several.
    why
        The proof, in a sentence.
    nearest
        What can be promised instead, as the text of a promise; empty where there is no one answer.
    """

    claims: tuple[str, ...]
    why: str
    nearest: str = ""

    @property
    def claim(self) -> str:
        """The claims as one text."""
        return " and ".join(self.claims)


def impossible(
    promises: Sequence[Promise],
    schema: ModelSchema,
    *,
    rows: pl.DataFrame | None = None,
) -> list[Impossible]:
    """Find what no model can keep.

    What is found: bounds on one measure that exclude each other or lie outside its range, a graph smaller or quicker
    than the least one with these inputs and outputs, quality asked of a model that may read no column, and quality
    beyond what rows with equal features but different targets allow, alone or together (a recall and a precision).
    Nothing else is found: that the list is empty proves nothing.

    Parameters
    ----------
    promises
        Those that a model is to keep.
    schema
        What the model takes and gives.
    rows
        The rows that promises will be judged on: features, target, columns of slices. None where they are not at hand:
        what is proven then does not depend on rows.

    Raises
    ------
    ColumnNotFound
        If the rows lack a column of the model, or the target.
    DataError
        If a column does not hold what the schema says.
    """
    found = [*_contradictions(promises), *_costs(promises, schema, rows)]
    if rows is None or rows.height == 0:
        return _least_claims(found)
    if schema.target not in rows.columns:
        raise ColumnNotFound(f"no column {schema.target!r}", where="rows", expected=one_of(rows.columns, schema.target))
    quality = [each for each in promises if each.on in _HELD and not each.args and not each.options]
    known = [each for each in quality if each.measure in _KNOWN]
    if not known:
        return _least_claims(found)
    for by in sorted({each.by for each in known}):
        alike = [each for each in known if each.by == by]
        for name, part in _slices(rows, by):
            found += _unreachable(alike, schema, part, where=name, blind=None)
    none = [each for each in promises if each.measure == SPARSITY and _forbids_columns(each)]
    if none:
        found += _unreachable([each for each in known if not each.by], schema, rows, where="", blind=none[0])
    return _least_claims(found)


def _least_claims(found: Sequence[Impossible]) -> list[Impossible]:
    """Leave out what says of more promises together what is said of fewer."""
    kept: list[Impossible] = []
    for each in sorted(found, key=lambda each: len(each.claims)):
        if not any(set(other.claims) <= set(each.claims) for other in kept):
            kept.append(each)
    return kept


_KNOWN = (
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "f1",
    "log_loss",
    "mae",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "specificity",
)


def _contradictions(promises: Sequence[Promise]) -> Iterator[Impossible]:
    """Bounds on one number that no number keeps: each alone within the measure's range, then pair by pair."""
    seen: dict[tuple[Any, ...], list[Promise]] = {}
    for promise in promises:
        key = (promise.measure, promise.args, promise.options, promise.by, promise.on, promise.over, promise.stage)
        spec = registry.find("measure", promise.measure)
        low, high = spec.range if spec is not None else (None, None)
        if _empty([promise], low=low, high=high):
            ends = " to ".join("any" if end is None else f"{end:g}" for end in (low, high))
            yield Impossible((promise.claim,), f"{promise.measure} lies in {ends}, whatever the model")
            continue
        for other in seen.setdefault(key, []):
            if _empty([other, promise], low=low, high=high):
                yield Impossible((other.claim, promise.claim), f"no number is {_bound(other)} and {_bound(promise)}")
        seen[key].append(promise)


def _bound(promise: Promise) -> str:
    return f"{promise.op} {promise.bound}"


def _empty(promises: Sequence[Promise], *, low: float | None, high: float | None) -> bool:
    """Whether no number within the range keeps all the bounds: the ends, and what lies between them, are tried."""
    ends = {each.bound.base for each in promises} | {each for each in (low, high) if each is not None}
    tried = sorted(ends)
    between = [(one + other) / 2.0 for one, other in pairwise(tried)]
    outside = [tried[0] - 1.0 - abs(tried[0]), tried[-1] + 1.0 + abs(tried[-1])]
    return not any(
        (low is None or number >= low)
        and (high is None or number <= high)
        and all(each.within(number) for each in promises)
        for number in (*tried, *between, *outside)
    )


def _costs(promises: Sequence[Promise], schema: ModelSchema, rows: pl.DataFrame | None) -> Iterator[Impossible]:
    sizes = [each for each in promises if each.measure == SIZE and each.op[0] == "<"]
    times = [each for each in promises if each.measure in LATENCIES and each.op[0] == "<"]
    if sizes:
        least = least_size(schema)
        for promise in sizes:
            if promise.bound.base < least.proven:
                why = f"the names of {len(schema.columns)} inputs and of the outputs alone have {least.proven} bytes"
                yield Impossible((promise.claim,), why, f"{SIZE} <= {_above(least.made / 1e3, 3)} kB")
    if times and rows is not None and rows.height:
        fastest = least_latency(schema, to_tensors(rows, schema))
        for promise in times:
            if promise.bound.base < _QUICKER * fastest:
                why = f"a graph that reads nothing took {show(fastest, 'seconds')} here in the fastest of many calls"
                yield Impossible((promise.claim,), why, f"{promise.measure} <= {_above(fastest * 1e6, 2)} us")


def _forbids_columns(promise: Promise) -> bool:
    """Whether a promise on the number of columns read leaves 0 only."""
    return promise.within(0.0) and not any(promise.within(float(count)) for count in range(1, 10_000))


def _slices(rows: pl.DataFrame, by: Sequence[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    """All rows, or the slices by each column; crossings are left to the gates, which know what is too small."""
    if not by:
        yield "", rows
        return
    for column in by:
        if column not in rows.columns:
            continue
        keys = rows.get_column(column).cast(pl.String).fill_null("")
        for value in keys.unique().sort():
            part = rows.filter(keys == value)
            if part.height >= SLICE_ROWS:
                yield f"{column}={value}", part


def _unreachable(
    promises: Sequence[Promise], schema: ModelSchema, rows: pl.DataFrame, *, where: str, blind: Promise | None
) -> Iterator[Impossible]:
    """Quality beyond what equal rows allow; where `blind` forbids every column, all rows are equal."""
    best, decisions, n = _best(schema, rows, blind=blind is not None)
    what = "no column may be read" if blind is not None else f"rows with equal features differ in {schema.target!r}"
    place = f"{what}{f' at {where}' if where else ''} (n = {n})"
    more = () if blind is None else (blind.claim,)
    left = []
    for promise in promises:
        spec = registry.find("measure", promise.measure)
        limit = best.get(promise.measure)
        if spec is not None and limit is not None and _beyond(promise, spec, limit):
            yield Impossible((promise.claim, *more), f"{place}: {_limit_text(spec, limit)}", _nearest(promise, limit))
        elif decisions is not None and decisions.knows(promise.measure):
            left.append(promise)
    if decisions is not None:
        yield from _together(left, decisions, place=place, more=more)


def _together(
    promises: Sequence[Promise], decisions: Decisions, *, place: str, more: tuple[str, ...]
) -> Iterator[Impossible]:
    """Promises that the decisions cannot keep: one alone, two together, or all of them."""
    alone, pairs = [], 0
    for promise in promises:
        part = decisions.within(promise.measure, promise.op, promise.bound.base)
        if part is None:
            limit = decisions.extreme(promise.measure, greatest=promise.op[0] != "<")
            told = "" if limit is None else f": {promise.measure} is at {_end(promise)} {limit:.4g}"
            nearest = "" if limit is None else _nearest(promise, limit)
            yield Impossible((promise.claim, *more), place + told, nearest)
        else:
            alone.append((promise, part))
    for index, (one, part) in enumerate(alone):
        for other, _ in alone[index + 1 :]:
            if part.within(other.measure, other.op, other.bound.base) is None:
                pairs += 1
                limit = part.extreme(other.measure, greatest=other.op[0] != "<")
                told = "" if limit is None else f": with {one.claim}, {other.measure} is at {_end(other)} {limit:.4g}"
                nearest = "" if limit is None else _nearest(other, limit)
                yield Impossible((one.claim, other.claim, *more), place + told, nearest)
    if len(alone) > 2 and not pairs:
        rest: Decisions | None = decisions
        for promise, _ in alone:
            rest = None if rest is None else rest.within(promise.measure, promise.op, promise.bound.base)
        if rest is None:
            yield Impossible((*(promise.claim for promise, _ in alone), *more), f"{place}: not all of them together")


def _end(promise: Promise) -> str:
    return "least" if promise.op[0] == "<" else "most"


def _best(schema: ModelSchema, rows: pl.DataFrame, *, blind: bool) -> tuple[dict[str, float], Decisions | None, int]:
    """Best values by measure, what decisions can be (of a binary task with rows of both classes), and the rows."""
    target = rows.get_column(schema.target)
    classifies = schema.task in CLASSIFICATION
    truth: np.ndarray = as_text(target).astype(str) if classifies else _numbers(target)
    seen = truth != "" if classifies else np.isfinite(truth)
    if not seen.any():
        return {}, None, 0
    tensors = to_tensors(rows, schema)
    codes = np.zeros(len(truth), dtype=np.int64) if blind else equal_rows(tensors)
    codes, truth = codes[seen], truth[seen]
    n = len(truth)
    if not classifies:
        return numbers_best(codes, truth) if schema.task in _NUMBERS else {}, None, n
    counts, names = counts_of(codes, truth)
    best = classes_best(counts)
    if schema.task != "binary":
        return best, None, n
    positive = schema.positive if schema.positive is not None else schema.classes[-1]
    if len(names) != 2 or positive not in names:
        return {}, None, n
    ordered = counts if names[1] == positive else counts[:, ::-1]
    return best | ranking_best(ordered), Decisions.of(ordered), n


def _numbers(target: pl.Series) -> np.ndarray:
    # As they are: rounded to 32 bits, targets that are nearly alike would differ by more than they do.
    wide = target.cast(pl.Float64).to_numpy() if target.dtype.is_numeric() else as_float32(target)
    return np.asarray(wide, dtype=np.float64)


def _beyond(promise: Promise, spec: MeasureSpec, limit: float) -> bool:
    """Whether a bound lies beyond the best value there can be, by more than rounding."""
    slack = _LOOSE.get(promise.measure, SLACK * max(1.0, abs(limit)))
    if spec.better == "higher" and promise.op in (">=", ">", "=="):
        return not promise.within(limit) and promise.bound.base > limit + slack
    if spec.better == "lower" and promise.op in ("<=", "<", "=="):
        return not promise.within(limit) and promise.bound.base < limit - slack
    return False


def _limit_text(spec: MeasureSpec, limit: float) -> str:
    return f"{spec.name} is at {'most' if spec.better == 'higher' else 'least'} {spec.show(limit)}"


def _nearest(promise: Promise, limit: float) -> str:
    if promise.op[0] == "<":
        return f"{promise.measure} <= {_above(limit, 4)}"
    return f"{promise.measure} >= {_below(limit, 4)}"


def _above(number: float, digits: int) -> str:
    return _rounded(number, digits, up=True)


def _below(number: float, digits: int) -> str:
    return _rounded(number, digits, up=False)


def _rounded(number: float, digits: int, *, up: bool) -> str:
    """Text of a number with so many digits, rounded away from what is impossible."""
    if number == 0.0:
        return "0"
    scale = 10.0 ** (digits - 1 - math.floor(math.log10(abs(number))))
    return f"{(math.ceil if up else math.floor)(number * scale) / scale:.{digits}g}"
