"""Example `tumour`: is a breast tumour malignant? Wisconsin diagnostic data, embedded in scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.demo.examples import Example

if TYPE_CHECKING:
    import polars as pl

SEED = 7
HISTORY, BEFORE, DURING = 300, 100, 100

#: The second clinic's instrument reads lengths this much too large: areas and their errors by its square.
READS = 1.35

CONTRACT = """\
# A contract: what must hold of this model. `holdfast plan` says what would be done about it.
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
  data:                     # judged on the rows, before anything is trained
    - row_count >= 200 rows
    - unique(case) >= 1
    - completeness(*) >= 0.95
    - allowed(diagnosis, benign, malignant) >= 1
    - in_range(mean_radius, 5, 40) >= 1 else quarantine
  candidate:                # judged on held-out rows, before a model is let out
    - roc_auc >= 0.93 with 95%
    - recall >= 0.8
    - expected_calibration_error <= 0.1
  package:                  # judged on the file that will answer
    - parity <= 0.0001
    - model_size <= 5 MB
    - p99_latency <= 50 ms
    - explanation_stability >= 0.6
  live:                     # judged on the traffic, as long as the model runs
    - wasserstein(*) <= 0.6 over 100 rows else retrain
    - accuracy >= 0.8 over 100 rows else retrain
    - p99_latency <= 500 ms over 1 h
train:
  with: automl
  budget: 25 s
  seed: 7
policy:
  approve: auto             # or: person, four-eyes
min_labels: 50
"""


def tumour() -> Example:
    """The example: 569 real cases, four typing slips, and a second clinic that is simulated."""
    import polars as pl

    rows = cases()
    history = _slips(rows.head(HISTORY))
    before = rows.slice(HISTORY, BEFORE)
    later = second_clinic(rows.slice(HISTORY + BEFORE))
    return Example(
        name="tumour",
        contract=CONTRACT,
        history=history,
        before=before.drop("case"),
        during=later.head(DURING).drop("case"),
        after=pl.DataFrame(later.slice(DURING)).drop("case"),
        target="diagnosis",
        story={
            "data": "569 real cases (W. H. Wolberg, W. N. Street, O. L. Mangasarian: UCI Breast Cancer Wisconsin, "
            "Diagnostic), embedded in scikit-learn; 300 are the history",
            "faults": "planted: in four rows the decimal point of mean_radius is lost",
            "change": f"simulated: from here on the cases come from a second clinic whose instrument reads lengths "
            f"{READS - 1:.0%} too large (areas by the square of it); the cases themselves are real",
        },
    )


def cases() -> pl.DataFrame:
    """The 569 real cases, shuffled: an id, thirty features, the diagnosis."""
    import numpy as np
    import polars as pl
    from sklearn.datasets import load_breast_cancer

    loaded = load_breast_cancer()
    names = [str(each).replace(" ", "_") for each in loaded.feature_names]
    order = np.random.default_rng(SEED).permutation(len(loaded.target))
    rows = pl.DataFrame(loaded.data[order], schema=names)
    return rows.with_columns(
        pl.Series("case", [f"case-{each:03d}" for each in order]),
        pl.Series("diagnosis", [str(loaded.target_names[each]) for each in loaded.target[order]]),
    ).select("case", *names, "diagnosis")


def _slips(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    place = pl.int_range(pl.len())
    return rows.with_columns(
        pl.when(place.is_in([17, 86, 151, 240])).then(pl.col("mean_radius") * 100).otherwise(pl.col("mean_radius"))
    )


def second_clinic(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as the second clinic's instrument would have measured them: lengths x 1.35, areas x 1.35^2."""
    import polars as pl

    lengths = [each for each in rows.columns if each.endswith(("radius", "perimeter")) or "_radius_" in each]
    lengths += [each for each in rows.columns if each in ("radius_error", "perimeter_error")]
    areas = [each for each in rows.columns if each.endswith("_area") or each == "area_error"]
    return rows.with_columns(
        *(pl.col(each) * READS for each in dict.fromkeys(lengths)), *(pl.col(each) * READS**2 for each in areas)
    )
