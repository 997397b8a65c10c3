"""Text statistics: how long a text is, and what share of it is digits, capitals, punctuation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._features import recipes, words
from holdfast.automl._features.base import Recipe, Table

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: What is counted: name and pattern of one character.
COUNTED = {"digits": "[0-9]", "capitals": r"\p{Lu}", "punctuation": r"[!-/:-@\[-`{-~]"}
#: Characters that are counted at once.
_CHUNK = 5


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Numbers of characters, words, digits, capitals and punctuation marks, and shares of the characters.

    They are of the part of the text that is looked at (see `words`). A missing text has zeros.
    """

    recipe: Recipe

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers, then shares."""
        column = self.recipe.columns[0]
        counted = [f"{each} of {column}" for each in ("characters", "words", *COUNTED)]
        return (*counted, *(f"share of {each} of {column}" for each in COUNTED), f"length of words of {column}")

    def nodes(self, graph: Graph) -> str:
        """Add the counting of tokens."""
        text = words.begin(graph, self.recipe.columns[0], lower=False)
        one = graph.number(1.0)
        size = words.count(graph, text, f"(?s:.){{1,{_CHUNK}}}", longest=_CHUNK)
        number = words.matches(graph, text, words.WORD)
        each = [words.count(graph, text, pattern) for pattern in COUNTED.values()]
        shares = graph.add("Div", graph.concat(each), graph.add("Max", size, one))
        length = graph.add("Div", size, graph.add("Max", number, one))
        return words.end(graph, graph.concat([size, number, *each, shares, length]))


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Statistics:
    """Read which text column it is; nothing is learnt."""
    del rng
    recipes.columns(recipe, table.schema, "string")
    recipes.options(recipe)
    return Statistics(recipe)
