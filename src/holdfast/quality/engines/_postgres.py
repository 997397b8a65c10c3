"""PostgreSQL: a table where it lies, read only, over the wire protocol in pure Python."""

# ruff: noqa: S608 - every name and constant in the SQL is quoted by name_of and text_of

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import polars as pl

from holdfast.core.errors import MissingExtra, NotMeasurable, UnreadableData
from holdfast.quality.engines._regex import POSTGRES, translated
from holdfast.quality.engines._sql import name_of, text_of
from holdfast.quality.engines._sql_table import SqlTable

_TYPES: dict[str, pl.DataType] = {
    "boolean": pl.Boolean(),
    "smallint": pl.Int16(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "real": pl.Float32(),
    "double precision": pl.Float64(),
    "numeric": pl.Float64(),
    "text": pl.String(),
    "date": pl.Date(),
    "timestamp without time zone": pl.Datetime("us"),
    "timestamp with time zone": pl.Datetime("us", "UTC"),
    "time without time zone": pl.Time(),
    "interval": pl.Duration("us"),
    "bytea": pl.Binary(),
}


class PostgresDialect:
    """How PostgreSQL says it."""

    label = "PostgreSQL"
    text = "text"
    double = "double precision"
    bigint = "bigint"
    timestamp = "timestamp"
    moment = "timestamptz"

    _calls: ClassVar[dict[str, str]] = {
        "integer": "CAST({} AS bigint)",
        "length": "char_length({})",
        "trim": "btrim({}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))",
        "micros": "CAST(extract(epoch FROM {}) * 1000000 AS bigint)",
        "year": "CAST(extract(year FROM {}) AS bigint)",
        "month": "CAST(extract(month FROM {}) AS bigint)",
        "day": "CAST(extract(day FROM {}) AS bigint)",
        "weekday": "CAST(extract(isodow FROM {}) AS bigint)",
        "hour": "CAST(extract(hour FROM {}) AS bigint)",
        "minute": "CAST(extract(minute FROM {}) AS bigint)",
    }

    def call(self, function: str, value: str) -> str:
        """SQL of a function."""
        return self._calls[function].format(value)

    def nan(self, value: str) -> str:
        """Whether a float is NaN (in PostgreSQL NaN equals itself)."""
        return f"({value} = CAST('NaN' AS double precision))"

    def infinite(self, value: str) -> str:
        """Whether a float is infinite."""
        return f"(abs({value}) = CAST('Infinity' AS double precision))"

    def matches(self, value: str, pattern: str) -> str:
        """Whether a text matches a pattern."""
        return f"({value} ~ {text_of(translated(pattern, POSTGRES))})"

    def ordered_text(self, value: str) -> str:
        """Text compared by code point, whatever the collation of the database."""
        return f'{value} COLLATE "C"'

    def previous(self, value: str, *, within: str, position: str) -> str:
        """Value of the row above: there is none, rows have no order."""
        del value, within, position
        raise NotMeasurable("rows have no order in PostgreSQL", expected="the engine polars")

    def least(self, position: str, count: int, where: str) -> str:
        """List of the least positions: there is none, rows have no order."""
        del position, count, where
        raise NotMeasurable("rows have no order in PostgreSQL", expected="the engine polars")


class PostgresTable(SqlTable):
    """A table of PostgreSQL; each look is one read-only transaction that sees one state of it.

    Parameters
    ----------
    connection
        URL, or a connection of `pg8000.native` that is in no transaction; a URL is connected to for each look.
    table
        Name of the table or view, with its schema before a dot where it is not on the search path.
    """

    def __init__(self, connection: Any, table: str) -> None:
        self._given = connection
        self._open: Any = None
        relation = _quoted(table)
        with self.snapshot():
            columns = self._columns(relation, table)
        read = ", ".join(_read(name, kind) for name, kind in columns)
        schema = {name: _type(kind) for name, kind in columns}
        # A table without columns still has rows.
        super().__init__(PostgresDialect(), f"(SELECT {read} FROM {relation}) AS t", schema=schema)

    def _columns(self, relation: str, table: str) -> list[tuple[str, str]]:
        statement = (
            "SELECT a.attname, CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, NULL)"
            " ELSE format_type(a.atttypid, NULL) END FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
            f" WHERE a.attrelid = to_regclass({text_of(relation)}) AND a.attnum > 0 AND NOT a.attisdropped"
            " ORDER BY a.attnum"
        )
        found = [(str(name), str(kind)) for name, kind in self.run(statement)]
        if not found:
            raise UnreadableData(f"no table {table!r} in PostgreSQL", expected="a table or view that may be read")
        return found

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One connection and one read-only transaction for all statements within."""
        if self._open is not None:
            yield
            return
        own = isinstance(self._given, str)
        self._open = connected(self._given) if own else self._given
        try:
            self._begin()
            yield
            self._open.run("ROLLBACK")
        finally:
            if own:
                self._open.close()
            self._open = None

    def _begin(self) -> None:
        self._open.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._open.run("SET LOCAL standard_conforming_strings = on")
        self._open.run("SET LOCAL TimeZone = 'UTC'")

    def run(self, statement: str) -> Sequence[Sequence[Any]]:
        """Rows that one statement gives."""
        from pg8000.exceptions import DatabaseError, InterfaceError

        with self.snapshot():
            try:
                # Prepared: the extended protocol takes one statement, and never a second one behind it.
                prepared = self._open.prepare(statement)
                try:
                    rows: Sequence[Sequence[Any]] = prepared.run() or []
                finally:
                    prepared.close()
            except DatabaseError as error:
                self._open.run("ROLLBACK")
                self._begin()
                raise _refused(error) from error
            except (InterfaceError, OSError) as error:
                raise UnreadableData(f"PostgreSQL does not answer: {error}", expected="a server that runs") from error
            return rows


def postgres_table(connection: Any, table: str) -> PostgresTable:
    """Table of PostgreSQL, for checks that run where it lies.

    Parameters
    ----------
    connection
        ``postgresql://user:password@host:port/database``, or an open connection of `pg8000.native`.
    table
        Name of a table or view: ``orders`` or ``shop.orders``.

    Returns
    -------
    PostgresTable
        Nothing is read yet but the names and types of the columns; rows are only counted there, in read-only
        transactions. Rows have no order, so evidence points at none. Numbers of type numeric are read as floats.

    Raises
    ------
    MissingExtra
        If pg8000 is not installed.
    UnreadableData
        If the server does not answer, or has no such table.
    """
    return PostgresTable(connection, table)


def connected(url: str) -> Any:
    """Open connection of `pg8000.native`; the password (of the URL, else ``PGPASSWORD``) stands in no error."""
    try:
        from pg8000.exceptions import DatabaseError, InterfaceError
        from pg8000.native import Connection
    except ImportError as error:
        raise MissingExtra.of("postgres", what="a table of PostgreSQL") from error
    wanted = "postgresql://user:password@host:port/database, with what is special in the password as %XX"
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        # What urlsplit says of a port may be half a password.
        raise UnreadableData("no address of PostgreSQL", expected=wanted) from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise UnreadableData("no address of PostgreSQL", expected=wanted)
    try:
        return Connection(
            unquote(parts.username or "postgres"),
            password=unquote(parts.password) if parts.password else os.environ.get("PGPASSWORD"),
            host=parts.hostname,
            port=port,
            database=unquote(parts.path.lstrip("/")) or None,
            timeout=60,
            application_name="holdfast",
        )
    except (DatabaseError, InterfaceError, OSError) as error:
        place = f"{parts.hostname}:{port}"
        raise UnreadableData(
            f"PostgreSQL at {place} does not let us in: {_said(error)}", expected="a server that runs, and its user"
        ) from error


def _quoted(table: str) -> str:
    parts = table.split(".") if '"' not in table else [table.strip('"')]
    return ".".join(name_of(each) for each in parts)


def _type(kind: str) -> pl.DataType:
    if kind.endswith("[]"):
        return pl.List(pl.Null())
    return _TYPES.get(kind, pl.String())


def _read(name: str, kind: str) -> str:
    quoted = name_of(name)
    if kind == "numeric":
        return f"CAST({quoted} AS double precision) AS {quoted}"
    if kind in _TYPES or kind.endswith("[]"):
        return quoted
    # Text of a fixed length, an enumeration, a UUID, JSON: read as text.
    return f"CAST({quoted} AS text) AS {quoted}"


def _said(error: Exception) -> str:
    given = error.args[0] if error.args else error
    return str(given.get("M", given)) if isinstance(given, dict) else str(given)


def _refused(error: Exception) -> NotMeasurable:
    return NotMeasurable(f"PostgreSQL cannot compute it: {_said(error)}", expected="columns of fitting types")
