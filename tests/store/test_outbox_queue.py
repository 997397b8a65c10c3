"""The outbox's queue: written with the event, claimed in order, by one worker at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from holdfast.core.errors import StoreUnavailable
from holdfast.store import Store
from holdfast.store.journal import NewEvent
from holdfast.store.projections import is_mirrored


@pytest.fixture
def mirrored(opened: Callable[..., Store], url: str) -> Store:
    """A store with a mirror, and five events of which three are mirrored."""
    store = opened(url, mlflow="sqlite:///mirror.db")
    store.journal.append("run.started", {"id": "r"})
    store.journal.append("access.denied", {})
    store.journal.append_all(
        [
            NewEvent("step.finished", {"run": "r", "step": "s"}),
            NewEvent("note.made"),
            NewEvent("run.finished", {"id": "r"}),
        ]
    )
    return store


def seqs(store: Store, **claim: object) -> list[int]:
    return [event.seq for event in store.queue.claim(**claim)]


def test_without_a_mirror_nothing_is_queued(store: Store) -> None:
    store.journal.append("run.started", {"id": "r"})
    assert (store.queue.pending(), store.queue.claim(holder="w"), store.queue.last_reason()) == (0, [], None)


def test_what_the_mirror_is_told_of_is_queued_with_the_event(mirrored: Store) -> None:
    assert mirrored.queue.pending() == 3
    assert seqs(mirrored, holder="w") == [1, 3, 5]


def test_an_append_that_adds_nothing_queues_nothing(mirrored: Store) -> None:
    mirrored.journal.append("run.started", {"id": "q"}, key="k")
    mirrored.journal.append("run.started", {"id": "q"}, key="k")
    assert mirrored.queue.pending() == 4


def test_done_events_leave_the_queue_in_order(mirrored: Store) -> None:
    assert seqs(mirrored, holder="w", limit=2) == [1, 3]
    assert mirrored.queue.done([1, 3], holder="w") == 2
    assert seqs(mirrored, holder="w") == [5]
    assert mirrored.queue.done([5], holder="w") == 1
    assert mirrored.queue.pending() == 0


def test_one_worker_at_a_time_until_its_claim_runs_out(mirrored: Store, clock: Callable[..., object]) -> None:
    assert seqs(mirrored, holder="a", limit=1, ttl_s=10) == [1]
    assert seqs(mirrored, holder="b") == []
    clock.move(11)
    assert seqs(mirrored, holder="b") == [1, 3, 5]
    assert mirrored.queue.done([1], holder="a") == 0
    assert mirrored.queue.done([1], holder="b") == 1


def test_a_worker_that_fails_gives_its_claim_back_with_the_reason(mirrored: Store) -> None:
    mirrored.queue.claim(holder="a", limit=2)
    mirrored.queue.give_back(holder="a", reason="no answer")
    assert mirrored.queue.last_reason() == "no answer"
    assert seqs(mirrored, holder="b") == [1, 3, 5]


def test_events_are_queued_again_once(mirrored: Store) -> None:
    mirrored.queue.claim(holder="a")
    mirrored.queue.done([1, 3, 5], holder="a")
    assert mirrored.queue.enqueue([5, 1, 5, 99]) == 2
    assert mirrored.queue.enqueue([1]) == 0
    assert mirrored.queue.enqueue([]) == 0
    assert seqs(mirrored, holder="a") == [1, 5]


def test_a_mirror_configured_later_is_told_of_everything(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.store._query.PAGE", 2)
    assert store.queue.enqueue_all() == 0
    for i in range(5):
        store.journal.append("run.started", {"id": f"{i}"})
        store.journal.append("note.made", {})
    assert store.queue.enqueue_all() == 5
    assert store.queue.enqueue_all() == 0
    assert seqs(store, holder="a") == [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("run.started", True),
        ("step.finished", True),
        ("evidence.recorded", True),
        ("model.registered", True),
        ("package.made", True),
        ("deployment.changed", True),
        ("verdict.reached", True),
        ("access.denied", False),
        ("runaway", False),
    ],
)
def test_the_mirror_is_told_of_runs_and_models(kind: str, told: bool) -> None:
    assert is_mirrored(kind) is told


def test_a_database_that_is_gone_says_so(sqlite_store: Store) -> None:
    path = sqlite_store.database.file
    sqlite_store.close()
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreUnavailable):
        sqlite_store.queue.pending()
