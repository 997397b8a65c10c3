"""Example `income`: does a person earn more than 50,000 dollars a year? Adult census income, 1994."""

from __future__ import annotations

import os
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import DigestMismatch, UnreadableData
from holdfast.demo.examples import Example

if TYPE_CHECKING:
    import polars as pl

SEED = 11
HISTORY, BEFORE, DURING, AFTER = 16_000, 1500, 2500, 1500

#: Columns that no request brings: the model may not look at them.
UNASKED = ("person", "fnlwgt", "education")

#: File in a mirror folder, and the digest that its bytes must have.
MIRRORED = "adult/adult.parquet"
PINNED = "f3107fd1c2b68b234a9b38fc39329c7a47c7dc9c43d2ffc818fdf1bc47671508"

CONTRACT = """\
# A contract with fairness promises. `holdfast plan` says what would be done about it.
holdfast: 1
model:
  name: income
  task: binary
  target: income
  positive: ">50K"
data:
  train: data/history.parquet
  holdout: 0.3
  id: person
  sensitive: [sex, race]    # groups are made of these; the model may not look at them
  exclude: [fnlwgt, education]
promises:
  data:
    - row_count >= 10000 rows
    - completeness(*) >= 0.9
    - allowed(income, "<=50K", ">50K") >= 1
    - in_range(age, 16, 100) >= 1
    - in_range(capital_gain, 0, 99998) >= 1 else quarantine
  candidate:
    - roc_auc >= 0.89 with 95%
    - accuracy >= 0.8 by sex
    - expected_calibration_error <= 0.03
    - equal_opportunity_difference(sex) <= 0.2 else reweigh
    - equal_opportunity_difference(race) <= 0.3 else reweigh
    - demographic_parity_difference(sex) <= 0.25 else reweigh
  package:
    - parity <= 0.0001
    - model_size <= 10 MB
    - p99_latency <= 50 ms
    - explanation_stability >= 0.6
  live:
    - psi(*) <= 0.25 over 2000 rows else retrain
    - roc_auc >= 0.85 over 2000 rows else retrain
    - accuracy >= 0.75 by sex over 2000 rows
    - p99_latency <= 500 ms over 1 h
train:
  with: automl
  budget: 40 s
  seed: 11
policy:
  approve: auto
min_labels: 200
"""


def income() -> Example:
    """The example: census rows, and a second office whose records differ, which is simulated."""
    rows = _people(_adult())
    at = [HISTORY, BEFORE, DURING, AFTER]
    parts, start = [], 0
    for size in at:
        parts.append(rows.slice(start, size))
        start += size
    history, before, during, after = parts
    return Example(
        name="income",
        contract=CONTRACT,
        history=history,
        before=before.drop(UNASKED),
        during=second_office(during).drop(UNASKED),
        after=second_office(after).drop(UNASKED),
        target="income",
        beside=("sex", "race"),
        batch=25,
        story={
            "data": f"real census rows (R. Kohavi, 1996: UCI Adult); {HISTORY} of them are the history",
            "faults": "real: a capital gain of 99,999 is a code for 'more than the form can hold', not an amount",
            "change": "simulated: from here on the rows come from a second office that counts the way to work as "
            "hours worked (+12) and asks people 8 years older; the rows themselves are real",
        },
    )


def second_office(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as the second office would have recorded them."""
    import polars as pl

    return rows.with_columns(
        (pl.col("hours_per_week") + 12).clip(1, 99).cast(rows.schema["hours_per_week"]),
        (pl.col("age") + 8).clip(17, 98).cast(rows.schema["age"]),
    )


def _people(rows: pl.DataFrame) -> pl.DataFrame:
    import numpy as np
    import polars as pl

    order = np.random.default_rng(SEED).permutation(rows.height)
    shuffled = rows[pl.Series(order)].drop("split", strict=False)
    return shuffled.select(pl.Series("person", [f"person-{each:05d}" for each in order]), pl.all())


def mirror_folders() -> list[Path]:
    """Folders that may hold the data: `HOLDFAST_MIRROR`, then `shared/data` beside the checkout or this folder."""
    import holdfast

    named = os.environ.get("HOLDFAST_MIRROR")
    checkout = Path(holdfast.__file__).resolve().parents[2]
    beside = dict.fromkeys(each.parent / "shared" / "data" for each in (checkout, Path.cwd()))
    return [*([Path(named)] if named else []), *beside]


def _adult() -> pl.DataFrame:
    import io

    import polars as pl

    for folder in mirror_folders():
        path = folder / MIRRORED
        if path.is_file():
            data = path.read_bytes()
            if digest_bytes(data) != PINNED:
                raise DigestMismatch("the file is not the one that is pinned", where=str(path), expected=PINNED)
            return pl.read_parquet(io.BytesIO(data))
    return _from_openml()


def _from_openml() -> pl.DataFrame:
    import polars as pl
    from sklearn.datasets import fetch_openml

    try:
        loaded = fetch_openml("adult", version=2, as_frame=False, parser="liac-arff")
    except Exception as error:
        raise UnreadableData(
            f"the Adult data cannot be had: {type(error).__name__}",
            where="openml.org",
            expected=f"HOLDFAST_MIRROR, a folder with {MIRRORED}, or a network",
        ) from error
    # Categories come as their index; the names stand beside.
    columns: dict[str, list[object]] = {}
    for index, name in enumerate(loaded.feature_names):
        words = (loaded.categories or {}).get(name)
        values = loaded.data[:, index]
        tidy = str(name).replace("-", "_")
        columns[tidy] = [None if isnan(each) else words[int(each)] if words else float(each) for each in values]
    rows = pl.DataFrame(columns)
    numbers = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
    return rows.with_columns(
        *(pl.col(each).cast(pl.Int64) for each in numbers), pl.Series("income", [str(each) for each in loaded.target])
    )
