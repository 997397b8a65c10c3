"""What a metric needs from `Scored`, or one clear reason why it cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.models import CLASSIFICATION

if TYPE_CHECKING:
    from holdfast.core.subjects import Scored

#: Stages at which answers are scored: on held-out rows, and in production when the labels have come.
STAGES = ("candidate", "live")


def decided(scored: Scored, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and decision, class names of shape (n,) each.

    Raises
    ------
    NotMeasurable
        If the task does not classify, or no decisions came with the scores.
    """
    _classifies(scored, name)
    if scored.decision is None:
        raise NotMeasurable(f"{name} without decisions", expected="the class that the model answered with")
    return scored.truth.astype(str), np.asarray(scored.decision).astype(str)


def probabilities(scored: Scored, name: str) -> dict[str, Any]:
    """Arguments of a metric on probabilities: truth, score, classes, positive.

    Raises
    ------
    NotMeasurable
        If the task does not classify.
    """
    _classifies(scored, name)
    return {
        "truth": scored.truth.astype(str),
        "score": scored.score,
        "classes": scored.classes,
        "positive": positive_of(scored),
    }


def numbers(scored: Scored, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction, float64 of shape (n,) each.

    Raises
    ------
    NotMeasurable
        If the task classifies.
    """
    if scored.task in CLASSIFICATION:
        raise NotMeasurable(f"{name} of a {scored.task} task", expected="a task that predicts numbers")
    return scored.truth.astype(np.float64), scored.score


def positive_of(scored: Scored) -> str | None:
    """Positive class of a binary task (the second class where none is named); None for several classes."""
    if scored.task != "binary":
        return None
    return scored.positive if scored.positive is not None else scored.classes[-1]


def count(value: float | None, name: str) -> int | None:
    """Whole number from an option of a promise, where every number is a float.

    Raises
    ------
    InvalidValue
        If it is not a whole number of at least 1.
    """
    if value is None:
        return None
    if value < 1 or value != int(value):
        raise InvalidValue(f"{name}={value:g}", expected="a whole number of at least 1")
    return int(value)


def _classifies(scored: Scored, name: str) -> None:
    if scored.task not in CLASSIFICATION:
        raise NotMeasurable(f"{name} of a {scored.task} task", expected="a task that classifies")
