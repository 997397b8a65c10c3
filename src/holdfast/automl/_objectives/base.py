"""What an objective is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from holdfast.automl._answers import Calibration
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet


class Objective(Protocol):
    """What a task minimises, and how a margin becomes an answer.

    A margin is (n, outputs) float64: log-odds, logits, a standardised number, the logarithm of a rate, ... Members of
    an ensemble are averaged as margins; `line` is laid over the average, and `answers` comes last.
    """

    @property
    def name(self) -> str:
        """Of the loss: binary, multiclass, squared, quantile, poisson, ranking, aft. Learners know it by this."""
        ...

    @property
    def task(self) -> str:
        """Task of the contract."""
        ...

    @property
    def outputs(self) -> int:
        """Width of the margin."""
        ...

    @property
    def options(self) -> Mapping[str, float]:
        """Numbers that the loss needs (the level of a quantile); empty for most."""
        ...

    @property
    def line(self) -> Calibration:
        """What a margin goes through where nothing was calibrated: the target's own scale, or none."""
        ...

    def start(self, sheet: Sheet) -> np.ndarray:
        """Return the constant margin (outputs,) of the least loss: what a model without features answers."""
        ...

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Loss of each row, shape (n,), for a margin before `line`."""
        ...

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivative of each row's loss by its margin, unweighted: (n, outputs) float64 each."""
        ...

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Answers for a margin after its line: probabilities (n, classes), or predictions (n,)."""
        ...

    def nodes(self, graph: Graph, margin: str) -> str:
        """Add what turns the margin (n, 1), after its line, into a prediction (n, 1); not where there are classes."""
        ...
