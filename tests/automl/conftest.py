"""What the tests of the room share: requests, and real data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.ports import TrainRequest

Make = Callable[..., TrainRequest]

_MIRRORS = (os.environ.get("HOLDFAST_MIRROR"), Path(__file__).parents[2].parent / "shared" / "data")


@pytest.fixture
def ask(tmp_path: Path) -> Make:
    """A request for rows: three quarters to train on, the rest held out, quick and repeatable."""

    def make(table: pl.DataFrame, target: str = "y", task: str = "binary", **given: Any) -> TrainRequest:
        edge = table.height * 3 // 4
        settings = {
            "max_trials": 3,
            "threads": 1,
            "folds": 3,
            "repeats": 1,
            "features": False,
            "learners": ["linear", "lightgbm"],
            **given.pop("settings", {}),
        }
        defaults: dict[str, Any] = {
            "rows": table[:edge],
            "holdout": table[edge:],
            "dataset": "0" * 64,
            "features": tuple(name for name in table.columns if name != target),
            "folder": tmp_path / "model",
            "budget_s": 30.0,
        }
        return TrainRequest(task=task, target=target, settings=settings, **{**defaults, **given})

    return make


@pytest.fixture
def toy() -> pl.DataFrame:
    """240 rows: two numbers that matter (one with gaps), one text that matters, noise; the target `y`."""
    rng = np.random.default_rng(7)
    n = 240
    a, b, noise = rng.normal(size=(3, n))
    text = rng.choice(["red", "green", "blue"], size=n)
    y = np.where(a + 0.5 * b + (text == "red") + 0.5 * rng.normal(size=n) > 0.3, "yes", "no")
    gaps = np.where(rng.random(n) < 0.1, np.nan, b)
    return pl.DataFrame({"a": a, "b": gaps, "noise": noise, "text": text, "y": y})


@pytest.fixture(scope="session")
def real() -> Callable[[str], pl.DataFrame]:
    """Real data by the path of their file; skips, with the reason, where there is no mirror."""

    def read(path: str) -> pl.DataFrame:
        for folder in _MIRRORS:
            if folder and (Path(folder) / path).is_file():
                return pl.read_parquet(Path(folder) / path)
        pytest.skip(f"no {path} in HOLDFAST_MIRROR or ../shared/data")

    return read


@pytest.fixture(scope="session")
def tumours() -> pl.DataFrame:
    """scikit-learn's breast cancer data, shuffled; target `y`."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    rows = pl.DataFrame(data.data, schema=names).with_columns(pl.Series("y", data.target_names[data.target]))
    return rows.sample(fraction=1.0, shuffle=True, seed=0)
