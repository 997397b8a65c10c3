"""Files written whole or not at all, durably; and names that stay inside the folder they belong in."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from holdfast.core.errors import UnsafePath

CHUNK = 1 << 20
"""Bytes that are read at a time."""

_STALE_S = 24 * 3600.0
_LONGEST_NAME = 255


def write_atomic(path: Path, chunks: bytes | Iterable[bytes], *, mode: int = 0o644, draft: Path | None = None) -> None:
    """Write a file whole or not at all: a new file, synced, then renamed over `path`.

    Parameters
    ----------
    path
        Where the file is to be.
    chunks
        Its bytes; an error that the iterable raises leaves `path` as it was.
    mode
        Its permissions.
    draft
        Where it is written first, on the same file system; beside `path` when None.
    """
    draft = draft or path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")
    try:
        write_new(draft, chunks, mode=mode)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, chunks: bytes | Iterable[bytes], *, mode: int = 0o644) -> None:
    """Write and sync a file that must not be there yet.

    Raises
    ------
    FileExistsError
        If it is there.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def read_chunks(path: Path) -> Iterator[bytes]:
    """Bytes of a file, `CHUNK` at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can do that."""
    if os.name == "posix":
        _sync(folder)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable."""
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path, *, pattern: str = "*") -> None:
    """Remove drafts that a killed process left a day ago or longer; what another process removes first is gone too."""
    import shutil

    limit = time.time() - _STALE_S
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime >= limit:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def safe_name(name: str, *, where: str | None = None) -> str:
    """Check the name of a file inside a folder, such as ``model.onnx`` or ``app/main.json``.

    Raises
    ------
    UnsafePath
        If it is absolute, climbs, is empty, or has a backslash, a colon or a control character.

    Examples
    --------
    >>> safe_name("app/main.json")
    'app/main.json'
    """
    parts = name.split("/")
    plain = all(char.isprintable() and char not in "\\:" for char in name)
    if not plain or any(_is_unsafe(part) for part in parts):
        raise UnsafePath(
            f"{name[:120]!r} is no safe file name", where=where, expected="a relative path such as model.onnx"
        )
    return name


def _is_unsafe(part: str) -> bool:
    return not part.strip(". ") or part != part.strip() or part.endswith(".") or len(part.encode()) > _LONGEST_NAME


def safe_names(names: Iterable[str], *, where: str | None = None) -> tuple[str, ...]:
    """Names that can lie in one folder together, on every file system.

    Raises
    ------
    UnsafePath
        If one is unsafe, two differ only in case, or one is a folder of another.
    """
    found: dict[str, str] = {}
    for name in names:
        folded = safe_name(name, where=where).casefold()
        if folded in found:
            raise UnsafePath(
                f"{found[folded]!r} and {name!r} differ only in case", where=where, expected="distinct names"
            )
        found[folded] = name
    for folded, name in found.items():
        parents = folded.split("/")[:-1]
        above = next((upper for n in range(len(parents)) if (upper := "/".join(parents[: n + 1])) in found), None)
        if above is not None:
            raise UnsafePath(
                f"{found[above]!r} is a file and a folder of {name!r}", where=where, expected="one of them"
            )
    return tuple(found.values())


def inside(folder: Path, name: str) -> Path:
    """Path of a name inside a folder, after links are followed.

    Raises
    ------
    UnsafePath
        If it would lie outside of it.
    """
    path = folder / safe_name(name, where=str(folder))
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnsafePath(f"{name!r} leads out of its folder", where=str(folder), expected="no link out of it")
    return path


def first_line(error: BaseException) -> str:
    """First line of a library's error (the rest is a trace of its insides), at most 300 characters."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
