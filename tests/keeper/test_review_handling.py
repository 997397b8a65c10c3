"""Handling, attacked: holds that come back, clocks and other tables that move, keepers that are ended half-way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import State, Verdict
from holdfast.core.grammar import parse
from holdfast.keeper.checking import judge_table
from holdfast.keeper.handling import hold, holds, release, repair_cells
from holdfast.project import Project
from holdfast.store.contract_file import parse_contract

MakeProject = Callable[..., Project]
START = datetime(2026, 1, 1, tzinfo=UTC)


def spoilt(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    radius = pl.col("mean_radius")
    return rows.with_columns(pl.when(pl.int_range(pl.len()) < count).then(radius * 1000).otherwise(radius))


def deliver(project: Project, rows: pl.DataFrame) -> None:
    rows.write_parquet(project.folder / "data" / "history.parquet")


def states(project: Project) -> dict[str, str]:
    return {each.promise.measure: each.state.value for each in project.apply().verdicts if each.promise.stage == "data"}


def test_a_hold_comes_back_with_the_same_bad_data(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    project = new_project(contract=small_contract, rows=tumours.head(300))
    keeping = project.keeping()
    dataset = keeping.ingest()
    promise = next(each for each in keeping.contract.at("data") if each.measure == "in_range")
    told: dict[str, Any] = {"claim": promise.claim, "dataset": dataset.digest, "reason": "bad"}
    for _ in range(3):
        hold(keeping, promise.id, **told)
        hold(keeping, promise.id, **told)
        assert list(holds(keeping)) == [promise.id]
        release(keeping, [Verdict(promise, State.HELD)])
        assert holds(keeping) == {}
    assert len(list(project.store.journal.events(types=("pipeline.held",)))) == 3


def test_bad_data_that_come_again_are_held_again(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    contract = small_contract.replace("else quarantine", "else hold") + "policy:\n  backoff: 1 s\n"
    bad, good = spoilt(tumours.head(300), 3), tumours.head(300)
    folder = new_project(contract=contract, rows=bad).folder
    seen = []
    for day, rows in enumerate((bad, good, bad, bad, good)):
        with Project(folder, clock=lambda day=day: START + timedelta(days=day)) as project:
            deliver(project, rows)
            look = project.apply if rows is bad else project.plan
            look()
            seen.append(len(project.status()["held"]))
    assert seen == [1, 0, 1, 1, 0]


def test_a_hold_stays_while_the_same_data_break_the_promise(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    contract = small_contract.replace("else quarantine", "else hold")
    project = new_project(contract=contract, rows=spoilt(tumours.head(300), 3))
    project.apply()
    for _ in range(3):
        assert project.plan().plan.actions == ()
    assert len(holds(project.keeping())) == 1
    assert list(project.store.journal.events(types=("pipeline.released",))) == []


def test_rows_that_grow_old_are_no_longer_fresh_though_no_other_came(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    contract = small_contract.replace("    - unique(case) >= 1\n", "    - freshness(seen) <= 1 d else hold\n")
    rows = tumours.head(300).with_columns(pl.lit(START).alias("seen"))
    folder = new_project(contract=contract.replace("  id: case", "  id: case\n  exclude: [seen]"), rows=rows).folder
    found = []
    for hours in (1, 23, 25, 26):
        with Project(folder, clock=lambda hours=hours: START + timedelta(hours=hours)) as project:
            project.plan()
            found.append((project.status()["promises"], len(list(project.store.journal.events()))))
    fresh = [next(each["verdict"] for each in rows if "freshness" in each["promise"]) for rows, _ in found]
    assert fresh == ["held", "held", "broken", "broken"]
    assert found[3][1] == found[2][1]


def test_a_change_of_another_table_is_seen_though_the_rows_are_the_same(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    contract = small_contract.replace(
        "    - unique(case) >= 1\n", '    - references(case, "data/cases.parquet", case) >= 1 else hold\n'
    )
    project = new_project(contract=contract, rows=tumours.head(300))
    cases = project.folder / "data" / "cases.parquet"
    seen = []
    for height in (300, 299, 300, 299):
        tumours.head(height).select("case").write_parquet(cases)
        project.plan()
        seen.append(next(each["verdict"] for each in project.status()["promises"] if "references" in each["promise"]))
    assert seen == ["held", "broken", "held", "broken"]


def test_a_repair_that_was_cut_off_before_the_journal_leaves_one_trail(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(contract=small_contract, rows=spoilt(tumours.head(300), 1))
    keeping = project.keeping()
    parent = keeping.ingest()
    trail = [
        {"row": 0, "column": "mean_radius", "before": "1", "after": "2", "rule": "x", "confidence": 1.0, "reason": ""}
    ]

    def cut_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(keeping.store.journal), "append", cut_off)
        with pytest.raises(KeyboardInterrupt):
            repair_cells(keeping, parent, tumours.head(300), trail=trail, reason="mended")
    made = {repair_cells(keeping, parent, tumours.head(300), trail=trail, reason="mended").digest for _ in range(2)}
    assert len(made) == 1
    assert project.store.tables.read(f"repairs:{keeping.name}").height == 1
    assert len(list(project.store.journal.events(types=("cells.repaired",)))) == 1


def test_a_password_is_in_no_request_and_in_no_contract(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str
) -> None:
    address = "postgresql://me:hunt/er2@127.0.0.1/db#t"
    for contract in (
        small_contract.replace("data/history.parquet", f'"{address}"'),
        small_contract.replace("unique(case) >= 1", f"'references(case, \"{address}\", case) >= 1'"),
    ):
        with pytest.raises(InvalidValue, match="a password or token") as caught:
            parse_contract(contract.encode())
        assert "er2" not in str(caught.value)


def test_a_scanner_that_raises_spoils_no_verdict(
    new_project: MakeProject, tumours: pl.DataFrame, small_contract: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(contract=small_contract, rows=tumours.head(300))
    before = [(each.promise.claim, each.state, each.evidence) for each in project.check().verdicts]

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(type(registry.get("scanner", "rows")), "scan", broken)
    assert [(each.promise.claim, each.state, each.evidence) for each in project.check().verdicts] == before


def test_a_promise_of_many_slices_leaves_evidence_of_a_size_that_can_be_kept() -> None:
    rows = pl.DataFrame({"id": range(5000), "half": [0, 1] * 2500, "x": [1.0] * 5000})
    promise = parse("completeness(x) >= 0.5 by half, id").at("data")
    (verdict,) = judge_table([promise], rows, columns=rows.columns, now=START)
    assert verdict.state is State.HELD
    assert verdict.deciding is not None
    assert len(verdict.deciding.notes["too small to judge"]) == 100
    assert "and 9995 more" in verdict.reason


@pytest.mark.parametrize("columns", [7, 25])
def test_crossings_of_more_columns_than_can_be_read_are_refused(columns: int) -> None:
    rows = pl.DataFrame({f"c{each}": [0, 1] * 50 for each in range(columns)})
    promise = parse("row_count >= 1 by " + ", ".join(rows.columns)).at("data")
    (verdict,) = judge_table([promise], rows, columns=rows.columns, now=START)
    assert verdict.state is State.UNPROVEN
    assert f"slices by {columns} columns" in verdict.reason


def test_more_slices_than_can_be_judged_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.keeper.cases.MOST_CASES", 10)
    rows = pl.DataFrame({"a": list(range(11)) * 30})
    (verdict,) = judge_table([parse("row_count >= 1 by a").at("data")], rows, columns=["a"], now=START)
    assert "11 slices to judge" in verdict.reason
