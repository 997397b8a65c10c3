"""Makers: from a recipe to the fitted block, and from blocks to the numbers of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from holdfast.automl._features import (
    arithmetic,
    cross,
    date,
    embedded,
    frequency,
    group,
    hashed,
    statistics,
    target_mean,
    text,
    words,
)
from holdfast.automl._features.base import Table
from holdfast.automl._folds import Fold
from holdfast.automl._graph import Graph
from holdfast.core.errors import EmptyTable, InvalidValue, UnknownName, one_of

if TYPE_CHECKING:
    from holdfast.automl._features.base import Block, Recipe
    from holdfast.core.models import ModelSchema


class Maker(NamedTuple):
    """How a kind is fitted, and what it takes."""

    fit: Callable[..., Block]
    supervised: bool = False
    splits_text: bool = False


#: Kind of a recipe -> its maker.
MAKERS: dict[str, Maker] = {
    "arithmetic": Maker(arithmetic.fit),
    "cross": Maker(cross.fit),
    "date": Maker(date.fit),
    "embedded": Maker(embedded.fit, splits_text=True),
    "frequency": Maker(frequency.fit),
    "group": Maker(group.fit),
    "hashed": Maker(hashed.fit, splits_text=True),
    "statistics": Maker(statistics.fit, splits_text=True),
    "target_mean": Maker(target_mean.fit, supervised=True),
    "text": Maker(text.fit, splits_text=True),
}
#: Rows that are computed at once where no text is split.
_BATCH = 65_536


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Block:
    """Fit a recipe to the rows of a table.

    Parameters
    ----------
    recipe
        What to make.
    table
        Rows to fit to.
    rng
        Of what is random in it (which rows a vocabulary is taken from, where there are many).

    Raises
    ------
    UnknownName
        If there is no such kind.
    ColumnNotFound
        If the table has no such column.
    InvalidValue
        If a column is of the wrong type or number, or a parameter is unknown or out of range.
    NotMeasurable
        If the rows have nothing to fit to: no word that two texts share.
    EmptyTable
        If there are no rows.
    """
    made = _maker(recipe)
    if not table.n:
        raise EmptyTable("no rows to make features from", where=f"feature {recipe.kind}", expected="training rows")
    return made.fit(recipe, table, rng=rng)


def supervised(recipe: Recipe) -> bool:
    """Whether a recipe looks at the target, so that its values for training rows are to be `cross_fitted`.

    Raises
    ------
    UnknownName
        If there is no such kind.
    """
    return _maker(recipe).supervised


def _maker(recipe: Recipe) -> Maker:
    if recipe.kind not in MAKERS:
        raise UnknownName(f"no feature {recipe.kind!r}", where="recipe", expected=one_of(MAKERS, recipe.kind))
    return MAKERS[recipe.kind]


@dataclass(slots=True, eq=False)
class Made:
    """Blocks with the session that computes them: keep one where the same blocks are asked again.

    Parameters
    ----------
    blocks
        Fitted blocks, at least one.
    schema
        Columns that there are.
    """

    blocks: Sequence[Block]
    schema: ModelSchema
    _session: Any = field(default=None, init=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Readable names, shape (d,)."""
        return tuple(name for block in self.blocks for name in block.names)

    @property
    def sources(self) -> tuple[tuple[str, ...], ...]:
        """Source columns of each feature, shape (d,)."""
        return tuple(block.recipe.columns for block in self.blocks for _ in block.names)

    def model(self) -> bytes:
        """ONNX model from the columns that are used to ``made`` (n, d) float32."""
        from onnx import TensorProto, helper

        kinds = {"float32": TensorProto.FLOAT, "string": TensorProto.STRING}
        used = {name for block in self.blocks for name in block.recipe.columns}
        graph = Graph()
        parts = [block.nodes(graph) for block in self.blocks]
        graph.concat(parts, to="made")
        inputs = [
            helper.make_tensor_value_info(each.name, kinds[each.dtype], ["n", 1])
            for each in self.schema.columns
            if each.name in used
        ]
        output = helper.make_tensor_value_info("made", TensorProto.FLOAT, ["n", len(self.names)])
        return bytes(graph.model(inputs, [output], name="holdfast-features").SerializeToString())

    def values(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Features of rows, (n, d) float32.

        Parameters
        ----------
        tensors
            Column -> (n, 1); columns that no block uses are left out.
        """
        from holdfast.automl._session import session

        if self._session is None:
            self._session = session(self.model())
        names = [each.name for each in self._session.get_inputs()]
        size = words.BATCH if any(MAKERS[each.recipe.kind].splits_text for each in self.blocks) else _BATCH
        rows = len(tensors[names[0]])
        parts = [
            self._session.run(None, {name: tensors[name][start : start + size] for name in names})[0]
            for start in range(0, max(1, rows), size)
        ]
        return np.ascontiguousarray(np.concatenate(parts), dtype=np.float32)


def values(blocks: Sequence[Block], table: Table) -> np.ndarray:
    """Features of the rows of a table, (n, d) float32: the blocks' own graph is run.

    Raises
    ------
    InvalidValue
        If there is no block.
    """
    if not blocks:
        raise InvalidValue("no block", where="features", expected="at least one fitted block")
    return Made(blocks, table.schema).values(table.tensors)


def cross_fitted(recipe: Recipe, table: Table, *, folds: int | Sequence[Fold], rng: np.random.Generator) -> np.ndarray:
    """Features of the rows that they are fitted to, (n, d) float32, none made from the row's own target.

    Parameters
    ----------
    recipe
        What to make.
    table
        Training rows.
    folds
        Each row's values are made from the other folds. A number deals the rows out at random; folds that keep groups
        whole, or time in order, are given by their indices into `table`. A row that no fold holds out has NaN.
    rng
        Deals the rows out.

    Returns
    -------
    numpy.ndarray
        For a recipe that does not look at the target: the values of its block fitted to all rows.

    Raises
    ------
    InvalidValue
        If there are fewer than two folds; and as `fit`.
    """
    if not supervised(recipe):
        return values([fit(recipe, table, rng=rng)], table)
    table = _narrowed(table, recipe)
    dealt = _dealt(table.n, folds, rng) if isinstance(folds, int) else folds
    made: np.ndarray | None = None
    for fold in dealt:
        block = fit(recipe, table.take(fold.train), rng=rng)
        found = values([block], table.take(fold.held))
        made = np.full((table.n, found.shape[1]), np.nan, dtype=np.float32) if made is None else made
        made[fold.held] = found
    if made is None:
        raise InvalidValue("no fold", where="features", expected="at least one fold with rows to train on")
    return made


def _narrowed(table: Table, recipe: Recipe) -> Table:
    """Columns of the recipe alone: the folds copy what is taken into them."""
    columns = tuple(each for each in table.schema.columns if each.name in recipe.columns)
    if len(columns) < len(set(recipe.columns)):
        return table
    tensors = {each.name: table.tensors[each.name] for each in columns}
    return Table(replace(table.schema, columns=columns), tensors, table.target, table.weights)


def _dealt(n: int, folds: int, rng: np.random.Generator) -> list[Fold]:
    if folds < 2 or n < 2:
        raise InvalidValue(f"{folds} folds of {n} rows", where="features", expected="at least two folds and two rows")
    place = rng.permutation(n) % min(folds, n)
    return [Fold(np.flatnonzero(place != each), np.flatnonzero(place == each)) for each in range(min(folds, n))]
