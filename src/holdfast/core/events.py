"""Event, Plan, Action, Decision: what happened, what would be done next, and who said yes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfast.core.digests import digest_of, iso
from holdfast.core.errors import InvalidValue

#: Hash that the first event of a journal points to.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `hash` covers `previous` and every field but itself, which chains the journal.

    `key` makes an append idempotent: a second append under a key that the journal holds adds nothing.
    """

    seq: int
    type: str
    payload: Mapping[str, Any]
    time: datetime
    actor: str
    model: str | None = None
    key: str | None = None
    previous: str = GENESIS
    hash: str = ""

    def digest(self) -> str:
        """Digest that `hash` must be."""
        return digest_of(
            {
                "seq": self.seq,
                "type": self.type,
                "payload": self.payload,
                "time": iso(self.time),
                "actor": self.actor,
                "model": self.model,
                "key": self.key,
                "previous": self.previous,
            }
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What an action would cost: seconds, money, and risk in [0, 1] of making something else worse."""

    seconds: float = 0.0
    usd: float = 0.0
    risk: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (self.seconds >= 0 and self.usd >= 0 and 0.0 <= self.risk <= 1.0):
            raise InvalidValue(f"cost {self}", expected="no negative number, risk from 0 to 1")

    @property
    def weight(self) -> float:
        """One number to sort remedies by: cheap and safe first (a certain risk weighs as an hour of work)."""
        return self.seconds + 3600.0 * self.risk + 60.0 * self.usd


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a plan. `key` is the digest of what it would do: done once, it is never done again under that key.

    Parameters
    ----------
    remedy
        Registered name of the remedy that carries it out.
    subject
        Digest of what it acts on (the champion, a dataset version).
    promise
        The claim that it is to restore.
    params
        Plain data that the remedy needs.
    precondition
        What must hold, in words; it held when the plan was made.
    undo
        How to take it back, in words.
    reason
        Why this one, in words.
    cost
        What it is expected to cost.
    cause
        Digest of the verdict's evidence: the same remedy for new evidence is a new action.
    """

    remedy: str
    subject: str
    promise: str
    params: Mapping[str, Any] = field(default_factory=dict)
    precondition: str = ""
    undo: str = ""
    reason: str = ""
    cost: Cost = field(default_factory=Cost)
    cause: str = ""

    @property
    def key(self) -> str:
        """Digest of remedy, subject, promise, parameters and cause."""
        return digest_of(
            {
                "remedy": self.remedy,
                "subject": self.subject,
                "promise": self.promise,
                "params": self.params,
                "cause": self.cause,
            }
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered actions with the reasons, and what was considered and set aside. The same state gives the same plan."""

    actions: tuple[Action, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Digest of the plan."""
        return digest_of({"actions": [action.key for action in self.actions], "notes": self.notes})


@dataclass(frozen=True, slots=True)
class Decision:
    """Who, or which policy, said yes or no to an action, having seen which verdicts."""

    action: str
    allowed: bool
    decider: str
    policy: str
    seen: tuple[str, ...]
    time: datetime
    reason: str = ""
