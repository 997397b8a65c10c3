"""Nearest neighbours: what the most similar training rows answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners._neighbours_rows import Grid, chosen, nearest, relevance
from holdfast.automl._learners.base import Config, Explained, Setup

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet

#: Names that a configuration may set, and what they are where it does not.
DEFAULTS: dict[str, Any] = {
    "k": 25,
    "weights": "distance",
    "scaling": "information",
    "most_rows": 3000,
    "shrink": 1.0,
}
WEIGHTS = ("uniform", "distance")
SCALINGS = ("none", "correlation", "information")
#: Bytes that the rows may take in a graph, and features beyond which too few rows would fit.
MOST_BYTES = 1_400_000
MOST_WIDTH = 4000
_OBJECTIVES = ("binary", "multiclass", "squared")
#: Rows whose neighbours say how far a neighbour is.
_ASKED = 300
#: Rows that are compared at a time.
_BLOCK = 1024
_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class NeighboursFit:
    """Training rows on a grid, with what they answered.

    The score of a training row for a row is ``2 x p - |p|^2`` in whole numbers that 32-bit floats hold exactly: the
    squared distance is what is left of ``|x|^2``. So the same rows are nearest whatever computes it, and of rows that
    are equally near the one that comes first in the training rows is nearer.

    Parameters
    ----------
    grid
        How rows are brought to whole numbers.
    points
        Shape (m, d), int8 or int16: the training rows that are kept.
    hits
        Shape (m, sums) float32: what each row adds to each sum. Two classes: for the second, for the first; several:
        one each; a number: weight times number, weight.
    base
        Shape (sums,) float32: what stands in the sums before a row is added.
    k
        Number of neighbours.
    fade
        What a squared distance is multiplied by before its exponential is the weight of a neighbour; 0 for weights that
        are alike.
    kind
        Name of the objective.
    """

    grid: Grid
    points: np.ndarray
    hits: np.ndarray
    base: np.ndarray
    k: int
    fade: float
    kind: str

    @property
    def rounds(self) -> int | None:
        """None: there are none."""
        return None

    @property
    def curve(self) -> np.ndarray | None:
        """None: it is not taken."""
        return None

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Smoothed log-odds, logarithms of shares, or the mean, of the neighbours."""
        del rounds
        made = np.empty((len(matrix), self.hits.shape[1] if self.kind == "multiclass" else 1))
        points = self.points.astype(np.float32)
        lengths = (points**2).sum(axis=1)
        for first in range(0, len(matrix), _BLOCK):
            part = slice(first, first + _BLOCK)
            placed = self.grid.place(matrix[part])
            distances, which = nearest(placed, points, lengths, k=self.k)
            near = np.exp(np.float32(self.fade) * distances)
            sums = (near[:, :, None] * self.hits[which]).sum(axis=1) + self.base
            made[part] = self._answer(sums)
        return made

    def _answer(self, sums: np.ndarray) -> np.ndarray:
        wide = sums.astype(np.float64)
        if self.kind == "multiclass":
            return np.asarray(np.log(wide))
        if self.kind == "binary":
            return np.asarray(np.log(wide[:, :1]) - np.log(wide[:, 1:]))
        return np.asarray(wide[:, :1] / wide[:, 1:])

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """Scores by one product, the best of them, and what their rows answered."""
        del rounds
        placed = self.grid.nodes(graph, inside)
        points = graph.cast(graph.constant(np.ascontiguousarray(self.points.T)))
        lengths = graph.constant(-(self.points.astype(np.float32) ** 2).sum(axis=1))
        scores = graph.add("Gemm", graph.add("Add", placed, placed), points, lengths)
        best, which = graph.several("TopK", scores, graph.whole(self.k), outputs=2, axis=1, largest=1, sorted=1)
        hits = graph.add("Gather", graph.constant(self.hits), which, axis=0)
        if self.fade:
            length = graph.add("ReduceSumSquare", placed, axes=[1], keepdims=1)
            distances = graph.add("Sub", length, best)
            near = graph.add("Exp", graph.add("Mul", distances, graph.number(self.fade)))
            hits = graph.add("Mul", hits, graph.add("Unsqueeze", near, graph.whole(2)))
        sums = graph.add("Add", graph.add("ReduceSum", hits, graph.whole(1), keepdims=0), graph.constant(self.base))
        return self._answer_nodes(graph, sums)

    def _answer_nodes(self, graph: Graph, sums: str) -> str:
        if self.kind == "multiclass":
            return graph.add("Log", sums)
        first, second = graph.several("Split", sums, graph.whole(1, 1), outputs=2, axis=1)
        if self.kind == "binary":
            return graph.add("Sub", graph.add("Log", first), graph.add("Log", second))
        return graph.add("Div", first, second)

    def size(self, *, rounds: int | None = None) -> int:
        """Bytes of the rows and of what they answered."""
        del rounds
        count, width = self.points.shape
        return int(self.points.nbytes) + int(self.hits.nbytes) + 4 * (int(count) + int(width)) + 1500

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """None: neighbours have no exact contributions."""
        del rounds
        return None


class Neighbours:
    """The k nearest training rows."""

    name = "neighbours"
    kind = "linear"

    def refuses(self, setup: Setup, *, n: int, width: int) -> str | None:
        """Other objectives than of classes and of numbers, monotone signs, and features beyond `MOST_WIDTH`."""
        del n
        if setup.objective.name not in _OBJECTIVES:
            return f"neighbours have no answer to a {setup.objective.name} loss"
        if setup.monotone is not None and any(setup.monotone):
            return "neighbours cannot promise a monotone answer"
        if width > MOST_WIDTH:
            return f"{width} features leave room for too few rows (at most {MOST_WIDTH})"
        return None

    def fit(
        self,
        config: Config,
        train: Sheet,
        setup: Setup,
        *,
        deadline: Deadline,
        held: Sheet | None = None,
        rounds: int | None = None,
    ) -> NeighboursFit:
        """Keep rows, and how far a neighbour is.

        `params`: ``k``; ``weights``, ``uniform`` or ``distance`` (a Gaussian of the distance, as wide as the k-th
        neighbour of a training row is far); ``scaling`` of the features by what they say of the target: ``none``,
        ``correlation`` or ``information``; ``most_rows`` to keep; ``shrink``, the number of rows that the share of each
        class, or the mean, stands for.

        It takes a fraction of a second whatever the number of rows; `deadline`, `held` and `rounds` change nothing.
        """
        del deadline, held, rounds
        asked = _asked(config)
        classes = setup.objective.name != "squared"
        # Whole numbers of one byte reach far enough where there are many features.
        most = min(asked.most_rows, max(1, MOST_BYTES // (train.width * (1 if train.width > 350 else 2))))
        kept = chosen(train.target, classes=classes, most=most, seed=setup.seed)
        matrix, target, weights = train.matrix[kept], train.target[kept], train.weights[kept]
        scale = relevance(matrix, target, weights, how=asked.scaling, classes=classes)
        grid = Grid.of(matrix, scale)
        points = grid.place(matrix)
        k = min(asked.k, len(kept))
        fade = _fade(points, k) if asked.weights == "distance" else 0.0
        hits, base = _sums(target, weights / weights.mean(), setup, shrink=asked.shrink)
        whole = points.astype(np.int8 if grid.most <= 127 else np.int16)
        return NeighboursFit(grid, whole, hits, base, k, fade, setup.objective.name)


@dataclass(frozen=True, slots=True)
class _Asked:
    k: int
    weights: str
    scaling: str
    most_rows: int
    shrink: float


def _asked(config: Config) -> _Asked:
    unknown = sorted(set(config.params) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"parameters of neighbours {unknown} are not among {sorted(DEFAULTS)}")
    made = _Asked(**{**DEFAULTS, **config.params})
    if made.weights not in WEIGHTS or made.scaling not in SCALINGS:
        raise ValueError(f"weights of {WEIGHTS} and scaling of {SCALINGS}, got {made.weights!r} and {made.scaling!r}")
    if made.k < 1 or made.most_rows < 1 or not made.shrink > 0.0:
        raise ValueError(f"k, most_rows >= 1 and shrink > 0, got {made.k}, {made.most_rows} and {made.shrink}")
    return made


def _fade(points: np.ndarray, k: int) -> float:
    """What makes the weight of a k-th neighbour exp(-1/2), taken over training rows and their neighbours."""
    asked = points[np.linspace(0, len(points) - 1, min(_ASKED, len(points))).astype(np.int64)]
    # A row is its own nearest: one more is looked for.
    distances, _ = nearest(asked, points, (points**2).sum(axis=1), k=min(k + 1, len(points)))
    width = float(distances[:, -1].astype(np.float64).mean())
    return float(np.float32(-0.5 / width)) if width > 0.0 else 0.0


def _sums(target: np.ndarray, weights: np.ndarray, setup: Setup, *, shrink: float) -> tuple[np.ndarray, np.ndarray]:
    if setup.objective.name == "squared":
        hits = np.column_stack([weights * target, weights])
        base = shrink * np.array([np.average(target, weights=weights), 1.0])
        return hits.astype(np.float32), base.astype(np.float32)
    count = max(2, setup.objective.outputs)
    hits = weights[:, None] * (target[:, None] == np.arange(count))
    shares = np.clip(hits.mean(axis=0), _TINY, None)
    if count == 2 and setup.objective.name == "binary":
        hits, shares = hits[:, ::-1], shares[::-1]
    return hits.astype(np.float32), (shrink * shares).astype(np.float32)
