"""Laws that every learner keeps, as plain functions: a learner's own test calls them.

``check_learner(learner, objective)`` checks all of them on made rows. Each law stands alone too, for what one learner
needs besides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from holdfast.automl._budget import Deadline
from holdfast.automl._graph import Graph
from holdfast.automl._learners.base import Config, Fitted, Learner, Setup
from holdfast.automl._objectives import Objective
from holdfast.automl._session import run
from holdfast.automl._sheet import Sheet

#: Difference that two probabilities may have; for numbers, relative to the greater of 1 and the margin.
CLOSE = 1e-5
#: Bytes below which `size` need not be near: the frame of a graph weighs more than what is in it.
SMALL = 20_000


@dataclass(slots=True)
class Case:
    """A learner with what it is fitted to."""

    learner: Learner
    objective: Objective
    train: Sheet
    held: Sheet
    params: Mapping[str, Any]
    setup: Setup

    def fit(self, *, train: Sheet | None = None, held: Sheet | None = None, **given: Any) -> Fitted:
        """Fit to `train` (its own when None) without a deadline that could come."""
        params = given.pop("params", self.params)
        setup = given.pop("setup", self.setup)
        config = Config("law", self.learner.name, params, rounds=given.pop("config_rounds", None))
        given.setdefault("deadline", far())
        return self.learner.fit(config, train or self.train, setup, held=held, **given)


class Ticks:
    """A clock that moves by 1 each time that it is asked: so many looks at it, whatever the machine does."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def far() -> Deadline:
    """A deadline that does not come."""
    return Deadline(time.monotonic, time.monotonic() + 3600.0)


def past() -> Deadline:
    """A deadline that has passed."""
    return Deadline(time.monotonic, time.monotonic() - 1.0)


def sheet(objective: Objective, kind: str = "tree", *, n: int = 240, seed: int = 0) -> Sheet:
    """Made rows for an objective, shape (n, 6).

    ``tree``: 0 matters and is rounded (ties), 1 matters and has gaps, 2 holds codes, 3 is noise without gaps, 4 is
    constant, 5 is mostly missing. ``linear``: four numbers and two indicators, no gaps.
    """
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 6))
    codes = rng.integers(0, 5, size=n)
    signal = matrix[:, 0] + 0.7 * matrix[:, 1] + 0.5 * (codes == 1)
    if kind == "tree":
        matrix[:, 0] = np.round(matrix[:, 0], 1)
        matrix[rng.random(n) < 0.15, 1] = np.nan
        matrix[:, 2], matrix[:, 4] = codes, 3.0
        matrix[rng.random(n) < 0.9, 5] = np.nan
    else:
        matrix[:, 4], matrix[:, 5] = codes == 1, codes == 2
    target, group, event = targets(objective, signal + 0.3 * rng.normal(size=n), rng)
    weights = rng.uniform(0.5, 1.5, size=n)
    return Sheet(matrix.astype(np.float32), target, weights, group=group, event=event)


def targets(
    objective: Objective, signal: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Target, group and event that a signal (n,) gives, as the objective wants them."""
    n = len(signal)
    standard = (signal - signal.mean()) / signal.std()
    if objective.name == "binary":
        return (standard > 0.3).astype(np.int64), None, None
    if objective.name == "multiclass":
        edges = np.quantile(standard, np.arange(1, objective.outputs) / objective.outputs)
        return np.digitize(standard, edges).astype(np.int64), None, None
    if objective.name == "poisson":
        return rng.poisson(np.exp(0.5 * standard)).astype(np.float64), None, None
    if objective.name == "ranking":
        relevance = np.clip(np.round(standard + 1.5), 0, 3).astype(np.float64)
        return relevance, rng.permutation(np.arange(n) // 12).astype(np.int64), None
    if objective.name == "aft":
        return standard, None, rng.random(n) < 0.7
    return standard, None, None


def case(learner: Learner, objective: Objective, *, params: Mapping[str, Any] | None = None, **given: Any) -> Case:
    """A learner with made rows: 240 to train on, 120 held out; `given` goes to `Setup`."""
    return Case(
        learner,
        objective,
        sheet(objective, learner.kind),
        sheet(objective, learner.kind, n=120, seed=1),
        params or {},
        Setup(objective, seed=3, **given),
    )


def check_learner(
    learner: Learner, objective: Objective, *, params: Mapping[str, Any] | None = None, rounds: int = 25
) -> Fitted:
    """Check every law on made rows, with fits of `rounds` rounds; the first fit, for what else a test asks of it."""
    made = case(learner, objective, params=params)
    assert learner.refuses(made.setup, n=made.train.n, width=made.train.width) is None
    fitted = made.fit(held=made.held, rounds=rounds)
    check_margin(made, fitted)
    check_same(made, fitted, rounds)
    check_graph(made, fitted)
    check_rounds(made, fitted)
    check_curve(made, fitted)
    check_size(fitted, width=made.train.width, least=0)
    check_deadline(made)
    check_unknown(made)
    check_absent_class(made)
    check_explained(fitted)
    check_learns(made, fitted)
    return fitted


def check_margin(made: Case, fitted: Fitted) -> None:
    """A margin is (n, outputs) float64 and finite, for any row that the kind of matrix can hold, alone or not."""
    rows = probes(made.train.matrix, made.learner.kind, edges={})
    margin = fitted.margin(rows)
    assert margin.shape == (len(rows), made.objective.outputs)
    assert margin.dtype == np.float64
    assert np.isfinite(margin).all()
    np.testing.assert_allclose(fitted.margin(rows[:1]), margin[:1], rtol=1e-5, atol=1e-6)


def check_same(made: Case, fitted: Fitted, rounds: int) -> None:
    """The same arguments give the same model, bit for bit, whatever the sheet keeps; the rows stay as they were."""
    before = made.train.matrix.tobytes(), made.train.target.tobytes(), made.train.weights.tobytes()
    again = made.fit(held=made.held, rounds=rounds)
    fresh = made.fit(train=made.train.take(np.arange(made.train.n)), held=made.held, rounds=rounds)
    assert (made.train.matrix.tobytes(), made.train.target.tobytes(), made.train.weights.tobytes()) == before
    wanted = fitted.margin(made.held.matrix)
    for each in (again, fresh):
        np.testing.assert_array_equal(each.margin(made.held.matrix), wanted)
        assert model(each, made.train.width) == model(fitted, made.train.width)


def check_graph(made: Case, fitted: Fitted, *, rounds: int | None = None) -> float:
    """The nodes answer as `margin` does: on odd rows, on thresholds and next to them; the greatest difference."""
    written = model(fitted, made.train.width, rounds=rounds)
    rows = probes(made.train.matrix, made.learner.kind, edges=thresholds(written))
    asked = run(written, {"x": rows})[0]
    assert asked.dtype == np.float32
    assert asked.shape == (len(rows), made.objective.outputs)
    worst = difference(made.objective, asked.astype(np.float64), fitted.margin(rows, rounds=rounds))
    assert worst <= CLOSE
    alone = run(written, {"x": rows[:1]})[0]
    assert difference(made.objective, alone.astype(np.float64), fitted.margin(rows[:1], rounds=rounds)) <= CLOSE
    return worst


def check_rounds(made: Case, fitted: Fitted) -> None:
    """`rounds` cuts a model short, in margins, nodes and size alike; a configuration's own number is kept to."""
    if fitted.rounds is None:
        return
    assert fitted.rounds >= 3
    few = fitted.margin(made.held.matrix, rounds=2)
    assert np.abs(few - fitted.margin(made.held.matrix)).max() > 0.0
    np.testing.assert_allclose(fitted.margin(made.held.matrix, rounds=fitted.rounds), fitted.margin(made.held.matrix))
    check_graph(made, fitted, rounds=2)
    assert fitted.size(rounds=2) < fitted.size() == fitted.size(rounds=fitted.rounds)
    assert made.fit(config_rounds=2).rounds == 2
    assert made.fit(config_rounds=2, rounds=3).rounds == 3


def check_curve(made: Case, fitted: Fitted) -> None:
    """The curve is the mean held-out loss after each round; there is none without held-out rows."""
    if fitted.rounds is None:
        assert fitted.curve is None
        return
    assert made.fit(rounds=2).curve is None
    assert fitted.curve is not None
    assert fitted.curve.shape == (fitted.rounds,)
    for rounds in (1, fitted.rounds):
        losses = made.objective.losses(fitted.margin(made.held.matrix, rounds=rounds), made.held)
        wanted = np.average(losses, weights=made.held.weights)
        np.testing.assert_allclose(fitted.curve[rounds - 1], wanted, rtol=1e-4, atol=1e-6)


def check_size(fitted: Fitted, *, width: int, least: int = SMALL) -> None:
    """`size` is within a factor of 1.5 of the real bytes of a model above 20 kB; at least `least` bytes are there."""
    real = len(model(fitted, width))
    assert real >= least
    if real >= SMALL:
        assert real / 1.5 <= fitted.size() <= real * 1.5


def check_deadline(made: Case) -> None:
    """A deadline that has passed still gives a model; one that comes inside a fit ends it there."""
    for held in (None, made.held):
        late = made.fit(held=held, deadline=past())
        assert np.isfinite(late.margin(made.held.matrix)).all()
        assert late.rounds is None or late.rounds <= 10
        soon = made.fit(held=held, deadline=Deadline(Ticks(), 6.0), rounds=500)
        assert soon.rounds is None or soon.rounds < 100


def check_unknown(made: Case) -> None:
    """A parameter that the learner does not have is told."""
    with pytest.raises(ValueError, match="no_such_parameter"):
        made.fit(params={"no_such_parameter": 1}, rounds=1)


def check_absent_class(made: Case) -> None:
    """A class that no row of a fold has keeps its place: as many outputs as classes, all finite."""
    if made.objective.name != "multiclass":
        return
    fitted = made.fit(train=made.train.take(np.flatnonzero(made.train.target != 1)), rounds=5, held=made.held)
    margin = fitted.margin(made.held.matrix)
    assert margin.shape == (made.held.n, made.objective.outputs)
    assert np.isfinite(margin).all()
    assert made.objective.answers(margin)[:, 1].mean() < 0.2
    check_graph(made, fitted)


def check_explained(fitted: Fitted) -> None:
    """What exact explanations need is plain data that names its kind, and the files named there; or there is none."""
    found = fitted.explained()
    if found is not None:
        json.dumps(dict(found.plain))
        assert found.plain["kind"]
        assert found.plain.get("file") is None or found.plain["file"] in found.files


def check_learns(made: Case, fitted: Fitted) -> None:
    """The held-out loss is below that of the best constant."""
    constant = np.tile(made.objective.start(made.train), (made.held.n, 1))
    weights = made.held.weights
    loss = np.average(made.objective.losses(fitted.margin(made.held.matrix), made.held), weights=weights)
    assert loss < np.average(made.objective.losses(constant, made.held), weights=weights)


def check_weights(learner: Learner, objective: Objective, *, params: Mapping[str, Any] | None = None) -> None:
    """Weights are used: rows of a high target that weigh more raise the answers."""
    made = case(learner, objective, params=params)
    high = made.train.target > np.median(made.train.target)
    means = []
    for factor in (1.0, 20.0):
        made.train = Sheet(made.train.matrix, made.train.target, np.where(high, factor, 1.0), event=made.train.event)
        means.append(made.fit(rounds=10).margin(made.held.matrix).mean())
    assert means[1] > means[0]


def check_monotone(
    learner: Learner, objective: Objective, sign: int, *, params: Mapping[str, Any] | None = None
) -> None:
    """The margin never moves against the sign of a feature, even where the rows do."""
    made = case(learner, objective, params=params, monotone=(sign, 0, 0, 0, 0, 0))
    assert learner.refuses(made.setup, n=made.train.n, width=made.train.width) is None
    target = np.where(np.sin(3.0 * made.train.matrix[:, 0]) > 0.0, 1.0, 0.0).astype(made.train.target.dtype)
    fitted = made.fit(train=made.train.with_target(target), rounds=30)
    grid = np.linspace(-4.0, 4.0, 60, dtype=np.float32)
    for row in made.held.matrix[:20]:
        rows = np.tile(row, (len(grid), 1))
        rows[:, 0] = grid
        assert (sign * np.diff(fitted.margin(rows)[:, 0]) >= -1e-6).all()


def check_refuses(learner: Learner, objective: Objective, **given: Any) -> None:
    """What a learner cannot do is refused in words."""
    why = learner.refuses(Setup(objective, **given), n=200, width=6)
    assert why is not None
    assert len(why) > 10


def model(fitted: Fitted, width: int, *, rounds: int | None = None) -> bytes:
    """The bytes of a graph from ``x`` (n, width) to ``margin`` (n, outputs)."""
    from onnx import TensorProto, helper

    graph = Graph()
    graph.add("Identity", fitted.nodes(graph, "x", rounds=rounds), to="margin")
    return graph.model(
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("margin", TensorProto.FLOAT, ["n", "outputs"])],
        name="law",
    ).SerializeToString()


def difference(objective: Objective, asked: np.ndarray, wanted: np.ndarray) -> float:
    """Greatest difference of two margins: of probabilities, or relative to the margin where there are no classes."""
    if objective.name in ("binary", "multiclass"):
        return float(np.abs(objective.answers(asked) - objective.answers(wanted)).max())
    return float((np.abs(asked - wanted) / np.maximum(1.0, np.abs(wanted))).max())


def thresholds(written: bytes) -> dict[int, list[float]]:
    """Feature -> thresholds that the trees of a graph ask it for; empty where there are no trees."""
    import onnx

    found: dict[int, list[float]] = {}
    for node in onnx.load_from_string(written).graph.node:
        if node.op_type == "TreeEnsembleRegressor":
            held = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
            rows = zip(held["nodes_featureids"], held["nodes_values"], held["nodes_modes"], strict=True)
            for feature, value, mode in rows:
                if mode != b"LEAF":
                    found.setdefault(feature, []).append(value)
    return found


def probes(matrix: np.ndarray, kind: str, *, edges: Mapping[int, list[float]]) -> np.ndarray:
    """Rows to ask about: those that are there, odd ones, and such as lie on a threshold or right beside it."""
    parts = [matrix, *_odd(matrix, kind)]
    for feature, values in edges.items():
        at = np.unique(np.clip(np.array(values, dtype=np.float64), -3e38, 3e38).astype(np.float32))
        if len(at) > 200:
            at = at[:: len(at) // 200]
        beside = [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))]
        cells = np.concatenate(beside)
        rows = matrix[np.arange(len(cells)) % len(matrix)].copy()
        rows[:, feature] = cells
        parts.append(rows)
    return np.concatenate(parts).astype(np.float32)


def _odd(matrix: np.ndarray, kind: str) -> Iterator[np.ndarray]:
    # Whole rows, and single cells of a real row.
    cells: list[float] = [0.0, -0.0, 1.0, -5.0, 5.0]
    if kind == "tree":
        small = np.array([1e-45, 1e-38, 1e-36, 1e-20], dtype=np.float32).tolist()
        cells += [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 999.0, 4.5, -1.0, *small, *(-each for each in small)]
    for value in cells:
        yield np.full((1, matrix.shape[1]), value, dtype=np.float32)
        rows = np.repeat(matrix[:1], matrix.shape[1], axis=0).astype(np.float32)
        np.fill_diagonal(rows, value)
        yield rows
