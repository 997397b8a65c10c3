"""Crosses: the pair of the levels of two columns as one code, by falling frequency."""

from __future__ import annotations

import numpy as np

from holdfast.automl._features import levels, recipes
from holdfast.automl._features.base import Recipe, Table
from holdfast.automl._features.levels import Lookup


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Lookup:
    """Code of a pair: 0 for the most frequent one, the highest for the pairs that were rare or not seen.

    ``most``: pairs with a code of their own; ``least``: rows that one needs. (Its target mean and its frequency are the
    kinds of those names, with two columns.)
    """
    del rng
    columns = recipes.columns(recipe, table.schema, None, None)
    asked = recipes.options(recipe, most=254, least=2)
    made = levels.fit(table, columns, most=asked["most"], least=asked["least"])
    values = np.arange(made.size + 1, dtype=np.float32).reshape(-1, 1)
    return Lookup(recipe, (f"{columns[0]} with {columns[1]}",), made, levels.types_of(table), values)
