"""Alone: one keeper acts for a model at a time."""

from __future__ import annotations

import fcntl
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from holdfast.core.errors import LeaseHeld, LeaseLost, StoreUnavailable

if TYPE_CHECKING:
    from holdfast.keeper.keeping import Keeping
    from holdfast.store import Lease

LEASE_S = 60.0


@contextmanager
def alone(keeping: Keeping) -> Iterator[None]:
    """Hold the model's lease, renewed while the work goes on.

    Two locks: a file lock, which the kernel frees when a keeper is killed, so that the next one on this machine
    starts at once; and a lease in the store, which keeps machines apart. A machine and folder is one holder, so that
    the lease of a killed keeper does not make its successor wait.

    Who holds it already, in the same `keeping`, goes on holding it.

    Raises
    ------
    LeaseHeld
        If another keeper acts for this model now.
    """
    if keeping.guard is not None:
        yield
        return
    path = keeping.store.root / "keeper.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LeaseHeld(
                "another keeper works in this project", where=str(path), expected="wait, or end it"
            ) from error
        holder = f"{socket.gethostname()}:{keeping.store.root.resolve()}"
        with keeping.store.leases.acquire(f"keeper:{keeping.name}", holder=holder, ttl_s=LEASE_S) as lease:
            stop, lost = threading.Event(), threading.Event()
            renewing = threading.Thread(target=_renew, args=(lease, stop, lost), name="holdfast-lease", daemon=True)
            renewing.start()
            keeping.guard = _Guard(lease, lost)
            try:
                yield
            finally:
                keeping.guard = None
                stop.set()
                renewing.join(timeout=LEASE_S)


class _Guard:
    """Asked before anything is let out."""

    def __init__(self, lease: Lease, lost: threading.Event) -> None:
        self._lease = lease
        self._lost = lost

    def __call__(self) -> None:
        try:
            if not self._lost.is_set():
                # Asked now: a keeper that was stopped for long wakes up before its renewals do.
                self._lease.renew()
                return
        except LeaseLost:
            self._lost.set()
        raise LeaseLost("another keeper took over this model while work went on", expected="nothing: it carries on")


def _renew(lease: Lease, stop: threading.Event, lost: threading.Event) -> None:
    while not stop.wait(LEASE_S / 3):
        try:
            lease.renew()
        except LeaseLost:
            lost.set()
            return
        except StoreUnavailable:
            # The database may be back before the lease runs out; the next renewal tells.
            continue
