"""Several files that appear together, whole, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.core.errors import StoreUnavailable, UnsafePath

_NAMELESS = getattr(os, "O_TMPFILE", 0)


def check_target(path: Path, *, what: str, taken: Iterable[Path | None]) -> None:
    """Check that a file may be written: it has a folder, is no folder or device, and is none of the files in use.

    Parameters
    ----------
    path, what
        The file, and the option that names it.
    taken
        Files that must stay as they are; links are followed.

    Raises
    ------
    UnsafePath
        If it is one of them, or no ordinary file.
    StoreUnavailable
        If it has no folder.
    """
    for other in taken:
        if other is not None and _same(path, other):
            raise UnsafePath(
                f"{what} {str(path)!r} is {str(other)!r}",
                where=what,
                expected="a file of its own",
            )
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no ordinary file"
        raise UnsafePath(f"{what} {str(path)!r} is {kind}", where=what, expected="the name of a file")
    if not path.parent.is_dir():
        raise StoreUnavailable(f"no folder {str(path.parent)!r} to write into", where=what, expected="a folder")


def _same(path: Path, other: Path) -> bool:
    if path.exists() and other.exists() and path.samefile(other):
        return True
    # Unlike `Path.resolve`, this takes links that lead in a circle.
    return os.path.realpath(path) == os.path.realpath(other)


def hashed(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """The same bytes, which a digest sees as they pass."""
    for piece in pieces:
        digest.update(piece)
        yield piece


@dataclass(slots=True)
class _Draft:
    """A file that is written and has no name of its own yet."""

    target: Path
    handle: int
    name: Path | None


@dataclass(slots=True)
class Publication:
    """Files written first, then named one after the other; without `publish` nothing of them stays behind.

    Where the system can (Linux), a file has no name at all before it is whole: a process that is killed leaves nothing.
    """

    mode: int = 0o644
    _drafts: list[_Draft] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def write(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Write and sync a file that `publish` will name `path`.

        Raises
        ------
        StoreUnavailable
            If the machine refuses: no room, no right.
        """
        with _told(path):
            self._drafts.append(_draft(path, self.mode))
            with os.fdopen(os.dup(self._drafts[-1].handle), "wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())

    def publish(self) -> None:
        """Give the files their names, in the order in which they were written."""
        for draft in self._drafts:
            with _told(draft.target):
                if draft.name is None:
                    draft.name = _linked(draft)
                draft.name.replace(draft.target)
                draft.name = None
        for folder in {each.target.parent for each in self._drafts}:
            _sync_folder(folder)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for draft in self._drafts:
            os.close(draft.handle)
            if draft.name is not None:
                draft.name.unlink(missing_ok=True)
        self._drafts.clear()


def _draft(path: Path, mode: int) -> _Draft:
    if _NAMELESS and Path("/proc/self/fd").is_dir():
        # Not every file system has files without a name.
        with contextlib.suppress(OSError):
            return _Draft(path, os.open(path.parent, _NAMELESS | os.O_WRONLY, mode), None)
    name = _beside(path)
    return _Draft(path, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), name)


def _linked(draft: _Draft) -> Path:
    name = _beside(draft.target)
    folder = os.open(draft.target.parent, os.O_RDONLY)
    try:
        # With a folder's handle Python calls linkat, which follows the link in /proc; link does not.
        os.link(f"/proc/self/fd/{draft.handle}", name.name, dst_dir_fd=folder, follow_symlinks=True)
    except OSError:
        _copied(draft.handle, name)  # a machine that does not let a file be named afterwards
    finally:
        os.close(folder)
    return name


def _copied(handle: int, name: Path) -> None:
    try:
        with open(f"/proc/self/fd/{handle}", "rb") as source, name.open("xb") as copy:  # noqa: PTH123 - a handle's file
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some file systems cannot sync a folder; the files themselves are synced.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"the machine refuses to write: {error.strerror or error}",
            where=str(path),
            expected="room on the disk, and the right to write",
        ) from error
