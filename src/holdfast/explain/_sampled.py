"""Sampled contributions: Shapley values of any model that can be asked, by permutations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core.errors import EmptyTable, InvalidValue
from holdfast.explain._margin import margin_of

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema

#: Rows that a model is asked at once, at most.
BATCH = 100_000


def sampled(
    predict: Callable[[pl.DataFrame], np.ndarray],
    schema: ModelSchema,
    rows: pl.DataFrame,
    *,
    background: pl.DataFrame,
    rng: np.random.Generator,
    permutations: int = 64,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Estimated contributions, base, margin, and the standard error of each contribution.

    A permutation turns a background row into the explained one, column by column; what the margin moves by is the
    column's share. Every permutation is walked in both directions with one background row, and the same permutations
    serve all rows: the sum is exact, and one base is common to all.

    Parameters
    ----------
    predict
        Rows -> score of shape (n, classes) or (n,).
    schema
        What the model takes and gives.
    rows
        Shape (n, columns): rows to explain.
    background
        Rows that stand for "the column is not known"; at least one.
    rng
        Draws permutations and background rows.
    permutations
        How many, an even number.

    Returns
    -------
    tuple
        Contributions (n, columns, outputs), base (outputs,), margin (n, outputs), error (n, columns, outputs).

    Raises
    ------
    EmptyTable
        If there is no background row.
    InvalidValue
        If the number of permutations is not even and at least 4.

    References
    ----------
    E. Strumbelj, I. Kononenko (2014), "Explaining prediction models and individual predictions with feature
    contributions", Knowledge and Information Systems 41.
    """
    if background.height == 0:
        raise EmptyTable("no background rows to sample from", where="background", expected="at least one row")
    if permutations < 4 or permutations % 2:
        raise InvalidValue(f"{permutations} permutations", expected="an even number of at least 4")
    rows, background = rows.select(schema.names), background.select(schema.names)
    width = len(schema.names)
    pairs = []
    bases = []
    for _ in range(permutations // 2):
        order, other = rng.permutation(width), background[int(rng.integers(background.height))]
        walks = [_walk(predict, schema, rows, other=other, order=each) for each in (order, order[::-1])]
        pairs.append((walks[0][0] + walks[1][0]) / 2)
        bases.append(walks[0][1])
    drawn = np.stack(pairs)
    margin = margin_of(predict(rows), schema)
    error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    return drawn.mean(axis=0), np.mean(bases, axis=0), margin, error


def _walk(
    predict: Callable[[pl.DataFrame], np.ndarray],
    schema: ModelSchema,
    rows: pl.DataFrame,
    *,
    other: pl.DataFrame,
    order: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    n, width = rows.height, len(order)
    rank = np.empty(width, dtype=int)
    rank[order] = np.arange(width)
    parts = []
    step = max(1, BATCH // (width + 1))
    for start in range(0, n, step):
        part = rows[start : start + step]
        both = pl.concat([part, other], how="vertical_relaxed")
        own, steps = np.meshgrid(np.arange(part.height), np.arange(width + 1), indexing="ij")
        # At step s the s first columns of the order are the row's own; the others are the background row's.
        taken = [np.where(rank[column] < steps, own, part.height).ravel() for column in range(width)]
        mixed = pl.DataFrame([both.to_series(column)[pl.Series(taken[column])] for column in range(width)])
        parts.append(margin_of(predict(mixed), schema).reshape(part.height, width + 1, -1))
    walked = np.concatenate(parts)
    moved = np.diff(walked, axis=1)
    return moved[:, rank, :], walked[0, 0, :]
