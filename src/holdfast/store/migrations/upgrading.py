"""Bring the journal's database to the schema of this code, once, under a lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.core.errors import StoreError
from holdfast.store._schema import REVISION
from holdfast.store.database import Database, use_wal

_LOCK = 0x486F6C6466617374  # "Holdfast", in hexadecimal


def upgrade(database: Database) -> None:
    """Bring a database to the schema of this code, once: two first users do not race.

    All of it is one transaction (both databases can change schemas inside one), under SQLite's write lock or a lock
    of PostgreSQL; a process killed on the way leaves the database as it was.

    Raises
    ------
    StoreError
        If a newer Holdfast wrote the database.
    StoreUnavailable
        If the database does not answer.
    """
    with database.guard():
        if revision(database) == REVISION:
            return
        if database.dialect == "sqlite":
            use_wal(database)
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        _upgrade(connection, database.place)


def revision(database: Database) -> str | None:
    """Revision of the schema that the database has, or None for an empty one."""
    with database.reading() as connection:
        return _revision(connection)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _upgrade(connection: sa.Connection, place: str) -> None:
    found = _revision(connection)
    if found == REVISION:
        return
    from alembic import command
    from alembic.util.exc import CommandError

    config = configuration(connection)
    try:
        command.upgrade(config, REVISION)
    except CommandError as error:
        raise StoreError(
            f"the journal has schema {found}, which this Holdfast does not know",
            where=place,
            expected=f"a schema up to {REVISION}: the Holdfast that wrote it, or a newer one",
        ) from error


def configuration(connection: sa.Connection) -> Any:
    """Alembic's configuration for these migrations, on a connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
