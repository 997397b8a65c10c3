"""Large tables: a sample to search on; what is found is then fitted to every row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core.models import CLASSIFICATION

if TYPE_CHECKING:
    from holdfast.core.ports import TrainRequest

#: Rows from which a search looks at a sample, and rows of that sample.
LARGE, SEARCHED = 100_000, 50_000
#: Cells that a second of budget has time for, and rows that are searched on at least.
CELLS_A_SECOND, LEAST = 100_000, 5000
#: Rows of each class that a sample keeps at least, where there are so many.
OF_A_CLASS = 50


def sampled(request: TrainRequest) -> TrainRequest | None:
    """Return the request with a sample of its rows, drawn by its seed; None where all of them are searched on.

    Classes, and the events of a survival, keep their shares, the rare ones `OF_A_CLASS` rows. Of a ranking whole
    queries are drawn.
    """
    n = request.rows.height
    searched = _rows(request)
    if n < (LARGE if searched == SEARCHED else 2 * searched) or request.target not in request.rows.columns:
        return None
    rng = np.random.default_rng([request.seed, 20])
    group = request.settings.get("group")
    if request.task == "ranking" and group in request.rows.columns:
        codes = _codes(request.rows.get_column(str(group)))
        units = rng.permutation(np.unique(codes))
        chosen = np.flatnonzero(np.isin(codes, units[: max(1, round(len(units) * searched / n))]))
    elif request.task in CLASSIFICATION:
        chosen = _by_class(request.rows.get_column(request.target), rng, searched=searched)
    elif request.task == "survival" and request.settings.get("event") in request.rows.columns:
        # Where hardly any event came, a plain sample may hold none.
        chosen = _by_class(request.rows.get_column(str(request.settings["event"])), rng, searched=searched)
    else:
        chosen = np.sort(rng.choice(n, searched, replace=False))
    weights = None if request.weights is None else np.asarray(request.weights)[chosen]
    return replace(request, rows=request.rows[pl.Series(chosen)], weights=weights)


def _rows(request: TrainRequest) -> int:
    """Rows to search on: what the budget has time for, at most `SEARCHED`."""
    affordable = CELLS_A_SECOND * request.budget_s / max(1, len(request.features))
    return int(min(SEARCHED, max(LEAST, affordable)))


def _by_class(target: pl.Series, rng: np.random.Generator, *, searched: int) -> np.ndarray:
    codes = _codes(target)
    found, counts = np.unique(codes, return_counts=True)
    kept = []
    for code, count in zip(found, counts, strict=True):
        wanted = min(count, max(round(count * searched / len(codes)), OF_A_CLASS))
        kept.append(rng.permutation(np.flatnonzero(codes == code))[:wanted])
    return np.sort(np.concatenate(kept))


def _codes(values: pl.Series) -> np.ndarray:
    """Number of each row's value, shape (n,) int64; what is missing has the number 0."""
    return values.cast(pl.String, strict=False).rank("dense").fill_null(0).to_numpy().astype(np.int64)
