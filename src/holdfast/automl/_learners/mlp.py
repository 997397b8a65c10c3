"""A network for tables: several small ones side by side, over features and bins or waves of their numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners._mlp_batches import Batches, inner_split
from holdfast.automl._learners._mlp_features import EMBEDDINGS, Features
from holdfast.automl._learners._mlp_net import Net, Shape, Trained
from holdfast.automl._learners.base import Config, Explained, Setup

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet

#: Names that a configuration may set, and what they are where it does not.
DEFAULTS: dict[str, Any] = {
    "members": 8,
    "width": 64,
    "depth": 2,
    "embedding": "bins",
    "parts": 16,
    "dropout": 0.15,
    "rate": 0.02,
    "decay": 0.01,
    "batch": 256,
}
#: Greatest number of rounds, and rounds without a lower held-out loss before a fit ends.
MOST_ROUNDS = 300
PATIENCE = 12
#: Weights that a graph may have: 1.8 MB of them.
MOST_WEIGHTS = 450_000
#: Bytes of the weights that are kept of earlier rounds.
_MOST_KEPT = 64_000_000
#: Held-out rows that are looked at after a round.
_WATCHED = 16_384
_BLOCK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class MLPFit:
    """A fitted network.

    Parameters
    ----------
    features
        What it sees of a row.
    shape
        Its sizes.
    snapshots
        Shape (count,) float32 each: the running mean of all weights after each round.
    curve
        Mean held-out loss after each round; None where it was not taken.
    """

    features: Features
    shape: Shape
    snapshots: tuple[np.ndarray, ...]
    curve: np.ndarray | None = None

    @property
    def rounds(self) -> int | None:
        """Number of rounds made."""
        return len(self.snapshots)

    def _trained(self, rounds: int | None) -> Trained:
        return Trained.of(self.shape, self.snapshots[min(rounds or len(self.snapshots), len(self.snapshots)) - 1])

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Mean margin of the members, after so many rounds."""
        return _margin(self.features, self._trained(rounds), matrix)

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """Products, sums and sigmoids."""
        return self._trained(rounds).nodes(graph, self.features.nodes(graph, inside))

    def size(self, *, rounds: int | None = None) -> int:
        """Four bytes a weight, whatever the rounds."""
        del rounds
        return 4 * self.shape.count + self.features.size() + 2500

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """None: a network has no exact contributions."""
        del rounds
        return None


class MLP:
    """Small networks side by side, in torch on the processor."""

    name = "mlp"
    kind = "linear"

    def refuses(self, setup: Setup, *, n: int, width: int) -> str | None:
        """Monotone signs, fewer than 20 rows, and more features than a small network can have."""
        if setup.monotone is not None and any(setup.monotone):
            return "a network cannot promise a monotone answer"
        if n < 20:
            return f"{n} rows are too few for a network"
        if width * 32 > MOST_WEIGHTS:
            return f"{width} features make too large a network (at most {MOST_WEIGHTS // 32})"
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
    ) -> MLPFit:
        """Fit round by round; a round is one pass over the rows, but at least over 1,024 and at most over 32,768.

        `params`: ``members`` networks of ``depth`` hidden layers of ``width`` units; ``embedding`` of numbers
        (``none``, ``bins``, ``waves``) in so many ``parts``; ``dropout``, ``rate`` of learning, ``decay`` of weights,
        rows of a ``batch``. Sizes shrink where a graph would have more than `MOST_WEIGHTS`.

        It ends where `PATIENCE` rounds bring nothing, and within a round at the deadline. Without `held` and `rounds`
        it watches 15 % of the rows, chosen by the seed, and keeps the best round.
        """
        asked = _asked(config)
        fixed = rounds or config.rounds
        inner = held is None and fixed is None
        watched = held
        if inner:
            train, watched = inner_split(train, setup)
        with _threads(setup.threads):
            fitted = _fit(asked, train, setup, deadline=deadline, watched=watched, fixed=fixed)
        if inner and fitted.curve is not None:
            best = int(np.argmin(fitted.curve)) + 1
            return MLPFit(fitted.features, fitted.shape, fitted.snapshots[:best])
        return fitted


@dataclass(frozen=True, slots=True)
class _Asked:
    members: int
    width: int
    depth: int
    embedding: str
    parts: int
    dropout: float
    rate: float
    decay: float
    batch: int


def _asked(config: Config) -> _Asked:
    unknown = sorted(set(config.params) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"parameters of a network {unknown} are not among {sorted(DEFAULTS)}")
    made = _Asked(**{**DEFAULTS, **config.params})
    if min(made.members, made.width, made.depth, made.batch) < 1 or made.parts < 0:
        raise ValueError(f"members, width, depth, batch >= 1 and parts >= 0 must hold, got {made}")
    if made.embedding not in EMBEDDINGS:
        raise ValueError(f"embedding of {EMBEDDINGS}, got {made.embedding!r}")
    if not (0.0 <= made.dropout < 1.0 and made.rate > 0.0 and made.decay >= 0.0):
        raise ValueError(f"0 <= dropout < 1, rate > 0 and decay >= 0 must hold, got {made}")
    return made


def _shape(asked: _Asked, features: int, outputs: int) -> tuple[int, int]:
    """Members and width that the raw features leave room for."""
    members, width = asked.members, asked.width
    while features * members * width > MOST_WEIGHTS * 0.8 and (members > 2 or width > 16):
        members, width = max(2, members // 2) if members >= width // 8 else members, max(16, width * 3 // 4)
    del outputs
    return members, width


def _fit(
    asked: _Asked, train: Sheet, setup: Setup, *, deadline: Deadline, watched: Sheet | None, fixed: int | None
) -> MLPFit:
    objective = setup.objective
    members, width = _shape(asked, train.width, objective.outputs)
    room = (MOST_WEIGHTS - (asked.depth - 1) * members * width**2) // (members * width)
    features = Features.of(train.matrix, embedding=asked.embedding, parts=asked.parts, most=room)
    shape = Shape(features.wide, members, width, asked.depth, objective.outputs)
    batches = Batches(train, objective, most=asked.batch, members=members)
    net = Net(
        shape,
        scale=features.weight(),
        start=objective.start(train),
        rate=asked.rate,
        decay=asked.decay,
        dropout=asked.dropout,
        batch=batches.most_rows,
        seed=setup.seed,
    )
    watch = None if watched is None else _watched(watched, setup.seed)
    most = fixed or min(MOST_ROUNDS, max(20, _MOST_KEPT // (4 * shape.count)))
    snapshots: list[np.ndarray] = []
    losses: list[float] = []
    while len(snapshots) < most:
        if not _round(net, batches, features, deadline) and snapshots:
            break
        snapshots.append(net.mean.numpy().copy())
        if watch is not None:
            margin = _margin(features, Trained.of(shape, snapshots[-1]), watch.matrix)
            losses.append(float(np.average(objective.losses(margin, watch), weights=watch.weights)))
        if not np.isfinite(snapshots[-1]).all() or not np.isfinite(losses[-1:]).all():
            raise ArithmeticError(f"the weights of the network ran away in round {len(snapshots)}")
        if deadline.passed or (watch is not None and fixed is None and _stalled(losses)):
            break
    return MLPFit(features, shape, tuple(snapshots), np.array(losses) if watch is not None else None)


def _round(net: Net, batches: Batches, features: Features, deadline: Deadline) -> bool:
    """Whether the whole round was made before the deadline."""
    for batch in batches.round(net.shuffled):
        if deadline.passed:
            return False
        net.step(features.see(batch.matrix), batch.slope)
    return True


def _stalled(losses: list[float]) -> bool:
    return len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE


def _watched(held: Sheet, seed: int) -> Sheet:
    if held.n <= _WATCHED or held.group is not None:
        return held
    return held.take(np.sort(np.random.default_rng(seed).permutation(held.n)[:_WATCHED]))


def _margin(features: Features, trained: Trained, matrix: np.ndarray) -> np.ndarray:
    made = np.empty((len(matrix), trained.shape.outputs))
    for first in range(0, len(matrix), _BLOCK):
        part = slice(first, first + _BLOCK)
        made[part] = trained.margin(features.see(matrix[part]))
    return made


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
