"""A file that is written from its start to its end, each write durable when it returns.

The file is filled with zeros ahead of what is written: a commit then changes no metadata, and an `fdatasync` need not
wait for the file system's own journal. (Writing past the page cache was tried: a tenth faster, not worth its rules.)
"""

from __future__ import annotations

import os
from collections.abc import Callable

_AHEAD = 1 << 20


class DurableFile:
    """A new file, open for durable writing.

    Parameters
    ----------
    path
        The file; it must not be there.
    first
        Bytes that it begins with.
    sync
        Makes the data of a descriptor durable.

    Raises
    ------
    OSError
        If it cannot be made.
    """

    def __init__(self, path: str, first: bytes, *, sync: Callable[[int], None] = os.fdatasync) -> None:
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.length = 0
        self.sync = sync
        self._filled = 0
        try:
            self.reserve(_AHEAD)
            self.write(first)
        except BaseException:
            self.close()
            raise

    def write(self, block: bytes) -> None:
        """Write behind what is there; durable when this returns.

        Raises
        ------
        OSError
            If the disk is full or fails; `length` is then as it was, and what is behind it does not count.
        """
        end = self.length + len(block)
        if end > self._filled:
            self.reserve(end + _AHEAD)
        _put(self.handle, block, self.length)
        self.sync(self.handle)
        self.length = end

    def reserve(self, size: int) -> None:
        """Fill with zeros up to a size, durably.

        Raises
        ------
        OSError
            If there is no room.
        """
        if size <= self._filled:
            return
        while self._filled < size:
            part = min(size - self._filled, _AHEAD)
            _put(self.handle, bytes(part), self._filled)
            self._filled += part
        os.fsync(self.handle)

    @property
    def room(self) -> int:
        """Bytes that can be written before the file must grow."""
        return self._filled - self.length

    def cut(self) -> None:
        """End the file where it was last durable.

        Raises
        ------
        OSError
            If the disk fails.
        """
        os.ftruncate(self.handle, self.length)
        os.fsync(self.handle)

    def close(self) -> None:
        """Let go of the file, and of the lock on it."""
        os.close(self.handle)


def _put(handle: int, block: bytes, at: int) -> None:
    done = os.pwrite(handle, block, at)
    while done < len(block):
        done += os.pwrite(handle, memoryview(block)[done:], at + done)
