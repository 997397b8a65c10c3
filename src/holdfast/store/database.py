"""The database under the journal: SQLite in WAL mode by default, PostgreSQL by URL (through pg8000).

Durability. SQLite runs with ``journal_mode=WAL`` and ``synchronous=FULL``: a commit is on the disk (fsync) before it
returns. PostgreSQL does the same unless its administrator turned ``synchronous_commit`` or ``fsync`` off.

A process that was forked opens connections of its own; those of its parent stay untouched.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from holdfast.core.errors import InvalidValue, MissingExtra, StoreUnavailable

#: Classes of SQLSTATE that mean "not now" rather than "wrong": connection, resources, locks, shut-down, system, ...
_UNAVAILABLE = ("08", "25", "28", "3D", "40", "53", "55", "57", "58", "XX")

# Where encryption only costs time: reading the machine's certificates takes longer than connecting.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_inherited: list[object] = []


class Database:
    """Connections to one database, with errors told as `StoreUnavailable`.

    Parameters
    ----------
    url
        ``sqlite:///FILE`` or ``postgresql://USER[:PASSWORD]@HOST[:PORT]/NAME``. PostgreSQL takes ``?host=/FOLDER``
        (a unix socket) and ``?sslmode=require`` or ``verify-full`` as libpq does.
    timeout_s
        Seconds to wait for a lock or an answer.

    Raises
    ------
    InvalidValue
        If the URL is neither SQLite nor PostgreSQL.
    MissingExtra
        If pg8000 is needed and not installed.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        self._url = _parsed(url)
        self.dialect = "sqlite" if self._url.drivername == "sqlite" else "postgresql"
        self.timeout_s = timeout_s
        self._pid = os.getpid()
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The URL, with its password where it has one: what `Database` takes. Not for messages."""
        return self._url.render_as_string(hide_password=False)

    @property
    def place(self) -> str:
        """The URL without its password, to name in errors."""
        return self._url.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """File of a SQLite database."""
        return Path(self._url.database or "") if self.dialect == "sqlite" else None

    @property
    def engine(self) -> sa.Engine:
        """Engine of this process."""
        self._after_fork()
        with self._lock:
            if self._engine is None:
                self._engine = _sqlite_engine(self) if self.dialect == "sqlite" else _postgres_engine(self)
            return self._engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Connection to read with: one consistent snapshot on SQLite, committed rows on PostgreSQL.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        """
        with self.guard(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Connection inside a transaction: committed at the end, rolled back by an exception.

        Raises
        ------
        StoreUnavailable
            If the database does not answer, is locked for longer than the timeout, or its disk is full.
        """
        with self.guard(), self.engine.connect() as plain:
            connection = plain.execution_options(holdfast_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Tell the errors of the drivers as `StoreUnavailable`; a mistake in our own SQL stays what it is."""
        try:
            yield
        except DBAPIError as error:
            if error.orig is None or not is_unavailable(error.orig):
                raise
            raise self.unavailable(error.orig) from error
        except PoolTimeout as error:
            raise self.unavailable(error) from error
        except Exception as error:
            if not is_unavailable(error):
                raise
            raise self.unavailable(error) from error

    def unavailable(self, error: BaseException) -> StoreUnavailable:
        """The error to raise for an error of a driver."""
        return StoreUnavailable(
            f"the journal's database does not take it: {reason_of(error)}",
            where=self.place,
            expected="a database that answers and has room; nothing was acknowledged, so append again",
        )

    def connect_arguments(self) -> dict[str, Any]:
        """Arguments of a pg8000 connection to this PostgreSQL."""
        url, query = self._url, dict(self._url.query)
        arguments: dict[str, Any] = {
            "user": url.username or os.environ.get("USER") or "postgres",
            "password": url.password,
            "database": url.database,
            "port": url.port or 5432,
            "host": url.host or "localhost",
            "timeout": self.timeout_s,
            "application_name": "holdfast",
            "startup_params": {"lock_timeout": str(max(1, int(self.timeout_s * 900)))},
        }
        folder = query.pop("host", None)
        if isinstance(folder, str) and folder.startswith("/"):
            arguments["unix_sock"] = f"{folder}/.s.PGSQL.{arguments['port']}"
        elif isinstance(folder, str):
            arguments["host"] = folder
        local = "unix_sock" in arguments or arguments["host"] in _LOOPBACK
        arguments["ssl_context"] = _ssl_context(query.pop("sslmode", "disable" if local else "prefer"))
        if query:
            raise InvalidValue(f"parameter {sorted(query)[0]!r} of the journal's URL", expected="host or sslmode")
        return arguments

    def close(self) -> None:
        """Close the connections of this process."""
        self._after_fork()
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _after_fork(self) -> None:
        if self._pid != os.getpid():
            keep_inherited(self._engine, self._lock)
            self._pid, self._engine, self._lock = os.getpid(), None, threading.Lock()


def keep_inherited(*things: object) -> None:
    """Keep what a fork inherited alive and unused: closing it would speak on the parent's sockets and files."""
    _inherited.extend(things)


def _parsed(url: str) -> sa.URL:
    try:
        found = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidValue("the journal's URL cannot be read", expected="sqlite:///FILE or postgresql://...") from error
    if found.drivername in ("postgresql", "postgres", "postgresql+pg8000"):
        return found.set(drivername="postgresql+pg8000")
    if found.drivername in ("sqlite", "sqlite+pysqlite") and found.database not in (None, "", ":memory:"):
        return found.set(drivername="sqlite")
    raise InvalidValue(
        f"a journal at {found.render_as_string(hide_password=True)}", expected="sqlite:///FILE or postgresql://..."
    )


def _ssl_context(mode: object) -> Any:
    import ssl

    if mode in ("disable", "prefer"):
        return False if mode == "disable" else None  # None: pg8000 asks for encryption, and goes on without it
    if mode not in ("require", "verify-full"):
        raise InvalidValue(f"sslmode {mode!r}", expected="disable, prefer, require or verify-full")
    context = ssl.create_default_context()
    if mode == "require":  # as libpq: encrypted, without a look at the certificate
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _sqlite_engine(database: Database) -> sa.Engine:
    timeout_s = database.timeout_s
    engine = sa.create_engine(database.url, connect_args={"timeout": timeout_s}, pool_timeout=timeout_s)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        prepare_sqlite(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("holdfast_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def prepare_sqlite(connection: sqlite3.Connection) -> None:
    """Set what a SQLite connection needs: our own BEGIN, and commits that are on the disk when they return."""
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone does not reach the disk there


def open_sqlite(database: Database) -> sqlite3.Connection:
    """Connection of its own to a SQLite database, for the journal's writer."""
    connection = sqlite3.connect(
        str(database.file), timeout=database.timeout_s, isolation_level=None, check_same_thread=False
    )
    prepare_sqlite(connection)
    return connection


def use_wal(database: Database) -> None:
    """Put a SQLite database into WAL mode, once for all; two processes may do it at the same time."""
    deadline = time.monotonic() + database.timeout_s
    while True:
        connection = open_sqlite(database)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself for the lock that the switch needs.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        finally:
            connection.close()


def _postgres_engine(database: Database) -> sa.Engine:
    try:
        return sa.create_engine(
            "postgresql+pg8000://",
            connect_args=database.connect_arguments(),
            pool_pre_ping=True,
            pool_timeout=database.timeout_s,
        )
    except ImportError as error:
        raise MissingExtra.of("postgres", what="a journal in PostgreSQL") from error


def sqlstate(error: BaseException) -> str:
    """SQLSTATE of an error of pg8000; empty for another."""
    first = error.args[0] if error.args else None
    return str(first.get("C", "")) if isinstance(first, dict) else ""


def is_lost(error: BaseException) -> bool:
    """Whether an error says that the connection to PostgreSQL is gone."""
    if isinstance(error, (OSError, EOFError)) or type(error).__name__ == "InterfaceError":
        return True
    return sqlstate(error).startswith(("08", "57P0"))


def is_unavailable(error: BaseException) -> bool:
    """Whether an error of a driver means that the database does not answer, rather than that we asked wrongly."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return False
    if isinstance(error, sqlite3.Error):
        return "no such" not in str(error) and "syntax" not in str(error)
    return is_lost(error) or sqlstate(error).startswith(_UNAVAILABLE)


def reason_of(error: BaseException) -> str:
    """What an error of a driver says, in one line."""
    first = error.args[0] if error.args else None
    text = first.get("M", "") if isinstance(first, dict) else str(error)
    return " ".join(str(text).split()) or type(error).__name__
