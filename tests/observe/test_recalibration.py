from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.contract import Contract, DataSpec
from holdfast.core.digests import digest_bytes
from holdfast.core.errors import ExportFailed, NotMeasurable, RemedyFailed
from holdfast.core.events import Action
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.grammar import parse
from holdfast.core.models import Column, ModelSchema, ModelVersion
from holdfast.core.ports import RemedyContext, Trained, TrainRequest
from holdfast.core.subjects import Scored
from holdfast.observe._recalibration import fit, margin, recalibrated, write
from holdfast.observe.remedies.recalibrate import Recalibrate
from holdfast.serve import load_model
from holdfast.stats.calibration import Platt

SCHEMA = ModelSchema("binary", "y", (Column("x", "float32"),), classes=("no", "yes"), positive="yes")

#: Margin of the models below: twice x.
SLOPE = 2.0


def graph(kind: str) -> bytes:
    """Model of one column: `calibrated` has a calibration, `margin` a margin before its sigmoid, `plain` neither."""
    from onnx import TensorProto, helper, numpy_helper

    numbers = {"slope": SLOPE, "one": 1.0, "half": 0.5}
    nodes = {
        "calibrated": [
            helper.make_node("Mul", ["x", "slope"], ["hf_margin"]),
            helper.make_node("Mul", ["hf_margin", "hf_scale"], ["hf_scaled_margin"]),
            helper.make_node("Add", ["hf_scaled_margin", "hf_offset"], ["margin"]),
            helper.make_node("Sigmoid", ["margin"], ["positive"]),
        ],
        "margin": [
            helper.make_node("Mul", ["x", "slope"], ["margin"]),
            helper.make_node("Sigmoid", ["margin"], ["positive"]),
        ],
        "plain": [
            helper.make_node("Mul", ["x", "slope"], ["raw"]),
            helper.make_node("Neg", ["raw"], ["negated"]),
            helper.make_node("Exp", ["negated"], ["odds"]),
            helper.make_node("Add", ["odds", "one"], ["whole"]),
            helper.make_node("Reciprocal", ["whole"], ["positive"]),
        ],
    }[kind]
    if kind == "calibrated":
        numbers |= {"hf_scale": 0.5, "hf_offset": 0.25}
    nodes += [
        helper.make_node("Sub", ["one", "positive"], ["negative"]),
        helper.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
        helper.make_node("GreaterOrEqual", ["positive", "half"], ["yes"]),
        helper.make_node("Cast", ["yes"], ["choice"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["choice", "axis"], ["index"]),
        helper.make_node("Gather", ["classes", "index"], ["label"], axis=0),
    ]
    constants = [numpy_helper.from_array(np.array(value, dtype=np.float32), name) for name, value in numbers.items()]
    constants.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"))
    constants.append(numpy_helper.from_array(np.array(["no", "yes"], dtype=object), "classes"))
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]),
        ],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def rows_of(n: int, *, offset: float, seed: int = 1) -> pl.DataFrame:
    """Labelled rows whose base rate is off by `offset` on the scale of the margin."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).astype(np.float32)
    hit = rng.random(n) < 1.0 / (1.0 + np.exp(-(0.8 * SLOPE * x + offset)))
    return pl.DataFrame({"x": x, "y": np.where(hit, "yes", "no")})


def answers(folder: Path, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    score, decision = load_model(folder, SCHEMA).decide(rows.select("x"))
    assert decision is not None
    return score, decision


@pytest.mark.parametrize("kind", ["calibrated", "margin", "plain"])
def test_the_line_is_written_into_every_kind_of_graph(kind: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    (before / "model.onnx").write_bytes(graph(kind))
    line = Platt(0.7, -1.1)
    (after / "model.onnx").write_bytes(recalibrated(graph(kind), line, classes=("no", "yes")))
    rows = rows_of(200, offset=0.0)
    wanted = line.apply(margin(answers(before, rows)[0]))
    score, decision = answers(after, rows)
    np.testing.assert_allclose(score[:, 1], wanted, atol=1e-5)
    np.testing.assert_allclose(score.sum(axis=1), 1.0, atol=1e-6)
    assert decision.tolist() == np.where(score[:, 1] >= 0.5, "yes", "no").tolist()


@pytest.mark.parametrize("kind", ["calibrated", "margin"])
def test_a_line_can_be_laid_over_a_line(kind: str, tmp_path: Path) -> None:
    first, second = Platt(0.7, -1.1), Platt(1.3, 0.4)
    twice = recalibrated(recalibrated(graph(kind), first, classes=("no", "yes")), second, classes=("no", "yes"))
    (tmp_path / "model.onnx").write_bytes(twice)
    rows = rows_of(100, offset=0.0)
    x = rows["x"].to_numpy()
    start = SLOPE * x if kind == "margin" else 0.5 * SLOPE * x + 0.25
    wanted = second.apply(first.scale * start + first.offset)
    np.testing.assert_allclose(answers(tmp_path, rows)[0][:, 1], wanted, atol=1e-5)


def test_the_contributions_move_with_the_model(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.mkdir()
    folder.mkdir()
    (source / "model.onnx").write_bytes(graph("calibrated"))
    (source / "encoder.onnx").write_bytes(b"encoder")
    (source / "contributions.json").write_text(json.dumps({"kind": "linear", "scale": 0.5, "offset": 0.25}))
    names = ["model.onnx", "encoder.onnx", "contributions.json"]
    files = write(source, folder, Platt(0.7, -1.1), files=names, classes=("no", "yes"))
    data = json.loads(files["contributions.json"].read_text())
    assert data["kind"] == "linear"
    assert (data["scale"], data["offset"]) == pytest.approx((0.35, 0.7 * 0.25 - 1.1))
    assert files["encoder.onnx"].read_bytes() == b"encoder"


def test_the_line_is_found_in_labelled_rows() -> None:
    rows = rows_of(4000, offset=-1.5)
    positive = 1.0 / (1.0 + np.exp(-SLOPE * rows["x"].to_numpy().astype(float)))
    line = fit(np.column_stack([1 - positive, positive]), (rows["y"] == "yes").to_numpy())
    assert line.scale == pytest.approx(0.8, abs=0.1)
    assert line.offset == pytest.approx(-1.5, abs=0.2)


@pytest.mark.parametrize(
    ("positive", "hit", "said"),
    [
        (np.linspace(0.1, 0.9, 40), np.arange(40) >= 35, "at least 10 of each"),
        (np.linspace(0.1, 0.9, 400), np.arange(400) % 400 < 200, "wrong way round"),
        (np.full(400, 0.3), np.arange(400) % 2 == 0, "all the same"),
    ],
)
def test_rows_that_say_nothing_of_a_line_are_refused(positive: np.ndarray, hit: np.ndarray, said: str) -> None:
    with pytest.raises(NotMeasurable, match=said):
        fit(np.column_stack([1 - positive, positive]), hit)


def test_a_model_that_is_calibrated_is_left_alone() -> None:
    rng = np.random.default_rng(4)
    positive = rng.random(600)
    with pytest.raises(NotMeasurable, match="Expected a lower one"):
        fit(np.column_stack([1 - positive, positive]), rng.random(600) < positive)


def test_a_graph_without_probabilities_is_refused() -> None:
    from onnx import TensorProto, helper

    made = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["prediction"])],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n", 1])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(ExportFailed, match="label and probabilities"):
        recalibrated(model.SerializeToString(), Platt(1.0, 0.5), classes=("no", "yes"))


class Bench:
    """Workbench with one model in a folder, and a memory of what was registered."""

    def __init__(self, folder: Path, rows: pl.DataFrame) -> None:
        self.folder = folder
        self.fresh = rows
        self.made: dict[str, Any] = {}
        self.version = ModelVersion(
            "m",
            SCHEMA,
            {name: digest_bytes((folder / "model" / name).read_bytes()) for name in ("model.onnx",)},
            dataset="d" * 64,
            trainer="automl",
            parameters={"learner": "linear"},
        )

    def labelled(self, *, since_champion: bool) -> pl.DataFrame:
        assert since_champion
        return self.fresh

    def model_version(self, model: str) -> ModelVersion:
        assert model == self.version.id
        return self.version

    def model_folder(self, model: str) -> Path:
        assert model == self.version.id
        return self.folder / "model"

    def holdout_rows(self) -> pl.DataFrame:
        return self.fresh.head(50)

    def scratch(self) -> Path:
        path = self.folder / "scratch"
        path.mkdir()
        return path

    def scored(self, model: str, rows: pl.DataFrame) -> Scored:
        assert model == self.version.id
        score, decision = answers(self.folder / "model", rows)
        truth = rows["y"].to_numpy().astype(object)
        return Scored("binary", truth, score, rows, decision=decision, classes=("no", "yes"), positive="yes")

    def register(self, trained: Trained, *, trainer: str, parent: str | None, reason: str) -> Any:
        self.made = {"trained": trained, "trainer": trainer, "parent": parent, "reason": reason}
        return SimpleNamespace(id="n" * 64)


def bench_of(folder: Path, rows: pl.DataFrame, kind: str = "calibrated") -> Any:
    (folder / "model").mkdir()
    (folder / "model" / "model.onnx").write_bytes(graph(kind))
    return Bench(folder, rows)


def action_for(bench: Bench) -> Action:
    promise = parse("brier <= 0.1").at("live")
    evidence = Evidence(bench.version.id, "brier", "live", datetime(2026, 1, 1, tzinfo=UTC), value=0.3, n=300)
    contract = Contract("m", "binary", "y", DataSpec("d.csv"), promises=(promise,))
    context = RemedyContext(
        contract, Verdict(promise, State.BROKEN, deciding=evidence), champion=bench.version.id, fresh_rows=300
    )
    action = Recalibrate().propose(context)
    assert isinstance(action, Action)
    return action


@pytest.mark.parametrize("kind", ["calibrated", "margin", "plain"])
def test_the_remedy_makes_probabilities_true_again(kind: str, tmp_path: Path) -> None:
    bench = bench_of(tmp_path, rows_of(1000, offset=-2.0), kind)
    assert Recalibrate().carry_out(action_for(bench), bench) == "n" * 64
    trained: Trained = bench.made["trained"]
    later = rows_of(2000, offset=-2.0, seed=9)
    hit = (later["y"] == "yes").to_numpy()
    before, _ = answers(tmp_path / "model", later)
    after, _ = answers(trained.files["model.onnx"].parent, later)
    assert np.mean((after[:, 1] - hit) ** 2) < 0.8 * np.mean((before[:, 1] - hit) ** 2)
    assert (np.argsort(after[:, 1], kind="stable") == np.argsort(before[:, 1], kind="stable")).mean() > 0.9
    assert bench.made["parent"] == bench.version.id
    assert trained.parameters["learner"] == "linear"
    assert trained.original.shape == (50, 2)


def test_the_same_rows_make_the_same_model(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        bench = bench_of(tmp_path / name, rows_of(500, offset=-2.0))
        Recalibrate().carry_out(action_for(bench), bench)
        made.append(bench.made["trained"].files["model.onnx"].read_bytes())
    assert made[0] == made[1]


def test_a_line_that_is_no_better_fails_the_remedy(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, rows_of(60, offset=0.0).with_columns(y=pl.lit("no")))
    with pytest.raises(RemedyFailed, match="no new calibration"):
        Recalibrate().carry_out(action_for(bench), bench)
    assert bench.made == {}


def test_a_trained_model_of_breast_cancer_takes_the_line(tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names[:8]]
    rows = pl.DataFrame(data.data[:, :8], schema=names)
    rows = rows.with_columns(y=pl.Series(np.where(data.target == 0, "malignant", "benign")))
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.mkdir()
    folder.mkdir()
    trained = registry.get("trainer", "automl").train(
        TrainRequest(
            rows=rows[:400],
            dataset="d" * 64,
            task="binary",
            target="y",
            positive="malignant",
            features=tuple(names),
            holdout=rows[400:],
            folder=source,
            budget_s=1.0,
        )
    )
    line = Platt(0.6, -0.8)
    write(source, folder, line, files=trained.files, classes=trained.schema.classes)
    before = load_model(source, trained.schema).predict(rows[400:])
    after = load_model(folder, trained.schema).predict(rows[400:])
    known = np.abs(margin(before)) < 6.0
    np.testing.assert_allclose(after[known, 1], line.apply(margin(before))[known], atol=1e-5)
