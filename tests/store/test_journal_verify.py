"""Checking the chain: whatever was done to the journal behind its back is found, and the first bad event named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from holdfast.core.errors import JournalBroken
from holdfast.store import Store, _verify
from holdfast.store.journal import NewEvent


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Twenty events, checked in pages of seven."""
    monkeypatch.setattr("holdfast.store._verify.PAGE", 7)
    store.journal.append_all(NewEvent("a.b", {"i": i}, model="m", key=f"k{i}") for i in range(20))
    return store


def tamper(store: Store, *statements: str) -> None:
    with store.database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_whole_chain_is_counted(filled: Store) -> None:
    assert filled.journal.verify() == 20


@pytest.mark.parametrize(
    ("seq", "statements"),
    [
        (1, ["UPDATE events SET payload = '{\"i\":9}' WHERE seq = 1"]),
        (9, ["UPDATE events SET payload = payload || ' ' WHERE seq = 9"]),
        (20, ["UPDATE events SET payload = '{}' WHERE seq = 20"]),
        (5, ["UPDATE events SET time = '2026-01-01T00:00:01.000000Z' WHERE seq = 5"]),
        (5, ["UPDATE events SET actor = 'somebody' WHERE seq = 5"]),
        (5, ["UPDATE events SET model = '' WHERE seq = 5"]),
        (5, ["UPDATE events SET type = 'a.c' WHERE seq = 5"]),
        (5, ["UPDATE events SET key = NULL WHERE seq = 5"]),
        (5, ["UPDATE events SET behind = '2027-01-01T00:00:00.000000Z' WHERE seq = 5"]),
        (7, ["UPDATE events SET hash = repeat_f WHERE seq = 7"]),
        (7, ["UPDATE events SET previous = repeat_f WHERE seq = 7"]),
        (1, ["UPDATE events SET previous = repeat_f WHERE seq = 1"]),
        (8, ["DELETE FROM events WHERE seq = 8"]),
        (1, ["DELETE FROM events WHERE seq = 1"]),
        (1, ["DELETE FROM events WHERE seq <= 7"]),
        (20, ["DELETE FROM events WHERE seq = 20"]),
        (15, ["DELETE FROM events WHERE seq >= 15"]),
        (1, ["DELETE FROM events"]),
        (
            12,
            [
                "UPDATE events SET seq = 100 WHERE seq = 12",
                "UPDATE events SET seq = 12 WHERE seq = 13",
                "UPDATE events SET seq = 13 WHERE seq = 100",
            ],
        ),
        (20, ["UPDATE head SET hash = repeat_f"]),
        (21, ["UPDATE head SET seq = 21"]),
        (19, ["UPDATE head SET seq = 19"]),
        (20, ["UPDATE head SET seq = 19, hash = (SELECT hash FROM events WHERE seq = 19)"]),
    ],
)
def test_tampering_is_found_and_the_first_bad_event_named(filled: Store, seq: int, statements: list[str]) -> None:
    tamper(filled, *(each.replace("repeat_f", f"'{'f' * 64}'") for each in statements))
    with pytest.raises(JournalBroken) as caught:
        filled.journal.verify()
    assert (caught.value.where, caught.value.seq, caught.value.exit_code) == (f"event {seq}", seq, 3)
    assert str(seq) in str(caught.value)


def test_an_event_slipped_in_between_is_found(filled: Store) -> None:
    columns = "type, model, time, actor, previous, hash, payload"
    tamper(filled, f"INSERT INTO events (seq, {columns}) SELECT 21, {columns} FROM events WHERE seq = 20")  # noqa: S608
    with pytest.raises(JournalBroken, match="event 21"):
        filled.journal.verify()


def test_a_rewritten_tail_does_not_reach_the_head(
    filled: Store, opened: Callable[..., Store], tmp_path: object
) -> None:
    other = opened(f"sqlite:///{tmp_path}/other.db")
    other.journal.append_all(NewEvent("a.b", {"i": -i}, model="m") for i in range(20))
    forged = other.journal.get(1)
    values = {"hash": forged.hash, "payload": '{"i":0}', "seq": 1}
    with filled.database.writing() as connection:
        connection.execute(sa.text("UPDATE events SET hash = :hash, payload = :payload WHERE seq = :seq"), values)
    with pytest.raises(JournalBroken, match="event 1"):
        filled.journal.verify()


def test_a_journal_without_its_head_is_broken(filled: Store) -> None:
    tamper(filled, "DELETE FROM head")
    with pytest.raises(JournalBroken, match="head"):
        filled.journal.verify()
    with pytest.raises(JournalBroken, match="head"):
        filled.journal.head()


def test_what_is_appended_while_it_is_checked_does_no_harm(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    check = _verify._wrong

    def check_and_append(*arguments: object) -> object:
        filled.journal.append("late.one", {}, key="late")
        return check(*arguments)

    monkeypatch.setattr(_verify, "_wrong", check_and_append)
    assert filled.journal.verify() == 20
    assert filled.journal.verify() == 21
