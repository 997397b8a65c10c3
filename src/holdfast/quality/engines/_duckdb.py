"""DuckDB: Parquet files and databases larger than memory; nothing that it opens can run code or reach further."""

# ruff: noqa: S608 - every name and constant in the SQL is quoted by name_of and text_of

from __future__ import annotations

import glob
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from holdfast.core.errors import MissingExtra, NotMeasurable, UnreadableData, one_of
from holdfast.quality.engines._frames import unused
from holdfast.quality.engines._regex import RE2, translated
from holdfast.quality.engines._sql import name_of, text_of
from holdfast.quality.engines._sql_table import SqlTable

#: No extension is fetched or loaded by itself, and no file names a function that runs.
_CONFIG = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_unsigned_extensions": False,
}

_TYPES: dict[str, pl.DataType] = {
    "BOOLEAN": pl.Boolean(),
    "TINYINT": pl.Int8(),
    "SMALLINT": pl.Int16(),
    "INTEGER": pl.Int32(),
    "BIGINT": pl.Int64(),
    "HUGEINT": pl.Int128(),
    "UTINYINT": pl.UInt8(),
    "USMALLINT": pl.UInt16(),
    "UINTEGER": pl.UInt32(),
    "UBIGINT": pl.UInt64(),
    "FLOAT": pl.Float32(),
    "DOUBLE": pl.Float64(),
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "TIME": pl.Time(),
    "TIME_NS": pl.Time(),
    "TIMESTAMP": pl.Datetime("us"),
    "TIMESTAMP_S": pl.Datetime("ms"),
    "TIMESTAMP_MS": pl.Datetime("ms"),
    "TIMESTAMP_NS": pl.Datetime("ns"),
    "TIMESTAMPTZ_NS": pl.Datetime("us", "UTC"),
    "TIMESTAMP WITH TIME ZONE": pl.Datetime("us", "UTC"),
    "INTERVAL": pl.Duration("us"),
    "BLOB": pl.Binary(),
}


class DuckDialect:
    """How DuckDB says it."""

    label = "DuckDB"
    text = "VARCHAR"
    double = "DOUBLE"
    bigint = "BIGINT"
    timestamp = "TIMESTAMP"
    moment = "TIMESTAMPTZ"

    _calls: ClassVar[dict[str, str]] = {
        "integer": "TRY_CAST({} AS BIGINT)",
        "length": "length({})",
        "trim": "trim({}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))",
        "micros": "epoch_us({})",
        "year": "year({})",
        "month": "month({})",
        "day": "day({})",
        "weekday": "isodow({})",
        "hour": "hour({})",
        "minute": "minute({})",
    }

    def call(self, function: str, value: str) -> str:
        """SQL of a function."""
        return self._calls[function].format(value)

    def nan(self, value: str) -> str:
        """Whether a float is NaN."""
        return f"isnan({value})"

    def infinite(self, value: str) -> str:
        """Whether a float is infinite."""
        return f"isinf({value})"

    def matches(self, value: str, pattern: str) -> str:
        """Whether a text matches a pattern; RE2, in linear time as well."""
        return f"regexp_matches({value}, {text_of(translated(pattern, RE2))})"

    def ordered_text(self, value: str) -> str:
        """Text compared by code point, as DuckDB does by itself."""
        return value

    def previous(self, value: str, *, within: str, position: str) -> str:
        """Value of the row above that has one."""
        return f"LAG({value} IGNORE NULLS) OVER ({within} ORDER BY {position})"

    def least(self, position: str, count: int, where: str) -> str:
        """List of the least positions of the rows that a condition is true of."""
        return f"min({position}, {count}) FILTER (WHERE {where})"


class DuckTable(SqlTable):
    """A table in DuckDB.

    Parameters
    ----------
    connection
        A connection of `duckdb`, owned by this table.
    relation
        What is selected from, in SQL.
    order
        SQL of the position of a row, where rows have one.
    dense
        Whether the positions are 0, 1, 2, ...
    """

    def __init__(self, connection: Any, relation: str, *, order: str | None = None, dense: bool = False) -> None:
        self._connection = connection
        try:
            described = self._execute(f"DESCRIBE SELECT * FROM {relation}")
        except NotMeasurable as error:
            raise UnreadableData(error.message, expected="a whole file, or a table that can be read") from error
        schema = {str(name): _type(str(kind)) for name, kind, *_ in described}
        position = None if order is None else name_of(unused("(position)", schema))
        columns = ", ".join(_read(str(name), str(kind)) for name, kind, *_ in described)
        if order is not None:
            columns = f"{columns}, {order} AS {position}"
        super().__init__(
            DuckDialect(), f"(SELECT {columns} FROM {relation}) AS t", schema=schema, position=position, dense=dense
        )

    def run(self, statement: str) -> Sequence[Sequence[Any]]:
        """Rows that a statement gives."""
        return self._execute(statement)

    def _execute(self, statement: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            found: list[tuple[Any, ...]] = self._connection.execute(statement).fetchall()
        except (duckdb.IOException, duckdb.PermissionException, duckdb.SerializationException) as error:
            raise UnreadableData(f"DuckDB cannot read it: {_line(error)}", expected="a whole file") from error
        except duckdb.Error as error:
            raise NotMeasurable(f"DuckDB cannot compute it: {_line(error)}", expected="columns of fitting types") from (
                error
            )
        return found


class _Relation:
    """A relation of an open connection, asked as a connection is."""

    def __init__(self, relation: Any) -> None:
        self._relation = relation

    def execute(self, statement: str) -> Any:
        """Run a statement over the relation, which goes by the name ``(relation)``."""
        return self._relation.query("(relation)", statement)


def duckdb_table(source: Any, *, table: str | None = None, threads: int | None = None) -> DuckTable:
    """Table of Parquet files, of a DuckDB database or of a relation, for checks that DuckDB runs.

    Parameters
    ----------
    source
        A Parquet file, a pattern of them (``data/*.parquet``), several files of one schema, a ``.duckdb`` file, or a
        relation of an open connection (``connection.sql("SELECT ...")``).
    table
        Name of the table (``name`` or ``schema.name``) where `source` is a database; it may be left out where the
        database has only one.
    threads
        Threads that DuckDB may use; None for as many as there are cores. Not for a relation.

    Returns
    -------
    DuckTable
        Opened read only. DuckDB may read these files and nothing else: external access is off, no extension is
        loaded, and the configuration is locked. A relation is asked on its own connection, as that was set up (turn
        its optimizer ``statistics_propagation`` off where a Parquet file holds NaN). Rows
        have an order in Parquet files and tables; not in views and relations.

    Raises
    ------
    MissingExtra
        If duckdb is not installed.
    UnreadableData
        If there is no such file or table, or it cannot be read.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtra.of("duckdb", what="the engine duckdb") from error
    if isinstance(source, duckdb.DuckDBPyRelation):
        return DuckTable(_Relation(source), name_of("(relation)"))
    files = _files(source)
    connection = duckdb.connect(":memory:", config={**_CONFIG, **({} if threads is None else {"threads": threads})})
    # Statistics of Parquet leave NaN out, and DuckDB would conclude from them that there is none.
    connection.execute("SET disabled_optimizers='statistics_propagation'")
    with suppress(duckdb.Error):  # a build without time zones tells every time in UTC
        connection.execute("SET TimeZone='UTC'")
    if table is not None or files[0].suffix in (".duckdb", ".ddb"):
        return _database(connection, files[0], table)
    connection.execute(f"SET allowed_paths=[{', '.join(text_of(str(each)) for each in files)}]")
    _lock(connection)
    listed = ", ".join(text_of(str(each)) for each in files)
    many = len(files) > 1
    order = "file_index * 1099511627776 + file_row_number" if many else "file_row_number"
    return DuckTable(connection, f"read_parquet([{listed}])", order=order, dense=not many)


def _files(source: str | Path | Sequence[str | Path]) -> list[Path]:
    given = [source] if isinstance(source, (str, Path)) else list(source)
    found: list[Path] = []
    for each in given:
        path = Path(each)
        found += [path] if path.exists() else sorted(map(Path, glob.glob(str(each), recursive=True)))  # noqa: PTH207  # a whole pattern, absolute or not
    found = [inner for each in found for inner in (sorted(each.glob("**/*.parquet")) if each.is_dir() else [each])]
    if not found:
        raise UnreadableData(f"no file {', '.join(map(str, given))!r}", expected="a Parquet file or a .duckdb file")
    return [each.resolve() for each in found]


def _lock(connection: Any) -> None:
    """Let the connection read what it has been given, and nothing further."""
    connection.execute("SET enable_external_access=false")
    connection.execute("SET lock_configuration=true")


def _database(connection: Any, path: Path, table: str | None) -> DuckTable:
    import duckdb

    try:
        connection.execute(f"ATTACH {text_of(str(path))} AS d (READ_ONLY)")
    except duckdb.Error as error:
        raise UnreadableData(
            f"DuckDB cannot open {path.name}: {_line(error)}", expected="a database of DuckDB"
        ) from error
    _lock(connection)
    there = connection.execute(
        "SELECT schema_name, table_name, TRUE FROM duckdb_tables() WHERE database_name = 'd' UNION ALL"
        " SELECT schema_name, view_name, FALSE FROM duckdb_views() WHERE database_name = 'd' AND NOT internal"
    ).fetchall()
    known = {str(name): each for each in reversed(there) for name in (each[1], f"{each[0]}.{each[1]}")}
    wanted = table if table is not None else (str(there[0][1]) if len(there) == 1 else None)
    if wanted is None or wanted not in known:
        said = "which table?" if wanted is None else f"no table {wanted!r}"
        raise UnreadableData(said, where=path.name, expected=one_of((str(each[1]) for each in there), wanted))
    schema, name, ordered = known[wanted]
    relation = ".".join(name_of(each) for each in ("d", str(schema), str(name)))
    return DuckTable(connection, relation, order="rowid" if ordered else None)


def _type(kind: str) -> pl.DataType:
    if kind in _TYPES:
        return _TYPES[kind]
    if kind.startswith("DECIMAL"):
        precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    if kind.endswith("]") or kind.startswith("MAP"):
        return pl.List(pl.Null())
    if kind.startswith(("STRUCT", "UNION")):
        return pl.Struct({})
    return pl.String()


def _read(name: str, kind: str) -> str:
    quoted = name_of(name)
    if kind == "TIMESTAMPTZ_NS":
        # Few functions of DuckDB take it.
        return f"CAST({quoted} AS TIMESTAMPTZ) AS {quoted}"
    plain = kind in _TYPES or not isinstance(_type(kind), pl.String)
    # An enumeration, a UUID, JSON: read as text.
    return quoted if plain else f"CAST({quoted} AS VARCHAR) AS {quoted}"


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
