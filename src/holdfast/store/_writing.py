"""What one append writes, worked out from the head before anything is sent to the database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from holdfast.core.digests import iso, parse_iso
from holdfast.core.errors import JournalBroken
from holdfast.core.events import Event
from holdfast.store._canonical import canonical_text, chained_text
from holdfast.store.projections import Change, changes, is_mirrored


class Head(NamedTuple):
    """Where the chain ends: the last event's number and hash, and the latest time of any event."""

    seq: int
    hash: str
    latest: str


def head_of_row(row: Sequence[Any] | None) -> Head:
    """Head from its row.

    Raises
    ------
    JournalBroken
        If there is none: somebody took it away, and nothing may be appended to a chain without an end.
    """
    if row is None:
        raise JournalBroken("the head of the journal is gone", where="table head", expected="its one row")
    return Head(*row)


class Draft(NamedTuple):
    """An event that is about to be appended; `model` is empty text where the event concerns no model."""

    type: str
    model: str
    actor: str
    key: str | None
    payload: Mapping[str, Any]
    text: str


class EventRow(NamedTuple):
    """A row of `events`, in the order of its columns."""

    seq: int
    type: str
    model: str
    time: str
    actor: str
    key: str | None
    behind: str | None
    previous: str
    hash: str
    payload: str


class StateRow(NamedTuple):
    """A row of `state`, in the order of its columns."""

    kind: str
    key: str
    model: str
    seq: int
    value: str | None


class Batch:
    """Everything that one append changes, and the head before and after it."""

    __slots__ = ("events", "new", "old", "outbox", "rows", "state", "streams")

    def __init__(self, head: Head) -> None:
        self.old = head
        self.new = head
        self.events: list[Event] = []
        self.rows: list[EventRow] = []
        self.streams: list[tuple[str, str]] = []
        self.state: dict[tuple[str, str], StateRow | None] = {}
        self.outbox: list[int] = []


Reader = Callable[[str, str], Mapping[str, Any] | None]
Clock = Callable[[], datetime]


def batch_of(
    drafts: Sequence[Draft], head: Head, *, clock: Clock, read: Reader, known: set[tuple[str, str]], mirrored: bool
) -> Batch:
    """Rows of an append.

    Parameters
    ----------
    drafts
        The events to append, in order; none of their keys is in the journal.
    head
        Where the journal ends now.
    clock
        Tells the time now; one append has one time.
    read
        Value of the state under a kind and a key, as of `head`.
    known
        Pairs of type and model that are surely in `streams`.
    mirrored
        Whether outbox rows are wanted.
    """
    batch = Batch(head)
    moment, time = time_of(clock)
    values: dict[tuple[str, str], Mapping[str, Any] | None] = {}

    def before(kind: str, key: str) -> Mapping[str, Any] | None:
        place = (kind, key)
        return values[place] if place in values else read(kind, key)

    for draft in drafts:
        event, row, batch.new = chained(draft, batch.new, moment, time)
        batch.rows.append(row)
        batch.events.append(event)
        for change in changes(event, before):
            place = change[:2]
            values[place] = change.value
            batch.state[place] = state_row(change, event)
        if mirrored and is_mirrored(event.type):
            batch.outbox.append(event.seq)
        stream = draft[:2]
        if stream not in known and stream not in batch.streams:
            batch.streams.append(stream)
    return batch


def time_of(clock: Clock) -> tuple[datetime, str]:
    """The time now, in UTC, and as `iso` writes it (whose strftime takes thrice as long as this)."""
    now = clock()
    if now.tzinfo is not UTC:
        now = parse_iso(iso(now))
    day = f"{now.year:04d}-{now.month:02d}-{now.day:02d}"
    return now, f"{day}T{now.hour:02d}:{now.minute:02d}:{now.second:02d}.{now.microsecond:06d}Z"


def split(drafts: Sequence[Draft], find: Callable[[str], Event | None]) -> tuple[list[Draft], list[int | Event]]:
    """Drafts to append, and for each draft its place among them, or the event that the journal holds under its key.

    A key that stands twice among the drafts is appended once.
    """
    fresh: list[Draft] = []
    places: list[int | Event] = []
    seen: dict[str, int | Event] = {}
    for draft in drafts:
        place: int | Event | None = None
        if draft.key is not None:
            place = seen[draft.key] if draft.key in seen else find(draft.key)
        if place is None:
            place = len(fresh)
            fresh.append(draft)
        if draft.key is not None:
            seen[draft.key] = place
        places.append(place)
    return fresh, places


def merged(places: Sequence[int | Event], appended: Sequence[Event]) -> list[Event]:
    """An event for each draft, in order, from the places that `split` gave and the events that were appended."""
    return [appended[place] if isinstance(place, int) else place for place in places]


def state_row(change: Change, event: Event) -> StateRow | None:
    """Row that holds a change, or None where it takes the value away."""
    kind, key, value = change
    if value is None:
        return None
    return StateRow(kind, key, event.model or "", event.seq, None if value is event.payload else canonical_text(value))


def chained(draft: Draft, head: Head, moment: datetime, time: str) -> tuple[Event, EventRow, Head]:
    """The event that a draft becomes behind `head`, its row, and the head behind it."""
    kind, model, actor, key, payload, text = draft
    last, previous, latest = head
    seq, named = last + 1, model or None
    found = hashlib.sha256(chained_text(seq, kind, time, actor, named, key, previous, text)).hexdigest()
    behind = latest if time < latest else None
    event = Event(seq, kind, payload, moment, actor, named, key, previous, found)
    row = EventRow(seq, kind, model, time, actor, key, behind, previous, found, text)
    return event, row, Head(seq, found, latest if behind else time)
