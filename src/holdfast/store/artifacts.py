"""Artifacts: bytes under their SHA-256, on a folder or an object store."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from holdfast.core.digests import digest_bytes, is_digest
from holdfast.core.errors import DigestMismatch, NotFound, StoreUnavailable
from holdfast.store._files import CHUNK, read_chunks, write_atomic


class Blobs(Protocol):
    """Where the bytes of artifacts lie; a name is there whole or not at all."""

    def write(self, digest: str, data: bytes) -> None:
        """Keep bytes under their digest; nothing happens when they are there."""
        ...

    def write_file(self, path: Path) -> str:
        """Keep a file under the digest of the bytes that were kept; the digest."""
        ...

    def read(self, digest: str) -> Iterator[bytes]:
        """Bytes in chunks; NotFound before the first when there are none."""
        ...

    def size(self, digest: str) -> int | None:
        """Size in bytes; None when they are not there."""
        ...

    def digests(self) -> Iterator[str]:
        """Every digest that is kept."""
        ...


class Artifacts:
    """Bytes under their digest: put once, verified whenever they are read, never changed.

    Parameters
    ----------
    location
        A folder, or a URL of an object store: ``s3://bucket/prefix``, ``az://...``, ``gs://...``, ``memory:///``.
        Credentials come from the environment, never from the URL.

    Notes
    -----
    A digest's bytes lie under ``ab/cd/abcd...``. Whatever is written becomes visible whole: on a folder by a synced
    draft that is renamed, on an object store by a conditional put (``If-None-Match``) or a completed multipart upload.
    """

    def __init__(self, location: str) -> None:
        self.location = str(location)

    def put(self, data: bytes) -> str:
        """Keep bytes; the same bytes again change nothing.

        Returns
        -------
        str
            Their digest.

        Raises
        ------
        StoreUnavailable
            If they cannot be written (disk full, no answer); nothing half-written is visible then.
        """
        digest = digest_bytes(data)
        self._blobs.write(digest, bytes(data))
        return digest

    def put_file(self, path: Path) -> str:
        """Keep the bytes of a file, a mebibyte in memory at a time.

        Returns
        -------
        str
            Digest of the bytes that were kept.

        Raises
        ------
        NotFound
            If there is no such file.
        StoreUnavailable
            If they cannot be written.
        """
        if not Path(path).is_file():
            raise NotFound(f"no file {str(path)!r}", expected="a file to keep")
        return self._blobs.write_file(Path(path))

    def get(self, digest: str) -> bytes:
        """Bytes with that digest, verified.

        Raises
        ------
        NotFound
            If they are not here.
        DigestMismatch
            If the bytes that are here do not have it.
        """
        return b"".join(self._verified(digest))

    def fetch(self, digest: str, path: Path, *, mode: int = 0o644) -> None:
        """Write the bytes with that digest to a file: verified, whole or not at all, a few mebibytes in memory.

        Raises
        ------
        NotFound
            If they are not here.
        DigestMismatch
            If the bytes that are here do not have it; `path` is then as it was.
        StoreUnavailable
            If the file cannot be written.
        """
        try:
            write_atomic(Path(path), self._verified(digest), mode=mode)
        except OSError as error:
            raise StoreUnavailable(f"cannot write: {error.strerror or error}", where=str(path)) from error

    def has(self, digest: str) -> bool:
        """Whether there are bytes under that digest (they are verified when they are read)."""
        return self.size(digest) is not None

    def size(self, digest: str) -> int | None:
        """Size of the bytes under that digest; None when there are none."""
        return self._blobs.size(digest) if is_digest(digest) else None

    def digests(self) -> Iterator[str]:
        """Digest of everything that is kept, in no order."""
        return self._blobs.digests()

    @functools.cached_property
    def _blobs(self) -> Blobs:
        if "://" not in self.location:
            return FolderBlobs(Path(self.location))
        from holdfast.store._objects import ObjectBlobs

        return ObjectBlobs(self.location)

    def _verified(self, digest: str) -> Iterator[bytes]:
        if not is_digest(digest):
            raise NotFound(f"no artifact {str(digest)[:80]!r}", where=self.location, expected="64 hexadecimal digits")
        found = hashlib.sha256()
        for chunk in self._blobs.read(digest):
            found.update(chunk)
            yield chunk
        if found.hexdigest() != digest:
            raise DigestMismatch(
                f"artifact {digest} holds bytes with digest {found.hexdigest()}",
                where=self.location,
                expected="the bytes that were put; restore them from a copy",
            )


def digest_chunks(chunks: Iterable[bytes]) -> str:
    """SHA-256 of chunks, as 64 lower-case hexadecimal digits."""
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()


def place_of(digest: str) -> str:
    """Where a digest's bytes lie: ``ab/cd/abcd...``."""
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


class FolderBlobs:
    """Artifacts in a folder of a file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, digest: str, data: bytes) -> None:
        """Keep bytes; a file of another size under the digest (a torn copy) is replaced."""
        if self.size(digest) != len(data):
            self._place(digest, (data[start : start + CHUNK] for start in range(0, len(data), CHUNK)))

    def write_file(self, path: Path) -> str:
        """Keep a file, copied while its digest is taken, so that what is named is what was kept."""
        try:
            digest = digest_chunks(read_chunks(path))
            if self.size(digest) != path.stat().st_size:
                self._place(digest, expecting(digest, read_chunks(path), where=str(path)))
        except OSError as error:
            raise StoreUnavailable(f"cannot read: {error.strerror}", where=str(path)) from error
        return digest

    def read(self, digest: str) -> Iterator[bytes]:
        """Bytes in chunks."""
        try:
            yield from read_chunks(self.folder / place_of(digest))
        except FileNotFoundError as error:
            raise NotFound(f"no artifact {digest}", where=str(self.folder), expected="one that was put") from error
        except OSError as error:
            raise StoreUnavailable(f"cannot read: {error.strerror}", where=str(self.folder)) from error

    def size(self, digest: str) -> int | None:
        """Size in bytes."""
        try:
            return (self.folder / place_of(digest)).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreUnavailable(f"cannot read: {error.strerror}", where=str(self.folder)) from error

    def digests(self) -> Iterator[str]:
        """Every digest."""
        return (path.name for path in self.folder.glob("??/??/*") if is_digest(path.name))

    def _place(self, digest: str, chunks: Iterable[bytes]) -> None:
        path = self.folder / place_of(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, chunks, mode=0o444)
        except OSError as error:
            raise StoreUnavailable(f"cannot write: {error.strerror}", where=str(self.folder)) from error


def expecting(digest: str, chunks: Iterable[bytes], *, where: str) -> Iterator[bytes]:
    """Pass the chunks on; fail after the last when they do not have the digest, so that a writer drops what it has.

    Raises
    ------
    DigestMismatch
        If the bytes have another digest: the file was changed while it was read.
    """
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
        yield chunk
    if found.hexdigest() != digest:
        raise DigestMismatch("the file changed while it was read", where=where, expected=f"digest {digest}")
