"""Faults: a full disk, a lock that is not given back, a database that goes away, a process that is killed."""

from __future__ import annotations

import multiprocessing
import os
import pickle  # noqa: TID251 - to show that a store does not travel by it
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.core.errors import JournalBroken, StoreUnavailable
from holdfast.store import Store, _postgres, open_store
from holdfast.store.database import Database, is_unavailable, reason_of
from holdfast.store.journal import NewEvent
from holdfast.store.projections import is_mirrored

# ------------------------------------------------------------------------------------------------ SQLite


def test_a_full_disk_is_unavailable_and_leaves_nothing_half_written(sqlite_store: Store) -> None:
    journal = sqlite_store.journal
    journal.append("a.b", {"i": 0})
    connection = journal._writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    large = {"text": "x" * 50_000}
    for kind in ("a.b", "new.type"):
        with pytest.raises(StoreUnavailable, match="full"):
            journal.append(kind, large)
    with pytest.raises(StoreUnavailable, match="full"):
        journal.append_all(
            [NewEvent("a.b", {"i": 1}), NewEvent("verdict.reached", {"promise_id": "p", **large}, model="m")]
        )
    assert (journal.count(), journal.verify()) == (1, 1)
    assert sqlite_store.state.all("verdict") == {}
    assert journal.append("a.b", {"i": 2}).seq == 2
    connection.execute("PRAGMA max_page_count = 1073741823")
    assert journal.append("a.b", large).seq == 3
    assert journal.verify() == 3


def test_a_lock_that_is_not_given_back_is_unavailable_and_the_next_append_works(
    opened: Callable[..., Store], sqlite_url: str
) -> None:
    store = opened(sqlite_url, timeout_s=0.05)
    store.journal.append("a.b", {})
    other = sqlite3.connect(store.database.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for kind in ("a.b", "c.d"):
        with pytest.raises(StoreUnavailable, match="locked"):
            store.journal.append(kind, {})
    with pytest.raises(StoreUnavailable, match="locked"):
        store.leases.acquire("x", holder="y", ttl_s=1)
    assert store.journal.count() == 1
    other.execute("ROLLBACK")
    other.close()
    assert store.journal.append("a.b", {}).seq == 2
    assert store.journal.verify() == 2


def test_a_damaged_file_is_unavailable(opened: Callable[..., Store], sqlite_url: str) -> None:
    store = opened(sqlite_url)
    store.journal.append_all(NewEvent("a.b", {"text": "x" * 3000}) for _ in range(50))
    file = store.database.file
    store.close()
    size = file.stat().st_size
    with file.open("r+b") as handle:
        handle.seek(4096)
        handle.write(os.urandom(size - 4096))
    with pytest.raises(StoreUnavailable, match=r"malformed|not a database"):
        opened(sqlite_url).journal.verify()


def test_a_connection_that_cannot_even_roll_back_is_replaced(sqlite_store: Store) -> None:
    journal = sqlite_store.journal
    journal.append("a.b", {})
    broken = sqlite3.connect(":memory:", isolation_level=None)
    broken.execute("CREATE TABLE head (id, seq, hash, latest)")
    good, journal._writer._connection = journal._writer._connection, broken
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        journal.append("a.b", {})
    journal._writer._connection = good
    broken.close()
    assert journal.append("a.b", {}).seq == 2


class Stuck:
    """A connection inside a transaction that fails whatever it is asked, as after a lost file system."""

    in_transaction = True

    def __init__(self) -> None:
        self.closed = False

    def execute(self, *_arguments: object) -> object:
        raise sqlite3.OperationalError("disk I/O error")

    def close(self) -> None:
        self.closed = True


def test_a_connection_that_fails_at_everything_is_closed_and_replaced(sqlite_store: Store) -> None:
    journal = sqlite_store.journal
    journal.append("a.b", {})
    good, stuck = journal._writer._connection, Stuck()
    journal._writer._connection = stuck
    with pytest.raises(StoreUnavailable, match="disk I/O error"):
        journal.append("a.b", {})
    assert stuck.closed
    good.close()
    assert journal.append("a.b", {}).seq == 2
    assert journal.verify() == 2


def test_nothing_is_appended_to_a_journal_without_its_head(store: Store) -> None:
    store.journal.append("a.b", {})
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM head")
    for _ in range(2):
        with pytest.raises(JournalBroken, match="head"):
            store.journal.append("a.b", {})
    assert store.journal.count() == 1


def test_another_process_that_was_faster_is_followed(opened: Callable[..., Store], url: str) -> None:
    first, second = opened(url), opened(url)
    for i in range(10):
        (first if i % 3 else second).journal.append("a.b", {"i": i}, key=f"{i}")
        (second if i % 2 else first).journal.append("verdict.reached", {"promise_id": f"{i % 4}"}, model="m")
        assert first.journal.append("a.b", {}, key=f"{i}") == second.journal.append("x.y", {}, key=f"{i}")
    assert (first.journal.verify(), second.journal.count()) == (20, 20)


# ------------------------------------------------------------------------------------------------ many at once


def append_many(root: Path, url: str, name: str, count: int) -> None:
    with open_store(root, url=url) as store:
        for i in range(count):
            store.journal.append("worker.did", {"name": name, "i": i}, key=f"{name}:{i}")
            store.journal.append("verdict.reached", {"promise_id": f"p{i % 5}", "by": name}, model="m")


def test_processes_append_at_once_without_a_gap(url: str, tmp_path: Path, opened: Callable[..., Store]) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=append_many, args=(tmp_path / "root", url, name, 40), daemon=True) for name in "ab"
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    store = opened(url)
    assert store.journal.verify() == 160
    kept = store.state.all("verdict")
    store.state.rebuild()
    assert store.state.all("verdict") == kept


def test_threads_append_at_once_without_a_gap(store: Store) -> None:
    def work(name: int) -> list[int]:
        return [store.journal.append("a.b", {"by": name}, key=f"{name}:{i}").seq for i in range(15)]

    with ThreadPoolExecutor(4) as pool:
        seqs = sorted(seq for made in pool.map(work, range(4)) for seq in made)
    assert seqs == list(range(1, 61))
    assert store.journal.verify() == 60


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_opens_connections_of_its_own(store: Store, tmp_path: Path) -> None:
    store.journal.append("a.b", {"by": "parent"})
    assert store.journal.count() == 1
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.journal.append("a.b", {"by": "child"})
            code = 0 if store.journal.count() == 2 and store.state.all("verdict") == {} else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert store.journal.append("a.b", {"by": "parent"}).seq == 3
    assert store.journal.verify() == 3


def test_a_store_does_not_travel_by_value(sqlite_store: Store) -> None:
    with pytest.raises(TypeError, match="open_store"):
        pickle.dumps(sqlite_store)
    assert str(sqlite_store.root) in repr(sqlite_store)


# ------------------------------------------------------------------------------------------------ kill -9

CHILD = """
import sys
from pathlib import Path
from holdfast.store import open_store
from holdfast.store.journal import NewEvent

store = open_store(Path(sys.argv[1]), url=sys.argv[2], mlflow="sqlite:///mirror.db")
i = store.journal.count()
while True:
    if i % 3:
        seqs = [store.journal.append("verdict.reached", {"promise_id": f"p{i % 7}", "i": i}, model="m", key=f"{i}").seq]
    else:
        seqs = [e.seq for e in store.journal.append_all([NewEvent("run.started", {"id": "r"}), NewEvent("a.b", {})])]
    print(*seqs, flush=True)
    i += 1
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_acknowledged_survives_kill_9(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, opened: Callable[..., Store]
) -> None:
    url = str(request.getfixturevalue(f"{kind.replace('postgresql', 'postgres')}_url"))
    rng = np.random.default_rng(11)
    acknowledged: list[int] = []
    for patience in rng.integers(1, 60, 5):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "root"), url], stdout=subprocess.PIPE, text=True
        )
        for _ in range(patience):
            child.stdout.readline()
        child.kill()
        rest = child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        # The last line may be torn by the kill; every whole one is an acknowledgement.
        acknowledged += [int(line.split()[-1]) for line in rest[:-1]]
    store = opened(url)
    count = store.journal.verify()
    assert store.journal.count() == count >= max(acknowledged, default=0)
    kept = {kind: store.state.all(kind) for kind in ("verdict", "run")}
    store.state.rebuild()
    assert {kind: store.state.all(kind) for kind in ("verdict", "run")} == kept
    told = [event.seq for event in store.journal.events() if is_mirrored(event.type)]
    assert [event.seq for event in store.queue.claim(holder="w", limit=10_000)] == told


# ------------------------------------------------------------------------------------------------ PostgreSQL


def test_a_session_that_was_ended_is_replaced(postgres_store: Store, postgres_url: str, cluster: Any) -> None:
    store = postgres_store
    store.journal.append("a.b", {}, key="0")
    for i in range(1, 4):
        assert cluster.end_sessions(postgres_url) >= 1
        assert store.journal.append("action.failed", {"key": "a", "i": i}, key=f"{i}").seq == 2 * i
        assert cluster.end_sessions(postgres_url) >= 1
        assert store.state.get("action", "a")["i"] == i
        store.journal.append("a.b", {})
    assert store.journal.verify() == 7


def test_a_server_that_stops_is_unavailable_and_then_is_there_again(
    opened: Callable[..., Store], postgres_url: str, cluster: Any
) -> None:
    store = opened(postgres_url, timeout_s=5)
    lease = store.leases.acquire("keeper", holder="a", ttl_s=10)
    store.journal.append("a.b", {"i": 1})
    cluster.stop()
    try:
        for attempt in (
            lambda: store.journal.append("a.b", {"i": 2}, key="two"),
            lambda: store.journal.append("a.b", {"i": 2}, key="two"),
            store.journal.head,
            lease.renew,
            lambda: store.state.get("a", "b"),
            store.queue.pending,
        ):
            with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1"):
                attempt()
        with pytest.raises(StoreUnavailable):
            opened(postgres_url, timeout_s=1)
    finally:
        cluster.start()
    assert store.journal.append("a.b", {"i": 2}, key="two").seq == 2
    lease.renew()
    assert store.journal.verify() == 2


class Cut:
    """A prepared statement whose connection is lost before it is sent, or after it was carried out."""

    def __init__(self, statement: Any, end: Callable[[], object], *, after: bool) -> None:
        self.statement, self.end, self.after = statement, end, after

    def run(self, **values: Any) -> Any:
        if self.after:
            self.statement.run(**values)
        self.end()
        return self.statement.run(**values)


@pytest.fixture
def cut(
    postgres_store: Store, postgres_url: str, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[int]]:
    """Loses the connection while an append is sent, some times; gives the list of the times."""
    times: list[int] = []

    def arrange(count: int, *, after: bool) -> list[int]:
        whole = _postgres.PostgresWriter._statement

        def statement(self: Any, batch: Any) -> Any:
            made = whole(self, batch)
            if len(times) >= count:
                return made
            times.append(1)
            return Cut(made, lambda: cluster.end_sessions(postgres_url), after=after)

        monkeypatch.setattr(_postgres.PostgresWriter, "_statement", statement)
        return times

    return arrange


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("key", [None, "once"])
def test_an_append_whose_answer_was_lost_is_there_once(
    postgres_store: Store, cut: Callable[..., list[int]], after: bool, count: int, key: str | None
) -> None:
    journal = postgres_store.journal
    journal.append("a.b", {})
    times = cut(count, after=after)
    event = journal.append("verdict.reached", {"promise_id": "p"}, model="m", key=key)
    assert (event.seq, len(times)) == (2, count)
    assert journal.get(2) == event
    assert journal.append("a.b", {}).seq == 3
    assert journal.verify() == 3


def test_an_append_whose_connection_is_lost_each_time_says_that_it_is_not_known(
    postgres_store: Store, cut: Callable[..., list[int]]
) -> None:
    cut(3, after=False)
    with pytest.raises(StoreUnavailable, match=r"not known.*same key"):
        postgres_store.journal.append("a.b", {}, key="k")
    assert postgres_store.journal.append("a.b", {}, key="k").seq == 1
    assert postgres_store.journal.verify() == 1


def test_a_server_that_is_lost_while_an_append_is_worked_out_is_tried_again_and_then_unavailable(
    postgres_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = [ConnectionResetError("one"), ConnectionResetError("two")]
    whole = _postgres.PostgresWriter._read_head

    def read_head(self: Any, locked: bool) -> Any:
        if losses:
            raise losses.pop()
        return whole(self, locked)

    monkeypatch.setattr(_postgres.PostgresWriter, "_read_head", read_head)
    assert postgres_store.journal.append("a.b", {}).seq == 1
    postgres_store.journal.close()
    losses.extend(ConnectionResetError("again") for _ in range(3))
    with pytest.raises(StoreUnavailable, match="again"):
        postgres_store.journal.append("a.b", {})
    assert postgres_store.journal.append("a.b", {}).seq == 2


def test_an_append_that_was_lost_and_then_overtaken_is_worked_out_again(
    postgres_store: Store,
    opened: Callable[..., Store],
    postgres_url: str,
    cluster: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = opened(postgres_url)
    other.journal.append("other.one", {})
    whole = _postgres.PostgresWriter._send
    state = {"first": True}

    def send(self: Any, batch: Any) -> bool:
        if self is postgres_store.journal._writer and state["first"]:
            state["first"] = False
            other.journal.append("other.two", {})
            raise ConnectionResetError("gone")
        return whole(self, batch)

    monkeypatch.setattr(_postgres.PostgresWriter, "_send", send)
    assert postgres_store.journal.append("a.b", {}).seq == 3
    assert postgres_store.journal.verify() == 3


def test_an_append_that_is_overtaken_again_and_again_locks_the_head(
    postgres_store: Store, opened: Callable[..., Store], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, writer = opened(postgres_url), postgres_store.journal._writer
    whole = _postgres.PostgresWriter._prepare
    locks: list[bool] = []

    def prepare(self: Any, drafts: Any, **how: Any) -> Any:
        made = whole(self, drafts, **how)
        if self is writer:
            locks.append(how["locked"])
            if not how["locked"]:
                other.journal.append("other.one", {})
        return made

    monkeypatch.setattr(_postgres.PostgresWriter, "_prepare", prepare)
    assert postgres_store.journal.append("a.b", {}).seq == 4
    assert locks == [False, False, False, True]
    assert postgres_store.journal.append("a.b", {}, key="x").key == "x"
    assert postgres_store.journal.verify() == postgres_store.journal.count()


def test_a_key_found_under_the_lock_gives_the_first_event(
    postgres_store: Store, opened: Callable[..., Store], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = postgres_store.journal.append("a.b", {}, key="k")
    monkeypatch.setattr(_postgres, "_PATIENCE", 0)
    assert postgres_store.journal.append("c.d", {}, key="k") == first
    assert opened(postgres_url).journal.append("c.d", {}).seq == 2
    assert postgres_store.journal.append("c.d", {}).seq == 3


def test_a_lock_that_is_held_too_long_is_unavailable(
    opened: Callable[..., Store], postgres_url: str, cluster: Any
) -> None:
    store, other = opened(postgres_url, timeout_s=0.2), opened(postgres_url)
    store.journal.append("a.b", {})
    with other.database.writing() as connection:
        connection.exec_driver_sql("UPDATE head SET id = 1")
        with pytest.raises(StoreUnavailable, match=r"lock|timed? ?out|network|read"):
            store.journal.append("a.b", {})
    assert store.journal.append("a.b", {}).seq == 2


def test_a_mistake_in_our_own_sql_is_no_unavailable_database(store: Store) -> None:
    from sqlalchemy.exc import DBAPIError

    with pytest.raises(DBAPIError, match="nowhere"), store.database.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")
    with pytest.raises(ZeroDivisionError), store.database.writing():
        raise ZeroDivisionError


def test_closing_twice_and_closing_a_dead_connection_is_harmless(
    postgres_store: Store, postgres_url: str, cluster: Any
) -> None:
    postgres_store.journal.append("a.b", {})
    cluster.end_sessions(postgres_url)
    postgres_store.close()
    postgres_store.close()


def test_a_pool_that_is_exhausted_is_unavailable(opened: Callable[..., Store], url: str) -> None:
    store = opened(url, timeout_s=0.2)
    held = [store.database.engine.connect() for _ in range(15)]
    try:
        with pytest.raises(StoreUnavailable, match=r"(?i)timeout|timed out|too many"):
            store.journal.head()
    finally:
        for connection in held:
            connection.close()
    assert store.journal.head()[0] == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (sqlite3.OperationalError("disk  is\nfull"), "disk is full"),
        (OSError(), "OSError"),
        (Exception({"M": "no"}), "no"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, said: str) -> None:
    assert reason_of(error) == said


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (sqlite3.OperationalError("disk I/O error"), True),
        (sqlite3.OperationalError("no such table: x"), False),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), False),
        (Exception({"C": "53100"}), True),
        (Exception({"C": "57P03"}), True),
        (Exception({"C": "42601"}), False),
        (EOFError(), True),
        (ValueError("x"), False),
    ],
)
def test_only_what_is_not_our_mistake_is_unavailable(error: Exception, unavailable: bool) -> None:
    assert is_unavailable(error) is unavailable


def test_a_database_object_says_where_it_is_without_opening_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    assert database.place == database.url == f"sqlite:///{tmp_path / 'x.db'}"
    database.close()
    assert list(tmp_path.iterdir()) == []
    assert Database("postgresql://me:pw@h/d").file is None
    assert threading.active_count() >= 1
