"""Open a table larger than memory by its location: files, object stores, DuckDB, PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from holdfast.core.errors import InvalidValue, UnreadableData, one_of
from holdfast.quality.engines._duckdb import DuckTable, duckdb_table
from holdfast.quality.engines._postgres import PostgresTable, postgres_table

#: Schemes of object stores that Polars reads by itself.
STORES = ("s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss")
ENGINES = ("polars", "duckdb")

#: Variables of the environment -> keys of Polars' storage options.
_VARIABLES = {
    "AWS_ENDPOINT_URL": "aws_endpoint_url",
    "AWS_ENDPOINT_URL_S3": "aws_endpoint_url",
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
    "AWS_REGION": "aws_region",
    "AWS_DEFAULT_REGION": "aws_region",
    "GOOGLE_APPLICATION_CREDENTIALS": "google_application_credentials",
    "AZURE_STORAGE_ACCOUNT_NAME": "azure_storage_account_name",
    "AZURE_STORAGE_ACCOUNT_KEY": "azure_storage_account_key",
}


def open_table(location: str, settings: Mapping[str, Any] | None = None) -> pl.LazyFrame | DuckTable | PostgresTable:
    """Table at a location, not read yet: checks scan it in constant memory.

    Parameters
    ----------
    location
        - Parquet: a path, a pattern (``data/*.parquet``), or an object of a store (``s3://bucket/key.parquet``,
          ``gs://``, ``az://``). Credentials and ``AWS_ENDPOINT_URL`` are taken from the environment; an endpoint with
          ``http://`` is allowed, as emulators have.
        - DuckDB: ``file.duckdb#table``; the table may be left out where there is only one.
        - PostgreSQL: ``postgresql://user:password@host:port/database#table`` or ``#schema.table``.
    settings
        ``engine``: ``polars`` (the default) or ``duckdb`` for Parquet files; ``storage``: more storage options for an
        object store, as Polars names them.

    Returns
    -------
    polars.LazyFrame, DuckTable or PostgresTable
        What `compile_checks(...).results` takes.

    Raises
    ------
    UnreadableData
        If there is nothing such, or it is not of a kind that can be scanned.
    InvalidValue
        If there is no such engine.
    """
    given = dict(settings or {})
    engine = str(given.get("engine", "polars"))
    if engine not in ENGINES:
        raise InvalidValue(f"engine {engine!r}", expected=one_of(ENGINES, engine))
    scheme = urlsplit(location).scheme if "://" in location else ""
    if scheme in ("postgresql", "postgres"):
        return _postgres(location)
    if scheme in STORES:
        return _object(location, given, engine=engine)
    if scheme:
        raise UnreadableData(f"nothing opens {scheme}://", expected=one_of((*STORES, "postgresql"), scheme))
    path, _, table = location.partition("#")
    if Path(path).suffix in (".duckdb", ".ddb"):
        return duckdb_table(path, table=table or None)
    if Path(location).suffix not in (".parquet", ".pq") and not Path(location).is_dir():
        raise UnreadableData(
            f"{location!r} cannot be scanned", expected="Parquet, a .duckdb file with #table, or postgresql://...#table"
        )
    if engine == "duckdb":
        return duckdb_table(location)
    return _scanned(location)


def _postgres(location: str) -> PostgresTable:
    url, _, table = location.partition("#")
    if not table:
        raise UnreadableData("a database of PostgreSQL without a table", expected="postgresql://...#table")
    return postgres_table(url, table)


def _object(location: str, given: Mapping[str, Any], *, engine: str) -> pl.LazyFrame:
    if engine == "duckdb":
        raise InvalidValue("engine duckdb for an object store", expected="engine polars: it needs no extension for it")
    options = {key: os.environ[name] for name, key in _VARIABLES.items() if os.environ.get(name)}
    if options.get("aws_endpoint_url", "").startswith("http://"):
        options["aws_allow_http"] = "true"
    return _scanned(
        location, {**options, **{str(key): str(each) for key, each in dict(given.get("storage", {})).items()}}
    )


def _any_parquet(path: Path) -> bool:
    """Whether a folder or a pattern leads to any Parquet; a plain file says so itself when it is opened."""
    if path.is_dir():
        return any(path.rglob("*.parquet")) or any(path.rglob("*.pq"))
    return "*" not in path.name or any(path.parent.glob(path.name))


def _scanned(location: str, options: dict[str, str] | None = None) -> pl.LazyFrame:
    if "://" not in location and not _any_parquet(Path(location)):
        raise UnreadableData("it holds no Parquet", where=location, expected="a folder or pattern of .parquet files")
    try:
        rows = pl.scan_parquet(location, storage_options=options)
        rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnreadableData(f"{location} cannot be read: {said}", expected="a whole Parquet file") from error
    return rows
