"""Sheets: an encoded matrix with what belongs to its rows; what every learner is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(slots=True, eq=False)
class Sheet:
    """An encoded matrix with what belongs to its rows.

    Parameters
    ----------
    matrix
        Shape (n, d) float32; a ``tree`` matrix may hold NaN, a ``linear`` one never does.
    target
        Shape (n,): class codes (int64), or numbers in the objective's own unit (float64).
    weights
        Shape (n,) float64, positive.
    group
        Shape (n,) int64: which query a row belongs to; None where the task has none.
    event
        Shape (n,) bool: whether what is waited for came; None but for survival.
    parent, rows
        The sheet that this one was taken from, and which of its rows (int64).
    kept
        What a learner keeps between fits on this sheet (a binned copy), by its own name.
    """

    matrix: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    group: np.ndarray | None = None
    event: np.ndarray | None = None
    parent: Sheet | None = None
    rows: np.ndarray | None = None
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.target)

    @property
    def width(self) -> int:
        """Number of encoded features."""
        return int(self.matrix.shape[1])

    def take(self, rows: np.ndarray) -> Sheet:
        """Return the sheet of some rows, by index."""
        return Sheet(
            self.matrix[rows],
            self.target[rows],
            self.weights[rows],
            group=None if self.group is None else self.group[rows],
            event=None if self.event is None else self.event[rows],
            parent=self,
            rows=rows,
        )

    def with_target(self, target: np.ndarray) -> Sheet:
        """Return the same rows with another target, nothing kept."""
        return Sheet(self.matrix, target, self.weights, group=self.group, event=self.event)
