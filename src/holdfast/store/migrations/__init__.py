"""Alembic migrations of the journal's database, run by `upgrade` under a lock."""

from __future__ import annotations

from holdfast.store.migrations.upgrading import configuration, revision, upgrade

__all__ = ["configuration", "revision", "upgrade"]
