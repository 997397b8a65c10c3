"""What the tests of the room share: small models, trained through the registry, and the packages made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.models import Column, ModelSchema
from holdfast.core.ports import TrainRequest
from holdfast.core.subjects import Model
from holdfast.serve.models import load_model


def clinic(n: int = 240) -> pl.DataFrame:
    """Rows with two numbers that matter, one text that matters, one number that does not."""
    rng = np.random.default_rng(3)
    a, b, noise = rng.normal(size=(3, n))
    text = rng.choice(["red", "green", "blue"], size=n)
    gaps = np.where(rng.random(n) < 0.1, np.nan, b)
    return pl.DataFrame({"a": a, "b": gaps, "noise": noise, "text": text}).with_columns(
        y=2.0 * pl.col("a") + pl.Series(b) + (pl.col("text") == "red").cast(pl.Float64)
    )


_TARGETS = {
    "binary": pl.when(pl.col("y") > 0.3).then(pl.lit("yes")).otherwise(pl.lit("no")),
    "multiclass": pl.when(pl.col("y") > 1)
    .then(pl.lit("high"))
    .when(pl.col("y") < -1)
    .then(pl.lit("low"))
    .otherwise(pl.lit("mid")),
    "regression": pl.col("y") * 50.0 + 1000.0,
}


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Model]:
    """A package by task and learner (``linear`` or ``trees``), trained once: its folder is not to be changed."""
    made: dict[tuple[str, str], Model] = {}

    def make(task: str, learner: str) -> Model:
        if (task, learner) not in made:
            made[task, learner] = _train(task, learner, tmp_path_factory.mktemp("model"))
        return made[task, learner]

    return make


def _train(task: str, learner: str, folder: Path) -> Model:
    rows = clinic().with_columns(_TARGETS[task].alias("y"))
    settings: dict[str, Any] = {"max_trials": 1, "folds": 2, "repeats": 1, "threads": 1}
    warm = (
        {"learner": "linear", "params": {}}
        if learner == "linear"
        else {"learner": "lightgbm", "params": {"num_leaves": 6}}
    )
    request = TrainRequest(
        rows=rows[:180],
        holdout=rows[180:],
        dataset="0" * 64,
        task=task,
        target="y",
        features=("a", "b", "noise", "text"),
        folder=folder,
        settings=settings,
        warm_start=warm,
    )
    trained = registry.get("trainer", "automl").train(request)
    answer = load_model(folder, trained.schema).predict
    return Model(folder, trained.schema, answer, rows[180:], trained.files["model.onnx"].stat().st_size)


@pytest.fixture
def plain() -> Callable[..., Model]:
    """A model without files: a function of rows, three columns of numbers, predicting a number."""

    def make(function: Callable[[pl.DataFrame], np.ndarray], folder: Path, *, n: int = 40, width: int = 3) -> Model:
        rng = np.random.default_rng(5)
        names = [f"x{each}" for each in range(width)]
        schema = ModelSchema("regression", "y", tuple(Column(name, "float32") for name in names))
        rows = pl.DataFrame(rng.normal(size=(n, width)), schema=names)
        return Model(folder, schema, function, rows, 1)

    return make
