"""Explain: how much each column moved an answer, and how far that explanation can be relied on."""

from __future__ import annotations

from holdfast.explain.contributions import Contributions, Importance, contributions, global_importance
from holdfast.explain.views import importance_bars, importance_table, local_table

__all__ = [
    "Contributions",
    "Importance",
    "contributions",
    "global_importance",
    "importance_bars",
    "importance_table",
    "local_table",
]
