"""Fixtures for the room observe: windows with and without drift, and real data from several places."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core.subjects import Scored, Window


def expit(x: np.ndarray) -> np.ndarray:
    """Logistic function."""
    made: np.ndarray = 1.0 / (1.0 + np.exp(-x))
    return made


def answers(x: np.ndarray) -> np.ndarray:
    """Answers of a model that is calibrated: probabilities of shape (n, 2)."""
    positive = expit(1.5 * x)
    return np.column_stack([1.0 - positive, positive])


@pytest.fixture
def world() -> tuple[Window, np.ndarray]:
    """Window whose x has moved while P(y|x) has not, and the labels that will come (shape (m,), bool)."""
    rng = np.random.default_rng(20261124)
    before, after = rng.normal(0.0, 1.0, 6000), rng.normal(0.5, 1.3, 6000)
    known = rng.random(6000) < answers(before)[:, 1]
    coming = rng.random(6000) < answers(after)[:, 1]
    reference = pl.DataFrame({"x": before, "site": ["a", "b"] * 3000})
    scored = Scored(
        task="binary",
        truth=np.where(known, "yes", "no").astype(object),
        score=answers(before),
        rows=reference,
        decision=np.where(answers(before)[:, 1] >= 0.5, "yes", "no").astype(object),
        classes=("no", "yes"),
        positive="yes",
    )
    window = Window(
        reference=reference,
        current=pl.DataFrame({"x": after, "site": ["a", "c"] * 3000}),
        reference_scored=scored,
        current_score=answers(after),
        current_decision=np.where(answers(after)[:, 1] >= 0.5, "yes", "no").astype(object),
    )
    return window, coming


@pytest.fixture
def still() -> Window:
    """Window of the same distribution as its reference."""
    rng = np.random.default_rng(5)
    return Window(
        pl.DataFrame({"x": rng.normal(size=3000), "site": rng.choice(["a", "b", "c"], 3000)}),
        pl.DataFrame({"x": rng.normal(size=2000), "site": rng.choice(["a", "b", "c"], 2000)}),
    )


@pytest.fixture
def heart() -> pl.DataFrame:
    """Heart disease at four sites, 920 rows."""
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder / "heart_disease" / "heart_disease.parquet"
    if not path.exists():
        pytest.skip("no heart_disease/heart_disease.parquet in HOLDFAST_MIRROR or ../shared/data")
    return pl.read_parquet(path)
