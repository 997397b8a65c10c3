"""The schema: made once however many come first, brought up to date, and refused where it is newer."""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from holdfast.core.errors import InvalidValue, MissingExtra, NotFound, StoreError, StoreUnavailable
from holdfast.store import Store, open_store
from holdfast.store._schema import REVISION, metadata
from holdfast.store._store import utc_now
from holdfast.store.database import Database, use_wal
from holdfast.store.journal import Journal
from holdfast.store.migrations import configuration, revision, upgrade
from holdfast.store.migrations.upgrading import _upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("cluster").empty())


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    made = Database(empty_url)
    yield made
    made.close()


def test_the_migrations_make_what_the_code_expects(database: Database) -> None:
    assert revision(database) is None
    upgrade(database)
    upgrade(database)
    assert revision(database) == REVISION
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_an_older_schema_is_brought_up_to_date_with_its_events(
    database: Database, empty_url: str, opened: Callable[..., Store]
) -> None:
    with database.writing() as connection:
        command.upgrade(configuration(connection), "0001")
    assert revision(database) == "0001"
    old = Database(empty_url)
    journal = Journal(old, clock=utc_now, actor="old", mirrored=False)
    journal.append("a.b", {"kept": True})
    journal.close()
    old.close()
    store = opened(empty_url)
    assert revision(store.database) == REVISION
    assert store.journal.get(1).payload == {"kept": True}
    assert store.leases.acquire("x", holder="y", ttl_s=1).token == 1


def test_who_comes_second_to_the_lock_finds_it_done(database: Database) -> None:
    upgrade(database)
    with database.writing() as connection:
        _upgrade(connection, database.place)
    assert revision(database) == REVISION


class Locked:
    """A connection that is told so many times that the database is locked."""

    def __init__(self, times: list[int]) -> None:
        self.times = times

    def execute(self, _statement: str) -> None:
        if self.times:
            self.times.pop()
            raise sqlite3.OperationalError("database is locked")

    def close(self) -> None:
        """Nothing to close."""


def test_the_switch_to_writing_ahead_is_tried_until_it_is_let_through(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tries: list[int] = []

    def opened_locked(_database: Database) -> Any:
        tries.append(1)
        return Locked([0] if len(tries) < 4 else [])

    monkeypatch.setattr("holdfast.store.database.open_sqlite", opened_locked)
    use_wal(Database(f"sqlite:///{tmp_path / 'x.db'}"))
    assert len(tries) == 4
    tries.clear()
    impatient = Database(f"sqlite:///{tmp_path / 'x.db'}", timeout_s=-1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_wal(impatient)


def test_a_newer_schema_is_refused_and_left_alone(database: Database, empty_url: str, tmp_path: Path) -> None:
    upgrade(database)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="9999"):
        open_store(tmp_path, url=empty_url)
    assert revision(database) == "9999"


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:

    def fail(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("killed in the middle")

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(RuntimeError, match="middle"):
        upgrade(database)
    assert revision(database) is None
    monkeypatch.undo()
    upgrade(database)
    assert revision(database) == REVISION


def first_use(root: Path, url: str, name: str) -> None:
    with open_store(root, url=url) as store:
        store.journal.append("worker.came", {"name": name}, key=name)


def test_two_first_users_do_not_race(empty_url: str, tmp_path: Path, opened: Callable[..., Store]) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=first_use, args=(tmp_path, empty_url, name), daemon=True) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    store = opened(empty_url)
    assert store.journal.verify() == 2


def test_sqlite_writes_ahead_and_syncs_each_commit(sqlite_store: Store, sqlite_url: str) -> None:
    sqlite_store.journal.append("a.b", {})
    connection = sqlite_store.journal._writer._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_store_that_is_not_there_is_not_made_unasked(tmp_path: Path) -> None:
    for root in (tmp_path / "nothing", tmp_path):
        with pytest.raises(NotFound, match="no store"):
            open_store(root, create=False)
    assert list(tmp_path.iterdir()) == []
    open_store(tmp_path / "made").close()
    open_store(tmp_path / "made", create=False).close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://a@b/c",
        "not a url",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://a@h/b?sslmode=maybe",
        "postgresql://a@h/b?x=1",
    ],
)
def test_a_url_that_nobody_knows_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidValue):
        open_store(tmp_path, url=url)


def test_a_password_is_in_no_message(tmp_path: Path) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/none"
    with pytest.raises(StoreUnavailable) as caught:
        open_store(tmp_path, url=url, timeout_s=1)
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)
    with pytest.raises(InvalidValue) as caught_too:
        open_store(tmp_path, url="mysql://me:hunter2@h/d")
    assert "hunter2" not in str(caught_too.value)


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        ("", "ssl_context", False),
        ("?sslmode=disable", "ssl_context", False),
        ("?sslmode=prefer", "ssl_context", None),
        ("?host=/run/pg", "unix_sock", "/run/pg/.s.PGSQL.5432"),
        ("?host=db.example", "host", "db.example"),
        ("?host=db.example", "ssl_context", None),
    ],
)
def test_a_postgresql_url_is_read_as_libpq_reads_it(more: str, name: str, value: object) -> None:
    assert Database(f"postgresql://me@localhost/d{more}").connect_arguments()[name] == value


@pytest.mark.parametrize(("mode", "checked"), [("require", False), ("verify-full", True)])
def test_encryption_can_be_asked_for(mode: str, checked: bool) -> None:
    assert Database(f"postgres://me@h/d?sslmode={mode}").connect_arguments()["ssl_context"].check_hostname is checked


def test_postgresql_is_reached_by_its_socket(cluster: Any, opened: Callable[..., Store]) -> None:
    name = cluster.empty().rpartition("/")[2]
    store = opened(f"postgresql://holdfast@localhost:{cluster.port}/{name}?host={cluster.folder}")
    assert store.journal.append("a.b", {}).seq == 1


def test_without_its_driver_postgresql_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(MissingExtra, match="pip install 'holdfast\\[postgres\\]'"):
        open_store(tmp_path, url="postgresql://me@localhost/d")


def test_a_file_that_is_no_database_is_unavailable_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_store(tmp_path)
    assert path.read_bytes().startswith(b"no database")


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        open_store(tmp_path / "file" / "root")


@pytest.mark.parametrize(("actor", "timeout_s"), [("", 1), ("a", 0)])
def test_bad_settings_are_refused(tmp_path: Path, actor: str, timeout_s: float) -> None:
    with pytest.raises(InvalidValue):
        open_store(tmp_path, actor=actor, timeout_s=timeout_s)


def test_the_switch_to_writing_ahead_waits_for_its_turn_and_then_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE t (a)")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreUnavailable, match="locked"):
            open_store(tmp_path, timeout_s=0.05)
    finally:
        holder.close()
    open_store(tmp_path).close()
