"""The network: its derivatives, what it sees of a row, how a fit ends, and that the graph answers the same."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._answers import Calibration
from holdfast.automl._budget import Deadline
from holdfast.automl._learners._mlp_batches import Batches, inner_split
from holdfast.automl._learners._mlp_features import Features
from holdfast.automl._learners.base import Config, Setup
from holdfast.automl._objectives import AFT, Binary, Multiclass, Objective, Poisson, Quantile, Ranking, Squared
from holdfast.automl._objectives.soft import Soft
from holdfast.automl._session import run
from holdfast.automl._sheet import Sheet

torch = pytest.importorskip("torch")

from holdfast.automl._learners import mlp as module  # noqa: E402 - torch comes first
from holdfast.automl._learners._mlp_net import Net, Shape, Trained  # noqa: E402
from holdfast.automl._learners.mlp import MLP, MOST_WEIGHTS, MLPFit  # noqa: E402

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
laws = importlib.import_module("learner_laws")

NUMBER = Squared(Calibration())
OBJECTIVES = (Binary(), Multiclass(3), NUMBER, Quantile(0.3), Poisson(), Ranking(), AFT(0.5))
#: Small and quick.
SMALL = {"members": 2, "width": 10, "parts": 4, "rate": 0.03}


def fit(train: Sheet, objective: Objective, **given: Any) -> MLPFit:
    passed = {name: given.pop(name) for name in ("held", "rounds") if name in given}
    deadline, seed, threads = given.pop("deadline", laws.far()), given.pop("seed", 3), given.pop("threads", 1)
    config = Config("test", "mlp", {**SMALL, **given})
    return MLP().fit(config, train, Setup(objective, seed=seed, threads=threads), deadline=deadline, **passed)


def plain(matrix: np.ndarray, target: np.ndarray) -> Sheet:
    return Sheet(matrix.astype(np.float32), target, np.ones(len(target)))


def mean_loss(fitted: MLPFit, objective: Objective, sheet: Sheet) -> float:
    return float(np.average(objective.losses(fitted.margin(sheet.matrix), sheet), weights=sheet.weights))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_it_keeps_the_laws_of_learners(objective: Objective) -> None:
    made = laws.case(MLP(), objective, params=SMALL)
    fitted = made.fit(held=made.held, rounds=6)
    laws.check_margin(made, fitted)
    laws.check_same(made, fitted, 6)
    laws.check_graph(made, fitted)
    laws.check_graph(made, fitted, rounds=2)
    laws.check_curve(made, fitted)
    laws.check_size(fitted, width=made.train.width, least=0)
    laws.check_deadline(made)
    laws.check_unknown(made)
    laws.check_absent_class(made)
    laws.check_explained(fitted)
    laws.check_learns(made, fitted)


def test_rounds_cut_a_model_short_and_a_configurations_own_number_is_kept_to() -> None:
    made = laws.case(MLP(), Binary(), params=SMALL)
    fitted = made.fit(rounds=5)
    assert fitted.rounds == 5
    np.testing.assert_array_equal(
        fitted.margin(made.held.matrix, rounds=2), made.fit(rounds=2).margin(made.held.matrix)
    )
    np.testing.assert_array_equal(fitted.margin(made.held.matrix, rounds=5), fitted.margin(made.held.matrix))
    assert made.fit(config_rounds=2).rounds == 2
    assert made.fit(config_rounds=2, rounds=3).rounds == 3
    # The weights are as many after any round.
    assert fitted.size(rounds=2) == fitted.size()


@pytest.mark.parametrize("embedding", ["none", "bins", "waves"])
@pytest.mark.parametrize("depth", [1, 3])
def test_every_form_answers_in_the_graph_as_here(embedding: str, depth: int) -> None:
    made = laws.case(MLP(), Multiclass(3), params={**SMALL, "embedding": embedding, "depth": depth})
    fitted = made.fit(held=made.held, rounds=4)
    assert laws.check_graph(made, fitted) <= 1e-6
    laws.check_learns(made, fitted)


@pytest.mark.parametrize("objective", [Binary(), NUMBER, AFT(0.5)], ids=lambda each: each.name)
def test_rows_that_weigh_more_are_followed_more(objective: Objective) -> None:
    laws.check_weights(MLP(), objective, params={**SMALL, "rate": 0.003})


def net(shape: Shape, *, dropout: float = 0.0) -> Net:
    rng = np.random.default_rng(0)
    made = Net(
        shape,
        scale=rng.uniform(0.5, 1.5, shape.wide).astype(np.float32),
        start=np.zeros(shape.outputs),
        rate=0.01,
        decay=0.01,
        dropout=dropout,
        batch=16,
        seed=1,
    )
    made.weights.copy_(torch.from_numpy(rng.normal(size=shape.count).astype(np.float32)))
    return made


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_derivatives_are_those_of_automatic_differentiation(depth: int) -> None:
    shape = Shape(wide=5, members=3, width=4, depth=depth, outputs=2)
    made = net(shape)
    rng = np.random.default_rng(1)
    seen = rng.normal(size=(7, 5)).astype(np.float32)
    asked = rng.normal(size=(3, 7, 2)).astype(np.float32)
    margins, tape = made._forward(torch.from_numpy(seen))
    made._backward(torch.from_numpy(seen), tape, torch.from_numpy(asked))
    weights = made.weights.double().requires_grad_()
    parts = shape.cut(weights)
    hidden = torch.from_numpy(seen).double() * parts[-1]
    hidden = torch.einsum("nd,dc->nc", hidden, parts[0]) / math.sqrt(5) + parts[1]
    hidden = torch.nn.functional.silu(hidden.reshape(7, 3, 4).transpose(0, 1))
    for layer in range(1, depth):
        hidden = torch.nn.functional.silu(hidden @ parts[2 * layer] / 2.0 + parts[2 * layer + 1])
    wanted = hidden @ parts[-3] / 2.0 + parts[-2]
    wanted.backward(torch.from_numpy(asked).double())
    np.testing.assert_allclose(margins.numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.gradient.numpy(), weights.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_the_folded_network_is_the_mean_of_its_members() -> None:
    shape = Shape(wide=5, members=3, width=4, depth=2, outputs=2)
    made = net(shape)
    seen = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    margins, _ = made._forward(torch.from_numpy(seen))
    folded = Trained.of(shape, made.weights.numpy())
    np.testing.assert_allclose(folded.margin(seen), margins.mean(0).numpy(), rtol=1e-4, atol=1e-5)


def test_dropout_leaves_units_out_and_keeps_the_mean() -> None:
    made = net(Shape(wide=4, members=2, width=50, depth=1, outputs=1), dropout=0.4)
    seen = torch.ones(64, 4)
    with_mask = made._forward(seen)[1][0][0]
    assert 0.35 < float((with_mask == 0.0).float().mean()) < 0.45
    made._pool = None
    np.testing.assert_allclose(float(with_mask.mean()), float(made._forward(seen)[1][0][0].mean()), rtol=0.1)


def test_an_untrained_network_answers_the_constant() -> None:
    sheet = laws.sheet(Multiclass(3), "linear")
    late = fit(sheet, Multiclass(3), deadline=laws.past(), rounds=5)
    assert late.rounds == 1
    start = Multiclass(3).start(sheet)
    np.testing.assert_allclose(late.margin(sheet.matrix), np.tile(start, (sheet.n, 1)), atol=1e-5)


def test_a_deadline_within_a_round_ends_it_there() -> None:
    sheet = laws.sheet(Binary(), "linear")
    few, one = (fit(sheet, Binary(), deadline=Deadline(laws.Ticks(), each), rounds=9) for each in (12.0, 60.0))
    assert few.rounds == 1
    assert 1 <= (one.rounds or 0) < 9
    assert mean_loss(one, Binary(), sheet) < mean_loss(few, Binary(), sheet)


def test_without_held_out_rows_it_watches_some_and_keeps_the_best_round() -> None:
    objective = Binary()
    sheet = laws.sheet(objective, "linear")
    train, watched = inner_split(sheet, Setup(objective, seed=3))
    alone, told = fit(sheet, objective), fit(train, objective, held=watched)
    assert alone.curve is None
    assert told.curve is not None
    assert alone.rounds == int(np.argmin(told.curve)) + 1
    assert told.rounds == alone.rounds + module.PATIENCE
    np.testing.assert_array_equal(alone.margin(sheet.matrix), told.margin(sheet.matrix, rounds=alone.rounds))


@pytest.mark.parametrize("objective", [Multiclass(3), NUMBER, Ranking()], ids=lambda each: each.name)
def test_the_watched_rows_are_a_fair_part_of_the_rows(objective: Objective) -> None:
    sheet = laws.sheet(objective, "linear")
    train, watched = inner_split(sheet, Setup(objective, seed=1))
    assert train.n + watched.n == sheet.n
    assert 0.1 <= watched.n / sheet.n <= 0.2
    if sheet.group is None:
        assert abs(watched.target.mean() - sheet.target.mean()) < 0.05
    else:
        assert not set(train.group.tolist()) & set(watched.group.tolist())


def test_rows_of_one_group_are_learnt_from_and_watched() -> None:
    sheet = laws.sheet(Ranking(), "linear", n=12)
    train, watched = inner_split(sheet, Setup(Ranking()))
    assert train.n == watched.n == 12


def test_batches_of_a_ranking_hold_whole_queries_one_of_each_member() -> None:
    sheet = laws.sheet(Ranking(), "linear", n=240)
    rng = np.random.default_rng(0)
    batches = Batches(sheet, Ranking(), most=64, members=3)
    seen = 0
    for batch in batches.round(rng.permutation):
        sizes = np.bincount(batch.sheet.group)
        assert (sizes == 12).all()
        assert len(batch.matrix) <= batches.most_rows
        assert batch.sheet.n == 3 * len(batch.matrix)
        seen += len(batch.matrix)
    assert seen >= 1024


def test_every_row_is_learnt_from_before_any_is_again() -> None:
    sheet = plain(np.arange(100.0)[:, None], np.arange(100.0))
    batches = Batches(sheet, NUMBER, most=16, members=2)
    found = np.concatenate(
        [each.sheet.target[: len(each.matrix)] for each in batches.round(np.random.default_rng(0).permutation)]
    )
    np.testing.assert_array_equal(np.sort(found[:100]), np.arange(100.0))
    np.testing.assert_array_equal(np.sort(found[100:200]), np.arange(100.0))


def test_a_teachers_answers_can_be_learnt() -> None:
    sheet = laws.sheet(Binary(), "linear")
    taught = 2.0 * sheet.matrix[:, :1].astype(np.float64)
    student = fit(sheet.with_target(np.arange(sheet.n)), Soft(Binary(), taught), rounds=20)
    assert np.corrcoef(student.margin(sheet.matrix)[:, 0], taught[:, 0])[0, 1] > 0.95


def test_nothing_outside_is_left_changed() -> None:
    sheet = laws.sheet(Binary(), "linear")
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    fit(sheet, Binary(), rounds=1, threads=threads + 1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_that_run_away_are_told() -> None:
    sheet = laws.sheet(NUMBER, "linear")
    with pytest.raises(ArithmeticError, match="ran away"), np.errstate(all="ignore"):
        fit(sheet, NUMBER, rounds=3, rate=1e30)


def test_a_seed_gives_another_network() -> None:
    sheet = laws.sheet(Binary(), "linear")
    one, other = (fit(sheet, Binary(), rounds=2, seed=each).margin(sheet.matrix) for each in (0, 1))
    assert np.abs(one - other).max() > 1e-3


def test_many_features_make_the_network_smaller_and_the_graph_stays_small() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(60, 3000))
    sheet = plain(matrix, (matrix[:, 0] > 0).astype(np.int64))
    fitted = MLP().fit(Config("wide", "mlp"), sheet, Setup(Binary()), deadline=laws.far(), rounds=1)
    assert fitted.shape.members >= 2
    assert fitted.shape.count <= MOST_WEIGHTS * 1.05
    assert len(laws.model(fitted, 3000)) < 2_000_000


def test_what_it_cannot_do_is_refused() -> None:
    laws.check_refuses(MLP(), Binary(), monotone=(1, 0, 0, 0, 0, 0))
    assert MLP().refuses(Setup(Binary(), monotone=(0, 0)), n=100, width=2) is None
    assert "19 rows" in str(MLP().refuses(Setup(Binary()), n=19, width=2))
    assert "features" in str(MLP().refuses(Setup(Binary()), n=100, width=100_000))


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"members": 0}, "members"),
        ({"dropout": 1.0}, "dropout"),
        ({"rate": 0.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"decay": -1.0}, "decay"),
        ({"embedding": "periodic"}, "periodic"),
        ({"parts": -1}, "parts"),
        ({"layers": 2}, "layers"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_told(params: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fit(laws.sheet(Binary(), "linear"), Binary(), rounds=1, **params)


@given(seed=st.integers(0, 2**16), embedding=st.sampled_from(["none", "bins", "waves"]), parts=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_the_graph_sees_what_is_seen_here(seed: int, embedding: str, parts: int) -> None:
    from onnx import TensorProto, helper

    from holdfast.automl._graph import Graph

    rng = np.random.default_rng(seed)
    matrix = np.column_stack(
        [rng.normal(size=50), rng.integers(0, 2, 50), rng.integers(0, 5, 50), np.zeros(50), np.exp(rng.normal(size=50))]
    ).astype(np.float32)
    features = Features.of(matrix, embedding=embedding, parts=parts, most=1000)
    rows = np.concatenate([matrix, (10.0 * rng.normal(size=(20, 5))).astype(np.float32)])
    graph = Graph()
    graph.add("Identity", features.nodes(graph, "x"), to="seen")
    shapes = (("x", 5), ("seen", features.wide))
    x, seen = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in shapes)
    asked = run(graph.model([x], [seen], name="features").SerializeToString(), {"x": rows})[0]
    wanted = features.see(rows)
    assert wanted.dtype == np.float32
    assert wanted.shape == (70, features.wide) == (70, len(features.weight()))
    np.testing.assert_allclose(asked, wanted, atol=2e-5)
    np.testing.assert_array_equal(wanted[:, :5], rows)
    assert np.abs(wanted[:, 5:]).max(initial=0.0) <= 1.0


def test_bins_add_up_to_the_rank_and_hold_what_is_outside() -> None:
    matrix = np.arange(100.0, dtype=np.float32)[:, None]
    features = Features.of(matrix, embedding="bins", parts=4, most=100)
    assert features.wide == 5
    ranks = features.see(np.array([[-1e6], [0.0], [49.5], [99.0], [1e6]], dtype=np.float32))[:, 1:].mean(axis=1)
    np.testing.assert_allclose(ranks, [-0.5, -0.5, 0.0, 0.5, 0.5], atol=1e-3)


def test_only_numbers_are_cut_and_only_where_there_is_room() -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.normal(size=200), rng.integers(0, 3, 200), np.ones(200)]).astype(np.float32)
    assert set(Features.of(matrix, embedding="bins", parts=6, most=100).column.tolist()) == {0}
    assert Features.of(matrix, embedding="bins", parts=6, most=6).wide == 6
    assert Features.of(matrix, embedding="bins", parts=6, most=4).wide == 3
    assert Features.of(matrix, embedding="none", parts=6, most=100).wide == 3
    assert Features.of(matrix, embedding="waves", parts=6, most=100).wide == 9


def test_a_value_that_most_rows_have_leaves_fewer_bins() -> None:
    matrix = np.append(np.zeros(95), np.arange(5.0)).astype(np.float32)[:, None]
    features = Features.of(matrix, embedding="bins", parts=8, most=100)
    assert 1 <= len(features.column) < 8
    assert np.isfinite(features.slope).all()


def test_bins_pay_where_a_number_acts_by_steps() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(700, 3))
    sheet = plain(matrix, (np.sin(6.0 * matrix[:, 0]) > 0).astype(np.int64))
    train, held = sheet.take(np.arange(500)), sheet.take(np.arange(500, 700))
    none, bins, waves = (
        mean_loss(fit(train, Binary(), rounds=12, embedding=each, parts=12), Binary(), held)
        for each in ("none", "bins", "waves")
    )
    assert bins < none - 0.05
    assert waves < none - 0.05


def test_real_digits_are_told_apart_better_than_by_a_line() -> None:
    from sklearn.datasets import load_digits

    from holdfast.automl._learners.linear import Linear

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    matrix = (data.data - data.data.mean(axis=0)) / np.maximum(data.data.std(axis=0), 0.1)
    sheet = plain(matrix[order], data.target[order].astype(np.int64))
    train, held = sheet.take(np.arange(900)), sheet.take(np.arange(900, 1700))
    objective = Multiclass(10)
    line = Linear().fit(Config("line", "linear", {"strength": 1e-3}), train, Setup(objective), deadline=laws.far())
    fitted = fit(train, objective, members=2, width=64, embedding="none", dropout=0.2, rounds=10)
    by_line = float(objective.losses(line.margin(held.matrix), held).mean())
    assert mean_loss(fitted, objective, held) < 0.8 * by_line


def test_real_counts_of_hired_bicycles_follow_the_hour(real: Callable[[str], pl.DataFrame]) -> None:
    table = real("bike_sharing/hour.parquet").sample(1500, seed=0)
    matrix = table.select("hr", "temp", "workingday").to_numpy().astype(np.float64)
    matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    sheet = plain(matrix, table["cnt"].to_numpy().astype(np.float64))
    train, held = sheet.take(np.arange(1000)), sheet.take(np.arange(1000, 1500))
    fitted = fit(train, Poisson(), rounds=15, embedding="waves")
    constant = Poisson().losses(np.tile(Poisson().start(train), (held.n, 1)), held).mean()
    assert mean_loss(fitted, Poisson(), held) < 0.5 * constant
