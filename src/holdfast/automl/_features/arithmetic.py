"""Arithmetic of two columns of numbers: ratio, difference, product, sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._features import numbers, recipes
from holdfast.automl._features.base import Recipe, Table

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: What can be computed of a and b, and its sign between the two names.
SIGNS = {"ratio": "/", "difference": "-", "product": "*", "sum": "+"}
_OPS = {"ratio": "Div", "difference": "Sub", "product": "Mul", "sum": "Add"}
#: Greatest number that is handed on: what is greater overflows in the next product of 32 bits.
_GREATEST = 1e30


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic:
    """Ratio, difference, product, sum of two columns; NaN where one is missing or infinite, or it would be infinite."""

    recipe: Recipe
    kinds: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """As one writes it."""
        a, b = self.recipe.columns
        return tuple(f"{a} {SIGNS[kind]} {b}" for kind in self.kinds)

    def nodes(self, graph: Graph) -> str:
        """Add the operation, guarded: a division by zero is NaN, and so is what overflows."""
        a, b = (numbers.finite(graph, name) for name in self.recipe.columns)
        made = graph.concat([graph.add(_OPS[kind], a, b) for kind in self.kinds])
        sound = numbers.known(graph, graph.add("Abs", made), 0.0, _GREATEST)
        return graph.add("Where", sound, made, numbers.nan(graph))


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Arithmetic:
    """Read what is asked for: ``of``, a list of ratio, difference, product, sum."""
    del rng
    recipes.columns(recipe, table.schema, "float32", "float32")
    recipes.options(recipe, of=None)
    return Arithmetic(recipe, recipes.chosen(recipe, "of", tuple(SIGNS), ("ratio", "difference", "product")))
