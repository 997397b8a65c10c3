"""Hashed n-grams: words or characters counted in a fixed number of buckets, without a vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._features import numbers, recipes, words
from holdfast.automl._features.base import Recipe, Table
from holdfast.automl._graph import CONTRIB
from holdfast.core.errors import InvalidValue, one_of

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

UNITS = ("word", "character")
LEAST_BUCKETS, MOST_BUCKETS = 16, 1024
_MOST_GRAMS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Hashed:
    """Counts of hashed n-grams, damped and of unit length; empty and missing text is all zeros.

    Parameters
    ----------
    recipe
        How they were made.
    unit
        ``word`` or ``character``.
    grams
        Fewest and most units of an n-gram.
    buckets
        Number of features.
    """

    recipe: Recipe
    unit: str
    grams: tuple[int, int]
    buckets: int

    @property
    def names(self) -> tuple[str, ...]:
        """Column and bucket: which words are in it cannot be told."""
        return tuple(f"{self.recipe.columns[0]}: {self.unit}s {each}" for each in range(self.buckets))

    def nodes(self, graph: Graph) -> str:
        """Add split, hashes, and the counting of their buckets."""
        text = words.begin(graph, self.recipe.columns[0])
        found = words.tokens(graph, text, words.WORD if self.unit == "word" else words.CHARACTER)
        there = words.present(graph, found)
        hashes = graph.add("MurmurHash3", found, domain=CONTRIB, seed=0, positive=1)
        hashes = graph.cast(hashes, numbers.INT64)
        rows = graph.add("Slice", graph.add("Shape", found), graph.whole(0), graph.whole(1))
        made = graph.add("Expand", graph.number(0.0), graph.add("Concat", rows, graph.whole(self.buckets), axis=0))
        grown, known = hashes, there
        for size in range(1, self.grams[1] + 1):
            if size > 1:
                grown = _longer(graph, grown, _ahead(graph, hashes, size - 1, numbers.scalar(graph, 0)))
                known = graph.add("Mul", known, _ahead(graph, there, size - 1, graph.number(0.0)))
            if size >= self.grams[0]:
                bucket = graph.add("Mod", grown, numbers.scalar(graph, self.buckets))
                made = graph.add("ScatterElements", made, bucket, known, axis=1, reduction="add")
        damped = graph.add("Log", graph.add("Add", made, graph.number(1.0)))
        return words.end(graph, words.unit(graph, damped))


def _longer(graph: Graph, beginning: str, last: str) -> str:
    # 31 times the hash of the beginning, cut to 31 bits so that nothing overflows, and the last unit's.
    short = graph.add("Mod", beginning, numbers.scalar(graph, 2**31 - 1))
    return graph.add("Add", graph.add("Mul", short, numbers.scalar(graph, 31)), last)


def _ahead(graph: Graph, inside: str, steps: int, fill: str) -> str:
    """Shift rows to the left: what stands `steps` further on; `fill` comes in from the right."""
    longer = graph.add("Pad", inside, graph.whole(0, 0, 0, steps), fill)
    return graph.add("Slice", longer, graph.whole(steps), graph.whole(2**31 - 1), graph.whole(1))


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Hashed:
    """Read what is asked for: ``unit`` (word or character), ``low`` and ``high`` (units of an n-gram), ``buckets``.

    References
    ----------
    K. Weinberger et al. (2009), "Feature hashing for large scale multitask learning".
    """
    del rng
    recipes.columns(recipe, table.schema, "string")
    unit = recipe.params.get("unit", "word")
    if unit not in UNITS:
        raise InvalidValue(f"unit {unit!r}", where=recipes.where(recipe), expected=one_of(UNITS, str(unit)))
    asked = recipes.options(recipe, unit="word", buckets=512, **(_GRAMS[unit]))
    if not LEAST_BUCKETS <= asked["buckets"] <= MOST_BUCKETS:
        raise InvalidValue(
            f"buckets {asked['buckets']}", where=recipes.where(recipe), expected=f"{LEAST_BUCKETS} to {MOST_BUCKETS}"
        )
    low, high = asked["low"], asked["high"]
    if not low <= high <= _MOST_GRAMS:
        raise InvalidValue(
            f"low {low}, high {high}", where=recipes.where(recipe), expected=f"low <= high <= {_MOST_GRAMS}"
        )
    return Hashed(recipe, unit, (low, high), asked["buckets"])


_GRAMS = {"word": {"low": 1, "high": 2}, "character": {"low": 3, "high": 4}}
