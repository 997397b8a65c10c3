"""Faithfulness of explanations: whether columns said to matter do, and whether the parts add up to the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.explain._exact import FILE, exact
from holdfast.explain._margin import margin_of
from holdfast.explain.contributions import additivity_error, contributions
from holdfast.explain.measures._ask import STAGES, mean_over_rows, sample_of

if TYPE_CHECKING:
    from holdfast.core.subjects import Model

#: Rows explained.
ROWS = 60


@measure(
    "attribution_faithfulness",
    unit="number",
    range=(-1, 1),
    better="higher",
    stages=STAGES,
    subject="model",
    source="Bhatt, Weller & Moura (2020), arXiv:2005.00631 (faithfulness correlation)",
    cost=2.0,
)
def attribution_faithfulness(
    model: Model,
    *,
    subsets: float = 50.0,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Value:
    """Correlation of what an explanation says of columns with what happens to the margin without them.

    For each of up to 60 sample rows and `subsets` random sets S of a quarter of the columns: the correlation over S of
    ``sum of contributions of S`` and ``margin(x) - margin(x with S at the baseline)``; the baseline is the sample's
    median (numbers) or most frequent value (text). Of several classes, the one answered. Rows whose margin no set moves
    are left out.

    Parameters
    ----------
    model
        The package.
    subsets
        Sets of columns for each row, at least 5.
    confidence
        Of the bootstrap interval over rows.
    rng
        Draws rows, sets and resamples; None for seed 0.

    Returns
    -------
    Value
        In [-1, 1]; an explanation that says nothing is near 0.

    Raises
    ------
    NotMeasurable
        If there are no sample rows, a single column, or no set moves any margin.
    InvalidValue
        If there are fewer than five sets.
    """
    if subsets < 5 or subsets != int(subsets):
        raise InvalidValue(f"subsets={subsets:g}", expected="a whole number of at least 5")
    rng = np.random.default_rng(0) if rng is None else rng
    rows = sample_of(model, most=ROWS, rng=rng)
    width, count = len(model.schema.names), int(subsets)
    if width < 2:
        raise NotMeasurable("a model of one column has nothing to tell apart", expected="two columns or more")
    found = contributions(model.folder, model.schema, rows, predict=model.predict, background=model.sample, rng=rng)
    whole = margin_of(model.predict(rows), model.schema)
    output = whole.argmax(axis=1) if whole.shape[1] > 1 else np.zeros(len(whole), dtype=int)
    values = found.values if found.values.ndim == 3 else found.values[:, :, None]
    told = np.take_along_axis(values, output[:, None, None], axis=2)[:, :, 0]
    chosen = rng.random((rows.height, count, width)).argsort(axis=2) < max(1, width // 4)
    said = (chosen * told[:, None, :]).sum(axis=2)
    without = margin_of(model.predict(_without(model, rows, chosen)), model.schema).reshape(rows.height, count, -1)
    moved = np.take_along_axis(whole[:, None, :] - without, output[:, None, None], axis=2)[:, :, 0]
    each = _correlation(said, moved)
    each = each[np.isfinite(each)]
    if not len(each):
        raise NotMeasurable(
            "no set of columns moves any margin", where="explanation", expected="a model that heeds a column"
        )
    notes = {"subsets": count, "size": max(1, width // 4), "estimated": found.estimated}
    return mean_over_rows(each, confidence=confidence, rng=rng, bounds=(-1.0, 1.0), notes=notes)


def _without(model: Model, rows: pl.DataFrame, chosen: np.ndarray) -> pl.DataFrame:
    n, count, _ = chosen.shape
    every = pl.Series(np.repeat(np.arange(n), count))
    made = []
    for place, column in enumerate(model.schema.columns):
        whole = model.sample.get_column(column.name)
        if column.dtype == "float32" and whole.dtype.is_numeric():
            base = pl.Series(column.name, [whole.median()]).cast(pl.Float64)
            own = rows.get_column(column.name).cast(pl.Float64)
        else:
            own, base = rows.get_column(column.name), whole.mode().sort().head(1)
        both = pl.concat([own, base])
        made.append(both[pl.Series(np.where(chosen[:, :, place].ravel(), n, every.to_numpy()))])
    return pl.DataFrame(made)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    spread = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (first * second).sum(axis=1) / spread
    return np.asarray(np.where(spread > 1e-12, found, np.nan))


@measure(
    "attribution_additivity_error",
    unit="number",
    range=(0, None),
    better="lower",
    stages=STAGES,
    subject="model",
    source="Sundararajan, Taly & Yan (2017), arXiv:1703.01365 (completeness)",
    cost=1.0,
)
def attribution_additivity_error(model: Model, *, rng: np.random.Generator | None = None) -> Value:
    """Greatest difference of base plus contributions from the margin, relative to what is summed; exact on its rows.

    Parameters
    ----------
    model
        The package; up to 60 rows of its sample are explained.
    rng
        Draws the rows; None for seed 0.

    Raises
    ------
    NotMeasurable
        If there are no sample rows, or the package has no exact contributions (sampled ones add up by construction).
    """
    if not (model.folder / FILE).is_file():
        raise NotMeasurable("the package has no exact contributions", where=FILE, expected="a model with contributions")
    rows = sample_of(model, most=ROWS, rng=np.random.default_rng(0) if rng is None else rng)
    error = additivity_error(*exact(model.folder, model.schema, rows))
    return Value(float(error.max()), n=rows.height, method="maximum over rows")
