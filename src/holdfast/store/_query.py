"""Reading the journal: page by page along its indices, whatever the filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.core.digests import iso
from holdfast.core.events import Event
from holdfast.store import _schema
from holdfast.store._reading import EVENT_COLUMNS, event_of
from holdfast.store._writing import Head, head_of_row
from holdfast.store.database import Database

PAGE = 500

_events = _schema.events.c
_COLUMNS = [_schema.events.c[name.strip()] for name in EVENT_COLUMNS.split(",")]

# More streams than this and one walk along the journal is cheaper than one along each of them.
_MANY = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events, and in which order."""

    after: int = 0
    until: int | None = None
    types: tuple[str, ...] | None = None
    model: str | None = None
    before_time: datetime | None = None
    newest_first: bool = False


def pages(database: Database, filters: Filters, *, limit: int | None) -> Iterator[Event]:
    """Events that pass the filters, one query for each page."""
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = _page(database, filters, size)
        yield from page
        if len(page) < size:
            return
        left = None if left is None else left - len(page)
        last = page[-1].seq
        filters = replace(filters, until=last - 1) if filters.newest_first else replace(filters, after=last)


def _page(database: Database, filters: Filters, size: int) -> list[Event]:
    with database.reading() as connection:
        parts = _parts(connection, filters)
        if parts is None:
            return []
        order = _events.seq.desc() if filters.newest_first else _events.seq
        chosen = [sa.select(_events.seq).where(*part).order_by(order).limit(size) for part in parts]
        query = sa.select(*_COLUMNS).order_by(order).limit(size)
        if len(chosen) == 1:
            query = query.where(*parts[0])
        else:
            union = sa.union_all(*(sa.select(each.subquery().c.seq) for each in chosen))
            query = query.where(_events.seq.in_(union))
        return [event_of(row) for row in connection.execute(query)]


def _parts(connection: sa.Connection, filters: Filters) -> list[list[Any]] | None:
    """Conditions of walks along an index that together find the events; None where nothing can be found."""
    bounds = [_events.seq > filters.after]
    if filters.until is not None:
        bounds.append(_events.seq <= filters.until)
    streams = _streams(connection, filters)
    if streams is not None and not streams:
        return None
    spans = [bounds]
    if filters.before_time is not None:
        spans = [[*bounds, *each] for each in _up_to(connection, filters.before_time)]
    if streams is None:
        return spans
    if len(streams) > _MANY:
        return [[*span, *_plainly(filters)] for span in spans]
    return [[_events.type == kind, _events.model == model, *span] for span in spans for kind, model in streams]


def _plainly(filters: Filters) -> list[Any]:
    conditions: list[Any] = []
    if filters.types is not None:
        conditions.append(_events.type.in_(filters.types))
    if filters.model is not None:
        conditions.append(_events.model == filters.model)
    return conditions


def _streams(connection: sa.Connection, filters: Filters) -> list[tuple[str, str]] | None:
    if filters.types is None and filters.model is None:
        return None
    streams = _schema.streams.c
    query = sa.select(streams.type, streams.model)
    if filters.types is not None:
        query = query.where(streams.type.in_(filters.types))
    if filters.model is not None:
        query = query.where(streams.model == filters.model)
    return [(row[0], row[1]) for row in connection.execute(query)]


def _up_to(connection: sa.Connection, moment: datetime) -> list[list[Any]]:
    """Spans of the journal whose events are not later than a time.

    The latest time so far (`behind`, or the event's own time) never falls along the journal, so the last event
    before it passes `moment` is found by halving. Behind that stand only events that were appended while the clock
    had gone back; they have an index of their own, which is empty where no clock ever did.
    """
    text = iso(moment)
    low, high = 0, head_of(connection).seq
    query = sa.select(sa.func.coalesce(_events.behind, _events.time)).where(_events.seq <= sa.bindparam("probe"))
    query = query.order_by(_events.seq.desc()).limit(1)
    while low < high:
        probe = (low + high + 1) // 2
        found = connection.execute(query, {"probe": probe}).scalar()
        low, high = (probe, high) if found is None or found <= text else (low, probe - 1)
    late = [_events.seq > low, _events.behind.is_not(None), _events.time <= text]
    return [[_events.seq <= low], late]


def head_of(connection: sa.Connection) -> Head:
    """Head of the journal."""
    head = _schema.head.c
    row = connection.execute(sa.select(head.seq, head.hash, head.latest)).one_or_none()
    return head_of_row(row)


def head(database: Database) -> Head:
    """Head of the journal."""
    with database.reading() as connection:
        return head_of(connection)


def one(database: Database, **wanted: Any) -> Event | None:
    """Event whose column has a value."""
    with database.reading() as connection:
        row = connection.execute(sa.select(*_COLUMNS).filter_by(**wanted)).one_or_none()
    return None if row is None else event_of(row)


def count(database: Database) -> int:
    """How many events there are."""
    with database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(_schema.events)).scalar_one())


def walk(connection: sa.Connection, types: tuple[str, ...]) -> Iterator[Event]:
    """Every event of some types, in order, inside a transaction."""
    after = 0
    query = sa.select(*_COLUMNS).where(_events.seq > sa.bindparam("after"), _events.type.in_(types))
    query = query.order_by(_events.seq).limit(PAGE)
    while True:
        page = [event_of(row) for row in connection.execute(query, {"after": after})]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].seq


def several(connection: sa.Connection, seqs: list[int]) -> list[Event]:
    """Events by their numbers, in order."""
    query = sa.select(*_COLUMNS).where(_events.seq.in_(seqs)).order_by(_events.seq)
    return [event_of(row) for row in connection.execute(query)]
