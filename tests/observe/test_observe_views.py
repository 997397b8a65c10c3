from __future__ import annotations

from datetime import UTC, datetime

from holdfast.core.evidence import Evidence
from holdfast.core.grammar import parse
from holdfast.observe.views import drift, over_time


def piece(measure: str, day: int, *, value: float | None, column: str = "", interval: bool = False) -> Evidence:
    return Evidence(
        subject="c" * 64,
        measure=measure,
        stage="live",
        time=datetime(2026, 1, day, tzinfo=UTC),
        args=(column,) if column else (),
        value=value,
        low=0.0 if interval else None,
        high=1.0 if interval else None,
        n=10,
        status="failed" if value is None else "measured",
        reason="no rows" if value is None else None,
    )


def test_the_latest_drift_of_each_column_is_shown_largest_first() -> None:
    bars = drift(
        [
            piece("psi", 2, value=0.1, column="age"),
            piece("psi", 1, value=0.9, column="age"),
            piece("psi", 1, value=0.3, column="sex"),
            piece("psi", 3, value=None, column="sex"),
            piece("ks", 1, value=0.8, column="age"),
        ]
    )
    assert bars.labels == ("sex", "age")
    assert bars.values == (0.3, 0.1)
    assert drift([]).labels == ()


def test_a_promise_is_shown_over_time_with_its_bound() -> None:
    promise = parse("p99_latency <= 20 ms").at("live")
    series = over_time(
        promise,
        [
            piece("p99_latency", 2, value=0.03, interval=True),
            piece("p99_latency", 1, value=0.01),
            piece("p99_latency", 3, value=None),
            piece("psi", 1, value=0.1),
        ],
    )
    assert series.x == ("2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z")
    assert series.y == (0.01, 0.03)
    assert series.low == (0.01, 0.0)
    assert series.high == (0.01, 1.0)
    assert series.bound == 0.02
    assert series.unit == "seconds"
