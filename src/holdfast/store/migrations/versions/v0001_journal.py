"""Journal and state: events, head, streams, state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and the head of an empty journal."""
    _make_journal()
    _make_projections()


def _make_journal() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("model", _TEXT, nullable=False),
        sa.Column("time", _TEXT, nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("key", _TEXT),
        sa.Column("behind", _TEXT),
        sa.Column("previous", _TEXT, nullable=False),
        sa.Column("hash", _TEXT, nullable=False),
        sa.Column("payload", _TEXT, nullable=False),
    )
    keyed, behind = sa.text("key IS NOT NULL"), sa.text("behind IS NOT NULL")
    op.create_index("events_key", "events", ["key"], unique=True, sqlite_where=keyed, postgresql_where=keyed)
    op.create_index("events_stream", "events", ["type", "model", "seq"])
    op.create_index("events_behind", "events", ["seq"], sqlite_where=behind, postgresql_where=behind)
    head = op.create_table(
        "head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", _SEQ, nullable=False),
        sa.Column("hash", _TEXT, nullable=False),
        sa.Column("latest", _TEXT, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64, "latest": ""}])


def _make_projections() -> None:
    op.create_table(
        "streams",
        sa.Column("type", _TEXT, primary_key=True),
        sa.Column("model", _TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "state",
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("model", _TEXT, nullable=False),
        sa.Column("seq", _SEQ, nullable=False),
        sa.Column("value", _TEXT),
        sqlite_with_rowid=False,
    )
