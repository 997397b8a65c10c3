"""Margins from answers: the space in which contributions add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema

#: Tasks whose prediction is the exponential of the margin.
_EXPONENTIAL = ("count", "survival")
#: Probabilities are taken this far from 0 and 1: 32 bits say no more.
EDGE = 1e-7


def margin_of(score: np.ndarray, schema: ModelSchema) -> np.ndarray:
    """Margin of answers: logit of the positive class, centred logarithms of several classes, or the prediction.

    Of counts and times it is the prediction's logarithm.

    Parameters
    ----------
    score
        Shape (n, classes) or (n,).
    schema
        What the model gives.

    Returns
    -------
    numpy.ndarray
        Shape (n, outputs) float64; outputs is the number of classes where there are more than two, else 1.
    """
    if schema.task == "binary":
        place = schema.classes.index(schema.positive) if schema.positive is not None else 1
        positive = np.clip(score[:, place].astype(np.float64), EDGE, 1.0 - EDGE)
        return np.asarray(np.log(positive) - np.log1p(-positive)).reshape(-1, 1)
    if schema.task == "multiclass":
        logs = np.log(np.clip(score.astype(np.float64), EDGE, 1.0))
        return np.asarray(logs - logs.mean(axis=1, keepdims=True))
    wide = score.astype(np.float64).reshape(-1, 1)
    return np.log(np.maximum(wide, np.finfo(np.float32).tiny)) if schema.task in _EXPONENTIAL else wide


def answer_of(margin: np.ndarray, schema: ModelSchema) -> np.ndarray:
    """Answers of a margin (n, outputs): (n, classes) or (n,), what the graph should give."""
    if schema.task == "binary":
        with np.errstate(over="ignore"):
            positive = 1.0 / (1.0 + np.exp(-margin[:, 0]))
        made = [1.0 - positive, positive]
        last = schema.positive is None or schema.classes.index(schema.positive) == 1
        return np.column_stack(made if last else made[::-1])
    if schema.task == "multiclass":
        raised = np.exp(margin - margin.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))
    return np.asarray(np.exp(margin[:, 0])) if schema.task in _EXPONENTIAL else margin[:, 0]
