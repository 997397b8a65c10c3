"""Tables: append-only Delta tables under names, read at any version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl
from polars.exceptions import ColumnNotFoundError, ComputeError, PolarsError

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import (
    ColumnNotFound,
    DataError,
    InvalidValue,
    NotFound,
    StoreUnavailable,
    UnreadableData,
    one_of,
)
from holdfast.store._delta import LOG, add_files, check_log, make_durable
from holdfast.store._files import first_line, write_atomic
from holdfast.store._frames import fit, storable

if TYPE_CHECKING:
    from deltalake import DeltaTable

_NAME = "_name"
_ATTEMPTS = 200

#: Names of tables whose every version is kept for ever: those of datasets begin so.
KEPT = "dataset:"
_DAYS = 7


class Leasing(Protocol):
    """What `Tables` needs of leases: one compaction at a time."""

    def acquire(self, name: str, *, holder: str, ttl_s: float) -> AbstractContextManager[Any]:
        """Take a lease, or fail when somebody holds it."""
        ...


class Tables:
    """Tables that only grow, each a Delta table; every version can be read again.

    A name never becomes a path: its table lies in a folder named by the name's digest. Writers in any number of
    threads and processes may append at once: Delta lets one commit through and the others try again on top of it, so
    no row is lost. Columns that come later are null in earlier rows.

    Parameters
    ----------
    folder
        Folder of all the tables.
    lease
        Leases that a compaction is done under; None when nothing else compacts.
    """

    def __init__(self, folder: Path, *, lease: Leasing | None = None) -> None:
        self.folder = Path(folder)
        self._lease = lease

    def append(self, name: str, frame: pl.DataFrame, *, key: str | None = None) -> int:
        """Add rows; the table is made with the first ones.

        Parameters
        ----------
        name
            Name of the table, any text.
        frame
            Shape (n, columns); n may be 0. Categories are kept as text, unsigned integers as wider signed ones,
            times as UTC microseconds.
        key
            Makes the append idempotent: rows under a key that the table has seen are not added again.

        Returns
        -------
        int
            The version of the table that first held these rows.

        Raises
        ------
        DataError
            If a column has a type that no table holds, or another one than the table's.
        UnreadableData
            If the table is damaged.
        StoreUnavailable
            If it cannot be written; no row was added then.
        """
        rows = storable(frame, where=_shown(name))

        def write(table: DeltaTable) -> tuple[pl.DataFrame, bool]:
            return fit(rows, _schema(table), where=_shown(name)), False

        return self._commit(name, rows, write, key=key)

    def overwrite(self, name: str, frame: pl.DataFrame, *, key: str | None = None) -> int:
        """Replace all rows, and the columns with them; earlier versions can still be read.

        Parameters and errors are those of `append`.

        Returns
        -------
        int
            The version of the table that first held these rows.
        """
        rows = storable(frame, where=_shown(name))
        return self._commit(name, rows, lambda _: (rows, True), key=key)

    def read(
        self,
        name: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        where: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """Rows of a table, in the order they were added.

        Parameters
        ----------
        name
            Name of the table.
        version
            As it was at that version; the newest when None.
        columns
            Only these columns, in this order.
        where
            Only the rows for which this holds; it may name columns that are not among `columns`.

        Raises
        ------
        NotFound
            If there is no such table or version.
        ColumnNotFound
            If there is no such column.
        UnreadableData
            If a file of the table is damaged or gone.
        """
        rows = self.scan(name, version=version)
        if where is not None:
            rows = rows.filter(where)
        with _reading(name):
            if columns is None:
                return rows.collect()
            known = rows.collect_schema()
            for column in columns:
                if column not in known:
                    raise ColumnNotFound(f"no column {column!r}", where=_shown(name), expected=one_of(known, column))
            return rows.select(pl.nth([known.names().index(column) for column in columns])).collect()

    def scan(self, name: str, version: int | None = None) -> pl.LazyFrame:
        """Rows of a table, read when collected: only the columns and row groups that the query needs.

        Raises
        ------
        NotFound
            If there is no such table or version.
        UnreadableData
            If the table's log is damaged.
        """
        table = self._open(name, version=version)
        if table is None:
            raise NotFound(f"no {_shown(name)}", expected="a table that was written")
        files, schema = add_files(table, self._path(name)), _schema(table)
        if not files:
            return pl.LazyFrame(schema=schema)
        return pl.scan_parquet(files, schema=schema, missing_columns="insert", glob=False, hive_partitioning=False)

    def version(self, name: str) -> int | None:
        """Newest version of a table, from 0 up; None when there is no such table.

        Raises
        ------
        UnreadableData
            If the table's log is damaged.
        """
        table = self._open(name)
        return None if table is None else int(table.version())

    def names(self) -> tuple[str, ...]:
        """Names of all tables, sorted.

        Raises
        ------
        UnreadableData
            If a table's folder does not say the name that it is for.
        """
        found = []
        for path in self.folder.glob(f"*/{_NAME}"):
            name = path.read_text("utf-8", errors="replace")
            if digest_bytes(name.encode()) != path.parent.name:
                raise UnreadableData(f"the folder is not that of table {name[:80]!r}", where=str(path))
            if any((path.parent / LOG).glob("*.json")):
                found.append(name)
        return tuple(sorted(found))

    def compact(self, name: str) -> int:
        """Put the rows of many small files into few large ones, as a new version with the same rows in the same order.

        Returns
        -------
        int
            The newest version.

        Raises
        ------
        NotFound
            If there is no such table.
        LeaseHeld
            If somebody else compacts it.
        """
        with self._alone(name):
            for _ in range(_ATTEMPTS):
                before = self.version(name)
                rows = self.read(name, version=before)
                table = self._open(name, version=before)
                if table is None or len(table.file_uris()) < 2:
                    return int(before or 0)
                # Written on top of the version that was read, or not at all: an append in between is never lost.
                if self._try_write(table, (rows, True), None, name=name):
                    return int(before or 0) + 1
        raise StoreUnavailable(f"{_shown(name)} is being written all the time", expected="a quieter moment")

    def vacuum(self, name: str, *, keep_days: int = _DAYS) -> int:
        """Remove files that no version of the last days needs; older versions can then no longer be read.

        Parameters
        ----------
        name
            Name of the table.
        keep_days
            Days to keep, at least 1: a reader or writer may still be using what is younger.

        Returns
        -------
        int
            Number of files removed.

        Raises
        ------
        NotFound
            If there is no such table.
        InvalidValue
            If fewer days are to be kept than one, or the table holds dataset versions: those are kept for ever.
        """
        if name.startswith(KEPT):
            raise InvalidValue(f"{_shown(name)} holds dataset versions", expected="a table of another kind")
        if keep_days < 1:
            raise InvalidValue(f"keep {keep_days} days", expected="at least 1")
        with self._alone(name):
            table = self._open(name)
            if table is None:
                raise NotFound(f"no {_shown(name)}", expected="a table that was written")
            with _writing(name):
                return len(table.vacuum(keep_days * 24, dry_run=False, enforce_retention_duration=False))

    def _alone(self, name: str) -> AbstractContextManager[Any]:
        if self._lease is None:
            return nullcontext()
        return self._lease.acquire(f"compact:{digest_bytes(name.encode())}", holder=f"pid {os.getpid()}", ttl_s=600.0)

    def _path(self, name: str) -> Path:
        if not isinstance(name, str) or not name:
            raise InvalidValue(f"table {name!r}", expected="a name")
        return self.folder / digest_bytes(name.encode())

    def _open(self, name: str, *, version: int | None = None) -> DeltaTable | None:
        path = self._path(name)
        if not any((path / LOG).glob("*.json")):
            return None
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        check_log(path, name=_shown(name))
        if version is not None and version < 0:
            raise NotFound(f"no version {version} of {_shown(name)}", expected="0 or more")
        try:
            return DeltaTable(path, version=version)
        except (TableNotFoundError, DeltaError) as error:
            newest = self.version(name) if version is not None else None
            if version is not None and newest is not None and version > newest:
                raise NotFound(f"no version {version} of {_shown(name)}", expected=f"0 to {newest}") from error
            raise UnreadableData(f"its log cannot be read: {first_line(error)}", where=_shown(name)) from error

    def _commit(self, name: str, rows: pl.DataFrame, write: Any, *, key: str | None) -> int:
        app = None if key is None else digest_bytes(key.encode())
        with _writing(name):
            for _ in range(_ATTEMPTS):
                table = self._open(name) or self._create(name, rows.schema)
                seen = None if app is None else table.transaction_version(app)
                if seen is not None:
                    return int(seen)
                if self._try_write(table, write(table), app, name=name):
                    return int(table.version())
        raise StoreUnavailable(f"{_shown(name)} is being written all the time", expected="a quieter moment")

    def _create(self, name: str, schema: pl.Schema) -> DeltaTable:
        """Version 0, without rows: so that every version with rows is one commit on top of a known one."""
        from deltalake import DeltaTable, Schema
        from deltalake.exceptions import DeltaError

        path = self._path(name)
        path.mkdir(parents=True, exist_ok=True)
        write_atomic(path / _NAME, name.encode())
        with suppress(DeltaError):  # somebody else was first: theirs is the table
            DeltaTable.create(path, schema=Schema.from_arrow(schema), mode="error")
        table = self._open(name)
        if table is None:
            raise StoreUnavailable("the table could not be made", where=_shown(name))
        return table

    def _try_write(self, table: DeltaTable, what: tuple[pl.DataFrame, bool], app: str | None, *, name: str) -> bool:
        """One commit exactly on top of the version that `table` stands at; False when another came first."""
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import CommitFailedError

        rows, overwrites = what
        after = int(table.version()) + 1
        marks = [] if app is None else [Transaction(app, after)]
        properties = CommitProperties(app_transactions=marks, max_commit_retries=0)
        try:
            if overwrites:
                write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite", commit_properties=properties)
            else:
                write_deltalake(table, rows, mode="append", schema_mode="merge", commit_properties=properties)
        except CommitFailedError:
            return False
        make_durable(self._path(name), after)
        return True


def _shown(name: str) -> str:
    return f"table {str(name)[:80]!r}"


def _schema(table: DeltaTable) -> pl.Schema:
    return pl.DataFrame(table.schema().to_arrow().empty_table()).schema


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except ColumnNotFoundError as error:
        raise ColumnNotFound(first_line(error), where=_shown(name), expected="columns of the table") from error
    except (ComputeError, OSError) as error:
        raise UnreadableData(f"a file cannot be read: {first_line(error)}", where=_shown(name)) from error
    except PolarsError as error:
        raise DataError(f"the rows cannot be asked that: {first_line(error)}", where=_shown(name)) from error


@contextmanager
def _writing(name: str) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        raise StoreUnavailable(f"cannot write: {first_line(error)}", where=_shown(name)) from error
