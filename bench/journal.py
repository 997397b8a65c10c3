"""The journal against bare commits, and reading it at a million events; one JSON line for each figure.

Each append is timed beside a bare insert and commit of the same row, of the same durability, on the same disk (SQLite:
WAL with ``synchronous=FULL``; PostgreSQL: a cluster of its own, fsync on), in turn, and the medians are compared. Under
4 minutes in all; what would take longer is left out and says so on stderr.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from holdfast.core.digests import iso
from holdfast.core.events import GENESIS
from holdfast.store import Store, open_store
from holdfast.store._canonical import canonical_text, chained_text

BEGAN = time.monotonic()
LIMIT_S = 220.0
EVENTS = 1_000_000
PROMISES = 60
START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = "seq, type, model, time, actor, key, behind, previous, hash, payload"
BARE = "CREATE TABLE bare (seq BIGINT PRIMARY KEY, type TEXT, model TEXT, time TEXT, actor TEXT, key TEXT, behind TEXT,"
BARE += " previous TEXT, hash TEXT, payload TEXT)"


def verdict(i: int) -> dict[str, Any]:
    claim = f"recall >= 0.{10 + i % PROMISES} by race, sex with 95%"
    numbers = {"value": 0.8312, "low": 0.8105, "high": 0.8519, "n": 2048, "cases": 10}
    digests = {"subject": "a" * 64, "deciding": "b" * 64, "evidence": ["b" * 64], "promise_id": f"{i % PROMISES:064x}"}
    return {
        "promise": claim,
        "claim": claim,
        "stage": "live",
        "state": "held",
        "reason": "within",
        **numbers,
        **digests,
    }


def say(figure: str, value: float, unit: str, baseline: float | None = None, **more: Any) -> None:
    ratio = None if baseline is None else round(value / baseline, 3)
    rounded = None if baseline is None else round(baseline, 4)
    line = {"figure": figure, "value": round(value, 4), "unit": unit, "baseline": rounded, "ratio": ratio, **more}
    print(json.dumps(line), flush=True)


def left_s() -> float:
    return LIMIT_S - (time.monotonic() - BEGAN)


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Milliseconds that a call takes."""
    began = time.perf_counter()
    work(*arguments)
    return (time.perf_counter() - began) * 1e3


def in_turn(
    append: Callable[[Any], object],
    bare: Callable[[Any], object],
    *,
    most: int,
    limit_s: float,
    bare_row: Callable[[int], Any] | None = None,
) -> tuple[float, float]:
    """Medians, in milliseconds, of an append and a bare commit that take turns; what they are given is made before."""
    mine: list[float] = []
    theirs: list[float] = []
    deadline = time.monotonic() + limit_s
    for i in range(most + 50):
        if i == 50:  # the first ones warm both up
            mine.clear()
            theirs.clear()
        for turn in (0, 1):
            if (i + turn) % 2:
                payload = (i, verdict(i))
                mine.append(timed(append, payload))
            else:
                row = (bare_row or row_of)(i)
                theirs.append(timed(bare, row))
        if time.monotonic() > deadline and i > 100:
            break
    return statistics.median(mine), statistics.median(theirs)


def row_of(i: int) -> tuple[Any, ...]:
    text = canonical_text(verdict(i))
    return (i + 1, "verdict.reached", "income", iso(START), "bench", None, None, "0" * 64, "1" * 64, text)


def sqlite_append(folder: Path) -> None:
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute(BARE)

    def commit(row: tuple[Any, ...]) -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.execute(f"INSERT INTO bare ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608
        bare.execute("COMMIT")

    with open_store(folder / "append", actor="bench") as store:
        append = store.journal.append
        mine, theirs = in_turn(
            lambda made: append("verdict.reached", made[1], model="income"),
            commit,
            most=2000,
            limit_s=min(20.0, left_s()),
        )
        say("journal_append_sqlite", mine, "ms", theirs, bound_ratio=1.2)
        bare.execute("DELETE FROM bare")
        mine, theirs = in_turn(
            lambda made: append("verdict.reached", made[1], model="income"),
            lambda row: commit((*row[:3], iso(datetime.now(UTC)), *row[4:9], json.dumps(row[9]))),
            most=500,
            limit_s=min(10.0, left_s()),
            bare_row=lambda i: (*row_of(i)[:9], verdict(i)),
        )
        say("journal_append_sqlite_beside_insert_of_json_and_time", mine, "ms", theirs)
        bare.execute("DELETE FROM bare")
        mine, theirs = in_turn(
            lambda made: append("evidence.seen", made[1], model="income", key=f"evidence:{made[0]}"),
            commit,
            most=1000,
            limit_s=min(10.0, left_s()),
        )
        say("journal_append_keyed_sqlite", mine, "ms", theirs, bound_ratio=1.2)
    bare.close()


def postgres_append(folder: Path, url: str, port: int) -> None:
    import pg8000.dbapi

    bare = pg8000.dbapi.connect("holdfast", host="127.0.0.1", port=port, database="bench", ssl_context=False)
    cursor = bare.cursor()
    cursor.execute(BARE)
    bare.commit()
    insert = f"INSERT INTO bare ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608

    def commit(row: tuple[Any, ...]) -> None:
        cursor.execute(insert, row)
        bare.commit()

    with open_store(folder / "pg", url=url, actor="bench") as store:
        mine, theirs = in_turn(
            lambda made: store.journal.append("verdict.reached", made[1], model="income"),
            commit,
            most=1000,
            limit_s=min(20.0, left_s()),
        )
        say("journal_append_postgresql", mine, "ms", theirs, bound_ratio=1.2)
    bare.close()


def million() -> Iterator[tuple[Any, ...]]:
    """Rows of a whole chain of a million events: verdicts, evidence, now and then a deployment."""
    previous = GENESIS
    texts = [canonical_text(verdict(i)) for i in range(PROMISES)]
    deployed = canonical_text(
        {"name": "income", "target": "local", "role": "champion", "model": "c" * 64, "package": "d" * 64}
    )
    minute = ""
    for i in range(EVENTS):
        if i % 60 == 0:
            minute = iso(START + timedelta(seconds=i))[:17]
        moment = f"{minute}{i % 60:02d}.000000Z"
        kind, key, text = "verdict.reached", None, texts[i // 2 % PROMISES]
        if i % 5000 == 4999:
            kind, text = "deployment.changed", deployed
        elif i % 2:
            kind, key, text = "evidence.recorded", f"evidence:{i}", f'{{"id":"{i:064x}","value":0.{i % 997}1}}'
        found = hashlib.sha256(chained_text(i + 1, kind, moment, "bench", "income", key, previous, text)).hexdigest()
        yield (i + 1, kind, "income", moment, "bench", key, None, previous, found, text)
        previous = found


def fill_sqlite(store: Store) -> None:
    connection = sqlite3.connect(store.database.file, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", million())  # noqa: S608
    for statement in state_statements(
        "printf('%064x', seq - 1)", "substr(payload, instr(payload, 'promise_id') + 13, 64)"
    ):
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def state_statements(evidence_key: str, promise: str) -> list[str]:
    columns = "INSERT INTO state (kind, key, model, seq) SELECT"
    return [
        f"{columns} 'evidence', {evidence_key}, model, seq FROM events WHERE type = 'evidence.recorded'",
        f"{columns} 'verdict', 'income:' || {promise}, model, max(seq) FROM events"
        f" WHERE type = 'verdict.reached' AND seq > {EVENTS - 1000} GROUP BY {promise}, model",
        "INSERT INTO state (kind, key, model, seq) VALUES ('champion', 'income', 'income', 1000000)",
        "INSERT INTO streams (type, model) SELECT DISTINCT type, model FROM events",
        f"UPDATE head SET seq = {EVENTS}, hash = (SELECT hash FROM events WHERE seq = {EVENTS}),"  # noqa: S608
        f" latest = (SELECT time FROM events WHERE seq = {EVENTS})",
    ]


def fill_postgres(store: Store) -> None:
    body = canonical_text(verdict(0)).replace("'", "''")
    with store.database.writing() as connection:
        run = connection.exec_driver_sql
        run("SET LOCAL synchronous_commit = off")
        run(
            f"INSERT INTO events ({COLUMNS}) SELECT g + 1,"  # noqa: S608
            " CASE WHEN g % 5000 = 4999 THEN 'deployment.changed' WHEN g % 2 = 1 THEN 'evidence.recorded'"
            " ELSE 'verdict.reached' END, 'income',"
            " to_char(timestamp '2026-01-01' + g * interval '1 second', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'bench',"
            " CASE WHEN g % 2 = 1 THEN 'evidence:' || g END, NULL, md5(g::text) || md5(g::text),"
            " md5((g + 1)::text) || md5((g + 1)::text), CASE WHEN g % 2 = 1 THEN '{\"id\":\"' || g || '\"}' ELSE"
            f" replace('{body}', repeat('0', 64), lpad((g / 2 % 60)::text, 64, '0')) END"
            f" FROM generate_series(0, {EVENTS - 1}) g"
        )
        for statement in state_statements("lpad((seq - 1)::text, 64, '0')", "(payload::json ->> 'promise_id')"):
            run(statement)
    with store.database.reading() as connection:
        connection.exec_driver_sql("ANALYZE")


def reading(store: Store, name: str) -> None:
    middle = START + timedelta(days=5)
    journal, state = store.journal, store.state
    works: dict[str, Callable[[], object]] = {
        "history": lambda: list(journal.events(newest_first=True, limit=50)),
        "history_of_model": lambda: list(journal.events(newest_first=True, limit=50, model="income")),
        "history_as_of": lambda: list(
            journal.events(
                types=("deployment.changed",), model="income", before_time=middle, newest_first=True, limit=50
            )
        ),
        "history_all_as_of": lambda: list(journal.events(before_time=middle, newest_first=True, limit=50)),
        "status": lambda: [state.get("champion", "income"), state.all("verdict", model="income")],
    }
    if len(state.all("verdict", model="income")) != PROMISES:
        raise SystemExit("the million events were not made as they should be")
    for figure, work in works.items():
        first = timed(work)
        times = [timed(work) for _ in range(21)]
        say(f"journal_{figure}_at_1m_{name}", statistics.median(times), "ms", first=round(first, 2), bound=100)


@contextmanager
def cluster(folder: Path) -> Iterator[int]:
    """A PostgreSQL server with the defaults of durability, on loopback; its port."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    user: tuple[str, ...] = ()
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        user = ("runuser", "-u", "postgres", "--")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [*user, str(binaries / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    run("initdb", "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--no-locale")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c shared_buffers=256MB -c max_wal_size=2GB"
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        import pg8000.native

        with pg8000.native.Connection(
            "holdfast", host="127.0.0.1", port=port, database="postgres", ssl_context=False
        ) as c:
            c.run("CREATE DATABASE bench")
        yield port
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")


def on_sqlite(folder: Path) -> None:
    sqlite_append(folder)
    with open_store(folder / "million", actor="bench", timeout_s=120) as store:
        began = time.monotonic()
        fill_sqlite(store)
        print(f"a million events in SQLite: {time.monotonic() - began:.0f} s", file=sys.stderr)
        reading(store, "sqlite")


def verify_sqlite(folder: Path) -> None:
    if left_s() < 70:
        print("verifying a million events: left out, no time", file=sys.stderr)
        return
    with open_store(folder / "million", actor="bench") as store:
        taken = timed(store.journal.verify)
        say("journal_verify_sqlite", EVENTS / taken * 1e3, "events/s")


def on_postgres(folder: Path) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        print("no PostgreSQL server here (tools/services.sh installs it): its figures are left out", file=sys.stderr)
        return
    with cluster(folder) as port:
        url = f"postgresql://holdfast@127.0.0.1:{port}/bench"
        postgres_append(folder, url, port)
        if left_s() < 60:
            print("a million events in PostgreSQL: left out, no time", file=sys.stderr)
            return
        with open_store(folder / "pg-million", url=url, actor="bench", timeout_s=200) as store:
            with store.database.writing() as connection:
                connection.exec_driver_sql("TRUNCATE events, state, streams")
            began = time.monotonic()
            fill_postgres(store)
            print(f"a million events in PostgreSQL: {time.monotonic() - began:.0f} s", file=sys.stderr)
            reading(store, "postgresql")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    folder.chmod(0o755)
    try:
        for name in ("sqlite", "postgresql"):
            (folder / name).mkdir()
        on_sqlite(folder / "sqlite")
        on_postgres(folder / "postgresql")
        verify_sqlite(folder / "sqlite")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
