"""Segments: files that predictions are written to before they are acknowledged, and how a log's folder is read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from holdfast.core.errors import StoreUnavailable
from holdfast.serve._disk import DurableFile
from holdfast.serve._frames import MAGIC, Source, commit_payload, frame, whole_length

NEW, OPEN, SEALED = ".new", ".open", ".sealed"
#: When what is appended becomes durable against a power cut.
SYNCS = ("commit", "tick")
#: Room below which more is made ahead.
_LOW = 2 << 20
_NAME = re.compile(r"^[0-9]{16}-[0-9a-f]{12}$")


def leave_to_tick(_handle: int) -> None:
    """Leave it to the next `SegmentWriter.tick` to make data durable."""


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def segment_files(folder: Path) -> list[Path]:
    """Files of a log's segments, oldest first."""
    found = [each for each in folder.iterdir() if each.suffix in (OPEN, SEALED) and _NAME.match(each.stem)]
    return sorted(found, key=lambda each: each.stem)


def seal_dead(folder: Path) -> list[Path]:
    """Seal the open segments whose writer is gone: cut what a kill tore off, keep every whole frame.

    Returns the sealed files. A segment that somebody writes to is locked and left alone.
    """
    sealed = []
    for path in segment_files(folder):
        if path.suffix != OPEN:
            continue
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sealed += _seal_file(path, handle)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
    return sealed


def _seal_file(path: Path, handle: int) -> list[Path]:
    if not path.exists():
        return []
    with path.open("rb") as stream:
        length = whole_length(stream.read())
    os.ftruncate(handle, length)
    os.fsync(handle)
    target = path.with_suffix(SEALED)
    path.rename(target)
    sync_folder(path.parent)
    return [target]


class SegmentWriter:
    """Writer of one log: appends frames to its open segment and makes them durable.

    Not thread-safe: `PredictionLog` holds a lock around it.

    Parameters
    ----------
    folder
        Folder of the log.
    limit_bytes
        Size after which a segment is sealed.
    limit_s
        Age after which a segment that holds something is sealed.
    """

    def __init__(self, folder: Path, *, limit_bytes: int, limit_s: float) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.limit_s = limit_s
        self.sync: Callable[[int], None] = os.fdatasync
        self.path: Path | None = None
        self.numbers: dict[Source, int] = {}
        self.commit_s = 0.0
        self._file: DurableFile | None = None
        self._opened = 0.0

    def number(self, source: Source, frames: list[bytes]) -> int:
        """Return the number of a source in the open segment; a new one is introduced by a frame added to `frames`."""
        number = self.numbers.get(source)
        if number is None:
            number = self.numbers[source] = len(self.numbers)
            frames.append(frame(source.payload(number)))
        return number

    def ready(self) -> None:
        """Have an open segment with room: seal one that is full or old, open the next.

        Raises
        ------
        StoreUnavailable
            If no segment can be opened.
        """
        if self._file is not None and (self._file.length >= self.limit_bytes or self.old):
            self.seal()
        if self._file is None:
            self._open()

    def commit(self, frames: Iterable[bytes]) -> None:
        """Write frames; when this returns, they survive a kill and a power cut.

        Raises
        ------
        StoreUnavailable
            If the disk is full or fails. None of the frames counts then; the segment is closed where it last held.
        """
        if self._file is None:
            raise StoreUnavailable("no open segment", where=str(self.folder))
        started = time.perf_counter()
        try:
            self._file.write(b"".join(frames))
        except OSError as error:
            self._abandon()
            raise StoreUnavailable(
                f"the prediction log cannot be written: {error.strerror or error}",
                where=str(self.folder),
                expected="free disk space; nothing was acknowledged",
            ) from error
        self.commit_s = time.perf_counter() - started

    def tick(self) -> None:
        """Make durable what was left to this moment, and make room ahead, so that no commit has to wait for it.

        Raises
        ------
        StoreUnavailable
            If what was written cannot be made durable.
        """
        file = self._file
        if file is None:
            return
        if self.sync is leave_to_tick:
            try:
                os.fdatasync(file.handle)
            except OSError as error:
                self._abandon()
                raise StoreUnavailable(
                    f"the prediction log cannot be written: {error}", where=str(self.folder)
                ) from error
        if file.room < _LOW and file.length < self.limit_bytes:
            # A full disk is left for a commit to say.
            with contextlib.suppress(OSError):
                file.reserve(file.length + 2 * _LOW)

    def seal(self) -> None:
        """Close the open segment under its final name; an empty one is removed.

        Raises
        ------
        StoreUnavailable
            If the disk fails.
        """
        file, path, held = self._file, self.path, self.held
        self._file, self.path, self.numbers = None, None, {}
        if file is None or path is None:
            return
        try:
            if held:
                # Only the time of the last commit is lost where this fails.
                with contextlib.suppress(OSError):
                    file.write(frame(commit_payload(self.commit_s)))
            _end(file, path, held=held)
        except OSError as error:
            raise StoreUnavailable(f"a segment cannot be sealed: {error.strerror or error}", where=str(path)) from error
        finally:
            file.close()

    @property
    def held(self) -> bool:
        """Whether a segment is open and holds something."""
        return self._file is not None and self._file.length > len(MAGIC)

    @property
    def old(self) -> bool:
        """Whether the open segment holds something and is older than it may be."""
        return self.held and time.monotonic() - self._opened > self.limit_s

    def _open(self) -> None:
        # Names sort by time, and no two writers can choose the same.
        path = self.folder / f"{time.time_ns() // 1000:016d}-{secrets.token_hex(6)}{OPEN}"
        new = path.with_suffix(NEW)
        file: DurableFile | None = None
        try:
            file = DurableFile(str(new), MAGIC, sync=self.sync)
            fcntl.flock(file.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Locked before it has a name that others look for: nobody takes it for a dead writer's.
            new.rename(path)
            sync_folder(self.folder)
        except OSError as error:
            new.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if file is not None:
                file.close()
            raise StoreUnavailable(
                f"no segment can be opened: {error.strerror or error}", where=str(path), expected="free disk space"
            ) from error
        self._file, self.path, self.numbers = file, path, {}
        self._opened = time.monotonic()
        self.commit_s = 0.0

    def _abandon(self) -> None:
        """Cut what was not acknowledged and seal what was; offsets are never written twice."""
        file, path, held = self._file, self.path, self.held
        self._file, self.path, self.numbers = None, None, {}
        if file is None or path is None:
            return
        # Where the disk refuses even this, the lock goes with the descriptor, and whoever moves the log seals the file.
        with contextlib.suppress(OSError):
            _end(file, path, held=held)
        file.close()


def _end(file: DurableFile, path: Path, *, held: bool) -> None:
    if held:
        file.cut()
        path.rename(path.with_suffix(SEALED))
    else:
        path.unlink()
    sync_folder(path.parent)
