from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.contract import Contract, DataSpec, PolicySpec
from holdfast.core.errors import RemedyFailed
from holdfast.core.events import Action
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.grammar import parse
from holdfast.core.ports import Refusal, Remedy, RemedyContext
from holdfast.quality.measures.completeness import completeness
from holdfast.quality.remedies.quarantine import Quarantine


class Bench:
    """Workbench with rows and a memory of what was set aside."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.contract = Contract("m", "binary", "y", DataSpec("d.csv"), promises=())
        self.held = rows
        self.aside: list[tuple[list[int], str]] = []
        self.related = None

    def rows(self) -> pl.DataFrame:
        return self.held

    def quarantine(self, mask: np.ndarray, *, reason: str) -> int:
        self.aside.append((np.flatnonzero(mask).tolist(), reason))
        return int(mask.sum())


def context(
    text: str, *, failing: int, rows: int, state: State = State.BROKEN, stage: str = "data", tried: int = 0
) -> RemedyContext:
    promise = parse(text).at(stage)
    evidence = Evidence(
        subject="d" * 64,
        measure=promise.measure,
        stage=stage,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        args=("a",),
        value=1.0 - failing / rows,
        n=rows,
        notes={"rows_failing": failing, "rows": rows},
    )
    contract = Contract("m", "binary", "y", DataSpec("d.csv"), promises=(promise,), policy=PolicySpec(attempts=3))
    verdict = Verdict(promise, state, evidence=(evidence.id,), deciding=evidence)
    return RemedyContext(contract, verdict, attempts={"quarantine": tried})


def proposed(given: RemedyContext) -> Action:
    action = Quarantine().propose(given)
    assert isinstance(action, Action)
    return action


def test_a_few_bad_rows_are_set_aside() -> None:
    rows = pl.DataFrame({"a": [1.0, None, 3.0] + [1.0] * 17, "y": [0, 1] * 10})
    action = proposed(context("completeness(a) >= 0.99", failing=1, rows=20))
    bench: Any = Bench(rows)
    assert Quarantine().carry_out(action, bench) is None
    assert bench.aside == [([1], "1 of 20 rows break completeness(a) >= 0.99")]
    assert completeness(rows.filter(~pl.Series(np.arange(20) == 1)), "a").value == 1.0


def test_the_same_state_gives_the_same_action() -> None:
    first = proposed(context("completeness(a) >= 0.99", failing=1, rows=20))
    second = proposed(context("completeness(a) >= 0.99", failing=1, rows=20))
    assert first == second
    assert first.key == second.key
    assert first.undo
    assert first.precondition
    assert "1 of 20 rows" in first.reason
    assert first.cost.weight < 3600


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (context("completeness(a) >= 0.99", failing=5, rows=20), "5 of 20 rows break it: more than 20%"),
        (context("completeness(a) >= 0.99", failing=0, rows=20), "no row breaks"),
        (context("completeness(a) >= 0.99", failing=1, rows=20, state=State.UNPROVEN), "unproven"),
        (context("completeness(a) >= 0.99", failing=1, rows=20, stage="live"), "stage live"),
        (context("row_count >= 50 rows", failing=1, rows=20), "blames no single row"),
        (context("completeness(a) >= 0.99", failing=1, rows=20, tried=3), "tried 3 times"),
    ],
)
def test_what_cannot_be_mended_so_is_refused_with_a_reason(given: RemedyContext, said: str) -> None:
    answer = Quarantine().propose(given)
    assert isinstance(answer, Refusal)
    assert said in answer.reason


def test_a_verdict_without_evidence_is_refused() -> None:
    promise = parse("completeness(a) >= 0.99").at("data")
    contract = Contract("m", "binary", "y", DataSpec("d.csv"), promises=(promise,))
    answer = Quarantine().propose(RemedyContext(contract, Verdict(promise, State.BROKEN)))
    assert isinstance(answer, Refusal)


def test_a_star_gives_up_rows_of_the_broken_features_only() -> None:
    rows = pl.DataFrame(
        {
            "a": [None] + [1.0] * 99,
            "b": [1.0, None, None, None] + [1.0] * 96,
            "y": [None] * 4 + [1] * 96,
        }
    )
    action = proposed(context("completeness(*) >= 0.98", failing=3, rows=100))
    bench: Any = Bench(rows)
    Quarantine().carry_out(action, bench)
    assert bench.aside[0][0] == [1, 2, 3]


@pytest.mark.parametrize("values", [[1.0] * 10, [None] * 10])
def test_data_that_changed_since_the_plan_are_left_alone(values: list[float | None]) -> None:
    action = proposed(context("completeness(a) >= 0.99", failing=1, rows=20))
    bench: Any = Bench(pl.DataFrame({"a": values, "y": [0] * 10}, schema={"a": pl.Float64, "y": pl.Int64}))
    with pytest.raises(RemedyFailed, match="of 10 rows break"):
        Quarantine().carry_out(action, bench)
    assert bench.aside == []


def test_it_is_a_remedy() -> None:
    assert isinstance(Quarantine(), Remedy)
