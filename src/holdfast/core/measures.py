"""Measures: what a promise may say about each, and how many of them are asked in one scan of the rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from holdfast.core.errors import HoldfastError, InvalidValue, UnitMismatch, one_of
from holdfast.core.evidence import Value
from holdfast.core.promises import STAGES, Argument, Promise, is_name
from holdfast.core.subjects import SUBJECTS
from holdfast.core.units import MEASURE_UNITS, number_text, show

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

Related = Callable[[str], "pl.LazyFrame"]
"""Name of another table -> its rows; what a contract names is beside it."""


@dataclass(frozen=True, slots=True)
class MeasureSpec:
    """A registered measure: the function, and what a promise may say about it.

    Parameters
    ----------
    name
        Name in promises.
    compute
        ``compute(subject, *args, confidence=..., rng=..., anytime=..., now=..., related=..., **options) -> Value``.
        `confidence` (of the interval), `rng` (a `numpy.random.Generator`), `anytime` (True asks for an interval that
        may be looked at again and again), `now` (UTC-aware time of the measurement) and `related` (name of another
        table -> its rows, a `polars.LazyFrame`) are keyword-only and passed only to functions that take them.
    unit
        Key of `MEASURE_UNITS`.
    range
        Least and greatest value it can have; None for no end.
    better
        ``higher``, ``lower`` or ``target``.
    stages
        Stages it can be judged at; the first is where a promise without a stage belongs.
    subject
        What it is given: ``rows``, ``scores``, ``window``, ``model`` or ``traffic``.
    source
        Paper or standard that defines it.
    cost
        Rough seconds for 10,000 rows.
    arguments
        Least and greatest number of arguments (``*`` counts as one; greatest None for no end).
    estimates
        Names of measures that this one estimates while labels are missing; it is then called as
        ``compute(window, name, ...)`` and its evidence is marked estimated.
    """

    name: str
    compute: Callable[..., Value]
    unit: str
    range: tuple[float | None, float | None]
    better: str
    stages: tuple[str, ...]
    subject: str
    source: str
    cost: float = 0.1
    arguments: tuple[int, int | None] = (0, 0)
    estimates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the name can stand in a promise, and that unit, direction, stages and subject are known."""
        if not is_name(self.name):
            raise InvalidValue(f"{self.name!r} is no name of a measure", expected="a name such as roc_auc")
        for word, valid in ((self.unit, tuple(MEASURE_UNITS)), (self.subject, SUBJECTS)):
            if word not in valid:
                raise InvalidValue(f"measure {self.name!r}: {word!r}", expected=one_of(valid, word))
        if self.better not in ("higher", "lower", "target"):
            raise InvalidValue(f"measure {self.name!r}: better {self.better!r}", expected="higher, lower or target")
        if not self.stages or not set(self.stages) <= set(STAGES):
            raise InvalidValue(f"measure {self.name!r}: stages {self.stages}", expected=one_of(STAGES))
        if not self.source:
            raise InvalidValue(
                f"measure {self.name!r} names no source", expected="the paper or standard that defines it"
            )

    def check(self, promise: Promise, *, where: str | None = None) -> None:
        """Check that a promise can be made about this measure.

        Raises
        ------
        UnitMismatch
            If the bound is in the wrong unit.
        InvalidValue
            If the bound is outside the measure's range, the stage is not one of its stages, or the number of
            arguments is wrong.
        """
        dimension = MEASURE_UNITS[self.unit]
        if promise.bound.dimension != dimension:
            raise UnitMismatch(
                f"{promise.bound} is a bound of dimension {promise.bound.dimension}, {self.name} is a {dimension}",
                where=where,
                expected=f"a bound such as {self._example()}",
            )
        low, high = self.range
        base = promise.bound.base
        if (low is not None and base < low) or (high is not None and base > high):
            ends = " to ".join(number_text(end) if end is not None else "any" for end in (low, high))
            raise InvalidValue(f"bound {promise.bound} of {self.name}", where=where, expected=f"a number from {ends}")
        if promise.stage is not None and promise.stage not in self.stages:
            raise InvalidValue(
                f"{self.name} cannot be judged at stage {promise.stage}", where=where, expected=one_of(self.stages)
            )
        least, most = self.arguments
        if len(promise.args) < least or (most is not None and len(promise.args) > most):
            wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
            raise InvalidValue(
                f"{self.name} with {len(promise.args)} arguments", where=where, expected=f"{wanted} (a column, or *)"
            )

    @property
    def anytime(self) -> bool:
        """Whether it can make an interval that stays valid however often it is looked at."""
        return self.takes("anytime")

    def takes(self, name: str) -> bool:
        """Whether its function takes an argument of that name, such as ``now`` or ``related``."""
        return name in inspect.signature(self.compute).parameters

    def measure(
        self,
        subject: Any,
        args: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
        *,
        confidence: float = 0.95,
        rng: np.random.Generator,
        anytime: bool = False,
        now: datetime | None = None,
        related: Related | None = None,
    ) -> Value:
        """Measure a subject; `confidence`, `rng`, `anytime`, `now` and `related` reach only a function that takes them.

        Raises
        ------
        InvalidValue
            If an option is not one of the measure's, or the arguments are too few or too many.
        NotMeasurable
            If the measure says so.
        """
        signature = inspect.signature(self.compute)
        takes = signature.parameters
        given = {"confidence": confidence, "rng": rng, "anytime": anytime, "now": now, "related": related}
        extra = {name: value for name, value in given.items() if name in takes}
        for name in options or {}:
            if name not in takes or name in given:
                valid = [each for each in list(takes)[1:] if each not in given]
                raise InvalidValue(f"{self.name} has no option {name!r}", expected=one_of(valid, name))
        named = {**dict(options or {}), **extra}
        try:
            signature.bind(subject, *args, **named)
        except TypeError as error:
            raise InvalidValue(f"{self.name} cannot take these arguments: {error}") from error
        return self.compute(subject, *args, **named)

    def _example(self) -> str:
        return {"time": "20 ms", "size": "5 MB", "money": "0.02 USD", "rows": "1000 rows"}.get(
            MEASURE_UNITS[self.unit], "0.9"
        )

    def show(self, base: float) -> str:
        """Text for a value of this measure, in a unit a person would choose."""
        return show(base, self.unit)


@dataclass(frozen=True, slots=True)
class RowCase:
    """One case of a promise about rows: what is measured, of which slice, and how sure the interval must be.

    Parameters
    ----------
    measure, args, options
        The measure and its arguments; ``*`` is already one column.
    slice
        Column and word pairs that choose the rows (a missing value is the word ``(missing)``); empty for all rows.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.
    """

    measure: str
    args: tuple[Argument, ...] = ()
    options: tuple[tuple[str, Argument], ...] = ()
    slice: tuple[tuple[str, str], ...] = ()
    confidence: float = 0.95
    anytime: bool = False


@runtime_checkable
class Scanner(Protocol):
    """Many cases of measures of rows, measured in one scan of a table."""

    name: str

    def knows(self, measure: str) -> bool:
        """Whether this scanner can measure it; another measure is asked by itself."""
        ...

    def scan(
        self,
        rows: Any,
        cases: Sequence[RowCase],
        *,
        now: datetime | None = None,
        related: Related | None = None,
    ) -> list[Value | HoldfastError]:
        """Find the value of each case, or the error why there is none; the values that each has when measured alone.

        `rows` is a `polars.DataFrame`, a `polars.LazyFrame` or a table that the scanner's room opened.
        """
        ...
