"""Fixtures for the room quality: a small dirty table, and real data."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest


@pytest.fixture
def people() -> pl.DataFrame:
    """Six rows with every fault once."""
    return pl.DataFrame(
        {
            "age": [39.0, None, 50.0, float("nan"), 380.0, float("inf")],
            "sex": ["M", "F", "m", None, "M", "M"],
            "id": [1, 2, 2, 3, 4, 5],
            "code": ["12345", "1", "x", "2020-01-31", "2020-02-30", None],
            "same": [7, 7, 7, 7, 7, 7],
            "member": [True, False, None, True, True, True],
        }
    )


def mirror(*parts: str) -> Path:
    """File of the mirror of real data, or a skip that says why."""
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in HOLDFAST_MIRROR or ../shared/data")
    return path


@pytest.fixture
def adult_file() -> Path:
    """Adult census income, 48842 rows."""
    return mirror("adult", "adult.parquet")


@pytest.fixture
def heart_file() -> Path:
    """Heart disease at four sites, 920 rows."""
    return mirror("heart_disease", "heart_disease.parquet")


@pytest.fixture
def hospital_file() -> Path:
    """Hospital records with planted typing errors, 1000 rows, gzipped CSV."""
    return mirror("hospital_pair", "dirty.csv.gz")


@pytest.fixture
def spam_file() -> Path:
    """Text messages, 5574 rows."""
    return mirror("sms_spam", "sms_spam.parquet")
