"""The check compiler: many promises about rows, evaluated in one scan of the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import DataError, HoldfastError, InvalidValue, NotMeasurable, one_of
from holdfast.core.evidence import Value
from holdfast.core.promises import Promise
from holdfast.quality._expressions import Check, build, builders
from holdfast.quality._values import count, mask, value_of


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """Promises about rows, ready to be evaluated together.

    Parameters
    ----------
    promises
        The promises, each of a measure that has a check.
    columns
        Columns that ``*`` stands for; None for every column of the table.
    """

    promises: tuple[Promise, ...]
    columns: tuple[str, ...] | None = None

    def results(
        self, rows: pl.DataFrame, *, confidence: float = 0.95, anytime: bool = False
    ) -> dict[str, Value | HoldfastError]:
        """Find the value of every promise, by promise id, or the error why there is none. Nothing is lost.

        All checks are counted by one select, so the table is scanned once; the checks that fail are asked for their
        first rows in a second one.

        Parameters
        ----------
        rows
            Shape (n, columns).
        confidence
            Confidence of the intervals, where the promise names none.
        anytime
            Whether the intervals must stay valid however often they are looked at.
        """
        groups, errors = self._built(rows)
        counts = dict(zip(groups, count(rows, list(groups.values())), strict=True))
        found: dict[str, Value | HoldfastError] = {}
        for promise in self.promises:
            key = promise.id
            if key in errors:
                found[key] = errors[key]
                continue
            sure = promise.confidence or confidence
            try:
                found[key] = value_of(groups[key], counts[key], rows, confidence=sure, anytime=anytime)
            except NotMeasurable as error:
                found[key] = error
        return found

    def measure(self, rows: pl.DataFrame, *, confidence: float = 0.95, anytime: bool = False) -> dict[str, Value]:
        """Values by promise id; the first promise that cannot be measured raises.

        Raises
        ------
        ColumnNotFound
            If a promise names a column that is not there.
        NotMeasurable
            If there are no rows, no values, or the column is of the wrong type.
        """
        values: dict[str, Value] = {}
        for key, found in self.results(rows, confidence=confidence, anytime=anytime).items():
            if isinstance(found, HoldfastError):
                raise found
            values[key] = found
        return values

    def failing(self, rows: pl.DataFrame) -> dict[str, np.ndarray]:
        """Masks of shape (n,) by promise id, for the promises that some row breaks: True where it does.

        Promises that blame no single row, that no row breaks, or that cannot be measured are left out.
        """
        groups, _ = self._built(rows)
        counts = count(rows, list(groups.values()))
        marked: dict[str, np.ndarray] = {}
        for (key, checks), inner in zip(groups.items(), counts, strict=True):
            guilty = [each for each, (bad, _) in zip(checks, inner, strict=True) if bad and each.failing is not None]
            if guilty:
                marked[key] = mask(rows, guilty)
        return marked

    def _built(self, rows: pl.DataFrame) -> tuple[dict[str, Sequence[Check]], dict[str, HoldfastError]]:
        groups: dict[str, Sequence[Check]] = {}
        errors: dict[str, HoldfastError] = {}
        for promise in self.promises:
            try:
                groups[promise.id] = build(
                    promise.measure, rows.schema, promise.args, dict(promise.options), columns=self.columns
                )
            except (DataError, InvalidValue) as error:
                errors[promise.id] = error
        return groups, errors


def compile_checks(promises: Iterable[Promise], *, columns: Iterable[str] | None = None) -> CheckPlan:
    """Plan that evaluates all the promises in one scan of a table.

    Parameters
    ----------
    promises
        Promises about rows. Slices are the caller's: hand over the rows of one slice, and the promise without `by`.
    columns
        Columns that ``*`` stands for (the features); None for every column of the table.

    Raises
    ------
    UnknownName
        If a measure is not registered.
    InvalidValue
        If a measure has no check of rows, or a promise has slices.

    Examples
    --------
    >>> import polars as pl
    >>> from holdfast.core.grammar import parse
    >>> plan = compile_checks([parse("completeness(age) >= 0.9"), parse("in_range(age, 0, 120) >= 1")])
    >>> [value.value for value in plan.measure(pl.DataFrame({"age": [39, None, 50, 380]})).values()]
    [0.75, 0.6666666666666667]
    """
    kept = tuple(promises)
    registry.load("measure")
    for promise in kept:
        if promise.measure not in builders:
            registry.get("measure", promise.measure)
            raise InvalidValue(f"{promise.measure} is no check of rows", expected=one_of(builders, promise.measure))
        if promise.by:
            raise InvalidValue(f"slices in {promise.claim!r}", expected="the rows of one slice, and no 'by'")
    return CheckPlan(kept, None if columns is None else tuple(columns))


def broken_columns(rows: pl.DataFrame, claim: str, columns: Iterable[str]) -> list[str]:
    """Columns, of those that ``*`` stands for in a claim, whose value is outside its bound.

    Parameters
    ----------
    rows
        Shape (n, columns).
    claim
        Text of a promise whose first argument is ``*``.
    columns
        Columns to look at; one that cannot be measured is left out.
    """
    from holdfast.core.grammar import parse

    promise = parse(claim)
    each = {name: replace(promise, args=(name, *promise.args[1:]), by=()) for name in columns}
    found = compile_checks(each.values()).results(rows)
    values = {name: found[one.id] for name, one in each.items()}
    return [name for name, value in values.items() if isinstance(value, Value) and not _kept(promise, value)]


def _kept(promise: Promise, value: Value) -> bool:
    ends = (value.value, value.low, value.high) if promise.confidence is not None else (value.value,)
    return all(promise.within(each) for each in ends if each is not None)
