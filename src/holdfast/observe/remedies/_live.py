"""What every remedy of this room asks first."""

from __future__ import annotations

from holdfast.core import registry
from holdfast.core.evidence import State
from holdfast.core.ports import MeasureSpec, Refusal, RemedyContext


def refused(name: str, context: RemedyContext) -> Refusal | None:
    """Why a remedy of a model in production does not come into question at all, or None.

    Parameters
    ----------
    name
        Name of the remedy.
    context
        What is known.
    """
    promise = context.verdict.promise
    if context.verdict.state is not State.BROKEN:
        return Refusal(f"{promise.claim} is {context.verdict.state}, not broken: nothing is known to mend")
    if context.champion is None:
        return Refusal("there is no champion to mend or to replace")
    tried = context.attempts.get(name, 0)
    allowed = context.contract.policy.attempts
    if tried >= allowed:
        return Refusal(f"tried {tried} times since {promise.claim} last held, the policy allows {allowed}")
    return None


def subject_of(context: RemedyContext) -> str:
    """Subject of the broken promise's measure: ``rows``, ``scores``, ``window``, ``model`` or ``traffic``."""
    spec: MeasureSpec | None = registry.find("measure", context.verdict.promise.measure)
    return "" if spec is None else spec.subject


def found(context: RemedyContext) -> str:
    """Say what broke: the claim, and what was measured."""
    promise, evidence = context.verdict.promise, context.verdict.deciding
    if evidence is None or evidence.value is None:
        return f"{promise.claim} is broken"
    spec: MeasureSpec | None = registry.find("measure", promise.measure)
    shown = f"{evidence.value:.4g}" if spec is None else spec.show(evidence.value)
    of = f" for {evidence.subject_text}" if evidence.subject_text else ""
    return f"{promise.claim} is broken: {shown}{of} (n = {evidence.n})"


def cause_of(context: RemedyContext) -> str:
    """Id of the evidence that broke the promise."""
    return "" if context.verdict.deciding is None else context.verdict.deciding.id
