"""Decide: policy and approvals -> decisions. Pure; no action runs without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.core.contract import Contract
from holdfast.core.events import Action, Decision
from holdfast.core.evidence import Verdict


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person said of an action."""

    action: str
    decider: str
    allowed: bool
    reason: str = ""


def needs_person(action: Action, contract: Contract) -> bool:
    """Whether the policy wants a person's yes for this action."""
    return contract.policy.approve != "auto" or action.remedy in contract.policy.ask_for


def decide(
    action: Action,
    *,
    contract: Contract,
    verdicts: Sequence[Verdict],
    approvals: Mapping[str, Approval],
    now: datetime,
    author: str,
) -> Decision | None:
    """Decision on an action, or None while a person is awaited.

    Parameters
    ----------
    action
        The planned action.
    contract
        Its policy says who may say yes.
    verdicts
        What the decider has seen.
    approvals
        What people said so far, by action key.
    now
        Time of the decision.
    author
        Who wrote the contract; under ``four-eyes`` their own approval does not count.

    Returns
    -------
    Decision or None
        Allowed, refused, or None.
    """
    seen = tuple(f"{each.promise.stage}: {each.promise.claim}: {each.state.value}" for each in verdicts)
    approval = approvals.get(action.key)
    if approval is not None and not (contract.policy.approve == "four-eyes" and approval.decider == author):
        return Decision(
            action=action.key,
            allowed=approval.allowed,
            decider=approval.decider,
            policy=contract.policy.approve,
            seen=seen,
            time=now,
            reason=approval.reason,
        )
    if needs_person(action, contract):
        return None
    return Decision(
        action=action.key,
        allowed=True,
        decider="policy:auto",
        policy="auto",
        seen=seen,
        time=now,
        reason="the contract lets the keeper act; its gates verify the outcome",
    )
