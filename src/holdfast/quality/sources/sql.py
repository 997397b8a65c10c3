"""Tables of databases."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import polars as pl

from holdfast.core.errors import InvalidValue, MissingExtra, NotFound, UnreadableData, one_of
from holdfast.core.locations import public
from holdfast.core.registry import source
from holdfast.quality.sources._files import known, opened
from holdfast.quality.sources._types import typed

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SCHEMES = ("postgresql://", "sqlite:///")


@source
class SqlSource:
    """Rows of a table (or view) of PostgreSQL or SQLite: ``postgresql://user@host/db#schema.table``.

    Settings: ``types`` by column. A password belongs into the environment (``PGPASSWORD``), not into a contract. The
    table is only read; its name is looked up, never put into a statement as it came.
    """

    name = "sql"

    def matches(self, location: str) -> bool:
        """Whether it is a URL that begins with postgresql:// or sqlite:///."""
        return location.startswith(_SCHEMES)

    def read(self, location: str, settings: Mapping[str, Any]) -> pl.DataFrame:
        """Rows as a table, in whatever order the database gives them.

        Parameters
        ----------
        location
            URL of the database, ``#``, and the name of the table, with its schema or without.
        settings
            As above.

        Returns
        -------
        polars.DataFrame
            Shape (n, columns). Exact decimals become floats, identifiers (UUID) text.

        Raises
        ------
        InvalidValue
            If the URL names no table.
        NotFound
            If the database has no such table; suggests the nearest.
        UnreadableData
            If the database does not answer.
        MissingExtra
            If the driver is not installed.
        """
        shown = public(location)
        known(settings, {"types": Mapping}, where=shown)
        url, _, name = location.partition("#")
        if not name:
            raise InvalidValue("no table", where=shown, expected="URL#table, such as postgresql://host/db#people")
        rows = _rows(url, name, shown)
        return typed(rows, settings.get("types") or {}, shown)


def _rows(url: str, name: str, shown: str) -> pl.DataFrame:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    if url.startswith("sqlite:"):
        # SQLite would make a file that is not there.
        opened(url.removeprefix("sqlite:///"))
    try:
        engine = create_engine(_driver(url), poolclass=NullPool)
        with engine.connect() as connection:
            return _table(connection, name, shown)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"no driver for {shown.partition(':')[0]}", expected="pip install 'holdfast[postgres]'"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise InvalidValue("no URL of a database", where=shown, expected="postgresql://user@host/db#table") from error
    except SQLAlchemyError as error:
        # The driver's own words may hold the password: only what kind of fault it was is told.
        why = type(getattr(error, "orig", None) or error).__name__
        raise UnreadableData(f"the database does not answer ({why})", where=shown) from None


def _driver(url: str) -> Any:
    import os

    from sqlalchemy import make_url

    made = make_url(url)
    if made.drivername != "postgresql":
        return made
    password = made.password or os.environ.get("PGPASSWORD")
    return made.set(drivername="postgresql+pg8000", password=password)


def _table(connection: Connection, name: str, shown: str) -> pl.DataFrame:
    from sqlalchemy import MetaData, Table, inspect, select

    schema, _, table = name.rpartition(".")
    seen = inspect(connection)
    names = [*seen.get_table_names(schema or None), *seen.get_view_names(schema or None)]
    if table not in names:
        raise NotFound(f"no table {name!r}", where=shown, expected=one_of(names, table))
    found = Table(table, MetaData(), schema=schema or None, autoload_with=connection)
    answer = connection.execute(select(found))
    columns = list(answer.keys())
    rows = [[_plain(each) for each in row] for row in answer]
    if not rows:
        return pl.DataFrame({each: [] for each in columns})
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None, strict=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, UUID) else value
