"""What a made feature is: a recipe, the table it is fitted to, and the block that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from holdfast.automl._graph import Graph
    from holdfast.core.models import ModelSchema


@dataclass(frozen=True, slots=True)
class Recipe:
    """How features are made: plain data that goes into the manifest as their lineage.

    Parameters
    ----------
    kind
        Name of the maker.
    columns
        Source columns, in order.
    params
        Plain data of the maker.
    """

    kind: str
    columns: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Plain data that `from_plain` reads."""
        return {"kind": self.kind, "columns": list(self.columns), "params": dict(self.params)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Recipe:
        """Read what `plain` gave."""
        return cls(plain["kind"], tuple(plain["columns"]), dict(plain["params"]))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows that features are fitted to.

    Parameters
    ----------
    schema
        Columns of the model: float32 numbers (dates and times are days since 1970) or text.
    tensors
        Column -> (n, 1): float32 with NaN, or object with ``""`` for missing.
    target
        Shape (n, t) float64: indicators of the classes but the first (t = classes - 1; one column for two classes), or
        the number (t = 1). Only supervised makers look at it.
    weights
        Shape (n,) float64.
    """

    schema: ModelSchema
    tensors: Mapping[str, np.ndarray]
    target: np.ndarray
    weights: np.ndarray

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.weights)

    def take(self, rows: np.ndarray) -> Table:
        """Return the table of some rows, by index."""
        tensors = {name: each[rows] for name, each in self.tensors.items()}
        return Table(self.schema, tensors, self.target[rows], self.weights[rows])


class Block(Protocol):
    """Fitted features."""

    @property
    def recipe(self) -> Recipe:
        """How they were made."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Readable name of each, shape (d,)."""
        ...

    def nodes(self, graph: Graph) -> str:
        """Add the nodes from the model's inputs (named as the columns, (n, 1)) to the features (n, d) float32.

        NaN stands for what cannot be computed. Infinite inputs and unseen texts have an answer.
        """
        ...
