"""Soft targets: what a student learns from a teacher's answers instead of the truth.

References
----------
G. Hinton, O. Vinyals, J. Dean (2015), "Distilling the knowledge in a neural network", arXiv:1503.02531.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration, sigmoid, softmax

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._objectives.base import Objective
    from holdfast.automl._sheet import Sheet

_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Soft:
    """Cross-entropy against a teacher's probabilities, or squared distance from its margin.

    The learner is handed row numbers as the target; the teacher's answers lie here.

    Parameters
    ----------
    base
        Objective of the task.
    margins
        Shape (rows, outputs): the teacher's margins, by row number.
    """

    base: Objective
    margins: np.ndarray
    name: str = "soft"

    @property
    def task(self) -> str:
        """Task of the contract."""
        return self.base.task

    @property
    def outputs(self) -> int:
        """Width of the margin."""
        return self.base.outputs

    @property
    def options(self) -> Mapping[str, float]:
        """None."""
        return {}

    @property
    def line(self) -> Calibration:
        """Line of the task."""
        return self.base.line

    def _taught(self, sheet: Sheet) -> np.ndarray:
        return np.asarray(self.margins[sheet.target.astype(np.int64)])

    def start(self, sheet: Sheet) -> np.ndarray:
        """Mean of the teacher's margins."""
        return np.asarray(np.average(self._taught(sheet), axis=0, weights=sheet.weights))

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Cross-entropy of each row, or half the squared distance."""
        taught = self._taught(sheet)
        if self.base.name == "binary":
            share = sigmoid(taught[:, 0])
            return np.asarray(np.logaddexp(0.0, margin[:, 0]) - share * margin[:, 0])
        if self.base.name == "multiclass":
            return np.asarray(-(softmax(taught) * np.log(np.clip(softmax(margin), _TINY, 1.0))).sum(axis=1))
        return np.asarray(0.5 * ((margin - taught) ** 2).sum(axis=1))

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Answer less the teacher's; its variance."""
        taught = self._taught(sheet)
        if self.base.name == "binary":
            share = sigmoid(margin)
            return share - sigmoid(taught), share * (1.0 - share)
        if self.base.name == "multiclass":
            share = softmax(margin)
            return share - softmax(taught), share * (1.0 - share)
        return margin - taught, np.ones_like(margin)

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Answers of the task."""
        return self.base.answers(margin)

    def nodes(self, graph: Graph, margin: str) -> str:
        """Nodes of the task."""
        return self.base.nodes(graph, margin)
