"""The latency of a graph by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.models import Column, ModelSchema
from holdfast.data import _replay
from holdfast.data._replay import replay

ROWS = pl.DataFrame({"x": [1.0, 2.0]})


class Slow:
    """A graph that takes so many seconds for each call, by a clock of its own."""

    schema = ModelSchema("regression", "y", (Column("x", "float32"),))

    def __init__(self, seconds: Any) -> None:
        self.seconds, self.calls, self.now = seconds, 0, 0.0

    def run(self, feeds: dict[str, np.ndarray]) -> None:
        assert feeds["x"].shape == (1, 1)
        self.now += self.seconds(self.calls)
        self.calls += 1


def timed(model: Slow, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(_replay.time, "perf_counter", lambda: model.now)
    return replay(model, ROWS)


def test_what_interrupts_a_call_once_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every fiftieth call is interrupted for 10 ms; 50 and 1000 leave other calls of a pass to the next one.
    model = Slow(lambda call: 0.010 if call % 49 == 0 else 0.0001)
    found = timed(model, monkeypatch)
    assert found.latency_s.shape == (1000,)
    assert found.latency_s.max() == pytest.approx(0.0001)
    assert "three times" in found.notes["where"]


def test_what_is_always_slow_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = timed(Slow(lambda call: 0.0002 + 0.0001 * (call % 2)), monkeypatch)
    assert found.latency_s.min() == pytest.approx(0.0002)
    assert np.quantile(found.latency_s, 0.99) == pytest.approx(0.0003)


@pytest.mark.parametrize(
    ("seconds", "asked", "passes"), [(0.0001, 1000, 3), (0.0005, 666, 3), (0.001, 400, 3), (0.01, 400, 1)]
)
def test_a_slow_graph_is_asked_less_often(
    seconds: float, asked: int, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Slow(lambda _: seconds)
    found = timed(model, monkeypatch)
    assert (len(found.latency_s), model.calls) == (asked, 100 + passes * asked)
    assert found.notes["where"].endswith("each once" if passes == 1 else "the quickest counts")
