"""Prediction drift: whether the model answers otherwise than it did when it was judged."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Scored, Window
from holdfast.observe._drift import widened


@measure(
    "prediction_drift",
    unit="number",
    range=(0, None),
    better="lower",
    stages=("live",),
    subject="window",
    source="B. Yurdakul, J. Naranjo (2020), Statistical properties of the population stability index, JRMV 14",
)
def prediction_drift(
    window: Window, *, bins: float = 10, confidence: float = 0.95, rng: np.random.Generator | None = None
) -> Value:
    """Population stability index of the model's answers; labels are not needed.

    Parameters
    ----------
    window
        Answers on reference rows (the held-out ones) beside those in the window. A binary task is looked at by the
        probability of its positive class, several classes by the class decided for, other tasks by the prediction.
    bins
        Bins for numbers, at least 2.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of the bootstrap; None for a fixed seed.

    Returns
    -------
    Value
        At least 0, with a parametric bootstrap interval; n is the number of answers in the window.

    Raises
    ------
    NotMeasurable
        If there are no answers on either side.
    """
    from holdfast.stats import distances

    known = window.reference_scored
    if known is None or window.current_score is None or known.n == 0 or len(window.current_score) == 0:
        raise NotMeasurable("no answers beside each other", where="prediction_drift", expected="scores on both sides")
    first, second = _answers(known, window)
    return widened(
        distances.psi, first, second, confidence=confidence, rng=rng or np.random.default_rng(0), bins=int(bins)
    )


def _answers(known: Scored, window: Window) -> tuple[pl.Series, pl.Series]:
    current = np.asarray(window.current_score)
    if known.task == "multiclass":
        names = np.asarray(known.classes, dtype=object)
        return tuple(pl.Series(names[each.argmax(axis=1)].tolist()) for each in (known.score, current))  # type: ignore[return-value]  # two of them
    if known.score.ndim == 2:
        place = known.classes.index(known.positive) if known.positive is not None else len(known.classes) - 1
        return pl.Series(known.score[:, place]), pl.Series(current[:, place])
    return pl.Series(known.score), pl.Series(current)
