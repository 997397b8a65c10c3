"""The loop on other tasks than two classes, on real data: one small contract of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from holdfast.core.evidence import State
from holdfast.project import Project

PLATES = """\
holdfast: 1
model: {name: plates, task: multiclass, target: fault}
data: {train: data/history.parquet, test: data/test.parquet, weight: importance}
promises:
  data:
    - completeness(*) >= 0.9
  candidate:
    - accuracy >= 0.5 with 95%
    - accuracy >= 0.5 on train
  package:
    - parity <= 0.0001
  live:
    - psi(*) <= 5 over 200 rows
    - accuracy >= 0.4 over 200 rows
train: {with: automl, budget: 20 s, settings: {max_trials: 1}}
min_labels: 40
store: {mlflow: none}
"""

BIKES = """\
holdfast: 1
model: {name: bikes, task: regression, target: cnt}
data: {train: data/history.parquet, id: instant, time: dteday, exclude: [casual, registered]}
promises:
  candidate:
    - r2 >= 0.3
    - mae <= 200 by season
  package:
    - parity <= 0.0001
  live:
    - mae <= 400 over 200 rows
    - wasserstein(*) <= 20 over 200 rows
train: {with: automl, budget: 20 s, settings: {max_trials: 1}}
min_labels: 40
store: {mlflow: none}
"""


@pytest.fixture(scope="module")
def plates(mirror: Path) -> pl.DataFrame:
    """Steel plates (Buscema et al. 2010): features, one of seven faults, and a weight."""
    rows = pl.read_parquet(mirror / "steel_plates/steel_plates.parquet").sample(700, seed=3, shuffle=True)
    fault = pl.coalesce(pl.when(pl.col(each) == 1).then(pl.lit(each)) for each in rows.columns[-7:])
    return rows.select(*rows.columns[:27], fault=fault, importance=pl.lit(1.5))


@pytest.fixture(scope="module")
def bikes(mirror: Path) -> pl.DataFrame:
    """Rented bicycles by the hour (Fanaee-T & Gama 2013)."""
    return pl.read_parquet(mirror / "bike_sharing/hour.parquet").sample(900, seed=3, shuffle=True)


def verdicts(seen: object) -> dict[str, State]:
    return {f"{each.promise.stage}: {each.promise.claim}": each.state for each in seen.verdicts}


def test_several_classes_with_a_test_file_and_weights(
    new_project: Callable[..., Project], plates: pl.DataFrame, log: Callable[..., list[str]]
) -> None:
    project = new_project(contract=PLATES, rows=plates.head(400))
    plates.slice(400, 150).write_parquet(project.folder / "data/test.parquet")
    seen = project.apply()
    assert [each.state for each in seen.outcomes] == ["restored"]
    assert project.why("accuracy >= 0.5 with 95%")["n"] == 150
    assert project.why("accuracy >= 0.5 on train")["n"] == 400
    assert "importance" not in project.keeping().model(project.champion.model).schema.names
    log(project, plates.slice(550, 100))
    found = verdicts(project.plan())
    assert found["live: accuracy >= 0.4 over 200 rows"] is State.HELD
    assert found["live: psi(*) <= 5 over 200 rows"] is State.HELD
    assert project.predict(plates.tail(3)).columns[-1] == "label"


def test_a_number_to_predict_with_time_id_and_slices(
    new_project: Callable[..., Project], bikes: pl.DataFrame, log: Callable[..., list[str]]
) -> None:
    project = new_project(contract=BIKES, rows=bikes.head(700))
    seen = project.apply()
    assert [each.state for each in seen.outcomes] == ["restored"]
    names = project.keeping().model(project.champion.model).schema.names
    assert not {"instant", "dteday", "casual", "registered", "cnt"} & set(names)
    assert {each["case"] for each in project.why("mae <= 200 by season")["evidence_trail"]} == {
        "season=1",
        "season=2",
        "season=3",
        "season=4",
    }
    log(project, bikes.tail(100))
    found = verdicts(project.plan())
    assert found["live: mae <= 400 over 200 rows"] is State.HELD
    assert project.why("mae <= 400")["n"] == 100
    assert project.predict(bikes.tail(3)).columns == ["prediction"]
