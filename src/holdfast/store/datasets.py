"""Datasets: versions of labelled tables, each named by a digest of its schema and content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import is_digest, plain
from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound
from holdfast.store._frames import frame_digest, storable
from holdfast.store.tables import KEPT

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.contract import Roles
    from holdfast.store._store import Store


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A version of a dataset. It never changes.

    Parameters
    ----------
    name
        Name of the dataset.
    digest
        Digest of its schema and content (`holdfast.store.datasets.Datasets.add` says how it is taken).
    version
        Version of the Delta table that holds the rows.
    rows, columns
        Its shape.
    roles
        What the columns are for, as plain data.
    parent
        Digest of the version that it was made from.
    reason
        Why it was made, in words.
    table
        Name of the table that holds the rows.
    """

    name: str
    digest: str
    version: int
    rows: int
    columns: tuple[str, ...]
    roles: Mapping[str, Any]
    parent: str | None = None
    reason: str = ""
    table: str = ""


class Datasets:
    """The dataset versions of a project.

    Parameters
    ----------
    store
        The store: rows go to its tables, what was added to its journal.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        name: str,
        frame: pl.DataFrame,
        *,
        roles: Mapping[str, Any] | Roles,
        reason: str,
        parent: str | None = None,
    ) -> DatasetVersion:
        """Add a version: the rows first, then the event ``dataset.added``, under the key ``dataset:<name>:<digest>``.

        The same content under the same name is the same version: adding it again gives the first one back, and
        `latest` stays what it is. The digest covers names, types and order of the columns and every value in the order
        of the rows; it does not depend on the machine, or on how the frame lies in memory.

        Parameters
        ----------
        name
            Name of the dataset.
        frame
            Shape (n, columns). Categories are kept as text, unsigned integers as wider signed ones, times as UTC
            microseconds; the digest is that of the rows as they are kept.
        roles
            What the columns are for.
        reason
            Why the version was made.
        parent
            Digest of the version it was made from.

        Raises
        ------
        DataError
            If a column has a type that no table holds.
        NotFound
            If `parent` is no version here.
        InvalidValue
            If the name or the reason is empty.
        StoreUnavailable
            If it cannot be written.
        """
        if not name or not reason:
            raise InvalidValue(f"dataset {name!r} added for the reason {reason!r}", expected="a name and a reason")
        if parent is not None:
            self.get(parent)
        rows = storable(frame, where=f"dataset {name!r}")
        digest = frame_digest(rows)
        key = f"dataset:{name}:{digest}"
        event = self._store.journal.by_key(key)
        if event is None:
            table = f"{KEPT}{name}"
            version = self._store.tables.overwrite(table, rows, key=digest)
            payload = {
                "name": name,
                "digest": digest,
                "version": version,
                "rows": rows.height,
                "columns": rows.columns,
                "roles": plain(roles),
                "parent": parent,
                "reason": reason,
                "table": table,
            }
            event = self._store.journal.append("dataset.added", payload, key=key)
        return _version(event.payload)

    def digest(self, frame: pl.DataFrame) -> str:
        """Digest that a version with these rows has, or would have; nothing is written.

        Raises
        ------
        DataError
            If a column has a type that no table holds.
        """
        return frame_digest(storable(frame, where="dataset"))

    def get(self, digest: str) -> DatasetVersion:
        """Find the version with that digest.

        Raises
        ------
        NotFound
            If there is none.
        """
        found = self._store.state.get("dataset", digest) if is_digest(digest) else None
        if found is None:
            raise NotFound(f"no dataset version {str(digest)[:80]!r}", expected="the digest of one that was added")
        return _version(found)

    def latest(self, name: str) -> DatasetVersion | None:
        """Find the version that was added last under a name; None when there is none."""
        found = self._store.state.get("dataset_latest", name)
        return None if found is None else _version(found)

    def read(self, digest: str) -> pl.DataFrame:
        """Rows of a version, in their order, verified against the digest.

        Raises
        ------
        NotFound
            If there is no such version.
        DigestMismatch
            If the rows that are there do not have the digest.
        UnreadableData
            If a file of the table is damaged or gone.
        """
        version = self.get(digest)
        rows = self._store.tables.read(version.table, version=version.version)
        found = frame_digest(rows)
        if found != digest:
            raise DigestMismatch(
                f"the rows of dataset {version.name!r} have digest {found}",
                where=f"table {version.table!r}, version {version.version}",
                expected=digest,
            )
        return rows


def _version(payload: Mapping[str, Any]) -> DatasetVersion:
    return DatasetVersion(
        name=payload["name"],
        digest=payload["digest"],
        version=payload["version"],
        rows=payload["rows"],
        columns=tuple(payload["columns"]),
        roles=dict(payload["roles"]),
        parent=payload["parent"],
        reason=payload["reason"],
        table=payload["table"],
    )
