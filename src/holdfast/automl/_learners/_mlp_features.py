"""What a network sees of a row: its features, and beside each number what a network is slow to make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

EMBEDDINGS = ("none", "bins", "waves")
#: Different values from which a feature is a number.
LEAST_VALUES = 4
#: Bins of the ranks that waves are laid over.
_RANKS = 32
#: Rows from which values are counted and bins are cut.
_SEEN = 20_000
#: What a bin, and the first wave, are multiplied by at first, beside a feature itself: a network starts nearly linear.
_BIN, _WAVE = 0.3, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The features of a row, and behind them bins or waves of its numbers.

    A bin is how far a number has come from its lower edge to its upper one, from -1/2 to 1/2 (Gorishniy, Rubachev,
    Babenko 2022, "On embeddings for numerical features in tabular deep learning"). The mean of a number's bins is its
    rank; waves are cosines of that, half a period, a whole one, and so on.

    Parameters
    ----------
    width
        Number of features.
    column, middle, slope
        Shape (bins,): which feature a bin is of (int64), its middle, and one by its width (float32).
    rank
        Shape (bins, numbers) float32: brings bins to ranks; None where the bins themselves are seen.
    waves
        Number of waves of each number; 0 where there are none.
    """

    width: int
    column: np.ndarray
    middle: np.ndarray
    slope: np.ndarray
    rank: np.ndarray | None = None
    waves: int = 0

    @classmethod
    def of(cls, matrix: np.ndarray, *, embedding: str, parts: int, most: int) -> Features:
        """Look at training rows.

        Parameters
        ----------
        matrix
            Shape (n, d) float32.
        embedding
            ``none``, ``bins`` or ``waves``.
        parts
            Number of bins, or of waves, of each number.
        most
            Width that is not to be passed: fewer parts then, or none.
        """
        seen = matrix if len(matrix) <= _SEEN else matrix[np.linspace(0, len(matrix) - 1, _SEEN).astype(np.int64)]
        width = matrix.shape[1]
        numbers = [] if embedding == "none" else [each for each in range(width) if _is_number(seen[:, each])]
        parts = min(parts, (most - width) // len(numbers)) if numbers else 0
        if parts < 2:
            none = np.zeros(0, np.float32)
            return cls(width, np.zeros(0, np.int64), none, none)
        edges = [_edges(seen[:, each], _RANKS if embedding == "waves" else parts) for each in numbers]
        column = np.repeat(np.array(numbers, dtype=np.int64), [len(each) - 1 for each in edges])
        low, high = (np.concatenate(ends) for ends in zip(*((each[:-1], each[1:]) for each in edges), strict=True))
        middle, slope = (low + high) / 2.0, 1.0 / (high - low)
        rank = None
        if embedding == "waves":
            belongs = column[:, None] == np.array(numbers)
            rank = (belongs / belongs.sum(axis=0)).astype(np.float32)
        waves = parts if embedding == "waves" else 0
        return cls(width, column, middle.astype(np.float32), slope.astype(np.float32), rank, waves)

    @property
    def wide(self) -> int:
        """Number of all that is seen."""
        return self.width + (len(self.column) if self.rank is None else self.rank.shape[1] * self.waves)

    def weight(self) -> np.ndarray:
        """What the first layer begins to make of each, (wide,) float32."""
        made = np.ones(self.wide, dtype=np.float32)
        if self.rank is None:
            made[self.width :] = _BIN
        else:
            made[self.width :] = np.tile(_WAVE / np.arange(1, self.waves + 1), self.rank.shape[1])
        return made

    def see(self, matrix: np.ndarray) -> np.ndarray:
        """All that is seen of rows, (n, wide) float32."""
        if not len(self.column):
            return matrix
        bins = np.clip((matrix[:, self.column] - self.middle) * self.slope, np.float32(-0.5), np.float32(0.5))
        if self.rank is not None:
            angles = (bins @ self.rank)[:, :, None] * self._turns() + self._turns() / np.float32(2.0)
            bins = np.cos(angles).reshape(len(matrix), -1)
        return np.concatenate([matrix, bins], axis=1)

    def nodes(self, graph: Graph, inside: str) -> str:
        """Add what does the same; its name."""
        if not len(self.column):
            return inside
        cells = graph.add("Gather", inside, graph.constant(self.column), axis=1)
        moved = graph.add("Sub", cells, graph.constant(self.middle))
        sloped = graph.add("Mul", moved, graph.constant(self.slope))
        bins = graph.add("Clip", sloped, graph.number(-0.5), graph.number(0.5))
        if self.rank is not None:
            ranks = graph.add("Unsqueeze", graph.add("MatMul", bins, graph.constant(self.rank)), graph.whole(2))
            turned = graph.add("Mul", ranks, graph.constant(self._turns()))
            angles = graph.add("Add", turned, graph.constant(self._turns() / np.float32(2.0)))
            flat = graph.whole(-1, self.rank.shape[1] * self.waves)
            bins = graph.add("Reshape", graph.add("Cos", angles), flat)
        return graph.concat([inside, bins])

    def size(self) -> int:
        """Bytes of the constants."""
        rank = 0 if self.rank is None else self.rank.size
        return 16 * len(self.column) + 4 * rank

    def _turns(self) -> np.ndarray:
        return (np.pi * np.arange(1, self.waves + 1)).astype(np.float32)


def _is_number(values: np.ndarray) -> bool:
    return len(np.unique(values)) >= LEAST_VALUES


def _edges(values: np.ndarray, parts: int) -> np.ndarray:
    # Quantiles; where one value is that of many rows, fewer bins than asked for are left.
    quantiles = np.unique(np.quantile(values.astype(np.float64), np.linspace(0.0, 1.0, parts + 1)))
    apart = np.diff(quantiles) > 1e-4 * max(1e-6, float(quantiles[-1] - quantiles[0]))
    return np.asarray(quantiles[np.append(apart, True)] if apart.any() else quantiles[[0, -1]])
