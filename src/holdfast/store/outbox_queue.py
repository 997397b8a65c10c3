"""The outbox's queue: numbers of events that the mirror has not been told of yet, in order.

A row is written in the transaction that appends its event. A worker claims the oldest rows, mirrors them, and says
so; a worker that dies is followed by the next one once its claim runs out. Every event is mirrored at least once, in
order, by one worker at a time; so what the worker does must be idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.core.digests import iso
from holdfast.core.events import Event
from holdfast.store import _query, _schema
from holdfast.store.database import Database
from holdfast.store.projections import is_mirrored

_outbox = _schema.outbox.c


class OutboxQueue:
    """Events that wait for the mirror.

    Parameters
    ----------
    database
        Where the journal is.
    clock
        Tells the time.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def pending(self) -> int:
        """How many events wait."""
        with self._database.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(_schema.outbox)).scalar_one())

    def claim(self, *, holder: str, limit: int = 100, ttl_s: float = 60.0) -> list[Event]:
        """Claim the oldest waiting events; none while another holder's claim lasts.

        Parameters
        ----------
        holder
            Who claims them; unique for each worker.
        limit
            At most so many.
        ttl_s
            Seconds after which others may claim them.
        """
        now = self._clock()
        with self._database.writing() as connection:
            self._lock(connection)
            others = sa.select(_outbox.seq).where(_outbox.holder != holder, _outbox.until > iso(now)).limit(1)
            if connection.execute(others).first() is not None:
                return []
            query = sa.select(_outbox.seq).order_by(_outbox.seq).limit(limit)
            seqs = [row[0] for row in connection.execute(query)]
            values = {"holder": holder, "until": iso(now + timedelta(seconds=ttl_s)), "attempts": _outbox.attempts + 1}
            connection.execute(sa.update(_schema.outbox).where(_outbox.seq.in_(seqs)).values(values))
            return _query.several(connection, seqs)

    def done(self, seqs: Iterable[int], *, holder: str) -> int:
        """Take mirrored events out of the queue; how many of them were still this holder's."""
        gone = sa.delete(_schema.outbox).where(_outbox.seq.in_(list(seqs)), _outbox.holder == holder)
        with self._database.writing() as connection:
            return int(connection.execute(gone).rowcount)

    def give_back(self, *, holder: str, reason: str | None = None) -> None:
        """End the holder's claim and keep the reason why its events were not mirrored."""
        values = {"holder": None, "until": None, "reason": reason}
        with self._database.writing() as connection:
            connection.execute(sa.update(_schema.outbox).where(_outbox.holder == holder).values(values))

    def last_reason(self) -> str | None:
        """Why the oldest waiting event was not mirrored, where a worker said so."""
        query = sa.select(_outbox.reason).where(_outbox.reason.is_not(None)).order_by(_outbox.seq).limit(1)
        with self._database.reading() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)

    def enqueue(self, seqs: Sequence[int]) -> int:
        """Queue events again, such as those that a comparison found missing; how many were not queued already."""
        with self._database.writing() as connection:
            self._lock(connection)
            present = {row[0] for row in connection.execute(sa.select(_outbox.seq).where(_outbox.seq.in_(seqs)))}
            fresh = [event.seq for event in _query.several(connection, sorted(set(seqs) - present))]
            if fresh:
                connection.execute(sa.insert(_schema.outbox), [{"seq": seq} for seq in fresh])
            return len(fresh)

    def enqueue_all(self) -> int:
        """Queue every event that a mirror is told of, such as for a mirror configured later; how many are new."""
        with self._database.reading() as connection:
            streams = connection.execute(sa.select(_schema.streams.c.type).distinct()).scalars()
            types = tuple(sorted(each for each in streams if is_mirrored(each)))
        filters = _query.Filters(types=types)
        seqs = [event.seq for event in _query.pages(self._database, filters, limit=None)]
        return sum(self.enqueue(seqs[at : at + _query.PAGE]) for at in range(0, len(seqs), _query.PAGE))

    def _lock(self, connection: sa.Connection) -> None:
        # SQLite's write lock is held already; PostgreSQL takes turns here.
        if self._database.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))


_TURN = 0x486F6C6466617331
