"""The mover: logged predictions and labels into the store's tables, once each, whatever is killed when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.core.errors import NotFound
from holdfast.serve._frames import Answered, Content, read_content, whole_length
from holdfast.serve._ledger import Ledger, Progress, State
from holdfast.serve._segment import SEALED, seal_dead, segment_files, sync_folder
from holdfast.serve.tables import LABEL_TYPES, label_frame, labels_table, prediction_frame, predictions_table

if TYPE_CHECKING:
    from holdfast.store import Store


@dataclass(frozen=True, slots=True)
class Moved:
    """What one run of the mover moved: rows of predictions, labels received, segments finished."""

    predictions: int
    labels: int
    segments: int


class Mover:
    """Mover of one log's segments.

    Each run takes what is durable now, from segments that are still written to as well. The range that it is about to
    move is written to the ledger first; tables and journal take each range under a key made of segment and range. So a
    run that was killed anywhere is repeated with the same ranges and the same keys, and adds nothing twice.

    Parameters
    ----------
    folder
        Folder of the log.
    store
        Where the rows go.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store
        self.ledger = Ledger(folder)

    def run(self) -> Moved:
        """Move everything that is durable now.

        Returns
        -------
        Moved
            Numbers of rows, labels and finished segments.

        Raises
        ------
        StoreError
            If a table or the journal cannot be written; the next run carries on from there.
        """
        seal_dead(self.folder)
        predictions = labels = segments = 0
        with self.ledger.locked() as state:
            for path in segment_files(self.folder):
                content, finished = self._segment(path, state)
                predictions += content.rows
                labels += len(content.labels)
                segments += finished
            self._forget(state)
        return Moved(predictions, labels, segments)

    def _segment(self, path: Path, state: State) -> tuple[Content, int]:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            # Sealed, which renames it, between listing and reading.
            path = path.with_suffix(SEALED)
            data = path.read_bytes()
        whole = whole_length(data)
        progress = state.segments.setdefault(path.stem, Progress())
        content = self._range(path.stem, data, progress.moving or whole, state)
        if progress.moved < whole:
            more = self._range(path.stem, data, whole, state)
            content.predictions += more.predictions
            content.labels += more.labels
        finished = path.suffix == SEALED and progress.moved >= whole
        if finished:
            path.unlink()
            sync_folder(self.folder)
        return content, int(finished)

    def _range(self, segment: str, data: bytes, end: int, state: State) -> Content:
        progress = state.segments[segment]
        if end <= progress.moved:
            return Content([], [], end)
        content = read_content(data, progress.moved, end)
        if progress.moving != end:
            progress.moving = end
            self.ledger.write(state)
        key = f"{segment}:{progress.moved}-{end}"
        self._predictions(content, key)
        self._labels(content, key)
        progress.moved, progress.moving = end, None
        state.predictions += content.rows
        state.labels += len(content.labels)
        self.ledger.write(state)
        return content

    def _predictions(self, content: Content, key: str) -> None:
        by_model: dict[str, list[Answered]] = defaultdict(list)
        for each in content.predictions:
            by_model[each.source.name].append(each)
        for name in sorted(by_model):
            frame = prediction_frame(by_model[name])
            version = self.store.tables.append(predictions_table(name), frame, key=key)
            self._journal(
                "predictions.moved", name, key, table=predictions_table(name), rows=frame.height, version=version
            )

    def _labels(self, content: Content, key: str) -> None:
        by_model: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in content.labels:
            by_model[each["model"]].append(each)
        for name in sorted(by_model):
            table = labels_table(name)
            frame = label_frame(by_model[name], self._known(table, [each["id"] for each in by_model[name]]))
            # Repeated labels add no row, but that they came is journalled.
            version = (
                self.store.tables.append(table, frame, key=key) if frame.height else self.store.tables.version(table)
            )
            self._journal("labels.received", name, key, table=table, rows=len(by_model[name]), version=version)

    def _journal(self, event: str, name: str, key: str, *, table: str, rows: int, version: int | None) -> None:
        payload = {"name": name, "rows": rows, "table": table, "version": version, "segment": key}
        self.store.journal.append(event, payload, model=name, key=f"{event}:{name}:{key}")

    def _known(self, table: str, ids: list[str]) -> pl.DataFrame:
        empty = pl.DataFrame(schema=LABEL_TYPES)
        try:
            if self.store.tables.version(table) is None:
                return empty
        except NotFound:
            return empty
        return self.store.tables.read(table, columns=list(LABEL_TYPES), where=pl.col("id").is_in(ids))

    def _forget(self, state: State) -> None:
        """Drop the progress of segments whose file is gone."""
        there = {path.stem for path in segment_files(self.folder)}
        gone = [name for name in state.segments if name not in there]
        for name in gone:
            del state.segments[name]
        if gone:
            self.ledger.write(state)
