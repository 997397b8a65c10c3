"""The evidence book: recorded once, signed, verified whenever it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.digests import plain
from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound, SignatureInvalid
from holdfast.core.evidence import Evidence
from holdfast.store import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FOUND = Evidence(
    subject="1" * 64,
    measure="recall",
    stage="candidate",
    time=NOON,
    slice=(("sex", "Female"),),
    value=0.9,
    low=0.85,
    high=0.94,
    n=120,
    window=(NOON - timedelta(days=1), NOON),
    notes={"bins": [1.0, 2.5]},
)


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    return sqlite_store


def tamper(store: Store, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    found = store.state.get("evidence", FOUND.id)
    assert found is not None
    monkeypatch.setattr(store.state, "get", lambda *_: {**found, **changes})


def test_evidence_reads_back_as_it_was_recorded(store: Store) -> None:
    assert store.evidence.get(store.evidence.record(FOUND, model="income", promise_id="p")) == FOUND


def test_a_failed_measurement_is_recorded_too(store: Store) -> None:
    failed = Evidence("1" * 64, "recall", "candidate", NOON, status="failed", reason="no positive case")
    assert store.evidence.get(store.evidence.record(failed, model=None)) == failed


def test_what_was_recorded_is_in_the_journal(store: Store) -> None:
    name = store.evidence.record(FOUND, model="income", promise_id="p")
    event = store.journal.by_key(f"evidence:{name}:p:2026-01-01T12:00:00.000000Z")
    assert event is not None
    assert event.model == "income"
    assert set(event.payload) == {"id", "evidence", "promise", "signature"}


def test_the_same_evidence_is_recorded_once(store: Store) -> None:
    store.evidence.record(FOUND, model="income", promise_id="p")
    store.evidence.record(FOUND, model="income", promise_id="p")
    assert store.journal.count() == 1


def test_the_same_finding_at_another_time_is_recorded_anew(store: Store) -> None:
    later = replace(FOUND, time=NOON + timedelta(hours=1))
    assert store.evidence.record(FOUND, model="income", promise_id="p") == store.evidence.record(
        later, model="income", promise_id="p"
    )
    assert store.evidence.trail("p") == (later, FOUND)
    assert store.evidence.get(FOUND.id) == later


def test_a_trail_is_that_of_one_promise_newest_first(store: Store) -> None:
    for n in range(4):
        store.evidence.record(replace(FOUND, value=0.1 * n), model="income", promise_id=f"p{n % 2}")
    assert [each.value for each in store.evidence.trail("p1")] == [pytest.approx(0.3), 0.1]
    assert [each.value for each in store.evidence.trail("p1", limit=1, model="income")] == [pytest.approx(0.3)]
    assert store.evidence.trail("p1", model="other") == ()
    assert store.evidence.trail("p9") == ()


def test_a_trail_without_length_is_refused(store: Store) -> None:
    with pytest.raises(InvalidValue, match="limit 0"):
        store.evidence.trail("p", limit=0)


@pytest.mark.parametrize("name", ["0" * 64, "", "../x"])
def test_what_was_never_recorded_is_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFound, match="no evidence"):
        store.evidence.get(name)


def test_a_changed_value_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.evidence.record(FOUND, model="income", promise_id="p")
    tamper(store, monkeypatch, evidence=plain(replace(FOUND, value=0.99)))
    with pytest.raises(DigestMismatch, match="what was recorded"):
        store.evidence.get(FOUND.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"promise": "another promise"},
        {"signature": "A" * 88},
        {"evidence": plain(replace(FOUND, time=NOON + timedelta(days=1)))},
    ],
)
def test_promise_time_and_signature_cannot_be_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    store.evidence.record(FOUND, model="income", promise_id="p")
    tamper(store, monkeypatch, **changes)
    with pytest.raises(SignatureInvalid, match=FOUND.id):
        store.evidence.get(FOUND.id)


def test_evidence_signed_elsewhere_does_not_count(
    store: Store, opened: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.evidence.record(FOUND, model="income", promise_id="p")
    from holdfast.store.keys import Keys

    monkeypatch.setitem(store.__dict__, "keys", Keys(tmp_path / "attacker"))
    with pytest.raises(SignatureInvalid):
        store.evidence.get(FOUND.id)
