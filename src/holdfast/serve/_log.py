"""The prediction log: predictions and labels are durable before they are acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import InvalidValue, one_of
from holdfast.serve._frames import Answered, commit_payload, frame, label_payload, read_content
from holdfast.serve._ledger import Ledger
from holdfast.serve._segment import SYNCS, SegmentWriter, leave_to_tick, seal_dead, segment_files

if TYPE_CHECKING:
    from holdfast.serve._mover import Mover
    from holdfast.store import Store


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """What turned out to be true of one predicted row.

    Parameters
    ----------
    id, row
        Id of the request and index of the row in it.
    model
        Name of the model.
    label
        Class name, or number.
    time
        Seconds since 1970, when it came.
    """

    id: str
    row: int
    model: str
    label: str | float
    time: float

    def plain(self) -> dict[str, Any]:
        """Plain data for the log."""
        text = self.label if isinstance(self.label, str) else None
        value = None if isinstance(self.label, str) else float(self.label)
        return {"id": self.id, "row": self.row, "model": self.model, "label": text, "value": value, "time": self.time}


class PredictionLog:
    """Write-ahead log of one folder; many processes may each open it, every one writes segments of its own.

    Parameters
    ----------
    folder
        Folder of the log; created when it is not there.
    limit_bytes
        Size after which a segment is sealed.
    limit_s
        Age after which a segment is sealed.
    sync
        ``commit``: every append waits for the disk. ``tick``: `flush` does (an append survives a kill, but a power
        cut only after the next `flush`).

    Examples
    --------
    >>> import tempfile
    >>> log = PredictionLog(Path(tempfile.mkdtemp()))
    >>> log.append_labels([LabelRecord("a1", 0, "tumour", "benign", 1.8e9)])
    >>> log.count(), log.count_labels()
    (0, 1)
    >>> log.close()
    """

    def __init__(
        self, folder: Path, *, limit_bytes: int = 32 << 20, limit_s: float = 60.0, sync: str = "commit"
    ) -> None:
        if sync not in SYNCS:
            raise InvalidValue(f"sync {sync!r}", expected=one_of(SYNCS, sync))
        if limit_bytes < 1 or limit_s <= 0:
            raise InvalidValue(f"limits of {limit_bytes} B, {limit_s} s", expected="positive limits")
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(self.folder)
        self.writer = SegmentWriter(self.folder, limit_bytes=limit_bytes, limit_s=limit_s)
        if sync == "tick":
            self.writer.sync = leave_to_tick
        self.appended = 0
        self._lock = threading.Lock()
        self._deferred: list[Answered] = []
        self._waiting: list[_Commit] = []
        self._waiting_lock = threading.Lock()

    def append(self, predictions: Sequence[Answered]) -> None:
        """Append predictions; when this returns they are durable.

        Callers of several threads share one `fdatasync`: the first to come writes what all of them brought.

        Raises
        ------
        StoreUnavailable
            If the disk is full or fails: none of them counts, and nothing may be acknowledged.
        """
        self._commit(_Commit(list(predictions), []))

    def append_labels(self, labels: Sequence[LabelRecord]) -> None:
        """Append labels, as durable as predictions.

        Raises
        ------
        StoreUnavailable
            If the disk is full or fails.
        """
        self._commit(_Commit([], [each.plain() for each in labels]))

    def defer(self, predictions: Iterable[Answered]) -> None:
        """Append predictions that nobody waits for (a shadow's): they go with the next commit, or with `flush`."""
        with self._waiting_lock:
            self._deferred.extend(predictions)

    def flush(self) -> None:
        """Make durable what was deferred, and seal a segment that has become old.

        Raises
        ------
        StoreUnavailable
            If the disk is full or fails.
        """
        if self._deferred:
            self._commit(_Commit([], []))
        with self._lock:
            if self.writer.old:
                self.writer.seal()
            self.writer.tick()

    def _commit(self, mine: _Commit) -> None:
        with self._waiting_lock:
            self._waiting.append(mine)
        with self._lock:
            if not mine.done:
                self._lead()
        if mine.error is not None:
            raise mine.error

    def _lead(self) -> None:
        """Commit what everybody brought so far; the lock is held."""
        with self._waiting_lock:
            group, self._waiting = self._waiting, []
            deferred, self._deferred = self._deferred, []
        error: Exception | None = None
        try:
            self._write(group, deferred)
        except Exception as raised:
            error = raised
        for each in group:
            each.error, each.done = error, True

    def _write(self, group: list[_Commit], deferred: list[Answered]) -> None:
        self.writer.ready()
        blocks = [frame(commit_payload(self.writer.commit_s))] if self.writer.held else []
        rows = 0
        for each in (*(one for commit in group for one in commit.predictions), *deferred):
            number = self.writer.number(each.source, blocks)
            blocks.append(frame(each.payload(number)))
            rows += each.n
        labels = [label for commit in group for label in commit.labels]
        if labels:
            blocks.append(frame(label_payload(labels)))
        self.writer.commit(blocks)
        self.appended += rows

    def seal(self) -> None:
        """Close the open segment of this process, so that nothing more is added to it."""
        with self._lock:
            self.writer.seal()

    def close(self) -> None:
        """Make durable what was deferred and seal the open segment."""
        if self._deferred:
            self._commit(_Commit([], []))
        self.seal()

    def count(self) -> int:
        """Number of durable predictions (rows): those in segments and those already moved to tables."""
        return self._count()[0]

    def count_labels(self) -> int:
        """Number of durable labels received, repeated ones included."""
        return self._count()[1]

    def backlog_bytes(self) -> int:
        """Bytes of the segments that are not moved yet."""
        total = 0
        for path in segment_files(self.folder):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue  # moved while we looked
        return total

    def _count(self) -> tuple[int, int]:
        # A segment that is moved while we count would be counted twice or not at all.
        with self.ledger.locked() as state:
            predictions, labels = state.predictions, state.labels
            for path in segment_files(self.folder):
                content = read_content(path.read_bytes(), state.moved(path.stem))
                predictions += content.rows
                labels += len(content.labels)
        return predictions, labels

    def recover(self) -> list[Path]:
        """Seal what dead writers left open; torn tails are cut. Returns the sealed files."""
        return seal_dead(self.folder)

    def mover(self, store: Store) -> Mover:
        """Mover of this log's segments into the tables of a store."""
        from holdfast.serve._mover import Mover

        return Mover(self.folder, store)


@dataclass(slots=True, eq=False)
class _Commit:
    """What one caller wants durable, and how it went."""

    predictions: list[Answered]
    labels: list[dict[str, Any]]
    done: bool = False
    error: Exception | None = None
