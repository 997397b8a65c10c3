from __future__ import annotations

import math
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.errors import HoldfastError
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.quality import compile_checks
from holdfast.quality._expressions import builders
from holdfast.quality.engines import duckdb_table, postgres_table

TEXTS = [
    "completeness(*) >= 1",
    "completeness(f) >= 1",
    "unique >= 1",
    "unique(i) >= 1",
    "unique(f) >= 1",
    "unique(s) >= 1",
    "unique(f, s) >= 1",
    "in_range(f, -1, 1) >= 1",
    "in_range(f, high=1) >= 1",
    "in_range(i, low=0) >= 1",
    'in_range(d, "2026-01-02") >= 1',
    'in_range(t, high="2026-01-01T02:00:00") >= 1',
    'allowed(s, a, b, "a\'b") >= 1',
    "allowed(i, 0, 1, 2.5) >= 1",
    "allowed(f, 0, 0.5) >= 1",
    "allowed(b, true) >= 1",
    'matches(s, "[a-z]+") >= 1',
    'matches(s, "\\\\d*.") >= 1',
    'matches(s, "a|\\\\s|[^b]b?") >= 1',
    "typed(s, number) >= 1",
    "typed(s, date) >= 1",
    "typed(s, boolean) >= 1",
    "typed(s, integer) >= 1",
    "typed(s, text) >= 1",
    "typed(f, integer) >= 1",
    "typed(f, boolean) >= 1",
    "typed(f, number) >= 1",
    "typed(i, boolean) >= 1",
    "typed(b, boolean) >= 1",
    "typed(b, date) >= 1",
    "typed(d, date) >= 1",
    "no_infinities(f) >= 1",
    "no_infinities(i) >= 1",
    "distinct_count(f) >= 0",
    "distinct_count(s) >= 0",
    "varies(f) >= 0",
    "varies(s) >= 0",
    "row_count >= 1 rows",
    "columns_present(f, zz) >= 1",
    "freshness(t) <= 1 d",
    "freshness(d) <= 1 d",
    "references(i, j) >= 1",
    'references(i, "other.parquet", k) >= 1',
    'references(s, "other.parquet", s) >= 1',
    "monotone(f) >= 1",
    "monotone(t) >= 1",
    "monotone(i, s) >= 1",
    "monotone(i, s, strictly=true) >= 1",
    'regular(t, "1 h") >= 1',
    'regular(d, "1 d") >= 1',
    "regular(i, 1) >= 1",
    "determines(s, i) >= 1",
    "determines(i, s, f) >= 1",
    "determines(f, b) >= 1",
    "has_length(s, 1, 2) >= 1",
    "mean(f) >= 0",
    "mean(i) >= 0",
    "standard_deviation(f) >= 0",
    "standard_deviation(i) >= 0",
    "quantile(f, 0.3) >= 0",
    "quantile(i, 0.5) >= 0",
    "frequency(s, a) >= 0",
    "frequency(i, 1) >= 0",
    "frequency(f, 0.5) >= 0",
    "frequency(b, true) >= 0",
    "correlation(i, f) >= 0",
    "correlation(i, j) >= 0",
    "holds(\"i < f or s == 'a'\") >= 1",
    'holds("f / i > 1 or -1 <= f < 1") >= 1',
    "holds(\"s is missing or lower(s) in ('a', 'b')\") >= 1",
    'holds("year(t) == 2026 and d <= t") >= 1',
    "holds(\"t >= '2026-01-01T01:00:00Z' or d in ('2026-01-02')\") >= 1",
    'holds("length(trim(s)) <= 1 or upper(s) == s") >= 1',
    'holds("b -> i * 2 - f >= 0") >= 1',
    "holds(\"s < 'b'\") >= 1",
    'holds("not (f > 0 and b) and month(d) == 1") >= 1',
    'holds("hour(t) in (0, 1) or weekday(d) != 4 or day(d) == 2 or minute(t) == 0") >= 1',
    'holds("f == 0.5 or abs(f) <= 1 or floor(f) == 2") >= 1',
]
PROMISES = [parse(each) for each in TEXTS]
NOW = datetime(2026, 1, 3, tzinfo=UTC)
OTHER = pl.LazyFrame({"k": [0, 1, 2], "s": ["a", "b", None]})

WORDS = [
    "a",
    "b",
    "ab",
    "A",
    "1",
    "2.5",
    "true",
    "2026-01-01",
    "2026-02-30",
    "",
    " a",
    "é",
    "12",
    "\n",
    "a'b",
    '"',
    "٣",
]
FLOATS = [0.0, -0.0, 0.5, 1.0, 2.0, float("nan"), float("inf"), -float("inf")]

rows = st.tuples(
    st.none() | st.sampled_from(FLOATS) | st.floats(-5, 5),
    st.none() | st.integers(-3, 3),
    st.none() | st.integers(-3, 3),
    st.none()
    | st.sampled_from(WORDS)
    | st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
    st.none() | st.booleans(),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(0, 5),
)


def frame(given_rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    f, i, j, s, b, t, d = zip(*given_rows, strict=True)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "f": pl.Series(f, dtype=pl.Float64),
            "i": pl.Series(i, dtype=pl.Int64),
            "j": pl.Series(j, dtype=pl.Int64),
            "s": pl.Series(s, dtype=pl.String),
            "b": pl.Series(b, dtype=pl.Boolean),
            "t": pl.Series(
                [None if each is None else start + timedelta(hours=each) for each in t], dtype=pl.Datetime("us", "UTC")
            ),
            "d": pl.Series(
                [None if each is None else date(2026, 1, 1) + timedelta(days=each) for each in d], dtype=pl.Date
            ),
        }
    )


def drawn(seed: int, size: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)

    def one(values: list[Any]) -> Any:
        return None if rng.random() < 0.2 else values[int(rng.integers(len(values)))]

    finite = FLOATS if seed % 2 else [0.5, 1.0, 2.0, -3.25, float("nan")]
    numbers, moments = [-1, 0, 1, 2], [0, 1, 2, 3]
    return frame(
        [
            (one(finite), one(numbers), one(numbers), one(WORDS), one([True, False]), one(moments), one(moments))
            for _ in range(size)
        ]
    )


def told(found: Value | HoldfastError, *, places: bool) -> tuple[Any, ...]:
    """What two engines must agree on; floats to nine digits."""
    if isinstance(found, HoldfastError):
        return (type(found), str(found))
    notes = {key: each for key, each in found.notes.items() if places or not key.startswith("first_rows")}
    numbers = [None if each is None else float(f"{each:.9g}") + 0.0 for each in (found.value, found.low, found.high)]
    return (*numbers, found.n, found.method, notes)


def results(plan: Any, table: Any, *, places: bool = True) -> dict[str, tuple[Any, ...]]:
    found = plan.results(table, now=NOW, related=lambda _: OTHER)
    elsewhere = {each.id for each in plan.promises if "other.parquet" in each.args}
    return {key: told(each, places=places and key not in elsewhere) for key, each in found.items()}


def close(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-8, abs_tol=1e-8)
    return bool(left == right)


def differing(first: dict[str, tuple[Any, ...]], second: dict[str, tuple[Any, ...]]) -> list[Any]:
    texts = {each.id: each.text for each in PROMISES}
    return [
        (texts[key], first[key], second[key])
        for key in first
        if len(first[key]) != len(second[key]) or not all(map(close, first[key], second[key]))
    ]


def test_the_agreement_is_tested_of_every_check() -> None:
    compile_checks(PROMISES)
    assert {each.measure for each in PROMISES} == set(builders)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    st.lists(rows, min_size=1, max_size=10), st.lists(st.sampled_from(PROMISES), min_size=8, max_size=12, unique=True)
)
def test_polars_streaming_and_duckdb_find_what_polars_finds_in_memory(
    some: list[tuple[Any, ...]], promises: list[Any]
) -> None:
    table, plan = frame(some), compile_checks(promises)
    held = results(plan, table)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        table.write_parquet(path)
        assert differing(held, results(plan, pl.scan_parquet(path))) == []
        assert differing(held, results(plan, duckdb_table(path, threads=1))) == []


def test_nan_that_the_statistics_of_a_file_leave_out_is_found(tmp_path: Path) -> None:
    # DuckDB folds isnan() to false here when it believes the statistics (least and greatest value are both 0).
    table, plan = frame([(each, *[None] * 6) for each in (0.0, 0.0, float("nan"))]), compile_checks(PROMISES)
    table.write_parquet(tmp_path / "t.parquet")
    assert differing(results(plan, table), results(plan, duckdb_table(tmp_path / "t.parquet"))) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_all_checks_at_once_agree(seed: int, tmp_path: Path) -> None:
    table, plan = drawn(seed, 60), compile_checks(PROMISES)
    table.write_parquet(tmp_path / "t.parquet", row_group_size=7)
    held = results(plan, table)
    assert differing(held, results(plan, pl.scan_parquet(tmp_path / "t.parquet"))) == []
    assert differing(held, results(plan, duckdb_table(tmp_path / "t.parquet", threads=2))) == []


def test_masks_of_failing_rows_agree(tmp_path: Path) -> None:
    table = drawn(3, 40)
    table.write_parquet(tmp_path / "t.parquet")
    plan = compile_checks([each for each in PROMISES if "other.parquet" not in each.args])
    held = plan.failing(table, now=NOW)
    scanned = plan.failing(pl.scan_parquet(tmp_path / "t.parquet"), now=NOW)
    asked = plan.failing(duckdb_table(tmp_path / "t.parquet"), now=NOW)
    assert held.keys() == scanned.keys() == asked.keys()
    assert all((held[key] == scanned[key]).all() and (held[key] == asked[key]).all() for key in held)


class Cluster:
    """A PostgreSQL server of our own on a free port of the loopback; nothing is synced to the disk."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-pgq-"))
        self.user: tuple[str, ...] = ()
        if os.geteuid() == 0:  # the server refuses to run as root
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid)
            self.user = ("runuser", "-u", "postgres", "--")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://holdfast@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.user, str(self.binaries / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)

    def start(self) -> None:
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self.run("initdb", "-D", data, "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=32MB"
        self.run("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server here (/usr/lib/postgresql/*/bin)")
    native = pytest.importorskip("pg8000.native", reason="pg8000 is not installed")
    made = Cluster(found[-1].parent)
    try:
        made.start()
        with native.Connection("holdfast", host="127.0.0.1", port=made.port, database="postgres") as connection:
            made.connection = connection
            yield made
        made.stop()
    finally:
        shutil.rmtree(made.folder, ignore_errors=True)


COLUMNS = "f double precision, i bigint, j integer, s text, b boolean, t timestamptz, d date"


def load(connection: Any, name: str, table: pl.DataFrame) -> None:
    connection.run(f"CREATE TABLE {name} ({COLUMNS})")
    for row in table.iter_rows(named=True):
        connection.run(f"INSERT INTO {name} VALUES (:f, :i, :j, :s, :b, :t, :d)", **row)  # noqa: S608  # a name of ours


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_postgresql_finds_what_polars_finds(postgres: Any, seed: int) -> None:
    table = drawn(seed, 50)
    load(postgres.connection, f"agree{seed}", table)
    plan = compile_checks([each for each in PROMISES if each.measure != "monotone"])
    held = results(plan, table, places=False)
    assert differing(held, results(plan, postgres_table(postgres.url, f"agree{seed}"), places=False)) == []


def test_postgresql_says_what_it_has_no_order_for(postgres: Any) -> None:
    load(postgres.connection, "orderless", drawn(1, 9))
    table = postgres_table(postgres.url, "public.orderless")
    monotone, complete = parse("monotone(i) >= 1"), parse("completeness(i) >= 1")
    found = compile_checks([monotone, complete]).results(table)
    assert "rows have no order in PostgreSQL" in str(found[monotone.id])
    assert found[complete.id].notes["first_rows_left_out"] == "rows have no order in PostgreSQL"
    with pytest.raises(HoldfastError, match="no order"):
        compile_checks([complete]).failing(table)


EVIL = "'); drop table hurt; --"
EVIL_NAME = 'x"; drop table hurt; -- :p %s ?'


def test_no_text_of_a_promise_or_a_schema_is_run_by_postgresql(postgres: Any) -> None:
    quoted = '"' + EVIL_NAME.replace('"', '""') + '"'
    postgres.connection.run(f"CREATE TABLE hurt ({quoted} text, n numeric, k char(4), j jsonb, a integer[])")
    postgres.connection.run("INSERT INTO hurt VALUES (:evil, 'NaN', 'ab', '{}', '{1}')", evil=EVIL)
    postgres.connection.run("INSERT INTO hurt VALUES ('\\', 1.5, NULL, NULL, NULL)")
    name, value = EVIL_NAME.replace('"', '\\"'), EVIL.replace('"', '\\"')
    texts = [
        f'allowed("{name}", "{value}") >= 1',
        f'matches("{name}", ".*drop.*|\\\\\\\\") >= 1',
        f'unique("{name}", n) >= 1',
        f'frequency("{name}", "\\\\") >= 0',
        "completeness(n) >= 1",
        "allowed(k, ab) >= 1",
        "completeness(j) >= 1",
        "completeness(a) >= 1",
    ]
    promises = [parse(each) for each in texts]
    found = compile_checks(promises).measure(postgres_table(postgres.connection, "hurt"))
    assert [found[each.id].value for each in promises] == [0.5, 1.0, 1.0, 0.5, 0.5, 1.0, 0.5, 0.5]
    assert postgres.connection.run("SELECT count(*) FROM hurt") == [[2]]


def test_postgresql_is_only_read(postgres: Any) -> None:
    postgres.connection.run("CREATE TABLE counted (x integer)")
    postgres.connection.run("INSERT INTO counted VALUES (1)")
    table = postgres_table(postgres.url, "counted")
    with pytest.raises(HoldfastError, match="read-only"):
        table.run("DELETE FROM counted")
    with pytest.raises(HoldfastError, match="multiple commands"):
        table.run("SELECT 1; SELECT 2")
    assert postgres.connection.run("SELECT count(*) FROM counted") == [[1]]


def test_one_check_that_postgresql_refuses_does_not_spoil_the_others(postgres: Any) -> None:
    postgres.connection.run("CREATE TABLE huge (x double precision)")
    postgres.connection.run("INSERT INTO huge VALUES (1e308), (1e308), (1)")
    bad, good = parse('holds("x * 10 > 0") >= 1'), parse("completeness(x) >= 1")
    found = compile_checks([bad, good]).results(postgres_table(postgres.url, "huge"))
    assert "out of range" in str(found[bad.id])
    assert found[good.id].value == 1.0


def test_a_table_that_is_not_there_is_said(postgres: Any) -> None:
    for name in ("nothing", "no.such", 'x"y', EVIL):
        with pytest.raises(HoldfastError, match="no table"):
            postgres_table(postgres.url, name)
