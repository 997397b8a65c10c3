"""Leases: who may act, until when, with a token that grows so that a late holder can be told from the present one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from holdfast.core.digests import iso, parse_iso
from holdfast.core.errors import InvalidValue, LeaseHeld, LeaseLost
from holdfast.store import _schema
from holdfast.store.database import Database

_leases = _schema.leases.c


class Lease:
    """A lease that was acquired; a context manager that releases it.

    Attributes
    ----------
    name, holder
        What it is of, and who has it.
    ttl_s
        Seconds that it lasts from acquiring or renewing it.
    token
        Fencing token: each acquiring of the name gives a greater one, so that whoever keeps the greatest token it saw
        can turn a late holder away.
    expires
        When it runs out.
    """

    def __init__(self, leases: Leases, name: str, *, holder: str, ttl_s: float, token: int, expires: datetime) -> None:
        self._leases = leases
        self.name = name
        self.holder = holder
        self.ttl_s = ttl_s
        self.token = token
        self.expires = expires

    def renew(self, ttl_s: float | None = None) -> None:
        """Make it last `ttl_s` seconds from now (None for as long as before).

        A lease that ran out and that nobody took since is renewed: no one can have acted in between.

        Raises
        ------
        LeaseLost
            If it was taken, or released.
        """
        ttl_s = self.ttl_s if ttl_s is None else ttl_s
        self.expires = self._leases._renew(self, ttl_s)
        self.ttl_s = ttl_s

    def check(self) -> None:
        """Check that it is still held.

        Raises
        ------
        LeaseLost
            If it was taken, was released, or ran out.
        """
        self._leases._check(self)

    def release(self) -> None:
        """Give it back; does nothing when it was lost or released already."""
        self._leases._release(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        """Name, holder and token."""
        return f"Lease({self.name!r}, holder={self.holder!r}, token={self.token})"


class Leases:
    """Leases by name, in the journal's database: atomic among processes and machines.

    Times are those of the store's clock: machines that share a database need clocks that agree to within a fraction
    of a lease's length.

    Parameters
    ----------
    database
        Where they are.
    clock
        Tells the time.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def acquire(self, name: str, *, holder: str, ttl_s: float) -> Lease:
        """Take a lease that nobody else holds now.

        Parameters
        ----------
        name
            What it is of.
        holder
            Who takes it; unique for each process. The same holder may take it again: earlier `Lease` objects are lost.
        ttl_s
            Seconds that it lasts.

        Raises
        ------
        LeaseHeld
            If another holder has it and it has not run out.
        InvalidValue
            If a text is empty or `ttl_s` is not positive.
        StoreUnavailable
            If the database does not answer.
        """
        _check_arguments(name, holder, ttl_s)
        with self._database.writing() as connection:
            row, now = self._locked(connection, name), self._now()
            if row.holder not in ("", holder) and row.expires > iso(now):
                raise LeaseHeld(
                    f"{row.holder} holds the lease until {row.expires}",
                    where=f"lease {name!r}",
                    expected="an attempt after that time",
                )
            expires = now + timedelta(seconds=ttl_s)
            self._write(connection, name, holder=holder, token=row.token + 1, expires=iso(expires))
        return Lease(self, name, holder=holder, ttl_s=ttl_s, token=row.token + 1, expires=expires)

    def holder(self, name: str) -> str | None:
        """Who holds the lease now, or None."""
        query = sa.select(_leases.holder, _leases.expires).where(_leases.name == name)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return row.holder if row is not None and row.holder and row.expires > iso(self._now()) else None

    def _renew(self, lease: Lease, ttl_s: float) -> datetime:
        _check_arguments(lease.name, lease.holder, ttl_s)
        with self._database.writing() as connection:
            self._still(lease, self._locked(connection, lease.name))
            expires = self._now() + timedelta(seconds=ttl_s)
            self._write(connection, lease.name, expires=iso(expires))
        return expires

    def _check(self, lease: Lease) -> None:
        with self._database.reading() as connection:
            row = connection.execute(sa.select(_schema.leases).where(_leases.name == lease.name)).one_or_none()
        self._still(lease, row)
        if row is not None and row.expires <= iso(self._now()):
            raise LeaseLost(
                f"the lease ran out at {row.expires}",
                where=f"lease {lease.name!r}",
                expected="a renewal before it",
            )

    def _release(self, lease: Lease) -> None:
        with self._database.writing() as connection:
            row = self._locked(connection, lease.name)
            if row.token == lease.token and row.holder == lease.holder:
                self._write(connection, lease.name, holder="")

    def _still(self, lease: Lease, row: Any) -> None:
        if row is None or row.token != lease.token or row.holder != lease.holder:
            who = "nobody" if row is None or not row.holder else row.holder
            raise LeaseLost(
                f"{who} holds the lease now, not {lease.holder} with token {lease.token}",
                where=f"lease {lease.name!r}",
                expected="a new lease",
            )

    def _now(self) -> datetime:
        return parse_iso(iso(self._clock()))

    def _locked(self, connection: sa.Connection, name: str) -> Any:
        """Row of a lease, locked until the transaction ends; made where there was none."""
        insert = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        fresh = insert(_schema.leases).values(name=name, holder="", token=0, expires="")
        connection.execute(fresh.on_conflict_do_nothing())
        return connection.execute(sa.select(_schema.leases).where(_leases.name == name).with_for_update()).one()

    @staticmethod
    def _write(connection: sa.Connection, name: str, **values: Any) -> None:
        connection.execute(sa.update(_schema.leases).where(_leases.name == name).values(**values))


def _check_arguments(name: str, holder: str, ttl_s: float) -> None:
    if not name or not holder:
        raise InvalidValue(f"lease {name!r} for holder {holder!r}", expected="non-empty texts")
    if not ttl_s > 0:
        raise InvalidValue(f"a lease of {ttl_s} s", expected="a positive time")
