"""Group aggregations: what a number is like among the rows of one level, and how far a row is from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._features import levels, numbers, recipes
from holdfast.automl._features.base import Recipe, Table
from holdfast.automl._features.levels import Lookup

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

STATISTICS = ("mean", "std", "median")
_FUNCTIONS: dict[str, Callable[[np.ndarray], Any]] = {"mean": np.mean, "std": np.std, "median": np.median}


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Statistics of a number by level, and the row's difference from the level's mean.

    Parameters
    ----------
    recipe
        How they were made: the column of levels, then that of numbers.
    lookup
        The statistics asked for; the mean alone comes last where `difference`.
    difference
        Whether the row's own number less the level's mean is a feature too.
    """

    recipe: Recipe
    lookup: Lookup
    difference: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of the statistics, then of the difference."""
        return self.lookup.names

    def nodes(self, graph: Graph) -> str:
        """Add the look-up; the difference is NaN where the number is missing or infinite."""
        found = self.lookup.nodes(graph)
        if not self.difference:
            return found
        last = graph.whole(-1)
        mean = graph.add("Gather", found, last, axis=1)
        apart = graph.add("Sub", numbers.finite(graph, self.recipe.columns[1]), mean)
        if len(self.names) == 1:
            return apart
        kept = graph.add("Gather", found, graph.whole(*range(len(self.names) - 1)), axis=1)
        return graph.concat([kept, apart])


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Group:
    """Statistics of a column of numbers over the training rows of each level.

    Parameters
    ----------
    recipe
        A column of text or whole numbers, and one of numbers. ``statistics``: a list of mean, std, median;
        ``difference``: whether the row's difference from the mean is added; ``least``: rows that a level needs, the
        others have the statistics of all rows.
    table
        Rows to count; the target is not looked at.
    rng
        Not used.
    """
    del rng
    level, number = recipes.columns(recipe, table.schema, None, "float32")
    asked = recipes.options(recipe, statistics=None, difference=True, least=5)
    kinds = recipes.chosen(recipe, "statistics", STATISTICS, STATISTICS)
    made = levels.fit(table, (level,), least=asked["least"])
    wanted = [*kinds, "mean"] if asked["difference"] else list(kinds)
    values = _statistics(made.codes(table.tensors), recipes.numbers(table, number), made.size, wanted)
    names = [f"{kind} of {number} by {level}" for kind in kinds]
    names += [f"{number} less its mean by {level}"] if asked["difference"] else []
    lookup = Lookup(recipe, tuple(names), made, levels.types_of(table), values)
    return Group(recipe, lookup, asked["difference"])


def _statistics(codes: np.ndarray, values: np.ndarray, size: int, kinds: list[str]) -> np.ndarray:
    seen = ~np.isnan(values)
    codes, values = codes[seen], values[seen]
    whole = [float(_FUNCTIONS[kind](values)) if len(values) else np.nan for kind in kinds]
    made = np.tile(whole, (size + 1, 1))
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(size + 1))
    for level in range(size):
        own = values[order[edges[level] : edges[level + 1]]]
        if len(own):
            made[level] = [float(_FUNCTIONS[kind](own)) for kind in kinds]
    return made.astype(np.float32)
