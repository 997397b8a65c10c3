"""Training: weights that reach the trainer, packages that answer as the original does, work that is ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import NotFound, NotMeasurable, ParityFailed, TrainingFailed
from holdfast.core.ports import Trained, TrainRequest
from holdfast.keeper import training
from holdfast.keeper.bench import Bench
from holdfast.keeper.subjects import data_view, gate_view, scored
from holdfast.keeper.training import check_parity, pack_model, ticking, train, train_model
from holdfast.project import Project
from holdfast.serve import load_model
from holdfast.testing.model import tiny_model, tiny_schema


class Tiny:
    """A trainer that writes the tiny model, and keeps what it was asked."""

    name = "tiny"

    def __init__(self, *, whole: bool = True) -> None:
        self.whole = whole
        self.asked: list[TrainRequest] = []

    def train(self, request: TrainRequest) -> Trained:
        self.asked.append(request)
        model = tiny_model(request.folder)
        names = ["model.onnx", "contributions.json"] if self.whole else ["contributions.json"]
        files = {name: request.folder / name for name in names}
        return Trained(tiny_schema(), files, {"made": "by hand"}, model.predict(request.holdout), notes=("quick",))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tiny]:
    """Register the tiny trainer, and train in this very process."""

    def make(**more: bool) -> Tiny:
        made = Tiny(**more)
        registry.load("trainer")
        monkeypatch.setitem(registry._entries["trainer"], "tiny", (made, Tiny))
        monkeypatch.setattr(training, "limited", lambda chosen, *, budget_s: chosen)
        return made

    return make


CONTRACT = """\
holdfast: 1
model: {name: clinic, task: binary, target: sick, positive: "yes"}
data: {train: data/history.parquet, weight: w, sensitive: [sex]}
promises:
  candidate:
    - accuracy >= 0.1
train: {with: tiny}
store: {mlflow: none}
"""


def clinic(rows: int = 200) -> pl.DataFrame:
    random = np.random.default_rng(1)
    age = random.uniform(20, 80, rows)
    return pl.DataFrame(
        {
            "age": age,
            "weight": random.uniform(40, 110, rows),
            "sex": random.choice(["f", "m"], rows),
            "w": np.linspace(1.0, 2.0, rows),
            "sick": np.where(age > 50, "yes", "no"),
        }
    )


@pytest.fixture
def bench(new_project: Callable[..., Project], tiny: Callable[..., Tiny]) -> Bench:
    tiny()
    kept = new_project(contract=CONTRACT, rows=clinic()).keeping()
    return Bench(kept, kept.ingest())


def test_the_weights_of_the_contract_reach_the_trainer_and_no_feature(
    new_project: Callable[..., Project], tiny: Callable[..., Tiny]
) -> None:
    made = tiny()
    project = new_project(contract=CONTRACT, rows=clinic())
    assert [each.state for each in project.apply().outcomes] == ["restored"]
    (asked,) = made.asked
    assert asked.weights.tolist() == asked.rows["w"].to_list()
    assert asked.features == ("age", "weight")
    assert asked.warm_start is None


def test_a_remedys_weights_are_laid_over_those_of_the_contract(bench: Bench, tiny: Callable[..., Tiny]) -> None:
    made = tiny()
    rows = bench.training_rows()
    bench.retrain(reason="weighed", weights=np.full(rows.height, 2.0), settings={"deep": 1})
    assert made.asked[-1].weights.tolist() == [2.0 * each for each in rows["w"]]
    assert made.asked[-1].settings == {"deep": 1}


def test_there_is_one_weight_for_each_training_row(bench: Bench) -> None:
    with pytest.raises(TrainingFailed, match=r"weights of shape \(3,\)"):
        bench.retrain(reason="weighed", weights=np.ones(3))


def test_rows_that_are_added_are_the_newest_batch_of_a_new_version(bench: Bench, tiny: Callable[..., Tiny]) -> None:
    first = bench.dataset
    made = tiny()
    version = bench.retrain(reason="more came", extra=clinic(30).drop("w").with_columns(age=pl.col("age") + 1))
    assert bench.dataset.parent == first.digest
    assert bench.dataset.roles["batches"] == [200, 30]
    assert version.dataset == bench.dataset.digest
    assert bench.rows().height == 230
    assert made.asked[-1].weights[-1] == 1.0
    assert bench.retrain(reason="nothing came", extra=clinic(1).clear()).dataset == bench.dataset.digest


def test_a_group_of_the_contract_is_told_to_the_trainer(
    new_project: Callable[..., Project], tiny: Callable[..., Tiny]
) -> None:
    made = tiny()
    contract = CONTRACT.replace("weight: w", "group: w")
    project = new_project(contract=contract, rows=clinic())
    project.apply()
    assert made.asked[0].settings["group"] == "w"
    assert made.asked[0].weights is None


def test_a_trainer_that_writes_no_model_failed(new_project: Callable[..., Project], tiny: Callable[..., Tiny]) -> None:
    tiny(whole=False)
    (outcome,) = new_project(contract=CONTRACT, rows=clinic()).apply().outcomes
    assert outcome.state == "failed"
    assert "trainer 'tiny' wrote no model.onnx" in outcome.text


def test_a_step_of_training_gives_plain_values(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    tiny()
    rows = clinic()
    asked = {
        "dataset": "d" * 64,
        "task": "binary",
        "target": "sick",
        "positive": "yes",
        "features": ["age", "weight", "sex"],
        "sensitive": [],
        "promises": [],
        "settings": {},
        "budget_s": 1.0,
        "seed": 0,
        "warm_start": None,
    }
    value = train_model.function("tiny", rows, rows.head(50), asked, None)
    assert set(value["files"]) == {"model.onnx", "contributions.json"}
    assert value["original"].shape == (50, 2)
    assert value["notes"] == ["quick"]
    assert pack_model.function


@pytest.mark.parametrize("parity", [{}, {"max_difference": 0.5}, {"max_difference": float("nan")}])
def test_a_package_that_answers_otherwise_is_refused(parity: dict[str, float]) -> None:
    with pytest.raises(ParityFailed, match="onnx package answers differ"):
        check_parity(parity, kind="onnx")


def test_a_package_that_answers_as_the_original_passes() -> None:
    check_parity({"max_difference": 0.0}, kind="onnx")


def test_progress_goes_on_by_the_clock_and_never_says_it_is_done() -> None:
    heard = threading.Event()
    shares: list[float] = []

    def told(share: float, text: str) -> None:
        shares.append(share)
        heard.set()

    with ticking(told, seconds=1e-9, text="training"):
        assert heard.wait(timeout=20)
    assert shares[0] == 0.99


def test_a_step_is_ended_when_it_takes_far_longer_than_its_budget() -> None:
    settings = training.limited(train_model, budget_s=10.0).settings
    assert settings.isolated
    assert settings.timeout_s == 150.0


def test_a_remedy_sees_the_rows_the_models_and_an_empty_folder(trained: Project) -> None:
    kept = trained.keeping()
    bench = Bench(kept, kept.dataset())
    learnt, held = kept.split(bench.dataset.digest)
    assert (bench.training_rows().height, bench.holdout_rows().height) == (learnt.height, held.height)
    assert bench.contract == kept.contract
    champion = trained.champion.model
    assert bench.model_version(champion).id == champion
    assert (bench.model_folder(champion) / "model.onnx").is_file()
    assert bench.scored(champion, held).n == held.height
    assert list(bench.scratch().iterdir()) == []
    assert bench.labelled(since_champion=True).height == bench.labelled(since_champion=False).height == 0
    with pytest.raises(NotFound, match="no labelled rows"):
        bench.scored(champion, held.clear())


def test_the_rows_of_the_window_that_broke_are_a_batch_of_their_own(
    trained: Project, tumours: pl.DataFrame, log: Callable[..., list[str]]
) -> None:
    kept = trained.keeping()
    log(trained, tumours.slice(300, 20))
    log(trained, tumours.slice(320, 30))
    newest = kept.store.tables.read("predictions:tumour")["time"].max()
    assert Bench(kept, kept.dataset(), newest=newest)._newest(50) == 30
    assert Bench(kept, kept.dataset())._newest(50) == 50
    assert Bench(kept, kept.dataset(), newest=newest.replace(year=2999))._newest(50) == 50


def test_a_model_that_a_remedy_made_is_packed_and_split_as_its_parent(
    new_project: Callable[..., Project], tiny: Callable[..., Tiny], tmp_path: Path
) -> None:
    made = tiny()
    project = new_project(contract=CONTRACT, rows=clinic())
    project.apply()
    kept = project.keeping()
    bench = Bench(kept, kept.dataset())
    request = replace(made.asked[0], folder=tmp_path, holdout=bench.holdout_rows())
    trained = replace(made.train(request), parameters={"made": "by a remedy"})
    version = bench.register(trained, trainer="remedy", parent=project.champion.model, reason="mended")
    assert kept.package_of(version.id, "onnx")
    assert kept.split_spec(version.id) == kept.split_spec(project.champion.model)


def test_what_a_subject_has_none_of_is_said(trained: Project) -> None:
    kept = trained.keeping()
    with pytest.raises(NotMeasurable, match="a dataset has no scores"):
        data_view(kept, kept.dataset()).give("scores")
    champion = trained.champion
    view = gate_view(kept, champion.model, kept.dataset().digest, stage="candidate", package=champion.package)
    with pytest.raises(NotMeasurable, match="a candidate has no window"):
        view.give("window")
    with pytest.raises(NotMeasurable, match="a model is not of rows"):
        view.elsewhere("model", "train")
    assert view.give("rows").height == view.elsewhere("rows", "holdout").height
    assert view.give("traffic").latency_s.shape == (1000,)


def test_without_held_out_rows_nothing_is_proven(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, champion = trained.keeping(), trained.champion
    rows = kept.rows(kept.dataset().digest)
    monkeypatch.setattr(type(kept), "split", lambda self, digest, model=None: (rows, rows.clear()))
    view = gate_view(kept, champion.model, kept.dataset().digest, stage="candidate", package=champion.package)
    with pytest.raises(NotMeasurable, match="no holdout rows"):
        view.give("scores")
    with pytest.raises(NotMeasurable, match="no rows are held out"):
        view.give("model")


def test_answers_to_a_number_have_no_decision_and_keep_their_groups(trained: Project, tmp_path: Path) -> None:
    tiny_model(tmp_path, task="ranking")
    schema = tiny_schema("ranking")
    rows = clinic(20).with_columns(pl.Series(schema.target, np.arange(20)), query=pl.Series(["a", "b"] * 10))
    data = replace(trained.contract.data, roles=replace(trained.contract.data.roles, group="query"))
    contract = replace(trained.contract, target=schema.target, positive=None, data=data)
    found = scored(load_model(tmp_path, schema), rows, contract=contract)
    assert found.decision is None
    assert found.truth.dtype == np.float64
    assert found.group.tolist() == ["a", "b"] * 10


def test_the_same_training_again_is_answered_from_the_cache(bench: Bench, tiny: Callable[..., Tiny]) -> None:
    made = tiny()
    given: dict[str, Any] = {"dataset": bench.dataset.digest, "settings": {}, "weights": None, "parent": None}
    first = train(bench.keeping, **given, reason="first")
    again = train(bench.keeping, **given, reason="first")
    assert again.id == first.id
    assert len(made.asked) == 1
