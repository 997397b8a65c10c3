"""Log loss of two and of several classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration, sigmoid, softmax
from holdfast.core.errors import ExportFailed

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet

_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Binary:
    """Log loss of the second class of two; the margin (n, 1) is its log-odds."""

    name: str = "binary"
    task: str = "binary"
    outputs: int = 1
    options: Mapping[str, float] = field(default_factory=dict)
    line: Calibration = field(default_factory=Calibration)

    def start(self, sheet: Sheet) -> np.ndarray:
        """Log-odds of the share."""
        share = float(np.clip(np.average(sheet.target, weights=sheet.weights), 1e-9, 1 - 1e-9))
        return np.array([np.log(share) - np.log1p(-share)])

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Log loss of each row."""
        signed = np.where(sheet.target == 1, margin[:, 0], -margin[:, 0])
        return np.asarray(np.logaddexp(0.0, -signed))

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Probability less truth; its variance."""
        probability = sigmoid(margin)
        return probability - sheet.target[:, None], probability * (1.0 - probability)

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Probabilities (n, 2)."""
        positive = sigmoid(margin[:, 0])
        return np.column_stack([1.0 - positive, positive])

    def nodes(self, graph: Graph, margin: str) -> str:
        """Nothing: classes have outputs of their own."""
        raise ExportFailed("classes have no prediction", where=f"{margin} of {type(graph).__name__}")


@dataclass(frozen=True, slots=True)
class Multiclass:
    """Log loss of several classes; the margin (n, classes) are logits."""

    outputs: int
    name: str = "multiclass"
    task: str = "multiclass"
    options: Mapping[str, float] = field(default_factory=dict)
    line: Calibration = field(default_factory=Calibration)

    def start(self, sheet: Sheet) -> np.ndarray:
        """Logarithms of the shares."""
        shares = np.bincount(sheet.target, weights=sheet.weights, minlength=self.outputs) / sheet.weights.sum()
        return np.asarray(np.log(np.clip(shares, 1e-9, 1.0)))

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Log loss of each row."""
        probabilities = softmax(margin)
        return np.asarray(-np.log(np.clip(probabilities[np.arange(sheet.n), sheet.target], _TINY, 1.0)))

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities less truth; their variances."""
        probabilities = softmax(margin)
        truth = np.zeros_like(probabilities)
        truth[np.arange(sheet.n), sheet.target] = 1.0
        return probabilities - truth, probabilities * (1.0 - probabilities)

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes)."""
        return softmax(margin)

    def nodes(self, graph: Graph, margin: str) -> str:
        """Nothing: classes have outputs of their own."""
        raise ExportFailed("classes have no prediction", where=f"{margin} of {type(graph).__name__}")
