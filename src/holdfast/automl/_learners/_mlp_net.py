"""A network of several small ones that are trained side by side, and what is left of it when it is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: Rates of learning beside that of the weights: of biases, and of what features are multiplied by first.
_BIAS, _SCALE = 0.1, 6.0
_FIRST, _SECOND, _TINY = 0.9, 0.95, 1e-8
#: Share of the mean weights that a step leaves as they were.
_KEEP = 0.99
#: Numbers that masks are cut from.
_POOL = 1 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network.

    Parameters
    ----------
    wide
        Number of inputs.
    members, width, depth
        Number of small networks, and of the hidden layers of each and the units of these.
    outputs
        Width of the margin.
    """

    wide: int
    members: int
    width: int
    depth: int
    outputs: int

    def parts(self) -> list[tuple[int, ...]]:
        """Shapes of weights and biases in order: first layer, hidden layers, outputs, and the scale of the inputs."""
        members, width, outputs = self.members, self.width, self.outputs
        hidden = [(members, width, width), (members, 1, width)] * (self.depth - 1)
        first = [(self.wide, members * width), (members * width,)]
        return [*first, *hidden, (members, width, outputs), (members, 1, outputs), (self.wide,)]

    @property
    def count(self) -> int:
        """Number of weights."""
        return sum(math.prod(each) for each in self.parts())

    def cut(self, flat: Any) -> list[Any]:
        """Views of a flat vector, in the shapes of `parts`."""
        made, first = [], 0
        for shape in self.parts():
            made.append(flat[first : first + math.prod(shape)].reshape(shape))
            first += math.prod(shape)
        return made


class Net:
    """A network in training: NTK-parametrised layers, SiLU, dropout, AdamW, and a running mean of the weights.

    The margin of a member is trained on its own, so that the members stay unlike. Weights of a layer are divided by the
    root of its inputs and inputs have a scale that learns fast (Holzmueller, Grinsztajn, Steinwart 2024, "Better by
    default: strong pre-tuned MLPs and boosted trees on tabular data"); members share nothing but the rows (Gorishniy et
    al. 2025, "TabM": with sharing, these sizes learn slower). The derivatives are written out: in layers this small the
    bookkeeping of automatic ones costs more than the arithmetic.

    Parameters
    ----------
    shape
        Sizes.
    scale
        Shape (wide,) float32: what inputs are multiplied by at first.
    start
        Shape (outputs,): margin at first.
    rate, decay, dropout
        Of learning, of weights, and the share of hidden units that a step leaves out.
    batch
        Greatest number of rows of a step.
    seed
        Of everything random.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        scale: np.ndarray,
        start: np.ndarray,
        rate: float,
        decay: float,
        dropout: float,
        batch: int,
        seed: int,
    ) -> None:
        import torch

        self.shape = shape
        self.generator = torch.Generator().manual_seed(seed)
        self.weights = torch.randn(shape.count, generator=self.generator)
        self.gradient = torch.zeros(shape.count)
        self._parts, self._slopes = shape.cut(self.weights), shape.cut(self.gradient)
        self._parts[-3].zero_()
        self._parts[-2].copy_(torch.from_numpy(start.astype(np.float32)).expand_as(self._parts[-2]))
        self._parts[-1].copy_(torch.from_numpy(scale))
        self.mean = self.weights.clone()
        self._moments = torch.zeros(2, shape.count)
        self._rate, self._decay = rate, decay
        self._rates = torch.ones(shape.count)
        for part in shape.cut(self._rates)[1::2]:
            part.fill_(_BIAS)
        shape.cut(self._rates)[-1].fill_(_SCALE)
        self._decays = torch.ones(shape.count)
        for part in (*shape.cut(self._decays)[1::2], shape.cut(self._decays)[-1]):
            part.zero_()
        self._steps = 0
        cells = max(_POOL, 2 * batch * shape.members * shape.width)
        self._pool = None
        if dropout > 0.0:
            kept = torch.rand(cells, generator=self.generator) >= dropout
            self._pool = kept.to(torch.float32) / (1.0 - dropout)

    def shuffled(self, count: int) -> np.ndarray:
        """Order of so many rows, int64."""
        import torch

        return np.asarray(torch.randperm(count, generator=self.generator).numpy())

    def step(self, seen: np.ndarray, slope: Any) -> None:
        """Learn from some rows.

        Parameters
        ----------
        seen
            Shape (rows, wide) float32.
        slope
            Told the margins (members, rows, outputs) float32, gives the derivative of the loss by them, float32.
        """
        import torch

        with torch.no_grad():
            inputs = torch.from_numpy(seen)
            margins, tape = self._forward(inputs)
            asked = torch.from_numpy(slope(margins.numpy())) / len(seen)
            self._backward(inputs, tape, asked)
            self._learn()

    def _mask(self, hidden: Any) -> Any:
        import torch

        if self._pool is None:
            return None
        cells = hidden.numel()
        first = int(torch.randint(len(self._pool) - cells + 1, (1,), generator=self.generator))
        return self._pool[first : first + cells].view(hidden.shape)

    def _forward(self, inputs: Any) -> tuple[Any, list[tuple[Any, Any]]]:
        import torch

        shape, parts = self.shape, self._parts
        first = parts[0] * (parts[-1][:, None] / math.sqrt(shape.wide))
        raw = torch.addmm(parts[1], inputs, first)
        raw = raw.view(len(inputs), shape.members, shape.width).transpose(0, 1).contiguous()
        hidden, tape = raw, []
        for layer in range(shape.depth):
            if layer:
                raw = torch.baddbmm(parts[2 * layer + 1], hidden, parts[2 * layer], alpha=shape.width**-0.5)
            gate = torch.sigmoid(raw)
            hidden = raw * gate
            # Derivative of x sigmoid(x): sigmoid(x) (1 + x (1 - sigmoid(x))).
            bend = gate + hidden * (1.0 - gate)
            mask = self._mask(hidden)
            if mask is not None:
                hidden = hidden.mul_(mask)
                bend = bend.mul_(mask)
            tape.append((hidden, bend))
        return torch.baddbmm(parts[-2], hidden, parts[-3], alpha=shape.width**-0.5), tape

    def _backward(self, inputs: Any, tape: Any, asked: Any) -> None:
        import torch

        shape, parts, slopes = self.shape, self._parts, self._slopes
        share = shape.width**-0.5
        for layer in range(shape.depth, 0, -1):
            hidden, bend = tape[layer - 1]
            torch.bmm(hidden.transpose(1, 2), asked, out=slopes[2 * layer]).mul_(share)
            torch.sum(asked, 1, keepdim=True, out=slopes[2 * layer + 1])
            asked = torch.bmm(asked, parts[2 * layer].transpose(1, 2)).mul_(bend).mul_(share)
        flat = asked.transpose(0, 1).reshape(len(inputs), -1)
        torch.sum(flat, 0, out=slopes[1])
        # The product with the inputs gives both the slope of the weights and that of the scale before them.
        both = torch.mm(inputs.t(), flat).mul_(shape.wide**-0.5)
        torch.sum(both * parts[0], 1, out=slopes[-1])
        torch.mul(both, parts[-1][:, None], out=slopes[0])

    def _learn(self) -> None:
        # AdamW (Loshchilov & Hutter 2019).
        self._steps += 1
        first, second = self._moments
        first.lerp_(self.gradient, 1.0 - _FIRST)
        second.mul_(_SECOND).addcmul_(self.gradient, self.gradient, value=1.0 - _SECOND)
        size = (second / (1.0 - _SECOND**self._steps)).sqrt_().add_(_TINY)
        move = (first / (1.0 - _FIRST**self._steps)).div_(size)
        move.addcmul_(self._decays, self.weights, value=self._decay)
        self.weights.addcmul_(self._rates, move, value=-self._rate)
        # A short memory at first: the mean would begin with weights that know nothing.
        self.mean.lerp_(self.weights, 1.0 - min(_KEEP, self._steps / (self._steps + 10.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network: float32 arrays, and numpy to run them.

    Parameters
    ----------
    first
        Weights (wide, members width) and biases (members width,).
    hidden
        Weights (members, width, width) and biases (members, 1, width) of each further layer.
    last
        Weights (members width, outputs), which take the mean over the members too, and biases (outputs,).
    """

    shape: Shape
    first: tuple[np.ndarray, np.ndarray]
    hidden: tuple[tuple[np.ndarray, np.ndarray], ...]
    last: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, shape: Shape, flat: np.ndarray) -> Trained:
        """Fold scales and shares of a flat vector of weights into the layers."""
        parts = shape.cut(flat)
        share = np.float32(shape.width**-0.5)
        hidden = tuple((parts[2 * each] * share, parts[2 * each + 1]) for each in range(1, shape.depth))
        last = parts[-3].reshape(-1, shape.outputs) * (share / np.float32(shape.members))
        first = parts[0] * (parts[-1] * np.float32(shape.wide**-0.5))[:, None]
        return cls(shape, (first, parts[1]), hidden, (last, parts[-2].mean(axis=(0, 1))))

    def margin(self, seen: np.ndarray) -> np.ndarray:
        """Mean margin of the members, (n, outputs) float32."""
        shape = self.shape
        raw = _gated(seen @ self.first[0] + self.first[1])
        if self.hidden:
            raw = raw.reshape(-1, shape.members, shape.width).transpose(1, 0, 2)
            for weights, biases in self.hidden:
                raw = _gated(raw @ weights + biases)
            raw = raw.transpose(1, 0, 2).reshape(len(seen), -1)
        return np.asarray(raw @ self.last[0] + self.last[1])

    def nodes(self, graph: Graph, seen: str) -> str:
        """Add what does the same; its name."""
        shape = self.shape
        raw = _gate(graph, graph.add("Gemm", seen, *(graph.constant(each) for each in self.first)))
        if self.hidden:
            apart = graph.add("Reshape", raw, graph.whole(-1, shape.members, shape.width))
            raw = graph.add("Transpose", apart, perm=[1, 0, 2])
            for weights, biases in self.hidden:
                product = graph.add("MatMul", raw, graph.constant(weights))
                raw = _gate(graph, graph.add("Add", product, graph.constant(biases)))
            together = graph.add("Transpose", raw, perm=[1, 0, 2])
            raw = graph.add("Reshape", together, graph.whole(-1, shape.members * shape.width))
        return graph.add("Gemm", raw, *(graph.constant(each) for each in self.last))


def _gated(raw: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(raw / (np.float32(1.0) + np.exp(-raw)))


def _gate(graph: Graph, raw: str) -> str:
    return graph.add("Mul", raw, graph.add("Sigmoid", raw))
