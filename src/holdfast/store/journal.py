"""The journal: every event that happened, chained by hash; appended to, never changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfast.core.errors import InvalidValue, JournalBroken, NotFound
from holdfast.core.events import Event
from holdfast.store import _query, _verify
from holdfast.store._canonical import canonical
from holdfast.store._postgres import PostgresWriter
from holdfast.store._sqlite import SqliteWriter
from holdfast.store._writing import Draft
from holdfast.store.database import Database, keep_inherited

# So many different types, models and actors are remembered as checked.
_MANY = 10_000


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append.

    Parameters
    ----------
    type
        What happened, such as ``verdict.reached``.
    payload
        Plain data (nouns are written as plain data too).
    model
        Name of the model that it concerns, or None.
    key
        Makes the append idempotent: a key that the journal holds adds nothing.
    actor
        Who did it; None for the store's actor.
    """

    type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    key: str | None = None
    actor: str | None = None


class Journal:
    """Events in the order they were appended, each holding the hash of the one before.

    An append is one transaction with everything that follows from the event (the state, the outbox), and is on the
    disk when it returns. Several processes may append at once: they take turns.

    Parameters
    ----------
    database
        Where it is.
    clock
        Tells the time of an event.
    actor
        Who appends, where the caller does not say.
    mirrored
        Whether events are queued for MLflow.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime], actor: str, mirrored: bool) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor
        self._mirrored = mirrored
        self._checked: set[tuple[str, str | None, str]] = set()
        self._pid = os.getpid()
        self._made = self._new_writer()

    def append(
        self,
        type: str,
        payload: Mapping[str, Any],
        *,
        model: str | None = None,
        key: str | None = None,
        actor: str | None = None,
    ) -> Event:
        """Append an event; the first event under `key` where the journal holds that key already.

        Raises
        ------
        InvalidValue
            If the payload has no canonical JSON form or lacks what its type needs, or a text is empty.
        StoreUnavailable
            If the database does not take it; nothing was acknowledged.
        """
        return self._writer.append([self._draft(type, payload, model, key, actor)])[0]

    def append_all(self, events: Iterable[NewEvent]) -> list[Event]:
        """Append events in one transaction, all or none; one event for each given, in order.

        Raises
        ------
        InvalidValue, StoreUnavailable
            As `append`; then none of them was appended.
        """
        drafts = [self._draft(each.type, each.payload, each.model, each.key, each.actor) for each in events]
        return self._writer.append(drafts) if drafts else []

    def events(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        types: tuple[str, ...] | None = None,
        model: str | None = None,
        before_time: datetime | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events in the order they were appended, read page by page.

        Parameters
        ----------
        after, until
            Only events with ``after < seq <= until``.
        types
            Only events of these types.
        model
            Only events about this model.
        before_time
            Only events whose time is not later.
        limit
            At most so many.
        newest_first
            Latest first.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        """
        filters = _query.Filters(
            after=after,
            until=until,
            types=types,
            model=model,
            before_time=before_time,
            newest_first=newest_first,
        )
        return _query.pages(self._database, filters, limit=limit)

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event; 0 and sixty-four zeros for an empty journal."""
        found = _query.head(self._database)
        return found.seq, found.hash

    def get(self, seq: int) -> Event:
        """Event by its number.

        Raises
        ------
        NotFound
            If there is no such event.
        """
        found = _query.one(self._database, seq=seq)
        if found is None:
            raise NotFound(f"no event {seq}", where="the journal", expected=f"a number from 1 to {self.head()[0]}")
        return found

    def by_key(self, key: str) -> Event | None:
        """Event that was appended under a key, or None."""
        return _query.one(self._database, key=key)

    def count(self) -> int:
        """How many events there are."""
        return _query.count(self._database)

    def verify(self) -> int:
        """Check the whole chain, in constant memory.

        Returns
        -------
        int
            How many events there are.

        Raises
        ------
        JournalBroken
            If an event was changed, is missing, or stands out of order, or the last ones were cut off. `where` names
            the first that is wrong, such as ``event 17``, and the attribute `seq` is its number.
        StoreUnavailable
            If the database does not answer.
        """
        found = _verify.first_break(self._database)
        if isinstance(found, int):
            return found
        error = JournalBroken(found.reason, where=f"event {found.seq}", expected=found.expected)
        error.seq = found.seq  # type: ignore[attr-defined]  # an attribute of this error only, which core does not declare
        raise error

    def close(self) -> None:
        """Close the connection that appends."""
        self._writer.close()

    @property
    def _writer(self) -> SqliteWriter | PostgresWriter:
        if self._pid != os.getpid():
            keep_inherited(self._made)
            self._pid, self._made = os.getpid(), self._new_writer()
        return self._made

    def _new_writer(self) -> SqliteWriter | PostgresWriter:
        kind = SqliteWriter if self._database.dialect == "sqlite" else PostgresWriter
        return kind(self._database, clock=self._clock, mirrored=self._mirrored)

    def _draft(
        self, type_: str, payload: Mapping[str, Any], model: str | None, key: str | None, actor: str | None
    ) -> Draft:
        actor = self._actor if actor is None else actor
        try:
            known = (type_, model, actor) in self._checked
        except TypeError:  # one of them has no hash, so it is no text
            known = False
        if not known:
            _check_texts(type_, model, actor)
            if len(self._checked) > _MANY:
                self._checked.clear()
            self._checked.add((type_, model, actor))
        if key is not None:
            _check_texts(key)
        if type(payload) is not dict and not isinstance(payload, Mapping):
            raise InvalidValue(f"a payload of type {type(payload).__name__}", expected="a mapping of plain data")
        # What is appended is what will be read back: nouns, tuples and NaN are plain from here on.
        made, text = canonical(payload)
        return Draft(type_, model or "", actor, key, made, text)


def _check_texts(*texts: str | None) -> None:
    for text in texts:
        if text is not None and (not isinstance(text, str) or not text or "\0" in text):
            raise InvalidValue(f"an event's type, model, key or actor is {text!r}", expected="non-empty text")
