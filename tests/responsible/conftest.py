"""Fixtures for the room responsible: answers about groups of people, small and real."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core.subjects import Scored

Make = Callable[..., Scored]


@pytest.fixture
def answered() -> Make:
    """Answers made of counts: {group: (true positives, false negatives, false positives, true negatives)}."""

    def make(counts: dict[str, tuple[int, int, int, int]]) -> Scored:
        group, truth, decision = [], [], []
        for name, (tp, fn, fp, tn) in counts.items():
            group += [name] * (tp + fn + fp + tn)
            truth += ["yes"] * (tp + fn) + ["no"] * (fp + tn)
            decision += ["yes"] * tp + ["no"] * fn + ["yes"] * fp + ["no"] * tn
        positive = np.where(np.array(decision) == "yes", 0.9, 0.1)
        return Scored(
            task="binary",
            truth=np.array(truth, dtype=object),
            score=np.column_stack([1 - positive, positive]),
            rows=pl.DataFrame({"sex": group, "all": ["one"] * len(group)}),
            decision=np.array(decision, dtype=object),
            classes=("no", "yes"),
            positive="yes",
        )

    return make


def mirror(*parts: str) -> Path:
    """File of the mirror of real data, or a skip that says why."""
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in HOLDFAST_MIRROR or ../shared/data")
    return path


@pytest.fixture
def adult() -> Scored:
    """Adult's published test half, answered by a rule of thumb: married and well taught, or with a gain of capital."""
    rows = pl.read_parquet(mirror("adult", "adult.parquet")).filter(pl.col("split") == "test")
    married = (rows["marital_status"] == "Married-civ-spouse").to_numpy()
    taught = rows["education_num"].to_numpy() >= 11
    gain = rows["capital_gain"].to_numpy() > 5000
    score = np.clip(0.1 + 0.3 * married + 0.3 * taught + 0.5 * gain, 0.0, 1.0)
    return Scored(
        task="binary",
        truth=rows["income"].to_numpy().astype(object),
        score=np.column_stack([1 - score, score]),
        rows=rows.select("sex", "race", "age", "native_country"),
        decision=np.where(score > 0.5, ">50K", "<=50K").astype(object),
        classes=("<=50K", ">50K"),
        positive=">50K",
    )


@pytest.fixture
def german() -> pl.DataFrame:
    """German credit, 1000 rows."""
    return pl.read_parquet(mirror("german_credit", "german_credit.parquet"))
