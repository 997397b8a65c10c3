"""Stability of explanations: whether close rows with one answer have one explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.registry import measure
from holdfast.explain.contributions import contributions
from holdfast.explain.measures._ask import STAGES, decisions, mean_over_rows, perturbed, sample_of

if TYPE_CHECKING:
    from holdfast.core.evidence import Value
    from holdfast.core.subjects import Model

#: Rows explained, and close rows drawn for each.
ROWS = 100
NEIGHBOURS = 5


@measure(
    "explanation_stability",
    unit="share",
    range=(0, 1),
    better="higher",
    stages=STAGES,
    subject="model",
    source="Krishna et al. (2022), arXiv:2202.01602 (feature agreement); Agarwal et al. (2022), arXiv:2203.06877",
    cost=2.0,
)
def explanation_stability(
    model: Model,
    *,
    k: float = 5.0,
    radius: float = 0.05,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Value:
    """Share of the `k` weightiest columns of a row's explanation that stay so for close rows with the same answer.

    For each of up to 100 sample rows x and five close rows x' (numbers moved by normal steps of `radius` times
    the column's spread) that the model gives the same class: ``|top_k(x) & top_k(x')| / k``, the feature agreement of
    Krishna et al., under the neighbourhood and same-prediction condition of Agarwal et al.; averaged over x', then x.

    Parameters
    ----------
    model
        The package.
    k
        Columns that count, by absolute contribution; at most half of the columns (rounded up).
    radius
        Size of the steps, above 0.
    confidence
        Of the bootstrap interval over rows.
    rng
        Draws rows, steps and resamples; None for seed 0.

    Returns
    -------
    Value
        In [0, 1]. Chance alone gives about k over the number of columns (``chance`` in the notes).

    Raises
    ------
    NotMeasurable
        If there are no sample rows, or no close row keeps its answer.
    InvalidValue
        If `k` or `radius` is out of range.
    """
    if k < 1 or k != int(k) or not radius > 0.0:
        raise InvalidValue(f"k={k:g}, radius={radius:g}", expected="a whole k of at least 1, a positive radius")
    rng = np.random.default_rng(0) if rng is None else rng
    rows = sample_of(model, most=ROWS, rng=rng)
    width = len(model.schema.names)
    top = min(int(k), (width + 1) // 2)
    close = [perturbed(model, rows, radius=radius, rng=rng) for _ in range(NEIGHBOURS)]
    found = contributions(
        model.folder,
        model.schema,
        pl.concat([rows, *close], how="vertical_relaxed"),
        predict=model.predict,
        background=model.sample,
        rng=rng,
    )
    size = found.size().reshape(NEIGHBOURS + 1, rows.height, width)
    leading = np.argsort(-size, axis=2, kind="stable")[:, :, :top]
    member = np.zeros(size.shape, dtype=bool)
    np.put_along_axis(member, leading, values=True, axis=2)
    agreement = (member[1:] & member[0]).sum(axis=2) / top
    answer = decisions(model, rows)
    same = np.stack([decisions(model, each) == answer for each in close])
    counts = same.sum(axis=0)
    if not counts.any():
        raise NotMeasurable("no close row keeps its answer", where="explanation", expected="a smaller radius")
    each = (agreement * same).sum(axis=0)[counts > 0] / counts[counts > 0]
    notes = {
        "k": top,
        "radius": radius,
        "chance": top / width,
        "answers changed": float(1.0 - same.mean()),
        "estimated": found.estimated,
    }
    return mean_over_rows(each, confidence=confidence, rng=rng, bounds=(0.0, 1.0), notes=notes)
