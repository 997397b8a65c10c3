from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import (
    ColumnNotFound,
    HoldfastError,
    InvalidValue,
    NotMeasurable,
    UnknownField,
    UnreadableData,
)
from holdfast.core.grammar import parse
from holdfast.quality import compile_checks
from holdfast.quality.engines import DuckTable, duckdb_table, open_table, postgres_table

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")

EVIL = "'; drop table x; --"
EVIL_NAME = 'x"; drop table t; --'


@pytest.fixture
def table() -> pl.DataFrame:
    return pl.DataFrame({"id": [1, 2, 2, None], "name": ["a", "b", None, "b"]})


@pytest.fixture
def file(table: pl.DataFrame, tmp_path: Path) -> Path:
    table.write_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "d.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (2, NULL)) v(id, name)")
        connection.execute("CREATE SCHEMA s")
        connection.execute(
            "CREATE TABLE s.odd AS SELECT 'x'::ENUM('x', 'y') AS e, uuid() AS u, [1] AS l, {'a': 1} AS r"
        )
        connection.execute("CREATE VIEW newest AS SELECT max(id) AS id FROM t")
        connection.execute("CREATE VIEW spy AS SELECT * FROM read_text('/etc/hostname')")
    return tmp_path / "d.duckdb"


def unique(table: Any) -> Any:
    promise = parse("unique(id) >= 1")
    return compile_checks([promise]).measure(table)[promise.id]


def test_parquet_is_opened_by_either_engine(file: Path) -> None:
    scanned, asked = open_table(str(file)), open_table(str(file), {"engine": "duckdb"})
    assert isinstance(scanned, pl.LazyFrame)
    assert isinstance(asked, DuckTable)
    assert unique(scanned) == unique(asked)
    assert unique(asked).notes["first_rows"] == [2]


def test_several_files_are_one_table_in_their_order(tmp_path: Path) -> None:
    for part in range(3):
        pl.DataFrame({"id": [part * 10 + each for each in range(4)]}).write_parquet(tmp_path / f"{part}.parquet")
    promise = parse("in_range(id, high=15) >= 1")
    plan = compile_checks([promise, parse("monotone(id) >= 1")])
    pattern = str(tmp_path / "*.parquet")
    one, two = (plan.measure(open_table(pattern, {"engine": each})) for each in ("polars", "duckdb"))
    assert one == two
    assert one[promise.id].notes["first_rows"] == [8, 9, 10, 11]
    assert plan.measure(open_table(str(tmp_path), {"engine": "duckdb"})) == one


def test_a_table_of_a_database_has_an_order_and_a_view_has_none(database: Path) -> None:
    assert unique(open_table(f"{database}#t")).notes["first_rows"] == [2]
    monotone = parse("monotone(id) >= 1")
    with pytest.raises(NotMeasurable, match="no order in DuckDB"):
        compile_checks([monotone]).measure(open_table(f"{database}#newest"))


def test_a_database_may_be_opened_twice(database: Path) -> None:
    first, second = open_table(f"{database}#t"), open_table(f"{database}#main.t")
    assert unique(first) == unique(second)


def test_types_that_polars_has_not_are_read_as_text(database: Path) -> None:
    table = open_table(f"{database}#s.odd")
    plan = compile_checks(parse(each) for each in ("allowed(e, x) >= 1", "has_length(u, 36, 36) >= 1", "unique >= 1"))
    assert [each.value for each in plan.measure(table).values()] == [1.0, 1.0, 1.0]
    assert table.schema["l"].is_nested()
    assert table.schema["r"].is_nested()


def test_a_relation_of_an_open_connection_is_a_table() -> None:
    with duckdb.connect() as connection:
        value = unique(duckdb_table(connection.sql("SELECT 1 AS id UNION ALL SELECT 1")))
    assert value.value == 0.5
    assert value.notes["first_rows_left_out"] == "rows have no order in DuckDB"


def test_duckdb_reads_the_files_it_was_given_and_nothing_else(file: Path, database: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    for table in (duckdb_table(file), duckdb_table(database, table="t")):
        with pytest.raises(HoldfastError, match="disabled"):
            table.run(f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")  # noqa: S608  # the attack itself
        with pytest.raises(HoldfastError):
            table.run(f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'")
        with pytest.raises(HoldfastError):
            table.run("LOAD httpfs")
        with pytest.raises(HoldfastError, match="locked"):
            table.run("SET enable_external_access=true")
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(UnreadableData, match="disabled"):
        open_table(f"{database}#spy")


def test_a_database_is_only_read(database: Path) -> None:
    with pytest.raises(HoldfastError, match="read-only"):
        duckdb_table(database, table="t").run("DELETE FROM d.main.t")


def test_no_text_of_a_promise_or_a_schema_is_run_by_duckdb(tmp_path: Path) -> None:
    rows = pl.DataFrame({EVIL_NAME: ["a", EVIL, None], "100% :p ?": [1.0, None, float("nan")]})
    path = tmp_path / "e'vil.parquet"
    rows.write_parquet(path)
    name = EVIL_NAME.replace('"', '\\"')
    promises = [
        parse(each)
        for each in (
            f'allowed("{name}", "{EVIL}") >= 1',
            f'frequency("{name}", "{EVIL}") >= 0',
            f'matches("{name}", "\'; drop.*") >= 1',
            f'unique("{name}", "100% :p ?") >= 1',
            f"holds(\"`{name}` == '{EVIL.replace(chr(39), chr(39) * 2)}'\") >= 1",
            'completeness("100% :p ?") >= 1',
        )
    ]
    plan = compile_checks(promises)
    assert plan.measure(open_table(str(path), {"engine": "duckdb"})) == plan.measure(rows)


def test_a_check_written_for_polars_alone_is_unproven_on_duckdb(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.quality import Check, check
    from holdfast.quality._expressions import builders

    check("odd_test")(lambda _, column: Check("odd_test", (pl.col(column) % 2).sum(), pl.len(), column=column))
    promise, other = parse("odd_test(id) >= 1"), parse("unique(id) >= 1")
    try:
        found = compile_checks([promise, other]).results(duckdb_table(file))
    finally:
        del builders["odd_test"]
    assert "for Polars alone" in str(found[promise.id])
    assert found[other.id].value == 0.75


def test_a_pattern_that_duckdb_may_read_otherwise_is_unproven(file: Path) -> None:
    word, sure = parse('matches(name, "\\\\w") >= 1'), parse('matches(name, "[a-z]") >= 1')
    found = compile_checks([word, sure]).results(duckdb_table(file))
    assert "may mean something else in DuckDB" in str(found[word.id])
    assert found[sure.id].value == 1.0


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("nothing.parquet", "nothing.parquet"),
        ("t.csv", "cannot be scanned"),
        ("ftp://host/t.parquet", "nothing opens ftp"),
        ("nothing.duckdb#t", "nothing.duckdb"),
        ("postgresql://u@127.0.0.1/db", "without a table"),
        ("postgresql://u:secret@127.0.0.1:1/db#t", "127.0.0.1:1"),
        ("postgresql://#t", "no address"),
    ],
)
def test_what_is_not_there_is_said(location: str, said: str, engine: str) -> None:
    with pytest.raises(UnreadableData, match=said) as caught:
        open_table(location, {"engine": engine})
    assert "secret" not in str(caught.value)


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    for name in ("b.parquet", "b.duckdb"):
        (tmp_path / name).write_bytes(b"PAR1 nothing PAR1")
        with pytest.raises(UnreadableData, match=name):
            open_table(str(tmp_path / name), {"engine": "duckdb"})
    with pytest.raises(UnreadableData, match="cannot be read"):
        open_table(str(tmp_path / "b.parquet"))


def test_a_database_with_several_tables_asks_which(database: Path) -> None:
    with pytest.raises(UnreadableData, match=r"which table.*'t'"):
        open_table(str(database))
    with pytest.raises(UnreadableData, match=r"no table 'tt'.*did you mean 't'"):
        open_table(f"{database}#tt")


def test_an_engine_that_is_none_is_said(file: Path) -> None:
    with pytest.raises(InvalidValue, match="did you mean 'duckdb'"):
        open_table(str(file), {"engine": "duckbd"})
    with pytest.raises(InvalidValue, match="object store"):
        open_table("s3://bucket/t.parquet", {"engine": "duckdb"})


def test_names_that_polars_reads_as_patterns_are_names(tmp_path: Path) -> None:
    rows = pl.DataFrame({"^.*$": [1, 1, None], "*": [1, 2, 3], "x": [1.0, None, None]})
    rows.write_parquet(tmp_path / "t.parquet")
    texts = ['completeness("^.*$") >= 1', 'unique("^.*$") >= 1', "completeness(*) >= 1", 'holds("`^.*$` < `*`") >= 1']
    promises = [parse(each) for each in texts]
    plan = compile_checks(promises)
    found = plan.measure(rows)
    assert [found[each.id].notes["rows_failing"] for each in promises] == [1, 1, 2, 1]
    assert plan.measure(duckdb_table(tmp_path / "t.parquet")) == found


def test_an_empty_table_is_unproven(tmp_path: Path, table: pl.DataFrame) -> None:
    table.clear().write_parquet(tmp_path / "e.parquet")
    promise = parse("unique(id) >= 1")
    for engine in ("polars", "duckdb"):
        found = compile_checks([promise]).results(open_table(str(tmp_path / "e.parquet"), {"engine": engine}))
        assert "without rows" in str(found[promise.id])


def test_a_connection_that_is_no_address_is_said() -> None:
    with pytest.raises(UnreadableData, match="no address"):
        postgres_table("mysql://h/db", "t")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An emulated S3 on the loopback, and a client of it."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    host, port = moto.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="rows")
    yield client
    client.close()
    moto.stop()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_parquet_in_an_object_store_is_scanned_where_it_lies(bucket: Any, file: Path, table: pl.DataFrame) -> None:
    bucket.put_object(Bucket="rows", Key="in/t.parquet", Body=file.read_bytes())
    found = open_table("s3://rows/in/t.parquet")
    assert isinstance(found, pl.LazyFrame)
    assert unique(found) == unique(table)
    with pytest.raises(UnreadableData, match=r"nothing\.parquet cannot be read"):
        open_table("s3://rows/nothing.parquet")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_project_may_read_its_rows_from_an_object_store(bucket: Any, file: Path, table: pl.DataFrame) -> None:
    bucket.put_object(Bucket="rows", Key="in/t.parquet", Body=file.read_bytes())
    source = registry.get("source", "objects")
    assert source.matches("s3://rows/in/t.parquet")
    assert source.read("s3://rows/in/t.parquet", {}).equals(table)
    first = table.columns[0]
    assert source.read("s3://rows/in/t.parquet", {"columns": [first]}).columns == [first]
    with pytest.raises(ColumnNotFound, match="nowhere"):
        source.read("s3://rows/in/t.parquet", {"columns": ["nowhere"]})
    with pytest.raises(UnknownField, match="colour"):
        source.read("s3://rows/in/t.parquet", {"colour": "red"})
    with pytest.raises(UnreadableData, match="cannot be read"):
        source.read("s3://rows/nothing.parquet", {})
