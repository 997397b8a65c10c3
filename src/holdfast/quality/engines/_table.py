"""What an engine offers: figures of relations, and the positions of rows that a condition is true of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from holdfast.core.errors import HoldfastError
from holdfast.quality.algebra import Aggregate, Condition, Of, Relation, Source

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

RelatedRows = Callable[[str], "pl.LazyFrame"]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Figures to find in one relation.

    Parameters
    ----------
    figures
        Aggregates by name; one of another room may be a Polars expression, over the table itself.
    chosen
        The rows of the table that are looked at; None for all.
    """

    figures: Mapping[str, Aggregate | pl.Expr]
    chosen: Condition | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """Rows to point at: those of `chosen` that `failing` is true of; positions count within `chosen`."""

    failing: Condition | pl.Expr
    chosen: Condition | None = None


Found = dict[str, Any]


@runtime_checkable
class Table(Protocol):
    """A table that checks run on."""

    #: Column types by name.
    schema: Mapping[str, pl.DataType]

    def figures(
        self, questions: Sequence[Question], *, related: RelatedRows | None = None
    ) -> list[Found | HoldfastError]:
        """Find the figures of each question, or the error why they cannot be had."""
        ...

    def first(self, marks: Sequence[Mark], count: int, *, related: RelatedRows | None = None) -> list[list[int] | str]:
        """Positions of the first `count` rows of each mark, or why there are none to give."""
        ...

    def mask(self, marks: Sequence[Mark], *, related: RelatedRows | None = None) -> np.ndarray:
        """Shape (n,) bool: True for the rows of any of the marks, which are of the same chosen rows.

        Raises
        ------
        NotMeasurable
            If the rows have no order here.
        """
        ...


def located(figure: Aggregate) -> tuple[Relation, Aggregate]:
    """Which relation an aggregate is of, and the aggregate without it."""
    return (figure.over, figure.figure) if isinstance(figure, Of) else (Source(), figure)
