"""Folders of verified files: what a manifest describes, laid out to be read."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.core.digests import canonical_json
from holdfast.core.errors import DigestMismatch, NotFound, StoreUnavailable, UnsafePath
from holdfast.store._files import inside, read_chunks, sweep, write_new
from holdfast.store._manifest import MANIFEST, PUBLIC_KEY, RESERVED, SIGNATURE
from holdfast.store.artifacts import Artifacts, digest_chunks

Stamp = tuple[int, int, int]
"""Size, time of change in nanoseconds and file number: whether a file may have changed since it was looked at."""


class Signed:
    """A manifest with its signature and the key that made it."""

    def __init__(self, manifest: Mapping[str, Any], signature: str, public_text: str) -> None:
        self.manifest = manifest
        self.signature = signature
        self.public_text = public_text

    @property
    def id(self) -> str:
        """Id of what the manifest describes."""
        return str(self.manifest["id"])

    def beside(self) -> dict[str, bytes]:
        """Files that lie beside those of the manifest, by name."""
        return {
            MANIFEST: canonical_json(self.manifest),
            SIGNATURE: f"{self.signature}\n".encode("ascii"),
            PUBLIC_KEY: f"{self.public_text}\n".encode("ascii"),
        }


def write_folder(signed: Signed, artifacts: Artifacts, folder: Path, *, mode: int = 0o644) -> None:
    """Write a manifest's files, fetched and verified, into a folder that appears whole or not at all.

    Parameters
    ----------
    signed
        Manifest that was verified.
    artifacts
        Where the bytes come from.
    folder
        Where the folder is to be; it must not be there, or be empty.
    mode
        Permissions of the files.

    Raises
    ------
    NotFound
        If bytes are missing.
    DigestMismatch
        If bytes were tampered with; nothing is left behind.
    FileExistsError
        If another process was first.
    """
    draft = folder.with_name(f".draft-{secrets.token_hex(8)}")
    try:
        draft.mkdir(parents=True)
        for name, each in signed.manifest["files"].items():
            path = inside(draft, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            artifacts.fetch(each["sha256"], path, mode=mode)
        for name, data in signed.beside().items():
            write_new(draft / name, data, mode=mode)
        _rename(draft, folder)
    except OSError as error:
        if isinstance(error, FileExistsError):
            raise
        raise StoreUnavailable(f"cannot write: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _rename(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError as error:
        if folder.exists():
            raise FileExistsError(error.errno, "another process was first", str(folder)) from error
        raise


def check_folder(manifest: Mapping[str, Any], folder: Path, *, beside: tuple[str, ...] = RESERVED) -> dict[str, Stamp]:
    """Check that a folder holds a manifest's files, byte for byte, and nothing else.

    Returns
    -------
    dict
        Stamp of every file, taken before it was read.

    Raises
    ------
    NotFound
        If a file is not there.
    DigestMismatch
        If a file has other bytes, or is not in the manifest.
    UnsafePath
        If a file is a link.
    """
    stamps = stamps_of(folder)
    files = manifest["files"]
    strange = sorted(set(stamps) - set(files) - set(beside))
    if strange:
        raise DigestMismatch(f"{strange[0]!r} is not in the manifest", where=str(folder), expected="only its files")
    for name, each in files.items():
        if name not in stamps:
            raise NotFound(f"the file {name!r} is missing", where=str(folder), expected="every file of the manifest")
        size, found = stamps[name][0], digest_chunks(read_chunks(folder / name))
        if (size, found) != (each["size"], each["sha256"]):
            message = f"{name!r} has {size} bytes with digest {found}"
            raise DigestMismatch(
                message, where=str(folder), expected=f"{each['size']} bytes with digest {each['sha256']}"
            )
    return stamps


def stamps_of(folder: Path) -> dict[str, Stamp]:
    """Stamp of every file in a folder, by its path within.

    Raises
    ------
    UnsafePath
        If one is a link or no file at all.
    """
    found: dict[str, Stamp] = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise UnsafePath(f"{path.name!r} is a link or no file", where=str(folder), expected="plain files")
        if path.is_file():
            status = path.stat()
            found[path.relative_to(folder).as_posix()] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


class FolderCache:
    """Read-only folders of verified files, made when first asked for.

    A folder is checked in full once in each process; afterwards the sizes, times and file numbers of its files are
    compared, and only a difference has it checked in full again.

    Parameters
    ----------
    folder
        Folder of the folders, one for each id.
    artifacts
        Where the bytes come from.
    """

    def __init__(self, folder: Path, artifacts: Artifacts) -> None:
        self.folder = folder
        self._artifacts = artifacts
        self._seen: dict[str, dict[str, Stamp]] = {}
        self._lock = threading.Lock()

    def get(self, signed: Signed) -> Path:
        """Folder with the files of a verified manifest.

        Raises
        ------
        DigestMismatch
            If a file there, or its bytes in the artifacts, were tampered with.
        NotFound
            If bytes are missing from the artifacts.
        """
        folder = self.folder / signed.id
        with self._lock:
            if not folder.is_dir():
                self._make(signed, folder)
            if stamps_of(folder) != self._seen.get(signed.id):
                self._seen[signed.id] = self._check(signed, folder)
        return folder

    def _make(self, signed: Signed, folder: Path) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            sweep(self.folder, pattern=".draft-*")
            write_folder(signed, self._artifacts, folder, mode=0o444)
            folder.chmod(folder.stat().st_mode & ~0o222)
        except FileExistsError:
            return
        except OSError as error:
            raise StoreUnavailable(f"cannot write: {error.strerror}", where=str(folder)) from error

    def _check(self, signed: Signed, folder: Path) -> dict[str, Stamp]:
        stamps = check_folder(signed.manifest, folder)
        for name, data in signed.beside().items():
            if name not in stamps or (folder / name).read_bytes() != data:
                message = f"{name!r} is not what was signed"
                raise DigestMismatch(message, where=str(folder), expected="what was written; delete the folder")
        return stamps
