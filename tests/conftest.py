"""Fixtures for every floor: where real data lie, and small projects on real data."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings

from holdfast.project import Project, init

# No deadlines: the machine is shared. In CI the same examples each time: what a change broke is what fails there, and
# new examples are found where somebody looks at them.
settings.register_profile("holdfast", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("holdfast")

COLUMNS = ("case", "mean_radius", "mean_texture", "mean_concavity", "worst_radius", "worst_smoothness", "diagnosis")

SMALL = """\
holdfast: 1
model:
  name: tumour
  task: binary
  target: diagnosis
  positive: malignant
data:
  train: data/history.parquet
  holdout: 0.35
  id: case
promises:
  data:
    - unique(case) >= 1
    - completeness(*) >= 0.95
    - in_range(mean_radius, 5, 40) >= 1 else quarantine
  candidate:
    - roc_auc >= 0.9 with 95%
    - recall >= 0.7
  package:
    - parity <= 0.0001
    - model_size <= 5 MB
  live:
    - wasserstein(*) <= 1 over 100 rows else retrain
    - accuracy >= 0.75 over 100 rows else retrain
train:
  with: automl
  budget: 20 s
  seed: 7
  settings:
    max_trials: 1
min_labels: 40
store:
  mlflow: none
"""


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder with the real data sets."""
    named = os.environ.get("HOLDFAST_MIRROR")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(named) if named else beside
    if not folder.is_dir():
        pytest.skip(f"no real data: neither HOLDFAST_MIRROR nor {beside.parent.name}/{beside.name} beside the checkout")
    return folder


@pytest.fixture(scope="session")
def tumours() -> pl.DataFrame:
    """569 real cases (breast cancer, embedded in scikit-learn), shuffled; five of the thirty features."""
    from holdfast.demo.tumour import cases

    return cases().select(COLUMNS)


@pytest.fixture(scope="session")
def small_contract() -> str:
    """Contract of the small project."""
    return SMALL


@pytest.fixture
def new_project(tmp_path: Path, tumours: pl.DataFrame) -> Iterator[Callable[..., Project]]:
    """Make a small project; `contract` and `rows` may be others."""
    made: list[Project] = []

    def make(*, contract: str = SMALL, rows: pl.DataFrame | None = None, name: str = "project") -> Project:
        data = io.BytesIO()
        (tumours.head(300) if rows is None else rows).write_parquet(data)
        made.append(init(tmp_path / name, contract=contract, files={"data/history.parquet": data.getvalue()}))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def trained_template(tmp_path_factory: pytest.TempPathFactory, tumours: pl.DataFrame) -> Path:
    """Folder of a small project whose first champion is trained: copied, never used itself."""
    folder = tmp_path_factory.mktemp("trained") / "project"
    data = io.BytesIO()
    tumours.head(300).write_parquet(data)
    with init(folder, contract=SMALL, files={"data/history.parquet": data.getvalue()}) as project:
        seen = project.apply()
    assert [each.state for each in seen.outcomes] == ["restored"]
    return folder


@pytest.fixture
def trained(trained_template: Path, tmp_path: Path) -> Iterator[Project]:
    """A small project with a champion, of one's own."""
    shutil.copytree(trained_template, tmp_path / "project", symlinks=True)
    with Project(tmp_path / "project") as project:
        yield project
