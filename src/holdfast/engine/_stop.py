"""How a run is asked to stop: from this process by a flag in memory, from another one by a file."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path


class Stop:
    """Whether a run was asked to stop; true for good once it is."""

    def __init__(self, flag: Path) -> None:
        self._flag = flag
        self._asked = threading.Event()

    def __call__(self) -> bool:
        if not self._asked.is_set() and self._flag.exists():
            self._asked.set()
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask from this process."""
        self._asked.set()

    def clear(self) -> None:
        """Take the flag away: the run is over."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._flag.unlink()
