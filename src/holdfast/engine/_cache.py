"""The cache of results: an index and small results in one SQLite file, large results in files named by digest.

It lies in ``<root>/cache/steps`` and can be deleted at any time: what is missing, or does not have its digest, is made
again. Commits are written to the operating system before `put` returns, so they survive a kill of the process; after
a power cut the newest may be missing (``synchronous = NORMAL``), which costs a repeated step and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import DigestMismatch, StoreUnavailable
from holdfast.engine._values import Sealed

_VERSION = 1
_INLINE = 64 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, run TEXT NOT NULL, recorded INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS small (digest TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A result in the index: its digest, the run that made it, and whether that run's journal has it."""

    digest: str
    run: str
    recorded: bool


class Cache:
    """Results by key, and sealed values by digest. One object may be used by several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._connect()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                # Not a database, or a damaged one: nothing in it is worth more than a new start.
                self._remove()
                self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.folder / "index.db", timeout=30, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError(f"version {version}")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        """Put a damaged index away: the next use begins a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._remove()

    def _remove(self) -> None:
        for name in ("index.db", "index.db-wal", "index.db-shm"):
            (self.folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _session(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._open()
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, sqlite3.DatabaseError) and "malformed" in str(error):
                    self._drop()
                raise StoreUnavailable(
                    f"the cache of steps cannot be used: {error}",
                    where=str(self.folder),
                    expected="a folder that can be written, with space left",
                ) from error

    def find(self, key: str) -> Entry | None:
        """Entry of a key; nothing is loaded."""
        with self._session() as connection:
            row = connection.execute("SELECT digest, run, recorded FROM results WHERE key = ?", (key,)).fetchone()
        return None if row is None else Entry(row[0], row[1], bool(row[2]))

    def put(self, key: str, value: Sealed, *, run: str) -> None:
        """Keep a result; on the operating system's side when this returns.

        Raises
        ------
        StoreUnavailable
            If it cannot be written.
        """
        with self._session() as connection:
            if len(value.data) > _INLINE:
                self._write_file(value)
            connection.execute("BEGIN IMMEDIATE")
            try:
                if len(value.data) <= _INLINE:
                    connection.execute("INSERT OR REPLACE INTO small VALUES (?, ?)", (value.digest, value.data))
                connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, 0)", (key, value.digest, run))
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def load(self, digest: str) -> bytes:
        """Sealed value of a digest, verified.

        Raises
        ------
        DigestMismatch
            If it is not there, or its bytes were changed.
        """
        with self._session() as connection:
            row = connection.execute("SELECT data FROM small WHERE digest = ?", (digest,)).fetchone()
        try:
            data = row[0] if row is not None else self._path(digest).read_bytes()
        except OSError as error:
            raise DigestMismatch(f"the cached value {digest[:12]} is gone", where=str(self.folder)) from error
        if digest_bytes(data) != digest:
            raise DigestMismatch(f"the cached value {digest[:12]} was changed", where=str(self.folder))
        return bytes(data)

    def forget(self, key: str, digest: str) -> None:
        """Drop an entry and the value that it points to."""
        with self._session() as connection:
            connection.execute("DELETE FROM results WHERE key = ?", (key,))
            connection.execute("DELETE FROM small WHERE digest = ?", (digest,))
        self._path(digest).unlink(missing_ok=True)

    def mark_recorded(self, keys: list[str]) -> None:
        """Note that the journal has the events of these results."""
        with self._session() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("UPDATE results SET recorded = 1 WHERE key = ?", [(key,) for key in keys])
            connection.execute("COMMIT")

    def clear(self) -> None:
        """Drop everything."""
        with self._session() as connection:
            connection.executescript("DELETE FROM results; DELETE FROM small; VACUUM;")
        for path in self.files.glob("*/*"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _path(self, digest: str) -> Path:
        return self.files / digest[:2] / digest

    def _write_file(self, value: Sealed) -> None:
        path = self._path(value.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(value.data)
            Path(made).replace(path)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
