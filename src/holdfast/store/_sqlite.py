"""Appending to SQLite: one transaction, driven directly, on a connection of its own.

An append is worked out from where this process last saw the head, before the write lock is taken. The first statement
moves the head only if it still stands there; where another process was faster, the append is worked out again under
the lock.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from holdfast.core.events import Event
from holdfast.store._canonical import canonical_text
from holdfast.store._reading import EVENT_COLUMNS, event_of, loads
from holdfast.store._writing import (
    Batch,
    Clock,
    Draft,
    Head,
    batch_of,
    chained,
    head_of_row,
    merged,
    split,
    time_of,
)
from holdfast.store.database import Database, is_unavailable, open_sqlite
from holdfast.store.projections import changes, is_mirrored

_MOVE = "UPDATE head SET seq = ?, hash = ?, latest = ? WHERE id = 1 AND seq = ? AND hash = ?"
_EVENT = (
    "INSERT INTO events (seq, type, model, time, actor, key, behind, previous, hash, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_STATE = (
    "INSERT INTO state (kind, key, model, seq, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, key)"
    " DO UPDATE SET model = excluded.model, seq = excluded.seq, value = excluded.value"
)
_STREAM = "INSERT INTO streams (type, model) VALUES (?, ?) ON CONFLICT DO NOTHING"

# The usual append (one event, at most one change of the state, nothing for the outbox) is one statement: a trigger of
# this connection does the rest, which spares four calls of the driver.
_ONE_CALL = """
CREATE TEMP VIEW append_one AS SELECT
  0 AS seq, '' AS type, '' AS model, '' AS time, '' AS actor, '' AS key, '' AS behind, '' AS previous, '' AS hash,
  '' AS payload, '' AS latest, '' AS state_kind, '' AS state_key, '' AS state_value;
CREATE TEMP TRIGGER append_one_event INSTEAD OF INSERT ON append_one BEGIN
  UPDATE head SET seq = new.seq, hash = new.hash, latest = new.latest
    WHERE id = 1 AND seq = new.seq - 1 AND hash = new.previous;
  SELECT raise(ABORT, 'overtaken') WHERE changes() <> 1;
  INSERT INTO events (seq, type, model, time, actor, key, behind, previous, hash, payload) VALUES
    (new.seq, new.type, new.model, new.time, new.actor, new.key, new.behind, new.previous, new.hash, new.payload);
  INSERT INTO state (kind, key, model, seq, value)
    SELECT new.state_kind, new.state_key, new.model, new.seq, new.state_value WHERE new.state_kind IS NOT NULL
    ON CONFLICT (kind, key) DO UPDATE SET model = excluded.model, seq = excluded.seq, value = excluded.value;
END;
"""
_APPEND_ONE = "INSERT INTO append_one VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NO_CHANGE = (None, None, None)

_READ = (
    "SELECT coalesce(s.value, e.payload) FROM state s LEFT JOIN events e ON s.value IS NULL AND e.seq = s.seq"
    " WHERE s.kind = ? AND s.key = ?"
)
_BY_KEY = f"SELECT {EVENT_COLUMNS} FROM events WHERE key = ?"  # noqa: S608 - made of a constant


class SqliteWriter:
    """Appends to a SQLite journal: one append at a time in this process, and by SQLite's lock in all of them."""

    def __init__(self, database: Database, *, clock: Clock, mirrored: bool) -> None:
        self._database = database
        self._clock = clock
        self._mirrored = mirrored
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._head: Head | None = None
        self._known: set[tuple[str, str]] = set()

    def append(self, drafts: Sequence[Draft]) -> list[Event]:
        """Append what is not there yet, in one transaction that is on the disk when this returns.

        Raises
        ------
        StoreUnavailable
            If the database does not take it; then it is as it was.
        """
        with self._lock:
            try:
                return self._append(drafts)
            except BaseException as error:
                self._abandon()
                if not is_unavailable(error):
                    raise
                raise self._database.unavailable(error) from error

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            connection, self._connection, self._head = self._connection, None, None
            if connection is not None:
                connection.close()

    def _append(self, drafts: Sequence[Draft]) -> list[Event]:
        connection = self._connected()
        event = self._append_usual(connection, drafts[0]) if len(drafts) == 1 else None
        if event is not None:
            return [event]
        fresh, places = split(drafts, _unknown)
        batch = self._batch(fresh, self._head or self._read_head(connection))
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not self._write(connection, batch):  # another process was faster; now its turn is over
                batch = self._batch(fresh, self._read_head(connection))
                self._write(connection, batch)
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK")
            return self._append_unknown(connection, drafts)
        return self._commit(connection, places, batch)

    def _append_usual(self, connection: sqlite3.Connection, draft: Draft) -> Event | None:
        """Append one event in one statement; None, and nothing written, where it is not that simple."""
        if self._head is None or draft[:2] not in self._known or (self._mirrored and is_mirrored(draft.type)):
            return None
        event, row, head = chained(draft, self._head, *time_of(self._clock))
        change: tuple[object, ...] = _NO_CHANGE
        found = changes(event, self._state)
        if found:
            kind, key, value = found[0]
            if value is None or len(found) > 1:
                return None
            change = (kind, key, None if value is event.payload else canonical_text(value))
        try:
            connection.execute(_APPEND_ONE, (*row, head.latest, *change))
        except sqlite3.IntegrityError:  # its key is taken, or another process was faster
            return None
        self._head = head
        return event

    def _append_unknown(self, connection: sqlite3.Connection, drafts: Sequence[Draft]) -> list[Event]:
        """Append the drafts whose keys the journal does not hold: it holds at least one of them."""
        connection.execute("BEGIN IMMEDIATE")
        fresh, places = split(drafts, lambda key: _by_key(connection, key))
        batch = self._batch(fresh, self._read_head(connection))
        if fresh:
            self._write(connection, batch)
        return self._commit(connection, places, batch)

    def _commit(self, connection: sqlite3.Connection, places: Sequence[int | Event], batch: Batch) -> list[Event]:
        connection.execute("COMMIT")
        self._head = batch.new
        if batch.streams:
            self._known.update(batch.streams)
        return merged(places, batch.events)

    def _batch(self, drafts: Sequence[Draft], head: Head) -> Batch:
        return batch_of(drafts, head, clock=self._clock, read=self._state, known=self._known, mirrored=self._mirrored)

    def _write(self, connection: sqlite3.Connection, batch: Batch) -> bool:
        """Write a batch, or nothing where the head is not where the batch was worked out from."""
        execute = connection.execute
        if execute(_MOVE, batch.new + batch.old[:2]).rowcount != 1:
            return False
        for row in batch.rows:
            execute(_EVENT, row)
        for place, change in batch.state.items():
            if change is None:
                execute("DELETE FROM state WHERE kind = ? AND key = ?", place)
            else:
                execute(_STATE, change)
        for stream in batch.streams:
            execute(_STREAM, stream)
        for seq in batch.outbox:
            execute("INSERT INTO outbox (seq) VALUES (?)", (seq,))
        return True

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_sqlite(self._database)
            self._connection.executescript(_ONE_CALL)
        return self._connection

    def _abandon(self) -> None:
        # SQLite may have rolled back by itself (disk full); whatever is left of a transaction goes with the connection.
        connection, self._head = self._connection, None
        if connection is None or not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._connection = None
            connection.close()

    @staticmethod
    def _read_head(connection: sqlite3.Connection) -> Head:
        return head_of_row(connection.execute("SELECT seq, hash, latest FROM head WHERE id = 1").fetchone())

    def _state(self, kind: str, key: str) -> dict[str, Any] | None:
        row = self._connected().execute(_READ, (kind, key)).fetchone()
        return None if row is None else loads(row[0])


def _unknown(key: str) -> None:
    """No event: keys are looked up only after the unique index found one of them taken."""


def _by_key(connection: sqlite3.Connection, key: str) -> Event | None:
    row = connection.execute(_BY_KEY, (key,)).fetchone()
    return None if row is None else event_of(row)
