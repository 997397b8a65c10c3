"""Features: made from the columns in the graph itself, so that serving computes what training saw."""

from __future__ import annotations

from holdfast.automl._features.base import Block, Recipe, Table

__all__ = ["Block", "Recipe", "Table"]
