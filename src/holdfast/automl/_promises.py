"""Promises as constraints of a search: how far a candidate is from keeping each, in answers, size, time and columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, HoldfastError, InvalidValue, one_of
from holdfast.core.evidence import Value
from holdfast.core.promises import EVERY_COLUMN
from holdfast.core.subjects import Scored
from holdfast.core.units import show

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema
    from holdfast.core.ports import MeasureSpec, TrainRequest
    from holdfast.core.promises import Argument, Promise

#: Held-out rows that a constraint is measured on, at most: the search has to be quick, the gates are not.
MOST_ROWS = 20_000
#: Rows that a slice needs before a search listens to it.
SLICE_ROWS = 20
#: Bytes of one leaf, with its share of the branches, in the exported graph.
LEAF_BYTES = 80
#: Measures of time -> the quantile. A request over the network takes the graph's own time and more: to keep a bound on
#: live requests, a graph must keep it by itself; that it does is needed, not enough.
LATENCIES = {
    "p50_latency": 0.5,
    "p95_latency": 0.95,
    "p99_latency": 0.99,
    "p50_row_latency": 0.5,
    "p95_row_latency": 0.95,
    "p99_row_latency": 0.99,
}
SIZE, SPARSITY, MONOTONE = "model_size", "feature_count", "monotonicity_violations"
_SIGNS = {"up": 1, "down": -1}


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found of the promises: summed relative distances from the bounds, and the broken ones in words."""

    violation: float
    broken: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether every promise that can be measured here is kept."""
        return self.violation == 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a candidate was found to be, for one promise: the worst of its slices and columns.

    Parameters
    ----------
    promise
        The promise.
    value
        What was measured.
    unit
        Of the measure.
    where
        Which slice it is; empty for all rows.
    distance
        Relative distance from the bound, 0 when kept.
    about
        Whether it is a guess from the number of leaves, not measured.
    """

    promise: Promise
    value: Value
    unit: str
    where: str = ""
    distance: float = 0.0
    about: bool = False

    @property
    def shown(self) -> str:
        """The value in words."""
        return show(self.value.value, self.unit)

    @property
    def text(self) -> str:
        """The promise beside what was found."""
        if self.about:
            return f"about {self.value.value / 1e6:.3g} MB"
        return f"{self.promise.claim}: {self.shown}{' at ' + self.where if self.where else ''}"


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """The promises of a request that a search can measure.

    Parameters
    ----------
    scores
        Promises about answers, with their measures; a promise with a confidence is held to the interval's worse end.
    size_bytes
        The least bound on the size; None for none.
    columns
        Feature columns, for ``*``.
    seed
        Of the measures that draw.
    sizes, times, sparse
        Promises with an upper bound on size, on time, and on the number of columns read.
    gate_rows
        Rows that the promises will be judged on in the end; None where they are as many as the held-out rows. Fewer
        rows have wider intervals, and a promise with a confidence is held to these.
    careful
        Confidence with which promises without one are held to the interval's worse end all the same: a value at the
        very bound on these rows is beyond it on others every second time. None to take the value as it is.
    """

    scores: tuple[tuple[Promise, MeasureSpec], ...]
    size_bytes: float | None
    columns: tuple[str, ...]
    seed: int
    sizes: tuple[Promise, ...] = ()
    times: tuple[Promise, ...] = ()
    sparse: tuple[Promise, ...] = ()
    gate_rows: int | None = None
    careful: float | None = None

    @classmethod
    def of(cls, request: TrainRequest, *, gate_rows: int | None = None, careful: float | None = None) -> Constraints:
        """Constraints of a request; `gate_rows` and `careful` as above.

        Raises
        ------
        InvalidValue
            If `gate_rows` is below 1, or `careful` is not in (0, 1).
        """
        if gate_rows is not None and gate_rows < 1:
            raise InvalidValue(f"gate_rows {gate_rows}", expected="at least 1, or None")
        if careful is not None and not 0.0 < careful < 1.0:
            raise InvalidValue(f"careful {careful}", expected="a confidence between 0 and 1, or None")
        found = [(promise, registry.find("measure", promise.measure)) for promise in request.promises]
        scores = tuple((promise, spec) for promise, spec in found if spec is not None and spec.subject == "scores")
        capped = [promise for promise in request.promises if promise.op[0] == "<"]
        sizes = tuple(promise for promise in capped if promise.measure == SIZE)
        return cls(
            scores,
            min((promise.bound.base for promise in sizes), default=None),
            request.features,
            request.seed,
            sizes=sizes,
            times=tuple(promise for promise in capped if promise.measure in LATENCIES),
            sparse=tuple(promise for promise in capped if promise.measure == SPARSITY),
            gate_rows=gate_rows,
            careful=careful,
        )

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.scores or self.sizes or self.times or self.sparse) or self.size_bytes is not None

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Quantiles of the latency that are promised, sorted."""
        return tuple(sorted({LATENCIES[promise.measure] for promise in self.times}))

    def judge(
        self,
        scored: Scored,
        *,
        leaves: int = 0,
        size_bytes: float | None = None,
        latency_s: float | Mapping[float, float] | None = None,
        columns: int | None = None,
    ) -> Judged:
        """How far a candidate is from keeping the promises.

        Parameters
        ----------
        scored
            Held-out rows.
        leaves
            Leaves of the candidate's trees: its size is guessed from them where it is not known.
        size_bytes
            Its size; None where it is not known.
        latency_s
            Seconds for one row, the upper end of the interval: by quantile, or one number for all; None where it is
            not known. An infinite end says nothing.
        columns
            Columns that it reads; None where that is not known.
        """
        found = self.found(scored, leaves=leaves, size_bytes=size_bytes, latency_s=latency_s, columns=columns)
        broken = [each for each in found if each.distance > 0.0]
        return Judged(math.fsum(each.distance for each in broken), tuple(each.text for each in broken))

    def gaps(
        self,
        scored: Scored,
        *,
        size_bytes: float | None = None,
        latency_s: float | Mapping[float, float] | None = None,
        columns: int | None = None,
    ) -> dict[str, float]:
        """What was found, by claim: the worst value of each promise; arguments as for `judge`."""
        found = self.found(scored, size_bytes=size_bytes, latency_s=latency_s, columns=columns)
        return {each.promise.claim: each.value.value for each in found}

    def found(
        self,
        scored: Scored,
        *,
        leaves: int = 0,
        size_bytes: float | None = None,
        latency_s: float | Mapping[float, float] | None = None,
        columns: int | None = None,
    ) -> tuple[Found, ...]:
        """What a candidate was found to be, promise by promise; arguments as for `judge`."""
        made = [*self._costs(leaves, size_bytes, latency_s, columns)]
        stretch = 1.0 if self.gate_rows is None else math.sqrt(max(1, scored.n) / self.gate_rows)
        if scored.n > MOST_ROWS:
            chosen = np.random.default_rng(self.seed).choice(scored.n, MOST_ROWS, replace=False)
            stretch *= math.sqrt(MOST_ROWS / scored.n) if self.gate_rows is not None else 1.0
            scored = scored.take(np.sort(chosen))
        made += [each for each in (self._worst(*pair, scored, stretch=stretch) for pair in self.scores) if each]
        return tuple(made)

    def _costs(
        self,
        leaves: int,
        size_bytes: float | None,
        latency_s: float | Mapping[float, float] | None,
        columns: int | None,
    ) -> Iterator[Found]:
        size = leaves * LEAF_BYTES if size_bytes is None and leaves else size_bytes
        for promise in self.sizes if size is not None else ():
            yield _cost(promise, float(size or 0.0), "bytes", about=size_bytes is None)
        for promise in self.times if latency_s is not None else ():
            quantile = LATENCIES[promise.measure]
            seconds = latency_s.get(quantile, math.inf) if isinstance(latency_s, Mapping) else latency_s
            if seconds is not None and math.isfinite(seconds):
                yield _cost(promise, seconds, "seconds")
        for promise in self.sparse if columns is not None else ():
            yield _cost(promise, float(columns or 0), "count")

    def _worst(self, promise: Promise, spec: MeasureSpec, scored: Scored, *, stretch: float) -> Found | None:
        worst: tuple[tuple[float, float], Found] | None = None
        sure = promise.confidence or self.careful
        held = promise if sure == promise.confidence else replace(promise, confidence=sure)
        for args in self._arguments(promise):
            for name, part in slices(scored, promise.by):
                try:
                    value = spec.measure(
                        part,
                        args,
                        dict(promise.options),
                        confidence=sure or 0.95,
                        rng=np.random.default_rng(self.seed),
                    )
                except HoldfastError:
                    # What cannot be measured here is no reason to prefer one candidate to another; the gates will say.
                    continue
                made = Found(promise, value, spec.unit, name, distance_of(held, value, stretch=stretch))
                order = made.distance, _side(promise) * value.value
                if worst is None or order > worst[0]:
                    worst = order, made
        return worst[1] if worst is not None else None

    def _arguments(self, promise: Promise) -> list[tuple[Argument, ...]]:
        if EVERY_COLUMN not in promise.args:
            return [promise.args]
        return [tuple(column if each == EVERY_COLUMN else each for each in promise.args) for column in self.columns]


def _side(promise: Promise) -> float:
    """1 where a greater value is nearer to breaking it, -1 where a lesser one is, else 0."""
    return {"<": 1.0, ">": -1.0}.get(promise.op[0], 0.0)


def _cost(promise: Promise, number: float, unit: str, *, about: bool = False) -> Found:
    # Sizes and times are far from 1: their distance is relative to the bound alone, with no floor under it.
    over = 0.0 if promise.within(number) else max(number / max(promise.bound.base, 1e-12) - 1.0, 1e-12)
    return Found(promise, Value(number), unit, distance=over, about=about)


def distance_of(promise: Promise, value: Value, *, stretch: float = 1.0) -> float:
    """Relative distance from the bound, 0 when kept; with a confidence, that of the interval's worse end.

    `stretch` widens the interval to that of fewer rows (or narrows it): the root of how many times fewer they are.
    """
    number = value.value
    if promise.confidence is not None and value.low is not None and value.high is not None:
        end = value.high if promise.op[0] == "<" else value.low
        number += stretch * (end - number)
    if promise.within(number):
        return 0.0
    return max(abs(number - promise.bound.base), 1e-12) / max(abs(promise.bound.base), 0.05)


def slices(scored: Scored, by: Sequence[str]) -> Iterator[tuple[str, Scored]]:
    """Every slice of the columns and their crossings that has enough rows; all rows when there is no column."""
    if not by or any(column not in scored.rows.columns for column in by):
        yield "", scored
        return
    for size in range(1, len(by) + 1):
        for columns in combinations(by, size):
            keys = scored.rows.select(pl.col(each).cast(pl.String).fill_null("") for each in columns)
            for values in sorted(keys.unique().rows()):
                mask = np.logical_and.reduce([(keys[c] == v).to_numpy() for c, v in zip(columns, values, strict=True)])
                if mask.sum() >= SLICE_ROWS:
                    yield ", ".join(f"{c}={v}" for c, v in zip(columns, values, strict=True)), scored.take(mask)


def monotone_signs(promises: Iterable[Promise], schema: ModelSchema) -> dict[str, int]:
    """Signs that keep the promises of monotonicity by construction: 1 (never falls) or -1 (never rises), by column.

    A promise that allows some wrong steps gets the sign too: it then holds for certain, not on the rows at hand.

    Parameters
    ----------
    promises
        Those about other measures are passed over, and so are bounds that forbid nothing.
    schema
        What the model takes; ``*`` stands for its columns of numbers.

    Raises
    ------
    ColumnNotFound
        If a column is not among the model's.
    InvalidValue
        If a column is text, a direction is unknown, or a column is to move both ways.
    """
    numbers = [each.name for each in schema.columns if each.dtype == "float32"]
    signs: dict[str, int] = {}
    for promise in promises:
        if promise.measure != MONOTONE or promise.op[0] != "<" or promise.bound.base >= 1.0:
            continue
        direction = str(dict(promise.options).get("direction", "up"))
        if direction not in _SIGNS:
            raise InvalidValue(f"direction {direction!r}", where=promise.claim, expected=one_of(_SIGNS, direction))
        for column in numbers if EVERY_COLUMN in promise.args else [str(each) for each in promise.args]:
            if column not in schema.names:
                raise ColumnNotFound(
                    f"no feature {column!r}", where=promise.claim, expected=one_of(schema.names, column)
                )
            if column not in numbers:
                raise InvalidValue(f"{column!r} is text", where=promise.claim, expected="a column of numbers")
            if signs.setdefault(column, _SIGNS[direction]) != _SIGNS[direction]:
                raise InvalidValue(
                    f"{column!r} is to rise and to fall",
                    where=promise.claim,
                    expected="one direction, or no such feature",
                )
    return signs
