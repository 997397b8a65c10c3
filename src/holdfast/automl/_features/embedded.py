"""Sentence embeddings: the mean of the vectors of a text's words, the common words counting less."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._features import recipes, vectors, words
from holdfast.automl._features.base import Recipe, Table
from holdfast.core.errors import DigestMismatch, InvalidValue, NotMeasurable

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: Most words that a vector is kept of.
MOST = 5000
#: The constant a of Arora et al.: a word of frequency f counts a / (a + f).
_SMOOTH = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Weighted mean of word vectors; a text without a known word is all zeros.

    Parameters
    ----------
    recipe
        How they were made, with the digest of the file that the vectors are from.
    vocabulary
        Words with a vector.
    table
        Shape (words, d) float32: vectors times the words' weights.
    """

    recipe: Recipe
    vocabulary: tuple[str, ...]
    table: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """Column and dimension."""
        return tuple(f"{self.recipe.columns[0]}: meaning {each + 1}" for each in range(self.table.shape[1]))

    def nodes(self, graph: Graph) -> str:
        """Add split, counts of the words, and their product with the table."""
        # Counts times table is the sum over the words, without a vector for each word of each row in memory.
        terms = tuple((word,) for word in self.vocabulary)
        text = words.begin(graph, self.recipe.columns[0])
        found = words.counts(graph, words.tokens(graph, text, words.WORD), terms)
        number = graph.add("ReduceSum", found, graph.whole(1), keepdims=1)
        total = graph.add("MatMul", found, graph.constant(self.table))
        return words.end(graph, graph.add("Div", total, graph.add("Max", number, graph.number(1.0))))


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Embedded:
    """Vectors of the words of the training rows.

    Parameters
    ----------
    recipe
        A text column. ``vectors``: path of a local file (see `vectors.read`); ``vocabulary``: that of its words, for
        safetensors; ``words``: most words that are kept, the most frequent ones, up to `MOST`; ``dimensions``: most
        features: longer vectors are turned onto their principal axes; ``digest``: SHA-256 that the file must have.
    table
        Rows; the target is not looked at.
    rng
        Draws the rows that the vocabulary is taken from, where there are many.

    Raises
    ------
    NotMeasurable
        If the file has none of the column's words.
    DigestMismatch
        If the file is not the one that the recipe names.
    NotFound, UnreadableData, InvalidValue
        As `vectors.read`.

    References
    ----------
    S. Arora, Y. Liang and T. Ma (2017), "A simple but tough-to-beat baseline for sentence embeddings", ICLR: smooth
    inverse frequency. Their common component is taken off the word vectors' weighted mean, which is the same line for
    all texts; learners take care of the rest.
    """
    (column,) = recipes.columns(recipe, table.schema, "string")
    asked = recipes.options(recipe, vectors=None, vocabulary=None, words=MOST, dimensions=50, digest=None)
    if asked["words"] > MOST:
        raise InvalidValue(f"words {asked['words']}", where=recipes.where(recipe), expected=f"at most {MOST}")
    path, beside = _path(asked, "vectors", recipe), None
    if asked["vocabulary"] is not None:
        beside = _path(asked, "vocabulary", recipe)
    times: Counter[str] = Counter()
    for row in words.split(table, column, rng=rng):
        times.update(row)
    found = vectors.read(path, frozenset(times), vocabulary=beside)
    digest = _digest(path)
    if asked["digest"] not in (None, digest):
        raise DigestMismatch(f"word vectors of digest {digest}", where=str(path), expected=str(asked["digest"]))
    kept = sorted(found, key=lambda word: (-times[word], word))[: asked["words"]]
    if not kept:
        raise NotMeasurable(
            f"no word of column {column!r} has a vector",
            where=recipes.where(recipe),
            expected="vectors of its language",
        )
    frequency = np.array([times[word] for word in kept]) / times.total()
    made = np.stack([found[word] for word in kept]).astype(np.float64)
    weighted = _turned(made, times=frequency, most=asked["dimensions"]) * (_SMOOTH / (_SMOOTH + frequency))[:, None]
    named = replace(recipe, params={**recipe.params, "digest": digest})
    return Embedded(named, tuple(kept), np.ascontiguousarray(weighted, dtype=np.float32))


def _turned(made: np.ndarray, *, times: np.ndarray, most: int) -> np.ndarray:
    """Vectors as they are, or on the axes along which the words in use differ most, each pointing one fixed way."""
    if made.shape[1] <= most:
        return made
    axes = np.linalg.svd(made * np.sqrt(times)[:, None], full_matrices=False)[2][:most]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return np.asarray(made @ (axes * signs[:, None]).T)


def _path(asked: dict[str, Any], name: str, recipe: Recipe) -> Path:
    if not isinstance(asked[name], str) or not asked[name]:
        raise InvalidValue(f"{name} {asked[name]!r}", where=recipes.where(recipe), expected="the path of a local file")
    return Path(asked[name])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
