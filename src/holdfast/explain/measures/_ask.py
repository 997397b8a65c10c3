"""What the measures of explanations share: rows of a package's sample, close perturbed rows, intervals over rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value

if TYPE_CHECKING:
    from holdfast.core.subjects import Model

STAGES = ("package",)


def sample_of(model: Model, *, most: int, rng: np.random.Generator) -> pl.DataFrame:
    """Rows of the package's sample, at most `most`, drawn without replacement.

    Raises
    ------
    NotMeasurable
        If the sample has no rows.
    """
    rows = model.sample.select(model.schema.names)
    if rows.height == 0:
        raise NotMeasurable("no sample rows to explain", where="package", expected="held-out rows")
    if rows.height <= most:
        return rows
    return rows[pl.Series(np.sort(rng.choice(rows.height, most, replace=False)))]


def perturbed(model: Model, rows: pl.DataFrame, *, radius: float, rng: np.random.Generator) -> pl.DataFrame:
    """Close rows: each number moved by a normal step of `radius` times its column's spread in the package's sample.

    Text stays, what is missing stays missing, and whole-numbered columns stay whole. The spread is the interquartile
    range over 1.349 (that of a normal's standard deviation), or the standard deviation where that is 0.
    """
    made = []
    for column in model.schema.columns:
        own = rows.get_column(column.name)
        if column.dtype != "float32" or own.dtype == pl.Boolean or not own.dtype.is_numeric():
            made.append(own)
            continue
        wide, every = _numbers(own), _numbers(model.sample.get_column(column.name))
        seen = every[np.isfinite(every)]
        moved = wide + radius * _spread(seen) * rng.standard_normal(len(wide))
        if len(seen) and bool(np.all(seen == np.round(seen))):
            moved = np.round(moved)
        made.append(pl.Series(column.name, moved).fill_nan(None))
    return pl.DataFrame(made)


def _numbers(values: pl.Series) -> np.ndarray:
    return np.asarray(values.cast(pl.Float64).to_numpy(), dtype=np.float64)


def _spread(seen: np.ndarray) -> float:
    if not len(seen):
        return 0.0
    quarter, three = np.quantile(seen, [0.25, 0.75])
    return float(three - quarter) / 1.349 or float(seen.std())


def decisions(model: Model, rows: pl.DataFrame) -> np.ndarray:
    """Class that is most probable for each row, shape (n,) int; zeros for a task that does not classify."""
    score = model.predict(rows)
    return np.asarray(score.argmax(axis=1) if score.ndim == 2 else np.zeros(len(score), dtype=int))


def mean_over_rows(
    each: np.ndarray,
    *,
    confidence: float,
    rng: np.random.Generator,
    bounds: tuple[float, float],
    notes: Mapping[str, object],
) -> Value:
    """Mean of one number per row, with a percentile bootstrap interval over rows (Efron & Tibshirani 1993).

    Parameters
    ----------
    each
        Shape (n,) float64.
    confidence
        Of the interval.
    rng
        Draws 1000 resamples.
    bounds
        Least and greatest value there can be.
    notes
        Plain data to keep.
    """
    n = len(each)
    value = float(np.clip(each.mean(), *bounds))
    drawn = rng.multinomial(n, np.full(n, 1.0 / n), size=1000) @ each / n
    tail = (1.0 - confidence) / 2.0
    low, high = (float(end) for end in np.clip(np.quantile(drawn, [tail, 1.0 - tail]), *bounds))
    return Value(
        value, min(low, value), max(high, value), n=n, method="percentile bootstrap over rows", notes=dict(notes)
    )
