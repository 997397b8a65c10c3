"""The mirror: what the journal says, told to MLflow: in order, idempotently, and never in the way."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from holdfast.core.errors import HoldfastError, InvalidValue, StoreUnavailable
from holdfast.core.events import Event
from holdfast.store._files import first_line
from holdfast.store._mirror_names import model_name
from holdfast.store._mirrored import Mirrored
from holdfast.store._mlflow import Tracking, quiet

if TYPE_CHECKING:
    from holdfast.store._store import Store

_AT_ONCE = 50
_CLAIM_S = 300.0

#: What MLflow says of a request that it will never take, however often it comes.
_REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


class Outbox:
    """The mirror of the journal in MLflow.

    Events wait in the outbox, written in the transaction that appended them. `sync` tells MLflow of them in their
    order; MLflow being down or not installed leaves them waiting, and `last_error` says why. What somebody changed
    in MLflow by hand is found by `differences` and mended from the journal by `repair`.

    Parameters
    ----------
    store
        The store.
    url
        Tracking URI of MLflow; None for no mirror.
    """

    def __init__(self, store: Store, url: str | None) -> None:
        self._store = store
        self._url = url
        self._holder = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._problem: str | None = None

    @property
    def mirror(self) -> str | None:
        """Where the mirror is, without credentials; None when there is none."""
        return None if self._url is None else self._tracking.shown

    @property
    def last_error(self) -> str | None:
        """Why events wait, or what MLflow refused; None after everything went well."""
        if self._url is None:
            return None
        return self._problem or self._store.queue.last_reason()

    def pending(self) -> int:
        """How many events wait to be mirrored; 0 without a mirror."""
        return 0 if self._url is None else self._store.queue.pending()

    def sync(self, *, limit: int | None = None) -> int:
        """Mirror events that wait, in order.

        Events that MLflow refuses for what they are (and would refuse for ever) are set aside, and named by
        `last_error`; any other failure ends the round and leaves the rest waiting.

        Parameters
        ----------
        limit
            At most so many; all when None.

        Returns
        -------
        int
            How many were mirrored; 0 when MLflow does not answer, or another process is at it.

        Raises
        ------
        InvalidValue
            If the limit is negative.
        """
        if limit is not None and limit < 0:
            raise InvalidValue(f"limit {limit}", expected="0 or more")
        if not self.pending():
            return 0
        self._problem, told = None, 0
        while limit is None or told < limit:
            some = _AT_ONCE if limit is None else min(_AT_ONCE, limit - told)
            events = self._store.queue.claim(holder=self._holder, limit=some, ttl_s=_CLAIM_S)
            mirrored, finished = self._mirror(events) if events else (0, False)
            told += mirrored
            if not finished:
                break
        return told

    def differences(self) -> list[str]:
        """What MLflow shows otherwise than the journal says: models that are missing, aliases that point elsewhere.

        Returns
        -------
        list of str
            A sentence for each; also when MLflow does not answer. Empty when there is none, or no mirror.
        """
        if self._url is None:
            return []
        waiting = self.pending()
        found = [f"{waiting} events wait to be mirrored"] if waiting else []
        try:
            with self._talking():
                return found + list(self._differences())
        except StoreUnavailable as error:
            return [*found, str(error)]

    def repair(self) -> int:
        """Mirror what waits, then mend from the journal what MLflow shows otherwise.

        Returns
        -------
        int
            How many events and aliases were set right; 0 when MLflow does not answer (`last_error` says why).
        """
        if self._url is None:
            return 0
        mended = self.sync()
        try:
            with self._talking():
                for event in self._missing():
                    self._mirrored.apply(event)
                    self._tracking.flush()
                    mended += 1
                mended += sum(self._mirrored.align(name) for name in self._names())
        except StoreUnavailable as error:
            self._problem = str(error)
        return mended

    @cached_property
    def _tracking(self) -> Tracking:
        return Tracking(self._store, self._url or "")

    @cached_property
    def _mirrored(self) -> Mirrored:
        return Mirrored(self._store, self._tracking)

    def _mirror(self, events: Sequence[Event], *, once_more: bool = True) -> tuple[int, bool]:
        """Mirror claimed events; how many were, and whether to go on."""
        try:
            with self._talking():
                self._tell(events)
        except InvalidValue as error:
            if once_more:
                return self._one_by_one(events)
            self._problem = f"event {events[0].seq} was set aside: {error}"
            self._store.queue.done([events[0].seq], holder=self._holder)
            return 0, True
        except StoreUnavailable as error:
            self._problem = str(error)
            self._store.queue.give_back(holder=self._holder, reason=self._problem)
            return 0, False
        return self._store.queue.done([event.seq for event in events], holder=self._holder), True

    def _one_by_one(self, events: Sequence[Event]) -> tuple[int, bool]:
        told = 0
        for event in events:
            mirrored, finished = self._mirror([event], once_more=False)
            told += mirrored
            if not finished:
                return told, False
        return told, True

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            try:
                self._mirrored.apply(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                message = f"the payload of event {event.seq} lacks {error}"
                raise InvalidValue(message, where=self.mirror, expected=f"what {event.type} needs") from error
        self._tracking.flush()

    def _names(self) -> list[str]:
        """Names of the models that the journal knows of."""
        models = [each["version"]["name"] for each in self._store.state.all("model").values()]
        deployed = [each["name"] for each in self._store.state.all("deployment").values()]
        return sorted({str(name) for name in (*models, *self._store.state.all("champion"), *deployed)})

    def _differences(self) -> Iterator[str]:
        self._tracking.client.search_experiments(max_results=1)  # it answers, also where there is nothing to compare
        for event in self._unknown():
            yield f"model {event.payload['version']['name']} {event.payload['id'][:12]} is not in MLflow"
        for name in self._names():
            for alias, (wanted, found) in self._mirrored.aliases(name).items():
                version = None if wanted is None else self._tracking.version(model_name(name), wanted)
                if wanted is None or version != found:
                    there = "nothing" if found is None else f"version {found}"
                    right = "nothing" if wanted is None else f"model {wanted[:12]}"
                    yield f"alias {alias} of {name} points to {there} in MLflow; the journal says {right}"

    def _unknown(self) -> list[Event]:
        """Registrations of model versions that MLflow does not have."""
        events = self._store.journal.events(types=("model.registered",))
        ours = {event.payload["id"]: event for event in events}
        names = {model: model_name(str(event.payload["version"]["name"])) for model, event in ours.items()}
        return [event for model, event in ours.items() if self._tracking.version(names[model], model) is None]

    def _missing(self) -> Iterator[Event]:
        """Events to mirror again for the models that MLflow lost: registration, packages, and where they run."""
        for event in self._unknown():
            yield event
            model = event.payload["id"]
            packages = self._store.journal.events(types=("package.made",), model=event.model)
            yield from (each for each in packages if each.payload["package"]["model"] == model)
            moves = self._store.journal.events(types=("deployment.changed",), model=event.model)
            places = {(move.payload["target"], move.payload["role"]): move for move in moves}
            yield from places.values()

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Turn whatever goes wrong beyond the border into one of two errors: not now, or never.

        Raises
        ------
        StoreUnavailable
            If MLflow does not answer, is not installed, or fails in any way of its own.
        InvalidValue
            If it refuses what it was told.
        """
        try:
            with quiet():
                yield
        except (StoreUnavailable, InvalidValue):
            self._tracking.forget()
            raise
        except HoldfastError as error:
            raise StoreUnavailable(str(error), where=self.mirror) from error
        except Exception as error:  # whatever MLflow, its database driver or its HTTP client raise
            self._tracking.forget()
            if getattr(error, "error_code", "") in _REFUSED:
                raise InvalidValue(f"MLflow refuses: {first_line(error)}", where=self.mirror) from error
            raise StoreUnavailable(f"MLflow does not answer: {first_line(error)}", where=self.mirror) from error
