"""Frequencies: how common a level is."""

from __future__ import annotations

import numpy as np

from holdfast.automl._features import levels, recipes
from holdfast.automl._features.base import Recipe, Table
from holdfast.automl._features.levels import Lookup


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Lookup:
    """Logarithm of one and the number of training rows with the same level, or pair of levels; 0 for an unseen one."""
    del rng
    columns = recipes.columns(recipe, table.schema, *([None] * max(1, min(2, len(recipe.columns)))))
    asked = recipes.options(recipe, most=levels.MOST)
    made = levels.fit(table, columns, most=asked["most"], least=2)
    counts = np.bincount(made.codes(table.tensors), minlength=made.size + 1)[: made.size]
    values = np.append(np.log1p(counts), 0.0).astype(np.float32).reshape(-1, 1)
    return Lookup(recipe, (f"log frequency of {' and '.join(columns)}",), made, levels.types_of(table), values)
