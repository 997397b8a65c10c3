"""The ledger of a log: how far each segment has been moved to tables, in one file that is replaced as a whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from holdfast.core.errors import UnreadableData
from holdfast.serve._segment import sync_folder


@dataclass(slots=True)
class Progress:
    """How far a segment is moved: the offset that is done, and the one that is being moved to (None: none)."""

    moved: int = 0
    moving: int | None = None


@dataclass(slots=True)
class State:
    """What the ledger holds: totals moved so far, and the progress of each segment that still exists."""

    predictions: int = 0
    labels: int = 0
    segments: dict[str, Progress] = field(default_factory=dict)

    def moved(self, segment: str) -> int:
        """Offset up to which a segment is moved."""
        found = self.segments.get(segment)
        return found.moved if found else 0


class Ledger:
    """The ledger of the log in `folder`; `locked` keeps every other mover and counter out."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.json"
        self._lock = folder / "ledger.lock"

    @contextmanager
    def locked(self) -> Iterator[State]:
        """Hold the ledger and read it.

        Raises
        ------
        UnreadableData
            If the file is not a ledger.
        """
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield self._read()
        finally:
            os.close(handle)

    def write(self, state: State) -> None:
        """Replace the ledger, durably. The lock must be held."""
        plain = {
            "predictions": state.predictions,
            "labels": state.labels,
            "segments": {name: {"moved": each.moved, "moving": each.moving} for name, each in state.segments.items()},
        }
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as stream:
            stream.write(orjson.dumps(plain))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.path)
        sync_folder(self.path.parent)

    def _read(self) -> State:
        try:
            found = orjson.loads(self.path.read_bytes())
        except FileNotFoundError:
            return State()
        except orjson.JSONDecodeError as error:
            raise UnreadableData("the ledger is no JSON", where=str(self.path)) from error
        return State(
            predictions=found["predictions"],
            labels=found["labels"],
            segments={name: Progress(each["moved"], each["moving"]) for name, each in found["segments"].items()},
        )
