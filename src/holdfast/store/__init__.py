"""What is remembered: journal, projections, leases, artifacts, tables, models and the outbox to MLflow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.store._store import Store, open_store

if TYPE_CHECKING:
    from holdfast.store.datasets import DatasetVersion
    from holdfast.store.journal import NewEvent
    from holdfast.store.leases import Lease

__all__ = ["DatasetVersion", "Lease", "NewEvent", "Store", "open_store"]

# Imported when they are asked for: SQLAlchemy and Polars take twenty times as long as Python's own start.
_LATER = {"DatasetVersion": "datasets", "Lease": "leases", "NewEvent": "journal"}


def __getattr__(name: str) -> Any:
    """A public name of a module that is slow to import."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
