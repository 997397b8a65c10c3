"""The suite of scanners."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import HoldfastError
from holdfast.core.evidence import Value
from holdfast.core.ports import MeasureSpec, RowCase, Scanner
from holdfast.testing._arguments import arguments_of
from holdfast.testing._conformance import attempt, must_work, require, resolve
from holdfast.testing._measure import NOW
from holdfast.testing.data import tiny_rows

#: Arguments of each measure that are tried.
TRIED = 12

#: Slices that each of them is asked of.
SLICES: tuple[tuple[tuple[str, str], ...], ...] = ((), (("sex", "f"),), (("sex", "m"), ("smoker", "true")))


def check_scanner(scanner: Scanner | str) -> None:
    """Check a scanner: each value of a scan is the one that the measure finds alone, and no case spoils another.

    Parameters
    ----------
    scanner
        The scanner, or the name that it is registered under.

    Raises
    ------
    ConformanceError
        If the scanner breaks a rule of the port; says which, and what was seen.
    """
    made: Scanner = resolve("scanner", scanner)
    require(isinstance(made, Scanner), f"{made!r} lacks members of Scanner")
    require(made.knows("no such measure") is False, f"scanner {made.name!r} knows a measure that nobody made")
    known = [each for each in registry.every("measure") if each.subject == "rows" and made.knows(each.name)]
    require(known, f"scanner {made.name!r} knows no registered measure of rows")
    rows = tiny_rows()
    before = rows.clone()
    cases = [case for spec in known for case in _cases(spec, rows)]
    what = f"scanner {made.name!r}"
    found = must_work(f"{what}, scanning {len(cases)} cases,", partial(made.scan, rows, cases, now=NOW))
    require(len(found) == len(cases), f"{what} gave {len(found)} answers to {len(cases)} cases")
    require(rows.equals(before), f"{what} changed the rows")
    for case, value in zip(cases, found, strict=True):
        _check_case(case, value, rows, what)
    again = made.scan(rows, cases, now=NOW)
    require(
        [_told(each) for each in again] == [_told(each) for each in found], f"{what} scanned twice, told two things"
    )
    require(made.scan(rows, [], now=NOW) == [], f"{what} answers where nothing was asked")
    empty = must_work(f"{what}, scanning a table without rows,", partial(made.scan, rows.clear(), cases, now=NOW))
    require(all(isinstance(each, HoldfastError) for each in empty), f"{what} found a value in a table without rows")


def _cases(spec: MeasureSpec, rows: pl.DataFrame) -> list[RowCase]:
    arguments = list(itertools.islice(arguments_of(spec, rows), TRIED))
    made = [RowCase(spec.name, args, slice=each, confidence=0.9) for args in arguments for each in SLICES]
    # One that cannot be measured stands between those that can.
    return [*made, RowCase(spec.name, ("no such column",) * max(1, spec.arguments[0]))]


def _check_case(case: RowCase, found: Value | HoldfastError, rows: pl.DataFrame, what: str) -> None:
    chosen = rows
    for column, word in case.slice:
        chosen = chosen.filter(pl.col(column).cast(pl.String) == word)
    spec: MeasureSpec = registry.get("measure", case.measure)
    rng = np.random.default_rng(7)
    alone = attempt(
        f"measure {case.measure!r}",
        partial(spec.measure, chosen, case.args, dict(case.options), confidence=case.confidence, rng=rng, now=NOW),
    )
    require(
        _told(found) == _told(alone),
        f"{what}, asked for {case}, found {_told(found)}; alone the measure finds {_told(alone)}",
    )


def _told(found: Value | HoldfastError) -> Any:
    # The words of an error may name what the scan knows and the measure does not: its kind must be the same.
    return type(found).__name__ if isinstance(found, HoldfastError) else (found, found.method, found.notes)
