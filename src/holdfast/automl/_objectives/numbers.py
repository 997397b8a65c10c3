"""Squared error of a standardised number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet


@dataclass(frozen=True, slots=True)
class Squared:
    """Squared error of a standardised number; `line` brings the margin (n, 1) back to the target's unit."""

    line: Calibration
    task: str = "regression"
    name: str = "squared"
    outputs: int = 1
    options: Mapping[str, float] = field(default_factory=dict)

    def start(self, sheet: Sheet) -> np.ndarray:
        """Return the mean."""
        return np.array([np.average(sheet.target, weights=sheet.weights)])

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Squared error of each row."""
        return np.asarray((margin[:, 0] - sheet.target) ** 2)

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Twice the error; 2."""
        return 2.0 * (margin - sheet.target[:, None]), np.full_like(margin, 2.0)

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Return the margin itself, (n,)."""
        return margin[:, 0]

    def nodes(self, graph: Graph, margin: str) -> str:
        """Nothing to add."""
        del graph
        return margin
