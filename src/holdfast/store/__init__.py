"""What is remembered: journal, projections, leases, artifacts, tables, models and the outbox to MLflow."""

from __future__ import annotations

from holdfast.store._store import Store, open_store
from holdfast.store.datasets import DatasetVersion
from holdfast.store.journal import NewEvent
from holdfast.store.leases import Lease

__all__ = ["DatasetVersion", "Lease", "NewEvent", "Store", "open_store"]
