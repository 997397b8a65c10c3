from __future__ import annotations

from datetime import UTC, datetime

from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.grammar import parse
from holdfast.quality.views import checks


def verdict(text: str, state: State, *, value: float | None = 0.75, failing: int = 1) -> Verdict:
    promise = parse(text).at("data")
    evidence = Evidence(
        subject="d" * 64,
        measure=promise.measure,
        stage="data",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        value=value,
        n=4,
        status="failed" if value is None else "measured",
        reason="no rows" if value is None else None,
        notes={"rows_failing": failing, "rows": 4, "first_rows": [2]},
    )
    return Verdict(promise, state, deciding=evidence)


def test_broken_checks_come_first_and_other_promises_are_passed_over() -> None:
    table = checks(
        [
            verdict("completeness(a) >= 0.7", State.HELD),
            verdict("unique(a) >= 1", State.BROKEN),
            verdict("in_range(a, 0, 1) >= 1", State.UNPROVEN, value=None),
            verdict("p99_latency <= 20 ms", State.BROKEN),
        ]
    )
    assert [row[1] for row in table.rows] == ["broken", "unproven", "held"]
    assert table.rows[0] == ("unique(a) >= 1", "broken", "0.75", 1, 4, "2")
    assert table.rows[1][2] == "not measured"


def test_no_checks_are_an_empty_table() -> None:
    assert checks([]).rows == ()
