"""Handling bad data in the loop: repaired with a trail, the pipeline held, the source asked; then judged again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import InvalidValue
from holdfast.keeper.bench import Bench
from holdfast.keeper.handling import ask_source, holds, repair_cells
from holdfast.project import Project
from holdfast.store import DatasetVersion

MakeProject = Callable[..., Project]


def spoilt(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """The rows with a radius that no tumour has in the first `count` of them."""
    index = pl.int_range(pl.len())
    return rows.with_columns(
        pl.when(index < count).then(pl.col("mean_radius") * 1000).otherwise(pl.col("mean_radius")).alias("mean_radius")
    )


def deliver(project: Project, rows: pl.DataFrame) -> None:
    rows.write_parquet(project.folder / "data" / "history.parquet")


def with_remedies(contract: str, remedies: str) -> str:
    return contract.replace("else quarantine", f"else {remedies}")


def dataset(project: Project) -> DatasetVersion:
    return project.keeping().ingest()


def test_a_held_pipeline_trains_nothing_until_other_data_came(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    project = new_project(contract=with_remedies(small_contract, "hold"), rows=spoilt(tumours.head(300), 3))
    seen = project.apply()
    assert [(each.action.remedy, each.state) for each in seen.outcomes] == [("hold", "not restored")]
    assert seen.plan.actions == ()
    assert any("held since" in each for each in seen.plan.notes)
    assert project.champion is None
    (held,) = project.status()["held"]
    assert held["claim"] == "in_range(mean_radius, 5, 40) >= 1"
    deliver(project, tumours.head(300))
    project.plan()
    assert project.status()["held"] == []
    assert [each.payload["reason"] for each in project.store.journal.events(types=("pipeline.released",))] == [
        "the promise holds"
    ]


def test_other_data_that_are_bad_as_well_are_judged_anew(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    project = new_project(contract=with_remedies(small_contract, "hold"), rows=spoilt(tumours.head(300), 3))
    project.apply()
    deliver(project, spoilt(tumours.head(301), 2))
    again = project.plan()
    assert [each.remedy for each in again.plan.actions] == ["quarantine"]
    assert holds(project.keeping()) == {}


def test_the_source_is_asked_with_the_rows_that_break_the_promise(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    contract = with_remedies(small_contract, "ask_source")
    project = new_project(contract=contract, rows=spoilt(tumours.head(300), 3))
    kept = project.keeping()
    (action,) = project.plan().plan.actions
    bench = Bench(kept, dataset(project))
    assert registry.get("remedy", "ask_source").carry_out(action, bench) is None
    (event,) = project.store.journal.events(types=("source.asked",))
    folder = project.store.root / "requests" / event.payload["request"]
    assert "3 of 300 rows break it" in (folder / "request.md").read_text()
    with (folder / "rows.csv").open(newline="") as file:
        assert [each["row"] for each in csv.DictReader(file)] == ["0", "1", "2"]
    assert registry.get("remedy", "ask_source").carry_out(action, bench) is None
    assert len(list(project.store.journal.events(types=("source.asked",)))) == 1


def test_a_cell_that_a_spreadsheet_would_run_is_disarmed_and_a_password_is_not_told(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    rows = tumours.head(300).with_columns(pl.lit("=cmd|' /C calc'!A0").alias("note"))
    project = new_project(contract=small_contract, rows=rows)
    mask = np.zeros(300, dtype=bool)
    mask[4] = True
    name = ask_source(project.keeping(), dataset(project), claim="unique(case) >= 1", found="", mask=mask)
    with (project.store.root / "requests" / name / "rows.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["note"] == "'=cmd|' /C calc'!A0"


def test_repaired_cells_are_a_new_version_with_a_trail_and_no_value_in_the_journal(
    new_project: MakeProject, tumours: pl.DataFrame
) -> None:
    rows = spoilt(tumours.head(300), 2)
    project = new_project(rows=rows)
    kept = project.keeping()
    before = dataset(project)
    trail = [
        {"row": row, "column": "mean_radius", "before": "17990.0", "after": "17.99", "rule": "unit", "confidence": 0.9}
        for row in (0, 1)
    ]
    made = repair_cells(kept, before, tumours.head(300), trail=trail, reason="2 cells")
    assert kept.rows(made.digest).equals(tumours.head(300))
    assert kept.rows(before.digest).equals(rows)
    assert project.store.tables.read("repairs:tumour")["after"].to_list() == ["17.99", "17.99"]
    (event,) = project.store.journal.events(types=("cells.repaired",))
    assert (event.payload["cells"], event.payload["rules"]) == (2, {"unit": 2})
    assert "17.99" not in json.dumps(dict(event.payload))


@pytest.mark.parametrize("change", ["rows", "types", "trail"])
def test_a_repair_that_changes_more_than_cells_is_refused(
    change: str, new_project: MakeProject, tumours: pl.DataFrame
) -> None:
    project = new_project()
    kept, before = project.keeping(), dataset(project)
    trail = [{"row": 0, "column": "case", "before": "a", "after": "b", "rule": "r", "confidence": 0.9}]
    rows = {
        "rows": tumours.head(299),
        "types": tumours.head(300).cast({"mean_radius": pl.String}),
        "trail": tumours.head(300),
    }[change]
    with pytest.raises(InvalidValue):
        repair_cells(kept, before, rows, trail=trail if change != "trail" else [], reason="nothing")
    assert list(project.store.journal.events(types=("cells.repaired",))) == []


def test_a_remedy_that_breaks_another_promise_does_not_count_and_the_next_one_mends_the_cells(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    contract = small_contract.replace("  candidate:", "    - row_count >= 300 rows\n  candidate:", 1)
    project = new_project(contract=contract, rows=spoilt(tumours.head(300), 3))
    first, second, *_ = project.apply().outcomes
    assert (first.action.remedy, first.state) == ("quarantine", "not restored")
    assert "row_count >= 300 rows" in first.text
    assert (second.action.remedy, second.state) == ("clean", "restored")
    assert "3 cells repaired" in second.text
    kept = project.keeping()
    mended, truth = kept.rows(dataset(project).digest), tumours.head(300)
    assert mended["mean_radius"].to_list() == pytest.approx(truth["mean_radius"].to_list())
    assert mended.drop("mean_radius").equals(truth.drop("mean_radius"))
    assert project.store.tables.read("repairs:tumour").height == 3
