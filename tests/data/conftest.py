"""Fixtures of the use-cases of a table: a quick trainer, and small tables."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry


def _quick() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quick_trainer", Path(__file__).with_name("quick.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The quick trainer, registered as the one that trains by default; it remembers what it was asked."""
    registry.load("trainer")
    made = _quick().Quick()
    entries = {**registry._entries["trainer"], "quick": (made, type(made)), "automl": (made, type(made))}
    monkeypatch.setitem(registry._entries, "trainer", entries)
    return made


@pytest.fixture
def people() -> pl.DataFrame:
    """400 rows: a number that says much, one with gaps, a text, a group, a day; `bought` is yes or no."""
    rng = np.random.default_rng(3)
    n = 400
    age, noise = rng.normal(40, 12, size=n), rng.normal(size=n)
    bought = np.where(age + rng.normal(0, 8, size=n) > 45, "yes", "no")
    gaps = np.where(rng.random(n) < 0.1, np.nan, noise)
    day = pl.date_range(pl.date(2024, 1, 1), pl.date(2025, 2, 3), "1d", eager=True).alias("day")
    return pl.DataFrame(
        {
            "age": age.round(1),
            "noise": gaps,
            "town": rng.choice(["Bern", "Basel", "Genf, old town"], size=n),
            "house": rng.integers(0, 60, size=n),
            "bought": bought,
        }
    ).with_columns(day)
