"""The journal: appending, reading, idempotence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from holdfast.core.digests import iso
from holdfast.core.errors import InvalidValue, NotFound
from holdfast.core.events import GENESIS
from holdfast.store import Store
from holdfast.store.journal import NewEvent

NAIVE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def test_the_first_event_follows_the_genesis_hash(store: Store) -> None:
    event = store.journal.append("access.denied", {"who": "x"}, model="tumour")
    assert (event.seq, event.previous, event.model, event.actor) == (1, GENESIS, "tumour", "tester")
    assert event.hash == event.digest()
    assert store.journal.head() == (1, event.hash)


def test_an_empty_journal_ends_at_the_genesis_hash(store: Store) -> None:
    assert store.journal.head() == (0, GENESIS)
    assert (store.journal.count(), store.journal.verify(), list(store.journal.events())) == (0, 0, [])


def test_events_are_read_back_as_they_were_appended(store: Store, clock: Callable[[], datetime]) -> None:
    made = [store.journal.append("note.made", {"i": i, "x": i / 7}, key=f"k{i}") for i in range(5)]
    assert list(store.journal.events()) == made
    assert [event.time for event in made] == [clock()] * 5
    assert store.journal.get(3) == made[2]
    assert store.journal.by_key("k4") == made[4]
    assert store.journal.count() == 5


def test_a_known_key_gives_the_first_event_and_adds_nothing(store: Store) -> None:
    first = store.journal.append("note.made", {"a": 1}, key="once")
    assert store.journal.append("note.made", {"a": 2}, key="once") == first
    assert store.journal.append("other.type", {}, key="once") == first
    assert store.journal.count() == 1


def test_events_appended_together_are_one_chain(store: Store) -> None:
    old = store.journal.append("note.made", {}, key="old")
    new = [("a.b", {"n": 1}, "x"), ("a.b", {}, "old"), ("a.b", {"n": 2}, "x"), ("c.d", {}, None)]
    made = store.journal.append_all(NewEvent(type, payload, key=key) for type, payload, key in new)
    assert [event.seq for event in made] == [2, 1, 2, 3]
    assert made[1] == old
    assert store.journal.verify() == 3
    assert store.journal.append_all([]) == []


def test_events_appended_together_are_all_there_or_none(store: Store) -> None:
    with pytest.raises(InvalidValue, match="promise_id"):
        store.journal.append_all([NewEvent("note.made"), NewEvent("verdict.reached", {}, model="m")])
    assert store.journal.count() == 0
    assert store.journal.append("note.made", {}).seq == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", ""),
        ("type", "a\0b"),
        ("type", 3),
        ("type", ["a"]),
        ("model", ""),
        ("key", ""),
        ("actor", ""),
        ("actor", 1),
    ],
)
def test_an_empty_or_unstorable_text_is_refused(store: Store, field: str, value: object) -> None:
    arguments = {"type": "a.b", "payload": {}, field: value}
    with pytest.raises(InvalidValue, match="type, model, key or actor"):
        store.journal.append(**arguments)
    assert store.journal.count() == 0


def test_so_many_actors_that_not_all_are_remembered_do_no_harm(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.store.journal._MANY", 2)
    assert [store.journal.append("a.b", {}, actor=f"{i}").seq for i in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "payload", [{"x": object()}, {1: 2}, [1], None, {"x": NAIVE}, {"x": "\ud800"}, {"x": b"bytes"}, {"x": uuid4()}]
)
def test_a_payload_without_canonical_form_is_refused(store: Store, payload: object) -> None:
    with pytest.raises(InvalidValue):
        store.journal.append("a.b", payload)
    assert store.journal.count() == 0


def test_awkward_text_is_kept_exactly(store: Store) -> None:
    payload = {"nul": "a\0b", "quote": '"\\', "line": "\n\u2028", "wide": "🜂é", "": "empty key"}
    store.journal.append("päyload 🜂", payload, model="mödel'; --", key="k\n", actor="a\tb")
    event = store.journal.get(1)
    assert (event.payload, event.type, event.model, event.key) == (payload, "päyload 🜂", "mödel'; --", "k\n")
    assert store.journal.verify() == 1


def test_numbers_are_kept_exactly(store: Store) -> None:
    payload = {
        "big": 2**80,
        "long": 2**63,
        "tiny": 5e-324,
        "huge": 1.7e308,
        "exp": 1e-7,
        "nan": float("nan"),
        "x": 1 / 3,
    }
    store.journal.append("a.b", payload)
    assert store.journal.get(1).payload == {**payload, "nan": "nan"}
    assert store.journal.get(1).digest() == store.journal.get(1).hash


def test_an_event_that_is_not_there_is_an_error_that_says_what_is(store: Store) -> None:
    store.journal.append("a.b", {})
    with pytest.raises(NotFound, match="1 to 1"):
        store.journal.get(2)
    assert store.journal.by_key("nobody's") is None


def seqs(store: Store, **filters: object) -> list[int]:
    return [event.seq for event in store.journal.events(**filters)]


@pytest.fixture
def mixed(store: Store) -> Store:
    """Events 1 to 12: types a, b, c in turn; models m and n and none, changing every three."""
    store.journal.append_all(NewEvent("abc"[i % 3], {"i": i}, model=("m", "n", None, "m")[i // 3]) for i in range(12))
    return store


def test_filters_choose_events(mixed: Store) -> None:
    assert seqs(mixed, after=3, until=5) == [4, 5]
    assert seqs(mixed, types=("a",)) == [1, 4, 7, 10]
    assert seqs(mixed, types=("a", "c"), model="m") == [1, 3, 10, 12]
    assert seqs(mixed, model="n") == [4, 5, 6]
    assert seqs(mixed, model="nobody") == []
    assert seqs(mixed, types=()) == []
    assert seqs(mixed, types=("nothing",)) == []
    assert seqs(mixed, after=12) == []
    assert seqs(mixed, limit=0) == []


def test_newest_first_is_the_reverse(mixed: Store) -> None:
    assert seqs(mixed, newest_first=True) == list(range(12, 0, -1))
    assert seqs(mixed, newest_first=True, types=("b",), limit=2) == [11, 8]
    assert seqs(mixed, newest_first=True, model="m", limit=4) == [12, 11, 10, 3]
    assert seqs(mixed, newest_first=True, after=4, until=6) == [6, 5, 4][:2]


def test_reading_goes_page_by_page(mixed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.store._query.PAGE", 2)
    assert seqs(mixed) == list(range(1, 13))
    assert seqs(mixed, newest_first=True) == list(range(12, 0, -1))
    assert seqs(mixed, types=("a", "b"), limit=5) == [1, 2, 4, 5, 7]
    assert seqs(mixed, model="m", newest_first=True, limit=5) == [12, 11, 10, 3, 2]


def test_more_streams_than_a_union_can_hold_are_found_too(mixed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.store._query._MANY", 1)
    assert seqs(mixed, types=("a", "c"), model="m") == [1, 3, 10, 12]
    assert seqs(mixed, types=("a", "c")) == [1, 3, 4, 6, 7, 9, 10, 12]
    assert seqs(mixed, model="m", newest_first=True, limit=2) == [12, 11]


def test_as_of_a_time_only_what_was_there_is_seen(store: Store, clock: Callable[[], datetime]) -> None:
    start = clock()
    for i in range(10):
        store.journal.append("ab"[i % 2], {}, model="m")
        clock.move(60)
    for minutes in range(-1, 12):
        upto = start + timedelta(minutes=minutes)
        expected = [seq for seq in range(1, 11) if seq <= minutes + 1]
        assert seqs(store, before_time=upto) == expected
        assert seqs(store, before_time=upto, types=("a",), newest_first=True) == [s for s in expected[::-1] if s % 2]


def test_a_clock_that_went_back_hides_nothing(store: Store, clock: Callable[[], datetime]) -> None:
    rng = np.random.default_rng(7)
    start = clock()
    times = [start + timedelta(seconds=int(each)) for each in rng.integers(0, 100, 40)]
    for moment in times:
        clock.now = moment
        store.journal.append("a.b", {}, model="m")
    assert store.journal.verify() == 40
    for second in range(-1, 101, 7):
        upto = start + timedelta(seconds=second)
        expected = [i + 1 for i, moment in enumerate(times) if moment <= upto]
        assert seqs(store, before_time=upto) == expected
        assert seqs(store, before_time=upto, model="m", newest_first=True, limit=5) == expected[::-1][:5]


def test_times_of_any_zone_are_utc(store: Store, clock: Callable[[], datetime]) -> None:
    clock.now = datetime.fromisoformat("2026-03-01T02:00:00+05:30")
    event = store.journal.append("a.b", {})
    assert iso(event.time) == "2026-02-28T20:30:00.000000Z"
    assert event.time.tzinfo is UTC
    assert event == store.journal.get(1)


def test_a_clock_without_a_zone_is_refused(store: Store, clock: Callable[[], datetime]) -> None:
    clock.now = NAIVE
    with pytest.raises(InvalidValue, match="zone"):
        store.journal.append("a.b", {})
    assert store.journal.count() == 0
