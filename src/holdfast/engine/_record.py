"""What a run writes into the journal, and when.

The rule. ``run.started`` is durable before the first step of the run is executed. The ``step.finished`` events of steps
that were executed are gathered and appended together: when the run ends, when 64 are waiting, or when the oldest has
waited two seconds. A kill loses none of them for good: the cache has each result before its event is gathered, with a
mark that the journal does not know it yet, and the next run that meets such a result writes the event. A step whose
result was there, and whose event is in the journal, gets no second event: it stands in the ``steps`` of
``run.finished``. So a run that is cached as a whole costs one append.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from holdfast.engine._cache import Cache
from holdfast.engine.runs import StepRecord

if TYPE_CHECKING:
    from holdfast.store import Store
    from holdfast.store.journal import NewEvent

_MOST = 64
_LONGEST_S = 2.0
_ERROR_CHARS = 300


class Recorder:
    """Writes the events of one run."""

    def __init__(self, store: Store, cache: Cache, *, run: str, model: str | None, executor: str) -> None:
        self.store = store
        self.cache = cache
        self.run = run
        self.model = model
        self.executor = executor
        self._opening: dict[str, Any] | None = None
        self._opening_key: str | None = None
        self._waiting: list[NewEvent] = []
        self._keys: list[str] = []
        self._since = 0.0

    def open(self, payload: dict[str, Any]) -> None:
        """Note how the run begins; it is written with the first thing that must be durable."""
        self._opening = payload
        # The first beginning is found again by its key; going on with a run is another event.
        self._opening_key = None if payload.get("resumed") else f"run:{self.run}:started"

    def begin(self) -> None:
        """Make ``run.started`` durable; called before a step is executed."""
        if self._opening is not None:
            self.flush()

    def step(self, record: StepRecord, *, entry: str | None) -> None:
        """Gather the event of a step; `entry` is the key under which the cache has its result."""
        if not self._waiting:
            self._since = time.monotonic()
        payload = {
            "run": self.run,
            "step": record.name,
            "key": record.key,
            "state": record.state,
            "seconds": _seconds(record.seconds),
            "attempts": record.attempts,
            "inputs": list(record.inputs),
            "output": record.output,
            "executor": self.executor,
        }
        if record.error is not None:
            # The first line, cut: the journal is no place for the data that an error may quote.
            payload["error"] = record.error.splitlines()[0][:_ERROR_CHARS]
        self._waiting.append(self._event("step.finished", payload))
        if entry is not None:
            self._keys.append(entry)
        if len(self._waiting) >= _MOST or time.monotonic() - self._since > _LONGEST_S:
            self.flush()

    def close(self, *, state: str, seconds: float, steps: list[StepRecord]) -> None:
        """Write everything that waits, and ``run.finished``."""
        told = {each.name: {"key": each.key, "state": each.state, "output": each.output} for each in steps}
        payload = {"id": self.run, "state": state, "seconds": _seconds(seconds), "steps": told}
        self._waiting.append(self._event("run.finished", payload))
        self.flush()

    def flush(self) -> None:
        """Append what waits, all of it or nothing."""
        events = list(self._waiting)
        if self._opening is not None:
            events.insert(0, self._event("run.started", self._opening, key=self._opening_key))
        if events:
            self.store.journal.append_all(events)
        self._opening = None
        self._waiting.clear()
        if self._keys:
            self.cache.mark_recorded(self._keys)
            self._keys.clear()

    def _event(self, kind: str, payload: dict[str, Any], *, key: str | None = None) -> NewEvent:
        from holdfast.store.journal import NewEvent

        return NewEvent(kind, payload, model=self.model, key=key)


def _seconds(found: float) -> float:
    # To the millisecond; a shorter time would need an exponent, which the journal's fast writer leaves to a slow one.
    return round(found, 3)
