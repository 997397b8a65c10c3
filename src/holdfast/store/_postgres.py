"""Appending to PostgreSQL: one prepared statement that moves the head only from where it is known to be.

The statement is sent without a transaction around it, so that an append is one round trip: it updates the head row
*if* that still is what the append was worked out from, and inserts everything else from that update's result. Where
another process was faster nothing is written, and the append is worked out again. A connection that is lost on the
way leaves open whether the statement was carried out: the very same append is then sent again. Either it finds the
head where it was (the first was not, and never can be, carried out), or the event stands there under its hash.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from holdfast.core.errors import StoreUnavailable
from holdfast.core.events import Event
from holdfast.store._reading import EVENT_COLUMNS, event_of, loads
from holdfast.store._writing import Batch, Clock, Draft, Head, batch_of, head_of_row, merged, split
from holdfast.store.database import Database, is_lost, sqlstate

if TYPE_CHECKING:
    from pg8000.native import Connection, PreparedStatement

_MOVED = """WITH moved AS (
  UPDATE head SET seq = :seq, hash = :hash, latest = :latest WHERE id = 1 AND seq = :old_seq AND hash = :old_hash
  RETURNING 1
), given AS (SELECT CAST(:batch AS json) AS batch FROM moved), events_added AS (
  INSERT INTO events (seq, type, model, time, actor, key, behind, previous, hash, payload)
  SELECT e.* FROM given, json_to_recordset(given.batch -> 'events') AS e(seq bigint, type text, model text, time text,
    actor text, key text, behind text, previous text, hash text, payload text)
)"""
_STREAMS = """, streams_added AS (
  INSERT INTO streams (type, model) SELECT s.* FROM given,
    json_to_recordset(given.batch -> 'streams') AS s(type text, model text) ON CONFLICT DO NOTHING
)"""
_STATE = """, state_set AS (
  INSERT INTO state (kind, key, model, seq, value) SELECT s.* FROM given, json_to_recordset(given.batch -> 'state')
    AS s(kind text, key text, model text, seq bigint, value text)
  ON CONFLICT (kind, key) DO UPDATE SET model = excluded.model, seq = excluded.seq, value = excluded.value
)"""
_GONE = """, state_gone AS (
  DELETE FROM state USING given, json_to_recordset(given.batch -> 'gone') AS g(kind text, key text)
  WHERE state.kind = g.kind AND state.key = g.key
)"""
_OUTBOX = """, outbox_added AS (
  INSERT INTO outbox (seq) SELECT o.seq FROM given, json_to_recordset(given.batch -> 'outbox') AS o(seq bigint)
)"""
_COUNT = " SELECT count(*) FROM moved"

_READ = (
    "SELECT coalesce(s.value, e.payload) FROM state s LEFT JOIN events e ON s.value IS NULL AND e.seq = s.seq"
    " WHERE s.kind = :kind AND s.key = :key"
)
_HEAD = "SELECT seq, hash, latest FROM head WHERE id = 1"
_HEAD_LOCKED = _HEAD + " FOR UPDATE"
_BY_KEY = f"SELECT {EVENT_COLUMNS} FROM events WHERE key = :key"  # noqa: S608 - made of a constant

# After so many appends that another process overtook, the head row is locked first.
_PATIENCE = 3
_RECONNECTS = 3


class PostgresWriter:
    """Appends to a journal in PostgreSQL: one append at a time in this process, by the head row in all of them."""

    def __init__(self, database: Database, *, clock: Clock, mirrored: bool) -> None:
        self._database = database
        self._clock = clock
        self._mirrored = mirrored
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._prepared: dict[str, PreparedStatement] = {}
        self._head: Head | None = None
        self._known: set[tuple[str, str]] = set()

    def append(self, drafts: Sequence[Draft]) -> list[Event]:
        """Append what is not there yet, in one transaction that is on the server's disk when this returns.

        Raises
        ------
        StoreUnavailable
            If the database does not take it, or was lost and it is not known whether it did.
        """
        with self._lock, self._database.guard():
            try:
                return self._append(drafts)
            except BaseException:
                self._drop()
                raise

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _append(self, drafts: Sequence[Draft]) -> list[Event]:
        keyed = False  # whether keys must be looked up: a conflict said so
        overtaken = 0
        while True:
            locked = overtaken >= _PATIENCE
            places, batch = self._prepare(drafts, keyed=keyed, locked=locked)
            if not batch.rows:
                self._finish(locked)
                return merged(places, [])
            try:
                done = self._deliver(batch, locked=locked)
            except Exception as error:
                if sqlstate(error) != "23505" or keyed:
                    raise
                keyed = True  # a key that the journal holds: nothing was written
                self._drop()
                continue
            if done:
                self._head = batch.new
                self._known.update(batch.streams)
                return merged(places, batch.events)
            overtaken += 1
            self._head = None

    def _prepare(self, drafts: Sequence[Draft], *, keyed: bool, locked: bool) -> tuple[list[int | Event], Batch]:
        """Work an append out from the head; nothing was sent yet, so a lost connection is simply replaced."""
        for _ in range(_RECONNECTS - 1):
            try:
                return self._worked_out(drafts, keyed=keyed, locked=locked)
            except Exception as error:
                if not is_lost(error):
                    raise
                self._drop()
        return self._worked_out(drafts, keyed=keyed, locked=locked)

    def _worked_out(self, drafts: Sequence[Draft], *, keyed: bool, locked: bool) -> tuple[list[int | Event], Batch]:
        if locked:
            self._run("BEGIN")
            self._head = None
        fresh, places = split(drafts, self._by_key if keyed else _unknown)
        self._head = self._head or self._read_head(locked)
        return places, self._batch(fresh, self._head)

    def _batch(self, drafts: Sequence[Draft], head: Head) -> Batch:
        return batch_of(drafts, head, clock=self._clock, read=self._state, known=self._known, mirrored=self._mirrored)

    def _deliver(self, batch: Batch, *, locked: bool) -> bool:
        """Whether the append was carried out, by this sending of it or by one whose answer was lost."""
        unsure = False
        for _ in range(_RECONNECTS):
            try:
                if self._send(batch):
                    self._finish(locked and not unsure)
                    return True
                return unsure and self._landed(batch)
            except Exception as error:
                if not is_lost(error):
                    raise
                unsure = True
                self._reconnect(error)
        raise StoreUnavailable(
            "the connection to the journal's database was lost while an event was written; whether it was is not known",
            where=self._database.place,
            expected="an append under the same key, which adds it once",
        )

    def _reconnect(self, error: Exception) -> None:
        self._drop()
        try:
            self._connected()
        except Exception as again:
            raise StoreUnavailable(
                f"the connection to the journal's database was lost while an event was written: {again}",
                where=self._database.place,
                expected="an append under the same key once the database answers, which adds it once",
            ) from error

    def _send(self, batch: Batch) -> bool:
        statement = self._statement(batch)
        answer = statement.run(
            seq=batch.new.seq,
            hash=batch.new.hash,
            latest=batch.new.latest,
            old_seq=batch.old.seq,
            old_hash=batch.old.hash,
            batch=_json(batch),
        )
        return bool(answer and answer[0][0])

    def _statement(self, batch: Batch) -> PreparedStatement:
        gone = any(row is None for row in batch.state.values())
        held = any(row is not None for row in batch.state.values())
        parts = ((_STREAMS, batch.streams), (_STATE, held), (_GONE, gone), (_OUTBOX, batch.outbox))
        sql = _MOVED + "".join(text for text, wanted in parts if wanted) + _COUNT
        connection = self._connected()
        if sql not in self._prepared:
            self._prepared[sql] = connection.prepare(sql)
        return self._prepared[sql]

    def _landed(self, batch: Batch) -> bool:
        last = batch.rows[-1]
        found = self._run("SELECT count(*) FROM events WHERE seq = :seq AND hash = :hash", seq=last.seq, hash=last.hash)
        return bool(found[0][0])

    def _finish(self, locked: bool) -> None:
        if locked:
            self._run("COMMIT")

    def _read_head(self, locked: bool) -> Head:
        rows = self._run(_HEAD_LOCKED if locked else _HEAD)
        return head_of_row(rows[0] if rows else None)

    def _by_key(self, key: str) -> Event | None:
        rows = self._run(_BY_KEY, key=key)
        return event_of(rows[0]) if rows else None

    def _state(self, kind: str, key: str) -> dict[str, Any] | None:
        rows = self._run(_READ, kind=kind, key=key)
        return loads(rows[0][0]) if rows else None

    def _run(self, sql: str, **values: Any) -> list[Any]:
        return list(self._connected().run(sql, **values) or [])

    def _connected(self) -> Connection:
        if self._connection is None:
            from pg8000.native import Connection

            self._connection = Connection(**self._database.connect_arguments())
        return self._connection

    def _drop(self) -> None:
        connection, self._connection, self._head = self._connection, None, None
        self._prepared.clear()
        if connection is not None:
            from pg8000.native import InterfaceError

            with suppress(InterfaceError, OSError):  # it was lost already
                connection.close()


def _unknown(key: str) -> None:
    """No event: keys are looked up only after the unique index found one of them taken."""


def _json(batch: Batch) -> str:
    held = [row._asdict() for row in batch.state.values() if row is not None]
    gone = [{"kind": kind, "key": key} for (kind, key), row in batch.state.items() if row is None]
    return orjson.dumps(
        {
            "events": [row._asdict() for row in batch.rows],
            "streams": [{"type": kind, "model": model} for kind, model in batch.streams],
            "state": held,
            "gone": gone,
            "outbox": [{"seq": seq} for seq in batch.outbox],
        }
    ).decode()
