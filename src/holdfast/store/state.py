"""The state: what the events amount to, kept in the same transaction as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.core.events import Event
from holdfast.store import _query, _schema
from holdfast.store._reading import loads
from holdfast.store._writing import StateRow, state_row
from holdfast.store.database import Database
from holdfast.store.projections import PROJECTED, changes

_state = _schema.state.c
_events = _schema.events.c
_VALUE = sa.func.coalesce(_state.value, _events.payload)
_JOINED = _schema.state.outerjoin(_schema.events, sa.and_(_state.value.is_(None), _events.seq == _state.seq))
_ROWS = 500


class State:
    """Values under a kind and a key, such as ``verdict`` and a promise's id; a projection of the journal.

    Parameters
    ----------
    database
        Where the journal is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Value under a kind and a key, or None.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        """
        query = sa.select(_VALUE).select_from(_JOINED).where(_state.kind == kind, _state.key == key)
        with self._database.reading() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else loads(text)

    def all(self, kind: str, *, model: str | None = None) -> dict[str, dict[str, Any]]:
        """Values of a kind by key, in the order of the keys; only those of a model where it is given."""
        query = sa.select(_state.key, _VALUE).select_from(_JOINED).where(_state.kind == kind)
        if model is not None:
            query = query.where(_state.model == model)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {key: loads(text) for key, text in sorted((row[0], row[1]) for row in rows)}

    def latest(self, kind: str, *, model: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Values of a kind that changed last, latest first; only those of a model where it is given."""
        query = sa.select(_VALUE).select_from(_JOINED).where(_state.kind == kind)
        if model is not None:
            query = query.where(_state.model == model)
        # No index by number: it would cost every append more than this query, over the values of one kind, gains.
        query = query.order_by(_state.seq.desc(), _state.key).limit(limit)
        with self._database.reading() as connection:
            return [loads(text) for text in connection.execute(query).scalars()]

    def rebuild(self) -> int:
        """Make the state anew from the journal, in one transaction; the number of events it was made from.

        Raises
        ------
        StoreUnavailable
            If the database does not answer; then the state stays as it was.
        """
        with self._database.writing() as connection:
            return _rebuild(connection)


def _rebuild(connection: sa.Connection) -> int:
    # The head's row is taken first, so that no append comes between.
    connection.execute(sa.update(_schema.head).values(id=1))
    connection.execute(sa.delete(_schema.state))
    connection.execute(sa.delete(_schema.streams))
    pairs = sa.select(_events.type, _events.model).distinct()
    connection.execute(sa.insert(_schema.streams).from_select(["type", "model"], pairs))
    rows: dict[tuple[str, str], StateRow] = {}
    values: dict[tuple[str, str], Mapping[str, Any]] = {}
    count = 0
    for event in _query.walk(connection, PROJECTED):
        count += 1
        _apply(event, rows, values)
    made = [row._asdict() for row in rows.values()]
    for start in range(0, len(made), _ROWS):
        connection.execute(sa.insert(_schema.state), made[start : start + _ROWS])
    return count


def _apply(
    event: Event, rows: dict[tuple[str, str], StateRow], values: dict[tuple[str, str], Mapping[str, Any]]
) -> None:
    for change in changes(event, lambda kind, key: values.get((kind, key))):
        place, row = (change.kind, change.key), state_row(change, event)
        if row is None or change.value is None:
            rows.pop(place, None)
            values.pop(place, None)
        else:
            rows[place], values[place] = row, change.value
