"""`holdfast demo`: the main job, end to end, on real data; one run for each example, looked at from all sides."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast.demo.income import MIRRORED
from holdfast.project import Project, open_project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TUMOUR_PROMISES, INCOME_PROMISES = 15, 19


@dataclass(frozen=True)
class Told:
    """A demo that ended."""

    code: int
    out: str
    err: str
    folder: Path


def demo(folder: Path, *arguments: str) -> Told:
    ended = subprocess.run(
        [sys.executable, "-m", "holdfast.cli.main", "demo", "--json", "--dir", str(folder), *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=880,
        check=False,
    )
    return Told(ended.returncode, ended.stdout, ended.stderr, folder)


@pytest.fixture(scope="module")
def tumour(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return demo(tmp_path_factory.mktemp("demo") / "tumour")


@pytest.fixture(scope="module")
def income(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    if not (mirror / MIRRORED).is_file():
        pytest.skip(f"no {MIRRORED} in the mirror folder")
    return demo(tmp_path_factory.mktemp("demo") / "income", "--example", "income")


def kept(told: Told, count: int) -> dict[str, Any]:
    assert told.code == 0, told.err
    assert told.err == ""
    found: dict[str, Any] = json.loads(told.out)
    assert {each["promise"]: each["verdict"] for each in found["promises"] if each["verdict"] != "held"} == {}
    assert len(found["promises"]) == count
    assert found["folder"] == str(told.folder)
    return found


def events(project: Project, kind: str) -> list[dict[str, Any]]:
    return [dict(each.payload) for each in project.store.journal.events(types=(kind,))]


def test_the_tumour_demo_ends_with_every_promise_held(tumour: Told) -> None:
    found = kept(tumour, TUMOUR_PROMISES)
    live = [each for each in found["promises"] if each["stage"] == "live"]
    assert all(each["n"] > 0 and each["evidence"] for each in live)
    assert found["mirror"]["problem"] is None


def test_its_folder_is_a_project_that_answers(tumour: Told) -> None:
    with open_project(tumour.folder) as project:
        assert project.verify_journal() == json.loads(tumour.out)["events"]
        status = project.status()
        assert {each["verdict"] for each in status["promises"]} == {"held"}
        why = project.why("wasserstein")
        assert [each["remedy"] for each in why["actions"]] == ["retrain"]
        assert why["evidence_trail"]
        production = project.history()["production"]
        assert production["model"] == status["champion"]["model"]
        assert production["decision"]["seen"]
        assert project.predict(project.keeping().rows(status["dataset"]["digest"]).head(3)).height == 3


def test_a_promise_broke_on_the_way_and_was_repaired(tumour: Told) -> None:
    with open_project(tumour.folder) as project:
        states = [each["state"] for each in events(project, "verdict.reached") if each["claim"].startswith("wasserst")]
        assert "broken" in states
        assert states[-1] == "held"
        assert [each["rows"] for each in events(project, "rows.quarantined")] == [4]
        assert [each["action"]["remedy"] for each in events(project, "action.finished")] == [
            "quarantine",
            "train",
            "retrain",
        ]
        deployed = [each["model"] for each in events(project, "deployment.changed")]
        assert len(set(deployed)) == 2
        assert project.store.models.get(deployed[1]).parent == deployed[0]


def test_every_answer_and_label_is_in_the_log(tumour: Told) -> None:
    with open_project(tumour.folder) as project:
        predictions = project.store.tables.read("predictions:tumour")
        labels = project.store.tables.read("labels:tumour")
        assert predictions.height == labels.height == 269
        assert set(predictions["id"]) == set(labels["id"])


def test_mlflow_knows_the_champion(tumour: Told) -> None:
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: nothing is mirrored")
    with open_project(tumour.folder) as project:
        champion = project.champion.model
        assert project.store.outbox.pending() == 0
        assert project.store.outbox.differences() == []
    url = f"sqlite:///{tumour.folder}/.holdfast/mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
    version = client.get_model_version_by_alias("tumour", "champion")
    assert champion in set(version.tags.values())
    assert len(client.search_model_versions("name = 'tumour'")) == 2


def test_it_is_not_run_over_a_project(tumour: Told) -> None:
    again = demo(tumour.folder)
    assert again.code == 2
    assert "holds a project already" in json.loads(again.out)["error"]["message"]


def test_the_income_demo_ends_with_every_promise_held(income: Told) -> None:
    found = kept(income, INCOME_PROMISES)
    fair = [each for each in found["promises"] if "difference" in each["promise"]]
    assert len(fair) == 3
    assert all(each["low"] is not None for each in fair)
    with open_project(income.folder) as project:
        assert project.verify_journal() == found["events"]
        features = project.store.models.get(found["champion"]["model"]).schema.names
        assert not {"sex", "race", "person", "income", "fnlwgt"} & set(features)
        assert project.why("accuracy >= 0.8 by sex")["case"]
