"""TF-IDF: which words and pairs of words a text holds, the rarer the weightier."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._features import recipes, words
from holdfast.automl._features.base import Recipe, Table
from holdfast.core.errors import InvalidValue, NotMeasurable

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: Most terms.
MOST = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """TF-IDF of a text column; a text without a known term, and a missing one, is all zeros.

    Parameters
    ----------
    recipe
        How they were made.
    terms
        Words and neighbouring words, the single ones first.
    weights
        Shape (terms,) float32: inverse document frequency of each.
    sublinear
        Whether a term counts 1 + log(times) instead of times.
    """

    recipe: Recipe
    terms: tuple[tuple[str, ...], ...]
    weights: np.ndarray
    sublinear: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Column and term."""
        return tuple(f"{self.recipe.columns[0]}: {' '.join(term)}" for term in self.terms)

    def nodes(self, graph: Graph) -> str:
        """Add lower case, split, counts, weights, unit length."""
        text = words.begin(graph, self.recipe.columns[0])
        found = words.counts(graph, words.tokens(graph, text, words.WORD), self.terms)
        if self.sublinear:
            # Without the term, log(max(0, 1)) + min(0, 1) is 0, as it is to be.
            one = graph.number(1.0)
            damped = graph.add("Log", graph.add("Max", found, one))
            found = graph.add("Add", damped, graph.add("Min", found, one))
        weighed = graph.add("Mul", found, graph.constant(self.weights.reshape(1, -1)))
        return words.end(graph, words.unit(graph, weighed))


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Terms:
    """Vocabulary of a text column: the terms that are in most texts.

    Parameters
    ----------
    recipe
        A text column. ``terms``: most of them, up to `MOST`; ``grams``: words in a term, 1 or 2; ``least``: texts that
        a term must be in; ``sublinear``: whether its count is damped.
    table
        Rows; the target is not looked at.
    rng
        Draws the rows that the vocabulary is taken from, where there are many.

    Raises
    ------
    NotMeasurable
        If no word is in `least` texts.

    References
    ----------
    G. Salton and C. Buckley (1988), "Term-weighting approaches in automatic text retrieval"; the weight is
    ln((1 + n) / (1 + texts with the term)) + 1, as scikit-learn smooths it.
    """
    (column,) = recipes.columns(recipe, table.schema, "string")
    asked = recipes.options(recipe, terms=MOST, grams=2, least=2, sublinear=True)
    for name, most in (("terms", MOST), ("grams", 2)):
        if asked[name] > most:
            raise InvalidValue(f"{name} {asked[name]}", where=recipes.where(recipe), expected=f"at most {most}")
    frequency: Counter[tuple[str, ...]] = Counter()
    rows = 0
    for row in words.split(table, column, rng=rng):
        rows += 1
        frequency.update({(word,) for word in row})
        if asked["grams"] == 2:
            frequency.update(set(itertools.pairwise(row)))
    kept = [term for term, texts in frequency.items() if texts >= asked["least"]]
    kept = sorted(kept, key=lambda term: (-frequency[term], term))[: asked["terms"]]
    if not kept:
        raise NotMeasurable(
            f"no word of column {column!r} is in {asked['least']} texts",
            where=recipes.where(recipe),
            expected="a column of sentences",
        )
    kept.sort(key=len)
    weights = np.log((1.0 + rows) / (1.0 + np.array([frequency[term] for term in kept]))) + 1.0
    return Terms(recipe, tuple(kept), weights.astype(np.float32), asked["sublinear"])
