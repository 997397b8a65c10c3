"""Files written whole or not at all, and names that stay inside their folder: for the floors above."""

from __future__ import annotations

from holdfast.store._files import inside, write_atomic

__all__ = ["inside", "write_atomic"]
