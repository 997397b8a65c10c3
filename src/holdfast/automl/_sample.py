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
#: Rows of each class that a sample keeps at least, where there are so many.
OF_A_CLASS = 50


def sampled(request: TrainRequest) -> TrainRequest | None:
    """Return the request with a sample of its rows, drawn by its seed; None where all of them are searched on.

    Classes keep their shares, the rare ones `OF_A_CLASS` rows. Of a ranking whole queries are drawn.
    """
    n = request.rows.height
    if n < LARGE or request.target not in request.rows.columns:
        return None
    rng = np.random.default_rng([request.seed, 20])
    group = request.settings.get("group")
    if request.task == "ranking" and group in request.rows.columns:
        codes = request.rows.get_column(str(group)).rank("dense").fill_null(0).to_numpy()
        units = rng.permutation(np.unique(codes))
        chosen = np.flatnonzero(np.isin(codes, units[: max(1, round(len(units) * SEARCHED / n))]))
    elif request.task in CLASSIFICATION:
        chosen = _by_class(request.rows.get_column(request.target), rng)
    else:
        chosen = np.sort(rng.choice(n, SEARCHED, replace=False))
    weights = None if request.weights is None else np.asarray(request.weights)[chosen]
    return replace(request, rows=request.rows[pl.Series(chosen)], weights=weights)


def _by_class(target: pl.Series, rng: np.random.Generator) -> np.ndarray:
    codes = target.cast(pl.String, strict=False).rank("dense").fill_null(0).to_numpy().astype(np.int64)
    found, counts = np.unique(codes, return_counts=True)
    kept = []
    for code, count in zip(found, counts, strict=True):
        wanted = min(count, max(round(count * SEARCHED / len(codes)), OF_A_CLASS))
        kept.append(rng.permutation(np.flatnonzero(codes == code))[:wanted])
    return np.sort(np.concatenate(kept))
