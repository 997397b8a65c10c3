"""Repair: precision, recall and F1 per cell on dirty/clean pairs, changes on clean tables, and errors planted.

One JSON line per figure. A cell is wrong when dirty and clean differ as texts (outer blanks stripped; an empty text and
an empty cell are one). Detection: cells changed or not; repair: cells changed to the clean text. Only changes of
confidence 0.7 and more count. No labels and no clean copy are seen by the planner.

Published references (F1 of the whole, as reported by their authors or by Baran's comparison; with help that is not
given here): Raha + Baran with 20 labelled rows: hospital 0.6 to 0.75, flights about 0.8, beers 0.85 to 0.9 (Mahdavi et
al., "Raha", SIGMOD 2019; Mahdavi & Abedjan, "Baran", PVLDB 13, 2020); HoloClean with given constraints: hospital 0.7 to
0.9, flights 0 to 0.5 (0.76 where sources are modelled), beers 0 to 0.1 (Rekatsinas et al., PVLDB 10, 2017, and Baran's
comparison). `baseline` is the upper end of the best of them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent))

from repair_errors import KINDS, plant

from holdfast.quality.repair import RepairPlan, plan_repairs

BAR = 0.7
BASELINES = {"hospital": 0.9, "flights": 0.8, "beers": 0.9}
CLEAN = (
    "adult/adult.parquet", "bank_marketing/bank_full.parquet", "german_credit/german_credit.parquet",
    "credit_default/credit_default.parquet", "heart_disease/heart_disease.parquet", "diabetes130/diabetes130.parquet",
    "bike_sharing/hour.parquet", "sms_spam/sms_spam.parquet", "gsm8k_test/gsm8k_test.parquet",
    "ai4i2020/ai4i2020.parquet",
    "steel_plates/steel_plates.parquet", "elec2/elec2.parquet", "cmapss_fd001/train.parquet", "secom30/secom30.parquet",
)  # fmt: skip
PLANTED = {"adult": "adult/adult.parquet", "bank": "bank_marketing/bank_full.parquet"}
SAMPLE = 5000


def mirror() -> Path:
    """Folder of the mirror of real data."""
    return Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[2] / "shared" / "data")


def texts(file: Path, rows: int | None = None) -> pl.DataFrame:
    """A table with every column as text, or a seeded sample of it."""
    table = pl.read_csv(file, infer_schema=False) if ".csv" in file.name else pl.read_parquet(file)
    table = table.select(pl.all().cast(pl.String))
    return table.sample(rows, seed=1) if rows and table.height > rows else table


def _cells(table: pl.DataFrame) -> list[list[str]]:
    return [[(text or "").strip() for text in table[name].to_list()] for name in table.columns]


def score(dirty: pl.DataFrame, clean: pl.DataFrame, plan: RepairPlan) -> dict[str, float]:
    """Cell-level precision, recall and F1 of detection and of repair."""
    given, right = _cells(dirty), _cells(clean)
    place = {name: index for index, name in enumerate(dirty.columns)}
    wrong = sum(a != b for mine, theirs in zip(given, right, strict=True) for a, b in zip(mine, theirs, strict=True))
    changed = detected = repaired = 0
    for change in plan.changes:
        column = place[change.column]
        before, truth, after = given[column][change.row], right[column][change.row], (change.after or "").strip()
        if change.confidence >= BAR and before != after:
            changed += 1
            detected += before != truth
            repaired += before != truth and after == truth
    found = {"wrong_cells": wrong, "changed_cells": changed}
    for name, good in (("detection", detected), ("repair", repaired)):
        precision, recall = good / max(changed, 1), good / max(wrong, 1)
        found[f"{name}_precision"], found[f"{name}_recall"] = round(precision, 4), round(recall, 4)
        found[f"{name}_f1"] = round(2 * precision * recall / max(precision + recall, 1e-12), 4)
    return found


def tell(figure: str, value: float, baseline: float | None, **more: object) -> None:
    """Print one figure as a JSON line."""
    ratio = None if baseline is None else round(value / baseline, 3)
    print(
        json.dumps({"figure": figure, "value": value, "unit": "share", "baseline": baseline, "ratio": ratio, **more}),
        flush=True,
    )


def _pairs() -> None:
    for name, baseline in BASELINES.items():
        dirty, clean = (texts(mirror() / f"{name}_pair" / f"{kind}.csv.gz") for kind in ("dirty", "clean"))
        began = time.process_time()
        plan = plan_repairs(dirty)
        spent = round(time.process_time() - began, 2)
        figures = score(dirty, clean, plan)
        rules = Counter(change.rule for change in plan.changes if change.confidence >= BAR)
        tell(
            f"repair F1, {name}",
            figures["repair_f1"],
            baseline,
            **figures,
            cpu_s=spent,
            rules=dict(sorted(rules.items())),
        )
        _clean(f"{name} (clean copy)", clean)


def _clean(name: str, table: pl.DataFrame) -> None:
    began = time.process_time()
    changes = [change for change in plan_repairs(table).changes if change.confidence >= BAR]
    spent = round(time.process_time() - began, 2)
    share = len(changes) / max(table.height * table.width, 1)
    tell(
        f"cells changed in a clean table, {name}",
        round(share, 6),
        None,
        cells=len(changes),
        rows=table.height,
        cpu_s=spent,
    )


def _planted() -> None:
    for name, file in PLANTED.items():
        clean = texts(mirror() / file, SAMPLE)
        for kind in KINDS:
            dirty, truth = plant(clean, kind, 0.03, 7)
            figures = score(dirty, truth, plan_repairs(dirty))
            if figures["wrong_cells"]:
                tell(f"repair F1, {kind} planted in 3 % of {name}", figures["repair_f1"], None, **figures)


def main() -> None:
    """Print every figure."""
    _pairs()
    for file in CLEAN:
        _clean(file.split("/")[0], texts(mirror() / file, SAMPLE))
    _planted()


if __name__ == "__main__":
    main()
