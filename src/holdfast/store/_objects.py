"""Artifacts on an object store (S3, Azure, Google Cloud Storage, memory), through obstore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from holdfast.core.digests import is_digest
from holdfast.core.errors import InvalidValue, NotFound, StoreUnavailable
from holdfast.store._files import CHUNK, first_line, read_chunks
from holdfast.store.artifacts import digest_chunks, expecting, place_of

SCHEMES = ("s3", "s3a", "az", "azure", "abfs", "abfss", "adl", "gs", "memory", "file")

_WHOLE = 8 * CHUNK


class ObjectBlobs:
    """Artifacts on an object store; conditional puts where it knows them.

    Raises
    ------
    InvalidValue
        If the URL has a scheme that is not an object store's, or obstore cannot read it.
    """

    def __init__(self, url: str) -> None:
        import obstore.store
        from obstore.exceptions import BaseError

        parts = urlsplit(url)
        # A URL may carry a user or a token: what is shown in errors is scheme, host and path only.
        self.shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        if parts.scheme not in SCHEMES:
            raise InvalidValue(f"artifacts at {self.shown!r}", expected="a folder, or a URL of s3, az, gs or memory")
        try:
            self.store: Any = obstore.store.from_url(url)
        except (BaseError, ValueError) as error:
            raise InvalidValue(
                f"artifacts at {self.shown!r}: {first_line(error)}", expected="a bucket's URL"
            ) from error
        self._conditional = True

    def write(self, digest: str, data: bytes) -> None:
        """Keep bytes by a conditional put; what is there already stays."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError

        if self.size(digest) == len(data):
            return
        try:
            if self._conditional:
                obstore.put(self.store, place_of(digest), data, mode="create", use_multipart=False)
                return
        except AlreadyExistsError:
            pass
        except (NotSupportedError, NotImplementedError):
            self._conditional = False
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error
        self._overwrite(digest, data)

    def _overwrite(self, digest: str, data: Any) -> None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            obstore.put(self.store, place_of(digest), data, chunk_size=_WHOLE, max_concurrency=2)
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    def write_file(self, path: Path) -> str:
        """Keep a file: its digest is taken first, then it is sent in parts and the digest checked before the end."""
        try:
            digest, size = digest_chunks(read_chunks(path)), path.stat().st_size
            if size <= _WHOLE:
                self.write(digest, b"".join(expecting(digest, read_chunks(path), where=str(path))))
            elif self.size(digest) != size:
                self._overwrite(digest, expecting(digest, read_chunks(path), where=str(path)))
        except OSError as error:
            raise StoreUnavailable(f"cannot read: {error.strerror}", where=str(path)) from error
        return digest

    def read(self, digest: str) -> Iterator[bytes]:
        """Bytes in chunks."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            for chunk in obstore.get(self.store, place_of(digest)).stream(min_chunk_size=CHUNK):
                yield bytes(chunk)
        except FileNotFoundError as error:
            raise NotFound(f"no artifact {digest}", where=self.shown, expected="one that was put") from error
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    def size(self, digest: str) -> int | None:
        """Size in bytes; None when they are not there."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            return int(obstore.head(self.store, place_of(digest))["size"])
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    def digests(self) -> Iterator[str]:
        """Every digest."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            for page in obstore.list(self.store):
                names = (str(each["path"]).rsplit("/", 1)[-1] for each in page)
                yield from (name for name in names if is_digest(name))
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"the object store does not answer: {first_line(error)}", where=self.shown)
