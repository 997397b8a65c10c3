"""Promises as constraints: how far a candidate's held-out answers are from keeping each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import HoldfastError
from holdfast.core.promises import EVERY_COLUMN
from holdfast.core.subjects import Scored

if TYPE_CHECKING:
    from holdfast.core.evidence import Value
    from holdfast.core.ports import MeasureSpec, TrainRequest
    from holdfast.core.promises import Promise

#: Held-out rows that a constraint is measured on, at most: the search has to be quick, the gates are not.
MOST_ROWS = 20_000
#: Rows that a slice needs before a search listens to it.
SLICE_ROWS = 20
#: Bytes of one leaf, with its share of the branches, in the exported graph.
LEAF_BYTES = 80


@dataclass(frozen=True, slots=True)
class Judged:
    """What held-out answers say of the promises: summed relative distances from the bounds, and the worst in words."""

    violation: float
    broken: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether every promise that can be measured here is kept."""
        return self.violation == 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """The promises of a request that a search can measure: those on scores, and the size."""

    scores: tuple[tuple[Promise, MeasureSpec], ...]
    size_bytes: float | None
    columns: tuple[str, ...]
    seed: int

    @classmethod
    def of(cls, request: TrainRequest) -> Constraints:
        """Constraints of a request."""
        found = [(promise, registry.find("measure", promise.measure)) for promise in request.promises]
        scores = tuple((promise, spec) for promise, spec in found if spec is not None and spec.subject == "scores")
        sizes = [
            promise.bound.base
            for promise in request.promises
            if promise.measure == "model_size" and promise.op[0] == "<"
        ]
        return cls(scores, min(sizes, default=None), request.features, request.seed)

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.scores) or self.size_bytes is not None

    def judge(self, scored: Scored, *, leaves: int = 0) -> Judged:
        """How far held-out answers are from keeping the promises.

        Parameters
        ----------
        scored
            Held-out rows.
        leaves
            Leaves of the candidate's trees: its size is estimated from them.
        """
        violation, broken = 0.0, []
        if self.size_bytes is not None and leaves * LEAF_BYTES > self.size_bytes:
            violation += leaves * LEAF_BYTES / self.size_bytes - 1.0
            broken.append(f"about {leaves * LEAF_BYTES / 1e6:.3g} MB")
        if scored.n > MOST_ROWS:
            chosen = np.random.default_rng(self.seed).choice(scored.n, MOST_ROWS, replace=False)
            scored = scored.take(np.sort(chosen))
        for promise, spec in self.scores:
            worst, words = self._worst(promise, spec, scored)
            if worst > 0.0:
                violation += worst
                broken.append(words)
        return Judged(violation, tuple(broken))

    def _worst(self, promise: Promise, spec: MeasureSpec, scored: Scored) -> tuple[float, str]:
        worst, words = 0.0, ""
        for args in self._arguments(promise):
            for name, part in slices(scored, promise.by):
                try:
                    value = spec.measure(
                        part,
                        args,
                        dict(promise.options),
                        confidence=promise.confidence or 0.95,
                        rng=np.random.default_rng(self.seed),
                    )
                except HoldfastError:
                    # What cannot be measured here is no reason to prefer one candidate to another; the gates will say.
                    continue
                distance = distance_of(promise, value)
                if distance > worst:
                    worst, words = distance, f"{promise.claim}: {spec.show(value.value)}{' at ' + name if name else ''}"
        return worst, words

    def _arguments(self, promise: Promise) -> list[tuple[str | float, ...]]:
        if EVERY_COLUMN not in promise.args:
            return [promise.args]
        return [tuple(column if each == EVERY_COLUMN else each for each in promise.args) for column in self.columns]


def distance_of(promise: Promise, value: Value) -> float:
    """Relative distance from the bound, 0 when kept; with a confidence, that of the interval's worse end."""
    number = value.value
    if promise.confidence is not None and value.low is not None and value.high is not None:
        number = value.high if promise.op[0] == "<" else value.low
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
