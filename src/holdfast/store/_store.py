"""The facade over everything that is remembered, and the one way to open it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, NoReturn

from holdfast.core.errors import InvalidValue, NotFound, StoreUnavailable

if TYPE_CHECKING:
    from holdfast.store.artifacts import Artifacts
    from holdfast.store.database import Database
    from holdfast.store.datasets import Datasets
    from holdfast.store.evidence import EvidenceBook
    from holdfast.store.journal import Journal
    from holdfast.store.keys import Keys
    from holdfast.store.leases import Leases
    from holdfast.store.mirror import Outbox
    from holdfast.store.models import Models
    from holdfast.store.outbox_queue import OutboxQueue
    from holdfast.store.state import State
    from holdfast.store.tables import Tables


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def open_store(
    root: Path,
    *,
    url: str | None = None,
    artifacts: str | None = None,
    mlflow: str | None = None,
    actor: str = "unknown",
    clock: Callable[[], datetime] = utc_now,
    create: bool = True,
    timeout_s: float = 30.0,
) -> Store:
    """Open the store of a project; what is not there yet is made, and an older schema is brought up to date.

    Parameters
    ----------
    root
        The project's ``.holdfast`` folder.
    url
        Database of the journal: ``postgresql://...``, or ``sqlite:///FILE``; None for ``journal.db`` in `root`.
    artifacts
        Folder or URL (``s3://``, ``az://``, ``gs://``) of the artifacts; None for ``artifacts`` in `root`.
    mlflow
        Tracking URI that the journal is mirrored to: ``sqlite:///FILE`` or ``http://...``; None for no mirror.
    actor
        Who acts, as the events will say.
    clock
        Tells the time, UTC-aware.
    create
        Whether to make a store where there is none.
    timeout_s
        Seconds to wait for the database: a lock, or an answer.

    Raises
    ------
    NotFound
        If there is no store and `create` is false.
    InvalidValue
        If the URL is no database that Holdfast knows, or the actor is empty.
    MissingExtra
        If the URL is PostgreSQL's and the extra ``postgres`` is not installed.
    StoreUnavailable
        If the database does not answer or the folder cannot be made.
    StoreError
        If a newer Holdfast wrote the journal.
    """
    from holdfast.store.database import Database
    from holdfast.store.migrations import upgrade

    if not actor or timeout_s <= 0:
        raise InvalidValue(f"actor {actor!r}, timeout {timeout_s} s", expected="a name, and a positive time")
    root = Path(root).absolute()
    database = Database(f"sqlite:///{root / 'journal.db'}" if url is None else url, timeout_s=timeout_s)
    _make_folder(root, database, create=create)
    try:
        upgrade(database)
    except BaseException:
        database.close()
        raise
    return Store(root, database, artifacts=artifacts, mlflow=mlflow, actor=actor, clock=clock)


def _make_folder(root: Path, database: Database, *, create: bool) -> None:
    file = database.file
    if not create and (not root.is_dir() or (file is not None and not file.is_file())):
        raise NotFound("no store", where=str(root), expected="a project: holdfast init makes one")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"the folder cannot be made: {error.strerror}", where=str(root)) from error


class Store:
    """Everything that is remembered of a project; made by `open_store`, closed by `close` or a ``with``.

    Safe to use from several threads, and in a forked process (which opens connections of its own). A store does not
    travel to another process by value: open it there, by `root` and `url`.

    Attributes
    ----------
    root
        The project's ``.holdfast`` folder.
    url, artifacts_location, mlflow
        As `open_store` was given them.
    actor
        Who acts.
    clock
        Tells the time.
    database, journal, state, leases, queue
        The database, and what stands in it.
    """

    def __init__(
        self,
        root: Path,
        database: Database,
        *,
        artifacts: str | None,
        mlflow: str | None,
        actor: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.root = root
        self.url = database.url
        self.artifacts_location = str(root / "artifacts") if artifacts is None else artifacts
        self.mlflow = mlflow
        self.actor = actor
        self.clock = clock
        self.database = database

    @cached_property
    def journal(self) -> Journal:
        """Every event that happened."""
        from holdfast.store.journal import Journal

        return Journal(self.database, clock=self.clock, actor=self.actor, mirrored=self.mlflow is not None)

    @cached_property
    def state(self) -> State:
        """What the events amount to."""
        from holdfast.store.state import State

        return State(self.database)

    @cached_property
    def leases(self) -> Leases:
        """Who may act."""
        from holdfast.store.leases import Leases

        return Leases(self.database, clock=self.clock)

    @cached_property
    def queue(self) -> OutboxQueue:
        """Events that wait for the mirror."""
        from holdfast.store.outbox_queue import OutboxQueue

        return OutboxQueue(self.database, clock=self.clock)

    @cached_property
    def keys(self) -> Keys:
        """The project's signing key; made on first use."""
        from holdfast.store.keys import Keys

        return Keys(self.root / "keys")

    @cached_property
    def artifacts(self) -> Artifacts:
        """Bytes by their digest."""
        from holdfast.store.artifacts import Artifacts

        return Artifacts(self.artifacts_location)

    @cached_property
    def tables(self) -> Tables:
        """Tables that grow, with every version of them."""
        from holdfast.store.tables import Tables

        return Tables(self.root / "tables", lease=self.leases)

    @cached_property
    def datasets(self) -> Datasets:
        """Dataset versions."""
        from holdfast.store.datasets import Datasets

        return Datasets(self)

    @cached_property
    def models(self) -> Models:
        """Model versions and packages, signed."""
        from holdfast.store.models import Models

        return Models(self)

    @cached_property
    def evidence(self) -> EvidenceBook:
        """Measurements, signed."""
        from holdfast.store.evidence import EvidenceBook

        return EvidenceBook(self)

    @cached_property
    def outbox(self) -> Outbox:
        """The mirror to MLflow."""
        from holdfast.store.mirror import Outbox

        return Outbox(self, self.mlflow)

    @property
    def contract_file(self) -> ModuleType:
        """Reading and writing of ``holdfast.yaml``."""
        from holdfast.store import contract_file

        return contract_file

    def close(self) -> None:
        """Close the connections; the store can be used no more. Closing twice is harmless."""
        journal = self.__dict__.get("journal")
        if journal is not None:
            journal.close()
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        """Refuse: a connection has no value that could be sent."""
        raise TypeError("a Store does not travel by value: open it where it is needed, with open_store(root, url=url)")

    def __repr__(self) -> str:
        """Root and database, without a password."""
        return f"Store({str(self.root)!r}, {self.database.place})"
