"""The use-cases themselves: each reads a table through its source and hands it to the room that knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from holdfast.data import _check

if TYPE_CHECKING:
    import polars as pl

    from holdfast.quality.anomalies.labels import LabelErrors
    from holdfast.quality.anomalies.rows import RowAnomalies
    from holdfast.quality.anomalies.series import SeriesAnomalies
    from holdfast.quality.cleaning import Cleaned, Undone
    from holdfast.quality.exchange import Imported
    from holdfast.quality.profiling import Profile
    from holdfast.quality.reports import Report


def read(location: str, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Rows of a file or URL, through the first source that reads it.

    Raises
    ------
    UnreadableData
        If no source reads such a file, or its bytes are not what they should be.
    """
    return _check.read_table(location, settings)


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
    checks, notes = _check.checks_of(location, contract, table)
    place = str(contract) if contract is not None else str(_check.contract_near(location))
    time = now if now is not None else datetime.now(UTC)
    started = perf_counter()
    rows = _check.table_at(location, checks, settings)
    report = replace(_check.report_of(location, checks, rows, now=time, started=started), contract=place, notes=notes)
    if against is None:
        return report
    import polars as pl

    from holdfast.quality.reports import diff_tables

    started = perf_counter()
    older = _check.table_at(against, checks, settings)
    old = _check.report_of(against, checks, older, now=time, started=started)
    before, after = (
        # What was scanned where it lies is read now; what is at hand is not read again.
        each if isinstance(each, pl.DataFrame) else _check.frame_of(place_of, checks, settings)
        for place_of, each in ((against, older), (location, rows))
    )
    difference = diff_tables(before, after, key=list(key) or None)
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
