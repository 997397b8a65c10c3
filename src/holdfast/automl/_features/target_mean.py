"""Target means: what the target is on average for a level, drawn toward the whole where the level has few rows."""

from __future__ import annotations

import numpy as np

from holdfast.automl._features import levels, recipes
from holdfast.automl._features.base import Recipe, Table
from holdfast.automl._features.levels import Levels, Lookup
from holdfast.core.errors import InvalidValue

#: Rows that the whole counts for: never fewer, never more.
LEAST_STRENGTH, MOST_STRENGTH = 1.0, 1e6


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Lookup:
    """Smoothed mean of each column of the target by level of one column, or by pair of levels of two.

    Parameters
    ----------
    recipe
        One or two columns of text or whole numbers. ``strength``: number of rows that the mean of all rows counts for;
        None estimates it (see `strength_of`). ``most``: levels that are looked up; ``least``: rows that one needs.
    table
        Rows and their target.
    rng
        Not used.

    Returns
    -------
    Lookup
        One feature for each column of the target. A level that was not seen has the mean of all rows.

    References
    ----------
    D. Micci-Barreca (2001), "A preprocessing scheme for high-cardinality categorical attributes in classification and
    prediction problems", SIGKDD Explorations 3: equations 4 and 5.
    """
    del rng
    columns = recipes.columns(recipe, table.schema, *([None] * max(1, min(2, len(recipe.columns)))))
    asked = recipes.options(recipe, strength=None, most=levels.MOST, least=2)
    given = asked["strength"]
    if given is not None and not (isinstance(given, int | float) and 0.0 < given < np.inf):
        raise InvalidValue(f"strength {given!r}", where=recipes.where(recipe), expected="a number of rows above 0")
    made = levels.fit(table, columns, most=asked["most"], least=asked["least"])
    values = np.column_stack([_smoothed(made, table, index, strength=given) for index in range(table.target.shape[1])])
    names = tuple(
        f"target mean by {' and '.join(columns)}{label}"
        for label in recipes.labels(table.schema, table.target.shape[1])
    )
    return Lookup(recipe, names, made, levels.types_of(table), values.astype(np.float32))


def _smoothed(made: Levels, table: Table, index: int, *, strength: float | None) -> np.ndarray:
    target, weights = table.target[:, index], table.weights
    whole = float(np.average(target, weights=weights))
    codes = made.codes(table.tensors)
    rows = np.bincount(codes, weights=weights, minlength=made.size + 1)[: made.size]
    sums = np.bincount(codes, weights=weights * target, minlength=made.size + 1)[: made.size]
    squares = np.bincount(codes, weights=weights * target**2, minlength=made.size + 1)[: made.size]
    drawn = strength_of(rows, sums, squares) if strength is None else strength
    return np.append((sums + drawn * whole) / (rows + drawn), whole)


def strength_of(rows: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> float:
    """Rows that the mean of all counts for: the variance within levels by that between them.

    Parameters
    ----------
    rows, sums, squares
        Shape (levels,): weight of the rows of each level, and its weighted sums of the target and of its square.

    Returns
    -------
    float
        Between `LEAST_STRENGTH` and `MOST_STRENGTH`: the latter where levels differ no more than chance has them.

    References
    ----------
    The between variance by the method of moments: R. DerSimonian and N. Laird (1986), "Meta-analysis in clinical
    trials", Controlled Clinical Trials 7.
    """
    total, count = float(rows.sum()), len(rows)
    if count < 2 or total <= count:
        return MOST_STRENGTH if count < 2 else LEAST_STRENGTH
    means = sums / rows
    within = float(np.maximum(squares - sums * means, 0.0).sum()) / (total - count)
    spread = float(rows @ (means - sums.sum() / total) ** 2)
    between = (spread - (count - 1) * within) / (total - float(rows @ rows) / total)
    if between <= 0.0:
        return MOST_STRENGTH
    return float(np.clip(within / between, LEAST_STRENGTH, MOST_STRENGTH))
