"""Pinball loss: a quantile of a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration
from holdfast.core.errors import InvalidValue

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet


@dataclass(frozen=True, slots=True)
class Quantile:
    """Pinball loss of a standardised number; `line` brings the margin (n, 1) back to the target's unit.

    Parameters
    ----------
    level
        Share of the truth that is to lie at or below the prediction, in (0, 1).
    line
        The target's own spread and mean.

    Raises
    ------
    InvalidValue
        If the level is not above 0 and below 1.

    References
    ----------
    R. Koenker, G. Bassett (1978), "Regression quantiles", Econometrica 46.
    """

    level: float = 0.5
    line: Calibration = field(default_factory=Calibration)
    task: str = "quantile"
    name: str = "quantile"
    outputs: int = 1

    def __post_init__(self) -> None:
        """Check the level."""
        if not 0.0 < self.level < 1.0:
            raise InvalidValue(f"quantile {self.level:g}", expected="a level above 0 and below 1")

    @property
    def options(self) -> Mapping[str, float]:
        """The level."""
        return {"level": self.level}

    def start(self, sheet: Sheet) -> np.ndarray:
        """Weighted quantile of the target: the least value that the share `level` of the weight lies at or below."""
        return np.array([_quantile(sheet.target, sheet.weights, level=self.level)])

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Pinball loss of each row."""
        error = sheet.target - margin[:, 0]
        return np.asarray(np.maximum(self.level * error, (self.level - 1.0) * error))

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Less the level where the margin is below the truth, one less the level where it is above; 1.

        The second derivative is 0 wherever there is one: 1 stands in, so that a step of Newton is a step downhill.
        """
        above = (margin > sheet.target[:, None]).astype(np.float64)
        here = margin == sheet.target[:, None]
        return np.where(here, 0.0, above - self.level), np.ones_like(margin)

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Return the margin itself, (n,)."""
        return margin[:, 0]

    def nodes(self, graph: Graph, margin: str) -> str:
        """Nothing to add."""
        del graph
        return margin

    def covering(self, margin: np.ndarray, sheet: Sheet) -> Calibration:
        """Line that moves a held-out margin until the share `level` of the truth lies at or below it.

        Parameters
        ----------
        margin
            Shape (n, 1): answers for rows that were not learnt from.
        sheet
            Those rows.

        Returns
        -------
        Calibration
            What stands in for `line`: the same spread, the offset moved.

        References
        ----------
        Y. Romano, E. Patterson, E. Candes (2019), "Conformalized quantile regression", NeurIPS; the rank of one more
        row than there are, so that a new row is covered at the level wherever rows can be exchanged.
        """
        level = min(1.0, self.level * (sheet.n + 1) / sheet.n)
        moved = _quantile(sheet.target - margin[:, 0], sheet.weights, level=level)
        return Calibration(self.line.scale, self.line.offset + self.line.scale * moved)


def _quantile(values: np.ndarray, weights: np.ndarray, *, level: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    # A share that only rounding keeps below the level has reached it.
    place = int(np.searchsorted(reached, level * reached[-1] * (1.0 - 1e-12)))
    return float(values[order[min(place, len(values) - 1)]])
