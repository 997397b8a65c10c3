"""Data sets of the AutoML bench: real ones of the mirror, scikit-learn's own, and two that are made.

What is dropped, and why, stands beside each set. The classes are text in every file, so that no engine takes them for
numbers. A split is 70 to 30 by seed: stratified by class, by group where rows of one unit belong together, else random.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

TEST_SHARE = 0.3
DIABETES_ROWS = 30_000
#: Patients who died or went to a hospice cannot come back.
GONE = (11, 13, 14, 19, 20, 21)
RUL_CAP = 125


def mirror() -> Path:
    """Folder of the real data."""
    return Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).resolve().parents[2] / "shared" / "data")


@dataclass(frozen=True, slots=True)
class Set:
    """A table with a target.

    Parameters
    ----------
    name
        Of the set.
    task
        binary, multiclass or regression.
    target
        Column to predict; text for classes.
    make
        Gives the rows.
    group
        Column whose values stay on one side of the split. It is in the training file for engines that can use it for
        their own folds, and not in the test file.
    note
        What a reader of the figures should know.
    """

    name: str
    task: str
    target: str
    make: Callable[[], pl.DataFrame]
    group: str | None = None
    note: str = ""

    def split(self, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return training and test rows, both with the target."""
        rows = self.make()
        if self.task != "regression":
            rows = rows.with_columns(pl.col(self.target).cast(pl.String))
        rng = np.random.default_rng([seed, sum(self.name.encode())])
        test = np.zeros(rows.height, dtype=bool)
        if self.group:
            units = rng.permutation(rows[self.group].unique().sort().to_numpy())
            test = np.isin(rows[self.group].to_numpy(), units[: round(TEST_SHARE * len(units))])
        elif self.task == "regression":
            test[rng.permutation(rows.height)[: round(TEST_SHARE * rows.height)]] = True
        else:
            codes = rows[self.target].to_numpy()
            for level in np.unique(codes):
                mine = rng.permutation(np.flatnonzero(codes == level))
                test[mine[: round(TEST_SHARE * len(mine))]] = True
        order = rng.permutation(np.flatnonzero(~test))
        return rows[order], rows.filter(test)


def _read(path: str, *drop: str) -> pl.DataFrame:
    rows = pl.read_parquet(mirror() / path)
    return rows.drop(*drop) if drop else rows


def _diabetes130() -> pl.DataFrame:
    rows = _read("diabetes130/diabetes130.parquet").filter(~pl.col("discharge_disposition_id").is_in(GONE))
    # One row per patient, the first: no patient is on both sides.
    rows = rows.sort("encounter_id").unique("patient_nbr", keep="first", maintain_order=True)
    back = pl.when(pl.col("readmitted") == "<30").then(pl.lit("yes")).otherwise(pl.lit("no"))
    return rows.with_columns(back.alias("readmitted")).drop("encounter_id", "patient_nbr").sample(DIABETES_ROWS, seed=0)


def _steel() -> pl.DataFrame:
    rows = _read("steel_plates/steel_plates.parquet")
    faults = [name for name in rows.columns if name.endswith(("_Fault", "_Faults"))]
    codes = rows.select(faults).to_numpy().argmax(axis=1)
    return rows.drop(faults).with_columns(pl.Series("fault", [faults[each] for each in codes]))


def _cmapss() -> pl.DataFrame:
    rows = _read("cmapss_fd001/train.parquet")
    left = (pl.col("cycle").max().over("unit") - pl.col("cycle")).clip(upper_bound=RUL_CAP)
    return rows.with_columns(left.cast(pl.Float64).alias("rul"))


def _bundled(name: str) -> pl.DataFrame:
    import sklearn.datasets

    data = getattr(sklearn.datasets, f"load_{name}")()
    names = [str(each).replace(" ", "_").replace("/", "_") for each in data.feature_names]
    if name == "diabetes":
        return pl.DataFrame(data.data, schema=names).with_columns(pl.Series("target", data.target))
    classes = [str(each) for each in data.target_names]
    return pl.DataFrame(data.data, schema=names).with_columns(
        pl.Series("target", [classes[each] for each in data.target])
    )


def _friedman(n: int = 10_000) -> pl.DataFrame:
    # Friedman (1991), "Multivariate adaptive regression splines", section 4.3: five inputs matter, five do not.
    rng = np.random.default_rng(1991)
    x = rng.random((n, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    rows = pl.DataFrame(x, schema=[f"x{each}" for each in range(10)])
    return rows.with_columns(pl.Series("y", y + rng.normal(size=n)))


def _million(n: int = 1_430_000) -> pl.DataFrame:
    """Cover-type-like: ten numbers, categories of 4 and 40 levels, seven unequal classes; 1M rows to train on."""
    rng = np.random.default_rng(54)
    height = rng.normal(2959, 280, n)
    slope, aspect = rng.gamma(3.0, 5.0, n), rng.uniform(0, 360, n)
    water, road, fire = rng.gamma(1.5, 180, n), rng.gamma(1.8, 1300, n), rng.gamma(2.0, 990, n)
    soil = np.clip(((height - 2000) / 50 + rng.normal(0, 4, n)).astype(int), 0, 39)
    area = rng.choice(4, n, p=[0.45, 0.05, 0.44, 0.06])
    shade = 220 + 30 * np.sin(np.radians(aspect)) - slope + rng.normal(0, 8, n)
    centres = np.array([3130.0, 2920, 2390, 2220, 2790, 2420, 3360])
    drift = rng.normal(0, 60, (4, 7))[area] + rng.normal(0, 40, (40, 7))[soil]
    pull = np.outer(np.log1p(water), rng.normal(0, 8, 7)) + np.outer(road / 1000, rng.normal(0, 12, 7))
    logits = -(((height[:, None] + drift + pull - centres) / 130) ** 2) + np.log(
        [0.36, 0.49, 0.06, 0.01, 0.02, 0.03, 0.03]
    )
    chosen = (logits + rng.gumbel(size=(n, 7))).argmax(axis=1)
    noise = {f"noise{each}": rng.normal(size=n) for each in range(3)}
    return pl.DataFrame(
        {
            "elevation": height, "slope": slope, "aspect": aspect, "to_water": water, "to_road": road, "to_fire": fire,
            "shade": shade, **noise, "soil": [f"soil{each}" for each in soil], "area": [f"area{each}" for each in area],
            "cover": [f"type{each + 1}" for each in chosen],
        }
    ).with_columns(pl.col(pl.Float64).cast(pl.Float32))  # fmt: skip


SETS = {
    each.name: each
    for each in (
        Set("german_credit", "binary", "bad", lambda: _read("german_credit/german_credit.parquet")),
        # The survey weight is no feature; `split` is the publisher's.
        Set("adult", "binary", "income", lambda: _read("adult/adult.parquet", "fnlwgt", "split")),
        # Known only after the call.
        Set("bank_marketing", "binary", "y", lambda: _read("bank_marketing/bank_full.parquet", "duration")),
        Set(
            "credit_default",
            "binary",
            "default_next_month",
            lambda: _read("credit_default/credit_default.parquet", "id"),
        ),
        # `num` is the target before it was cut in two.
        Set("heart_disease", "binary", "disease", lambda: _read("heart_disease/heart_disease.parquet", "num")),
        Set("pima", "binary", "diabetes", lambda: _read("pima/pima.parquet")),
        Set("diabetes130", "binary", "readmitted", _diabetes130, note="30,000 patients, the first stay of each"),
        Set(
            "ai4i2020",
            "binary",
            "machine_failure",
            # The target is the OR of the modes.
            lambda: _read("ai4i2020/ai4i2020.parquet", "udi", "product_id", "twf", "hdf", "pwf", "osf", "rnf"),
        ),
        Set("secom30", "binary", "fail", lambda: _read("secom30/secom30.parquet", "time")),
        Set("steel_plates", "multiclass", "fault", _steel),
        Set("elec2", "binary", "up", lambda: _read("elec2/elec2.parquet"), note="random split of a stream"),
        Set(
            "bike_sharing",
            "regression",
            "cnt",
            # Their sum is the target; `instant` is the row's number.
            lambda: _read("bike_sharing/hour.parquet", "instant", "casual", "registered"),
            note="random split of a series",
        ),
        Set("cmapss", "regression", "rul", _cmapss, group="unit", note="life left, at most 125; by engine unit"),
        Set("sms_spam", "binary", "label", lambda: _read("sms_spam/sms_spam.parquet"), note="text"),
        Set("breast_cancer", "binary", "target", lambda: _bundled("breast_cancer")),
        Set("digits", "multiclass", "target", lambda: _bundled("digits")),
        Set("wine", "multiclass", "target", lambda: _bundled("wine")),
        Set("diabetes", "regression", "target", lambda: _bundled("diabetes")),
        Set("friedman1", "regression", "y", _friedman, note="made"),
        Set("million", "multiclass", "cover", _million, note="made; 1M training rows"),
    )
}
#: Those of a whole grid; the one of a million rows is asked for by name.
ALL = tuple(name for name in SETS if name != "million")
