"""Leases: one holder at a time, tokens that grow, and what happens when one is lost."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.core.errors import InvalidValue, LeaseHeld, LeaseLost
from holdfast.store import Store, open_store


def test_a_lease_has_one_holder(store: Store) -> None:
    lease = store.leases.acquire("keeper", holder="a", ttl_s=10)
    assert (lease.token, store.leases.holder("keeper"), store.leases.holder("other")) == (1, "a", None)
    with pytest.raises(LeaseHeld, match="a holds the lease"):
        store.leases.acquire("keeper", holder="b", ttl_s=10)
    assert store.leases.acquire("other", holder="b", ttl_s=10).token == 1


def test_a_lease_that_ran_out_can_be_taken_and_its_token_grows(store: Store, clock: Callable[..., object]) -> None:
    first = store.leases.acquire("keeper", holder="a", ttl_s=10)
    clock.move(10)
    assert store.leases.holder("keeper") is None
    second = store.leases.acquire("keeper", holder="b", ttl_s=10)
    assert second.token > first.token
    for lost in (first.renew, first.check):
        with pytest.raises(LeaseLost, match="b holds the lease now"):
            lost()
    first.release()
    second.check()
    assert store.leases.holder("keeper") == "b"


def test_the_same_holder_may_take_it_again(store: Store) -> None:
    first = store.leases.acquire("keeper", holder="a", ttl_s=10)
    second = store.leases.acquire("keeper", holder="a", ttl_s=10)
    assert second.token > first.token
    with pytest.raises(LeaseLost):
        first.renew()
    second.renew()


def test_renewing_makes_it_last(store: Store, clock: Callable[..., object]) -> None:
    lease = store.leases.acquire("keeper", holder="a", ttl_s=10)
    clock.move(9)
    lease.renew()
    clock.move(9)
    lease.check()
    lease.renew(100)
    clock.move(99)
    assert store.leases.holder("keeper") == "a"
    assert lease.ttl_s == 100


def test_a_lease_that_ran_out_is_no_longer_held_but_can_be_renewed_while_nobody_took_it(
    store: Store, clock: Callable[..., object]
) -> None:
    lease = store.leases.acquire("keeper", holder="a", ttl_s=10)
    clock.move(11)
    with pytest.raises(LeaseLost, match="ran out"):
        lease.check()
    lease.renew()
    lease.check()


def test_a_released_lease_is_free_and_its_token_still_grows(store: Store) -> None:
    with store.leases.acquire("keeper", holder="a", ttl_s=10) as lease:
        assert lease.holder == "a"
        assert repr(lease) == "Lease('keeper', holder='a', token=1)"
    assert store.leases.holder("keeper") is None
    lease.release()
    with pytest.raises(LeaseLost, match="nobody"):
        lease.renew()
    assert store.leases.acquire("keeper", holder="b", ttl_s=10).token == 2


def test_a_lease_is_released_when_the_work_fails(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.leases.acquire("keeper", holder="a", ttl_s=10):
        raise ZeroDivisionError
    assert store.leases.holder("keeper") is None


@pytest.mark.parametrize(
    ("name", "holder", "ttl_s"), [("", "a", 1), ("k", "", 1), ("k", "a", 0), ("k", "a", -1), ("k", "a", float("nan"))]
)
def test_bad_arguments_are_refused(store: Store, name: str, holder: str, ttl_s: float) -> None:
    with pytest.raises(InvalidValue):
        store.leases.acquire(name, holder=holder, ttl_s=ttl_s)


def test_a_lease_that_is_gone_from_the_database_is_lost(store: Store) -> None:
    lease = store.leases.acquire("keeper", holder="a", ttl_s=10)
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM leases")
    with pytest.raises(LeaseLost, match="nobody"):
        lease.check()


def contend(root: Path, url: str, holder: str, rounds: int, path: Path) -> None:
    """Take the lease again and again; while it is held, nobody else may be in the file."""
    with open_store(root, url=url) as store:
        done = 0
        while done < rounds:
            try:
                lease = store.leases.acquire("busy", holder=holder, ttl_s=60)
            except LeaseHeld:
                continue
            with lease, path.open("a") as file:
                file.write(f"{holder} in {lease.token}\n")
                file.flush()
                file.write(f"{holder} out {lease.token}\n")
            done += 1


def test_processes_take_turns(url: str, tmp_path: Path) -> None:
    path = tmp_path / "turns.txt"
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=contend, args=(tmp_path / "root", url, name, 10, path), daemon=True) for name in "ab"
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 40
    assert [line.replace(" in ", " out ") for line in lines[::2]] == lines[1::2]
    tokens = [int(line.split()[-1]) for line in lines[::2]]
    assert tokens == sorted(set(tokens))
