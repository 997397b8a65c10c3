"""Fixtures of the store: a PostgreSQL cluster of our own, fresh databases, a clock that is told the time."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from pg8000.native import Connection

from holdfast.store import Store, open_store
from holdfast.store.database import Database
from holdfast.store.migrations import upgrade

_numbers = count(1)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Cluster:
    """A PostgreSQL server for the tests: trust on loopback and a unix socket, nothing synced to the disk."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))
        self.user: tuple[str, ...] = ()
        self.free: list[str] = []
        if os.geteuid() == 0:  # the server refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.user = ("runuser", "-u", "postgres", "--")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.user, str(self.binaries / program), *arguments]
        # No pipe: the server that pg_ctl starts would hold it open.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def create(self) -> None:
        data = str(self.folder / "data")
        self.run("initdb", "-D", data, "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.start()

    def start(self) -> None:
        options = (
            f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
            " -c shared_buffers=32MB -c max_connections=60 -c max_wal_size=512MB"
        )
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self.run("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def sql(self, *statements: str, database: str = "postgres", **values: object) -> list[list[object]]:
        """Run statements in autocommit, on a connection of their own; the rows of the last one."""
        place = {"host": "127.0.0.1", "port": self.port, "database": database, "ssl_context": False}
        with Connection("holdfast", **place) as connection:
            return [list(connection.run(each, **values) or []) for each in statements][-1]

    def url(self, name: str) -> str:
        return f"postgresql://holdfast@127.0.0.1:{self.port}/{name}"

    def empty(self) -> str:
        """A new database without a table."""
        name = f"t{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        return self.url(name)

    def take(self) -> str:
        """A database with the schema and nothing in it; `give` takes it back."""
        if not self.free:
            self.free.append(self.empty())
            database = Database(self.free[-1])
            upgrade(database)
            database.close()
        return self.free.pop()

    def give(self, url: str) -> None:
        self.end_sessions(url)
        gone = [f"DELETE FROM {name}" for name in ("events", "head", "streams", "state", "leases", "outbox")]  # noqa: S608
        head = "INSERT INTO head (id, seq, hash, latest) VALUES (1, 0, repeat('0', 64), '')"
        self.sql(*gone, head, database=url.rpartition("/")[2])
        self.free.append(url)

    def end_sessions(self, url: str) -> int:
        """End every session in a database, as an administrator (or a fail-over) does; how many there were."""
        name = url.rpartition("/")[2]
        return len(self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name", name=name))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server here (/usr/lib/postgresql/*/bin): tools/services.sh installs it")
    made = Cluster(found[-1].parent)
    try:
        made.create()
        yield made
        made.stop()
    finally:
        shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def postgres_url(cluster: Cluster) -> Iterator[str]:
    url = cluster.take()
    yield url
    cluster.give(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A fresh database: each test runs on SQLite and on PostgreSQL."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def opened(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., Store]]:
    """Opens stores that are closed after the test."""
    made: list[Store] = []

    def open_at(url: str, **more: object) -> Store:
        made.append(open_store(tmp_path / ".holdfast", url=url, **{"clock": clock, "actor": "tester", **more}))
        return made[-1]

    yield open_at
    for store in made:
        store.close()


@pytest.fixture
def store(opened: Callable[..., Store], url: str) -> Store:
    """A store on SQLite, and one on PostgreSQL."""
    return opened(url)


@pytest.fixture
def sqlite_store(opened: Callable[..., Store], sqlite_url: str) -> Store:
    return opened(sqlite_url)


@pytest.fixture
def postgres_store(opened: Callable[..., Store], postgres_url: str) -> Store:
    return opened(postgres_url)
