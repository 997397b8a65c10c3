"""The tables of the journal's database, as SQLAlchemy knows them; `migrations` makes them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

#: Revision that this code reads and writes: the newest file of ``migrations/versions``.
REVISION = "0002"

# Text compares by code point everywhere, so that text order of times is time order whatever the server's locale.
_Text = Text().with_variant(Text(collation="C"), "postgresql")
_Seq = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=False),
    Column("type", _Text, nullable=False),
    Column("model", _Text, nullable=False),
    Column("time", _Text, nullable=False),
    Column("actor", _Text, nullable=False),
    Column("key", _Text),
    # The latest time of any event before this one, only where this one is earlier (the clock went back).
    Column("behind", _Text),
    Column("previous", _Text, nullable=False),
    Column("hash", _Text, nullable=False),
    Column("payload", _Text, nullable=False),
    Index(
        "events_key", "key", unique=True, sqlite_where=text("key IS NOT NULL"), postgresql_where=text("key IS NOT NULL")
    ),
    Index("events_stream", "type", "model", "seq"),
    Index("events_behind", "seq", sqlite_where=text("behind IS NOT NULL"), postgresql_where=text("behind IS NOT NULL")),
)

# One row: where the chain ends. A journal whose last events were cut off does not reach it.
head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", _Seq, nullable=False),
    Column("hash", _Text, nullable=False),
    Column("latest", _Text, nullable=False),
)

# Which pairs of type and model there are, so that a filter on one of them becomes a few walks along `events_stream`.
streams = Table(
    "streams",
    metadata,
    Column("type", _Text, primary_key=True),
    Column("model", _Text, primary_key=True),
    sqlite_with_rowid=False,
)

# A value of NULL stands for the payload of event `seq`, which then is not stored twice.
state = Table(
    "state",
    metadata,
    Column("kind", _Text, primary_key=True),
    Column("key", _Text, primary_key=True),
    Column("model", _Text, nullable=False),
    Column("seq", _Seq, nullable=False),
    Column("value", _Text),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    Column("name", _Text, primary_key=True),
    Column("holder", _Text, nullable=False),
    Column("token", _Seq, nullable=False),
    Column("expires", _Text, nullable=False),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("reason", _Text),
    Column("holder", _Text),
    Column("until", _Text),
)
