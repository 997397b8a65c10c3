"""Rows of the database as events and values."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from holdfast.core.events import Event

_LONG = re.compile(r"[0-9]{19}")

#: Columns that `event_of` takes, in its order.
EVENT_COLUMNS = "seq, type, payload, time, actor, model, key, previous, hash"


def loads(text: str) -> Any:
    """Plain data from canonical text.

    orjson reads an integer beyond 64 bits as a float; such a text (19 digits in a row) is read by `json` instead.
    """
    return json.loads(text) if _LONG.search(text) else orjson.loads(text)


def event_of(row: Sequence[Any]) -> Event:
    """Event from a row of `EVENT_COLUMNS`."""
    seq, kind, payload, time, actor, model, key, previous, found = row
    return Event(
        seq=seq,
        type=kind,
        payload=loads(payload),
        time=datetime.fromisoformat(time),
        actor=actor,
        model=model or None,
        key=key,
        previous=previous,
        hash=found,
    )
