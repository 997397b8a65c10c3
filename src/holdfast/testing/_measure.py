"""The suite of measures."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, HoldfastError, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.ports import MeasureSpec
from holdfast.testing._arguments import arguments_of, columns_of
from holdfast.testing._conformance import ConformanceError, attempt, must_refuse, require, require_plain, resolve
from holdfast.testing._subjects import copy_of, same_subject, spoilt, subjects

#: No registered table has a column of this name.
NOWHERE = "no such column"

#: Time of the look, for measures that ask: after everything that the tiny subjects saw.
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A measure with a subject and arguments that it can be measured with."""

    spec: MeasureSpec
    subject: Any
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What is measured, in words."""
        return f"measure {self.spec.name!r} with arguments {self.args}"

    def run(self, subject: Any = None, *, args: Sequence[Any] | None = None, **settings: Any) -> Value:
        """Measure; the generator is seeded anew each time."""
        given = {"confidence": 0.95, "rng": np.random.default_rng(7), "now": NOW, **settings}
        return self.spec.measure(
            self.subject if subject is None else subject, self.args if args is None else args, self.options, **given
        )


def check_measure(
    measure: MeasureSpec | str,
    *,
    subject: Any = None,
    args: Sequence[Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Check a measure: declarations, range, interval, determinism, purity, and manners on bad input.

    Bad input is an empty subject (must raise `NotMeasurable`), one row, a constant column, a column of missing
    values, NaN and infinity, a column that is not there. On these a measure answers with a value in its range or
    raises one of Holdfast's errors, and warns of nothing.

    Parameters
    ----------
    measure
        The spec, or the name that it is registered under.
    subject
        What to measure, of the kind that the measure is given; a tiny one when None.
    args, options
        Arguments of the measure; when None they are found by the names of its parameters.

    Raises
    ------
    ConformanceError
        If the measure breaks a rule of the port; says which, and what was seen.

    Examples
    --------
    >>> from holdfast.core.ports import MeasureSpec
    >>> def rows_there(rows):
    ...     '''Count the rows.'''
    ...     return Value(float(rows.height))
    >>> check_measure(MeasureSpec("rows_there", rows_there, "rows", (0, None), "higher", ("data",), "rows", "none"))
    Traceback (most recent call last):
    holdfast.testing._conformance.ConformanceError: measure 'rows_there' with arguments () on an empty subject was ...
    """
    spec: MeasureSpec = resolve("measure", measure)
    require((spec.compute.__doc__ or "").strip(), f"measure {spec.name!r} has no docstring")
    require(spec.source.strip() and spec.unit, f"measure {spec.name!r} names no source or no unit")
    with tempfile.TemporaryDirectory() as folder:
        case = _measurable(spec, Path(folder), subject=subject, args=args, options=options)
        _check_value(case)
        _check_settings(case)
        _check_bad_input(case)
        _check_row_mask(case)


def _measurable(
    spec: MeasureSpec, folder: Path, *, subject: Any, args: Sequence[Any] | None, options: Mapping[str, Any] | None
) -> _Case:
    refused: HoldfastError | None = None
    for each in [subject] if subject is not None else subjects(spec.subject, folder):
        for given in [tuple(args)] if args is not None else arguments_of(spec, each):
            case = _Case(spec, each, given, dict(options or {}))
            found = attempt(case.name, case.run)
            if isinstance(found, Value):
                return case
            require(isinstance(found, HoldfastError), f"{case.name} gave a {type(found).__name__}, not a Value")
            refused = found if isinstance(found, HoldfastError) else refused
    raise ConformanceError(
        f"measure {spec.name!r} could be measured on no tiny subject ({refused}); hand over `subject` or `args`"
    )


def _check_value(case: _Case) -> None:
    before = copy_of(case.subject)
    first, second = case.run(), case.run()
    require(same_subject(before, case.subject), f"{case.name} changed what it was given")
    _in_range(case, first)
    require(
        (first.value, first.low, first.high, first.n, first.method)
        == (second.value, second.low, second.high, second.n, second.method),
        f"{case.name} gave {first!r} and then {second!r} with the same seed",
    )
    require_plain(first.notes, f"the notes of {case.name}")
    require(first.notes == second.notes or str(first.notes) == str(second.notes), f"the notes of {case.name} differ")


def _in_range(case: _Case, value: Value) -> None:
    low, high = case.spec.range
    slack = 1e-9 * max(1.0, abs(value.value))
    inside = (low is None or value.value >= low - slack) and (high is None or value.value <= high + slack)
    require(inside, f"{case.name} gave {value!r}, outside its declared range {case.spec.range}")


def _check_settings(case: _Case) -> None:
    sure, unsure = case.run(confidence=0.99), case.run(confidence=0.8)
    if sure.low is not None and sure.high is not None and unsure.low is not None and unsure.high is not None:
        wide, narrow = sure.high - sure.low, unsure.high - unsure.low
        require(
            wide >= narrow or wide >= narrow - 1e-9 * max(1.0, abs(narrow)),
            f"the 99 % interval of {case.name} is narrower ({wide}) than its 80 % interval ({narrow})",
        )
    if case.spec.anytime:
        found = attempt(f"{case.name}, anytime", lambda: case.run(anytime=True))
        require(isinstance(found, Value), f"{case.name} says it can be anytime-valid and refuses: {found}")


def _check_bad_input(case: _Case) -> None:
    columns = columns_of(case.subject)
    named = [place for place, each in enumerate(case.args) if each in columns]
    for name, subject in spoilt(case.subject, [str(case.args[place]) for place in named]).items():
        what = f"{case.name} on {name}"
        if name == "an empty subject":
            must_refuse(what, partial(case.run, subject), NotMeasurable)
            continue
        found = attempt(what, partial(case.run, subject))
        if not isinstance(found, HoldfastError):
            require(isinstance(found, Value), f"{what} gave a {type(found).__name__}, not a Value")
            _in_range(case, found)
    for place in named:
        args = [*case.args]
        args[place] = NOWHERE
        _check_missing_column(case, args)


def _check_missing_column(case: _Case, args: Sequence[Any]) -> None:
    what = f"measure {case.spec.name!r} of a column that is not there"
    found = attempt(what, lambda: case.run(args=args))
    if isinstance(found, Value):
        worst = case.spec.range[0] if case.spec.better == "higher" else case.spec.range[1]
        sentence = f"{what} gave {found!r}; expected {ColumnNotFound.__name__}, or the worst value there is"
        require(worst is not None and found.value == worst, sentence)


def _check_row_mask(case: _Case) -> None:
    check = registry.find("row_check", case.spec.name)
    if check is None:
        return
    what = f"row check {case.spec.name!r}"
    rows: pl.DataFrame = case.subject
    mask = attempt(what, lambda: check.failing(rows, *case.args, **case.options))
    require(not isinstance(mask, HoldfastError), f"{what} refuses what the measure takes: {mask}")
    array = np.asarray(mask)
    require(
        array.shape == (rows.height,) and array.dtype == bool,
        f"{what} gave {array.dtype} of shape {array.shape}; expected bool of shape ({rows.height},)",
    )
