"""Checking a table that belongs to no project: its promises found, its rows read or scanned, verdicts made results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.evidence import Evidence, Verdict
    from holdfast.core.ports import Related
    from holdfast.quality.reports import CheckResult, Report
    from holdfast.store.checks_file import Checks

#: So many of the rows that break a promise are named by their positions.
FIRST = 5

#: A Parquet file of more bytes is scanned, not held in memory.
LARGE = 256 << 20

#: Tables that are not files of this machine.
_ELSEWHERE = (
    "s3://",
    "s3a://",
    "gs://",
    "gcs://",
    "az://",
    "azure://",
    "abfs://",
    "abfss://",
    "postgresql://",
    "postgres://",
)


def read_table(location: str, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Rows of a file or URL, through the first source that reads it."""
    from holdfast.keeper.reading import read_rows

    return read_rows(location, dict(settings or {}), where=location)


def checks_of(location: str, contract: str | Path | None, table: str | None) -> tuple[Checks, tuple[str, ...]]:
    """Promises to judge by, and what must be known of them: the checks of another tool that do not map."""
    from holdfast.quality.exchange import checks_text, is_suite, read_suite
    from holdfast.store.checks_file import parse_checks, read_checks

    path = Path(contract) if contract is not None else contract_near(location)
    if not is_suite(path):
        return read_checks(path), ()
    found = read_suite(path, table=table)
    passed_over = tuple(f"passed over: {each.what}: {each.why}" for each in found.skipped)
    return parse_checks(checks_text(found).encode(), name=path.name, folder=path.parent), passed_over


def contract_near(location: str) -> Path:
    from holdfast.core.errors import NotFound

    beside = Path() if "://" in location else Path(location.partition("#")[0]).parent
    near = (beside / "checks.yaml", Path("checks.yaml"), Path("holdfast.yaml"))
    found = next((each for each in near if each.is_file()), None)
    if found is None:
        raise NotFound(
            "no contract to judge by",
            where=location,
            expected=f"--contract FILE, or checks.yaml beside it: holdfast profile {location} --out checks.yaml",
        )
    return found


def report_of(location: str, checks: Checks, rows: Any, *, now: datetime, started: float) -> Report:
    """Judge the rows of a location, read or opened by `table_at` from `started` (of the performance counter) on."""
    from time import perf_counter

    from holdfast.keeper.checking import judge_table
    from holdfast.quality.reports import Report

    _check_sound(checks, rows)
    height, names = _size(rows)
    columns = [each for each in names if each not in checks.excluded]
    related = _related(checks)
    verdicts = judge_table(checks.promises, rows, columns=columns, now=now, related=related)
    return Report(
        results=tuple(
            _result(each, rows, height, columns=columns, line=checks.lines.get(each.promise.id), related=related)
            for each in verdicts
        ),
        data=location,
        contract=checks.name,
        rows=height,
        columns=len(names),
        time=now,
        seconds=perf_counter() - started,
    )


def _check_sound(checks: Checks, rows: Any) -> None:
    """Refuse a promise that no table could keep or break: that is for its writer to mend, not unproven."""
    from holdfast.quality.compiler import unsound

    for promise in checks.promises:
        for error in unsound([promise], rows).values():
            place = f"{checks.name}:{checks.lines.get(promise.id, 1)}: {promise.claim}"
            raise type(error)(error.message, where=place, expected=error.expected)


def _result(
    verdict: Verdict, rows: Any, height: int, *, columns: list[str], line: int | None, related: Related | None
) -> CheckResult:
    from holdfast.core import registry
    from holdfast.core.evidence import State
    from holdfast.quality.reports import CheckResult

    found, promise = verdict.deciding, verdict.promise
    spec = registry.get("measure", promise.measure)
    notes: Mapping[str, Any] = {} if found is None else found.notes
    failing, first = notes.get("rows_failing"), tuple(notes.get("first_rows", ()))
    if verdict.cases > 1 and verdict.state is not State.HELD:
        failing, first = _failing(verdict, rows, columns, related, (failing, first))
    value = None if found is None else found.value
    low, high = (None, None) if found is None else (found.low, found.high)
    ends = f" [{spec.show(low)}, {spec.show(high)}]" if low is not None and high is not None else ""
    return CheckResult(
        check=promise.claim,
        verdict=verdict.state.value,
        value=value,
        low=low,
        high=high,
        n=0 if found is None else found.n,
        rows_failing=failing,
        rows=height,
        reason="" if verdict.state is State.HELD else verdict.reason,
        first_rows=first,
        measure=promise.measure,
        column=_column_of(found),
        shown="" if value is None else f"{spec.show(value)}{ends}",
        line=line,
    )


def _failing(
    verdict: Verdict,
    rows: Any,
    columns: list[str],
    related: Related | None,
    told: tuple[int | None, tuple[int, ...]],
) -> tuple[int | None, tuple[int, ...]]:
    """Rows that break any case of a promise; what the deciding case told where the rows are not at hand."""
    import polars as pl

    from holdfast.keeper.checking import failing_mask

    if not isinstance(rows, pl.DataFrame) or verdict.promise.by:
        return told
    mask = failing_mask(verdict.promise, rows, columns=columns, related=related)
    return told if mask is None else (int(mask.sum()), tuple(int(each) for each in mask.nonzero()[0][:FIRST]))


def _column_of(found: Evidence | None) -> str | None:
    if found is None or not found.args or not isinstance(found.args[0], str):
        return None
    return found.args[0]


def _related(checks: Checks) -> Related:
    """Other tables that a promise names: files beside the contract, or URLs; each is read once."""
    from functools import cache

    @cache
    def read_beside(name: str) -> pl.LazyFrame:
        return read_table(name if "://" in name else str(checks.folder / name)).lazy()

    return read_beside


def frame_of(location: str, checks: Checks, settings: Mapping[str, Any] | None) -> pl.DataFrame:
    """Rows with the types that the contract states, of those columns that are there."""
    from holdfast.core.errors import ColumnNotFound

    types = dict(checks.types)
    while True:
        more = {"types": types} if types else {}
        try:
            return read_table(location, {**checks.reading, **more, **(settings or {})})
        except ColumnNotFound as error:
            # A column that is gone is told by the promises about it.
            gone = next((each for each in types if repr(each) in error.message), None)
            if gone is None:
                raise
            del types[gone]


def table_at(location: str, checks: Checks, settings: Mapping[str, Any] | None) -> Any:
    """Rows in memory, or a table that is scanned where it lies: large, in a database, or far away."""
    if not _scanned(location, settings):
        return frame_of(location, checks, settings)
    from holdfast.quality.engines import open_table

    return open_table(location, settings)


def _scanned(location: str, settings: Mapping[str, Any] | None) -> bool:
    if not location:
        return False
    if "engine" in (settings or {}) or location.startswith(_ELSEWHERE):
        return True
    path, _, table = location.partition("#")
    if table or path.endswith((".duckdb", ".ddb")) or "*" in path or Path(path).is_dir():
        return True
    return path.endswith((".parquet", ".pq")) and Path(path).is_file() and Path(path).stat().st_size > LARGE


def _size(rows: Any) -> tuple[int, list[str]]:
    """Number of rows, and the columns."""
    import polars as pl

    if isinstance(rows, pl.DataFrame):
        return rows.height, rows.columns
    from holdfast.core.measures import RowCase
    from holdfast.quality.compiler import compile_cases
    from holdfast.quality.engines import table_of

    table = table_of(rows)
    (count,) = compile_cases([RowCase("row_count")]).results(table)
    return int(getattr(count, "value", 0)), list(table.schema)
