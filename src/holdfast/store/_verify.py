"""Checking the chain: every event's hash, every link, no gap, and the head."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.core.events import GENESIS
from holdfast.store import _schema
from holdfast.store._canonical import chained_text
from holdfast.store._query import head_of
from holdfast.store._writing import Head
from holdfast.store.database import Database

PAGE = 1000

_events = _schema.events.c


@dataclass(frozen=True, slots=True)
class Break:
    """The first event that is wrong, and why."""

    seq: int
    reason: str
    expected: str


def first_break(database: Database) -> Break | int:
    """The first event of the journal that is wrong, or how many events there are when none is."""
    with database.reading() as connection:
        target = head_of(connection)
    at = Head(0, GENESIS, "")
    for page in _pages(database, target.seq):
        for row in page:
            found = _wrong(row, at)
            if found is not None:
                return found
            at = Head(row.seq, row.hash, max(at.latest, row.time))
    return _ending(database, at, target)


def _pages(database: Database, until: int) -> Iterator[list[Any]]:
    after = 0
    while True:
        query = sa.select(_schema.events).where(_events.seq > after, _events.seq <= until)
        with database.reading() as connection:
            page = list(connection.execute(query.order_by(_events.seq).limit(PAGE)))
        if not page:
            return
        yield page
        after = page[-1].seq


def _wrong(row: Any, at: Head) -> Break | None:
    seq = at.seq + 1
    if row.seq != seq:
        return Break(seq, f"the event is missing; the next one there is event {row.seq}", "no gap in the numbers")
    if row.previous != at.hash:
        return Break(
            seq, f"it follows an event with hash {row.previous[:12]}", f"the hash of event {at.seq}, {at.hash[:12]}"
        )
    covered = chained_text(
        row.seq, row.type, row.time, row.actor, row.model or None, row.key, row.previous, row.payload
    )
    found = hashlib.sha256(covered).hexdigest()
    if found != row.hash:
        return Break(seq, f"its content has hash {found[:12]}", f"the hash it was appended with, {row.hash[:12]}")
    behind = at.latest if row.time < at.latest else None
    if row.behind != behind:
        return Break(seq, f"its latest earlier time is {row.behind}", f"{behind}")
    return None


def _ending(database: Database, at: Head, target: Head) -> Break | int:
    if at.seq < target.seq:
        return Break(at.seq + 1, f"the journal ends at event {at.seq}", f"{target.seq} events, as its head says")
    if at.hash != target.hash:
        return Break(
            max(at.seq, 1), f"the head holds hash {target.hash[:12]}", f"that of the last event, {at.hash[:12]}"
        )
    with database.reading() as connection:
        further = connection.execute(
            sa.select(sa.func.min(_events.seq)).where(_events.seq > sa.select(_schema.head.c.seq).scalar_subquery())
        ).scalar()
    if further is not None:
        return Break(further, "an event stands behind the head", f"no event after {target.seq}")
    return at.seq
