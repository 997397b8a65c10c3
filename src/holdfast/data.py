"""The use-cases of a table that belongs to no project yet: profile, check, clean, anomalies, label errors, compare.

These functions are the SDK of data quality; the commands of the same names call them. `Project` does the same for the
data of a contract, with a journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.evidence import Evidence, Verdict
    from holdfast.core.ports import Related
    from holdfast.quality.anomalies.labels import LabelErrors
    from holdfast.quality.anomalies.rows import RowAnomalies
    from holdfast.quality.anomalies.series import SeriesAnomalies
    from holdfast.quality.cleaning import Cleaned, Undone
    from holdfast.quality.exchange import Imported
    from holdfast.quality.profiling import Profile
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

__all__ = [
    "anomalies",
    "check",
    "check_all",
    "check_out",
    "clean",
    "import_checks",
    "label_errors",
    "profile",
    "read",
    "row_anomalies",
    "undo",
]


def read(location: str, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Rows of a file or URL, through the first source that reads it.

    Raises
    ------
    UnreadableData
        If no source reads such a file, or its bytes are not what they should be.
    """
    from holdfast.keeper.reading import read_rows

    return read_rows(location, dict(settings or {}), where=location)


def check(
    location: str,
    *,
    contract: str | Path | None = None,
    against: str | None = None,
    key: Sequence[str] = (),
    table: str | None = None,
    settings: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Report:
    """Judge the promises about rows on a table, in one scan of it; nothing is changed and nothing recorded.

    Parameters
    ----------
    location
        File or URL of the rows: CSV, Parquet, a folder or cloud URL of Parquet, ``file.duckdb#table``,
        ``postgresql://host/database#table``.
    contract
        A contract, a checks file (``holdfast: 1`` and ``promises``), or a suite of another tool that `import_checks`
        reads. None for ``checks.yaml`` beside the file or ``holdfast.yaml`` in the current folder.
    against
        An older version of the table: verdicts and contents are compared with it.
    key
        Columns that tell rows apart, so that the comparison says which rows and cells changed.
    table
        Whose checks, where the contract is a suite of another tool with those of several tables.
    settings
        What the source takes to read the rows, over what the contract says.
    now
        Time of the look, UTC-aware; None for the clock's.

    Returns
    -------
    Report
        One result for each promise, in the order of the contract; `quality.reports.render` writes it.

    Raises
    ------
    UnreadableData
        If a table cannot be read.
    NotFound, ContractError
        If there is no contract, or it cannot be used.
    """
    checks, notes = _checks(location, contract, table)
    place = str(contract) if contract is not None else str(_contract_near(location))
    time = now if now is not None else datetime.now(UTC)
    report = replace(_report(location, checks, settings=settings, now=time), contract=place, notes=notes)
    if against is None:
        return report
    from holdfast.quality.reports import diff_tables

    old = _report(against, checks, settings=settings, now=time)
    difference = diff_tables(
        _frame(against, checks, settings), _frame(location, checks, settings), key=list(key) or None
    )
    return replace(report, diff=difference, changes=report.compared(old), against=against)


def check_all(
    locations: Sequence[str],
    *,
    contract: str | Path | None = None,
    shape: str = "text",
    out: Path | None = None,
    against: str | None = None,
    key: Sequence[str] = (),
    table: str | None = None,
    now: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Report, str]:
    """Judge several tables by one contract (or each by the one beside it), and write the report of all.

    Parameters
    ----------
    locations
        Files or URLs, at least one.
    shape
        ``text``, ``json``, ``junit``, ``sarif``, ``html`` or ``gx``.
    out
        File that the text is written to, whole or not at all.
    now
        ISO 8601; a time without a zone is UTC.

    Returns
    -------
    tuple
        The report, and its text.

    Raises
    ------
    UnsafePath, StoreUnavailable
        If `out` is one of the files that are read, or a folder, or has no folder to lie in.
    """
    from holdfast.quality.reports import combine, render
    from holdfast.store.files import write_atomic

    if out is not None:
        check_out(out, [*locations, *(str(each) for each in (contract, against) if each is not None)])
    time = _moment(now)
    report = combine(
        check(each, contract=contract, against=against, key=key, table=table, settings=settings, now=time)
        for each in locations
    )
    text = render(report, shape)
    if out is not None:
        write_atomic(out, text.encode())
    return report, text


def check_out(out: Path, read: Sequence[str]) -> None:
    """Refuse to write over what is read, and where nothing can be written, before any work is done.

    Raises
    ------
    UnsafePath
        If `out` is one of the files that are read, or a folder.
    StoreUnavailable
        If there is no folder to write into.
    """
    import os

    from holdfast.core.errors import StoreUnavailable, UnsafePath

    place = os.path.realpath(out)
    for each in read:
        if place == os.path.realpath(each.partition("#")[0]) or place == os.path.realpath(each):
            raise UnsafePath(f"the report would overwrite {each!r}", where=f"--out {out}", expected="a file of its own")
    if out.is_dir():
        raise UnsafePath("it is a folder", where=f"--out {out}", expected="the name of a file")
    if not out.parent.is_dir():
        raise StoreUnavailable(
            f"no folder {str(out.parent)!r} to write into", where=f"--out {out}", expected="a folder"
        )


def _moment(now: str | None) -> datetime | None:
    from holdfast.core.errors import InvalidValue

    if now is None:
        return None
    try:
        moment = datetime.fromisoformat(now)
    except ValueError:
        raise InvalidValue(f"time {now!r}", expected="ISO 8601, such as 2026-11-24T12:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def profile(
    location: str,
    *,
    settings: Mapping[str, Any] | None = None,
    false_alarms: float = 0.01,
    seed: int = 0,
    now: datetime | None = None,
) -> Profile:
    """Checks that a table proposes, each with its support.

    Parameters
    ----------
    location
        File or URL of the rows.
    settings
        What the source takes to read it.
    false_alarms
        Chance, in (0, 1), that any of the learned checks fires on fresh rows that are like these.
    seed
        Seed of the halves that the checks are learned and tried on.
    now
        Time at which the rows came, UTC-aware: a check of freshness is then proposed; None leaves it in doubt.

    Raises
    ------
    UnreadableData, EmptyTable
        If the table cannot be read, or has no rows.
    """
    from holdfast.quality.profiling import profile as profile_rows

    rows = read(location, {**_codes(location, settings), **(settings or {})})
    return profile_rows(rows, false_alarms=false_alarms, seed=seed, now=now)


def _codes(location: str, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Types of the columns of a CSV that look like numbers and are codes: 01234 keeps its zero."""
    from holdfast.quality.profiling import codes

    given = dict(settings or {})
    if not location.lower().removesuffix(".gz").endswith((".csv", ".tsv")) or "types" in given or "infer" in given:
        return {}
    found = codes(read(location, {**given, "infer": False}))
    return {"types": found} if found else {}


def clean(
    location: str,
    *,
    out: str | Path | None = None,
    report: str | Path | None = None,
    quarantine: str | Path | None = None,
    min_confidence: float = 0.7,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    target: str | None = None,
    repair_target: bool = False,
    confirm: Callable[[Cleaned], bool] | None = None,
) -> Cleaned:
    """Repair the cells of a file: plan the repairs, and write them where `out` is given.

    Parameters
    ----------
    location
        The file: CSV (also gzipped) or Parquet.
    out
        Where the repaired table goes; None only plans.
    report
        Where the trail goes (JSON): every change with before, after, rule, confidence; what `undo` needs.
    quarantine
        Where copies of the rows with cells that are wrong, but not surely repaired, go.
    min_confidence
        Repairs below it are held back, in (0, 1].
    settings
        What the source takes to read the file.
    seed
        Seed of the splits on which the effect on a model is measured.
    target
        Column that a model will be trained to predict: rules whose repairs make such a model worse on clean held-out
        rows are dropped, and the column itself is repaired only with `repair_target`.
    confirm
        Asked before anything is written; nothing is where it says no.

    Raises
    ------
    UnreadableData
        If the file cannot be read as a table.
    InvalidValue
        If `out` is the file itself, or a confidence is none.
    """
    from holdfast.quality.cleaning import clean_file

    return clean_file(
        Path(location),
        out=None if out is None else Path(out),
        report=None if report is None else Path(report),
        quarantine=None if quarantine is None else Path(quarantine),
        min_confidence=min_confidence,
        settings=settings,
        seed=seed,
        target=target,
        repair_target=repair_target,
        confirm=confirm,
    )


def undo(report: str | Path, fixed: str | Path, *, out: str | Path) -> Undone:
    """Take the repairs of a report back: `out` is the table as it was, bit for bit."""
    from holdfast.quality.cleaning import undo_file

    return undo_file(Path(report), Path(fixed), out=Path(out))


def anomalies(
    location: str,
    *,
    time: str,
    value: str,
    settings: Mapping[str, Any] | None = None,
    season: str | None = None,
    alarms_per_week: float = 1.0,
) -> tuple[pl.Series, SeriesAnomalies]:
    """Score each row of a time series by how little it follows from the rows before it.

    Returns
    -------
    tuple
        The times as they stand in the table, and the scores, in the order of the rows.

    Raises
    ------
    ColumnNotFound
        If there is no such column.
    """
    from holdfast.quality.anomalies.series import score_series

    rows = read(location, settings)
    return _column(rows, time, location), score_series(
        rows[time], _column(rows, value, location), season=season, alarms_per_week=alarms_per_week
    )


def row_anomalies(
    location: str, *, columns: list[str] | None = None, settings: Mapping[str, Any] | None = None, seed: int = 0
) -> RowAnomalies:
    """Score each row of a table by how little it belongs, with the columns to blame."""
    from holdfast.quality.anomalies.rows import score_rows

    return score_rows(read(location, settings), columns=columns, seed=seed)


def label_errors(
    location: str,
    *,
    target: str,
    settings: Mapping[str, Any] | None = None,
    features: Sequence[str] | None = None,
    folds: int = 5,
    seed: int = 0,
    noise: str = "symmetric",
) -> LabelErrors:
    """Score each label by how probably it is wrong (cross-validated confident learning).

    The options are those of `holdfast.quality.anomalies.labels.label_errors`.

    Raises
    ------
    ColumnNotFound
        If there is no such column.
    UnusableTarget
        If it has fewer than two classes.
    """
    from holdfast.quality.anomalies.labels import label_errors as find

    rows = read(location, settings)
    _column(rows, target, location)
    return find(rows, target, features=features, folds=folds, seed=seed, noise=noise)


def import_checks(path: str | Path, *, table: str | None = None) -> Imported:
    """Promises for the checks of another tool, as far as they map; what does not is named with its reason.

    `table` names the one that is meant (a model, dataset, suite, resource) where the file has checks of several.
    """
    from holdfast.quality.exchange import read_suite

    return read_suite(Path(path), table=table)


def _column(rows: pl.DataFrame, name: str, location: str) -> pl.Series:
    from holdfast.core.errors import ColumnNotFound, one_of

    if name not in rows.columns:
        raise ColumnNotFound(f"no column {name!r}", where=location, expected=one_of(rows.columns, name))
    return rows[name]


def _checks(location: str, contract: str | Path | None, table: str | None) -> tuple[Checks, tuple[str, ...]]:
    """Promises to judge by, and what must be known of them: the checks of another tool that do not map."""
    from holdfast.quality.exchange import checks_text, is_suite
    from holdfast.store.checks_file import parse_checks, read_checks

    path = Path(contract) if contract is not None else _contract_near(location)
    if not is_suite(path):
        return read_checks(path), ()
    found = import_checks(path, table=table)
    passed_over = tuple(f"passed over: {each.what}: {each.why}" for each in found.skipped)
    return parse_checks(checks_text(found).encode(), name=path.name, folder=path.parent), passed_over


def _contract_near(location: str) -> Path:
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


def _report(location: str, checks: Checks, *, settings: Mapping[str, Any] | None, now: datetime) -> Report:
    from time import perf_counter

    from holdfast.keeper.checking import judge_table
    from holdfast.quality.reports import Report

    started = perf_counter()
    rows = _table(location, checks, settings)
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
    """Other tables that a promise names: files beside the contract, or URLs."""

    def read_beside(name: str) -> pl.LazyFrame:
        return read(name if "://" in name else str(checks.folder / name)).lazy()

    return read_beside


def _frame(location: str, checks: Checks, settings: Mapping[str, Any] | None) -> pl.DataFrame:
    """Rows with the types that the contract states, of those columns that are there."""
    from holdfast.core.errors import ColumnNotFound

    types = dict(checks.types)
    while True:
        more = {"types": types} if types else {}
        try:
            return read(location, {**checks.reading, **more, **(settings or {})})
        except ColumnNotFound as error:
            # A column that is gone is told by the promises about it.
            gone = next((each for each in types if repr(each) in error.message), None)
            if gone is None:
                raise
            del types[gone]


def _table(location: str, checks: Checks, settings: Mapping[str, Any] | None) -> Any:
    """Rows in memory, or a table that is scanned where it lies: large, in a database, or far away."""
    if not _scanned(location, settings):
        return _frame(location, checks, settings)
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
