"""Poisson deviance of a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._answers import Calibration

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet

#: A margin beyond is taken for this one: no count that anything counts is farther out.
CLIP = 30.0


@dataclass(frozen=True, slots=True)
class Poisson:
    """Poisson deviance; the target is a count (at least 0), the margin (n, 1) the logarithm of the expected count.

    Margins beyond `CLIP` are answered, and judged, as `CLIP`; their gradient is that of the edge, which leads back.

    References
    ----------
    J. A. Nelder, R. W. M. Wedderburn (1972), "Generalized linear models", Journal of the Royal Statistical Society A
    135.
    """

    name: str = "poisson"
    task: str = "count"
    outputs: int = 1
    options: Mapping[str, float] = field(default_factory=dict)
    line: Calibration = field(default_factory=Calibration)

    def start(self, sheet: Sheet) -> np.ndarray:
        """Logarithm of the mean."""
        mean = float(np.average(sheet.target, weights=sheet.weights))
        return np.array([np.log(max(mean, np.exp(-CLIP)))])

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Deviance of each row: ``2 (y log(y / mu) - y + mu)``, 0 where the answer is the truth."""
        clipped, truth = _clipped(margin[:, 0]), sheet.target
        least = truth * np.log(np.where(truth > 0.0, truth, 1.0)) - truth
        return np.asarray(np.maximum(2.0 * (np.exp(clipped) - truth * clipped + least), 0.0))

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Twice what was expected less what came; a curvature that no step of Newton overshoots with.

        Where more came than was expected, the second derivative (what was expected) is far too small, and a step of its
        own size ends beyond any count. There it is that of the chord, the logarithmic mean of both: a row's own step
        would then end at what came. It is never below the second derivative, and equal to it where both are one.
        """
        clipped, came = _clipped(margin), sheet.target[:, None]
        expected = np.exp(clipped)
        way = np.log(np.where(came > 0.0, came, 1.0)) - clipped
        more = (came > expected) & (way > 1e-6)
        chord = (came - expected) / np.where(more, way, 1.0)
        return 2.0 * (expected - came), 2.0 * np.where(more, np.maximum(chord, expected), expected)

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Expected counts, (n,)."""
        return np.asarray(np.exp(_clipped(margin[:, 0])))

    def nodes(self, graph: Graph, margin: str) -> str:
        """The exponential of the clipped margin."""
        return exponential(graph, margin, clip=CLIP)


def exponential(graph: Graph, margin: str, *, clip: float) -> str:
    """Add the exponential of a margin (n, 1) that is kept within so much of 0; its name."""
    return graph.add("Exp", graph.add("Clip", margin, graph.number(-clip), graph.number(clip)))


def _clipped(margin: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(margin, -CLIP, CLIP))
